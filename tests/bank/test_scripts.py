# SPDX-License-Identifier: Apache-2.0
"""Issuer scripts under secure messaging, in both suites."""

from __future__ import annotations

import pytest

from sscard_chip.applications.bank.data import Flags
from sscard_chip.profile.bank import records
from sscard_chip.profile.bank.model import CDOL2
from sscard_chip.security.emv import pin_block
from sscard_chip.standard.commands import READ_RECORD
from tests.bench.bank import AAC, ARQC, CASH, CONTENTS, DEBIT, PIN, TC, BankBench, select_command
from tests.bench.issued import SELECT_SSSE

SUITES = ("3des", "sm4")


@pytest.fixture(params=SUITES)
def bench(request: pytest.FixtureRequest) -> BankBench:
    """A card whose online transaction is complete, ready for a script."""
    found = BankBench(cash=CASH, suite=request.param)
    found.complete()
    return found


def test_put_data(bench: BankBench) -> None:
    for tag, value in (("9F79", "000000099999"), ("9F77", "000000200000"), ("9F78", "000000030000"),
                       ("9F6D", "000000000500"), ("9F58", "07"), ("9F52", "C338")):  # fmt: skip
        assert bench.script("04DA" + tag, bytes.fromhex(value)) == 0x9000
        body = bench.ok(f"80CA{tag}00")
        assert body.hex().upper() == f"{tag}{len(value) // 2:02X}{value}"
    assert bench.counters.scripts == 6
    assert bench.counters.flags == Flags(0)
    bench.select()
    bench.initiate()
    assert bench.generate(ARQC).cvr[3] == 0x61  # six commands; no PIN was received


@pytest.mark.parametrize("tag", ["9F36", "9F13", "9F17", "9F4F", "9F4D", "9F51", "0057", "9F63"])
def test_what_cannot_be_written(bench: BankBench, tag: str) -> None:
    before = bench.data.read()
    assert bench.script("04DA" + tag, b"\x00\x01") == 0x6A88
    assert bench.data.read() == before._replace(flags=Flags.SCRIPT_FAILED)


@pytest.mark.parametrize(
    ("value", "sw"),
    [("000000100001", 0x6A80), ("00000000000A", 0x6A80), ("0000000100", 0x6700), ("", 0x6700)],
)
def test_a_balance_that_cannot_be(bench: BankBench, value: str, sw: int) -> None:
    before = bench.data.read()
    assert bench.script("04DA9F79", bytes.fromhex(value)) == sw
    after = bench.data.read()
    assert after == before._replace(flags=Flags.SCRIPT_FAILED)
    bench.complete()
    assert bench.counters.flags == Flags(0)


def test_the_limit_itself_can_be_loaded(bench: BankBench) -> None:
    assert bench.script("04DA9F79", bytes.fromhex("000000100000")) == 0x9000
    assert bench.counters.balance_fen == 100_000


@pytest.mark.parametrize(
    ("header", "data"),
    [("841E0000", ""), ("84180000", ""), ("84160000", ""), ("84040000", ""), ("84240000", ""),
     ("04DA9F79", "000000000001")],
)  # fmt: skip
def test_wrong_and_missing_macs(bench: BankBench, header: str, data: str) -> None:
    state = bench.directory.state
    assert bench.script(header, bytes.fromhex(data), wrong=True) == 0x6988
    for length in range(1, 4):
        assert bench.sw(bytes.fromhex(header) + bytes((length,)) + bytes(length)) == 0x6987
    assert bench.sw(bytes.fromhex(header)) == 0x6987
    assert bench.counters.flags == Flags.SCRIPT_FAILED
    assert (bench.directory.state, bench.counters.scripts) == (state, 0)
    assert bench.counters.balance_fen == 50_000
    bench.select()
    bench.initiate()
    assert bench.generate(ARQC).cvr[3] == 0x09


def test_macs_are_chained(bench: BankBench) -> None:
    first = bench.script_command("04DA9F79", bytes.fromhex("000000000100"))
    second = bench.script_command("04DA9F78", bytes.fromhex("000000000100"))
    assert bench.sw(second) == 0x6988
    assert bench.sw(first) == 0x9000
    assert bench.sw(first) == 0x6988  # not twice
    assert bench.sw(second) == 0x9000


def test_scripts_before_the_second_cryptogram_are_not_counted() -> None:
    bench = BankBench(cash=CASH)
    bench.to_online()
    assert bench.script("04DA9F79", bytes.fromhex("000000000100")) == 0x9000
    assert bench.sw(bench.answer_command()) == 0x9000
    assert bench.generate(TC, dol=CDOL2).balance.hex() == "0000000100"
    assert bench.script("04DA9F79", bytes.fromhex("000000000200")) == 0x9000
    assert bench.counters.scripts == 1


def test_more_than_fifteen_commands(bench: BankBench) -> None:
    for number in range(20):
        assert bench.script("04DA9F58", bytes((number,))) == 0x9000
    assert bench.counters.scripts == 15


# --- blocking -------------------------------------------------------------------------------------


def test_block_and_unblock_the_application(bench: BankBench) -> None:
    assert bench.script("84180000") == 0x6985  # it is not blocked
    assert bench.script("841E0000") == 0x9000
    assert bench.send(select_command(DEBIT)).sw == 0x6283
    bench.chain = b""
    bench.initiate()
    assert bench.generate(ARQC).kind == AAC
    assert bench.script("84180000") == 0x9000
    assert bench.select()
    bench.initiate()
    assert bench.generate(ARQC).kind == ARQC


def test_a_block_before_the_second_cryptogram_declines() -> None:
    bench = BankBench()
    bench.to_online()
    assert bench.script("841E0000") == 0x9000
    assert bench.sw(bench.answer_command()) == 0x9000
    assert bench.generate(TC, dol=CDOL2).kind == AAC


def test_a_blocked_application_leaves_the_social_security_part_alone(bench: BankBench) -> None:
    assert bench.script("841E0000") == 0x9000
    assert bench.ok(SELECT_SSSE)
    assert bench.ok("00A4000002DF01")


def test_card_block(bench: BankBench) -> None:
    assert bench.script("84160000") == 0x9000
    for command in (select_command(DEBIT), SELECT_SSSE, bytes.fromhex("80CA9F3600")):
        assert bench.sw(command) == 0x6A81
    bench.card.reset()
    assert bench.sw(SELECT_SSSE) == 0x6A81


def test_deactivate(bench: BankBench) -> None:
    assert bench.script("84040000") == 0x9000
    bench.card.reset()
    for name in (DEBIT, b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"):
        assert bench.sw(select_command(name)) == 0x6A82


@pytest.mark.parametrize("header", ["841E0001", "841E0100", "84180001", "84160001", "84040001"])
def test_parameters_and_lengths(bench: BankBench, header: str) -> None:
    assert bench.script(header) == 0x6A86
    assert bench.script(header[:4] + "0000", b"\xaa") == 0x6700


# --- PIN ------------------------------------------------------------------------------------------


def enciphered(bench: BankBench, new: str, current: str | None = None) -> bytes:
    keys = bench.contents.keys
    session = bench.issuer(bench.atc, keys.script_cipher)
    return session.encipher(pin_block(new, keys.cryptogram, current))


def test_unblock_the_pin(bench: BankBench) -> None:
    for _ in range(3):
        bench.verify("0000")
    assert bench.verify() == 0x6983
    assert bench.script("84240000") == 0x9000
    assert bench.ok("80CA9F1700").hex() == "9f170103"
    assert bench.verify() == 0x9000


@pytest.mark.parametrize("new", ["1234", "12345", "123456789012"])
def test_change_the_pin(bench: BankBench, new: str) -> None:
    for _ in range(3):
        bench.verify("0000")
    assert bench.script("84240002", enciphered(bench, new)) == 0x9000
    assert bench.verify(PIN) == 0x63C2
    assert bench.verify(new) == 0x9000
    assert bench.script("84240001", enciphered(bench, "2468", new)) == 0x9000
    assert bench.verify("2468") == 0x9000


def test_a_wrong_current_pin(bench: BankBench) -> None:
    assert bench.script("84240001", enciphered(bench, "2468", "9999")) == 0x6A80
    assert bench.verify() == 0x9000


@pytest.mark.parametrize(
    ("header", "length", "sw"),
    [("84240002", 16, 0x6A80), ("84240002", 8, 0x6700), ("84240000", 16, 0x6700),
     ("84240003", 16, 0x6A86), ("84240100", 0, 0x6A86)],
)  # fmt: skip
def test_blocks_that_hold_no_pin(bench: BankBench, header: str, length: int, sw: int) -> None:
    assert bench.script(header, b"\x5a" * length) == sw
    assert bench.verify() == 0x9000


def test_a_pin_for_a_card_that_has_none() -> None:
    bench = BankBench(pin=None)
    bench.complete()
    assert bench.verify() == 0x6984
    assert bench.script("84240000") == 0x6984
    assert bench.script("84240001", enciphered(bench, "1357", "0000")) == 0x6984
    assert bench.script("84240002", enciphered(bench, "1357")) == 0x9000
    assert bench.verify("1357") == 0x9000


# --- records --------------------------------------------------------------------------------------


def test_update_a_record(bench: BankBench) -> None:
    there = records(bench.contents)
    for (sfi, number), record in there.items():
        header = f"04DC{number:02X}{sfi << 3 | 4:02X}"
        changed = record[:-1] + bytes((record[-1] ^ 1,))
        assert bench.script(header, changed) == 0x9000
        assert bench.ok(READ_RECORD.apdu(number, sfi << 3 | 4, le=0)) == changed


@pytest.mark.parametrize(
    ("header", "record", "sw"),
    [
        ("04DC010C", "7003570101", 0x6700),  # another length
        ("04DC011C", "71045F340101", 0x6A80),  # another template
        ("04DC011C", "70055F340101", 0x6A85),
        ("04DC011C", "", 0x6A85),
        ("04DC051C", "70045F340101", 0x6A83),
        ("04DC021C", "70045F340101", 0x6A83),  # a number that is not used
        ("04DC001C", "70045F340101", 0x6A83),
        ("04DC0124", "70045F340101", 0x6A82),
        ("04DC015C", "70045F340101", 0x6A82),  # the log
        ("04DC011F", "70045F340101", 0x6A86),
        ("04DC0104", "70045F340101", 0x6A86),
    ],
)
def test_records_that_cannot_be_updated(header: str, record: str, sw: int) -> None:
    bench = BankBench()
    bench.complete()
    assert (3, 2) not in records(CONTENTS)
    before = {place: bench.ok(READ_RECORD.apdu(place[1], place[0] << 3 | 4, le=0))
              for place in records(CONTENTS)}  # fmt: skip
    assert bench.script(header, bytes.fromhex(record)) == sw
    after = {place: bench.ok(READ_RECORD.apdu(place[1], place[0] << 3 | 4, le=0))
             for place in records(CONTENTS)}  # fmt: skip
    assert before == after
    assert bench.counters.flags == Flags.SCRIPT_FAILED


def test_cdol_can_be_changed_by_the_issuer() -> None:
    """What GENERATE AC asks for is what the record says."""
    bench = BankBench()
    bench.complete()
    record = records(CONTENTS)[2, 8]
    cdol1 = bytes.fromhex("9F4E14")
    assert record.count(cdol1) == 1
    assert bench.script("04DC0814", record.replace(cdol1, bytes.fromhex("9F4E13"))) == 0x9000
    bench.select()
    bench.initiate()
    command = bench.generate_command(ARQC)
    assert bench.sw(command) == 0x6700
    assert bench.ok(command[:4] + b"\x33" + command[5:-2] + b"\x00")
