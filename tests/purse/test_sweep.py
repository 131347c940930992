# SPDX-License-Identifier: Apache-2.0
"""Every class and instruction, and every P1 P2 of each: what the application knows is what its
page says, and the rest is refused without a trace."""

from __future__ import annotations

from itertools import product

import pytest

from sscard_chip.applications.purse import PURSE
from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from tests.bench.purse import INITS, Terminal
from tests.bench.purse_cards import new_memory

ALL = range(256)
RICH = Purse(balance_fen=1_000)
KNOWN = {(i.command.cla, i.command.ins) for i in PURSE}
FORMS = {  # a data field of a right length, and the P1 P2 that may be followed by it
    (0x80, 0x50): (bytes(11), {bytes.fromhex(p) for k, p in INITS.items() if k != 7}),
    (0x80, 0x52): (bytes(11), {b"\x00\x00"}),
    (0x80, 0x54): (bytes(15), {b"\x01\x00"}),
    (0x80, 0x58): (bytes(14), {b"\x00\x00"}),
    (0x80, 0x5A): (bytes(2), {bytes((0, kind)) for kind in INITS}),
    (0x80, 0x5C): (b"", {b"\x00\x01", b"\x00\x02"}),
    (0x80, 0x5E): (bytes.fromhex("123456FF4567") + bytes(4), {b"\x01\x00", b"\x00\x00"}),
    (0x84, 0x1E): (bytes(4), {b"\x00\x00", b"\x00\x01"}),
    (0x84, 0x18): (bytes(4), {b"\x00\x00"}),
    (0x84, 0x16): (bytes(4), {b"\x00\x00"}),
    (0x84, 0x24): (bytes(12), {bytes((0, key)) for key in ALL}),
    (0x00, 0x84): (b"", {b"\x00\x00"}),
    (0x00, 0x20): (b"", {b"\x00\x00"}),
    (0x00, 0x82): (bytes(8), {bytes((0, key)) for key in ALL}),
    (0x00, 0x88): (bytes(8), {bytes((0, key)) for key in ALL}),
}


@pytest.fixture(scope="module")
def card() -> Card:
    card = Card(new_memory(deposit=RICH, purse=RICH))
    card.power_on()
    Terminal(card.transmit, "3des").open()
    return card


def test_every_class_and_instruction(card: Card) -> None:
    """6881 for channels, 6E00 and 6D00 for what is not there; nothing changes."""
    cells = bytes(card._memory.cells)
    unknown = set()
    for cla, ins in product(ALL, ALL):
        sw = card.transmit(bytes((cla, ins, 0xFF, 0xFF)))[-2:].hex().upper()
        channel = cla & 0xC0 == 0x40 or (cla & 0xF0 == 0 and cla & 0x03)
        if (cla, ins) in KNOWN:
            assert sw not in ("6D00", "6E00", "6881", "6F00") or ins == 0xC0, (cla, ins)
        elif channel:
            assert sw == "6881"
        else:
            assert sw in ("6D00", "6E00")
            unknown.add(sw)
    assert unknown == {"6D00", "6E00"}
    assert card._memory.cells == cells


@pytest.mark.parametrize("code", FORMS, ids=lambda code: f"{code[0]:02X}{code[1]:02X}")
def test_every_p1_p2(code: tuple[int, int]) -> None:
    """6A86 for all others than those of the page."""
    card = Card(new_memory(deposit=RICH, purse=RICH))
    card.power_on()
    Terminal(card.transmit, "3des").open()
    data, taken = FORMS[code]
    tail = bytes((len(data),)) + data if data else b"\x08"
    found = set()
    pristine = bytes(card._memory.cells)
    for p1, p2 in product(ALL, ALL):
        answer = card.transmit(bytes((*code, p1, p2)) + tail)
        if answer[-2:] != b"\x6a\x86":
            found.add(bytes((p1, p2)))
            if card._memory.cells != pristine:  # a try was counted, or the PIN changed
                card._memory.cells[:] = pristine
    if code == (0x80, 0x50):
        taken = taken | {b"\x04\x01"}  # taken for what it is, and refused for its length
    if code == (0x80, 0x54):
        taken = taken | {b"\x03\x00"}
    assert found == taken
