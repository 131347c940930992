# SPDX-License-Identifier: Apache-2.0
"""Several processes at once, and kill -9 in the middle: each thing once, and even books."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from sscard_chip.settlement.ledger import AccountKind, Ledger
from tests.settlement.ledger.poster import ENTRIES, PEOPLE, SALES
from tests.settlement.platform.centre import BALANCE, balances, open_centre

ROOT: Final = Path(__file__).resolve().parents[3]


def start(url: str, job: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.settlement.ledger.poster", url, job],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.split()


def kill_after(process: subprocess.Popen[str], count: int) -> int:
    """Kill -9 as soon as ``count`` lines are out; how many came at all."""
    assert process.stdout is not None
    done = 0
    for done, _ in enumerate(process.stdout, 1):
        if done == count:
            process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    return done


def total(ledger: Ledger) -> int:
    with ledger.reading() as t:
        return sum(t.balances_of(AccountKind.PERSONAL).values())


def test_two_processes_post_each_source_once(ledger: Ledger, ledger_url: str) -> None:
    first, second = start(ledger_url, "entries"), start(ledger_url, "entries")
    posted = lines_of(first) + lines_of(second)
    assert sorted(map(int, posted)) == list(range(ENTRIES))
    assert total(ledger) == ENTRIES * 3 * PEOPLE
    assert ledger.check().entries == ENTRIES


def test_two_processes_send_the_same_messages(ledger: Ledger, ledger_url: str) -> None:
    open_centre(ledger)
    both = [start(ledger_url, "messages") for _ in range(2)]
    for process in both:
        assert lines_of(process) == [str(number) for number in range(1, SALES + 1)]
    spent = 100 * SALES
    assert balances(ledger) == {"personal": BALANCE - spent, "pharmacy": spent}


@pytest.mark.parametrize("job", ["entries", "messages"])
def test_killed_at_any_moment(ledger: Ledger, ledger_url: str, job: str) -> None:
    """What was told to be done is done; nothing is half done; the rest follows, once."""
    if job == "messages":
        open_centre(ledger)
    told = 0
    for count in (1, 2, 4):
        told += kill_after(start(ledger_url, job), count)
        checked = ledger.check()
        assert checked.problems == ()
        if job == "entries":
            assert checked.entries >= told
            assert total(ledger) == checked.entries * 3 * PEOPLE
    rest = lines_of(start(ledger_url, job))
    if job == "entries":
        assert ENTRIES - len(rest) >= told
        assert total(ledger) == ENTRIES * 3 * PEOPLE
    else:
        assert len(rest) == SALES
        spent = 100 * SALES
        assert balances(ledger) == {"personal": BALANCE - spent, "pharmacy": spent}
