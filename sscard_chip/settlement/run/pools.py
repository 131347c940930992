# SPDX-License-Identifier: Apache-2.0
"""Who does the work of a run: this thread, several threads, a Dask cluster.

A pool does a function for each of some tasks and gives the results in their order. Tasks are
drawn only as fast as they are worked off, so memory stays flat. Whoever needs root keys opens
them where it works, by a :data:`KeySource`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.errors import ExtraMissingError, SettlementError

Task = TypeVar("Task")
Result = TypeVar("Result")

KeySource = Callable[[], KeyStore]
"""Opens the root keys; picklable, equal to another that opens the same. The run closes them."""

_AHEAD: Final = 2
_CONNECT_SECONDS: Final = 20


class RunStoppedError(SettlementError):
    """A run could not go on, and may be started again; one line."""


class Pool(Protocol):
    """Workers. ``size`` is how many work at once, ``near`` whether they see our files."""

    size: int
    near: bool

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """``function`` of each task, in order. Raises what it raises, and RunStoppedError."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Alone:
    """This thread does everything."""

    size = 1
    near = True

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See :class:`Pool`."""
        return map(function, tasks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Threads:
    """Threads of this process: what the work consists of lets others run meanwhile."""

    near = True

    def __init__(self, workers: int) -> None:
        self.size = workers
        self._pool = ThreadPoolExecutor(workers)

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See :class:`Pool`."""
        waiting: deque[Future[Result]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(function, task))
            if len(waiting) > self.size * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


class Cluster:
    """The workers of a Dask cluster; the scheduler gives a dead worker's task to another.

    Raises ValueError without the extra ``cluster``, RunStoppedError when nobody answers.
    """

    near = False

    def __init__(self, address: str) -> None:
        try:
            self._distributed: Any = import_module("distributed")
        except ImportError:
            raise ExtraMissingError("--cluster", "distributed", "cluster") from None
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._address = address
        try:
            self._client = self._distributed.Client(
                address, timeout=_CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError):
            raise RunStoppedError(f"{address}: no Dask scheduler answers there") from None
        self.size = max(1, sum(self._client.nthreads().values()))

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See :class:`Pool`."""
        waiting: deque[Any] = deque()
        try:
            for task in tasks:
                waiting.append(self._client.submit(function, task, pure=False))
                if len(waiting) > self.size * _AHEAD:
                    yield self._take(waiting.popleft())
            while waiting:
                yield self._take(waiting.popleft())
        except (self._distributed.KilledWorker, self._distributed.CancelledError):
            raise RunStoppedError(f"{self._address}: workers ended again and again") from None

    def _take(self, future: Any) -> Any:
        result = future.result()
        future.release()
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
