# SPDX-License-Identifier: Apache-2.0
"""Many workers, several machines, and memory that does not grow with the files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from sscard_chip.closing import Closing
from sscard_chip.settlement.judge.keys import Keys
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.run import RunStoppedError, SettlementCluster
from sscard_chip.settlement.run.work import card_pieces
from tests.pos.test_dayfile import ROW
from tests.settlement.judge.rows import columns_of
from tests.settlement.postgres import PostgresServer
from tests.settlement.run.conftest import Undisturbed
from tests.settlement.run.trial import ROOT, Trial, books, outputs

Task = TypeVar("Task")
Result = TypeVar("Result")


def test_all_debits_of_a_card_are_in_one_piece() -> None:
    from dataclasses import replace

    rows = [
        replace(ROW, diversification_factor=bytes((n % 50,)) * 8, transaction_number=n)
        for n in range(500)
    ]
    columns = columns_of(rows)
    pieces = list(card_pieces(Keys(columns), np.ones(500, np.bool_), 4))
    assert sorted(np.concatenate(pieces).tolist()) == list(range(500))
    assert min(map(len, pieces)) > 0
    seen = [set(columns.factor[piece, 0].tolist()) for piece in pieces]
    assert sum(map(len, seen)) == 50


def test_a_cluster_gives_the_same_bytes(
    trial: Trial, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Two workers elsewhere; one is killed in the middle and its work done by the other."""
    distributed: Any = import_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
        ) as local,
        Ledger.open(tmp_path / "ledger.db") as ledger,
        SettlementCluster(local.scheduler_address) as cluster,
    ):
        killed: list[int] = []

        class Killing(Closing):
            size, shares_files = cluster.size, cluster.shares_files

            def map(
                self, function: Callable[[Task], Result], tasks: Iterable[Task]
            ) -> Iterator[Result]:
                for result in cluster.map(function, tasks):
                    if not killed:
                        killed.append(local.workers[0].pid)
                        os.kill(killed[0], signal.SIGKILL)
                    yield result

            def close(self) -> None:
                """The cluster is the test's."""

        trial.begin(ledger, tmp_path / "earlier")
        trial.settle(ledger, tmp_path / "out", trial.files(), pool=Killing(), batch_rows=700)
        assert killed
        assert outputs(tmp_path / "out") == undisturbed.outputs
        assert books(ledger) == undisturbed.books


def test_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sscard_chip.workers._CONNECT_SECONDS", 1)
    with pytest.raises(RunStoppedError, match="no Dask scheduler answers there"):
        SettlementCluster("tcp://127.0.0.1:9")


_MEASURE = r"""
import re, sys
from pathlib import Path
from sscard_chip.settlement.ledger import Ledger
from tests.settlement.run.trial import Trial
folder = Path(sys.argv[1])
trial = Trial(folder / "day")
with Ledger.open(sys.argv[2]) as ledger:
    trial.settle(ledger, folder / "out", trial.files(), batch_rows=10_000)
print(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])
"""
# ru_maxrss would do, were it not inherited from the process that starts this one


def memory_of(folder: Path, url: str, debits: int) -> int:
    """Kilobytes at most while settling a day."""
    Trial.make(folder / "day", cards=2000, pharmacies=40, debits=debits, faults=0.001)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(folder), url],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_memory_does_not_grow_with_the_files(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """On PostgreSQL: SQLite has a page cache of 64 MiB in the process, which fills up."""
    sizes = []
    for name, debits in (("one", 20_000), ("ten", 200_000)):
        url = postgres_server.new_url()
        sizes.append(memory_of(tmp_path / name, url, debits))
        postgres_server.drop(url)
    one, ten = sizes
    assert ten < 1.25 * one, f"{one} KiB became {ten}"
