# SPDX-License-Identifier: Apache-2.0
"""Card risk management: what the card decides, and what the issuer is told of why."""

from __future__ import annotations

import pytest

from sscard_chip.applications.bank.data import DEFAULT_ACTION, ISSUER_AUTHENTICATION, Flags
from sscard_chip.filesystem.layout import ApplicationState
from sscard_chip.profile.bank import OfflineLimits
from sscard_chip.profile.bank.model import CDOL2
from tests.bench.bank import AAC, ARQC, TC, BankBench, Generated, amount, select_command

USED = {"last_online_atc": 1}
"""Counters of a card that is not new."""
LIMITS = OfflineLimits(
    lower_count=2, upper_count=4, lower_amount_fen=10_000, upper_amount_fen=20_000
)


def used(**fields: object) -> BankBench:
    bench = BankBench(pin=None, limits=LIMITS)
    bench.set_counters(**(USED | fields))
    return bench


def first(bench: BankBench, kind: int = TC, **changes: bytes) -> Generated:
    bench.select()
    bench.initiate()
    return bench.generate(kind, **changes)


def bits(generated: Generated) -> int:
    """CVR without the kinds of the cryptograms and the count of scripts."""
    return int.from_bytes(generated.cvr[1:]) & 0x0FFF0F


def test_a_quiet_card_approves_within_its_limits() -> None:
    bench = used()
    found = first(bench)
    assert (found.kind, found.cvr.hex()) == (TC, "03900000")
    assert bench.counters.offline_count == 1
    assert bench.counters.offline_amount_fen == 1234
    (record,) = bench.log()
    assert record.hex() == (
        "261128" "120102" "000000001234" "000000000000" "0156" "0156"
        + b"CORNER SHOP".ljust(20).hex() + "00" "0001"
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "cvr"), [(ARQC, "03a00000"), (AAC, "03800000")])
def test_what_is_asked_for_less_than_an_approval_is_given(kind: int, cvr: str) -> None:
    found = first(used(), kind)
    assert (found.kind, found.cvr.hex()) == (kind, cvr)


@pytest.mark.parametrize(
    ("counters", "fen"),
    [
        ({"offline_count": 2}, 1),
        ({"offline_amount_fen": 9_000}, 1_001),
        ({}, 10_001),
    ],
)
def test_beyond_the_lower_limits_it_goes_online(counters: dict[str, object], fen: int) -> None:
    found = first(used(**counters), t9F02=amount(fen))
    assert (found.kind, found.cvr.hex()) == (ARQC, "03a02000")


def test_up_to_the_lower_limits_it_approves() -> None:
    assert first(used(offline_count=1), t9F02=amount(10_000)).kind == TC
    assert first(used(offline_amount_fen=9_000), t9F02=amount(1_000)).kind == TC


def test_another_currency_counts_as_a_transaction_alone() -> None:
    bench = used()
    assert first(bench, t5F2A=b"\x08\x40", t9F02=amount(50_000)).kind == TC
    assert (bench.counters.offline_count, bench.counters.offline_amount_fen) == (1, 0)


def test_a_new_card_goes_online() -> None:
    found = first(used(last_online_atc=0))
    assert (found.kind, bits(found)) == (ARQC, 0x001000)


@pytest.mark.parametrize(
    ("flag", "bit", "kind"),
    [
        (Flags.ONLINE_PENDING, 0x008000, ARQC),
        (Flags.ISSUER_FAILED, 0x000800, ARQC),
        (Flags.SCRIPT_FAILED, 0x000008, ARQC),
        (Flags.STATIC_FAILED, 0x000100, TC),
        (Flags.DYNAMIC_FAILED, 0x000004, TC),
    ],
)
def test_what_was_left_undone_is_told(flag: Flags, bit: int, kind: int) -> None:
    found = first(used(flags=flag))
    assert (found.kind, bits(found)) == (kind, bit)


@pytest.mark.parametrize("flag", [Flags.ISSUER_FAILED, Flags.SCRIPT_FAILED])
def test_the_default_action_says_what_follows_from_it(flag: Flags) -> None:
    bench = used(flags=flag)
    bench.set_value(DEFAULT_ACTION, bytes(2))
    assert first(bench).kind == TC


@pytest.mark.parametrize(
    ("action", "kind"), [("0000", TC), ("0020", ARQC), ("0040", AAC), ("0060", AAC)]
)
def test_exceeded_pin_tries(action: str, kind: int) -> None:
    bench = BankBench(limits=LIMITS)
    bench.set_counters(**USED)
    bench.set_value(DEFAULT_ACTION, bytes.fromhex(action))
    bench.select()
    for _ in range(3):
        bench.verify("0000")
    found = first(bench)
    assert (found.kind, bits(found)) == (kind, 0x004001)  # and no PIN was received


def test_a_blocked_application_only_declines() -> None:
    bench = used()
    bench.directory.stage_state(ApplicationState.SUSPENDED)
    bench.memory.commit()
    for kind in (TC, ARQC, AAC):
        assert bench.send(select_command(bench.aid)).sw == 0x6283
        bench.initiate()
        assert bench.generate(kind).kind == AAC
    assert bench.log() == []


@pytest.mark.parametrize(
    ("tvr", "flag", "bit"),
    [("4000000000", Flags.STATIC_FAILED, 0x000100), ("0800000000", Flags.DYNAMIC_FAILED, 0x000004)],
)
def test_failed_offline_authentication_is_told_next_time(tvr: str, flag: Flags, bit: int) -> None:
    bench = used()
    assert bits(first(bench, AAC, t95=bytes.fromhex(tvr))) == 0
    assert bench.counters.flags == flag
    assert bits(first(bench)) == bit


# --- the issuer's answer --------------------------------------------------------------------------


def test_an_approved_online_transaction_clears_the_counters() -> None:
    bench = used(offline_count=2, offline_amount_fen=500, scripts=3, flags=Flags.SCRIPT_FAILED)
    found = bench.to_online()
    assert found.cvr.hex() == "03a02038"
    assert bench.counters.flags == Flags.SCRIPT_FAILED | Flags.ONLINE_PENDING
    assert bench.sw(bench.answer_command()) == 0x9000
    last = bench.generate(TC, dol=CDOL2)
    assert (last.kind, last.cvr[1]) == (TC, 0x60)
    counters = bench.counters
    assert (counters.last_online_atc, counters.flags, counters.scripts) == (1, Flags(0), 0)
    assert (counters.offline_count, counters.offline_amount_fen) == (0, 0)
    assert bench.ok("80CA9F1300").hex() == "9f13020001"
    assert len(bench.log()) == 1
    assert first(bench).cvr.hex() == "03900000"


def test_the_issuer_declines() -> None:
    bench = used()
    bench.to_online()
    assert bench.sw(bench.answer_command(b"05")) == 0x9000
    found = bench.generate(AAC, dol=CDOL2, t8A=b"05")
    assert (found.kind, found.cvr[1]) == (AAC, 0x20)
    assert bench.log() == []
    assert bench.counters.last_online_atc == 1


def test_a_wrong_issuer_is_told_and_declined() -> None:
    bench = used()
    bench.to_online()
    assert bench.sw(bench.answer_command(wrong=True)) == 0x6300
    assert bench.sw(bench.answer_command()) == 0x6985  # once
    found = bench.generate(TC, dol=CDOL2)
    assert (found.kind, bits(found)) == (AAC, 0x088800)
    assert bench.counters.flags == Flags.ISSUER_FAILED | Flags.ONLINE_PENDING
    again = bench.to_online()
    assert bits(again) == 0x008800
    assert bench.sw(bench.answer_command()) == 0x9000
    assert bench.generate(TC, dol=CDOL2).kind == TC
    assert bench.counters.flags == Flags(0)


def test_a_failed_issuer_leaves_what_was_to_be_told() -> None:
    bench = used(flags=Flags.SCRIPT_FAILED | Flags.STATIC_FAILED)
    bench.to_online()
    assert bench.sw(bench.answer_command(wrong=True)) == 0x6300
    bench.generate(TC, dol=CDOL2)
    told = Flags.SCRIPT_FAILED | Flags.STATIC_FAILED
    assert bench.counters.flags == told | Flags.ISSUER_FAILED | Flags.ONLINE_PENDING


def test_the_failure_survives_a_power_cut() -> None:
    bench = used()
    bench.to_online()
    assert bench.sw(bench.answer_command(wrong=True)) == 0x6300
    bench.card.power_on()
    assert bits(first(bench)) == 0x008800


@pytest.mark.parametrize(
    ("indicator", "action", "kind"),
    [(0x00, "C338", TC), (0x80, "C338", TC), (0x80, "E338", AAC), (0x00, "E338", TC)],
)
def test_no_issuer_authentication(indicator: int, action: str, kind: int) -> None:
    bench = used()
    bench.set_value(ISSUER_AUTHENTICATION, bytes((indicator,)))
    bench.set_value(DEFAULT_ACTION, bytes.fromhex(action))
    bench.to_online()
    found = bench.generate(TC, dol=CDOL2)
    assert (found.kind, bits(found) & 0x000400) == (kind, 0x000400)
    pending = bool(bench.counters.flags & Flags.ONLINE_PENDING)
    assert pending is bool(indicator)


@pytest.mark.parametrize("code", [b"Y3", b"Z3"])
@pytest.mark.parametrize(
    ("counters", "fen", "kind", "results"),
    [
        ({"offline_count": 3}, 1_000, TC, 0x018000),
        ({"offline_count": 4}, 1_000, AAC, 0x01A000),
        ({"offline_amount_fen": 19_000}, 1_001, AAC, 0x01A000),
        ({"last_online_atc": 0}, 1_000, AAC, 0x019000),
    ],
)
def test_unable_to_go_online(
    code: bytes, counters: dict[str, object], fen: int, kind: int, results: int
) -> None:
    bench = used(**counters)
    before = bench.counters
    first(bench, ARQC, t9F02=amount(fen))
    found = bench.generate(TC, dol=CDOL2, t8A=code, t9F02=amount(fen))
    assert (found.kind, bits(found)) == (kind, results)
    after = bench.counters
    assert after.offline_count - before.offline_count == (kind == TC)
    assert after.flags == Flags.ONLINE_PENDING
    assert len(bench.log()) == (kind == TC)


def test_an_interrupted_online_transaction_is_told_next_time() -> None:
    bench = used()
    bench.to_online()
    bench.card.reset()
    found = first(bench)
    assert (found.kind, bits(found)) == (ARQC, 0x008000)


def test_the_log_is_a_ring_of_ten() -> None:
    bench = BankBench(pin=None, limits=OfflineLimits(99, 99, 10**9, 10**9))
    bench.set_counters(**USED)
    for number in range(1, 14):
        first(bench, t9F02=amount(number))
    log = bench.log()
    assert len(log) == 10
    assert [int(record[6:12].hex()) for record in log] == list(range(13, 3, -1))
    assert [int.from_bytes(record[-2:]) for record in log] == list(range(13, 3, -1))


def test_counters_stay_within_their_fields() -> None:
    bench = BankBench(pin=None, limits=OfflineLimits(255, 255, 10**12 - 1, 10**12 - 1))
    bench.set_counters(offline_count=254, offline_amount_fen=10**12 - 2, **USED)
    assert first(bench, t9F02=amount(1)).kind == TC
    assert first(bench, t9F02=amount(0)).kind == ARQC
