# SPDX-License-Identifier: Apache-2.0
"""What a row shows by itself: each rule at its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.dayfile.pharmacies import Pharmacies, PharmaciesError, Pharmacy
from sscard_chip.settlement.judge.codes import (
    FINDINGS,
    Effect,
    FindingCode,
    codes_of,
    codes_text,
    held,
    mask_of,
    posted,
)
from sscard_chip.settlement.judge.fields import judge_fields
from sscard_chip.settlement.judge.hotlist import HotlistColumns
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.judge.times import IMPOSSIBLE, days
from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion, Split
from sscard_chip.terminal.pos import DayRow, HotCard, Hotlist, HotRange
from tests.pos.test_dayfile import GREY, HEADER, REFUND, ROW
from tests.settlement.judge.rows import columns_of

BEGUN = datetime(2026, 3, 15)


def codes(row: DayRow, rules: Rules | None = None, **header: Any) -> tuple[int, ...]:
    """The codes that a row gets by itself."""
    headers = [replace(HEADER, **header)]
    (mask,) = judge_fields(columns_of([row]), headers, rules or Rules()).tolist()
    return codes_of(mask)


def at(when: datetime) -> DayRow:
    return replace(ROW, time=f"{when:%Y%m%d%H%M%S}")


def test_good_rows_have_nothing() -> None:
    assert [codes(row) for row in (ROW, REFUND)] == [(0,), (0,)]
    assert codes(GREY) == (104,)


@pytest.mark.parametrize(
    ("when", "found"),
    [
        (BEGUN - timedelta(days=30), (0,)),
        (BEGUN - timedelta(days=30, seconds=1), (5,)),
        (BEGUN + timedelta(days=2, seconds=-1), (0,)),
        (BEGUN + timedelta(days=2), (6,)),
    ],
)
def test_the_time_of_a_row(when: datetime, found: tuple[int, ...]) -> None:
    assert codes(at(when)) == found


def test_the_limit_of_late_rows_can_be_set() -> None:
    assert codes(at(BEGUN - timedelta(seconds=1)), Rules(late_days=0)) == (5,)
    assert codes(at(BEGUN), Rules(late_days=0)) == (0,)


@pytest.mark.parametrize(
    "time", ["20260230101112", "20261301000000", "00000000000000", "20260315240000",
             "20260315236000", "20260315235960"]
)  # fmt: skip
def test_impossible_times(time: str) -> None:
    assert codes(replace(ROW, time=time)) == (6,)


@pytest.mark.parametrize(
    "changes",
    [
        {"total_fen": 3506},
        {"total_fen": 0, "fund_fen": 0, "account_fen": 0, "cash_fen": 0},
        {"transaction_type": 0x31},
        {"transaction_number": 0x10000},
        {"tac": None},
        {"cash_fen": -505, "total_fen": 2495},
    ],
)
def test_fields_and_sums(changes: dict[str, Any]) -> None:
    assert codes(replace(ROW, **changes)) == (6,)


def test_a_refund_is_negative_in_all_parts() -> None:
    assert codes(replace(REFUND, cash_fen=5, total_fen=5)) == (6,)
    assert codes(replace(REFUND, account_fen=10, cash_fen=-15)) == (6,)
    assert codes(replace(REFUND, cash_fen=0, total_fen=0)) == (6,)


@pytest.mark.parametrize(
    ("mode", "online", "split"),
    [
        (SettlementMode.OFFLINE, False, Split(1000, 505, 2000)),
        (SettlementMode.OFFLINE, False, Split(0, 505, 0)),
        (SettlementMode.ONLINE, True, Split(1000, 505, 2000)),
        (SettlementMode.TEMPORARY_OFFLINE, True, Split(1000, 505, 2000)),
        (SettlementMode.TEMPORARY_OFFLINE, False, Split(1000, 0, 0)),
    ],
)
def test_the_card_amounts_of_all_modes(mode: SettlementMode, online: bool, split: Split) -> None:
    amounts = SettlementRegion("510100", mode).amounts(split, online=online)
    row = replace(
        ROW,
        setl_id="S1" if online else None,
        total_fen=split.total_fen,
        account_fen=split.account_fen,
        cash_fen=split.self_paid_fen,
        fund_fen=split.pooled_fen,
        card_account_fen=amounts.account_fen,
        card_self_paid_fen=amounts.self_paid_fen,
        card_pooled_fen=amounts.pooled_fen,
    )
    assert codes(row) == (0,)
    for name in ("card_account_fen", "card_self_paid_fen", "card_pooled_fen"):
        assert codes(replace(row, **{name: getattr(row, name) + 1})) == (6,)
    if online:  # without the centre, such amounts are those of no mode
        assert codes(replace(row, setl_id=None)) == (6,)


def test_the_cap() -> None:
    assert codes(ROW, Rules(cap_fen=ROW.total_fen)) == (0,)
    assert codes(ROW, Rules(cap_fen=ROW.total_fen - 1)) == (7,)
    big = replace(ROW, total_fen=10**9, cash_fen=10**9 - 3000, card_self_paid_fen=10**9 - 3000)
    assert codes(big) == (7,)
    assert codes(big, Rules(cap_fen=0)) == (0,)


def pharmacy(**changes: Any) -> Rules:
    own = Pharmacy(
        HEADER.pharmacy_code, "药店", "510100", frozenset({ROW.terminal_id}),
        frozenset({HEADER.psam_number}),
    )  # fmt: skip
    return Rules(pharmacies=Pharmacies([replace(own, **changes)]))


def test_whose_terminal_it_is() -> None:
    assert codes(ROW, pharmacy()) == (0,)
    assert codes(ROW, pharmacy(code="P2")) == (102,)
    assert codes(ROW, pharmacy(terminals=frozenset())) == (102,)
    assert codes(ROW, pharmacy(psams=frozenset({"1"}))) == (102,)
    assert codes(replace(ROW, terminal_id="510100000002")) == (102,)


def test_the_version_of_the_hotlist() -> None:
    rules = Rules(hotlist=Hotlist("v2"))
    assert codes(ROW, rules, hotlist_version="v2") == (0,)
    assert codes(ROW, rules, hotlist_version="v1") == (0, 103)
    assert codes(ROW, rules, hotlist_version=None) == (0, 103)
    assert codes(ROW, Rules(), hotlist_version="v1") == (0,)


# --- codes ---------------------------------------------------------------------------------------


def test_codes_rise_and_0_stands_before_notes() -> None:
    assert [int(one.code) for one in FINDINGS] == [1, 2, 3, 5, 6, 7, 8, 10, 12, 14, 101, 102, 103,
                                                   104, 105]  # fmt: skip
    assert codes_of(0) == (0,)
    assert codes_of(int(mask_of(103, 101))) == (0, 101, 103)
    assert codes_of(int(mask_of(103, 2, 1))) == (1, 2, 103)
    assert codes_text(int(mask_of(101))) == "0,101"
    assert codes_text(0) == "0"
    assert codes_text(int(mask_of(105, 103))) == "103,105"
    with pytest.raises(ValueError, match="4"):
        mask_of(4)


def test_what_findings_do() -> None:
    masks = np.arange(1 << len(FINDINGS)).astype(np.uint16)
    effects = {
        effect: sum(int(one.code.bit) for one in FINDINGS if one.effect is effect)
        for effect in Effect
    }
    assert posted(masks).tolist() == [not mask & ~effects[Effect.NOTE] for mask in masks.tolist()]
    wanted = [
        bool(mask & effects[Effect.HOLD]) and not mask & effects[Effect.REFUSE]
        for mask in masks.tolist()
    ]
    assert held(masks).tolist() == wanted
    holds = (FindingCode.NOT_OF_PHARMACY, FindingCode.GREY, FindingCode.WAITING)
    assert effects[Effect.HOLD] == sum(int(code.bit) for code in holds)


# --- times ---------------------------------------------------------------------------------------


@given(st.integers(0, 99_999_999))
def test_days_are_those_of_the_calendar(number: int) -> None:
    (found,) = days(np.array([number], np.uint32)).tolist()
    try:
        day = datetime.strptime(f"{number:08d}", "%Y%m%d").date()
    except ValueError:
        assert found == IMPOSSIBLE
        return
    if 1900 <= day.year <= 2155:
        assert found == (day - date(1900, 1, 1)).days
    else:
        assert found == IMPOSSIBLE


# --- hotlist -------------------------------------------------------------------------------------

_NUMBERS = ("Z00000001", "Z00000002", "Z00000009", "A1", "Z9")
_CODES = tuple(
    bytes.fromhex("510100D156000005") + bytes((0, 0, 0, n, 1, 2, 3, 4)) for n in range(4)
)
_SINCE = st.sampled_from((None, "20260301000000", ROW.time, "20260401000000"))
_CARDS = st.builds(
    HotCard, st.sampled_from((None, *_CODES)), st.sampled_from(_NUMBERS), _SINCE
) | st.builds(HotCard, st.sampled_from(_CODES), st.none(), _SINCE)


@given(
    st.lists(_CARDS, max_size=5),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), _SINCE), max_size=3),
)
def test_the_hotlist_is_the_terminals(
    cards: list[HotCard], ranges: list[tuple[int, int, str | None]]
) -> None:
    spans = [
        HotRange(f"Z0000000{min(a, b)}", f"Z0000000{max(a, b)}", since) for a, b, since in ranges
    ]
    hotlist = Hotlist("v", cards, spans)
    rows = [replace(ROW, card_number=n, card_id_code=c) for n in _NUMBERS for c in _CODES]
    found = HotlistColumns(hotlist).holds(columns_of(rows)).tolist()
    assert found == [hotlist.holds(one.card_id_code, one.card_number, one.time) for one in rows]


# --- the list of pharmacies ----------------------------------------------------------------------


def test_a_list_of_pharmacies_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "pharmacies.tsv"
    rules = pharmacy(terminals=frozenset({"1" * 12, "2" * 12}), psams=frozenset())
    assert rules.pharmacies is not None
    rules.pharmacies.save(path)
    read = Pharmacies.load(path)
    assert read.get(HEADER.pharmacy_code) == rules.pharmacies.get(HEADER.pharmacy_code)
    assert read.names() == {HEADER.pharmacy_code: "药店"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda text: text[:-1], "each ending in LF"),
        (lambda text: text.replace("pharmacies/1", "pharmacies/2"), "row 1: header"),
        (lambda text: text.replace("药店", "藥店"), "trailer: count or digest"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path: Path, change: Callable[[str], str], rule: str) -> None:
    path = tmp_path / "pharmacies.tsv"
    rules = pharmacy()
    assert rules.pharmacies is not None
    rules.pharmacies.save(path)
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises(PharmaciesError, match=rule) as caught:
        Pharmacies.load(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"code": "P 1"}, "fixmedins_code"),
        ({"division": "5101"}, "division"),
        ({"terminals": frozenset({"12"})}, "terminal ids"),
    ],
)
def test_a_wrong_row_of_a_list(tmp_path: Path, changes: dict[str, Any], rule: str) -> None:
    path = tmp_path / "pharmacies.tsv"
    rules = pharmacy(**changes)
    assert rules.pharmacies is not None
    rules.pharmacies.save(path)
    with pytest.raises(PharmaciesError, match=f"row 2: {rule}"):
        Pharmacies.load(path)
