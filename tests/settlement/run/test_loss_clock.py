# SPDX-License-Identifier: Apache-2.0
"""How long a loss report waits while a run is under way in another process, by the clock.

``SSCARD_LOSS_ROWS=150000`` (any number of rows) is the long form: on SQLite no report waits more
than a second, on PostgreSQL 99 of 100 less than 200 ms. It prints what it has measured.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import pytest

from sscard_chip.settlement.ledger import CardService, Ledger, change_status
from sscard_chip.settlement.ledger.register import card_count
from tests.settlement.run.trial import Trial, verdicts

ROWS: Final = int(os.environ.get("SSCARD_LOSS_ROWS") or 0)
EVERY: Final = 0.05
NEVER: Final = "20991231000000"
"""No debit of the day is after it: the verdicts stay what they are."""


@pytest.fixture(scope="module")
def busy_day(trial: Trial, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A small day with each fault, or a large one."""
    if not ROWS:
        return trial
    wanted = {"cards": ROWS // 10, "pharmacies": ROWS // 700 + 1, "debits": ROWS, "faults": 0.01}
    return Trial.make(tmp_path_factory.mktemp("day"), **wanted)


def test_loss_reports_do_not_wait_for_a_run(
    busy_day: Trial, ledger_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waited = []
    with Ledger.open(ledger_url) as ledger:
        busy_day.begin(ledger, tmp_path / "earlier")
        began = time.monotonic()
        with ledger.reading() as t:
            cards = card_count(t)
        process = busy_day.start(ledger_url, tmp_path / "out", busy_day.files())
        number = 0
        while process.poll() is None and number < cards:  # each is reported once
            number += 1
            asked = time.monotonic()
            with ledger.transaction() as t:
                change_status(t, number, CardService.FORMAL_LOSS, NEVER)
            waited.append(time.monotonic() - asked)
            time.sleep(max(0.0, EVERY - waited[-1]))
        seconds = time.monotonic() - began
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert verdicts(tmp_path / "out") == busy_day.expected()
    waited.sort()
    longest, p99 = waited[-1], waited[int(0.99 * (len(waited) - 1))]
    if ROWS:
        kind = "PostgreSQL" if "://" in ledger_url else "SQLite"
        with capsys.disabled():
            print(
                f"\n{kind}: {ROWS} rows in {seconds:.1f} s,"
                f" {len(waited)} reports, p99 {1e3 * p99:.0f} ms, longest {1e3 * longest:.0f} ms"
            )
        assert p99 < 0.2 if "://" in ledger_url else longest < 1
    assert len(waited) > 5
    assert longest < max(1.0, seconds / 2)
