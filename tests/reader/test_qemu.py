# SPDX-License-Identifier: Apache-2.0
"""The card in QEMU's reader, against a QEMU that the test plays itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from sscard_chip.reader import ContactInterface
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.reader.qemu import QemuReader
from sscard_chip.reader.slot import ReaderEvent
from tests.reader.fake_qemu import APDU, CARD_REMOVE, ERROR, HELLO, INIT, FakeQemu
from tests.reader.toy_card import ATR, FCI, NAME, RECORDS, ToyCard

SELECT = f"00a404000f{NAME.hex()}"


@pytest.fixture
def card() -> ToyCard:
    return ToyCard()


@pytest.fixture
def qemu() -> Iterator[FakeQemu]:
    with FakeQemu() as fake:
        yield fake


@pytest.fixture
def reader(card: ToyCard, qemu: FakeQemu) -> Iterator[QemuReader]:
    with QemuReader([ContactInterface(card)], port=qemu.port) as reader:
        yield reader


def test_atr_and_commands(reader: QemuReader, qemu: FakeQemu, card: ToyCard) -> None:
    assert qemu.begin() == ATR
    assert qemu.ask(SELECT) == "6118"
    assert qemu.ask("00c0000018") == FCI.hex() + "9000"
    assert qemu.ask("00b2010412") == RECORDS[0].hex() + "9000"
    assert qemu.ask("00") == "6700"  # no control of one byte here, as vpcd has
    assert card.power_log == ["on"]


def test_messages_in_pieces_and_two_in_one(reader: QemuReader, qemu: FakeQemu) -> None:
    qemu.begin()
    message = bytes.fromhex("00000007 00000000 00000005 00b2020403")
    for byte in message:
        qemu.card.sendall(bytes((byte,)))
    assert qemu.receive() == (APDU, RECORDS[1] + b"\x90\x00")
    qemu.card.sendall(message * 2)
    assert [qemu.receive()[1] for _ in range(2)] == [RECORDS[1] + b"\x90\x00"] * 2


def test_hands(reader: QemuReader, qemu: FakeQemu, card: ToyCard) -> None:
    qemu.begin()
    removed = time.monotonic()
    reader.remove(0)
    assert qemu.receive() == (CARD_REMOVE, b"")
    other = ToyCard()
    reader.insert(0, ContactInterface(other))
    assert qemu.inserted() == ATR
    assert time.monotonic() - removed > 0.9
    assert qemu.ask(SELECT) == "6118"
    assert (card.powered, other.powered) == (False, True)


def test_an_empty_slot_is_a_reader_without_a_card(qemu: FakeQemu, card: ToyCard) -> None:
    with QemuReader([None], port=qemu.port) as reader:
        assert qemu.receive() == (INIT, HELLO)
        qemu.send(INIT, HELLO)
        qemu.receive()
        qemu.send(APDU, bytes.fromhex(SELECT))  # nobody is there to answer
        reader.insert(0, ContactInterface(card))
        assert qemu.inserted() == ATR


@pytest.mark.parametrize("fault", [ExchangeFault.MUTE, ExchangeFault.POWER_CUT])
def test_an_answer_that_is_lost(
    fault: ExchangeFault, reader: QemuReader, qemu: FakeQemu, card: ToyCard
) -> None:
    qemu.begin()
    reader.arm(0, FaultAt(fault, delay_s=0.1))
    qemu.send(APDU, bytes.fromhex(SELECT))
    assert qemu.receive() == (CARD_REMOVE, b"")
    assert qemu.inserted() == ATR
    assert qemu.ask(SELECT) == "6118"
    assert len(card.log) == 2


def test_other_faults(reader: QemuReader, qemu: FakeQemu) -> None:
    qemu.begin()
    reader.arm(0, FaultAt(ExchangeFault.WRONG_STATUS, status=b"\x65\x81"))
    assert qemu.ask(SELECT) == "6581"
    reader.arm(0, FaultAt(ExchangeFault.SHORT))
    assert qemu.ask(SELECT) == "61"
    reader.arm(0, FaultAt(ExchangeFault.REMOVED))
    qemu.send(APDU, bytes.fromhex(SELECT))
    assert qemu.receive() == (CARD_REMOVE, b"")
    reader.insert(0)
    assert qemu.inserted() == ATR


def test_qemu_comes_back(reader: QemuReader, qemu: FakeQemu, card: ToyCard) -> None:
    qemu.begin()
    qemu.eject()
    assert qemu.begin() == ATR
    assert qemu.ask(SELECT) == "6118"


@pytest.mark.parametrize(
    ("kind", "data", "length"),
    [
        (APDU, b"\x00\xb2\x02\x04\x03", None),  # before the greeting
        (INIT, b"HTTP" + bytes(8), None),
        (INIT, b"", 0xFFFFFFFF),
        (0x48545450, b"/1.1 400", None),
    ],
)
def test_what_is_no_qemu_is_hung_up_on(
    kind: int, data: bytes, length: int | None, reader: QemuReader, qemu: FakeQemu, card: ToyCard
) -> None:
    assert qemu.receive() == (INIT, HELLO)
    qemu.send(kind, data, length)
    assert qemu.at_end()
    assert card.log == []
    qemu.eject()
    assert qemu.begin() == ATR


def test_a_refusal_is_logged(
    reader: QemuReader, qemu: FakeQemu, caplog: pytest.LogCaptureFixture
) -> None:
    qemu.begin()
    with caplog.at_level(logging.WARNING):
        qemu.send(ERROR, bytes.fromhex("00000002"))
        assert qemu.ask(SELECT) == "6118"
    assert caplog.messages == ["slot 1: QEMU refuses: error 00000002"]


def test_observers_and_the_end(qemu: FakeQemu, card: ToyCard) -> None:
    seen: list[tuple[int, bytes, bytes]] = []
    events: list[ReaderEvent] = []
    reader = QemuReader(
        [ContactInterface(card)],
        port=qemu.port,
        observer=lambda slot, command, answer, _: seen.append((slot, command, answer)),
        event_observer=lambda _, event: events.append(event),
    )
    with reader:
        qemu.begin()
        qemu.ask(SELECT)
    assert qemu.receive() == (CARD_REMOVE, b"")
    assert qemu.at_end()
    assert seen == [(0, bytes.fromhex(SELECT), b"\x61\x18")]
    assert events == [ReaderEvent.CONNECTED, ReaderEvent.POWER_ON, ReaderEvent.DISCONNECTED]
    assert not card.powered
    with pytest.raises(ValueError, match="do not fit"):
        QemuReader([None, None], port=65535)
