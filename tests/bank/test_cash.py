# SPDX-License-Identifier: Apache-2.0
"""Electronic cash: contact with 9F7A, contactless (qPBOC), loading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sscard_chip.applications.bank.data import CONTACTLESS_CRYPTOGRAM_VERSION, Flags
from sscard_chip.filesystem import tlv
from sscard_chip.filesystem.layout import ApplicationState
from sscard_chip.profile.bank.model import CASH_PDOL, CDOL2, PDOL
from sscard_chip.security.emv import cvn17_input
from sscard_chip.standard.commands import GET_PROCESSING_OPTIONS
from tests.bench.bank import (
    AAC,
    ARQC,
    CASH,
    PPSE,
    TC,
    TERMINAL,
    BankBench,
    Generated,
    amount,
    select_command,
)

SUITES = ("3des", "sm4")
OFFLINE_READER = bytes.fromhex("2E000000")
FORCED_ONLINE = bytes.fromhex("26800000")


def cash_bench(**changes: object) -> BankBench:
    return BankBench(**({"cash": CASH, "pdol": True} | changes))  # type: ignore[arg-type]


def initiate_cash(bench: BankBench, *, indicator: int = 1) -> None:
    """GET PROCESSING OPTIONS of a terminal that offers electronic cash."""
    data = tlv.fill_dol(tlv.parse_dol(PDOL + CASH_PDOL), TERMINAL | {0x9F7A: bytes((indicator,))})
    body = tlv.tlv(0x83, data)
    bench.select()
    bench.ok(GET_PROCESSING_OPTIONS.apdu(data=body, le=0))


# --- contact --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_contact_electronic_cash_pays_offline(suite: str) -> None:
    bench = cash_bench(suite=suite)
    initiate_cash(bench)
    found = bench.generate(TC)
    assert (found.kind, found.balance.hex()) == (TC, "0000048766")
    assert bench.ok("80CA9F7900").hex() == "9f7906000000048766"
    assert bench.ok("80CA9F5D00").hex() == "9f5d06000000048766"
    assert len(bench.log()) == 1
    assert bench.counters.offline_count == 0  # that is for transactions of the account


def test_without_the_terminals_word_the_account_pays() -> None:
    bench = cash_bench()
    initiate_cash(bench, indicator=0)
    assert bench.generate(TC).kind == ARQC
    assert bench.counters.balance_fen == 50_000


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"t9F02": amount(20_000)}, TC),
        ({"t9F02": amount(20_001)}, ARQC),  # more than at a time
        ({"t5F2A": b"\x08\x40"}, ARQC),
    ],
)
def test_what_electronic_cash_does_not_pay_goes_online(
    changes: dict[str, bytes], kind: int
) -> None:
    bench = cash_bench()
    initiate_cash(bench)
    assert bench.generate(TC, **changes).kind == kind


@pytest.mark.parametrize(
    ("balance", "fen", "kind"),
    [(50_000, 19_000, TC), (20_000, 19_000, TC), (19_999, 19_000, ARQC), (5_000, 5_001, ARQC)],
)
def test_below_the_reset_threshold_it_goes_online(balance: int, fen: int, kind: int) -> None:
    bench = cash_bench()
    bench.set_counters(balance_fen=balance)
    initiate_cash(bench)
    found = bench.generate(TC, t9F02=amount(fen))
    assert found.kind == kind
    assert bench.counters.balance_fen == balance - (fen if kind == TC else 0)


@pytest.mark.parametrize(("balance", "kind"), [(19_500, TC), (18_999, AAC)])
def test_the_balance_pays_when_the_issuer_cannot_be_reached(balance: int, kind: int) -> None:
    bench = cash_bench()
    bench.set_counters(balance_fen=balance)
    initiate_cash(bench)
    assert bench.generate(TC, t9F02=amount(19_000)).kind == ARQC
    found = bench.generate(TC, dol=CDOL2, t8A=b"Y3", t9F02=amount(19_000))
    assert found.kind == kind
    assert bench.counters.balance_fen == balance - (19_000 if kind == TC else 0)


def test_approved_online_the_account_pays() -> None:
    bench = cash_bench()
    bench.set_counters(balance_fen=100)
    initiate_cash(bench)
    assert bench.generate(TC).kind == ARQC
    assert bench.sw(bench.answer_command()) == 0x9000
    assert bench.generate(TC, dol=CDOL2).kind == TC
    assert bench.counters.balance_fen == 100


def test_a_load_by_script_can_be_spent() -> None:
    bench = cash_bench(pdol=False)
    bench.complete()
    assert bench.script("04DA9F79", amount(100_000)) == 0x9000
    assert int(bench.contactless()[0x9F5D].hex()) == 100_000 - 1234


# --- contactless ----------------------------------------------------------------------------------


def checked(bench: BankBench, found: dict[int, bytes], **changes: bytes) -> Generated:
    """The cryptogram of a contactless answer, proven."""
    data, atc = found[0x9F10], found[0x9F36]
    generated = Generated(data[4] << 2 & 0xC0, atc, found[0x9F26], data)
    bench.check(generated, bench.values(changes))
    return generated


@pytest.mark.parametrize("suite", SUITES)
def test_contactless_pays_offline(suite: str) -> None:
    bench = cash_bench(suite=suite)
    found = bench.contactless()
    assert list(found) == [
        0x82, 0x9F36, 0x57, 0x9F10, 0x9F26, 0x94, 0x5F34, 0x9F6C, 0x9F5D
    ]  # fmt: skip
    generated = checked(bench, found)
    assert (generated.kind, found[0x9F5D]) == (TC, amount(48_766))
    assert generated.cvr.hex() == "03901000"
    (record,) = bench.log()
    assert record[6:12] == amount(1234)
    assert record[3:6] == bytes(3)  # a contactless terminal gives no time
    afl = found[0x94]
    assert dict(tlv.flatten(bench.ok("00B2081400")))[0x5A].hex() == "6239900000000005"
    assert afl.hex() == "1008080018020200"


def test_contactless_that_wants_the_issuer() -> None:
    bench = cash_bench()
    bench.set_counters(last_online_atc=3, atc=8)
    found = bench.contactless(t9F66=FORCED_ONLINE)
    assert list(found) == [
        0x82, 0x9F36, 0x57, 0x9F10, 0x9F26, 0x9F63, 0x5F34, 0x9F6C, 0x9F50, 0x5F20
    ]  # fmt: skip
    generated = checked(bench, found, t9F66=FORCED_ONLINE)
    assert (generated.kind, generated.cvr.hex()) == (ARQC, "03a00000")
    assert (len(found[0x9F63]), len(found[0x9F6C]), len(found[0x9F50])) == (16, 2, 6)
    assert bench.counters.balance_fen == 50_000
    assert bench.log() == []


@pytest.mark.parametrize(
    ("changes", "balance", "kind"),
    [
        ({"t9F02": amount(20_000)}, 50_000, TC),
        ({"t9F02": amount(20_001)}, 50_000, ARQC),
        ({"t9F02": amount(0)}, 50_000, TC),
        ({"t5F2A": b"\x09\x78"}, 50_000, ARQC),
        ({}, 1_233, ARQC),
        ({}, 2_233, ARQC),  # below the reset threshold
        ({}, 2_234, TC),
        ({"t9F66": OFFLINE_READER}, 2_233, TC),
        ({"t9F66": OFFLINE_READER}, 1_234, TC),
        ({"t9F66": OFFLINE_READER}, 1_233, AAC),
        ({"t9F66": OFFLINE_READER, "t5F2A": b"\x09\x78"}, 50_000, AAC),
    ],
)
def test_what_contactless_decides(changes: dict[str, bytes], balance: int, kind: int) -> None:
    bench = cash_bench()
    bench.set_counters(balance_fen=balance)
    found = bench.contactless(**changes)
    assert checked(bench, found, **changes).kind == kind
    fen = int((changes.get("t9F02") or TERMINAL[0x9F02]).hex())
    assert bench.counters.balance_fen == balance - (fen if kind == TC else 0)
    assert len(bench.log()) == (kind == TC)


@pytest.mark.parametrize(
    ("qualifiers", "kind", "wants"),
    [
        ("26C00000", ARQC, 0x80),
        ("22C00000", ARQC, 0x40),
        ("26400000", TC, 0x40),
        ("24400000", TC, 0x00),
        ("26000000", TC, 0x00),
        ("26800000", ARQC, 0x00),
    ],
)
def test_how_the_holder_is_to_be_verified(qualifiers: str, kind: int, wants: int) -> None:
    bench = cash_bench()
    value = bytes.fromhex(qualifiers)
    found = bench.contactless(t9F66=value)
    assert checked(bench, found, t9F66=value).kind == kind
    assert found[0x9F6C] == bytes((wants, 0))


def test_contactless_tells_what_was_left_undone() -> None:
    bench = cash_bench()
    bench.set_counters(flags=Flags.ONLINE_PENDING | Flags.SCRIPT_FAILED, scripts=2)
    assert checked(bench, bench.contactless()).cvr.hex() == "03909028"


def test_without_electronic_cash_everything_goes_online() -> None:
    bench = BankBench()
    assert checked(bench, bench.contactless()).kind == ARQC


@pytest.mark.parametrize("qualifiers", ["00000000", "40000000", "06000000"])
def test_other_readers_are_refused(qualifiers: str) -> None:
    bench = cash_bench()
    bench.select(PPSE)
    bench.select()
    before = bytes(bench.memory.cells)
    assert bench.sw(bench.contactless_command(t9F66=bytes.fromhex(qualifiers))) == 0x6985
    assert bytes(bench.memory.cells) == before


def test_contactless_refusals() -> None:
    bench = cash_bench()
    bench.select(PPSE)
    bench.select()
    assert bench.sw("80A8000002830000") == 0x6A80
    assert bench.sw(bench.contactless_command(t9F02=b"\xff" * 6)) == 0x6A80
    assert int.from_bytes(bench.atc) == 0
    assert bench.ok(bench.contactless_command())
    assert bench.sw(bench.contactless_command()) == 0x6985
    assert bench.sw(bench.generate_command(ARQC)) == 0x6985


def test_a_blocked_application_does_not_pay() -> None:
    bench = cash_bench()
    bench.directory.stage_state(ApplicationState.SUSPENDED)
    bench.memory.commit()
    bench.select(PPSE)
    assert bench.send(select_command(bench.aid)).sw == 0x6283
    assert bench.sw(bench.contactless_command()) == 0x6985


def test_cryptogram_version_17() -> None:
    bench = cash_bench(contactless_cryptogram_version=0x17)
    found = bench.contactless()
    session = bench.issuer(found[0x9F36])
    data = found[0x9F10]
    assert bench.data.value(CONTACTLESS_CRYPTOGRAM_VERSION) == data[2:3] == b"\x17"
    message = cvn17_input(TERMINAL[0x9F02], TERMINAL[0x9F37], found[0x9F36], data[3:7])
    assert message == TERMINAL[0x9F02] + TERMINAL[0x9F37] + found[0x9F36] + data[4:5]
    assert found[0x9F26] == session.cryptogram(message)
    assert data[15:] == bench.data_mac(found[0x9F36], data[10:15])
    bench.select(b"1PAY.SYS.DDF01")
    initiate_cash(bench)
    assert bench.generate(ARQC).issuer_data[2] == 0x01  # contact stays with version 01


def test_spending_until_it_is_empty() -> None:
    bench = cash_bench(cash=replace(CASH, reset_threshold_fen=0, balance_fen=5_000))
    paid = 0
    for _ in range(6):
        kind = checked(bench, bench.contactless()).kind
        paid += 1234 if kind == TC else 0
    assert paid == 4 * 1234
    assert bench.counters.balance_fen == 5_000 - paid
