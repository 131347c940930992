# SPDX-License-Identifier: Apache-2.0
"""Lines are computed again from settled rows and on-line sales: even books that are wrong show."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sscard_chip.settlement.ledger import Ledger, upgrade_ledger
from sscard_cli.main import main
from tests.fixtures.old import unpack


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of 0.1.0, upgraded: day files, on-line sales, an appeal, a claim."""
    path = unpack(tmp_path_factory.mktemp("old")) / "city.db"
    upgrade_ledger(path)
    return path


def move(path: Path, where: str, fen: int) -> None:
    """Somebody who takes the rules off moves ``fen`` in some lines, balances and all, and puts
    the rules back: the first line of ``where`` gets it, the other of its entry loses it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        rules = owner.execute(
            "SELECT name, sql FROM sqlite_master WHERE name IN ('line_update', 'balance_update')"
        ).fetchall()
        for name, _ in rules:
            owner.execute(f"DROP TRIGGER {name}")
        entry, number, account = owner.execute(
            "SELECT line.entry, number, account FROM line JOIN account ON account.id = account"
            f" JOIN entry ON entry.id = line.entry WHERE {where} ORDER BY 1, 2"
        ).fetchone()
        other, against = owner.execute(
            "SELECT number, account FROM line JOIN account ON account.id = line.account"
            " WHERE entry = ? AND number <> ? AND account.kind <> 'held' ORDER BY 1",
            (entry, number),
        ).fetchone()
        for line, of, amount in ((number, account, fen), (other, against, -fen)):
            owner.execute(
                "UPDATE line SET fen = fen + ? WHERE entry = ? AND number = ?",
                (amount, entry, line),
            )
            owner.execute("UPDATE balance SET fen = fen + ? WHERE account = ?", (amount, of))
        for _, text in rules:
            owner.execute(text)


@pytest.mark.parametrize(
    ("where", "fen", "told"),
    [
        ("entry.kind = 'debits' AND account.kind = 'pharmacy'", 1, "account 6"),
        ("entry.kind = 'debits' AND account.kind = 'fund'", 1, "account 9"),
        ("entry.kind = 'debits' AND account.kind = 'personal'", -1, "account 1"),
        ("entry.kind = 'settlement' AND account.kind = 'pharmacy'", 100, "on-line settlement"),
        ("entry.kind = 'hold' AND account.kind = 'held'", 100, "on-line settlement"),
    ],
)
def test_money_that_was_moved_between_lines(
    settled: Path,
    tmp_path: Path,
    where: str,
    fen: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "city.db"
    shutil.copy(settled, path)
    command = ["settle", "check", "--ledger", str(path)]
    assert main(command) == 0
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("DROP TRIGGER anchor_delete")  # nobody kept the anchor either
        owner.execute("DELETE FROM anchor")
        owner.execute(
            "CREATE TRIGGER anchor_delete BEFORE DELETE ON anchor BEGIN"
            " SELECT RAISE(ABORT, 'ledger: nothing in anchor is changed or deleted'); END"
        )
    move(path, where, fen)
    with Ledger.open(path) as ledger:
        assert ledger.check().even  # of the books alone
    capsys.readouterr()
    assert main(command) == 1
    out = capsys.readouterr().out
    assert told in out
    assert "its lines are not those of" in out
