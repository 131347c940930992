# SPDX-License-Identifier: Apache-2.0
"""A database of another program is left alone; one of ours is known again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import Ledger, LedgerUnavailableError
from sscard_chip.settlement.ledger.database import parse_url


@pytest.mark.parametrize("name", ["account", "recipes"])
def test_a_sqlite_file_of_another_program_is_not_touched(tmp_path: Path, name: str) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute(f"CREATE TABLE {name} (id INTEGER)")
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(LedgerUnavailableError, match=r"other\.db: is the database of another"):
            Ledger.open(path, create=create)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["other.db"]


def test_a_schema_with_a_table_of_our_name_is_not_touched(ledger_url: str) -> None:
    engine = sa.create_engine(parse_url(ledger_url))
    with engine.begin() as other:
        other.execute(sa.text("CREATE TABLE account (id INTEGER)"))
    with pytest.raises(LedgerUnavailableError, match="is the database of another program"):
        Ledger.open(ledger_url)
    with engine.connect() as other:
        assert sa.inspect(other).get_table_names() == ["account"]
    engine.dispose()


def test_a_ledger_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "city.db"
    Ledger.open(path).close()
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO sscard_ledger VALUES ('sscard-ledger/2')")
    with pytest.raises(LedgerUnavailableError, match="is no ledger of format sscard-ledger/1"):
        Ledger.open(path)


def test_readers_and_the_writer_go_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "city.db"
    Ledger.open(path).close()
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
