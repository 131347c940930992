# SPDX-License-Identifier: Apache-2.0
"""A small day for all tests of the run, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sscard_chip.settlement.ledger import Ledger
from tests.settlement.run.trial import Trial, books, outputs, small_wanted, verdicts


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A day with every kind of fault."""
    return Trial.make(tmp_path_factory.mktemp("trial") / "day", **small_wanted())


@dataclass(frozen=True)
class Undisturbed:
    """What a run comes to when nothing happens to it."""

    outputs: dict[str, bytes]
    books: dict[str, dict[str, int]]


@pytest.fixture(scope="session")
def undisturbed(trial: Trial, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The small day, settled in peace."""
    folder: Path = tmp_path_factory.mktemp("undisturbed")
    with Ledger.open(folder / "ledger.db") as ledger:
        trial.begin(ledger, folder / "earlier")
        trial.settle(ledger, folder / "out", trial.files())
        assert verdicts(folder / "out") == trial.expected()
        return Undisturbed(outputs(folder / "out"), books(ledger))
