# SPDX-License-Identifier: Apache-2.0
"""A reader with hands: its slots, and what puts cards into them while it runs.

What programs it is for is a subclass: :class:`~sscard_chip.reader.vpcd.VirtualReader` for PC/SC,
:class:`~sscard_chip.reader.qemu.QemuReader` and :class:`~sscard_chip.reader.usbip.UsbipReader`
for a whole machine.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Self

from sscard_chip.closing import Closing
from sscard_chip.reader.faulty import FaultAt, FaultyConnection
from sscard_chip.reader.interface import Connection
from sscard_chip.reader.slot import SlotServer


class ReaderWithHands(Closing):
    """Slots, each with the thread that owns what is in it, and what changes that.

    :raises ValueError: without slots.
    """

    def __init__(
        self,
        slots: Sequence[Connection | None],
        serve_slot: Callable[[int, FaultyConnection], SlotServer],
    ) -> None:
        if not slots:
            raise ValueError("virtual reader: no card for any slot")
        self._slots = [
            serve_slot(
                number, card if isinstance(card, FaultyConnection) else FaultyConnection(card)
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


def check_ports(port: int, slots: int) -> None:
    """See that each slot has a port, of those from ``port`` on.

    :raises ValueError: when a port is outside 1 to 65535.
    """
    if not 1 <= port <= 0x10000 - max(slots, 1):
        raise ValueError(f"virtual reader: {slots} slots from port {port} do not fit")


def serve_reader(reader: ReaderWithHands) -> None:
    """Start a reader and serve until SIGINT (Ctrl-C) or SIGTERM.

    Outside the main thread no signal is handled.
    """
    with _stopped_by_signals(reader), reader:
        reader.wait()


@contextmanager
def _stopped_by_signals(reader: ReaderWithHands) -> Iterator[None]:
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
