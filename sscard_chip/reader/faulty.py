# SPDX-License-Identifier: Apache-2.0
"""A slot that breaks where a test says: mute, slow, short, wrong, without power, or empty.

>>> pulled = FaultyConnection(connection, FaultAt(ExchangeFault.REMOVED, 1))
>>> atr = pulled.power_on()
>>> pulled.transmit(bytes.fromhex("0084000008"))
Traceback (most recent call last):
    ...
sscard_chip.reader.failures.CardRemovedError: the card was removed
>>> pulled.insert()
>>> pulled.power_on() == atr
True
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Protocol, runtime_checkable

from sscard_chip.memory.cut import Kept
from sscard_chip.reader.failures import CardRemovedError, NoAnswerError, NoCardError
from sscard_chip.reader.interface import Connection
from sscard_chip.standard.commands import StandardCommand


@unique
class ExchangeFault(StrEnum):
    """What happens to one exchange."""

    MUTE = "mute"
    """No answer: NoAnswerError, and in a virtual reader none for ``delay_s``, then 0 bytes."""
    SLOW = "slow"
    """The answer comes after ``delay_s``."""
    SHORT = "short"
    """The answer is cut to its first byte."""
    WRONG_STATUS = "wrong-status"
    """The answer is the status word ``status``."""
    REMOVED = "removed"
    """CardRemovedError; the slot stays empty until insert()."""
    POWER_CUT = "power-cut"
    """The card loses its power, where ``write`` says in the middle of a write to its memory:
    NoAnswerError. It is there again at the next power on, with what its memory has kept."""


@dataclass(frozen=True, slots=True)
class FaultAt:
    """One fault, from when it is armed.

    ``exchange`` counts commands from 1, those of ``command`` only where one is given; the fault
    strikes that one and ``times`` - 1 more, or with 0 all later ones.

    ``executed`` says whether the card has run the command before the fault strikes: True loses
    the answer, False the command. SLOW always runs it. ``status`` is two bytes, ``delay_s``
    seconds. ``write`` is the memory write of the command at which POWER_CUT strikes, from 1, and
    ``kept`` how much of it arrives; a command that writes less often loses its answer only.
    """

    fault: ExchangeFault
    exchange: int = 1
    executed: bool = True
    status: bytes = b"\x6f\x00"
    delay_s: float = 1.0
    command: StandardCommand | None = None
    times: int = 1
    write: int = 0
    kept: Kept = Kept.NONE


@runtime_checkable
class PowerCutTarget(Protocol):
    """A connection to a card whose memory can lose its power in a write (an image in a reader)."""

    def cut_power_at(self, write: int, kept: Kept) -> None:
        """Have the power fail at the write of that number from now on, 0 for none."""

    def restart(self) -> None:
        """Begin again with what the memory holds."""


class _Armed:
    """A fault and the commands that it has seen."""

    __slots__ = ("fault", "seen")

    def __init__(self, fault: FaultAt) -> None:
        self.fault = fault
        self.seen = 0

    @property
    def spent(self) -> bool:
        fault = self.fault
        return bool(fault.times) and self.seen >= fault.exchange + fault.times - 1

    def strikes(self, apdu: bytes) -> bool:
        """Count a command; whether the fault is for it."""
        command = self.fault.command
        if command is not None and not command.matches(apdu):
            return False
        self.seen += 1
        return self.seen >= self.fault.exchange


class FaultyConnection:
    """A slot: a card's connection, or none, with faults at chosen exchanges.

    ``exchanges`` counts the commands so far, GET RESPONSE too. After REMOVED the card has lost
    its power and every call raises, until :meth:`insert`. ``sleep`` replaces the waiting of SLOW.
    Faults may be armed and disarmed from any thread; everything else is the owner's of the slot.
    """

    def __init__(
        self,
        connection: Connection | None,
        *faults: FaultAt,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._connection = connection
        self._armed: tuple[_Armed, ...] = ()
        self._present = connection is not None
        self._powered = False
        self.sleep = sleep
        self.exchanges = 0
        self.answer_is_cut = False
        """Whether the last answer was cut by SHORT."""
        self.arm(*faults)

    @property
    def present(self) -> bool:
        """Whether there is a card."""
        return self._present

    @property
    def connection(self) -> Connection | None:
        """That of the card, also while it is out."""
        return self._connection

    @property
    def atr(self) -> bytes:
        """The ATR of the card.

        :raises NoCardError: while it is out.
        """
        return self._card().atr

    def power_on(self) -> bytes:
        """Power on.

        :raises NoCardError: while the card is out.
        """
        atr = self._card().power_on()
        self._powered = True
        return atr

    def reset(self) -> bytes:
        """Reset.

        :raises NoCardError: while the card is out.
        """
        atr = self._card().reset()
        self._powered = True
        return atr

    def power_off(self) -> None:
        """Power off, also an empty slot."""
        if self._present:
            self._card().power_off()
        self._powered = False

    def arm(self, *faults: FaultAt) -> None:
        """Set faults besides those that are set."""
        self._armed += tuple(map(_Armed, faults))

    def disarm(self) -> None:
        """Forget all faults."""
        self._armed = ()

    @property
    def armed(self) -> tuple[FaultAt, ...]:
        """The faults that may still strike."""
        return tuple(one.fault for one in self._armed if not one.spent)

    def remove(self) -> None:
        """Pull the card out: it loses its power."""
        if self._present:
            self._card().power_off()
        self._present = self._powered = False

    def empty(self) -> None:
        """Pull the card out and forget it."""
        self.remove()
        self._connection = None

    def insert(self, connection: Connection | None = None) -> None:
        """Put the card back, or another one. It has no power yet.

        :raises NoCardError: there never was one.
        """
        self._connection = connection or self._connection
        if self._connection is None:
            raise NoCardError("no card for the slot")
        self._present = True

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command, with the fault that is set for it.

        :raises CardRemovedError: when the card is out, or was when this session began.
        :raises NoAnswerError: MUTE and POWER_CUT.
        """
        if not (self._present and self._powered):
            raise CardRemovedError("the card was removed")
        self.exchanges += 1
        self.answer_is_cut = False
        if self._armed:
            struck = [one for one in self._armed if not one.spent and one.strikes(apdu)]
            if struck:
                return self._apply(struck[0].fault, apdu)
        return self._card().transmit(apdu)

    def _apply(self, fault: FaultAt, apdu: bytes) -> bytes:
        card = self._card()
        if fault.fault is ExchangeFault.POWER_CUT:
            self._cut(card, fault, apdu)
        answer = b""
        if fault.executed or fault.fault is ExchangeFault.SLOW:
            answer = card.transmit(apdu)
        match fault.fault:
            case ExchangeFault.SLOW:
                self.sleep(fault.delay_s)
                return answer
            case ExchangeFault.SHORT:
                self.answer_is_cut = True
                return answer[:1]
            case ExchangeFault.WRONG_STATUS:
                return fault.status
            case ExchangeFault.REMOVED:
                self.remove()
                raise CardRemovedError("the card was removed")
            case _:
                raise NoAnswerError("the card does not answer", fault.delay_s)

    def _cut(self, card: Connection, fault: FaultAt, apdu: bytes) -> None:
        """Let the power fail while the card runs a command.

        :raises NoAnswerError:
        """
        target = card if isinstance(card, PowerCutTarget) else None
        try:
            if target and fault.write:
                target.cut_power_at(fault.write, fault.kept)
            if fault.executed or fault.write:
                card.transmit(apdu)
        finally:
            self._powered = False
            card.power_off()
            if target:
                target.restart()
        raise NoAnswerError("the card lost its power")

    def _card(self) -> Connection:
        if not self._present or self._connection is None:
            raise NoCardError("no card in the slot")
        return self._connection
