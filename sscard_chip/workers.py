# SPDX-License-Identifier: Apache-2.0
"""Who works off many tasks: this thread, threads, processes of this machine, a Dask cluster.

A pool does a function for each of some tasks and gives the results in their order. Tasks are
drawn only as fast as they are worked off, so memory stays flat.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import Any, ClassVar, Final, Protocol, TypeVar

from sscard_chip.closing import Closing
from sscard_chip.standard.errors import SscardError, importing

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_AHEAD: Final = 2
"""Tasks under way for each worker: one is worked on, one waits."""

_CONNECT_SECONDS: Final = 20


class Pool(Closing, Protocol):
    """Workers. ``size`` is how many work at once, ``shares_files`` whether they see our files."""

    size: int
    shares_files: bool

    def map(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task]
    ) -> Iterator[_Result]:
        """``function`` of each task, in order. Raises what it raises, and what the pool says."""


class SingleThread(Closing):
    """This thread does everything."""

    size = 1
    shares_files = True

    def map(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task]
    ) -> Iterator[_Result]:
        """See :class:`Pool`."""
        return map(function, tasks)

    def close(self) -> None:
        """Nothing is held."""


class _Ahead(Closing):
    """Tasks are given out ahead of the result that is awaited."""

    size: int

    def map(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task]
    ) -> Iterator[_Result]:
        """See :class:`Pool`."""
        waiting: deque[Any] = deque()
        for task in tasks:
            waiting.append(self._submit(function, task))
            if len(waiting) > self.size * _AHEAD:
                yield self._take(waiting.popleft())
        while waiting:
            yield self._take(waiting.popleft())

    @abstractmethod
    def _submit(self, function: Callable[[_Task], _Result], task: _Task) -> Any:
        """Something that will have the result."""

    def _take(self, future: Any) -> Any:
        return future.result()


class Threads(_Ahead):
    """Threads of this process: what the work consists of lets others run meanwhile."""

    shares_files = True

    def __init__(self, workers: int) -> None:
        self.size = workers
        self._pool = ThreadPoolExecutor(workers)

    def _submit(self, function: Callable[[_Task], _Result], task: _Task) -> Future[_Result]:
        return self._pool.submit(function, task)

    def close(self) -> None:
        """What has not begun is not done."""
        self._pool.shutdown(cancel_futures=True)


class Processes(_Ahead):
    """Worker processes, started afresh (spawn); they end with this one, however it ends.

    ``begin`` is called in each before its first task. ``stopped`` is raised when one is killed.
    """

    shares_files = True
    stopped: ClassVar[type[SscardError]]

    def __init__(self, workers: int, begin: Callable[[], None]) -> None:
        self.size = workers
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, context, _begin_worker, (begin,))

    def map(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task]
    ) -> Iterator[_Result]:
        """See :class:`Pool`."""
        try:
            yield from super().map(function, tasks)
        except BrokenProcessPool:
            raise self.stopped("a worker process was killed") from None

    def _submit(self, function: Callable[[_Task], _Result], task: _Task) -> Future[_Result]:
        return self._pool.submit(function, task)

    def close(self) -> None:
        """What has not begun is not done."""
        self._pool.shutdown(cancel_futures=True)


def _begin_worker(begin: Callable[[], None]) -> None:
    """In a new worker: the interrupt is the parent's, and the end of the parent is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Cluster(_Ahead):
    """The workers of a Dask cluster; the scheduler gives a dead worker's task to another.

    ``stopped`` is raised when nobody answers, and when workers end again and again.
    """

    shares_files = False
    stopped: ClassVar[type[SscardError]]

    def __init__(self, address: str) -> None:
        """:raises ExtraMissingError: the extra ``cluster`` is not installed."""
        with importing("cluster", "--cluster"):
            self._distributed: Any = import_module("distributed")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._address = address
        try:
            self._client = self._distributed.Client(
                address, timeout=_CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError):
            raise self.stopped(f"{address}: no Dask scheduler answers there") from None
        self.size = max(1, sum(self._client.nthreads().values()))

    def map(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task]
    ) -> Iterator[_Result]:
        """See :class:`Pool`."""
        try:
            yield from super().map(function, tasks)
        except (self._distributed.KilledWorker, self._distributed.CancelledError):
            raise self.stopped(f"{self._address}: workers ended again and again") from None

    def _submit(self, function: Callable[[_Task], _Result], task: _Task) -> Any:
        return self._client.submit(function, task, pure=False)

    def _take(self, future: Any) -> Any:
        result = future.result()
        future.release()
        return result

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()
