# SPDX-License-Identifier: Apache-2.0
"""The virtual reader: cards in the slots of vpcd, where every PC/SC program finds them.

vpcd (vsmartcard) is a driver of pcscd that listens on one TCP port per slot; the card is the
client. One thread per slot runs a plain blocking loop, the fastest form that was measured.
The thread owns its card: nothing else may use the connection while the reader runs.
"""

from __future__ import annotations

import logging
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, IntEnum, unique
from time import perf_counter
from types import FrameType
from typing import Final, Self

from sscard_chip.closing import Closing
from sscard_chip.reader.faults import describe_fault
from sscard_chip.reader.framing import MAX_PAYLOAD, FrameSocket
from sscard_chip.reader.interface import Connection
from sscard_chip.standard.status import StatusWord

_LOG: Final = logging.getLogger(__name__)

DEFAULT_HOST: Final = "127.0.0.1"
"""Where vpcd listens when it runs on this machine."""
DEFAULT_PORT: Final = 35963
"""Port of the first slot (8C7B) in the configuration that vpcd comes with; the next slot is +1."""

TrafficObserver = Callable[[int, bytes, bytes, float], None]
"""``observer(slot, command, response, seconds)`` after every command, in the slot's thread."""

_FAULT: Final = StatusWord.NO_GET_RESPONSE_DATA.to_bytes(2, "big")
_FIRST_DELAY_S: Final = 0.05
_CONNECT_TIMEOUT_S: Final = 5.0
_SILENCE_WARNING_S: Final = 5.0
"""pcscd asks for the ATR every 0.4 s; silence this long means another card has the slot."""


@unique
class ReaderEvent(Enum):
    """What happens to a slot apart from commands."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    POWER_ON = "power on"
    POWER_OFF = "power off"
    RESET = "reset"


EventObserver = Callable[[int, ReaderEvent], None]
"""``event_observer(slot, event)``, in the slot's thread."""


@unique
class _Control(IntEnum):
    """Payloads of one byte; every other payload is a command APDU."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    GET_ATR = 4


class _Slot:
    """One card in one slot, with the thread that serves it."""

    def __init__(self, reader: VirtualReader, number: int, connection: Connection) -> None:
        self._reader = reader
        self._number = number
        self._connection = connection
        self._atr = connection.atr
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._refusal_logged = False
        self.thread = threading.Thread(
            target=self._run, name=f"vpcd slot {number + 1}", daemon=True
        )

    def stop(self) -> None:
        """Wait for the thread to end; `stopping` of the reader is set already.

        First only the receiving side is shut, which ends a recv but lets the answer of a
        running command go out. Asked again and again: the thread may be just connecting.
        """
        how = socket.SHUT_RD
        while self.thread.is_alive():
            with self._lock:
                if self._socket is not None:
                    with suppress(OSError):  # the reader was quicker
                        self._socket.shutdown(how)
            self.thread.join(0.2)
            how = socket.SHUT_RDWR

    def _run(self) -> None:
        delay = _FIRST_DELAY_S
        stopping = self._reader.stopping
        while not stopping.is_set():
            connected = self._connect()
            if connected is None:
                stopping.wait(delay)
                delay = min(delay * 2, self._reader.max_delay_s)
                continue
            started = perf_counter()
            try:
                self._session(connected)
            except OSError as error:
                _LOG.debug("slot %d: %s", self._number + 1, error)
            except Exception as fault:
                _LOG.error("slot %d: %s", self._number + 1, describe_fault(fault))
            self._hang_up(connected)
            uptime = perf_counter() - started
            delay = _FIRST_DELAY_S if uptime > 1 else min(delay * 2, self._reader.max_delay_s)
            stopping.wait(delay)

    def _connect(self) -> socket.socket | None:
        """Return a connection to the slot's port, or None when nobody listens there."""
        address = (self._reader.host, self._reader.port + self._number)
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
        self._power_off()
        _LOG.info("slot %d: disconnected", self._number + 1)
        self._notify(ReaderEvent.DISCONNECTED)

    def _session(self, connected: socket.socket) -> None:
        """Serve one connection until it ends, by an exception."""
        frames = FrameSocket(connected)
        payload = self._first_frame(connected, frames)
        observer = self._reader.observer
        number = self._number
        stopping = self._reader.stopping
        while not stopping.is_set():
            if len(payload) != 1:
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
        try:
            answer = self._connection.transmit(command)
            if 2 <= len(answer) <= MAX_PAYLOAD:
                return answer
            reason = f"answer of {len(answer)} bytes"
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
            self._guard(self._connection.power_on)
            self._notify(ReaderEvent.POWER_ON)
        elif code == _Control.POWER_OFF:
            self._power_off()
            self._notify(ReaderEvent.POWER_OFF)
        elif code == _Control.RESET:
            self._guard(self._connection.reset)
            self._notify(ReaderEvent.RESET)
        else:
            frames.send(self._exchange(payload))

    def _get_atr(self) -> bytes:
        """Return the ATR as it is now, the last known one when the card fails."""
        try:
            atr = self._connection.atr
        except Exception as fault:
            _LOG.error("slot %d: no ATR: %s", self._number + 1, describe_fault(fault))
        else:
            if atr:
                self._atr = atr
        return self._atr

    def _power_off(self) -> None:
        self._guard(self._connection.power_off)

    def _guard(self, action: Callable[[], object]) -> None:
        """Do it; a fault of the card is logged and never ends the slot."""
        try:
            action()
        except Exception as fault:
            _LOG.error("slot %d: %s", self._number + 1, describe_fault(fault))

    def _notify(self, event: ReaderEvent) -> None:
        event_observer = self._reader.event_observer
        if event_observer is not None:
            self._guard(lambda: event_observer(self._number, event))


class VirtualReader(Closing):
    """Cards in the slots of a vpcd, each served by its own thread.

    :param slots: the cards; the first one goes to `port`, the next to the port after it.
    :param host: where pcscd with vpcd runs.
    :param port: port of the first slot.
    :param observer: informed of every command (for a trace). It sees PIN blocks and citizens' data.
    :param event_observer: informed of power, reset and connection.
    :param max_delay_s: longest pause between two attempts to reach vpcd, in seconds.
    :raises ValueError: without slots, or when a port is outside 1 to 65535.

    The reader waits for a vpcd that does not run yet and comes back to one that restarts, for
    ever. When the connection ends the card loses its power.

    >>> from sscard_chip.reader.interface import ContactInterface
    >>> with VirtualReader([ContactInterface(card)]) as reader:
    ...     reader.host, reader.port  # where it looks for vpcd; reader.wait() serves for ever
    ('127.0.0.1', 35963)
    """

    def __init__(
        self,
        slots: Sequence[Connection],
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        observer: TrafficObserver | None = None,
        event_observer: EventObserver | None = None,
        max_delay_s: float = 1.0,
    ) -> None:
        if not slots:
            raise ValueError("virtual reader: no card for any slot")
        if not 1 <= port <= 0x10000 - len(slots):
            raise ValueError(f"virtual reader: {len(slots)} slots from port {port} do not fit")
        self.host = host
        self.port = port
        self.observer = observer
        self.event_observer = event_observer
        self.max_delay_s = max_delay_s
        self.stopping = threading.Event()
        self._slots = [_Slot(self, number, card) for number, card in enumerate(slots)]
        self._started = False
        # A byte through here wakes wait(). Unlike a lock it is safe in a signal handler.
        self._wake_in, self._wake_out = socket.socketpair()

    def start(self) -> None:
        """Start serving; returns at once.

        :raises RuntimeError: when it was started before.
        """
        if self._started:
            raise RuntimeError("virtual reader: already started")
        self._started = True
        for slot in self._slots:
            slot.thread.start()

    def request_stop(self) -> None:
        """Make wait() return. Callable from any thread and from a signal handler."""
        with suppress(OSError):  # stopped already
            self._wake_out.send(b"\0")

    def wait(self) -> None:
        """Wait until request_stop() is called; Ctrl-C raises KeyboardInterrupt as usual."""
        with suppress(OSError):  # closed by stop() in another thread
            self._wake_in.recv(1)

    def stop(self) -> None:
        """Stop all slots and wait for their threads. The cards are powered off, and free again.

        A command that is running is finished and answered first.
        """
        self.stopping.set()
        self.request_stop()
        for slot in self._slots:
            slot.stop()
        self._wake_in.close()
        self._wake_out.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def close(self) -> None:
        """See :meth:`stop`."""
        self.stop()


def serve(
    slots: Sequence[Connection],
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    observer: TrafficObserver | None = None,
    event_observer: EventObserver | None = None,
) -> None:
    """Put cards into the slots of a vpcd and serve them until SIGINT (Ctrl-C) or SIGTERM.

    Returns normally then, with the cards powered off; closing the cards is the caller's.
    Outside the main thread no signal is handled: use :class:`VirtualReader` there.

    :param slots: the cards; slot i is served at `port` + i.
    :param observer: see :data:`TrafficObserver`.
    :param event_observer: see :data:`EventObserver`.
    :raises ValueError: see :class:`VirtualReader`.
    """
    reader = VirtualReader(slots, host, port, observer=observer, event_observer=event_observer)
    with _stopped_by_signals(reader), reader:
        reader.wait()


@contextmanager
def _stopped_by_signals(reader: VirtualReader) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        reader.request_stop()

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
