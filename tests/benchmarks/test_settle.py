# SPDX-License-Identifier: Apache-2.0
"""Row 9 measures what it says, on a day of a few rows."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import psycopg
import pytest

from benchmarks import settle
from tests.settlement.postgres import PostgresServer


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> settle.Day:
    return settle.Day.make(tmp_path_factory.mktemp("day"), 50, 10, 400)


def test_a_day_is_settled_anew_in_each_round(day: settle.Day) -> None:
    for _ in range(2):
        taken = day.settle()
        assert taken.processor > 0 < taken.clock
        assert taken.memory_mib > 20
        assert day.verdicts_are_right()
        assert not list(day.folder.glob("round.db*"))
    (day.out / "verdicts.tsv").write_bytes(b"")
    assert not day.verdicts_are_right()


def test_the_peer_reads_every_row_and_stores_it(day: settle.Day) -> None:
    with PostgresServer() as server, psycopg.connect(server.new_url()) as connection:
        peer = day.peer(server, connection)
        assert min(peer.reading, peer.hashing, peer.copying) > 0
        found = connection.execute("SELECT count(*), min(v8), max(v8) FROM kept").fetchone()
        assert found == (day.rows, 0, day.rows - 1)


def test_the_peer_s_seconds_are_those_of_both_processes() -> None:
    assert settle.Peer(1.5, 0.25, 0.5, 2.0).processor == 4.25
    with PostgresServer() as server, psycopg.connect(server.new_url()) as connection:
        here, there = settle.seconds_to_store(server, connection, np.arange(100_000))
    assert here > 0
    assert there >= 0.02  # of about 0.1


def test_what_is_stored_is_what_was_given() -> None:
    with PostgresServer() as server, psycopg.connect(server.new_url()) as connection:
        settle.prepare(connection)
        settle.store(connection, np.array([7, 9, 2**40]))
        assert connection.execute("SELECT v1, v8 FROM kept ORDER BY v1").fetchall() == [
            (7, 7),
            (9, 9),
            (2**40, 2**40),
        ]


def test_the_processor_time_of_orphaned_workers_counts() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    program = (sys.executable, "-m", "benchmarks.measured", sys.executable, "-c", start)
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE)
    assert settle.Taken(**json.loads(done.stdout)).processor >= 0.3
