# SPDX-License-Identifier: Apache-2.0
"""Ledgers to test on: each test that takes ``ledger_url`` or ``ledger`` runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sscard_chip.settlement.clearing.proof import recompute_lines
from sscard_chip.settlement.ledger import Ledger
from tests.settlement.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server a worker, started when the first test needs it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a new ledger may be opened: a SQLite file, and a schema in a real PostgreSQL."""
    if request.param == "sqlite":
        yield str(tmp_path / "ledger.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_url()
    yield url
    server.drop(url)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A new ledger. Whatever a test did to it, its books balance in the end, and its lines are
    those of its rows and on-line sales.
    """
    with Ledger.open(ledger_url) as opened:
        yield opened
        assert opened.check().problems == ()
        with opened.reading() as t:
            assert recompute_lines(t) == []
