# SPDX-License-Identifier: Apache-2.0
"""Several machines: a Dask cluster of two workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from issuance.batch.errors import BatchStoppedError
from issuance.batch.job import ChunkTask
from issuance.batch.pools import cluster
from issuance.batch.run import CHUNK, batch_status, start, work
from issuance.batch.work import ChunkResult
from tests.batch.conftest import TODAY, people, rows_of, write_table

COUNT = 8 * CHUNK


def test_a_killed_worker_of_a_cluster_costs_no_card(tmp_path: Path, keys: Path) -> None:
    distributed: Any = import_module("distributed")
    persons = people(COUNT)
    table = write_table(tmp_path / "people.csv", persons)
    folder = tmp_path / "out"
    start(folder, generation=1, keys=str(keys), holders=table, today=TODAY)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
    ) as local:
        real = cluster(local.scheduler_address)
        sizes, killed = [], []

        def killing(tasks: Iterator[ChunkTask]) -> Iterator[ChunkResult]:
            for number, result in enumerate(real(tasks)):
                if number == 1:
                    killed.append(local.workers[0].pid)
                    os.kill(killed[0], signal.SIGKILL)
                sizes.append(len(result.cards))
                yield result

        summary = work(folder, killing)
    assert killed
    assert sizes == [1000] * 8
    assert (summary.state, summary.cards) == ("finished", COUNT)
    returned = rows_of(folder / "return.csv")
    assert [row["card_number"] for row in returned] == [p["card_number"] for p in persons]
    assert len({row["atr"] for row in returned}) == COUNT


def test_no_scheduler_is_one_line(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sscard_chip.workers._CONNECT_SECONDS", 1)
    table = write_table(tmp_path / "people.csv", people(2))
    folder = tmp_path / "out"
    start(folder, generation=1, keys=str(keys), holders=table, today=TODAY)
    with pytest.raises(BatchStoppedError, match="no Dask scheduler answers there"):
        work(folder, cluster("tcp://127.0.0.1:9"))
    assert batch_status(folder).chunks == 0
