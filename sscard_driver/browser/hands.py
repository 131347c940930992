# SPDX-License-Identifier: Apache-2.0
"""The hands of a tester: cards into the slot and out, digits on the PIN pad, the next fault."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

import msgspec

from sscard_chip.card import Card
from sscard_chip.closing import Closing
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.scenario import parse_fault
from sscard_chip.standard.errors import TerminalError
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.connection import Connection, Slots
from sscard_chip.terminal.driver import PinCancelledError, PinPad, PinPrompt, PinTimeoutError
from sscard_driver.configuration import Configuration
from sscard_driver.pinpad import pin_pad
from sscard_driver.scanner import read_code
from sscard_driver.terminal import Hardware, open_slots

PATIENCE_S: Final = 60.0
"""Seconds for which the PIN pad waits for the tester."""
CALLS: Final = 20
"""The last calls that are remembered: function and code, nothing else."""
_MOST: Final = 8
_QR_LIMIT: Final = 256
_PIN_DIGITS: Final = range(1, 13)
_SLOTS: Final = ("contact", "contactless", "PSAM")

_ResultT = TypeVar("_ResultT")


class HandsError(TerminalError):
    """Something that a tester cannot do now; one line."""


class HandSlot:
    """A slot of the counter. Cards come and go from any thread, between two commands."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.content = FaultyConnection(None)

    def locked(self, run: Callable[..., _ResultT], *arguments: Any) -> _ResultT:
        """Run with the slot; a command that is under way ends first."""
        with self._lock:
            return run(*arguments)

    @property
    def atr(self) -> bytes:
        """The ATR of the card.

        :raises NoCardError:
        """
        return self.locked(lambda: self.content.atr)

    def power_on(self) -> bytes:
        """Power on.

        :raises NoCardError:
        """
        return self.locked(self.content.power_on)

    def reset(self) -> bytes:
        """Reset.

        :raises NoCardError:
        """
        return self.locked(self.content.reset)

    def power_off(self) -> None:
        """Power off, also an empty slot."""
        self.locked(self.content.power_off)

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command.

        :raises CardRemovedError:
        :raises NoAnswerError:
        """
        return self.locked(self.content.transmit, apdu)

    def put(self, connection: Connection | None) -> None:
        """Put a card in place of what is there; None: pull out what is there."""

        def change() -> None:
            self.content.empty()
            if connection is not None:
                self.content.insert(connection)

        self.locked(change)


class TesterHands(Closing):
    """Slots, PIN pad and scanner of a bridge, moved by a tester.

    ``cards`` are images; the first lies in the slot. Without, the card is in a reader, and
    insert and remove are as if it were pulled. Digits that were pressed are typed at the next
    question of the PIN pad; without any the pad types what the configuration says, or waits
    ``patience_s`` seconds.

    :raises SscardError: a card that cannot be opened.
    :raises OSError: likewise.
    """

    def __init__(self, cards: Sequence[Path] = (), patience_s: float = PATIENCE_S) -> None:
        self._stack = ExitStack()
        self._contact, self._contactless, self._psam = (HandSlot() for _ in range(3))
        self._changed = threading.Condition()
        self._pressed: deque[str | None] = deque()
        self._shown: deque[str] = deque()
        self._asked: str | None = None
        self._scanning = self._closed = False
        self._patience_s = patience_s
        self._calls: deque[dict[str, str | int]] = deque(maxlen=CALLS)
        self._names: list[str] = []
        self._cards: list[tuple[Connection | None, Connection | None]] = []
        self._current, self._present = 0, True
        try:
            for path in cards:
                slots = Slots.of_card(self._stack.enter_context(Card.open(path)))
                self._cards.append((slots.contact, slots.contactless))
                self._names.append(path.name)
        except BaseException:
            self._stack.close()
            raise
        self._images = bool(self._cards)
        if self._images:
            self._fill()
        else:
            self._names.append("reader")

    @property
    def hardware(self) -> Hardware:
        """For :class:`~sscard_driver.terminal.SharedTerminal`."""
        return Hardware(self._open, self._pad, self._scan)

    def insert(self, card: int | None = None) -> None:
        """Put in a card by its number, from 1; another one is out. None: that of before.

        :raises HandsError: there is no such card.
        """
        with self._changed:
            number = self._current if card is None else card - 1
            if not 0 <= number < len(self._names):
                raise HandsError(f"card: must be 1 to {len(self._names)}")
            self._current, self._present = number, True
            self._fill()

    def remove(self) -> None:
        """Pull the card out: it loses its power."""
        with self._changed:
            self._present = False
            self._fill()

    def swap(self) -> None:
        """The next of the cards in place of this one."""
        self.insert((self._current + 1) % len(self._names) + 1)

    def press(self, digits: str | None) -> None:
        """Type a PIN of 1 to 12 digits; None is the key "cancel".

        :raises HandsError: no digits, or too much was pressed that nobody asked for.
        """
        if digits is not None and not (
            digits.isascii() and digits.isdecimal() and len(digits) in _PIN_DIGITS
        ):
            raise HandsError("pin: must be 1 to 12 digits")
        self._give(self._pressed, digits)

    def show(self, code: str) -> None:
        """Hold a QR code to the scanner.

        :raises HandsError: no code, or too many that nobody asked for.
        """
        if not 1 <= len(code) <= _QR_LIMIT or not code.isascii() or not code.isprintable():
            raise HandsError("code: must be 1 to 256 printable ASCII characters")
        self._give(self._shown, code)

    def arm(self, line: str) -> None:
        """Set a fault, one line as ``sscard serve --fault``; it counts from now.

        ``slot=1`` are the contacts, 2 is the card without them, 3 the PSAM.

        :raises ScenarioError:
        """
        fault = parse_fault(line, len(_SLOTS))
        self._slots[fault.slot - 1].content.arm(*fault.faults())

    def disarm(self) -> None:
        """Forget all faults."""
        for slot in self._slots:
            slot.content.disarm()

    def note(self, function: str, code: int) -> None:
        """Remember a call."""
        self._calls.append({"function": function, "code": code})

    def state(self) -> dict[str, Any]:
        """What a tester sees. No PIN, no data of a card."""
        with self._changed:
            return {
                "cards": self._names,
                "card": self._current + 1 if self._present else None,
                "psam": self._psam.content.present,
                "pin_asked": self._asked,
                "pin_pressed": len(self._pressed),
                "code_asked": self._scanning,
                "code_shown": len(self._shown),
                "faults": [
                    f"{name}: {fault.fault.value}"
                    for name, slot in zip(_SLOTS, self._slots, strict=True)
                    for fault in slot.content.armed
                ],
                "calls": list(self._calls),
            }

    def give_up(self) -> None:
        """Whoever waits for the tester, now or later, is told that nothing was pressed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Give up, and the cards are free again."""
        self.give_up()
        for slot in self._slots:
            slot.put(None)
        self._stack.close()

    # --- the terminal's side ---------------------------------------------------------------------

    @property
    def _slots(self) -> tuple[HandSlot, HandSlot, HandSlot]:
        return self._contact, self._contactless, self._psam

    def _fill(self) -> None:
        pair = self._cards[self._current] if self._present and self._cards else (None, None)
        self._contact.put(pair[0])
        self._contactless.put(pair[1])

    def _open(self, stack: ExitStack, configuration: Configuration) -> Slots:
        """Slots with what the configuration names, or with the images of the tester."""
        if self._images:
            configuration = msgspec.structs.replace(configuration, card=None, reader=None)
        found = open_slots(stack, configuration)
        with self._changed:
            if not self._images:
                self._cards = [(found.contact, found.contactless)]
                self._fill()
            self._psam.put(found.psam)
        only = configuration.interface
        return Slots(
            self._contact if only != "contactless" else None,
            self._contactless if only != "contact" else None,
            self._psam if found.psam is not None else None,
        )

    def _pad(self, configuration: Configuration) -> PinPad:
        configured = configuration.pin is not None or configuration.pin_program is not None
        fixed = pin_pad(configuration)

        def ask(prompt: PinPrompt) -> str:
            if configured and not self._pressed:
                return fixed(prompt)
            with self._changed:
                self._asked = prompt.name.lower()
                try:
                    self._wait(self._pressed, self._patience_s)
                    if not self._pressed:
                        raise PinTimeoutError
                    digits = self._pressed.popleft()
                finally:
                    self._asked = None
            if digits is None:
                raise PinCancelledError
            return digits

        return ask

    def _scan(self, options: Configuration, timeout_s: float) -> str:
        if (options.qr or options.qr_program) and not self._shown:
            return read_code(options, timeout_s)
        with self._changed:
            self._scanning = True
            try:
                self._wait(self._shown, timeout_s)
                if self._shown:
                    return self._shown.popleft()
            finally:
                self._scanning = False
        raise DriverError(ReturnCode.PIN_TIMEOUT, "no QR code was shown in time")

    def _wait(self, queue: deque[Any], seconds: float) -> None:
        until = monotonic() + seconds
        while not queue and not self._closed and (left := until - monotonic()) > 0:
            self._changed.wait(left)

    def _give(self, queue: deque[Any], value: str | None) -> None:
        with self._changed:
            if len(queue) >= _MOST:
                raise HandsError(f"{_MOST} wait already that nobody has asked for")
            queue.append(value)
            self._changed.notify_all()
