# SPDX-License-Identifier: Apache-2.0
"""One slot of a virtual reader: the thread that owns what is in it.

What carries commands to it is a subclass: :mod:`~sscard_chip.reader.vpcdslot`,
:mod:`~sscard_chip.reader.qemu`, :mod:`~sscard_chip.reader.usbip`.
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, unique
from queue import SimpleQueue
from time import perf_counter
from typing import Final

from sscard_chip.faults import describe_fault
from sscard_chip.reader.failures import CardRemovedError, NoAnswerError
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.framing import MAX_PAYLOAD
from sscard_chip.standard.errors import CardReaderError
from sscard_chip.standard.status import StatusWord

_LOG: Final = logging.getLogger(__name__)

TrafficObserver = Callable[[int, bytes, bytes, float], None]
"""``observer(slot, command, response, seconds)`` after every command, in the slot's thread."""

_FAULT: Final = StatusWord.NO_GET_RESPONSE_DATA.to_bytes(2, "big")
_FIRST_DELAY_S: Final = 0.05
_CONNECT_TIMEOUT_S: Final = 5.0
LAST_ANSWER_S: Final = 2.0
"""How long a slot that is stopped waits for the answer of a command that runs."""
ABSENCE_S: Final = 1.0
"""So long at least a slot stays empty, also when an answer was lost: pcscd looks every 0.4 s and
must see it. A reader that finds the next card on a connection that has just broken gets stuck."""


@unique
class ReaderEvent(Enum):
    """What happens to a slot apart from commands."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    POWER_ON = "power on"
    POWER_OFF = "power off"
    RESET = "reset"
    INSERTED = "card inserted"
    REMOVED = "card removed"


EventObserver = Callable[[int, ReaderEvent], None]
"""``event_observer(slot, event)``, in the slot's thread."""


class AnswerLostError(CardReaderError):
    """The card gives no answer to this command, and none before it has power again."""


class SlotStoppedError(CardReaderError):
    """The slot is no longer served."""


@dataclass(slots=True)
class SlotSettings:
    """What the slots of one reader have in common; see :class:`~.vpcd.VirtualReader`."""

    observer: TrafficObserver | None
    event_observer: EventObserver | None


class SlotServer:
    """A slot and its thread. Subclasses carry commands to it (``_run``).

    ``number`` counts from 0. ``content`` belongs to the thread; others change it by
    :meth:`change`.
    """

    MAX_ANSWER = MAX_PAYLOAD
    """Bytes of the longest answer that the way to the program carries."""

    def __init__(self, settings: SlotSettings, number: int, content: FaultyConnection) -> None:
        self.content = content
        content.sleep = self._sleep
        self._settings = settings
        self._number = number
        self._atr = content.atr if content.present else b""
        self._lock = threading.Lock()
        self._stopping = False
        self._wake = threading.Event()
        self._requests: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._empty_since = 0.0
        self.thread = threading.Thread(
            target=self._stoppable, name=f"card slot {number + 1}", daemon=True
        )

    # --- from other threads ----------------------------------------------------------------------

    def change(self, action: Callable[[], None]) -> None:
        """Have the thread do something with the content, between two commands.

        A command that runs is finished first, and may be answered. Raises what ``action`` raises.
        """
        done: Future[None] = Future()
        self._requests.put((action, done))
        while not done.done():
            if not self.thread.is_alive():  # nobody else is there: before start(), after stop()
                self._do_requests()
                break
            self._end_session(socket.SHUT_RD)
            with suppress(TimeoutError):
                done.exception(0.2)
        done.result()

    def stop(self) -> None:
        """End the thread and wait for it.

        First only the receiving side is shut, which ends a recv but lets the answer of a
        running command go out; after :data:`LAST_ANSWER_S` it is the other side that does not
        read. Asked again and again: the thread may be just connecting.
        """
        self._stopping = True
        patience = time.monotonic() + LAST_ANSWER_S
        while self.thread.is_alive():
            late = time.monotonic() >= patience
            self._end_session(socket.SHUT_RDWR if late else socket.SHUT_RD)
            self.thread.join(0.2)
        while not self._requests.empty():
            self._requests.get()[1].set_exception(RuntimeError("the reader is stopped"))

    def _end_session(self, how: int) -> None:
        """Wake the thread, if what was asked of it is not done yet."""
        with self._lock:
            if self._asked:
                self._wake.set()
                self._interrupt(how)

    def _interrupt(self, how: int) -> None:
        """End the wait of the thread for the other side; with the lock held."""

    @property
    def _asked(self) -> bool:
        """Whether the session is to end: by :meth:`stop`, or for a change of the content."""
        return self._stopping or not self._requests.empty()

    # --- in the slot's thread --------------------------------------------------------------------

    def _stoppable(self) -> None:
        with suppress(SlotStoppedError):
            self._run()

    def _run(self) -> None:
        """Serve until :class:`SlotStoppedError`."""
        raise NotImplementedError

    def _pause(self, seconds: float | None) -> None:
        """Wait, or until something is asked.

        :raises SlotStoppedError:
        """
        if self._stopping:
            raise SlotStoppedError
        self._wake.wait(seconds)
        if self._stopping:
            raise SlotStoppedError

    def _sleep(self, seconds: float) -> None:
        """Wait inside a command; ends when the card is to be pulled out."""
        deadline = time.monotonic() + seconds
        while not self._asked and (left := deadline - time.monotonic()) > 0:
            self._wake.clear()
            if not self._asked:
                self._wake.wait(left)

    def _do_requests(self) -> None:
        if not self._stopping:
            self._wake.clear()
        while not self._requests.empty():
            change, done = self._requests.get()
            was = self.content.present
            try:
                change()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)
            if self.content.present is not was:
                self._notify(ReaderEvent.REMOVED if was else ReaderEvent.INSERTED)
                self._empty_since = time.monotonic() if was else self._empty_since

    @property
    def _absence_left_s(self) -> float:
        """How long the slot has still to look empty."""
        return self._empty_since + ABSENCE_S - time.monotonic()

    def _observed(self, command: bytes) -> tuple[bytes, Callable[[], None]]:
        """The answer to a command, and what informs the observer once it is on its way.

        :raises AnswerLostError: a fault that is set takes the answer or the card away.
        """
        started = perf_counter()
        answer = self._exchange(command)
        seconds = perf_counter() - started

        def inform() -> None:
            if self._settings.observer is None:
                return
            try:
                self._settings.observer(self._number, command, answer, seconds)
            except Exception as fault:
                _LOG.error("slot %d: observer: %s", self._number + 1, describe_fault(fault))

        return answer, inform

    def _exchange(self, command: bytes) -> bytes:
        """The answer, 6F00 when the card fails.

        :raises AnswerLostError: a fault that is set takes the answer or the card away.
        """
        try:
            answer = self.content.transmit(command)
            if 2 <= len(answer) <= self.MAX_ANSWER:
                return answer
            if self.content.answer_is_cut:
                if not answer:
                    raise AnswerLostError
                return answer
            reason = f"answer of {len(answer)} bytes"
        except AnswerLostError:
            raise
        except NoAnswerError as fault:
            _LOG.warning("slot %d: %s", self._number + 1, fault)
            self._sleep(fault.after_s)
            raise AnswerLostError from None
        except CardRemovedError as fault:
            if not self.content.present:
                self._notify(ReaderEvent.REMOVED)
                raise AnswerLostError from None
            reason = describe_fault(fault)
        except Exception as fault:
            reason = describe_fault(fault)
        header = command[:4].hex().upper()
        _LOG.error("slot %d: card fault in command %s: %s", self._number + 1, header, reason)
        return _FAULT

    def _get_atr(self) -> bytes:
        """Return the ATR as it is now, the last known one when the card fails."""
        try:
            atr = self.content.atr
        except Exception as fault:
            _LOG.error("slot %d: no ATR: %s", self._number + 1, describe_fault(fault))
        else:
            if atr:
                self._atr = atr
        return self._atr

    def _guard(self, action: Callable[[], object]) -> None:
        """Do it; a fault of the card is logged and never ends the slot."""
        try:
            action()
        except Exception as fault:
            _LOG.error("slot %d: %s", self._number + 1, describe_fault(fault))

    def _notify(self, event: ReaderEvent) -> None:
        event_observer = self._settings.event_observer
        if event_observer is not None:
            self._guard(lambda: event_observer(self._number, event))


class ConnectingSlot(SlotServer):
    """A slot that connects to the reader, again and again: that listens on one port a slot.

    ``port`` is that of the slot. Subclasses serve one connection (``_session``).
    """

    AT_PORT = ""
    """What listens there."""

    def __init__(
        self,
        settings: SlotSettings,
        number: int,
        address: tuple[str, int],
        content: FaultyConnection,
        max_delay_s: float,
    ) -> None:
        super().__init__(settings, number, content)
        self._address = address
        self._max_delay_s = max_delay_s
        self._socket: socket.socket | None = None
        self._refusal_logged = False

    def _interrupt(self, how: int) -> None:
        if self._socket is not None:
            with suppress(OSError):  # the reader was quicker
                self._socket.shutdown(how)

    def _may_connect(self) -> bool:
        """Whether to connect now; else it has waited for something."""
        return True

    def _session(self, connected: socket.socket) -> None:
        """Serve one connection until it ends, by an exception or because something is asked."""
        raise NotImplementedError

    def _run(self) -> None:
        delay = _FIRST_DELAY_S
        while True:
            self._do_requests()
            if not self._may_connect():
                continue
            connected = self._connect()
            if connected is None:
                self._pause(delay)
                delay = min(delay * 2, self._max_delay_s)
                continue
            started = perf_counter()
            try:
                self._session(connected)
            except AnswerLostError:
                self._empty_since = time.monotonic()
            except OSError as error:
                _LOG.debug("slot %d: %s", self._number + 1, error)
            except Exception as fault:
                _LOG.error("slot %d: %s", self._number + 1, describe_fault(fault))
            self._hang_up(connected)
            quick = perf_counter() - started <= 1
            delay = min(delay * 2, self._max_delay_s) if quick else _FIRST_DELAY_S
            self._pause(delay)

    def _connect(self) -> socket.socket | None:
        """Return a connection to the slot's port, or None when nobody listens there."""
        try:
            connected = socket.create_connection(self._address, _CONNECT_TIMEOUT_S)
        except OSError as error:
            if not self._refusal_logged:
                _LOG.warning(
                    "slot %d: no %s at %s port %d (%s); trying again",
                    self._number + 1,
                    self.AT_PORT,
                    *self._address,
                    error.strerror or type(error).__name__,
                )
                self._refusal_logged = True
            return None
        if connected.getsockname() == connected.getpeername():
            # The port is one of those the system hands out to clients. With nobody listening,
            # an attempt can be given that very port as its own and meet itself. The reset
            # (linger 0) frees the port at once for the reader that is to come.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connected.close()
            return None
        with self._lock:
            self._socket = connected
        self._refusal_logged = False
        _LOG.info("slot %d: connected to %s port %d", self._number + 1, *self._address)
        self._notify(ReaderEvent.CONNECTED)
        return connected

    def _hang_up(self, connected: socket.socket) -> None:
        with self._lock:
            self._socket = None
        connected.close()
        self._guard(self.content.power_off)
        _LOG.info("slot %d: disconnected", self._number + 1)
        self._notify(ReaderEvent.DISCONNECTED)
