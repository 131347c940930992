# SPDX-License-Identifier: Apache-2.0
"""Worker pools: results in order, tasks drawn no faster than they are worked off."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from operator import neg
from pathlib import Path
from typing import Any

import pytest

from sscard_chip import workers
from sscard_chip.standard.errors import SettlementError
from sscard_chip.workers import ClusterAccess, ClusterAddressError, Pool, SingleThread, Threads


class StoppedError(SettlementError):
    """What the test's pool raises."""


class Processes(workers.Processes):
    stopped = StoppedError


def started() -> None:
    os.environ["SSCARD_TEST_BEGUN"] = "yes"


def whether_begun(_: int) -> str | None:
    return os.environ.get("SSCARD_TEST_BEGUN")


def hears_ctrl_c(_: int) -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def slow_first(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0)
    return number


def end_itself(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_ctrl_c_is_for_the_parent_alone_from_a_worker_s_first_instruction() -> None:
    """The terminal sends it to all; a worker that just begins would print a traceback."""
    with Processes(2, started) as pool:
        assert list(pool.map(hears_ctrl_c, range(4))) == [False] * 4
    assert hears_ctrl_c(0)


POOLS = pytest.mark.parametrize(
    "make",
    [SingleThread, partial(Threads, 2), partial(Processes, 2, started)],
    ids=["alone", "threads", "processes"],
)


@POOLS
def test_results_come_in_the_order_of_the_tasks(make: Callable[[], Pool]) -> None:
    with make() as pool:
        assert list(pool.map(slow_first, range(6))) == [0, 1, 2, 3, 4, 5]
        assert list(pool.map(neg, [])) == []


@POOLS
def test_tasks_are_drawn_as_they_are_worked_off(make: Callable[[], Pool]) -> None:
    drawn = []

    def tasks() -> Iterator[int]:
        for number in range(1, 101):
            drawn.append(number)
            yield number

    with make() as pool:
        results = pool.map(neg, tasks())
        assert next(results) == -1
        assert len(drawn) <= 2 * pool.size + 1
        assert sum(results) == 1 - 101 * 50


def test_what_a_task_raises_is_raised() -> None:
    with Threads(2) as pool, pytest.raises(ZeroDivisionError):
        list(pool.map(partial(divmod, 1), [1, 0]))


def test_worker_processes_begin_and_a_killed_one_is_told() -> None:
    with Processes(1, started) as pool:
        assert list(pool.map(whether_begun, [1, 2])) == ["yes", "yes"]
        with pytest.raises(StoppedError, match=r"^a worker process was killed$"):
            list(pool.map(end_itself, [1]))


# --- the way to a cluster -------------------------------------------------------------------------

FILES = {
    "ca_file": Path("ca.pem"),
    "certificate_file": Path("client.pem"),
    "key_file": Path("client.key.pem"),
}


@pytest.mark.parametrize(
    ("address", "more", "used"),
    [
        ("tcp://127.0.0.1:8786", {}, "tcp://127.0.0.1:8786"),
        ("127.9.9.9:8786", {}, "tcp://127.9.9.9:8786"),
        ("tcp://[::1]:8786", {}, "tcp://[::1]:8786"),
        ("localhost:8786", {}, "tcp://localhost:8786"),
        ("inproc://10.0.0.1/1/2", {}, "inproc://10.0.0.1/1/2"),
        ("tls://10.0.0.1:8786", {}, "tls://10.0.0.1:8786"),
        ("tls://10.0.0.1:8786", FILES, "tls://10.0.0.1:8786"),
        ("10.0.0.1:8786", FILES, "tls://10.0.0.1:8786"),
        ("wss://centre.example:443", FILES, "wss://centre.example:443"),
        ("tcp://10.0.0.1:8786", {"insecure": True}, "tcp://10.0.0.1:8786"),
    ],
)
def test_ways_to_a_cluster(address: str, more: dict[str, Any], used: str) -> None:
    assert ClusterAccess(address, **more).checked().address == used


@pytest.mark.parametrize(
    ("address", "more", "rule"),
    [
        ("tcp://10.0.0.1:8786", {}, "is plain tcp to another machine"),
        ("10.0.0.1:8786", {}, "tcp://10.0.0.1:8786: is plain tcp to another machine"),
        ("ws://10.0.0.1:8786", {}, "is plain ws to another machine"),
        ("ucx://10.0.0.1:8786", {}, "is plain ucx to another machine"),
        ("tcp://0.0.0.0:8786", {}, "another machine"),
        ("tcp://127.0.0.1@10.0.0.1:8786", {}, "another machine"),
        ("tcp://127.0.0.1.example.invalid:8786", {}, "another machine"),
        ("tcp://[::1:8786", {}, "another machine"),
        ("tcp://", {}, "another machine"),
        ("tcp://10.0.0.1:8786/127.0.0.1", {}, "another machine"),
        ("tcp://10.0.0.1@127.0.0.1:8786", {}, "another machine"),
        ("tcp://127.0.0.1:8786", FILES, "with TLS an address begins tls://"),
        ("tls://10.0.0.1:1", {"ca_file": Path("ca.pem")}, "TLS needs three files"),
        ("tcp://10.0.0.1:1", {"key_file": Path("k"), "insecure": True}, "TLS needs three files"),
    ],
)
def test_ways_that_are_refused(address: str, more: dict[str, Any], rule: str) -> None:
    with pytest.raises(ClusterAddressError, match=re.escape(rule)):
        ClusterAccess(address, **more).checked()
    if not more:
        with pytest.raises(ClusterAddressError, match=re.escape(rule)):
            workers.Cluster(address)  # before anything is sent
