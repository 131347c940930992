# SPDX-License-Identifier: Apache-2.0
"""The layouts of the standard, byte by byte; the card's own structs say the same bytes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sscard_chip.applications import medical as card_medical
from sscard_chip.applications.issuing.headers import decode_header, encode_header
from sscard_chip.applications.purse import inputs
from sscard_chip.applications.purse.accounts import LogRecord
from sscard_chip.filesystem.layout import FileType
from sscard_chip.profile.psam import _dir_record
from sscard_chip.standard.messages import (
    directory,
    medical,
    personalisation,
    psam,
    purse,
    security,
)
from tests.bench.issued import SELECT_SSSE, Bench

AMOUNTS = {"account_fen": 0x01020304, "self_paid_fen": 0x11121314, "pooled_fen": 0x21222324}
FIELDS: dict[str, Any] = {
    **AMOUNTS,
    "key_index": 1,
    "amount_fen": 0x31323334,
    "balance_fen": 0x41424344,
    "limit_fen": 0x515253,
    "number": 0x6162,
    "transaction_type": 0x32,
    "terminal": bytes.fromhex("510100000007"),
    "terminal_number": 0x71727374,
    "terminal_number_end": bytes.fromhex("7374"),
    "time": bytes.fromhex("20260304050607"),
    "random": bytes.fromhex("A1A2A3A4"),
    "key_version": 2,
    "algorithm": 3,
    "MAC": bytes.fromhex("D0D1D2D3"),
    "MAC1": bytes.fromhex("D4D5D6D7"),
    "MAC2": bytes.fromhex("D8D9DADB"),
    "MAC3": bytes.fromhex("DCDDDEDF"),
    "TAC": bytes.fromhex("E0E1E2E3"),
    "self_paid_total_fen": 0x81828384,
    "pooled_total_fen": 0x91929394,
    "year": bytes.fromhex("2026"),
    "starting_day": bytes.fromhex("0101"),
    "category": 0x39,
    "issuer": bytes.fromhex("F0F1F2F3F4F5F6F7"),
    "serial": bytes.fromhex("00112233445566778899"),
    "application_type": 2,
    "version": 1,
    "kind": 4,
    "start": bytes.fromhex("20200101"),
    "expiry": bytes.fromhex("20301231"),
    "valid_from": bytes.fromhex("20200101"),
    "valid_to": bytes.fromhex("20301231"),
    "fci_data": bytes.fromhex("CAFE"),
    "cryptogram": bytes.fromhex("B0B1B2B3B4B5B6B7"),
    "original": bytes.fromhex("C0C1C2C3C4C5C6C7"),
    "session_input": bytes.fromhex("B8B9BABBBCBDBEBF"),
}
SUMS = "01020304 11121314 21222324"
TERMINAL, TIME = "510100000007", "20260304050607"


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (security.EXTERNAL, "B0B1B2B3B4B5B6B7 C0C1C2C3C4C5C6C7"),
        (security.EXTERNAL_VERSION, "B0B1B2B3B4B5B6B7 C0C1C2C3C4C5C6C7 02"),
        (security.INTERNAL, "B8B9BABBBCBDBEBF C0C1C2C3C4C5C6C7"),
        (security.INTERNAL_VERSION, "B8B9BABBBCBDBEBF C0C1C2C3C4C5C6C7 02"),
        (security.MAC, "D0D1D2D3"),
        (medical.PURCHASE, f"01 {SUMS} {TERMINAL}"),
        (medical.PURCHASE_ANSWER, "41424344 81828384 91929394 2026 6162 02 03 A1A2A3A4"),
        (medical.DEBIT, f"71727374 {TIME} D4D5D6D7"),
        (medical.DEBIT_ANSWER, "E0E1E2E3 D8D9DADB"),
        (medical.LOAD, f"01 31323334 {TERMINAL}"),
        (medical.LOAD_ANSWER, "41424344 6162 02 03 A1A2A3A4 D4D5D6D7"),
        (medical.CREDIT, f"{TIME} D8D9DADB"),
        (medical.CREDIT_ANSWER, "E0E1E2E3"),
        (medical.BALANCE_ANSWER, "41424344"),
        (medical.TOTAL_ANSWER, "31323334 2026"),
        (medical.PROOF, "6162"),
        (medical.PROOF_ANSWER, "D0D1D2D3 E0E1E2E3"),
        (medical.STARTING_DAY, "0101"),
        (medical.PURCHASE_SESSION, "A1A2A3A4 6162 7374"),
        (medical.PURCHASE_MAC1, f"{SUMS} 32 {TERMINAL} {TIME}"),
        (medical.PURCHASE_MAC2, SUMS),
        (medical.PURCHASE_TAC, f"{SUMS} 32 {TERMINAL} 71727374 {TIME}"),
        (medical.LOAD_SESSION, "A1A2A3A4 6162 8000"),
        (medical.LOAD_MAC1, f"41424344 31323334 32 {TERMINAL}"),
        (medical.LOAD_MAC2, f"31323334 32 {TERMINAL} {TIME}"),
        (medical.LOAD_TAC, f"41424344 6162 31323334 32 {TERMINAL} {TIME}"),
        (medical.SHORT_DETAIL, f"6162 32 {TERMINAL} {TIME} 01020304"),
        (medical.DETAIL, f"6162 32 {TERMINAL} {TIME} {SUMS}"),
        (medical.SPECIAL, "6162 39"),
        (psam.INIT_PURCHASE, f"A1A2A3A4 6162 {SUMS} 32 {TIME} 02 03"),
        (psam.INIT_PURCHASE_ANSWER, "71727374 D4D5D6D7"),
        (psam.TERMINAL_FILE, TERMINAL),
        (psam.NUMBER_FILE, "71727374"),
        (psam.APPLICATION, "01 02 20200101 20301231"),
        (purse.OFFLINE_ANSWER, "41424344 6162 515253 02 03 A1A2A3A4"),
        (purse.OVERDRAFT, f"01 {TERMINAL}"),
        (purse.OVERDRAFT_ANSWER, "41424344 6162 515253 02 03 A1A2A3A4 D4D5D6D7"),
        (purse.OVERDRAFT_UPDATE, f"515253 {TIME} D8D9DADB"),
        (purse.UNLOAD_ANSWER, "DCDDDEDF"),
        (purse.ONLINE_MAC1, f"41424344 31323334 32 {TERMINAL}"),
        (purse.TIMED, f"31323334 32 {TERMINAL} {TIME}"),
        (purse.ONLINE_TAC, f"41424344 6162 31323334 32 {TERMINAL} {TIME}"),
        (purse.PURCHASE_MAC2, "31323334"),
        (purse.PURCHASE_TAC, f"31323334 32 {TERMINAL} 71727374 {TIME}"),
        (purse.OVERDRAFT_MAC1, f"41424344 515253 32 {TERMINAL}"),
        (purse.OVERDRAFT_MAC2, f"515253 32 {TERMINAL} {TIME}"),
        (purse.OVERDRAFT_TAC, f"41424344 6162 515253 32 {TERMINAL} {TIME}"),
        (purse.PUBLIC, "F0F1F2F3F4F5F6F7 02 01 00112233445566778899 20200101 20301231 CAFE"),
        (purse.LOG, f"6162 515253 31323334 32 {TERMINAL} {TIME}"),
    ],
)
def test_the_bytes_of_a_layout(layout: Any, expected: str) -> None:
    data = bytes.fromhex(expected)
    assert layout.build(FIELDS) == data
    assert layout.sizeof() == len(data)
    parsed = layout.parse(data)
    for part in layout.subcons:
        if part.name:
            assert parsed[part.name] == FIELDS[part.name], part.name


def test_layouts_whose_fields_have_other_lengths_elsewhere() -> None:
    asked = {**FIELDS, "serial": bytes.fromhex("2233445566778899"), "issuer": FIELDS["issuer"]}
    init = f"A1A2A3A4 6162 31323334 32 {TIME} 02 03 2233445566778899 F0F1F2F3F4F5F6F7"
    assert psam.INIT_PURSE_PURCHASE.build(asked) == bytes.fromhex(init)
    public = "04 00112233445566778899 01 04 CAFE"
    assert psam.PUBLIC.build({**FIELDS, "issuer": 4}) == bytes.fromhex(public)


def test_dir_records() -> None:
    label = "社会保障应用".encode("gbk")
    entry = "61 16 4F 06 D15600000590 50 0C C9E7BBE1B1A3D5CFD3A6D3C3"
    named = {"name": bytes.fromhex("D15600000590"), "label": label}
    assert directory.DIR_ENTRY.build(named) == bytes.fromhex(entry)
    assert directory.DIR_ENTRY.parse(bytes.fromhex(entry)).label == label
    assert _dir_record(named["name"], "社会保障应用") == bytes.fromhex(entry)
    short = {"name": bytes.fromhex("D15600000590"), "label": None}
    assert directory.DIR_ENTRY.build(short) == bytes.fromhex("61 08 4F 06 D15600000590")
    assert directory.DIR_ENTRY.parse(bytes.fromhex("61 08 4F 06 D15600000590")).label is None
    stored = bytes.fromhex("70 0A 61 08 4F 06 D15600000590")
    assert directory.DIR_RECORD.build(short) == stored


def test_the_dir_record_of_a_card() -> None:
    bench = Bench(2)
    bench.ok(SELECT_SSSE)
    stored = "70 1A 61 18 4F 06 D15600000500 50 0E B9ABB9B2D3A6D3C3D0C5CFA2C7F8"
    assert bench.ok("00B201F400") == bytes.fromhex(stored)
    label = "公共应用信息区".encode("gbk")
    named = {"name": bytes.fromhex("D15600000500"), "label": label}
    assert directory.DIR_RECORD.build(named) == bytes.fromhex(stored)


def test_the_fci_of_a_card() -> None:
    fci = bytes.fromhex("6F 10 84 03 414243 A5 09 88 01 1E 9F0C 03 86 01 03")
    assert directory.parse_fci(fci)[0x84] == b"ABC"
    assert directory.fci_algorithm(directory.parse_fci(fci)) == b"\x03"
    for damaged in (b"", b"\x6f\x05\x84", fci[:-1]):
        assert directory.parse_fci(damaged) == {}
        assert directory.fci_algorithm({}) == b""


class Keys:
    """Stands for the keys of a purchase and keeps what its MACs are over."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def two_macs(self, factor: bytes, first: bytes, second: bytes) -> tuple[bytes, bytes]:
        self.seen += [factor, first, second]
        return FIELDS["MAC1"], FIELDS["MAC2"]

    def tac(self, message: bytes) -> bytes:
        self.seen.append(message)
        return bytes(FIELDS["TAC"])


class Account:
    """Stands for the medical account and keeps what the card writes to EF08."""

    account_only = True
    detail = b""

    def stage_purchase(self, *fields: Any) -> None:
        self.detail = fields[-1]


class Session:
    """Stands for the card's session with a purchase that is initialised."""

    def __init__(self, account: Account, keys: Keys) -> None:
        head = medical.PURCHASE_ANSWER.build({**FIELDS, "balance_fen": 0x7F000000})[:16]
        state = head + bytes.fromhex(f"{SUMS} 32 {TERMINAL}")
        self.transaction: Any = (account, keys, state, FIELDS["random"])


def test_the_debit_of_the_card_has_the_same_bytes() -> None:
    account, keys = Account(), Keys()
    session: Any = Session(account, keys)
    apdu = bytes.fromhex("B02C01000F") + medical.DEBIT.build(FIELDS)
    answer = card_medical.debit_for_purchase(session, apdu)
    assert answer == medical.DEBIT_ANSWER.build(FIELDS)
    factor, mac1, mac2, tac = keys.seen
    assert factor == medical.PURCHASE_SESSION.build(FIELDS)
    for message, layout in (
        (mac1, medical.PURCHASE_MAC1),
        (mac2, medical.PURCHASE_MAC2),
        (tac, medical.PURCHASE_TAC),
    ):
        plain = layout.build(FIELDS)
        assert message[: len(plain)] == plain
        assert message[len(plain) :].rstrip(b"\0") == b"\x80"  # the card pads before it asks
    assert account.detail == medical.DETAIL.build(FIELDS)


def test_the_purse_of_the_card_has_the_same_bytes() -> None:
    amount, number, limit = b"\x31\x32\x33\x34", b"\x61\x62", b"\x51\x52\x53"
    balance, sequence = b"\x41\x42\x43\x44", b"\x71\x72\x73\x74"
    terminal, time = FIELDS["terminal"], FIELDS["time"]
    what = inputs.transaction(amount, 0x32, terminal)
    pairs = [
        (inputs.online_mac1(balance, what), purse.ONLINE_MAC1),
        (inputs.timed(what, time), purse.TIMED),
        (inputs.online_tac(balance, number, what, time), purse.ONLINE_TAC),
        (inputs.purchase_tac(what, sequence, time), purse.PURCHASE_TAC),
        (inputs.overdraft_mac1(balance, limit, 0x32, terminal), purse.OVERDRAFT_MAC1),
        (inputs.overdraft_mac2(limit, 0x32, terminal, time), purse.OVERDRAFT_MAC2),
        (inputs.overdraft_tac(balance, number, limit, 0x32, terminal, time), purse.OVERDRAFT_TAC),
    ]
    for own, layout in pairs:
        assert own == layout.build(FIELDS)
    log = LogRecord(0x6162, 0x515253, 0x31323334, 0x32, terminal, time)
    assert log.encode() == purse.LOG.build(FIELDS)


@pytest.mark.parametrize("module", ["sscard_chip", "sscard_chip.card", "sscard_cli.main"])
def test_the_card_and_the_front_door_need_no_construct(module: str) -> None:
    code = f"import sys, {module}; sys.exit('construct' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- a blank card ---------------------------------------------------------------------------------

_HEAD = ("app_type", "algorithm", "atr_sfi", "dir_sfi", "fci_sfi", "quota")
_TAIL = ("reload_kid", "block_kid", "limit", "opened", "record_format")
_EF = "read_access write_access read_right write_right read_kid write_kid"


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (0x00, {"fid": 0x3F00, "atr_sfi": 1, "dir_sfi": 0x1E, "algorithm": 3, "write_access": 0x38,
                "limit": 3, "name": b"MF"}, "3F00 00 03 01 1E 00 38 00 00 03 4D46"),
        (0x01, {"fid": 0xDDF1, "quota": 0x1234, "algorithm": 3, "dir_sfi": 0x1E, "fci_sfi": 3,
                "write_access": 0x3D, "block_kid": 2, "limit": 3, "name": b"sx1.sh"},
         "DDF1 1234 00 03 00 1E 03 3D 00 02 03 7378312E7368"),
        (0x02, {"fid": 0xDF04, "quota": 0x0800, "algorithm": 3, "app_type": 1, "write_access": 0x3D,
                "block_kid": 2, "limit": 3}, "DF04 0800 03 01 0000 00 3D 00 02 03"),
        (0x03, {"fid": 0xEF07, "size": 0x0300, "read_access": 1, "write_right": 0x1234},
         "EF07 0300 00 01 00 0000 1234 00 00"),
        (0x04, {"fid": 0xEF19, "record_length": 0x29, "records": 4, "record_format": 1},
         "EF19 29 04 00 00 01 00 00 0000 0000 00 00"),
        (0x05, {"fid": 0xEF05, "size": 0x0102, "record_format": 3, "write_kid": 2},
         "EF05 0102 00 03 00 00 0000 0000 00 02"),
        (0x07, {"fid": 0xEF08, "record_length": 0x1C, "records": 30, "write_access": 0x20},
         "EF08 1C 1E 00 00 00 20 0000 0000 00 00"),
        (0x0B, {"fid": 2, "size": 0x0120, "write_access": 0x73, "write_right": 0x0506,
                "write_kid": 4}, "0002 0120 04 73 0506"),
        (0x0C, {"fid": 0xEF81}, "EF81"),
    ],
)  # fmt: skip
def test_the_data_field_of_create_file(kind: int, values: dict[str, Any], expected: str) -> None:
    """The layout, and what the card's own table makes of the same header."""
    layout = personalisation.CREATE_FILE_OF_TYPE[kind]
    zero = dict.fromkeys(
        (
            *_EF.split(),
            *_HEAD,
            *_TAIL,
        ),
        0,
    )
    given = zero | {"name": b"", "account": b"", "lengths": b""} | values
    data = bytes.fromhex(expected)
    assert layout.build(given) == data
    parsed = layout.parse(data)
    assert {name: parsed[name] for name in values} == values
    header = decode_header(FileType(kind), data).header if kind != 0x0C else None
    if header is not None:
        assert encode_header(header) == data
        assert {name: getattr(header, name) for name in values} == values


def test_the_information_of_a_key() -> None:
    """As the card's blank state takes it: two bytes in the middle are RFU."""
    key = {"use": 8, "kid": 3, "key_version": 2, "algorithm": 2, "limit": 15, "level": 4}
    assert personalisation.KEY_INFORMATION.build(key).hex() == "0803020200000f04"
    assert personalisation.NEW_KEY.build(key | {"key": b"\xaa"}).hex() == "0803020200000f04aa"
    pin = {"use": 1, "kid": 0, "unblock_kid": 6, "reload_kid": 0x82, "limit": 6}
    assert personalisation.PIN_INFORMATION.build(pin).hex() == "0100068200000600"
    replaced = {"use": 0, "kid": 0, "key_version": 1}
    assert personalisation.KEY_REPLACED.build(replaced).hex() == "000001"
