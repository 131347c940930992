# SPDX-License-Identifier: Apache-2.0
"""The card in a USB reader, against the USB/IP host of the PyPI package ``usbip``, and enemies."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
import usbip
from usbip.host import list_devices
from usbip.transport import USBIP

from sscard_chip.reader import ContactInterface, ContactlessInterface
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.reader.slot import ReaderEvent
from sscard_chip.reader.usbip import UsbipListenError, UsbipReader
from tests.reader.toy_card import ATR, FCI, NAME, RECORDS, ToyCard

SELECT = f"00a404000f{NAME.hex()}"
POWER_ON, POWER_OFF, SLOT_STATUS, EXCHANGE = 0x62, 0x63, 0x65, 0x6F
IMPORT = struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"1-1")


class Host:
    """A CCID driver over the host of another project."""

    def __init__(self, port: int, bus_id: str = "1-1") -> None:
        self.handle = usbip.open(busid=bus_id, transport=USBIP("127.0.0.1", port))
        self._sequence = 0

    def ask(self, kind: int, data: str = "", own: str = "000000", slot: int = 0) -> str:
        """Status and error bytes, a blank, data."""
        raw = bytes.fromhex(data)
        self._sequence = (self._sequence + 1) & 0xFF
        head = struct.pack("<BIBB", kind, len(raw), slot, self._sequence)
        self.handle.bulk_out(0x01, head + bytes.fromhex(own) + raw)
        return self.answer()

    def answer(self) -> str:
        answer = self.handle.bulk_in(0x82, 271)
        length, _slot, sequence = struct.unpack_from("<IBB", answer, 1)
        assert (length, sequence) == (len(answer) - 10, self._sequence)
        return f"{answer[7:9].hex()} {answer[10:].hex()}"


@pytest.fixture
def card() -> ToyCard:
    return ToyCard()


@pytest.fixture
def reader(card: ToyCard) -> Iterator[UsbipReader]:
    with UsbipReader([ContactInterface(card), None], port=0) as reader:
        yield reader


@pytest.fixture
def host(reader: UsbipReader) -> Iterator[Host]:
    host = Host(reader.port)
    yield host
    host.handle.close()


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_the_readers_are_listed(reader: UsbipReader) -> None:
    listed = list_devices(USBIP("127.0.0.1", reader.port))
    assert [
        (one["busid"], one["idVendor"], one["idProduct"], one["interfaces"]) for one in listed
    ] == [(bus, 0x08E6, 0x4433, [(0x0B, 0, 0)]) for bus in ("1-1", "1-2")]


def test_descriptors(host: Host) -> None:
    device = host.handle.control(0x80, 6, 0x0100, 0, 18)
    assert device.hex() == "1201000200000040e6083344000101020301"
    configuration = host.handle.control(0x80, 6, 0x0200, 0, 255)
    assert configuration.hex() == (
        "09025d0001010080320904000003" + "0b000000" + "3621100100070300"
        "0000a00f0000a00f0000" + "00002a0000" + "16400500" + "00" + "fe000000"
        "0000000000000000" + "ba040200" + "0f010000" + "ffff" + "0000" + "0001"
        "07050102400000" + "07058202400000" + "07058303080018"
    )
    assert host.handle.control(0x80, 6, 0x0200, 0, 9) == configuration[:9]
    assert host.handle.control(0x80, 6, 0x0302, 0, 255)[2:].decode("utf-16-le") == (
        "sscard virtual reader"
    )
    with pytest.raises(usbip.Stall):
        host.handle.control(0x80, 6, 0x0309, 0, 255)
    with pytest.raises(usbip.Stall):
        host.handle.control(0xC0, 0x77, 0, 0, 8)
    assert host.handle.control(0xA1, 3, 0, 0, 4) == bytes.fromhex("002a0000")


def test_a_session(host: Host, card: ToyCard) -> None:
    assert host.ask(SLOT_STATUS) == "0100 "
    assert host.ask(EXCHANGE, SELECT) == "41fe "
    assert host.ask(POWER_ON) == f"0000 {ATR.hex()}"
    assert host.ask(EXCHANGE, SELECT) == "0000 6118"
    assert host.ask(EXCHANGE, "00c0000018") == f"0000 {FCI.hex()}9000"
    assert host.ask(EXCHANGE, "00b2010412") == f"0000 {RECORDS[0].hex()}9000"
    assert host.ask(0x6C) == "0000 1100000a00"
    assert host.ask(POWER_OFF) == "0100 "
    assert not card.powered
    assert host.ask(POWER_ON) == f"0000 {ATR.hex()}"


def test_a_host_that_would_take_more_than_there_ever_is(host: Host) -> None:
    """As libccid does for extended APDUs, with a length of more than 64 KiB."""
    host.ask(POWER_ON)
    host.handle.bulk_out(0x01, bytes.fromhex("6f1400000000090000" + "00" + SELECT))
    assert host.handle.bulk_in(0x82, 65_556)[10:].hex() == "6118"
    host.handle.bulk_out(0x01, bytes.fromhex("65000000000001000000"))
    assert len(host.handle.bulk_in(0x82, 0x7FFFFFFF)) == 10


def test_what_it_refuses(host: Host) -> None:
    host.ask(POWER_ON)
    assert host.ask(SLOT_STATUS, slot=1) == "4005 "
    assert host.ask(0x6B, "00") == "4000 "
    assert host.ask(EXCHANGE, SELECT, own="000100") == "4008 "
    for length in (262, 0xFFFFFFFF):
        host._sequence += 1
        head = struct.pack("<BIBB", EXCHANGE, length, 0, host._sequence)
        host.handle.bulk_out(0x01, head + bytes(60))
        assert host.answer() == "4001 "
    assert host.ask(EXCHANGE, SELECT) == "0000 6118"


def test_a_message_in_pieces_and_an_answer_in_pieces(host: Host) -> None:
    host.ask(POWER_ON)
    message = bytes.fromhex("6f050000000009000000" + "00b2010412")
    for start in range(0, len(message), 4):
        host.handle.bulk_out(0x01, message[start : start + 4])
    answer = b"".join(host.handle.bulk_in(0x82, 16) for _ in range(2))
    assert answer[10:] == RECORDS[0] + b"\x90\x00"


def test_a_contactless_card_speaks_t1() -> None:
    card = ContactlessInterface(ToyCard(contactless=True))
    with UsbipReader([card], port=0) as reader:
        host = Host(reader.port)
        assert host.ask(POWER_ON)[:13] == "0000 3b8d8001"
        assert host.ask(0x6C) == "0000 11100045000020"
        assert host.ask(EXCHANGE, SELECT) == f"0000 {FCI.hex()}9000"
        host.handle.close()


def test_hands_are_told_by_the_interrupt_endpoint(
    reader: UsbipReader, host: Host, card: ToyCard
) -> None:
    assert host.handle.interrupt_in(0x83, 8) == bytes.fromhex("5003")
    host.ask(POWER_ON)
    reader.remove(0)
    assert host.handle.interrupt_in(0x83, 8) == bytes.fromhex("5002")
    assert host.ask(SLOT_STATUS) == "0200 "
    assert host.ask(POWER_ON) == "42fe "
    other = ToyCard()
    reader.insert(0, ContactInterface(other))
    assert host.ask(SLOT_STATUS) == "0200 "  # away for a second at least
    assert host.handle.interrupt_in(0x83, 8) == bytes.fromhex("5003")
    assert host.ask(EXCHANGE, SELECT) == "41fe "
    assert host.ask(POWER_ON) == f"0000 {ATR.hex()}"
    assert (card.powered, other.powered) == (False, True)


def test_faults(reader: UsbipReader, host: Host, card: ToyCard) -> None:
    host.ask(POWER_ON)
    reader.arm(0, FaultAt(ExchangeFault.WRONG_STATUS, status=b"\x65\x81"))
    assert host.ask(EXCHANGE, SELECT) == "0000 6581"
    reader.arm(0, FaultAt(ExchangeFault.SHORT))
    assert host.ask(EXCHANGE, SELECT) == "0000 61"
    reader.arm(0, FaultAt(ExchangeFault.SLOW, delay_s=1.3))
    assert host.ask(EXCHANGE, SELECT) == "8001 "  # it asks for more time
    assert host.answer() == "8001 "
    assert host.answer() == "0000 6118"
    reader.arm(0, FaultAt(ExchangeFault.MUTE, delay_s=0))
    assert host.ask(EXCHANGE, SELECT) == "41fe "
    assert host.ask(EXCHANGE, SELECT) == "41fe "
    assert host.ask(POWER_ON) == f"0000 {ATR.hex()}"
    reader.arm(0, FaultAt(ExchangeFault.POWER_CUT, delay_s=0))
    assert host.ask(EXCHANGE, SELECT) == "41fe "
    assert host.ask(POWER_ON) == f"0000 {ATR.hex()}"
    reader.arm(0, FaultAt(ExchangeFault.REMOVED))
    assert host.ask(EXCHANGE, SELECT) == "42fe "
    reader.insert(0)
    assert eventually(lambda: host.ask(SLOT_STATUS) == "0100 ")


def test_one_host_at_a_time_and_the_next_finds_a_card_without_power(
    reader: UsbipReader, host: Host, card: ToyCard
) -> None:
    host.ask(POWER_ON)
    with pytest.raises(usbip.NotFound):
        Host(reader.port)
    with pytest.raises(usbip.NotFound):
        Host(reader.port, "1-3")
    host.handle.close()
    assert eventually(lambda: not card.powered)
    host = Host(reader.port)
    assert host.ask(SLOT_STATUS) == "0100 "
    host.handle.close()


def test_events_and_the_end(card: ToyCard) -> None:
    events: list[ReaderEvent] = []
    seen: list[bytes] = []
    reader = UsbipReader(
        [ContactInterface(card)],
        port=0,
        observer=lambda _, command, __, ___: seen.append(command),
        event_observer=lambda _, event: events.append(event),
    )
    with reader:
        host = Host(reader.port)
        host.ask(POWER_ON)
        host.ask(EXCHANGE, SELECT)
        with pytest.raises(UsbipListenError, match="cannot listen"):
            UsbipReader([None], port=reader.port)
    assert host.handle.conn.sock.recv(1) == b""
    assert seen == [bytes.fromhex(SELECT)]
    assert events[:2] == [ReaderEvent.CONNECTED, ReaderEvent.POWER_ON]
    assert not card.powered
    with pytest.raises(ValueError, match="17 slots"):
        UsbipReader([None] * 17)


# --- enemies --------------------------------------------------------------------------------------


def submit(endpoint: int, length: int, *, inward: bool, number: int = 7, command: int = 1) -> bytes:
    return struct.pack(">IIIIIIIIII8x", command, number, 0, inward, endpoint, 0, length, 0, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">HHI", 0x0111, 0x8009, 0),
        IMPORT + submit(1, 0xFFFFFFFF, inward=False),
        IMPORT + submit(1, 0x10001, inward=False) + bytes(0x10001),
        IMPORT + submit(2, 64, inward=True, command=9),
        IMPORT + submit(2, 64, inward=True) * 1000,
        IMPORT + (submit(1, 10, inward=False) + bytes.fromhex("65000000000000000000")) * 5000,
    ],
    ids=["http", "operation", "4 GiB", "64 KiB and 1", "command", "waiting", "never reading"],
)
def test_whoever_goes_beyond_the_bounds_is_hung_up_on(data: bytes, reader: UsbipReader) -> None:
    with socket.create_connection(("127.0.0.1", reader.port), 10) as enemy:
        enemy.settimeout(20)
        try:
            enemy.sendall(data)
            while enemy.recv(1 << 16):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert eventually(lambda: not reader._clients)
    host = Host(reader.port)
    assert host.ask(POWER_ON) == f"0000 {ATR.hex()}"
    host.handle.close()


def test_unlink_and_other_endpoints(reader: UsbipReader) -> None:
    with socket.create_connection(("127.0.0.1", reader.port), 10) as client:
        stream = client.makefile("rb")
        client.sendall(IMPORT)
        assert stream.read(8 + 312)[:8] == bytes.fromhex("0111000300000000")
        client.sendall(submit(2, 64, inward=True, number=5))
        unlink = struct.pack(">IIIIII24x", 2, 6, 0, 0, 0, 5)
        client.sendall(unlink * 2)
        for status in (-104, 0):  # ECONNRESET for the one that waited
            answer = stream.read(48)
            assert struct.unpack_from(">II", answer) == (4, 6)
            assert struct.unpack_from(">i", answer, 20) == (status,)
        client.sendall(submit(9, 64, inward=True))
        assert struct.unpack_from(">i", stream.read(48), 20) == (-32,)  # EPIPE


def test_many_clients(reader: UsbipReader) -> None:
    idle = [socket.create_connection(("127.0.0.1", reader.port), 10) for _ in range(60)]
    first = idle[:32]  # they come in in the order in which they connected
    while len(idle) > len(first):
        ready, _, _ = select.select(idle, (), (), 60)
        assert ready, len(idle)
        for one in ready:
            assert one.recv(1) == b""
            idle.remove(one)
            one.close()
    assert idle == first
    for one in idle:
        one.close()
    assert eventually(lambda: not reader._clients)
    assert list_devices(USBIP("127.0.0.1", reader.port))
