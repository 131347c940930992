# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost and nothing posted twice, whatever happens to a run."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.output import SUMMARY
from sscard_chip.settlement.schema import run as tables
from tests.settlement.run.conftest import Undisturbed
from tests.settlement.run.trial import Trial, books, outputs, verdicts

Prepare = Callable[[str], None]


@pytest.fixture
def begun(trial: Trial, ledger_url: str, tmp_path: Path) -> str:
    """A ledger with the register and the earlier day."""
    with Ledger.open(ledger_url) as ledger:
        trial.begin(ledger, tmp_path / "earlier")
    return ledger_url


def books_of(url: str) -> dict[str, dict[str, int]]:
    with Ledger.open(url) as ledger:
        return books(ledger)


def data_of(out: Path) -> dict[str, bytes]:
    """What a run leaves, but for the summary, which tells what was settled before."""
    return outputs(out, without=[SUMMARY])


def expected_data(undisturbed: Undisturbed) -> dict[str, bytes]:
    return {name: data for name, data in undisturbed.outputs.items() if name != SUMMARY}


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must do well; what it said."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_a_file_twice_under_two_names(
    trial: Trial, undisturbed: Undisturbed, begun: str, tmp_path: Path
) -> None:
    again = tmp_path / "again.tsv"
    again.write_bytes(Path(trial.files()[3]).read_bytes())
    with Ledger.open(begun) as ledger:
        summary = trial.settle(ledger, tmp_path / "out", [str(again), *trial.files()])
    assert len(summary.given_twice) == 1
    assert data_of(tmp_path / "out").keys() == expected_data(undisturbed).keys()
    assert verdicts(tmp_path / "out") == trial.expected()
    assert books_of(begun) == undisturbed.books


def test_overlapping_runs(
    trial: Trial, undisturbed: Undisturbed, begun: str, tmp_path: Path
) -> None:
    paths = trial.files()
    with Ledger.open(begun) as ledger:
        trial.settle(ledger, tmp_path / "one", paths[:9])
        trial.settle(ledger, tmp_path / "two", paths[4:13])
        summary = trial.settle(ledger, tmp_path / "all", paths)
    assert summary.settled_before == 13
    assert data_of(tmp_path / "all") == expected_data(undisturbed)
    assert books_of(begun) == undisturbed.books


def test_a_file_cut_in_half_and_handed_in_again(
    trial: Trial, undisturbed: Undisturbed, begun: str, tmp_path: Path
) -> None:
    paths = trial.files()
    half = tmp_path / Path(paths[-1]).name
    whole = Path(paths[-1]).read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    first = trial.start(begun, tmp_path / "one", [*paths[:-1], str(half)])
    _, err = first.communicate(timeout=120)
    assert first.returncode == 1, err
    finished(trial.start(begun, tmp_path / "two", paths))
    assert data_of(tmp_path / "two") == expected_data(undisturbed)
    assert books_of(begun) == undisturbed.books


def test_kill_at_any_moment(
    trial: Trial, undisturbed: Undisturbed, begun: str, tmp_path: Path
) -> None:
    """SIGKILL, again and again, with a transaction for every other file."""
    rng = random.Random(begun)
    started = time.monotonic()
    subprocess.run(trial.command(begun, tmp_path, [], "--help"), capture_output=True, check=True)
    least, killed = time.monotonic() - started, 0
    for attempt in range(12):
        process = trial.start(begun, tmp_path / "out", trial.files(), "--batch-rows", "100")
        try:
            process.wait(timeout=least + 0.15 * attempt + rng.uniform(0.0, 0.15))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        with Ledger.open(begun) as ledger:
            assert ledger.check().problems == (), f"attempt {attempt}"
        if process.returncode == 0:
            break
    assert killed, "the run was always faster than the killer"
    finished(trial.start(begun, tmp_path / "out", trial.files(), "--batch-rows", "100"))
    assert data_of(tmp_path / "out") == expected_data(undisturbed)
    assert books_of(begun) == undisturbed.books


class KilledError(BaseException):
    """The process ends here."""


def test_death_at_every_statement(trial: Trial, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Each statement to the database in turn is the last one; then the run is done again."""
    few = trial.files()[:4]
    with Ledger.open(tmp_path / "whole.db") as ledger:
        trial.settle(ledger, tmp_path / "whole", few, batch_rows=100)
        wanted, data = books(ledger), data_of(tmp_path / "whole")
    for last in range(2, 4000, 7):
        url = tmp_path / f"{last}.db"
        with Ledger.open(url) as ledger:
            count = 0

            def die(last: int, *_: Any) -> None:
                nonlocal count
                count += 1
                if count == last:
                    raise KilledError

            listener = partial(die, last)
            event.listen(ledger.database.engine, "before_cursor_execute", listener)
            try:
                trial.settle(ledger, tmp_path / f"{last}", few, batch_rows=100)
            except KilledError:
                event.remove(ledger.database.engine, "before_cursor_execute", listener)
                assert ledger.check().problems == ()
                trial.settle(ledger, tmp_path / f"{last}", few, batch_rows=100)
                assert data_of(tmp_path / f"{last}") == data
                assert books(ledger) == wanted
            else:
                assert last > 50
                return
    pytest.fail("the run has no end")


@pytest.mark.parametrize("same", [True, False])
def test_two_processes_at_once(
    trial: Trial, undisturbed: Undisturbed, begun: str, tmp_path: Path, same: bool
) -> None:
    """Which of two copies is posted hangs on who was first; nothing else does."""
    paths = trial.files()
    other = paths if same else paths[6:]
    one = trial.start(begun, tmp_path / "one", paths, "--batch-rows", "200")
    two = trial.start(begun, tmp_path / "two", list(reversed(other)), "--batch-rows", "90")
    finished(one)
    finished(two)
    finished(trial.start(begun, tmp_path / "again", paths))
    expected = sorted(trial.expected().splitlines())
    for name in ("one", "again", *(["two"] if same else [])):
        assert sorted(verdicts(tmp_path / name).splitlines()) == expected, name
    assert books_of(begun) == undisturbed.books


def test_the_database_keeps_two_judges_apart(trial: Trial, begun: str, tmp_path: Path) -> None:
    """The number of a segment can be taken once: who judged by an old state is refused."""
    from sscard_chip.settlement.ledger import LedgerRefusedError

    with Ledger.open(begun) as ledger:
        with ledger.reading() as t:
            newest = t.connection.execute(sa.select(sa.func.max(tables.segment.c.id))).scalar_one()
        with pytest.raises(LedgerRefusedError), ledger.transaction() as t:
            t.connection.execute(sa.insert(tables.segment).values(id=newest, rows=0, posted=0))
        for table in (tables.segment, tables.file, tables.part, tables.terminal, tables.card):
            with pytest.raises(LedgerRefusedError), ledger.transaction() as t:
                t.connection.execute(sa.delete(table))
