# SPDX-License-Identifier: Apache-2.0
"""Where messages of many tills wait their turn; the platform does those under way in groups."""

from __future__ import annotations

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

    def answer(self, body: bytes) -> Future[bytes]:
        """The answer to the bytes of a request.

        The future raises :class:`~sscard_chip.standard.errors.LedgerError` when there is none.

        :raises TooBusyError:
        """
        with self._turn:
            if not self._open or not self._free:
                raise TooBusyError("the centre takes no message now")
            self._free -= 1
            found = self._workers.submit(self._platform.handle_json, body)
        found.add_done_callback(self._count)
        return found

    def close(self) -> None:
        """Take no more messages, and finish those that are here."""
        with self._turn:
            self._open = False
        self._workers.shutdown()

    def _count(self, _: Future[bytes]) -> None:
        with self._turn:
            self._free += 1
