# SPDX-License-Identifier: Apache-2.0
"""Every class and instruction, every P1 P2 of each, in every state; and the firewall both ways."""

from __future__ import annotations

from itertools import product

import pytest

from sscard_chip.applications.pki import PKI
from sscard_chip.card import Card
from tests.bench.exchange import SUCCESS
from tests.bench.pki_cards import (
    ADMIN,
    GENERATE,
    SELECT_CERT,
    SELECT_PKI,
    PkiTerminal,
    new_card,
    pair,
)

ALL = range(256)
KNOWN = {(i.command.cla, i.command.ins) for i in PKI}
FORMS = {  # a data field of a right length, and the P1 P2 that may be followed by it
    (0x80, 0xC4): ("C10100", {"0103"}),
    (0x00, 0x20): ("00" * 16, {"0181", "0100"}),
    (0x84, 0x5E): ("00" * 20, {"0181", "0100"}),
    (0x80, 0x40): ("C0020012C2020013", {"0000"}),
    (0x80, 0xC9): ("C0020012C2020013", {"8200", "8280"}),
    (0x80, 0x4E): ("C2020013C170" + "00" * 112, {"0001"}),
    (0x80, 0x4A): ("C110" + "00" * 16, {"0210"}),
    (0x80, 0xC2): ("C0020014CA40" + "00" * 64, {"4000", "C001"}),
    (0x00, 0x82): ("00" * 16, {"0000"}),
    (0x84, 0xD4): ("00" * 36, {"0100"}),
    (0x00, 0x2A): ("00" * 32, {"9E9A"}),
    (0x00, 0x88): ("00" * 16, {"0000"}),
    (0x00, 0x84): ("", {"0000"}),
}
SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
SELECT_PURSE = "00A4040009A00000000386980701"
SELECT_BANK = "00A4040008A000000333010101"
SELECT_TRANSIT = "00A4040008A000000632010105"
OTHERS = (SELECT_SSSE, SELECT_PURSE, SELECT_BANK, SELECT_TRANSIT)

COMMANDS = {
    "digest": "80C4010305C103123456",
    "generate": GENERATE,
    "name": "80C9820008C0020012C2020013",
    "envelope": "804E000178C2020013C1820070" + "00" * 112,
    "session key": "804A021012C110" + "11" * 16,
    "public": "80C2400046C0020014CA40",
    "private": "80C2C00126C2020015CB20" + "00" * 32,
    "certificate": "00D698000100",
    "read": "00B0980001",
    "sign": "002A9E9A20" + "00" * 32,
    "prove": "0088000010" + "00" * 16,
    "master key": "84D4010024" + "00" * 36,
    "user": "0020018100",
    "admin": "0020010000",
}
OUTSIDE, EMPTY, USER_PROVEN, ADMIN_PROVEN, WITH_KEYS = "outside", "empty", "user", "admin", "keys"
WORDS = {
    "digest": "9000 9000 9000 9000 9000",
    "generate": "6985 6982 9000 9000 9000",
    "name": "6985 6A88 6A88 6A88 9000",
    "envelope": "6985 6982 6A88 6A88 6A80",
    "session key": "6985 6982 9000 9000 9000",
    "public": "6985 6982 9000 9000 9000",
    "private": "6985 6982 6985 6985 6985",
    "certificate": "6A82 6982 9000 9000 9000",
    "read": "6A82 9000 9000 9000 9000",
    "sign": "6985 6982 6A88 6982 9000",
    "prove": "6985 6A88 6A88 6A88 9000",
    "master key": "6982 6982 6982 6982 6982",
    "user": "6A88 63C6 63C6 63C6 63C6",
    "admin": "6A88 63C6 63C6 63C6 63C6",
}


def stand(state: str) -> PkiTerminal:
    """A card in a state."""
    terminal = PkiTerminal(new_card().transmit)
    terminal.ok(SELECT_PKI)
    if state != OUTSIDE:
        terminal.ok(SELECT_CERT)
    if state in (USER_PROVEN, WITH_KEYS):
        assert terminal.login() == SUCCESS
    if state in (ADMIN_PROVEN, WITH_KEYS):
        assert terminal.login(ADMIN, admin=True) == SUCCESS
    if state == WITH_KEYS:
        terminal.generate()
    return terminal


@pytest.mark.parametrize(
    ("place", "state"), list(enumerate((OUTSIDE, EMPTY, USER_PROVEN, ADMIN_PROVEN, WITH_KEYS)))
)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_in_every_state(name: str, place: int, state: str) -> None:
    command = COMMANDS[name] + (pair()[1].hex() if name == "public" else "")
    assert f"{stand(state).send(command).sw:04X}" == WORDS[name].split()[place]


@pytest.fixture(scope="module")
def card() -> Card:
    card = new_card()
    PkiTerminal(card.transmit).enter()
    return card


def test_every_class_and_instruction(card: Card) -> None:
    """6881 for channels, 6E00 and 6D00 for what is not there; nothing changes."""
    cells = bytes(card._memory.cells)
    for cla, ins in product(ALL, ALL):
        sw = card.transmit(bytes((cla, ins, 0xFF, 0xFF)))[-2:].hex().upper()
        if (cla, ins) in KNOWN:
            assert sw not in ("6D00", "6E00", "6881", "6F00") or ins == 0xC0, (cla, ins)
        elif cla & 0xC0 == 0x40 or (cla & 0xF0 == 0 and cla & 0x03):
            assert sw == "6881"
        else:
            assert sw in ("6D00", "6E00")
    assert card._memory.cells == cells


@pytest.mark.parametrize("code", FORMS, ids=lambda code: f"{code[0]:02X}{code[1]:02X}")
def test_every_p1_p2(card: Card, code: tuple[int, int]) -> None:
    """6A86 for all others than those of the page."""
    data, taken = FORMS[code]
    tail = bytes((len(data) // 2,)) + bytes.fromhex(data) if data else b"\x08"
    pristine, found = bytes(card._memory.cells), set()
    for p1, p2 in product(ALL, ALL):
        if card.transmit(bytes((*code, p1, p2)) + tail)[-2:] != b"\x6a\x86":
            found.add(f"{p1:02X}{p2:02X}")
            card._memory.cells[:] = pristine
    assert found == taken


@pytest.mark.parametrize("other", OTHERS)
def test_nothing_proven_here_counts_elsewhere_and_back(other: str) -> None:
    """Rights, challenge and session key end at the border, in both directions."""
    terminal = PkiTerminal(new_card(with_all=True).transmit)
    terminal.ready()
    terminal.generate()
    terminal.ok("804A021012C110" + "11" * 16)
    terminal.challenge(16)
    terminal.ok(other)
    for command in (GENERATE, "002A9E9A20" + "00" * 32, "80C4010305C103123456"):
        assert terminal.sw(command) in (0x6D00, 0x6E00)
    assert terminal.sw("00A40000020014") == 0x6A82
    terminal.ok(SELECT_CERT)
    assert terminal.sw(GENERATE) == 0x6982
    assert terminal.sw("0020018110" + "00" * 16) == 0x6984
    assert terminal.login() == SUCCESS
    assert terminal.sw("80C2C00126C2020015CB20" + "00" * 32) == 0x6985


def test_nothing_proven_elsewhere_counts_here() -> None:
    terminal = PkiTerminal(new_card(with_all=True).transmit)
    terminal.ok(SELECT_SSSE)
    assert terminal.verify("123456") == SUCCESS
    terminal.challenge(16)
    terminal.ok(SELECT_CERT)
    assert terminal.sw("0020018110" + "00" * 16) == 0x6984
    assert terminal.sw("002A9E9A20" + "00" * 32) == 0x6982
    for foreign in ("00B2010540", "0020000003123456", "B026000104", "805C000204"):
        assert terminal.sw(foreign) in (0x6D00, 0x6E00, 0x6A86)
    terminal.ok(SELECT_SSSE)
    assert terminal.sw("00A4000002EF05") == SUCCESS
    assert terminal.sw("0020000000") == 0x63C6


def test_its_directories_have_names_and_fids_of_their_own() -> None:
    """FID DF01 is the certificate application seen from PKI, and 公共应用 seen from SSSE."""
    terminal = PkiTerminal(new_card().transmit)
    terminal.ok(SELECT_SSSE)
    assert terminal.sw("00A4000002DDF2") == 0x6A82
    assert b"\xd1\x56\x00\x00\x05\x00" in terminal.ok("00A4000002DF01")
    terminal.ok(SELECT_PKI)
    assert b"SS.CERT.ADF1" in terminal.ok("00A4000002DF01")
    assert terminal.sw("00A4000002DF02") == 0x6A82
