# SPDX-License-Identifier: Apache-2.0
"""Cards in USB readers that other machines attach over the network: USB/IP.

Each slot is a CCID reader of its own, with the bus ids 1-1, 1-2, … On a Linux machine::

    modprobe vhci-hcd
    usbip attach -r HOST -b 1-1

The protocol is that of the Linux kernel (Documentation/usb/usbip_protocol.rst), all numbers
big-endian. What comes over the network is bounded: clients, transfers of 64 KiB, transfers that
wait; a client that goes beyond is hung up on.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Final, Self

from sscard_chip.reader import ccid
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.hands import ReaderWithHands
from sscard_chip.reader.interface import Connection
from sscard_chip.reader.slot import (
    AnswerLostError,
    EventObserver,
    ReaderEvent,
    SlotServer,
    SlotSettings,
    TrafficObserver,
)
from sscard_chip.reader.vpcd import DEFAULT_HOST
from sscard_chip.standard.errors import CardReaderError

_LOG: Final = logging.getLogger(__name__)

DEFAULT_USBIP_PORT: Final = 3240
MAX_TRANSFER: Final = 1 << 16
"""Bytes of the longest transfer that is taken from a host."""
_MAX_CLIENTS: Final = 32
_MAX_WAITING: Final = 64
"""Transfers of a client that wait for data, and messages that wait for the card."""
_HANDSHAKE_S: Final = 5.0
_SEND_S: Final = 5.0
"""So long a client may leave answers unread."""
_MORE_TIME_S: Final = 1.0
"""So often the host is asked for more time: libccid waits 3 s."""

_VERSION: Final = 0x0111
_OPERATION: Final = struct.Struct(">HHI")
_LIST, _IMPORT, _REPLY = 0x8005, 0x8003, 0x7FFF
_UNKNOWN_DEVICE, _BUSY = 1, 2
_DEVICE: Final = struct.Struct(">256s32sIIIHHHBBBBBB")
_FULL_SPEED: Final = 2
_BUS_ID_LENGTH: Final = 32
_TRANSFER: Final = struct.Struct(">IIIIIIIIII8s")
_RESULT: Final = struct.Struct(">IIIIIiIIII8x")
_SUBMIT, _UNLINK, _SUBMITTED, _UNLINKED = 1, 2, 3, 4
_SETUP: Final = struct.Struct("<BBHHH")


class UsbipListenError(CardReaderError):
    """Nobody can listen at that address; one line."""


class _ProtocolError(Exception):
    """A client that breaks the protocol, or its bounds."""


class UsbSlot(SlotServer):
    """A slot in a USB reader, and the client that has attached the reader."""

    MAX_ANSWER = 258

    def __init__(self, settings: SlotSettings, number: int, content: FaultyConnection) -> None:
        super().__init__(settings, number, content)
        self.bus_id = f"1-{number + 1}"
        self._reader = ccid.CcidReader(self)
        self._inbox: deque[tuple[_Client, bytes]] = deque()
        self._client: _Client | None = None
        self._shown = content.present
        self._asking: tuple[_Client, bytes] | None = None

    # --- from the clients' threads ---------------------------------------------------------------

    def attach(self, client: _Client) -> bool:
        """Give the reader to a client; False when another has it."""
        with self._lock:
            if self._client is not None or self._stopping:
                return False
            self._client = client
        self._notify(ReaderEvent.CONNECTED)
        return True

    def detach(self, client: _Client) -> None:
        """The client is gone: the card loses its power."""
        self.change(lambda: self._lose_power(client))
        self._notify(ReaderEvent.DISCONNECTED)

    def ask(self, client: _Client, message: bytes) -> bool:
        """Take a message for the slot's thread; False when too many wait."""
        if len(self._inbox) >= _MAX_WAITING:
            return False
        self._inbox.append((client, message))
        self._wake.set()
        return True

    @property
    def slot_change(self) -> bytes:
        """What the interrupt endpoint says of the card."""
        return self._reader.slot_change

    # --- in the slot's thread --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while True:
                self._step()
        finally:
            self._guard(self.content.power_off)

    def _step(self) -> None:
        """Do what is next, or wait for it."""
        self._do_requests()
        wait = None
        if self.content.present is not self._shown:
            wait = self._absence_left_s if self.content.present else 0.0
            if wait <= 0:
                self._show(self.content.present)
                return
        if not self._inbox:
            self._pause(wait)
            return
        client, message = self._inbox.popleft()
        if client is self._client:
            self._asking = client, message
            client.deliver(self._reader.answer(message))
            self._asking = None

    def _do_requests(self) -> None:
        super()._do_requests()
        if self._shown and (not self.content.present or self._absence_left_s > 0):
            self._show(False)

    def _show(self, present: bool) -> None:
        self._shown = present
        if not present:
            self._reader.power_lost()
        client = self._client
        if client is not None:
            client.slot_changed(self._reader.slot_change)

    def _lose_power(self, client: _Client) -> None:
        if self._client is client:
            self._reader.power_lost()
            self.content.power_off()
            self._client = None

    def _sleep(self, seconds: float) -> None:
        end = monotonic() + seconds
        while not self._asked and (left := end - monotonic()) > 0:
            if self._asking:
                client, message = self._asking
                client.deliver(self._reader.more_time(message))
            super()._sleep(min(left, _MORE_TIME_S))

    # --- what the reader does with the card ------------------------------------------------------

    @property
    def present(self) -> bool:
        """Whether the host is to see a card."""
        return self._shown

    def power(self) -> bytes:
        """See :class:`~sscard_chip.reader.ccid.CcidCard`."""
        self._guard(self.content.power_off)
        self._guard(self.content.power_on)
        self._notify(ReaderEvent.POWER_ON)
        return self._get_atr()

    def power_off(self) -> None:
        """See :class:`~sscard_chip.reader.ccid.CcidCard`."""
        self._guard(self.content.power_off)
        self._notify(ReaderEvent.POWER_OFF)

    def exchange(self, apdu: bytes) -> bytes:
        """See :class:`~sscard_chip.reader.ccid.CcidCard`."""
        try:
            answer, inform = self._observed(apdu)
        except AnswerLostError:
            if self.content.present:
                self._guard(self.content.power_off)
            else:
                self._empty_since = monotonic()
                self._show(False)
            raise ccid.CcidMuteError("the card does not answer") from None
        inform()
        return answer


class _Client:
    """A connection of somebody who lists the readers or has attached one."""

    def __init__(self, connected: socket.socket, slots: Sequence[UsbSlot]) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = connected
        self._slots = slots
        self._slot: UsbSlot | None = None
        self._lock = threading.Lock()
        self._message = b""
        self._waiting: dict[int, deque[tuple[int, int]]] = {
            ccid.IN_ENDPOINT: deque(),
            ccid.INTERRUPT_ENDPOINT: deque(),
        }
        self._ready: dict[int, deque[bytes]] = {number: deque() for number in self._waiting}

    def serve(self) -> None:
        """Until the client goes, or breaks the protocol."""
        try:
            self._socket.settimeout(_HANDSHAKE_S)
            self._slot = self._handshake()
            if self._slot is None:
                return
            self._socket.settimeout(None)
            limit = struct.pack("ll", int(_SEND_S), 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._push(ccid.INTERRUPT_ENDPOINT, self._slot.slot_change)
            while True:
                self._transfer(self._slot)
        except (OSError, _ProtocolError) as error:
            _LOG.debug("usbip: %s", error)
        finally:
            with suppress(OSError):
                self._socket.close()
            if self._slot is not None:
                with suppress(RuntimeError):
                    self._slot.detach(self)

    def hang_up(self) -> None:
        """End :meth:`serve` from another thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    # --- which reader ----------------------------------------------------------------------------

    def _handshake(self) -> UsbSlot | None:
        _version, code, _status = _OPERATION.unpack(self._read(_OPERATION.size))
        if code == _LIST:
            devices = b"".join(_device(one) + bytes((*ccid.CLASS_TRIPLE, 0)) for one in self._slots)
            count = len(self._slots).to_bytes(4, "big")
            self._socket.sendall(_reply(code, 0) + count + devices)
            return None
        if code != _IMPORT:
            raise _ProtocolError("an operation that is not known")
        wanted = self._read(_BUS_ID_LENGTH).split(b"\0")[0].decode("ascii", "replace")
        slot = next((one for one in self._slots if one.bus_id == wanted), None)
        if slot is None or not slot.attach(self):
            self._socket.sendall(_reply(code, _BUSY if slot else _UNKNOWN_DEVICE))
            return None
        try:
            self._socket.sendall(_reply(code, 0) + _device(slot))
        except OSError:
            slot.detach(self)
            raise
        return slot

    # --- transfers -------------------------------------------------------------------------------

    def _transfer(self, slot: UsbSlot) -> None:
        head = _TRANSFER.unpack(self._read(_TRANSFER.size))
        command, number, _device_id, inward, endpoint, flags, length, *_, setup = head
        if command == _UNLINK:
            self._unlink(number, flags)
            return
        # How much the host would take costs nothing: libccid asks for 65,556 bytes.
        if command != _SUBMIT or (length > MAX_TRANSFER and not inward):
            raise _ProtocolError("a transfer that is too long, or none")
        data = b"" if inward else self._read(length)
        if endpoint == 0:
            answer = self._control(slot, setup)
            if answer is None:
                self._result(number, -errno.EPIPE)
            else:
                asked = int.from_bytes(setup[6:8], "little")
                self._result(number, 0, answer[: min(asked, length)] if inward else b"", len(data))
        elif inward and endpoint in self._waiting:
            self._park(endpoint, number, length)
        elif not inward and endpoint == ccid.OUT_ENDPOINT:
            self._result(number, 0, length=len(data))
            self._receive(slot, data)
        else:
            self._result(number, -errno.EPIPE)

    def _receive(self, slot: UsbSlot, data: bytes) -> None:
        """A whole message, or a part of one, from the host."""
        self._message += data
        if len(self._message) < ccid.HEADER_LENGTH:
            return
        whole = ccid.HEADER_LENGTH + int.from_bytes(self._message[1:5], "little")
        if whole > ccid.HEADER_LENGTH + ccid.MAX_DATA or len(self._message) >= whole:
            message, self._message = self._message[: max(whole, ccid.HEADER_LENGTH)], b""
            if not slot.ask(self, message[: ccid.HEADER_LENGTH + ccid.MAX_DATA]):
                raise _ProtocolError("more messages than the card can take")

    def _park(self, endpoint: int, number: int, length: int) -> None:
        with self._lock:
            waiting = self._waiting[endpoint]
            if len(waiting) >= _MAX_WAITING:
                raise _ProtocolError("more transfers than are taken")
            waiting.append((number, length))
        self._flush(endpoint)

    def _unlink(self, number: int, other: int) -> None:
        found = False
        with self._lock:
            for waiting in self._waiting.values():
                for one in [one for one in waiting if one[0] == other]:
                    waiting.remove(one)
                    found = True
        self._result(number, -errno.ECONNRESET if found else 0, kind=_UNLINKED)

    def _control(self, slot: UsbSlot, setup: bytes) -> bytes | None:
        """The answer to a request on endpoint 0; None for one that is refused."""
        kind, request, value, _index, _length = _SETUP.unpack(setup)
        match kind, request:
            case 0x80, 6:
                return _descriptor(value >> 8, value & 0xFF, slot.bus_id)
            case ((0x80 | 0x81 | 0x82), 0):  # status
                return b"\0\0"
            case (0x80, 8):
                return b"\1"
            case (0x81, 10):
                return b"\0"
            case (0x00, 5) | (0x00, 9) | (0x01, 11) | (0x00 | 0x01 | 0x02, 1 | 3):
                self._message = b""
                return b""
            case 0x21, 1:  # abort
                self._message = b""
                return b""
            case 0xA1, 2:  # clock frequencies, kHz
                return (4000).to_bytes(4, "little")
            case 0xA1, 3:  # data rates
                return (10752).to_bytes(4, "little")
        return None

    # --- answers, from any thread ----------------------------------------------------------------

    def deliver(self, message: bytes) -> None:
        """An answer of the reader, for whoever waits for it."""
        self._push(ccid.IN_ENDPOINT, message)

    def slot_changed(self, notification: bytes) -> None:
        """The card came or went; only the last word of it counts."""
        with self._lock:
            self._ready[ccid.INTERRUPT_ENDPOINT].clear()
        self._push(ccid.INTERRUPT_ENDPOINT, notification)

    def _push(self, endpoint: int, data: bytes) -> None:
        with self._lock:
            ready = self._ready[endpoint]
            if len(ready) >= _MAX_WAITING:
                self.hang_up()
                return
            ready.append(data)
        self._flush(endpoint)

    def _flush(self, endpoint: int) -> None:
        with self._lock, suppress(OSError):
            ready, waiting = self._ready[endpoint], self._waiting[endpoint]
            while ready and waiting:
                number, length = waiting.popleft()
                data = ready.popleft()
                if len(data) > length:
                    ready.appendleft(data[length:])
                self._send(number, 0, data[:length], 0, _SUBMITTED)

    def _result(
        self, number: int, status: int, data: bytes = b"", length: int = 0, kind: int = _SUBMITTED
    ) -> None:
        with self._lock:
            self._send(number, status, data, length, kind)

    def _send(self, number: int, status: int, data: bytes, length: int, kind: int) -> None:
        head = _RESULT.pack(kind, number, 0, 0, 0, status, len(data) or length, 0, 0, 0)
        try:
            self._socket.sendall(head + data)
        except OSError:  # it does not read, or is gone
            self.hang_up()
            raise

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            chunk = self._socket.recv(length - len(data))
            if not chunk:
                raise _ProtocolError("the client is gone")
            data += chunk
        return bytes(data)


def _reply(code: int, status: int) -> bytes:
    return _OPERATION.pack(_VERSION, code & _REPLY, status)


def _device(slot: UsbSlot) -> bytes:
    bus_id = slot.bus_id.encode()
    return _DEVICE.pack(
        b"/sys/devices/sscard/" + bus_id,
        bus_id,
        1,
        int(slot.bus_id[2:]) + 1,
        _FULL_SPEED,
        ccid.VENDOR_ID,
        ccid.PRODUCT_ID,
        ccid.DEVICE_RELEASE,
        *(0, 0, 0, 1, 1, 1),
    )


def _descriptor(kind: int, index: int, bus_id: str) -> bytes | None:
    if kind == 1:
        return ccid.DEVICE_DESCRIPTOR
    if kind == 2:
        return ccid.CONFIGURATION_DESCRIPTOR
    return ccid.string_descriptor(index, f"sscard-{bus_id}") if kind == 3 else None


class UsbipReader(ReaderWithHands):
    """Cards in USB readers of their own, for machines that attach them over USB/IP.

    :param slots: as of :class:`~sscard_chip.reader.vpcd.VirtualReader`, at most 16.
    :param host: where to listen. The protocol knows neither passwords nor encryption: outside
        this machine only in a network that is your own.
    :param port: TCP port, 0 for any that is free, see :attr:`port`.
    :param observer: informed of every command. It sees PIN blocks and citizens' data.
    :param event_observer: informed of power, removal, and clients that come and go.
    :raises ValueError: without slots, or with too many.
    :raises UsbipListenError: the address is in use, or not this machine's.
    """

    MAX_SLOTS: Final = 16

    def __init__(
        self,
        slots: Sequence[Connection | None],
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_USBIP_PORT,
        *,
        observer: TrafficObserver | None = None,
        event_observer: EventObserver | None = None,
    ) -> None:
        if len(slots) > self.MAX_SLOTS:
            raise ValueError(f"virtual reader: {len(slots)} slots, USB/IP has {self.MAX_SLOTS}")
        settings = SlotSettings(observer, event_observer)
        self._usb_slots: list[UsbSlot] = []

        def serve_slot(number: int, content: FaultyConnection) -> UsbSlot:
            self._usb_slots.append(UsbSlot(settings, number, content))
            return self._usb_slots[-1]

        super().__init__(slots, serve_slot)
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            super().stop()
            reason = error.strerror or str(error)
            raise UsbipListenError(f"{host} port {port}: cannot listen: {reason}") from None
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._clients: set[_Client] = set()
        self._clients_lock = threading.Lock()

    def start(self) -> None:
        """Start serving; returns at once.

        :raises RuntimeError: when it was started before.
        """
        super().start()
        threading.Thread(target=self._accept, name="usbip", daemon=True).start()

    def stop(self) -> None:
        """Stop listening, hang up on the clients, and see :meth:`ReaderWithHands.stop`."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._clients_lock:
            for client in self._clients:
                client.hang_up()
        super().stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            with self._clients_lock:
                if len(self._clients) >= _MAX_CLIENTS:
                    connected.close()
                    continue
                client = _Client(connected, self._usb_slots)
                self._clients.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: _Client) -> None:
        try:
            client.serve()
        finally:
            with self._clients_lock:
                self._clients.discard(client)
