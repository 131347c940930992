# SPDX-License-Identifier: Apache-2.0
"""An on-line sale is paid once and refunded once, by a message or by the row of a day file, however
the rows are grouped into runs and whatever labels they have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from sscard_chip.dayfile.rows import DayHeader, DayRow
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.settle import settle
from sscard_chip.terminal.pos import DayFile
from tests.settlement.platform import centre
from tests.settlement.run.trial import keys

HEADER: Final = DayHeader(centre.PHARMACY, "510100000001", "20260315", None, "0" * 19 + "1")
PAID: Final = {"personal": centre.BALANCE - 1500, "fund": -2000, "pharmacy": 3500}
"""One bill of 35.00 is paid."""
NOTHING: Final = {"personal": centre.BALANCE}
CONFIRMATION: Final = f"{centre.PHARMACY}{centre.TIME}A001"
"""The msgid of a till's confirmation of sale 1, which a run takes too."""


class City:
    """Messages and day files of one pharmacy."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.platform: Platform = centre.open_platform(ledger)
        self._folder = folder
        self._runs = 0
        centre.open_centre(ledger)

    def send(self, infno: str, number: int | str, node: dict[str, Any]) -> dict[str, Any]:
        return self.platform.handle(centre.message(infno, number, node))

    def hold(self, number: int) -> dict[str, str]:
        answer = self.send("2102A", number, centre.bill("35.00"))
        info: dict[str, str] = answer["output"]["setlinfo"]
        return info

    def file(self, *rows: DayRow) -> Path:
        self._runs += 1
        path = self._folder / f"{self._runs}.tsv"
        with DayFile.open(path, HEADER) as file:
            for row in rows:
                file.append(row)
            file.finish()
        return path

    def settle(self, *paths: Path) -> list[str]:
        """The codes of all rows, in the order of files and rows that a run has."""
        self._runs += 1
        out = self._folder / f"out{self._runs}"
        settle([*map(str, paths)], keys=keys, ledger=self.ledger, out=out, rules=Rules())
        rows = (out / "verdicts.tsv").read_text("utf-8").splitlines()[1:]
        return [row.split("\t")[3] for row in rows]

    @property
    def money(self) -> dict[str, int]:
        return centre.balances(self.ledger)


@pytest.fixture
def city(ledger: Ledger, tmp_path: Path) -> City:
    return City(ledger, tmp_path)


def refund_of(row: DayRow, number: int | str, **changes: Any) -> DayRow:
    """The refund of a whole sale that names it by its own setl_id."""
    parts = ("total_fen", "account_fen", "cash_fen", "fund_fen")
    back: dict[str, Any] = {part: -getattr(row, part) for part in parts}
    label = number if isinstance(number, str) else centre.msgid(number)
    return replace(row, refund=True, msgid=label, **back | changes)


def settle_whole(city: City, sale: DayRow, refund: DayRow) -> None:
    city.settle(city.file(sale, refund))


def settle_two_files(city: City, sale: DayRow, refund: DayRow) -> None:
    city.settle(city.file(refund), city.file(sale))


def settle_in_turn(city: City, sale: DayRow, refund: DayRow) -> None:
    city.settle(city.file(sale))
    city.settle(city.file(refund))


def settle_refund_first(city: City, sale: DayRow, refund: DayRow) -> None:
    city.settle(city.file(refund))
    city.settle(city.file(sale))


GROUPINGS: Final = [settle_whole, settle_two_files, settle_in_turn, settle_refund_first]


@pytest.mark.parametrize("label", ["3001", CONFIRMATION])
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_what_a_day_file_refunds_no_message_refunds_again(
    city: City, grouping: Callable[[City, DayRow, DayRow], None], label: str
) -> None:
    """The sale is only held: its row confirms it, the refund cancels it. Its msgid may be any."""
    info = city.hold(1)
    row = centre.row_of(info)
    grouping(city, row, refund_of(row, int(label) if label.isdecimal() else label))
    assert city.money == NOTHING
    again = city.send("2103", 3002, centre.back(info))
    assert again["err_msg"] == "the settlement is cancelled"
    assert city.money == NOTHING
    copy = refund_of(row, 3003)
    assert "0" not in city.settle(city.file(copy))
    assert city.money == NOTHING


@pytest.mark.parametrize("together", [True, False])
def test_two_sales_and_refunds_of_one_msgid(city: City, together: bool) -> None:
    infos = [city.hold(1), city.hold(2)]
    sales = [centre.row_of(info, number) for number, info in enumerate(infos, 1)]
    refunds = [refund_of(row, 3001) for row in sales]
    city.settle(city.file(*sales))
    files = [city.file(row) for row in refunds]
    for some in [files] if together else [[one] for one in files]:
        assert set(city.settle(*some)) == {"0"}
    assert city.money == NOTHING
    for number, info in enumerate(infos):
        again = city.send("2103", 3010 + number, centre.back(info))
        assert again["err_msg"] == "the settlement is cancelled"
    assert city.money == NOTHING


def test_a_refund_in_a_day_file_is_not_undone_by_a_reversal(city: City) -> None:
    """Neither one that the file has made, nor one of a message that has its row there."""
    infos = [city.hold(1), city.hold(2)]
    sales = [centre.row_of(info, number) for number, info in enumerate(infos, 1)]
    city.settle(city.file(*sales))
    city.settle(city.file(refund_of(sales[0], 3001)))
    info = city.send("2103", 3002, centre.back(infos[1]))["output"]["setlinfo"]
    city.settle(city.file(refund_of(sales[1], 3002, setl_id=info["setl_id"])))
    assert city.money == NOTHING
    for number in (3001, 3002):
        answer = city.send("2601", number + 1000, centre.undo(centre.msgid(number), "2103"))
        assert answer["err_msg"] == "a day file has settled this refund"
    assert city.money == NOTHING


def test_a_refund_whose_cancellation_is_reversed_is_none(city: City) -> None:
    info = city.hold(1)
    row = centre.row_of(info)
    city.settle(city.file(row))
    back = city.send("2103", 3001, centre.back(info))["output"]["setlinfo"]
    assert city.send("2601", 4001, centre.undo(centre.msgid(3001), "2103"))["infcode"] == 0
    named = refund_of(row, 3001, setl_id=back["setl_id"])
    assert city.settle(city.file(named)) == ["6"]
    assert city.settle(city.file(refund_of(row, 3001, time=row.time))) == ["6"]
    assert city.money == PAID


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("released", [True, False])
def test_one_bill_is_paid_by_one_debit(city: City, together: bool, released: bool) -> None:
    """The card was charged twice under the labels of one bill: two debits with right TACs."""
    info = city.hold(1)
    rows = [centre.row_of(info, number) for number in (1, 2)]
    if released:
        city.send("2601", 4001, centre.undo(centre.msgid(1), "2102A"))
    found: list[str] = []
    files = [city.file(row) for row in rows]
    for some in [files] if together else [[one] for one in files]:
        found += city.settle(*some)
    assert sorted(found) == ["0", "6"]
    assert city.money == PAID


def test_a_confirmation_that_was_reversed_before_it_came(city: City) -> None:
    """The till gave its confirmation up, but the card has paid: the row tells, and no money stays
    held."""
    info = city.hold(1)
    city.send("2601", 4001, centre.undo(CONFIRMATION, "2102"))
    row = centre.row_of(info)
    assert city.settle(city.file(row)) == ["0"]
    assert city.money == PAID
    assert city.settle(city.file(refund_of(row, 3001))) == ["0"]
    assert city.money == NOTHING
