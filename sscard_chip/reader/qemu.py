# SPDX-License-Identifier: Apache-2.0
"""The card in the USB reader of a virtual machine: QEMU's ``ccid-card-passthru``.

QEMU listens and the card connects, one port a slot, as with vpcd::

    qemu-system-x86_64 … -device qemu-xhci -device usb-ccid \\
        -chardev socket,id=card,host=127.0.0.1,port=35999,server=on,wait=off \\
        -device ccid-card-passthru,chardev=card

Messages of QEMU's passthru protocol, all numbers big-endian: type, reader and length, 4 bytes
each, and so many bytes. The guest's power-on and power-off stay inside QEMU: the card keeps its
state until it is removed, or until the connection ends.
"""

from __future__ import annotations

import logging
import select
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum, unique
from time import monotonic
from typing import Final

from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.framing import PeerClosedError
from sscard_chip.reader.hands import ReaderWithHands, check_ports
from sscard_chip.reader.interface import Connection
from sscard_chip.reader.slot import (
    AnswerLostError,
    ConnectingSlot,
    EventObserver,
    ReaderEvent,
    SlotSettings,
    TrafficObserver,
)
from sscard_chip.reader.vpcd import DEFAULT_HOST
from sscard_chip.standard.errors import CardReaderError

_LOG: Final = logging.getLogger(__name__)

DEFAULT_QEMU_PORT: Final = 35999
MAX_MESSAGE: Final = 1 << 16
"""Bytes of a message that QEMU takes (its VSCARD_IN_SIZE), and so of one from it."""
_HEAD: Final = struct.Struct(">III")
_HELLO: Final = struct.pack(">4sII", b"VSCD", 2, 0)  # magic, version 0.0.2, no capabilities
_NO_READER: Final = int.from_bytes(b"\xff" * 4)
_NAME: Final = b"sscard"


@unique
class _Kind(IntEnum):
    """Types of messages."""

    INIT = 1
    ERROR = 2
    """The answer to READER_ADD, ATR and CARD_REMOVE: 4 bytes, 0 for good."""
    READER_ADD = 3
    READER_REMOVE = 4
    ATR = 5
    CARD_REMOVE = 6
    APDU = 7


class QemuProtocolError(CardReaderError):
    """What listens there is no ``ccid-card-passthru``; one line."""


class PassthruLink:
    """Whole messages of the passthru protocol over a connected socket."""

    def __init__(self, connected: socket.socket, wake: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        self._buffer = b""
        self._hello = False

    def send(self, kind: int, data: bytes = b"", reader: int = 0) -> None:
        """Send a message in one call.

        :raises OSError: when the connection breaks.
        """
        self._socket.sendall(_HEAD.pack(kind, reader, len(data)) + data)

    def receive(self, seconds: float | None) -> tuple[int, bytes] | None:
        """Type and bytes of the next message; None when woken, or after so many seconds.

        :raises PeerClosedError: at the end of the stream.
        :raises QemuProtocolError: a message that is too long, or a first one of others.
        :raises OSError: when the connection breaks.
        """
        deadline = None if seconds is None else monotonic() + seconds
        while True:
            message = self._whole()
            if message is not None:
                return message
            left = None if deadline is None else max(deadline - monotonic(), 0.0)
            ready = self._poll.poll(None if left is None else left * 1000)
            if self._socket.fileno() not in (handle for handle, _ in ready):
                return None
            chunk = self._socket.recv(MAX_MESSAGE)
            if not chunk:
                raise PeerClosedError("QEMU closed the connection")
            self._buffer += chunk

    def _whole(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < _HEAD.size:
            return None
        kind, _reader, length = _HEAD.unpack_from(self._buffer)
        if length > MAX_MESSAGE or (not self._hello and kind != _Kind.INIT):
            raise QemuProtocolError("what listens there is no ccid-card-passthru")
        end = _HEAD.size + length
        if len(self._buffer) < end:
            return None
        data, self._buffer = self._buffer[_HEAD.size : end], self._buffer[end:]
        if kind == _Kind.INIT:
            if not data.startswith(_HELLO[:4]):
                raise QemuProtocolError("what listens there is no ccid-card-passthru")
            self._hello = True
        return kind, data


class QemuSlot(ConnectingSlot):
    """A slot that stays connected to QEMU and tells it when the card comes and goes."""

    AT_PORT = "QEMU"
    MAX_ANSWER = 258
    """QEMU's reader drops what does not fit into one CCID message."""

    def __init__(
        self,
        settings: SlotSettings,
        number: int,
        address: tuple[str, int],
        content: FaultyConnection,
        max_delay_s: float,
    ) -> None:
        super().__init__(settings, number, address, content, max_delay_s)
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._shown = False

    def _interrupt(self, how: int) -> None:
        with suppress(OSError):  # there are wakes enough
            self._waker.send(b"\0")
        if self._stopping and how == socket.SHUT_RDWR:  # QEMU has stopped reading
            super()._interrupt(how)

    def _session(self, connected: socket.socket) -> None:
        link = PassthruLink(connected, self._woken)
        link.send(_Kind.INIT, _HELLO, _NO_READER)
        self._shown, added = False, False
        while not self._stopping:
            if not self._requests.empty():
                self._hide(link)
                self._do_requests()
            self._read_wakes()
            absence = self._absence_left_s
            if added and not self._shown and self.content.present and absence <= 0:
                self._show(link)
            waits = added and not self._shown and self.content.present
            if not self._requests.empty():
                continue
            message = link.receive(absence if waits else None)
            if message is None:
                continue
            kind, data = message
            if kind == _Kind.INIT and not added:
                link.send(_Kind.READER_ADD, _NAME, _NO_READER)
                added = True
            elif kind == _Kind.APDU and self._shown:
                self._answer(link, data)
            elif kind == _Kind.ERROR and any(data):
                _LOG.warning("slot %d: QEMU refuses: error %s", self._number + 1, data[:4].hex())
        self._hide(link)

    def _answer(self, link: PassthruLink, command: bytes) -> None:
        try:
            answer, inform = self._observed(command)
        except AnswerLostError:
            self._hide(link)
            self._empty_since = monotonic()
            return
        link.send(_Kind.APDU, answer)
        inform()

    def _show(self, link: PassthruLink) -> None:
        self._guard(self.content.power_on)
        self._notify(ReaderEvent.POWER_ON)
        link.send(_Kind.ATR, self._get_atr())
        self._shown = True

    def _hide(self, link: PassthruLink) -> None:
        if self._shown:
            self._shown = False
            link.send(_Kind.CARD_REMOVE)
            self._guard(self.content.power_off)

    def _read_wakes(self) -> None:
        try:
            while self._woken.recv(64):
                pass
        except BlockingIOError:
            return

    def stop(self) -> None:
        """See :meth:`SlotServer.stop`."""
        super().stop()
        self._waker.close()
        self._woken.close()


class QemuReader(ReaderWithHands):
    """Cards in the USB readers of a virtual machine that QEMU runs.

    :param slots: as of :class:`~sscard_chip.reader.vpcd.VirtualReader`; QEMU's reader has one
        slot, so the second card needs a second ``usb-ccid`` and the next port.
    :param host: where QEMU listens.
    :param port: port of the first slot.
    :param observer: informed of every command. It sees PIN blocks and citizens' data.
    :param event_observer: informed of connection, removal, and the power-on by which a card is
        shown to the guest.
    :param max_delay_s: longest pause between two attempts to reach QEMU, in seconds.
    :raises ValueError: without slots, or when a port is outside 1 to 65535.
    """

    def __init__(
        self,
        slots: Sequence[Connection | None],
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_QEMU_PORT,
        *,
        observer: TrafficObserver | None = None,
        event_observer: EventObserver | None = None,
        max_delay_s: float = 1.0,
    ) -> None:
        check_ports(port, len(slots))
        self.host = host
        self.port = port
        settings = SlotSettings(observer, event_observer)

        def serve_slot(number: int, content: FaultyConnection) -> QemuSlot:
            return QemuSlot(settings, number, (host, port + number), content, max_delay_s)

        super().__init__(slots, serve_slot)
