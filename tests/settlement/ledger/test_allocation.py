# SPDX-License-Identifier: Apache-2.0
"""Monthly allocation: once for each batch, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.settlement.ledger import (
    AccountKind,
    Allocated,
    CardRegisterError,
    EntryExistsError,
    Ledger,
    allocate,
    read_allocations,
    register_cards,
    write_allocations,
)
from tests.settlement.ledger.people import cards


@pytest.fixture
def city(ledger: Ledger) -> Ledger:
    """Three persons, and one whose psn_no nobody knows."""
    with ledger.transaction() as t:
        register_cards(t, cards(3), "20260301", "cards:1")
        register_cards(t, cards(1, first=9, psn_no=None, division=510700), "20260301", "cards:2")
    return ledger


def allot(ledger: Ledger, path: Path, rows: list[tuple[str, int]], batch: str = "1") -> Allocated:
    write_allocations(path / "march.tsv", "202603", "20260305", batch, rows)
    file = read_allocations(path / "march.tsv")
    with ledger.transaction(exclusive=True) as t:
        return allocate(t, file)


def balances(ledger: Ledger) -> list[int]:
    with ledger.reading() as t:
        return list(t.balances_of(AccountKind.PERSONAL).values())


CODE = "51070000000000000000000000000009"


def test_money_comes_to_persons_and_cards(city: Ledger, tmp_path: Path) -> None:
    done = allot(city, tmp_path, [("P0001", 100), ("P0003", 50), (CODE, 7), ("P0001", 1)])
    assert (done.accounts, done.fen, done.posted) == (3, 158, True)
    assert balances(city) == [101, 0, 50, 7]
    with city.reading() as t:
        assert t.balances_of(AccountKind.FUNDING) == {"510100": -151, "510700": -7}


def test_a_batch_is_posted_once(city: Ledger, tmp_path: Path) -> None:
    rows = [("P0001", 100)]
    assert allot(city, tmp_path, rows).posted
    assert not allot(city, tmp_path, rows).posted
    with pytest.raises(EntryExistsError, match="batch 1 of 202603"):
        allot(city, tmp_path, [("P0001", 101)])
    assert allot(city, tmp_path, rows, "2").posted
    assert balances(city) == [200, 0, 0, 0]


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([("P0001", 1), ("P0004", 1)], "row 3: has no account here"),
        ([("51070000000000000000000000000008", 1)], "row 2: has no account here"),
        ([], "a batch has rows"),
    ],
)
def test_a_batch_is_whole_or_absent(
    city: Ledger, tmp_path: Path, rows: list[tuple[str, int]], rule: str
) -> None:
    with pytest.raises(CardRegisterError, match=rule):
        allot(city, tmp_path, rows)
    assert balances(city) == [0] * 4


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (("202613", "20260305", "1"), "row 1: month: must be YYYYMM"),
        (("202603", "20260332", "1"), "row 1: business date: must be YYYYMMDD"),
        (("202603", "20260305", "1" * 41), "row 1: batch: must be 1 to 40"),
    ],
)
def test_a_malformed_header_is_named(
    tmp_path: Path, header: tuple[str, str, str], rule: str
) -> None:
    write_allocations(tmp_path / "march.tsv", *header, [("P1", 1)])
    with pytest.raises(CardRegisterError, match=f"march.tsv: {rule}"):
        read_allocations(tmp_path / "march.tsv")


@pytest.mark.parametrize("row", [("P1", 0), ("P1", -5), ("P" * 31, 5), ("", 5)])
def test_a_malformed_row_is_named(tmp_path: Path, row: tuple[str, int]) -> None:
    write_allocations(tmp_path / "march.tsv", "202603", "20260305", "1", [("P1", 1), row])
    with pytest.raises(CardRegisterError, match=r"march.tsv: row 3: (fen|psn_no): must be"):
        read_allocations(tmp_path / "march.tsv")
