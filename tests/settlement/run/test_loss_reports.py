# SPDX-License-Identifier: Apache-2.0
"""A loss report gets the one writer's turn of SQLite in the middle of a run."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardService, Ledger, change_status
from sscard_chip.settlement.run import RunProgress
from sscard_chip.settlement.run import run as running
from sscard_chip.settlement.schema.books import entry
from tests.settlement.run.conftest import Undisturbed
from tests.settlement.run.trial import Trial, books, outputs

NEVER = "20991231000000"
"""No debit of the day is after it."""


def test_between_pieces_of_a_day(
    trial: Trial, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports see the money of some accounts posted, and of others not yet; the run comes to the
    same."""
    monkeypatch.setattr(running, "SQLITE_ACCOUNTS", 60)
    place = tmp_path / "ledger.db"
    with Ledger.open(place) as ledger, Ledger.open(place) as desk:
        trial.begin(ledger, tmp_path / "earlier")
        seen: list[int] = []
        cards = itertools.count(1)

        def report(progress: RunProgress) -> None:
            with desk.transaction() as t:  # SQLite would have it wait for the run's own
                change_status(t, next(cards), CardService.FORMAL_LOSS, NEVER)
                count = sa.select(sa.func.count()).select_from(entry)
                seen.append(int(t.connection.execute(count).scalar_one()))

        trial.settle(ledger, tmp_path / "out", trial.files(), report_progress=report)
        assert len(set(seen)) >= 4
        assert outputs(tmp_path / "out") == undisturbed.outputs
        assert books(ledger) == undisturbed.books


def test_how_many_accounts_a_transaction_has_at_most() -> None:
    assert running.SQLITE_ACCOUNTS <= 8_192
