# SPDX-License-Identifier: Apache-2.0
"""A connection that breaks where a test says: mute, slow, short, wrong, or the card pulled out.

>>> pulled = FaultyConnection(connection, FaultAt(Fault.REMOVED, 1))
>>> atr = pulled.power_on()
>>> pulled.transmit(bytes.fromhex("0084000008"))
Traceback (most recent call last):
    ...
sscard_chip.terminal.connection.CardRemovedError: the card was removed
>>> pulled.insert()
>>> pulled.power_on() == atr
True
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sscard_chip.terminal.connection import (
    CardRemovedError,
    Connection,
    ForwardingConnection,
    NoAnswerError,
    NoCardError,
)


class ExchangeFault(Enum):
    """What happens to one exchange."""

    MUTE = auto()  # no answer: NoAnswerError
    SLOW = auto()  # the answer comes after ``delay_s``
    SHORT = auto()  # the answer is cut to one byte
    WRONG_STATUS = auto()  # the answer is the status word ``status``
    REMOVED = auto()  # CardRemovedError; the slot stays empty until insert()


@dataclass(frozen=True, slots=True)
class FaultAt:
    """One fault. ``exchange`` counts commands from 1 over the life of the connection.

    ``executed`` says whether the card has run the command before the fault strikes: True loses
    the answer, False the command. SLOW always runs it. ``status`` is two bytes, ``delay_s``
    seconds.
    """

    fault: ExchangeFault
    exchange: int
    executed: bool = True
    status: bytes = b"\x6f\x00"
    delay_s: float = 1.0


class FaultyConnection(ForwardingConnection):
    """A connection around another one, with faults at chosen exchanges.

    ``exchanges`` counts the commands so far, GET RESPONSE too. After REMOVED the card has lost
    its power and every call raises, until :meth:`insert`. ``sleep`` replaces the waiting of SLOW.
    """

    def __init__(
        self,
        connection: Connection,
        *faults: FaultAt,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(connection)
        self._faults = {fault.exchange: fault for fault in faults}
        self._sleep = sleep
        self._present = True
        self._powered = False
        self.exchanges = 0

    @property
    def atr(self) -> bytes:
        """The ATR of the connection; NoCardError while the card is out."""
        self._require_card()
        return super().atr

    def power_on(self) -> bytes:
        """Power on; NoCardError while the card is out."""
        self._require_card()
        atr = super().power_on()
        self._powered = True
        return atr

    def reset(self) -> bytes:
        """Reset; NoCardError while the card is out."""
        self._require_card()
        atr = super().reset()
        self._powered = True
        return atr

    def power_off(self) -> None:
        """Power off, also an empty slot."""
        if self._present:
            super().power_off()
        self._powered = False

    def remove(self) -> None:
        """Pull the card out: it loses its power."""
        super().power_off()
        self._present = self._powered = False

    def insert(self, connection: Connection | None = None) -> None:
        """Put the card back, or another one. It has no power yet."""
        if connection is not None:
            self._connection = connection
        self._present = True

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command, with the fault that is set for it.

        :raises CardRemovedError: when the card is out, or was when this session began.
        :raises NoAnswerError: MUTE.
        """
        if not (self._present and self._powered):
            raise CardRemovedError("the card was removed")
        self.exchanges += 1
        fault = self._faults.get(self.exchanges)
        if fault is None:
            return super().transmit(apdu)
        return self._apply(fault, apdu)

    def _apply(self, fault: FaultAt, apdu: bytes) -> bytes:
        answer = b""
        if fault.executed or fault.fault is ExchangeFault.SLOW:
            answer = super().transmit(apdu)
        match fault.fault:
            case ExchangeFault.MUTE:
                raise NoAnswerError("the card does not answer")
            case ExchangeFault.SLOW:
                self._sleep(fault.delay_s)
                return answer
            case ExchangeFault.SHORT:
                return answer[:1]
            case ExchangeFault.WRONG_STATUS:
                return fault.status
            case ExchangeFault.REMOVED:
                self.remove()
                raise CardRemovedError("the card was removed")

    def _require_card(self) -> None:
        if not self._present:
            raise NoCardError("no card in the slot")
