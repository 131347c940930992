# SPDX-License-Identifier: Apache-2.0
"""States of the card: blank, development, working, blocked; CLEAR DF, FREEZE MF, GET INFO."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sscard_chip.apdu.instructions import BASE
from sscard_chip.applications.issuing import ISSUING
from sscard_chip.applications.medical import MEDICAL
from sscard_chip.card import Card
from sscard_chip.filesystem.layout import TRANSPORT_KEY_AT, top
from sscard_chip.memory import CardMemoryError, create_image
from sscard_chip.memory.store import Write
from sscard_chip.profile.blank import make_blank
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, UPDATE_BINARY
from tests.bench.blank import (
    CLEAR,
    CREATE_ATR,
    CREATE_DF04,
    CREATE_KEY_FILE,
    CREATE_MF,
    FREEZE,
    HISTORICAL,
    INFO,
    NEW,
    SELECT_MF,
    SELECT_SSSE,
    TEMPORARY,
    TRANSPORT,
    ZERO,
    BlankBench,
)
from tests.bench.issued import SSSE, Bench

KEY = bytes.fromhex("000A0100 0000 03 AA") + NEW


def test_a_blank_card_answers_to_what_it_can() -> None:
    bench = BlankBench()
    assert bench.card.atr == b"\x3b\x6d\0\0" + HISTORICAL
    assert bench.ok(INFO).hex().upper() == "5353C10301FFFF0A00003800 00FFC0".replace(" ", "")
    assert bench.ok("BFC80000") == bench.ok(INFO)
    assert bench.sw("BFC800000E") == 0x6C0F
    assert bench.sw("BFC8000001AA") == 0x6700
    assert bench.sw("BFC800010F") == 0x6A86
    assert len(bench.ok("0084000008")) == 8


def test_a_blank_card_refuses_the_rest() -> None:
    bench = BlankBench()
    before = bytes(bench.memory.cells)
    able = {"GET CHALLENGE", "EXTERNAL AUTHENTICATE", "GET INFO", "CREATE FILE", "SELECT"}
    for instruction in (*BASE, *ISSUING, *MEDICAL):
        if instruction.command.name in able:
            continue
        command = instruction.command.header(0, 0)
        for data in (b"", b"\0", b"\x01\xff", b"\x08" + bytes(8), b"\x10" + bytes(16)):
            assert bench.sw(command + data) == 0x6985, instruction.command.name
    for selection in (
        SELECT_MF, SELECT_SSSE, "00A40000", "00A40300", "00A4020002EF05", "00A40000020000",
        "00A4000002FFFF", "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",
    ):  # fmt: skip
        assert bench.sw(selection) == 0x6A82, selection
    assert bench.sw("0082000510" + "00" * 16) in (0x6984, 0x6A88)
    assert bench.sw("B02C01000F" + "00" * 15) == 0x6985
    assert bench.sw("00FF0000") == 0x6D00
    assert bench.sw("20A40000") == 0x6E00
    assert bench.sw("00A4") == 0x6700
    assert bench.memory.cells == before


def test_states() -> None:
    bench = BlankBench()
    assert bench.state == 0x0A
    bench.make_ssse()
    assert bench.state == 0x0B
    assert bench.ok(INFO)[9:11] == b"\x3a\x38"
    assert bench.sw(FREEZE) == 0x6985  # not in the MF
    bench.ok(SELECT_MF)
    assert bench.ok(INFO)[9] == 0x39
    assert bench.sw(FREEZE) == 0x6982
    assert bench.sw(CLEAR) == 0x6982
    assert bench.authenticate(ZERO) == 0x9000
    assert bench.sw("BFFE000001AA") == 0x6700
    assert bench.sw("BFFE0100") == 0x6A86
    bench.ok(FREEZE)
    assert bench.state == 0x0C
    assert bench.sw(FREEZE) == 0x6D00
    assert bench.sw(CLEAR) == 0x6985
    assert bench.sw(CREATE_MF) == 0x6985
    bench.card.power_on()
    assert bench.state == 0x0C
    assert bench.sw(FREEZE) == 0x6D00
    area = bench.memory.cells[TRANSPORT_KEY_AT : TRANSPORT_KEY_AT + 20]
    assert area == bytes(20)


def test_the_transport_key_lives_while_there_is_no_mf() -> None:
    bench = BlankBench()
    bench.make_ssse()
    assert bench.write_key(0, 2, KEY, ZERO) == 0x9000
    bench.ok(SELECT_MF)
    assert bench.write_key(1, 0, b"\0\0\0" + TEMPORARY, ZERO) == 0x9000
    assert bench.authenticate(TRANSPORT) == 0x63C2
    assert bench.authenticate(TEMPORARY) == 0x9000
    bench.ok(CLEAR)
    assert bench.state == 0x0A
    assert bench.sw(SELECT_MF) == 0x6A82
    fresh = make_blank(TRANSPORT, historical_bytes=HISTORICAL)
    assert bench.memory.cells == fresh.cells  # nothing of the keys is left
    assert bench.sw(CREATE_MF) == 0x6982
    bench.make_ssse()
    bench.ok(CREATE_DF04)


class Power:
    """A log that takes so many commits; then the power is gone."""

    failed = False

    def __init__(self, commits: int) -> None:
        self.left = commits

    def append(self, writes: Sequence[Write]) -> None:
        if not self.left:
            raise CardMemoryError("no power")
        self.left -= 1

    def close(self) -> None:
        """There is nothing to release."""


@pytest.mark.parametrize("commits", range(5))
def test_a_power_cut_while_cells_are_erased(commits: int) -> None:
    """The files are there or gone; what is left in free cells is erased before they are used."""
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E000030D EF08 6000 00 00 00 0000 0000 00 00", "00A4020002EF08")
    for page in range(0, 0x60, 4):
        bench.ok(UPDATE_BINARY.apdu(page, data=b"\xa5" * 200))
    bench.memory.log = Power(commits)
    assert bench.sw(CLEAR) == 0x6581
    bench.memory.log = None
    bench.card.power_on()
    if commits == 0:
        assert bench.state == 0x0B
        bench.ok("00A4020002EF08")
        return
    assert bench.state == 0x0A
    bench.make_ssse()
    assert b"\xa5" not in bytes(bench.memory.cells).replace(TRANSPORT, b"")


def test_clear_a_directory_in_the_middle() -> None:
    bench = BlankBench()
    bench.make_ssse()
    bench.ok(CREATE_DF04, "00A4000002DF04")
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(CREATE_KEY_FILE)
    assert bench.write_key(0, 2, KEY, ZERO) == 0x9000
    assert bytes(bench.memory.cells).count(NEW) == 1
    bench.ok(SELECT_MF)
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(CREATE_ATR, SELECT_SSSE)
    assert bench.sw(CLEAR) == 0x6982
    assert bench.authenticate(ZERO) == 0x9000
    before = top(bench.memory)
    bench.ok(CLEAR)
    assert top(bench.memory) == before  # the ATR file lies behind
    assert NEW not in bench.memory.cells
    assert bench.sw("00A4000002DF04") == 0x6A82
    bench.ok(CREATE_KEY_FILE, CREATE_DF04, "00A4000002DF04")
    assert [d.fid for d in Card(create_image(bench.memory)).files.directories] == [
        0x3F00,
        0xDDF1,
        0xDF04,
    ]
    bench.card.power_on()
    bench.ok("00A40200020001")


def test_clear_gives_back_the_room_of_the_last_files() -> None:
    bench = BlankBench()
    bench.make_ssse()
    before = top(bench.memory)
    bench.ok(CREATE_DF04, "00A4000002DF04")
    assert bench.authenticate(ZERO) == 0x9000
    here = top(bench.memory)
    bench.ok(CREATE_KEY_FILE, "80E000030D EF08 0100 00 00 00 0000 0000 00 00")
    bench.ok("00A4020002EF08", "00D6000004 A1A2A3A4", CLEAR)
    assert top(bench.memory) == here
    assert not any(bench.memory.cells[here:])
    assert bench.sw("00A4020002EF08") == 0x6A82
    bench.ok(CREATE_KEY_FILE)
    bench.ok("00A40300")
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(CLEAR)
    assert top(bench.memory) == before - 32 - 0x180  # the key file of SSSE too


def test_clear_in_the_working_state_needs_the_master_key() -> None:
    bench = Bench(3)
    bench.enter(0xDF03)
    before = bytes(bench.memory.cells)
    assert bench.sw(CLEAR) == 0x6982
    assert bench.memory.cells == before
    challenge = bench.challenge()
    encrypt = bench.suite.encryptor(bench.data.master_keys[0xDF03])
    whole = encrypt(challenge + bytes(8))
    data = (int.from_bytes(whole[:8]) ^ int.from_bytes(whole[8:])).to_bytes(8)
    assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(data=data)) == 0x9000
    bench.ok(CLEAR)
    assert bench.sw("00A4020002EF05") == 0x6A82
    bench.power_cycle()
    bench.enter(SSSE)
    bench.ok("00B2072C00")


def test_a_blocked_card_still_answers_get_info() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.authenticate(0x05) == 0x9000
    stk = bench.key("STKSSSE")
    bench.ok(bench.secured("84160000", b"", stk, bench.challenge()))
    assert bench.ok(INFO)[7] == 0x0D
    bench.power_cycle()
    assert bench.ok(INFO)[7] == 0x0D
    for command in ("0084000008", SELECT_MF, CREATE_MF, "00FF0000", CLEAR, FREEZE):
        assert bench.sw(command) == 0x6A81


def test_a_failed_memory_is_told_by_get_info() -> None:
    bench = BlankBench()
    power = Power(0)
    bench.memory.log = power
    power.failed = True
    assert bench.state == 0x0E
    assert bench.authenticate(TRANSPORT) == 0x6581  # a wrong try could not be counted


@pytest.mark.parametrize("fid", [SSSE, 0xDF01])
def test_kind_of_the_current_directory(fid: int) -> None:
    bench = Bench(2)
    bench.enter(fid)
    info = bench.ok(INFO)
    assert info[7:11] == bytes((0x0C, 0, 0x3A if fid == SSSE else 0x38, 0x38))
    assert int.from_bytes(info[13:]) < int.from_bytes(info[11:13])
