# SPDX-License-Identifier: Apache-2.0
"""Where messages of many tills wait their turn: side by side on PostgreSQL, in groups on SQLite."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Final

from sscard_chip.closing import Closing
from sscard_chip.settlement.platform import PendingMessage, Platform
from sscard_chip.standard.errors import LedgerError

WAITING: Final = 2048
"""Messages that may wait; more are not begun."""
GROUP: Final = 64
"""Messages of one commit at most: so none waits long for the others."""
WORKERS: Final = 32
"""Messages under way at once on PostgreSQL."""

_Job = tuple[PendingMessage, "Future[bytes]"]


class TooBusyError(LedgerError):
    """Too many messages wait, or the process ends: this one is not begun."""


class MessageQueue(Closing):
    """Answers messages of a platform; every method may be called by any thread."""

    def __init__(
        self,
        platform: Platform,
        *,
        workers: int = WORKERS,
        group: int = GROUP,
        waiting: int = WAITING,
    ) -> None:
        self._platform = platform
        self._group = group
        self._turn = Lock()
        self._free = waiting
        self._open = True
        self._jobs: Queue[_Job | None] = Queue(waiting + 1)
        self._workers: ThreadPoolExecutor | None = None
        self._writer: Thread | None = None
        if platform.writes_in_groups:
            self._writer = Thread(target=self._write, name="sscard-writer")
            self._writer.start()
        else:
            self._workers = ThreadPoolExecutor(workers, "sscard-message")

    def answer(self, body: bytes) -> Future[bytes]:
        """The answer to the bytes of a request.

        The future raises :class:`~sscard_chip.standard.errors.LedgerError` when there is none.

        :raises TooBusyError:
        """
        with self._turn:
            if not self._open or not self._free:
                raise TooBusyError("the centre takes no message now")
            self._free -= 1
            if self._workers is not None:
                found = self._workers.submit(self._platform.handle_json, body)
            else:
                found = Future()
        found.add_done_callback(self._count)
        if self._workers is None:
            self._begin(body, found)
        return found

    def close(self) -> None:
        """Take no more messages, and finish those that are here."""
        with self._turn:
            was_open, self._open = self._open, False
        if self._workers is not None:
            self._workers.shutdown()
        if self._writer is not None and was_open:
            self._jobs.put(None)
            self._writer.join()

    def _count(self, _: Future[bytes]) -> None:
        with self._turn:
            self._free += 1

    # --- SQLite --------------------------------------------------------------------------------

    def _begin(self, body: bytes, future: Future[bytes]) -> None:
        """What asks only is answered here, beside the writer; the rest waits for its group."""
        try:
            pending = self._platform.prepare(body)
        except Exception as error:
            future.set_exception(error)
            return
        if isinstance(pending, bytes):
            future.set_result(pending)
            return
        try:
            self._jobs.put_nowait((pending, future))
        except Full:
            future.set_exception(TooBusyError("the centre takes no message now"))

    def _write(self) -> None:
        while (first := self._jobs.get()) is not None:
            group = [first]
            while len(group) < self._group:
                try:
                    job = self._jobs.get_nowait()
                except Empty:
                    break
                if job is None:
                    self._jobs.put(None)
                    break
                group.append(job)
            self._commit(group)

    def _commit(self, group: list[_Job]) -> None:
        """Answers go out after the commit."""
        try:
            answers = self._platform.finish_together([pending for pending, _ in group])
        except Exception as error:
            for _, future in group:
                future.set_exception(error)
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if isinstance(answer, bytes):
                future.set_result(answer)
            else:
                future.set_exception(answer)
