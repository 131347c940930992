# SPDX-License-Identifier: Apache-2.0
"""Where messages of many tills wait their turn; the platform does those under way in groups."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Final

from sscard_chip.closing import Closing
from sscard_chip.settlement.platform import Platform
from sscard_chip.standard.errors import LedgerError

WAITING: Final = 2048
"""Messages that may wait; more are not begun."""
WORKERS: Final = 32
"""Messages under way at once."""


LANES: Final = 2
"""Groups under way at once on PostgreSQL: one is at the database, the other is read."""


class TooBusyError(LedgerError):
    """Too many messages wait, or the process ends: this one is not begun."""


class MessageQueue(Closing):
    """Answers messages of a platform; every method may be called by any thread."""

    def __init__(
        self, platform: Platform, *, workers: int = WORKERS, waiting: int = WAITING
    ) -> None:
        self._platform = platform
        self._turn = Lock()
        self._free = waiting
        self._open = True
        self._workers = ThreadPoolExecutor(workers, "sscard-message")
        self.lanes: Final = 1 if platform.has_one_writer else LANES
        """Groups that are done side by side."""
        self._groups = ThreadPoolExecutor(self.lanes, "sscard-group")

    def answer(self, body: bytes) -> Future[bytes]:
        """The answer to the bytes of a request.

        The future raises :class:`~sscard_chip.standard.errors.LedgerError` when there is none.

        :raises TooBusyError:
        """
        self._take(1)
        found = self._workers.submit(self._platform.handle_json, body)
        found.add_done_callback(lambda _: self._give_back(1))
        return found

    def answer_group(self, bodies: Sequence[bytes]) -> Future[list[bytes | Exception | None]]:
        """The answers to many at once, or their errors; None for one to be asked by itself.

        :raises TooBusyError:
        """
        self._take(len(bodies))
        found = self._groups.submit(self._platform.handle_group, bodies)
        found.add_done_callback(lambda _: self._give_back(len(bodies)))
        return found

    def close(self) -> None:
        """Take no more messages, and finish those that are here."""
        with self._turn:
            self._open = False
        self._groups.shutdown()
        self._workers.shutdown()

    def _take(self, count: int) -> None:
        with self._turn:
            if not self._open or self._free < count:
                raise TooBusyError("the centre takes no message now")
            self._free -= count

    def _give_back(self, count: int) -> None:
        with self._turn:
            self._free += count
