# SPDX-License-Identifier: Apache-2.0
"""Whose clock counts: the message's and the centre's."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from sscard_chip.settlement.platform.fields import MessageError
from sscard_chip.standard.dates import TIME


class MessageClock:
    """Times of messages beside the centre's clock; ``minutes`` is how far they may be apart.

    Without it the time of a message is the centre's clock: for a test centre.
    """

    def __init__(self, minutes: int | None) -> None:
        self._most = None if minutes is None else timedelta(minutes=minutes)

    def check_sale(self, time: str, received: datetime) -> None:
        """A sale is of now; ``time`` is its inf_time, YYYYMMDDhhmmss.

        :raises MessageError: it is too old or ahead.
        """
        self.check_not_ahead(time, received)
        if self._most is not None and received - _read(time) > self._most:
            raise MessageError("inf_time: is behind the centre's clock: set the till's clock")

    def check_not_ahead(self, time: str, received: datetime) -> None:
        """What follows on a sale may come late.

        :raises MessageError: it is ahead.
        """
        if self._most is not None and _read(time) - received > self._most:
            raise MessageError("inf_time: is ahead of the centre's clock: set the till's clock")

    def unix(self, time: str, received: datetime) -> int:
        """Now in Unix time: the centre's clock, or in a test centre the message's."""
        return int((_read(time) if self._most is None else received).timestamp())

    def judged_at(self, time: str, received: datetime) -> str:
        """The later of both, YYYYMMDDhhmmss: a card that is lost by then does not pay."""
        return time if self._most is None else max(time, _written(received))


@lru_cache(maxsize=32)
def _written(time: datetime) -> str:
    return time.strftime(TIME)


@lru_cache(maxsize=256)
def _read(time: str) -> datetime:
    return datetime.fromisoformat(f"{time[:8]}T{time[8:]}")
