# SPDX-License-Identifier: Apache-2.0
"""Who works off many tasks: this thread, threads, processes of this machine, a Dask cluster.

A pool does a function for each of some tasks and gives the results in their order. Tasks are
drawn only as fast as they are worked off, so memory stays flat.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import signal
import sys
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from ipaddress import ip_address
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

from sscard_chip.closing import Closing
from sscard_chip.standard.errors import InputError, SscardError, importing

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_AHEAD: Final = 2
"""Tasks under way for each worker: one is worked on, one waits."""

_CONNECT_SECONDS: Final = 20
_SECURED: Final = ("tls", "wss")
_HOST_PORT: Final = re.compile(r"(?P<host>[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def processors(most: int = 8) -> int:
    """How many processors this process may use, up to ``most``."""
    if sys.platform == "linux":
        return min(most, len(os.sched_getaffinity(0)))
    return min(most, os.cpu_count() or 1)


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


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A block that Ctrl-C, and an end that is heard in the same way, wait for.

    A worker whose beginning is broken off in the middle belongs to no pool: nobody waits for it.
    """
    heard: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in heard:
            signal.raise_signal(number)


class Processes(_Ahead):
    """Worker processes; they end with this one, however it ends.

    They are forked from a server process that has nothing of this one open, no thread and no
    lock, and has loaded ``modules``, the program itself among them, once for all. ``begin`` is
    called in each before its first task. ``stopped`` is raised when one is killed.
    """

    shares_files = True
    stopped: ClassVar[type[SscardError]]
    modules: ClassVar[tuple[str, ...]] = ()

    def __init__(self, workers: int, begin: Callable[[], None]) -> None:
        self.size = workers
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", *self.modules])
        with _uninterrupted():
            _start_server()
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
        with _uninterrupted():  # a first task begins a worker
            return self._pool.submit(function, task)

    def close(self) -> None:
        """What has not begun is not done."""
        self._pool.shutdown(cancel_futures=True)


def _start_server() -> None:
    """The process that workers are forked from. Ctrl-C is the parent's, also while they begin.

    They inherit that the signal is blocked; the tracker blocks it and lets it through by itself.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(begin: Callable[[], None]) -> None:
    """In a new worker: the end of the parent is its end."""
    begin()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class ClusterAddressError(InputError):
    """A cluster that is not asked: anybody between here and there could answer for it."""


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """Where a Dask scheduler is, and how the way there is secured.

    Tasks and results are pickles: whoever answers at ``address``, or alters what is sent, runs
    code of his in this process. So beyond this machine the way is TLS, with the files of the
    authority that both sides trust and of this side's certificate, unless it is ``insecure``.
    """

    address: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False

    @property
    def secured(self) -> bool:
        """Whether files for TLS are given."""
        return None not in (self.ca_file, self.certificate_file, self.key_file)

    def checked(self) -> ClusterAccess:
        """This access, when it may be used; an address without a scheme gets one.

        :raises ClusterAddressError:
        """
        files = (self.ca_file, self.certificate_file, self.key_file)
        if any(files) and not self.secured:
            raise ClusterAddressError("TLS needs three files: authority, certificate and key")
        address = self.address
        if "://" not in address:
            address = f"{'tls' if self.secured else 'tcp'}://{address}"
        scheme = address.partition("://")[0]
        if self.secured and scheme not in _SECURED:
            raise ClusterAddressError(f"{address}: with TLS an address begins tls://")
        if scheme in _SECURED or self.insecure or _is_loopback(address):
            return replace(self, address=address)
        raise ClusterAddressError(
            f"{address}: is plain {scheme} to another machine, where whoever answers could run"
            " code here: use tls:// with its files, or --insecure-cluster in a closed network"
        )


def _is_loopback(address: str) -> bool:
    """Whether an address can only be this machine; of names only localhost, whatever DNS says."""
    scheme, _, place = address.partition("://")
    found = _HOST_PORT.fullmatch(place)
    if scheme == "inproc":
        return True
    if not found:
        return False
    host = found["host"].strip("[]")
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


class Cluster(_Ahead):
    """The workers of a Dask cluster; the scheduler gives a dead worker's task to another.

    ``stopped`` is raised when nobody answers, and when workers end again and again.
    """

    shares_files = False
    stopped: ClassVar[type[SscardError]]

    def __init__(self, access: ClusterAccess | str) -> None:
        """Connect; an address alone stands for an access without TLS.

        :raises ClusterAddressError: before anything is sent.
        :raises ExtraMissingError: the extra ``cluster`` is not installed.
        """
        if isinstance(access, str):
            access = ClusterAccess(access)
        access = access.checked()
        with importing("cluster", "--cluster"):
            self._distributed: Any = import_module("distributed")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._address = access.address
        fault = ""
        try:
            self._client = self._distributed.Client(
                access.address,
                timeout=_CONNECT_SECONDS,
                set_as_default=False,
                security=self._security(access),
            )
        except (OSError, ValueError, RuntimeError):
            fault = "no Dask scheduler answers there"
            if access.secured:
                fault += ", or not with a certificate of this authority"
        except TypeError:  # neither given nor in Dask's own configuration
            fault = "TLS needs three files: authority, certificate and key"
        if fault:
            raise self.stopped(f"{access.address}: {fault}")
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

    def _security(self, access: ClusterAccess) -> Any:
        if not access.secured:
            return None
        return self._distributed.Security(
            tls_ca_file=str(access.ca_file),
            tls_client_cert=str(access.certificate_file),
            tls_client_key=str(access.key_file),
            require_encryption=True,
        )

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()
