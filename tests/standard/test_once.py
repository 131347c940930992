# SPDX-License-Identifier: Apache-2.0
"""Every fact of the standard stands once: in ``sscard_chip.standard``, and in no other room."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.standard import commands
from sscard_chip.standard.commands import StandardCommand
from tests.standard.facts import Stated, facts_in

ROOT = Path(__file__).parents[2]
PACKAGES = ("sscard_chip", "issuance", "sscard_service", "sscard_cli", "sscard_driver")
FLOOR = ROOT / "sscard_chip" / "standard"

ALLOWED = (
    # The declaration of an EF says its FID, that of a key its root.
    ("sscard_chip/profile/", "the FID of EF"),
    ("sscard_chip/profile/directories/", "the root key "),
    # Words of 32 bits, not amounts.
    ("sscard_chip/security/suite.py", "the limit of four bytes"),
    ("sscard_chip/settlement/tac/", "the limit of four bytes"),
    # Bits of a qualifier, not a command.
    ("sscard_chip/applications/bank/initiation.py", "the code of GENERATE KEY PAIR"),
    # The suite is an oracle for cards: titles of its cases, and the bytes sent and demanded.
    ("sscard_chip/terminal/conformance/", "the command "),
    ("sscard_chip/terminal/conformance/cases/", "the code of "),
    ("sscard_chip/terminal/conformance/banking/", "the code of "),
    ("sscard_chip/terminal/conformance/psam/", "the code of "),
    ("sscard_chip/terminal/conformance/tills/", "the code of "),
    ("sscard_chip/terminal/conformance/cases/", "the name of SSSE"),
    ("sscard_chip/terminal/conformance/cases/", "the name of the certificate"),
    ("sscard_chip/terminal/conformance/cases/", "the RID"),
    ("sscard_chip/terminal/conformance/cases/medical.py", "a name of an algorithm"),
    ("sscard_chip/terminal/conformance/cases/medical.py", "the limit of four bytes"),
    # Faulty cards are made by other bytes than the standard's.
    ("issuance/mutants/", ""),
)


def allowed(path: str, fact: str) -> bool:
    return any(path.startswith(room) and fact.startswith(what) for room, what in ALLOWED)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_room_states_a_fact_of_the_standard(package: str) -> None:
    found = []
    for source in sorted((ROOT / package).rglob("*.py")):
        if source.is_relative_to(FLOOR):
            continue
        path = source.relative_to(ROOT).as_posix()
        for stated in facts_in(source.read_text(encoding="utf-8")):
            if not allowed(path, stated.fact):
                found.append(f"{path}:{stated.line}: {stated.fact}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "fact"),
    [
        ('NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")', "the name of SSSE"),
        ('APDU = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"', "the name of SSSE"),
        ('NAME = "sx1.sh.社会保障".encode("gbk")', "the name of SSSE"),
        ('NAME = "sx3.sh.社会保障"', "the name of the SM4 environment"),
        ('RID = bytes.fromhex("D156000005")', "the RID"),
        ('AIDS = [bytes.fromhex(f"D1560000050{n}") for n in range(5)]', "the RID"),
        ('AID = b"\\xd1\\x56\\x00\\x00\\x05\\x90"', "the RID"),
        ('AID = bytes.fromhex("A000000333010101")', "the RID of PBOC"),
        ('NAME = b"1PAY.SYS.DDF01"', "the name of PSE"),
        ('NAME = "2PAY.SYS.DDF01"', "the name of PPSE"),
        ('AID = bytes.fromhex("A00000000386980701")', "the AID of deposit and purse"),
        ("RID = 0xD156000005", "the RID"),
        ("RID = bytes((0xD1, 0x56, 0x00, 0x00, 0x05))", "the RID"),
        ("session.enter(0xDF04)", "the FID of DF04"),
        ('FID = bytes.fromhex("DF04")', "the FID of DF04"),
        ('FID = b"\\xdf\\x04"', "the FID of DF04"),
        ("FID = bytes((0xDF, 0x04))", "the FID of DF04"),
        ("FILES = {(57092, 1): 2}", "the FID of DF04"),
        ("MF_FID: Final = 0x3F00", "the FID of MF"),
        ("SSSE: Final = 0xDDF1", "the FID of SSSE"),
        ("fid = 0xEF00 | sfi", "the FID of the FID of EFs"),
        ("_LOG: Final = 0xEF08", "the FID of EF08"),
        ("if amount > 0xFFFFFFFF: raise ValueError", "the limit of four bytes"),
        ("MOST = 4294967295", "the limit of four bytes"),
        ("MOST = np.uint64(0xFFFFFFFF)", "the limit of four bytes"),
        ("FEN = click.IntRange(0, 0xFFFFFFFF)", "the limit of four bytes"),
        ("MOST = 2**32 - 1", "the limit of four bytes"),
        ("MOST = (1 << 32) - 1", "the limit of four bytes"),
        ("if amount >= 2**32: raise ValueError", "the limit of four bytes"),
        ('SUITES = {0x01: "3des", 0x03: "sm4"}', "a name of an algorithm"),
        ('click.Choice(["3des", "sm4"])', "a name of an algorithm"),
        ('NAMES = {1: "3DES", 3: "SM4"}', "a map of algorithms"),
        ('CODES = {"3DES": 1, "SM4": 3}', "a map of algorithms"),
        ('key = keys.diversify(suite, "DPK", 1)', "the root key DPK"),
        ('Instruction("READ RECORD", handler)', "the command READ RECORD"),
        ("Instruction('x', 0x00, 0xB2, read_record)", "the code of READ RECORD"),
        ("ENTRIES = {(0x00, 0xB2): Entry(_read)}", "the code of READ RECORD"),
        ("ENTRIES = {0xB2: _read}", "the code of READ RECORD"),
        ("client.send(0x00, 0xB2, 1, 4)", "the code of READ RECORD"),
        ('client.ask("00B2012C00")', "the code of READ RECORD"),
        ('client.ask(f"00B2{number:02X}2C00")', "the code of READ RECORD"),
        ("what = amounts + kind + terminal + number + time", "the order of the TAC input"),
        ("what = sums + kind + terminal_id + sequence + moment.time", "the order of the TAC input"),
        ('struct.pack(">IIIB6sI7s", *fields)', "the order of the TAC input"),
        ('MAC1 = Struct("<3L").size, Struct(">IIIB6s7s")', "the order of the TAC input"),
        ("if region.mode == 3: offline()", "a settlement mode"),
        ("if mode.value in (1, 2): online()", "a settlement mode"),
        (
            'MODES = {1: "on-line", 2: "temporary", 3: "off-line"}',
            "a settlement mode",
        ),
        (
            "class Mode(IntEnum):\n    ONLINE = 1\n    OFFLINE = 3",
            "a settlement mode",
        ),
        ("apdu = bytes((0x04, 0xDC, p1, p2))", "the code of UPDATE RECORD"),
        ('SHORTCUTS = {b"\\xb0\\x28": run}', "the code of INITIALIZE"),
        ('error = CardStatusError(b"\\xb0\\x2c\\x01\\x00", sw)', "the code of DEBIT FOR PURCHASE"),
        ('INFO = bytes.fromhex("BFC800000F")', "the code of GET INFO"),
        ("_EXTERNAL_AUTHENTICATE = 0x82", "the code of EXTERNAL AUTHENTICATE"),
        ("INS_SELECT: Final = 0xA4", "the code of SELECT"),
        ("PURCHASE: Final = 0x32", "the transaction type PURCHASE"),
        ("LOAD, PURCHASE = 0x31, 0x32", "the transaction type LOAD"),
        ("def yuan(fen): ...", "a second yuan"),
        ("def _yuan(fen): ...", "a second _yuan"),
        ("def parse_date(text): ...", "a second parse_date"),
        ('datetime.strptime(text, "%Y%m%d%H%M%S")', "the form of a day or moment"),
        ('name = f"{time:%Y%m%d%H%M%S}1"', "the form of a day or moment"),
        ('name = f"{day:%Y%m%d}"', "the form of a day or moment"),
        ('day = datetime.strptime(text, "%Y%m%d")', "the form of a day or moment"),
        ("from construct import Struct", "a layout of construct"),
        ("import construct", "a layout of construct"),
    ],
)
def test_a_planted_fact_is_found(source: str, fact: str) -> None:
    assert fact in {stated.fact for stated in facts_in(source)}


@pytest.mark.parametrize(
    "source",
    [
        '"""SELECT 00A4 of sx1.sh.社会保障, D156000005, 0xDF04, READ RECORD."""',
        "# 0xDF04 and 0xFFFFFFFF\nlow = value & 0xFFFFFFFF",
        'def f():\n    """GET CHALLENGE 0084, 3des."""',
        'text = name.rstrip(b"\\0 ")',
        "low = words & np.uint64(0xFFFFFFFF)",
        "most = 1 << 32",
        "if mode == 7: pass",
        'tags = {0x84: "name", 0xA5: "FCI"}',
        "class Right(IntEnum):\n    ONLINE = 1\n    OFFLINE = 2",
        "answer = first + terminal + time",
        "from sscard_chip.standard.identifiers import DF04\nsession.enter(DF04)",
        'message = f"READ RECORD: {sw:04X}"',
        "ready = True",
        'item = an(0, 32, "持卡人证件号码", "document number")',
    ],
)
def test_what_is_no_fact(source: str) -> None:
    assert facts_in(source) == []


def test_a_fact_is_found_where_it_stands() -> None:
    source = "x = 1\n\n\ny = 0xDF04\n"
    assert facts_in(source) == [Stated(4, "the FID of DF04")]


def test_each_command_is_listed_once() -> None:
    listed = [one for one in vars(commands).values() if isinstance(one, StandardCommand)]
    places = [(one.cla, one.ins, one.p1, one.p2) for one in listed]
    assert len(places) == len(set(places)) > 50
    assert [one.name for one in listed].count("READ RECORD") == 1
    for one in listed:
        assert one.chinese, one.name
        assert one.clause, one.name
    header = commands.READ_RECORD.header(0x07, 0x2C)
    assert header == b"\x00\xb2\x07\x2c"
    assert commands.UPDATE_RECORD.secured().code == b"\x04\xdc"
    assert commands.INITIALIZE_FOR_PURCHASE.header() == b"\xb0\x28\x01\x01"
    with pytest.raises(ValueError, match="READ RECORD"):
        commands.READ_RECORD.secured()
