# SPDX-License-Identifier: Apache-2.0
"""Whoever does the work, one thread, several, or workers that see neither files nor ledger: the
same bytes and the same books."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, given, settings

from sscard_chip.closing import Closing
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.run import Pool, Threads
from sscard_chip.settlement.settle import settle
from tests.bench.issued import roots
from tests.settlement.run.trial import books, outputs
from tests.settlement.test_against_oracle import empty_ledger, load_register, rules_of
from tests.settlement.worlds import World, text_of, worlds

Task = TypeVar("Task")
Result = TypeVar("Result")


class Elsewhere(Closing):
    """Workers of another machine: tasks and results are pickles, and while a task is worked on the
    folder of the day files is not there. ``done`` are the names of what they did."""

    shares_files = False

    def __init__(self, files: Path, size: int) -> None:
        self.size = size
        self._files = files
        self.done: list[str] = []

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See :class:`Pool`."""
        for task in tasks:
            sent = pickle.dumps((function, task), pickle.HIGHEST_PROTOCOL)
            away = self._files.with_name("away")
            os.rename(self._files, away)
            try:
                work, own = pickle.loads(sent)
                found = pickle.dumps(work(own), pickle.HIGHEST_PROTOCOL)
            finally:
                os.rename(away, self._files)
            self.done.append(function.__name__)
            result: Result = pickle.loads(found)
            yield result

    def close(self) -> None:
        """Nothing is held."""


def settled(world: World, folder: Path, pool: Pool | None, files: Path) -> list[object]:
    """What the runs of a world leave: their files, and the books."""
    folder.mkdir()
    path = folder / "ledger.db"
    path.write_bytes(empty_ledger())
    found: list[object] = []
    with Ledger.open(str(path)) as ledger:
        if world.law.register is not None:
            load_register(ledger, world.law.register)
        for number, run in enumerate(world.runs):
            out = folder / f"out{number}"
            settle(
                [str(files / f"{at}.tsv") for at in run],
                keys=roots,
                ledger=ledger,
                out=out,
                rules=rules_of(world.law),
                pool=pool,
                batch_rows=world.batch_rows,
            )
            found.append(outputs(out))
        found.append(books(ledger))
    return found


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(worlds())
def test_any_workers_leave_the_same(world: World) -> None:
    folder = Path(tempfile.mkdtemp())
    files = folder / "files"
    files.mkdir()
    for at, file in enumerate(world.files):
        (files / f"{at}.tsv").write_text(text_of(file), encoding="utf-8")
    elsewhere = Elsewhere(files, 3)
    try:
        alone = settled(world, folder / "alone", None, files)
        with Threads(2) as threads:
            assert settled(world, folder / "threads", threads, files) == alone
        assert settled(world, folder / "elsewhere", elsewhere, files) == alone
    finally:
        shutil.rmtree(folder)
    assert {"read_files", "judge_cards", "sum_up_numbers"} <= set(elsewhere.done)
