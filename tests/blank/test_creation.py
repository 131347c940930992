# SPDX-License-Identifier: Apache-2.0
"""CREATE FILE: the structure of the personalisation page 2.5, and everything it refuses."""

from __future__ import annotations

import pytest

from sscard_chip.filesystem.files import CyclicFile, LinearFile, TransparentFile
from sscard_chip.filesystem.tree import Directory
from tests.bench.blank import (
    CREATE_ATR,
    CREATE_DF04,
    CREATE_KEY_FILE,
    CREATE_MF,
    CREATE_SSSE,
    HISTORICAL,
    SELECT_MF,
    SELECT_SSSE,
    SSSE_NAME,
    TRANSPORT,
    ZERO,
    BlankBench,
)

FILES_OF_SSSE = (
    "80E000030D EF1D 0003 00 00 80 0000 0000 00 00",
    "80E000050E EF1E 0100 00 00 00 80 0000 0000 00 00",
    "80E000050E EF05 0040 00 01 00 00 0000 4400 00 00",
    "80E000050E EF06 005B 00 01 00 00 AA00 4400 00 00",
    "80E000030D EF08 1000 00 00 00 AA00 4400 00 00",
)
FILES_OF_DF04 = (
    "80E000050E EF05 00B6 00 01 03 00 0044 0055 00 00",
    "80E000050E EF06 000D 00 01 01 00 0044 0066 00 00",
    "80E000070E EF08 1C 1E 00 00 01 00 0000 F0F0 00 00",
    "80E0000C02 EF81",
)
CREATE_DF03 = "80E0000213 DF03 0800 00000000 00 3D 00 02 03 D15600000502"
FILES_OF_DF03 = ("80E000040F EF19 29 04 00 00 01 03 00 0044 00DD 00 00",)
FIXED = "80E000040F EF19 05 03 02 00 01 00 00 0000 00DD 00 00"


def current(bench: BlankBench) -> Directory:
    session = bench.card._session
    assert session is not None
    return session.df


def test_the_structure_of_the_page() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok(CREATE_ATR, "00A40200020001", "00D681000D" + "11" * 13)
    assert bench.ok("00B081000D") == b"\x11" * 13
    assert bench.card.atr[4:] == HISTORICAL  # until the next reset
    bench.ok(CREATE_SSSE, SELECT_SSSE)
    assert bench.sw(FILES_OF_SSSE[0]) == 0x6982
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(*FILES_OF_SSSE, CREATE_KEY_FILE)
    bench.ok("00A4020002EF1D", "00D6000003860103")
    bench.ok("00A4020002EF1E", "00E200000C 700A61084F06D15600000503")
    fci = bench.ok("00A404000F" + SSSE_NAME)
    assert fci.hex().upper() == f"6F1C840F{SSSE_NAME}A50988011E9F0C03860103"
    bench.ok(CREATE_DF04, "00A4000002DF04")
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(*FILES_OF_DF04, CREATE_KEY_FILE)
    bench.ok("00A40300")
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(CREATE_DF03, "00A4000002DF03")
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(*FILES_OF_DF03)

    atr = bench.card.power_on()
    assert atr[4:] == b"\x11" * 13
    ssse, df04, df03 = bench.card.files.directories[1:]
    assert [d.fid for d in (ssse, df04, df03)] == [0xDDF1, 0xDF04, 0xDF03]
    assert df04.parent is ssse is df03.parent
    assert isinstance(ssse.files[0xEF08], TransparentFile)
    assert ssse.files[0xEF06].read_rule.global_mask == 1 << 0x0A
    details, fixed = df04.files[0xEF08], df03.files[0xEF19]
    assert isinstance(details, CyclicFile)
    assert (details.record_length, details.capacity, details.count) == (0x1C, 0x1E, 0)
    assert isinstance(fixed, LinearFile)
    assert (fixed.size, fixed.count) == (4 * 0x29, 0)
    assert df04.files[0xEF06].read_rule.pin
    assert not df04.files[0xEF06].read_rule.pin_or_right
    assert df04.amount_file is not None
    assert ssse.header.quota == 0x4000
    assert bench.ok("00A4000002DDF1")


def test_records_opened_with_the_file() -> None:
    bench = BlankBench()
    bench.make_ssse()
    bench.ok(FIXED, "00A4020002EF19")
    assert bench.ok("00B2010400") == bytes((0, 3, 0, 0, 0))
    bench.ok("00DC020405 5303616263")
    assert bench.ok("00B2020400").hex() == "5303616263"
    assert bench.sw("00B2030400") == 0x6A83
    bench.ok("00E2000005 5403646566")
    assert bench.ok("00B2540000").hex() == "5403646566"
    assert bench.sw("00E2000005 5503646566") == 0x6A84
    bench.ok("80E0000510 EF07 0020 00 01 00 00 0000 4400 00 00 0410", "00A4020002EF07")
    assert bench.ok("00B2010400") == bytes((0, 2, 0, 0))
    assert len(bench.ok("00B2020400")) == 0x10
    bench.ok("80E000070E EF0A 04 03 02 00 00 00 0000 0000 00 00", "00A4020002EF0A")
    assert bench.ok("00B2020400") == bytes(4)
    bench.ok("00E2000004 01020304")
    assert bench.ok("00B2010500") == bytes.fromhex("01020304") + bytes(8)


def test_raw_records_of_one_length() -> None:
    bench = BlankBench()
    bench.make_ssse()
    bench.ok("80E000040F EF09 03 02 00 00 00 00 00 0000 0000 00 00", "00A4020002EF09")
    bench.ok("00E2000003 FFFFFF", "00DC010403 AABBCC")
    assert bench.ok("00B2010400").hex() == "aabbcc"
    assert bench.sw("00E2000002 FFFF") == 0x6700


def test_append_and_update_can_be_forbidden() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E000050E EF0B 0010 00 01 00 08 0000 0000 00 00")  # no append
    bench.ok("80E000050E EF0C 0010 00 01 00 04 0000 0000 00 00")  # no update
    bench.ok("80E000030D EF0D 0004 00 00 04 0000 0000 00 00")
    for fid in ("EF0B", "EF0C"):  # until FREEZE MF the master key opens them
        bench.ok("00A4020002" + fid, "00E2000003 530161")
    bench.ok("BFFE0000")
    bench.ok("00A4020002EF0B", "00DC010403 530162")
    assert bench.sw("00E2000003 540161") == 0x6982
    assert bench.sw("00DC020403 540161") == 0x6982
    bench.ok("00A4020002EF0C", "00E2000003 540161")
    assert bench.sw("00DC010403 530162") == 0x6982
    bench.ok("00A4020002EF0D")
    assert bench.sw("00D6000001 01") == 0x6982


def test_a_file_that_nobody_may_write_is_filled_before_the_freeze() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E000030D EF08 0004 00 00 00 0000 F0F0 00 00", "00A4020002EF08")
    bench.ok("00D6000002 0102", SELECT_MF, "00A4020002EF08")
    bench.card.power_on()
    bench.ok("00A4020002EF08")
    assert bench.sw("00D6000002 0304") == 0x6982
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok("BFFE0000", "00A4020002EF08")
    assert bench.sw("00D6000002 0304") == 0x6982


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("80E001030D EF01 0003 00 00 80 0000 0000 00 00", 0x6A86),  # P1
        ("80E000060D EF01 0003 00 00 80 0000 0000 00 00", 0x6A86),  # no such type
        ("80E000090D EF01 0003 00 00 80 0000 0000 00 00", 0x6A81),  # purse
        ("80E0000A0D EF01 0003 00 00 80 0000 0000 00 00", 0x6A81),
        (CREATE_MF, 0x6985),
        ("80E000030C EF01 0003 00 00 80 0000 0000 00", 0x6700),
        ("80E00003", 0x6700),
        ("80E000030D 0000 0003 00 00 80 0000 0000 00 00", 0x6A80),
        ("80E000030D FFFF 0003 00 00 80 0000 0000 00 00", 0x6A80),
        ("80E000030D 3F00 0003 00 00 80 0000 0000 00 00", 0x6A80),
        ("80E000030D DDF1 0003 00 00 80 0000 0000 00 00", 0x6A80),  # the directory's own
        ("80E000030D 0002 0003 00 00 80 0000 0000 00 00", 0x6A80),  # the key file's
        ("80E000030D EF01 0000 00 00 80 0000 0000 00 00", 0x6A80),  # no body
        ("80E000030D EF01 0003 01 00 80 0000 0000 00 00", 0x6A80),  # RFU
        ("80E000030D EF01 0003 00 10 80 0000 0000 00 00", 0x6A80),  # reading enciphered
        ("80E000030D EF01 0003 00 00 80 0000 0000 05 00", 0x6A80),  # RT-KID
        ("80E000030D EF01 0003 00 00 80 0000 0000 00 07", 0x6A80),  # WT-KID
        ("80E000030D EF01 F000 00 00 80 0000 0000 00 00", 0x6A84),  # more than SSSE has
        ("80E000040F EF01 00 04 00 00 01 03 00 0044 00DD 00 00", 0x6A80),  # empty records
        ("80E000040F EF01 05 04 05 00 01 03 00 0044 00DD 00 00", 0x6A80),  # opened: too many
        ("80E000040F EF01 05 04 00 00 02 03 00 0044 00DD 00 00", 0x6A80),  # RF
        ("80E000040F EF01 05 04 00 01 01 03 00 0044 00DD 00 00", 0x6A80),  # RFU
        ("80E000050E EF01 0010 00 04 03 00 0044 00DD 00 00", 0x6A80),  # RF
        ("80E000050F EF01 0010 00 01 03 00 0044 00DD 00 00 01", 0x6A80),  # record without TL
        ("80E0000510 EF01 0010 00 01 03 00 0044 00DD 00 00 0809", 0x6A84),  # do not fit
        ("80E000070E EF01 04 00 00 00 00 00 0000 0000 00 00", 0x6A80),
        ("80E000070E EF01 04 02 03 00 00 00 0000 0000 00 00", 0x6A80),
        ("80E000070E EF01 04 02 00 01 00 00 0000 0000 00 00", 0x6A80),
        (CREATE_KEY_FILE, 0x6A80),  # its FID is taken
        ("80E0000B08 0003 0180 00 73 0000", 0x6A80),  # a second key file
        ("80E0000B07 0003 0180 00 73 00", 0x6700),
        ("80E0000C02 EF82", 0x6A80),
        ("80E0000C03 EF8100", 0x6700),
        ("80E0000C16 EF81 0000000000000000000000000000000000AA0101", 0x6A80),
        ("80E000010D DDF2 0100 00 0000 1E 1D 3D 00 02 03", 0x6985),  # a DDF outside the MF
        ("80E000020C DF01 0100 00000000 00 3D 00 02", 0x6700),
        ("80E000021E DF01 0100 00000000 00 3D 00 02 03" + "41" * 17, 0x6700),  # name
        (f"80E000021C DF01 0100 00000000 00 3D 00 02 03 {SSSE_NAME}", 0x6A80),  # name taken
        ("80E000020D DF01 0100 01000000 00 3D 00 02 03", 0x6A80),  # a single-length algorithm
        ("80E000020D DF01 0100 00000001 00 3D 00 02 03", 0x6A80),  # RFU
        ("80E000020D DF01 0100 00000000 20 3D 00 02 03", 0x6A80),  # FCI-SFI
        ("80E000020D DF01 0100 00000000 00 BD 00 02 03", 0x6A80),  # EPL
        ("80E000020D DF01 0100 00000000 00 35 00 02 03", 0x6A80),  # a master key of 8 bytes
        ("80E000020D DF01 0100 00000000 00 3D 00 07 03", 0x6A80),  # BLK-KID
        ("80E000020D DF01 0100 00000000 00 3D 00 02 10", 0x6A80),  # tries
        ("80E000020D DF01 F000 00000000 00 3D 00 02 03", 0x6A84),  # more than SSSE has
    ],
)
def test_refusals(command: str, sw: int) -> None:
    bench = BlankBench()
    bench.make_ssse()
    before = bytes(bench.memory.cells)
    assert f"{bench.sw(command):04X}" == f"{sw:04X}"
    assert bench.memory.cells == before
    assert not bench.memory.staged


def test_without_the_right_of_the_master_key() -> None:
    bench = BlankBench()
    assert bench.sw(CREATE_MF) == 0x6982
    assert bench.sw(CREATE_ATR) == 0x6985
    assert bench.authenticate(TRANSPORT) == 0x9000
    assert bench.sw(CREATE_ATR) == 0x6985
    assert bench.sw("80E000000A 3F00 00 00 01 00 00 38 00 00") == 0x6700
    assert bench.sw("80E000000B 3F01 00 00 01 00 00 38 00 00 03") == 0x6A80
    bench.ok(CREATE_MF)
    assert bench.sw(CREATE_ATR) == 0x6982  # the transport key is of no use any more
    assert bench.authenticate(ZERO, wrong=True) == 0x63C2
    assert bench.authenticate(ZERO) == 0x9000
    bench.ok(CREATE_SSSE, SELECT_SSSE)
    assert bench.sw(CREATE_KEY_FILE) == 0x6982
    bench.ok(SELECT_MF)
    assert bench.sw(CREATE_ATR) == 0x6982  # the right ended with the directory
    for left in (2, 1, 0):
        assert bench.authenticate(ZERO, wrong=True) == 0x63C0 | left
    assert bench.authenticate(ZERO) == 0x6983


def test_an_unlimited_master_key_never_locks() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E000010D DDF2 0100 00 0000 1E 1D 3D 00 02 00", "00A4000002DDF2")
    for _ in range(20):
        assert bench.authenticate(ZERO, wrong=True) == 0x63CF
    assert bench.authenticate(ZERO) == 0x9000


def test_a_directory_without_a_master_key_is_open_until_the_next_reset() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E000010D DDF2 0100 00 0000 00 00 3C 00 02 03", "00A4000002DDF2")
    assert bench.authenticate(ZERO) == 0x6A88
    bench.ok("80E000030D EF01 0003 00 00 00 0000 0000 00 00")
    bench.card.power_on()
    bench.ok("00A4000002DDF2")
    assert bench.sw("80E000030D EF02 0003 00 00 00 0000 0000 00 00") == 0x6982
    # The directory above gives it one.
    assert bench.write_key(1, 0, b"\0\0\x01" + TRANSPORT, ZERO) == 0x9000
    assert bench.authenticate(TRANSPORT) == 0x9000
    bench.ok("80E000030D EF02 0003 00 00 00 0000 0000 00 00")


def test_the_room_of_a_directory() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E000010D DDF2 0040 00 0000 00 00 3D 00 02 03", "00A4000002DDF2")
    assert bench.authenticate(ZERO) == 0x9000
    assert bench.sw("80E000030D EF01 0031 00 00 00 0000 0000 00 00") == 0x6A84
    bench.ok("80E000030D EF01 0020 00 00 00 0000 0000 00 00")
    assert bench.ok("BFC800000F")[-4:].hex() == "00400010"
    assert bench.sw("80E000030D EF02 0001 00 00 00 0000 0000 00 00") == 0x6A84


def test_the_room_of_the_card() -> None:
    bench = BlankBench()
    bench.make_mf()
    bench.ok("80E000030D EF01 8000 00 00 00 0000 0000 00 00")
    assert bench.sw("80E000030D EF02 8000 00 00 00 0000 0000 00 00") == 0x6A84
    free = int.from_bytes(bench.ok("BFC800000F")[-2:])
    assert 0x7000 < free < 0x8000
    bench.ok("80E000030D EF02" + (free - 32).to_bytes(2).hex() + "00 00 00 0000 0000 00 00")
    assert bench.ok("BFC800000F")[-2:] == bytes(2)
