# SPDX-License-Identifier: Apache-2.0
"""One slot of the virtual reader: the thread that serves what is in it to one port of vpcd."""

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
from enum import Enum, IntEnum, unique
from queue import SimpleQueue
from time import perf_counter
from typing import Final

from sscard_chip.reader.failures import CardRemovedError, NoAnswerError
from sscard_chip.reader.faults import describe_fault
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.framing import MAX_PAYLOAD, FrameSocket
from sscard_chip.standard.status import StatusWord

_LOG: Final = logging.getLogger(__name__)

TrafficObserver = Callable[[int, bytes, bytes, float], None]
"""``observer(slot, command, response, seconds)`` after every command, in the slot's thread."""

_FAULT: Final = StatusWord.NO_GET_RESPONSE_DATA.to_bytes(2, "big")
_FIRST_DELAY_S: Final = 0.05
_CONNECT_TIMEOUT_S: Final = 5.0
_SILENCE_WARNING_S: Final = 5.0
"""pcscd asks for the ATR every 0.4 s; silence this long means another card has the slot."""
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


@unique
class _Control(IntEnum):
    """Payloads of one byte; every other payload is a command APDU."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    GET_ATR = 4


class _HangUpError(Exception):
    """The session ends here, without an answer."""


class _StopError(Exception):
    """The slot is no longer served."""


@dataclass(slots=True)
class SlotSettings:
    """What the slots of one reader have in common; see :class:`~.vpcd.VirtualReader`."""

    host: str
    observer: TrafficObserver | None
    event_observer: EventObserver | None
    max_delay_s: float


class SlotServer:
    """A slot and its thread, which connects to vpcd as long as there is a card.

    ``number`` counts from 0, ``port`` is that of the slot. ``content`` belongs to the thread;
    others change it by :meth:`change`.
    """

    def __init__(
        self, settings: SlotSettings, number: int, port: int, content: FaultyConnection
    ) -> None:
        self.content = content
        content.sleep = self._sleep
        self._settings = settings
        self._number = number
        self._port = port
        self._atr = content.atr if content.present else b""
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._refusal_logged = False
        self._stopping = False
        self._wake = threading.Event()
        self._requests: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._empty_since = 0.0
        self.thread = threading.Thread(
            target=self._run, name=f"vpcd slot {number + 1}", daemon=True
        )

    # --- from other threads ----------------------------------------------------------------------

    def change(self, action: Callable[[], None]) -> None:
        """Have the thread do something with the content, between two sessions.

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
        running command go out. Asked again and again: the thread may be just connecting.
        """
        self._stopping = True
        how = socket.SHUT_RD
        while self.thread.is_alive():
            self._end_session(how)
            self.thread.join(0.2)
            how = socket.SHUT_RDWR
        while not self._requests.empty():
            self._requests.get()[1].set_exception(RuntimeError("the reader is stopped"))

    def _end_session(self, how: int) -> None:
        """Wake the thread, if what was asked of it is not done yet."""
        with self._lock:
            if not self._asked:
                return
            self._wake.set()
            if self._socket is not None:
                with suppress(OSError):  # the reader was quicker
                    self._socket.shutdown(how)

    @property
    def _asked(self) -> bool:
        """Whether the session is to end: by :meth:`stop`, or for a change of the content."""
        return self._stopping or not self._requests.empty()

    # --- in the slot's thread --------------------------------------------------------------------

    def _run(self) -> None:
        delay = _FIRST_DELAY_S
        with suppress(_StopError):
            while True:
                self._do_requests()
                if not self.content.present:
                    self._pause(None)
                    continue
                absence = self._empty_since + ABSENCE_S - time.monotonic()
                if absence > 0:
                    self._pause(absence)
                    continue
                connected = self._connect()
                if connected is None:
                    self._pause(delay)
                    delay = min(delay * 2, self._settings.max_delay_s)
                    continue
                started = perf_counter()
                try:
                    self._session(connected)
                except _HangUpError:
                    self._empty_since = time.monotonic()
                except OSError as error:
                    _LOG.debug("slot %d: %s", self._number + 1, error)
                except Exception as fault:
                    _LOG.error("slot %d: %s", self._number + 1, describe_fault(fault))
                self._hang_up(connected)
                quick = perf_counter() - started <= 1
                delay = min(delay * 2, self._settings.max_delay_s) if quick else _FIRST_DELAY_S
                self._pause(delay)

    def _pause(self, seconds: float | None) -> None:
        """Wait, or until something is asked.

        :raises _StopError:
        """
        if self._stopping:
            raise _StopError
        self._wake.wait(seconds)
        if self._stopping:
            raise _StopError

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

    def _connect(self) -> socket.socket | None:
        """Return a connection to the slot's port, or None when nobody listens there."""
        address = (self._settings.host, self._port)
        try:
            connected = socket.create_connection(address, _CONNECT_TIMEOUT_S)
        except OSError as error:
            if not self._refusal_logged:
                _LOG.warning(
                    "slot %d: no vpcd at %s port %d (%s); trying again",
                    self._number + 1, *address, error.strerror or type(error).__name__,
                )  # fmt: skip
                self._refusal_logged = True
            return None
        if connected.getsockname() == connected.getpeername():
            # The port is one of those the system hands out to clients. With nobody listening,
            # an attempt can be given that very port as its own and meet itself. The reset
            # (linger 0) frees the port at once for the vpcd that is to come.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connected.close()
            return None
        with self._lock:
            self._socket = connected
        self._refusal_logged = False
        _LOG.info("slot %d: connected to %s port %d", self._number + 1, *address)
        self._notify(ReaderEvent.CONNECTED)
        return connected

    def _hang_up(self, connected: socket.socket) -> None:
        with self._lock:
            self._socket = None
        connected.close()
        self._guard(self.content.power_off)
        _LOG.info("slot %d: disconnected", self._number + 1)
        self._notify(ReaderEvent.DISCONNECTED)

    def _session(self, connected: socket.socket) -> None:
        """Serve one connection until it ends, by an exception."""
        frames = FrameSocket(connected)
        payload = self._first_frame(connected, frames)
        number, settings = self._number, self._settings
        while not self._asked:
            if len(payload) != 1:
                observer = settings.observer
                if observer is None:
                    frames.send(self._exchange(payload))
                else:
                    started = perf_counter()
                    answer = self._exchange(payload)
                    seconds = perf_counter() - started
                    frames.send(answer)
                    try:
                        observer(number, payload, answer, seconds)
                    except Exception as fault:
                        _LOG.error("slot %d: observer: %s", number + 1, describe_fault(fault))
            else:
                self._control(payload, frames)
            payload = frames.receive()

    def _first_frame(self, connected: socket.socket, frames: FrameSocket) -> bytes:
        connected.settimeout(_SILENCE_WARNING_S)
        try:
            return frames.receive()
        except TimeoutError:
            _LOG.warning(
                "slot %d: connected, but the reader does not ask: is another card in this slot?",
                self._number + 1,
            )
            connected.settimeout(None)
            return frames.receive()
        finally:
            connected.settimeout(None)

    def _exchange(self, command: bytes) -> bytes:
        """The answer, 6F00 when the card fails.

        :raises _HangUpError: a fault that is set takes the answer or the card away.
        """
        try:
            answer = self.content.transmit(command)
            if 2 <= len(answer) <= MAX_PAYLOAD:
                return answer
            if self.content.answer_is_cut:
                if not answer:
                    raise _HangUpError
                return answer
            reason = f"answer of {len(answer)} bytes"
        except _HangUpError:
            raise
        except NoAnswerError as fault:
            _LOG.warning("slot %d: %s", self._number + 1, fault)
            self._sleep(fault.after_s)
            raise _HangUpError from None
        except CardRemovedError as fault:
            if not self.content.present:
                self._notify(ReaderEvent.REMOVED)
                raise _HangUpError from None
            reason = describe_fault(fault)
        except Exception as fault:
            reason = describe_fault(fault)
        header = command[:4].hex().upper()
        _LOG.error("slot %d: card fault in command %s: %s", self._number + 1, header, reason)
        return _FAULT

    def _control(self, payload: bytes, frames: FrameSocket) -> None:
        code = payload[0]
        if code == _Control.GET_ATR:
            frames.send(self._get_atr())
        elif code == _Control.POWER_ON:
            self._guard(self.content.power_on)
            self._notify(ReaderEvent.POWER_ON)
        elif code == _Control.POWER_OFF:
            self._guard(self.content.power_off)
            self._notify(ReaderEvent.POWER_OFF)
        elif code == _Control.RESET:
            self._guard(self.content.reset)
            self._notify(ReaderEvent.RESET)
        else:
            frames.send(self._exchange(payload))

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
