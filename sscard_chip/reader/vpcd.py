# SPDX-License-Identifier: Apache-2.0
"""The virtual reader: cards in the slots of vpcd, where every PC/SC program finds them.

vpcd (vsmartcard) is a driver of pcscd that listens on one TCP port per slot; the card is the
client. One thread per slot runs a plain blocking loop, the fastest form that was measured.
The thread owns its card: nothing else may use the connection while the reader runs. The reader
has hands: :meth:`VirtualReader.insert`, :meth:`~VirtualReader.remove`,
:meth:`~VirtualReader.tap`, and :meth:`~VirtualReader.arm` for faults.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, Self

from sscard_chip.closing import Closing
from sscard_chip.reader.faulty import FaultAt, FaultyConnection
from sscard_chip.reader.interface import Connection
from sscard_chip.reader.slot import EventObserver, SlotServer, SlotSettings, TrafficObserver

DEFAULT_HOST: Final = "127.0.0.1"
"""Where vpcd listens when it runs on this machine."""
DEFAULT_PORT: Final = 35963
"""Port of the first slot (8C7B) in the configuration that vpcd comes with; the next slot is +1."""


class VirtualReader(Closing):
    """Cards in the slots of a vpcd, each served by its own thread.

    :param slots: the cards; the first one goes to `port`, the next to the port after it. None is
        an empty slot. A :class:`~.faulty.FaultyConnection` breaks where its faults say.
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
        slots: Sequence[Connection | None],
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
        settings = SlotSettings(host, observer, event_observer, max_delay_s)
        self._slots = [
            SlotServer(
                settings,
                number,
                port + number,
                card if isinstance(card, FaultyConnection) else FaultyConnection(card),
            )
            for number, card in enumerate(slots)
        ]
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

    @property
    def contents(self) -> tuple[FaultyConnection, ...]:
        """What is in the slots, to be looked at: presence, faults that are armed, exchanges."""
        return tuple(slot.content for slot in self._slots)

    def insert(self, slot: int, connection: Connection | None = None) -> None:
        """Put a card into a slot (from 0), or the one back that was there; another one is out.

        Returns before pcscd has seen it: it looks every 0.4 s.

        :raises NoCardError: there never was one.
        """
        server = self._slots[slot]
        if server.content.present:
            self.remove(slot)
        server.change(lambda: server.content.insert(connection))

    def remove(self, slot: int) -> Connection | None:
        """Pull the card out of a slot (from 0); it is powered off, and the caller's again."""
        server = self._slots[slot]
        server.change(server.content.remove)
        return server.content.connection

    def swap(self, one: int, other: int) -> None:
        """Pull the cards out of two slots (from 0) and put each into the other."""
        servers = self._slots[one], self._slots[other]
        there = [(server.content.present, server.content.connection) for server in servers]
        for server in servers:
            server.change(server.content.empty)
        for slot, (present, card) in zip((other, one), there, strict=True):
            if present:
                self.insert(slot, card)

    def tap(self, slot: int, connection: Connection | None = None, seconds: float = 2.0) -> None:
        """Hold a card to the reader for so long, as a contactless one, and take it away.

        :raises NoCardError: there never was one.
        """
        self.insert(slot, connection)
        time.sleep(seconds)
        self.remove(slot)

    def arm(self, slot: int, *faults: FaultAt) -> None:
        """Set faults for a slot (from 0), besides those that are set; they count from now."""
        self._slots[slot].content.arm(*faults)

    def disarm(self, slot: int) -> None:
        """Forget the faults of a slot."""
        self._slots[slot].content.disarm()

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
    slots: Sequence[Connection | None],
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
    serve_reader(VirtualReader(slots, host, port, observer=observer, event_observer=event_observer))


def serve_reader(reader: VirtualReader) -> None:
    """Start a reader and serve until SIGINT (Ctrl-C) or SIGTERM, as :func:`serve`."""
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
