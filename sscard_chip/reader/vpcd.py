# SPDX-License-Identifier: Apache-2.0
"""The virtual reader: cards in the slots of vpcd, where every PC/SC program finds them.

vpcd (vsmartcard) is a driver of pcscd that listens on one TCP port per slot; the card is the
client. One thread per slot runs a plain blocking loop, the fastest form that was measured.
The thread owns its card: nothing else may use the connection while the reader runs. The reader
has hands: :meth:`VirtualReader.insert`, :meth:`~VirtualReader.remove`,
:meth:`~VirtualReader.tap`, and :meth:`~VirtualReader.arm` for faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.hands import ReaderWithHands, check_ports, serve_reader
from sscard_chip.reader.interface import Connection
from sscard_chip.reader.slot import EventObserver, SlotSettings, TrafficObserver
from sscard_chip.reader.vpcdslot import VpcdSlot

DEFAULT_HOST: Final = "127.0.0.1"
"""Where vpcd listens when it runs on this machine."""
DEFAULT_PORT: Final = 35963
"""Port of the first slot (8C7B) in the configuration that vpcd comes with; the next slot is +1."""


class VirtualReader(ReaderWithHands):
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
        check_ports(port, len(slots))
        self.host = host
        self.port = port
        settings = SlotSettings(observer, event_observer)

        def serve_slot(number: int, content: FaultyConnection) -> VpcdSlot:
            return VpcdSlot(settings, number, (host, port + number), content, max_delay_s)

        super().__init__(slots, serve_slot)


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
