# SPDX-License-Identifier: Apache-2.0
"""Who makes the chunks: this process, worker processes of this machine, a Dask cluster.

Each is a function from tasks to results, in any order; tasks are drawn only as fast as they are
worked off, so memory stays flat.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import Any, Final

from issuance.batch.errors import BatchError, BatchStoppedError
from issuance.batch.job import Task
from issuance.batch.work import ChunkResult, make_chunk, set_passphrase

Pool = Callable[[Iterator[Task]], Iterator[ChunkResult]]

PASSPHRASE_VARIABLE: Final = "SSCARD_PASSPHRASE"

_AHEAD: Final = 2
"""Tasks under way for each worker: one is worked on, one waits."""

_CONNECT_SECONDS: Final = 20


def alone(passphrase: str | None) -> Pool:
    """This process does everything."""

    def results(tasks: Iterator[Task]) -> Iterator[ChunkResult]:
        set_passphrase(passphrase)
        yield from map(make_chunk, tasks)

    return results


def processes(workers: int, passphrase: str | None) -> Pool:
    """Worker processes, started afresh (spawn); they end with this one, however it ends."""

    def results(tasks: Iterator[Task]) -> Iterator[ChunkResult]:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, context, _begin_worker, (passphrase,))
        try:
            yield from _drain(pool, tasks, workers * _AHEAD)
        except BrokenProcessPool:
            raise BatchStoppedError("a worker process was killed") from None
        finally:
            pool.shutdown(cancel_futures=True)

    return results


def _drain(pool: ProcessPoolExecutor, tasks: Iterator[Task], ahead: int) -> Iterator[ChunkResult]:
    pending: set[Future[ChunkResult]] = set()
    more = True
    while more or pending:
        while more and len(pending) < ahead:
            task = next(tasks, None)
            more = task is not None
            if task is not None:
                pending.add(pool.submit(make_chunk, task))
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _begin_worker(passphrase: str | None) -> None:
    """In a new worker: the interrupt is the parent's, and the end of the parent is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_passphrase(passphrase)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cluster(address: str) -> Pool:
    """The workers of a Dask cluster; the scheduler gives a dead worker's task to another.

    Raises :class:`BatchError` without the extra ``cluster``.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise BatchError("--cluster needs pip install 'sscard-chip[cluster]'") from None

    def results(tasks: Iterator[Task]) -> Iterator[ChunkResult]:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError):
            client = None
        if client is None:
            raise BatchStoppedError(f"{address}: no Dask scheduler answers there")
        try:
            yield from _from_cluster(distributed, client, tasks)
        except (distributed.KilledWorker, distributed.CancelledError):
            raise BatchStoppedError(f"{address}: workers ended again and again") from None
        finally:
            client.close()

    return results


def _from_cluster(distributed: Any, client: Any, tasks: Iterator[Task]) -> Iterator[ChunkResult]:
    ahead = max(2, sum(client.nthreads().values())) * _AHEAD

    def submit() -> Any:
        task = next(tasks, None)
        return None if task is None else client.submit(make_chunk_afar, task, pure=False)

    futures = [future for future in (submit() for _ in range(ahead)) if future is not None]
    arriving = distributed.as_completed(futures, loop=client.loop)
    for future in arriving:
        result: ChunkResult = future.result()
        future.release()
        following = submit()
        if following is not None:
            arriving.add(following)
        yield result


def make_chunk_afar(task: Task) -> ChunkResult:
    """What a worker of a cluster does: the passphrase is that of its own environment."""
    set_passphrase(os.environ.get(PASSPHRASE_VARIABLE))
    return make_chunk(task)
