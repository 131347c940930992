# SPDX-License-Identifier: Apache-2.0
"""Which command each state of the transaction takes, and where each takes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sscard_chip.applications.bank.application import state_of
from sscard_chip.applications.bank.states import TAKES, TransactionState
from sscard_chip.filesystem.layout import ApplicationState
from sscard_chip.profile.bank import records
from sscard_chip.profile.bank.model import CDOL1, CDOL2
from sscard_chip.security.emv import plain_pin_block
from sscard_chip.standard.commands import VERIFY, StandardCommand
from tests.bench.bank import AAC, ARQC, CASH, CONTENTS, PIN, PPSE, TC, BankBench


def selected(bench: BankBench) -> None:
    bench.select()


def initiated(bench: BankBench) -> None:
    bench.select()
    bench.initiate()


def online(bench: BankBench) -> None:
    bench.to_online()


def completed(bench: BankBench) -> None:
    bench.complete()


def finished(bench: BankBench) -> None:
    bench.contactless()


REACH: dict[TransactionState, Callable[[BankBench], None]] = {
    TransactionState.SELECTED: selected,
    TransactionState.INITIATED: initiated,
    TransactionState.ONLINE: online,
    TransactionState.COMPLETED: completed,
    TransactionState.FINISHED: finished,
}


def command(bench: BankBench, name: str, state: TransactionState) -> bytes:
    """A command that succeeds wherever its state takes it."""
    first = records(CONTENTS)[1, 1]
    if name == "GET PROCESSING OPTIONS":
        return bytes.fromhex("80A8000002830000")
    if name == "GENERATE AC":
        second = state is TransactionState.ONLINE
        return bench.generate_command(AAC if second else ARQC, dol=CDOL2 if second else CDOL1)
    if name == "EXTERNAL AUTHENTICATE":
        return bench.answer_command() if bench.arqc else bytes.fromhex("008200000A") + bytes(10)
    if name == "VERIFY":
        return VERIFY.apdu(p2=0x80, data=plain_pin_block(PIN))
    plain = {
        "READ RECORD": "00B2010C00",
        "GET DATA": "80CA9F3600",
        "GET CHALLENGE": "0084000000",
        "INTERNAL AUTHENTICATE": "008800000401020304",
    }
    if name in plain:
        return bytes.fromhex(plain[name])
    scripts = {
        "APPLICATION BLOCK": ("841E0000", b""),
        "APPLICATION UNBLOCK": ("84180000", b""),
        "DEACTIVATE APPLICATION": ("84040000", b""),
        "CARD BLOCK": ("84160000", b""),
        "PIN CHANGE/UNBLOCK": ("84240000", b""),
        "PUT DATA": ("04DA9F79", bytes.fromhex("000000000100")),
        "UPDATE RECORD": ("04DC010C", first),
    }
    return bench.script_command(*scripts[name])


@pytest.mark.parametrize("state", TransactionState, ids=lambda state: state.name)
@pytest.mark.parametrize("standard", TAKES, ids=lambda standard: standard.name)
def test_every_command_in_every_state(standard: StandardCommand, state: TransactionState) -> None:
    name = standard.name
    bench = BankBench(cash=CASH)
    REACH[state](bench)
    session = bench.card._session
    assert session is not None
    assert state_of(session) is state
    before = bytes(bench.memory.cells)
    if name == "APPLICATION UNBLOCK":
        bench.directory.stage_state(ApplicationState.SUSPENDED)
        bench.memory.commit()
        before = bytes(bench.memory.cells)
    answer = bench.send(command(bench, name, state))
    if state not in TAKES[standard]:
        assert answer == (b"", 0x6985)
        assert bytes(bench.memory.cells) == before
        assert state_of(session) is state
    elif name == "INTERNAL AUTHENTICATE":
        assert answer == (b"", 0x6A88)  # this card has no key for it
    else:
        assert answer.sw == 0x9000


def test_a_third_cryptogram() -> None:
    bench = BankBench()
    bench.complete()
    assert bench.sw(bench.generate_command(AAC, dol=CDOL2)) == 0x6985
    assert bench.sw(bench.generate_command(AAC)) == 0x6985


def test_select_begins_anew() -> None:
    bench = BankBench()
    bench.to_online()
    bench.select()
    assert bench.sw(bench.generate_command(ARQC)) == 0x6985
    assert int.from_bytes(bench.atc) == 1
    bench.initiate()
    assert int.from_bytes(bench.atc) == 2


def test_a_refusal_leaves_the_transaction_where_it_is() -> None:
    bench = BankBench()
    bench.to_online()
    for refused, sw in {
        "80CA9F7F00": 0x6A88,
        "00B2092C00": 0x6A82,
        "00B2090C00": 0x6A83,
        "0070000001": 0x6D00,
        "B028000000": 0x6E00,
        "0170000000": 0x6881,
        "00A40400": 0x6700,
        "80AE000000": 0x6700,
        "80AE900001AA": 0x6A86,
        "008200000100": 0x6700,
        "00200080081234567890123456": 0x6A80,
    }.items():
        assert bench.sw(refused) == sw
    assert bench.sw(bench.answer_command()) == 0x9000
    assert bench.generate(TC, dol=CDOL2).kind == TC


def test_a_too_small_le_asks_for_the_same_command_again() -> None:
    bench = BankBench()
    bench.select()
    before = bytes(bench.memory.cells)
    assert bench.sw("80A80000028300" + "01") == 0x6C10
    assert bytes(bench.memory.cells) == before
    bench.initiate()
    command = bench.generate_command(ARQC)
    before = bytes(bench.memory.cells)
    assert bench.sw(command[:-1] + b"\x02") == 0x6C20
    assert bytes(bench.memory.cells) == before
    bench.generate(ARQC)


@pytest.mark.parametrize("name", [b"1PAY.SYS.DDF01", PPSE])
def test_the_directories_take_no_payment_commands(name: bytes) -> None:
    bench = BankBench()
    bench.select(name)
    for command in ("80A8000002830000", "80CA9F3600", "00200080082412345FFFFFFFFF"):
        assert bench.sw(command) == 0x6985
    assert len(bench.ok("0084000008")) == 8


# --- lengths and parameters -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("80A8010002830000", 0x6A86),
        ("80A8000102830000", 0x6A86),
        ("80A8000000", 0x6700),
        ("80A80000018300", 0x6A80),
        ("80A800000283010000", 0x6700),
        ("80A800000383010000", 0x6A80),
        ("80A8000002840000", 0x6A80),
        ("80A80000048300830000", 0x6A80),
        ("80A80000028301", 0x6A80),
    ],
)
def test_get_processing_options_refused(command: str, sw: int) -> None:
    bench = BankBench()
    bench.select()
    before = bytes(bench.memory.cells)
    assert bench.sw(command) == sw
    assert bytes(bench.memory.cells) == before
    assert bench.initiate()


def test_the_pdol_wants_its_data() -> None:
    bench = BankBench(pdol=True)
    bench.select()
    assert bench.sw("80A8000002830000") == 0x6A80
    assert bench.sw("80A800001A8318" + "00" * 24) == 0x6A80
    assert bench.ok(bench.contactless_command())[:1] == b"\x80"


def test_the_last_atc() -> None:
    bench = BankBench()
    bench.set_counters(atc=0xFFFE)
    bench.select()
    bench.initiate()
    assert bench.atc == b"\xff\xff"
    bench.select()
    assert bench.sw("80A8000002830000") == 0x6985


@pytest.mark.parametrize("p1", [0x10, 0x50, 0x90, 0xC0, 0x01, 0x41])
def test_other_kinds_of_cryptograms(p1: int) -> None:
    bench = BankBench()
    bench.select()
    bench.initiate()
    command = bench.generate_command(p1)
    assert bench.sw(command) == 0x6A86
    assert bench.sw(command[:3] + b"\x01" + command[4:]) == 0x6A86


@pytest.mark.parametrize("change", ["t9F02", "t9F03"])
def test_an_amount_that_is_no_number(change: str) -> None:
    bench = BankBench()
    bench.select()
    bench.initiate()
    assert bench.sw(bench.generate_command(TC, **{change: b"\x00\x00\x00\x00\x0a\x00"})) == 0x6A80
    assert bench.generate(ARQC).kind == ARQC


def test_an_arqc_is_no_second_cryptogram() -> None:
    bench = BankBench()
    bench.to_online()
    assert bench.sw(bench.generate_command(ARQC, dol=CDOL2)) == 0x6985
    assert bench.generate(AAC, dol=CDOL2).kind == AAC


def test_lengths_of_generate_ac() -> None:
    bench = BankBench()
    bench.select()
    bench.initiate()
    command = bench.generate_command(ARQC)
    short = command[:4] + b"\x33" + command[5:-2]
    assert bench.sw(short) == 0x6700
    bench.generate(ARQC)
    # CDOL1's data where CDOL2's are asked for
    assert bench.sw(bench.generate_command(TC)) == 0x6700


KNOWN = {
    (0x00, 0xA4), (0x00, 0xC0), (0x00, 0xB2), (0x00, 0x84), (0x80, 0xCA), (0x80, 0xA8),
    (0x00, 0x20), (0x00, 0x88), (0x80, 0xAE), (0x00, 0x82), (0x84, 0x1E), (0x84, 0x18),
    (0x84, 0x04), (0x84, 0x16), (0x84, 0x24), (0x04, 0xDA), (0x04, 0xDC),
}  # fmt: skip


@pytest.mark.parametrize("state", TransactionState, ids=lambda state: state.name)
def test_every_class_and_instruction(state: TransactionState) -> None:
    """Nothing but the instruction set is known, in no state; nothing changes."""
    bench = BankBench(cash=CASH)
    REACH[state](bench)
    before = bytes(bench.memory.cells)
    classes = {cla for cla, _ in KNOWN}
    instructions = {ins for _, ins in KNOWN}
    session = bench.card._session
    assert session is not None
    for cla in range(256):
        for ins in range(256):
            sw = bench.sw(bytes((cla, ins, 0xFF, 0xFF)))
            if (cla, ins) in KNOWN:
                assert sw not in (0x6D00, 0x6E00, 0x6881, 0x9000), f"{cla:02X}{ins:02X}"
            elif cla & 0xC0 == 0x40 or (cla & 0xF0 == 0 and cla & 0x03):
                assert sw == 0x6881, f"{cla:02X}{ins:02X}"
            else:
                wanted = 0x6E00 if cla not in classes or ins in instructions else 0x6D00
                assert sw == wanted, f"{cla:02X}{ins:02X}"
    told = session.memory.cells
    changed = [at for at, byte in enumerate(before) if told[at] != byte]
    assert len(changed) <= 1  # that a script failed, where scripts are taken
    assert state_of(session) is state
