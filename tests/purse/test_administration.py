# SPDX-License-Identifier: Apache-2.0
"""Selection, files, PIN, authentication, blocking; and the wall to the social security part."""

from __future__ import annotations

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.standard.commands import (
    CHANGE_PIN,
    INTERNAL_AUTHENTICATE,
    PIN_CHANGE_UNBLOCK,
    SELECT,
)
from tests.bench.exchange import SUCCESS
from tests.bench.purse import AID, ED_LOAD, EP_BUY, EP_LOAD, Terminal
from tests.bench.purse_cards import ALGORITHMS, CARDHOLDER, PUBLIC, new_card, new_memory, secret
from tests.bench.reference import purse as reference

SSSE = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
FCI = bytes.fromhex("6F32 8409") + AID + bytes.fromhex("A525 9F080101 9F0C1E") + PUBLIC


@pytest.fixture(params=ALGORITHMS)
def terminal(request: pytest.FixtureRequest) -> Terminal:
    card = new_card(request.param, purse=Purse(balance_fen=1_000))
    terminal = Terminal(card.transmit, request.param)
    terminal.select()
    return terminal


def select_ssse(terminal: Terminal) -> None:
    terminal.ok(SELECT.apdu(0x04, data=SSSE))


# --- selection and files --------------------------------------------------------------------------


def test_fci_has_the_public_data(terminal: Terminal) -> None:
    assert terminal.select() == FCI
    assert terminal.ok("00A4040005A000000003") == FCI
    assert terminal.ok("00B0950000") == PUBLIC
    assert terminal.ok("00B0960000") == CARDHOLDER
    assert len(terminal.ok("00B0970000")) == 0x3C


def test_fci_follows_an_update(terminal: Terminal) -> None:
    command = terminal.secured("04D69509", bytes.fromhex("02") + bytes(9) + b"\x77")
    assert terminal.sw(command) == SUCCESS
    new = PUBLIC[:9] + b"\x02" + bytes(9) + b"\x77" + PUBLIC[20:]
    assert terminal.ok("00B0950000") == new
    assert terminal.select() == FCI[:18] + b"\x02" + FCI[19:22] + new


@pytest.mark.parametrize(
    ("header", "data", "sw"),
    [
        ("00D69500", b"\x11", 0x6987),  # no MAC at all
        ("04D69500", b"", 0x6700),  # nothing to write
        ("04D6951E", b"\x11", 0x6B00),
        ("04D6951D", b"\x11\x22", 0x6A84),
        ("04D69600", b"\x11", 0x6982),  # 0016 needs the external key too
        ("04D68100", b"\x11", 0x6A82),  # the deposit is no file that a command reaches
        ("04D69900", b"\x11", 0x6981),  # 0019 has records
        ("04DC01C4", b"\x11" * 23, 0x6982),  # nobody writes the log
        ("04DC02C8", b"\x02\x01\x00", 0x6A84),  # there is no room for another record
    ],
)
def test_updates_that_are_refused(terminal: Terminal, header: str, data: bytes, sw: int) -> None:
    if header.startswith("04"):
        assert terminal.sw(terminal.secured(header, data)) == sw
    else:
        assert terminal.sw(bytes.fromhex(header) + bytes((len(data),)) + data) == sw


def test_mac_of_an_update(terminal: Terminal) -> None:
    """6987, 6984, 6988; the challenge is spent, and a challenge of 8 bytes does as well."""
    assert terminal.sw("04D6950003112233") == 0x6987
    assert terminal.sw("04D695000511AABBCCDD") == 0x6984
    assert terminal.sw(terminal.secured("04D69500", b"\x11", wrong=True)) == 0x6988
    command = terminal.secured("04D69500", b"\x11")
    assert terminal.sw(command) == SUCCESS
    assert terminal.sw(command) == 0x6984
    challenge, head = terminal.challenge(8), b"\x04\xd6\x95\x00\x05\x22"
    key = terminal.key("PURSE_DAMK")
    mac = reference.command_mac(terminal.algorithm, key, challenge, head)
    assert terminal.sw(head + mac) == SUCCESS


def test_update_of_a_record(terminal: Terminal) -> None:
    command = terminal.secured("04DC01C8", b"\x01\x0812345678")
    assert terminal.sw(command) == SUCCESS
    assert terminal.compound(1) == b"12345678"
    assert terminal.sw("00DC01C80A" + "0108" + "11" * 8) == 0x6987


def test_log_needs_the_pin_unless_it_is_free() -> None:
    for free in (False, True):
        card = new_card(purse=Purse(balance_fen=10), free_log=free)
        terminal = Terminal(card.transmit, "3des")
        terminal.select()
        terminal.do(EP_BUY, 1)
        assert terminal.send("00B201C417")[1] == (SUCCESS if free else 0x6982)
        assert terminal.verify() == SUCCESS
        assert len(terminal.log()) == 1


# --- authentication -------------------------------------------------------------------------------


def test_external_authentication_opens_the_cardholder_file(terminal: Terminal) -> None:
    data = b"\x01" + CARDHOLDER[1:]
    assert terminal.authenticate(wrong=True) == 0x63C2
    assert terminal.sw(terminal.secured("04D69600", data)) == 0x6982
    assert terminal.authenticate() == SUCCESS
    assert terminal.sw(terminal.secured("04D69600", data)) == SUCCESS
    assert terminal.ok("00B0960000") == data
    select_ssse(terminal)
    terminal.select()
    assert terminal.sw(terminal.secured("04D69600", data)) == 0x6982


def test_external_authentication_counts(terminal: Terminal) -> None:
    assert terminal.sw("0082000108" + "11" * 8) == 0x6984
    assert terminal.authenticate(2) == 0x6A88
    assert terminal.authenticate(0) == 0x6A88
    assert terminal.sw("0082000107" + "11" * 7) == 0x6700
    assert [terminal.authenticate(wrong=True) for _ in range(2)] == [0x63C2, 0x63C1]
    assert terminal.authenticate() == SUCCESS
    tries = [terminal.authenticate(wrong=True) for _ in range(4)]
    assert tries == [0x63C2, 0x63C1, 0x63C0, 0x6983]
    assert terminal.authenticate() == 0x6983


def test_internal_authentication_proves_the_card(terminal: Terminal) -> None:
    original = bytes(range(8))
    answer = terminal.ok(INTERNAL_AUTHENTICATE.apdu(p2=0x01, data=original))
    assert answer == reference.response(terminal.algorithm, secret("PURSE_DIAK"), original)
    assert terminal.sw("0088000208" + "11" * 8) == 0x6A88
    assert terminal.sw("0088000107" + "11" * 7) == 0x6700
    assert terminal.sw("0088010108" + "11" * 8) == 0x6A86


# --- PIN ------------------------------------------------------------------------------------------


def test_verify(terminal: Terminal) -> None:
    tries = [terminal.verify("000000") for _ in range(2)]
    assert tries == [0x63C2, 0x63C1]
    assert terminal.sw("0020000000") == 0x63C1
    assert terminal.verify() == SUCCESS
    assert [terminal.verify("00000000") for _ in range(3)] == [0x63C2, 0x63C1, 0x63C0]
    assert terminal.verify() == 0x6983


def test_change_pin(terminal: Terminal) -> None:
    assert terminal.sw("805E010006123456FF4567") == SUCCESS
    assert terminal.verify("4567") == SUCCESS
    assert terminal.sw("805E010006123456FF4567") == 0x63C2
    for new in ("45", "45674567456745", "456A", "FFFF"):
        data = bytes.fromhex("4567FF" + new)
        assert terminal.sw(CHANGE_PIN.apdu(data=data)) == 0x6A80, new
    assert terminal.sw("805E010006456712345678") == 0x6A80
    assert terminal.sw("805E0100024567") == 0x6700
    assert terminal.sw("805E010107123456FF4567FF") == 0x6A86
    assert terminal.verify("4567") == SUCCESS


def test_card_without_a_pin() -> None:
    card = new_card(pin="")
    terminal = Terminal(card.transmit, "3des")
    terminal.select()
    terminal.do(ED_LOAD, 100)
    assert terminal.sw("805E010003FF4567") == SUCCESS
    assert terminal.sw(terminal.init_command(ED_LOAD, 100)) == 0x6982
    assert terminal.verify("4567") == SUCCESS
    terminal.do(ED_LOAD, 100)


def test_reload_pin(terminal: Terminal) -> None:
    for _ in range(3):
        terminal.verify("000000")
    assert terminal.verify() == 0x6983
    command = terminal.reload_pin_command("987654321098")
    assert terminal.sw(command[:-1] + bytes((command[-1] ^ 1,))) == 0x9302
    assert terminal.sw(command) == SUCCESS
    assert terminal.verify("987654321098") == SUCCESS
    assert terminal.sw(terminal.reload_pin_command("98AA")) == 0x6A80
    assert terminal.sw("805E000005" + "11" * 5) == 0x6700
    assert terminal.sw("805E00000B" + "11" * 11) == 0x6700
    assert terminal.verify("987654321098") == SUCCESS


def test_wrong_reload_macs_lock_the_application(terminal: Terminal) -> None:
    command = terminal.reload_pin_command("1234")
    wrong = command[:-1] + bytes((command[-1] ^ 1,))
    assert [terminal.sw(wrong) for _ in range(2)] == [0x9302] * 2
    assert terminal.sw(command) == SUCCESS
    assert [terminal.sw(wrong) for _ in range(4)] == [0x9302] * 3 + [0x9303]
    assert terminal.sw(command) == 0x9303


def test_unblock_pin(terminal: Terminal) -> None:
    for _ in range(3):
        terminal.verify("000000")
    assert terminal.unblock_pin("123456", wrong=True) == 0x6988
    assert terminal.verify() == 0x6983
    assert terminal.unblock_pin("123456") == SUCCESS
    assert terminal.verify() == SUCCESS
    assert terminal.unblock_pin("2468") == SUCCESS
    assert terminal.verify("2468") == SUCCESS
    assert terminal.unblock_pin("24AA") == 0x6A80
    assert terminal.unblock_pin("2468", key=2) == 0x6A88
    block = reference.BLOCK[terminal.algorithm]
    data = b"\x11" * (block + 4)
    unblock = PIN_CHANGE_UNBLOCK.apdu
    assert terminal.sw(unblock(0x00, 0x01, data)) == 0x6988  # spends the challenge
    assert terminal.sw(unblock(0x00, 0x01, data)) == 0x6984
    assert terminal.sw(unblock(0x00, 0x01, data[1:])) == 0x6700
    assert terminal.sw(unblock(0x01, 0x01, data)) == 0x6A86
    sealed = bytes(block)  # deciphers to no length and padding
    assert terminal.sw(terminal.secured("84240001", sealed, "PURSE_DPUK")) == 0x6A80
    assert terminal.verify("2468") == SUCCESS


# --- blocking -------------------------------------------------------------------------------------


def test_block_and_unblock(terminal: Terminal) -> None:
    assert terminal.verify() == SUCCESS
    assert terminal.sw(terminal.secured("84180000")) == 0x6985
    assert terminal.sw(terminal.secured("841E0000", wrong=True)) == 0x6988
    assert terminal.sw(terminal.secured("841E0000")) == SUCCESS
    assert terminal.send(SELECT.apdu(0x04, data=AID)) == (FCI, 0x6283)
    for command in ("805C000204", "00B0950000", "0020000003123456", "805A0006020000",
                    "0082000108" + "11" * 8, "0088000108" + "11" * 8, "00B201C417"):  # fmt: skip
        assert terminal.sw(command) == 0x6A81
    assert terminal.sw(terminal.init_command(EP_BUY, 1)) == 0x6A81
    assert terminal.sw(terminal.secured("84180000", wrong=True)) == 0x6988
    assert terminal.sw(terminal.secured("84180000")) == SUCCESS
    terminal.do(EP_BUY, 1)


def test_block_survives_power(terminal: Terminal) -> None:
    card = new_card()
    first = Terminal(card.transmit, "3des")
    first.select()
    assert first.sw(first.secured("841E0000")) == SUCCESS
    card.power_on()
    assert first.send(SELECT.apdu(0x04, data=AID)) == (FCI, 0x6283)
    assert first.sw("805C000204") == 0x6A81


def test_third_wrong_unblock_locks_for_good(terminal: Terminal) -> None:
    assert terminal.sw(terminal.secured("841E0000")) == SUCCESS
    for _ in range(2):
        assert terminal.sw(terminal.secured("84180000", wrong=True)) == 0x6988
    assert terminal.sw(terminal.secured("84180000")) == SUCCESS
    assert terminal.sw(terminal.secured("841E0000")) == SUCCESS
    for _ in range(3):
        assert terminal.sw(terminal.secured("84180000", wrong=True)) == 0x6988
    assert terminal.sw("0084000004") == 0x9303
    assert terminal.sw(SELECT.apdu(0x04, data=AID)) == 0x9303


@pytest.mark.parametrize("first", [False, True], ids=["working", "blocked before"])
def test_block_for_good(terminal: Terminal, first: bool) -> None:
    if first:
        assert terminal.sw(terminal.secured("841E0000")) == SUCCESS
    assert terminal.sw(terminal.secured("841E0001")) == SUCCESS
    assert terminal.sw("805C000204") == 0x9303
    assert terminal.sw(SELECT.apdu(0x04, data=AID)) == 0x9303
    select_ssse(terminal)


def test_block_card(terminal: Terminal) -> None:
    assert terminal.sw(terminal.secured("84160000", wrong=True)) == 0x6988
    assert terminal.sw(terminal.secured("84160000")) == SUCCESS
    assert terminal.sw(SELECT.apdu(0x04, data=SSSE)) == 0x6A81


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("841E000204AABBCCDD", 0x6A86), ("841E010004AABBCCDD", 0x6A86),
        ("841E000003AABBCC", 0x6700), ("841E000004AABBCCDD", 0x6984),
        ("8418000104AABBCCDD", 0x6A86), ("8416000104AABBCCDD", 0x6A86),
        ("8416000004AABBCCDD", 0x6984), ("841E0000", 0x6700),
        ("801E000004AABBCCDD", 0x6E00), ("80AE400000", 0x6D00), ("B026000104", 0x6E00),
        ("00E0000300", 0x6D00), ("80E0000301AA", 0x6D00),
    ],
)  # fmt: skip
def test_forms_of_commands(terminal: Terminal, command: str, sw: int) -> None:
    assert terminal.sw(command) == sw


# --- the wall -------------------------------------------------------------------------------------


def test_wall_to_the_social_security_part(terminal: Terminal) -> None:
    """Rights, PIN, challenge and transaction of one are nothing in the other."""
    assert terminal.verify() == SUCCESS
    opened = terminal.init(EP_LOAD, 1)
    command, _ = terminal.completion(opened)
    select_ssse(terminal)
    assert terminal.sw("805C000204") == 0x6D00
    assert terminal.sw("0020000000") == 0x63C6  # its own PIN, its own tries
    terminal.challenge(8)
    terminal.select()
    assert terminal.sw(command) == 0x6985
    assert terminal.sw("0082000108" + "11" * 8) == 0x6984
    assert terminal.sw(terminal.init_command(EP_LOAD, 1)) == 0x6982
    assert terminal.sw("0020000000") == 0x63C3


def test_other_pin_locked_means_nothing(terminal: Terminal) -> None:
    for _ in range(3):
        terminal.verify("000000")
    assert terminal.verify() == 0x6983
    select_ssse(terminal)
    assert terminal.verify() == SUCCESS


def test_application_is_found_by_name_alone(terminal: Terminal) -> None:
    select_ssse(terminal)
    assert terminal.sw("00A40000021001") == 0x6A82
    assert terminal.ok("00A40000023F00")
    assert terminal.sw("00A40000021001") == 0x6A82


def test_dormant_application_is_not_found() -> None:
    card = Card(new_memory(dormant=True))
    card.power_on()
    terminal = Terminal(card.transmit, "3des")
    assert terminal.sw(SELECT.apdu(0x04, data=AID)) == 0x6A82
    assert terminal.sw("00A40000021001") == 0x6A82
