# SPDX-License-Identifier: Apache-2.0
"""What comes before any command: lengths, classes, instructions, channels, power."""

from __future__ import annotations

import logging

import pytest

from sscard_chip.apdu.dispatch import Dispatcher, Instruction
from sscard_chip.apdu.instructions import BASE
from sscard_chip.card import Card, NotPoweredError
from sscard_chip.standard.commands import UPDATE_BINARY, VERIFY
from tests.bench.issued import GENERATIONS, SELECT_SSSE, Bench

KNOWN = {
    (0x00, 0xA4), (0x00, 0xB2), (0x00, 0xDC), (0x04, 0xDC), (0x00, 0xB0), (0x00, 0xD6),
    (0x04, 0xD6), (0x00, 0x84), (0x00, 0x88), (0x00, 0x82), (0x00, 0x20), (0x80, 0x5E),
    (0x84, 0x24), (0x84, 0x1E), (0x84, 0x16), (0xB0, 0x28), (0xB0, 0x2C), (0xB0, 0x2A),
    (0xB0, 0x26), (0xB0, 0x2E), (0xB0, 0x56), (0x00, 0xC0), (0x00, 0xE2), (0x04, 0xE2),
    (0x80, 0xE0), (0x80, 0xD4), (0x84, 0xD4), (0xBF, 0xCE), (0xBF, 0xFE), (0xBF, 0xC8),
}  # fmt: skip
"""CLA and INS of LD/T 32.5, and in the last line of the blank phase."""


@pytest.mark.parametrize("command", ["", "00", "00A4", "00A404"])
def test_fewer_than_four_bytes(command: str) -> None:
    assert Bench(2).sw(command) == 0x6700


@pytest.mark.parametrize(
    "command",
    [
        "00A400000000",  # Lc 00 with data
        "00A40000023F",
        "00A40000023F000000",
        "00A404000000" + "0F" + SELECT_SSSE[5:].hex(),  # extended Lc
        "00A404000000" + "0F" + SELECT_SSSE[5:].hex() + "0000",
        "00B00000000000",  # extended Le
        "00B00000000100",
    ],
)
def test_lengths_that_do_not_add_up(command: str) -> None:
    assert Bench(2).sw(command) == 0x6700


def test_the_longest_command() -> None:
    bench = Bench(2)
    assert bench.sw(b"\x00\xa4\x04\x00\xff" + bytes(255) + b"\x00") == 0x6700  # no such name
    assert bench.sw(UPDATE_BINARY.apdu(data=bytes(255))) == 0x6986


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_class_and_instruction(generation: int) -> None:
    bench = Bench(generation)
    classes = {cla for cla, _ in KNOWN}
    instructions = {ins for _, ins in KNOWN}
    for cla in range(256):
        for ins in range(256):
            sw = bench.sw(bytes((cla, ins, 0xFF, 0xFF)))
            if (cla, ins) in KNOWN:
                assert sw not in (0x6D00, 0x6E00, 0x6881, 0x9000), f"{cla:02X}{ins:02X}"
            elif cla & 0xC0 == 0x40 or cla in (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15):
                assert sw == 0x6881, f"{cla:02X}{ins:02X}"
            elif cla not in classes or ins in instructions:
                assert sw == 0x6E00, f"{cla:02X}{ins:02X}"
            else:
                assert sw == 0x6D00, f"{cla:02X}{ins:02X}"


@pytest.mark.parametrize("command", ["0070000001", "00708001", "0070000000"])
def test_no_channel_can_be_opened(command: str) -> None:
    assert Bench(2).sw(command) == 0x6D00


def test_an_unpowered_card_does_not_answer() -> None:
    bench = Bench(2)
    bench.card.power_off()
    with pytest.raises(NotPoweredError):
        bench.card.transmit(b"\x00\x84\x00\x00\x08")
    fresh = Card(bench.memory)
    with pytest.raises(NotPoweredError):
        fresh.transmit(SELECT_SSSE)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_atr(generation: int) -> None:
    bench = Bench(generation)
    atr = bench.card.power_on()
    assert atr == bench.card.reset() == bench.card.atr
    assert atr[:4] == b"\x3b\x6d\x00\x00"
    assert atr[4:] == bench.card.historical_bytes
    assert (len(atr), atr[9]) == (17, 0x86)
    assert atr[11:].hex() == "5101" + "07a1b2c3"
    assert bench.card.contactless is (generation == 3)


def test_a_fault_of_our_own_is_an_answer_and_shows_no_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(session: object, command: object) -> bytes:
        raise RuntimeError("123456")

    bench = Bench(2)
    bench.ok(SELECT_SSSE)
    table = [i for i in BASE if i.command.ins != 0x20]
    dispatcher = Dispatcher([*table, Instruction(VERIFY, broken)])
    session = bench.card._session
    assert session is not None
    session.memory.write(100, b"\xaa")
    before = bytes(bench.memory.cells)
    with caplog.at_level(logging.INFO):
        answer = dispatcher.execute(session, bytes.fromhex("0020000003123456"))
    assert answer == b"\x6f\x00"
    assert bench.memory.cells == before
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "123456" not in caplog.text
    assert "00200000" in caplog.text
    # What it had staged does not slip in with the next command.
    assert dispatcher.execute(session, bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"
    assert bench.memory.cells == before
