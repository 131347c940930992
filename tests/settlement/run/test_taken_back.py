# SPDX-License-Identifier: Apache-2.0
"""What is taken back on-line beside what day files have settled: no order draws money."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from sscard_chip.dayfile.authoriser import CentreRefusedError
from sscard_chip.dayfile.msgid import confirmation_msgid
from sscard_chip.settlement.ledger import AccountKind, Ledger, register_cards
from sscard_chip.settlement.platform import HOLD
from sscard_chip.settlement.policy import CentrePolicy, SaleCaps
from sscard_chip.settlement.schema.books import entry
from sscard_chip.terminal.pos import DayFile, read_day
from tests.settlement.ledger.people import cards
from tests.settlement.platform.centre import (
    NO_POOL,
    PERSON,
    TIME,
    back,
    balances,
    bill,
    confirmation,
    ledger_authoriser,
    message,
    msgid,
    open_centre,
    open_platform,
    undo,
)
from tests.settlement.run.test_one_debit import codes, online_day
from tests.settlement.run.test_pos import MONEY, NIGHT, SALE


def reverse(ledger: Ledger, omsgid: str, number: int) -> str:
    """2601 of a message; what the centre has against it."""
    own = msgid(900 + number, time=NIGHT)
    request = message("2601", own, undo(omsgid, "2102"), inf_time="2026-03-15 20:30:00")
    answer = open_platform(ledger).handle(request)
    text: str = answer["err_msg"]
    return text


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_settlement_in_a_day_file_is_not_reversed(
    ledger: Ledger, tmp_path: Path, confirmed: bool
) -> None:
    """Its row is posted and claimed: the message would leave the pharmacy paid and the holder with
    the money. A row that comes after the reversal is booked; so is this one."""
    honest = online_day(ledger, tmp_path, confirmed=confirmed)
    assert codes(ledger, tmp_path / "out", honest) == [["0"]]
    (row,) = read_day(honest).rows
    for number, omsgid in enumerate((row.msgid, confirmation_msgid(row.msgid))):
        assert reverse(ledger, omsgid, number) != ""
    assert balances(ledger) == SALE
    assert codes(ledger, tmp_path / "out", honest) == [["0"]]


def test_a_row_after_the_reversal_of_its_settlement(ledger: Ledger, tmp_path: Path) -> None:
    honest = online_day(ledger, tmp_path, confirmed=True)
    (row,) = read_day(honest).rows
    assert reverse(ledger, confirmation_msgid(row.msgid), 0) == ""
    assert balances(ledger) == {"personal": MONEY}
    assert codes(ledger, tmp_path / "out", honest) == [["0"]]
    assert balances(ledger) == SALE


@pytest.mark.parametrize(
    "changes",
    [{"treatment_division": "330106"}, {"insured_division": "330106"}],
    ids=["treatment", "insured"],
)
def test_a_row_of_another_place_is_not_the_settlements(
    ledger: Ledger, tmp_path: Path, changes: dict[str, str]
) -> None:
    """The place says who clears the debit: another region would be asked for it."""
    honest = online_day(ledger, tmp_path, confirmed=False)
    altered = altered_copy(honest, tmp_path / "altered.tsv", changes)
    assert codes(ledger, tmp_path / "out", altered)[0][0].split(",")[-1] == "6"
    (row,) = read_day(altered).rows
    with pytest.raises(CentreRefusedError, match="is of something else"):
        ledger_authoriser(ledger).confirm(row)
    assert codes(ledger, tmp_path / "out", honest, altered)[0] == ["0"]
    assert balances(ledger) == SALE


def altered_copy(path: Path, target: Path, changes: dict[str, str]) -> Path:
    day = read_day(path)
    with DayFile.open(target, day.header) as file:
        for row in day.rows:
            file.append(replace(row, **changes))  # type: ignore[arg-type]
        file.finish()
    return target


@pytest.mark.parametrize("first", ["cancellation", "reversal"])
def test_what_comes_back_repays_what_is_in_suspense(ledger: Ledger, first: str) -> None:
    """Of 100.00 a sale of 60.00 is cancelled, one of 100.00 made; then that is cancelled too, and
    the first one's cancellation is reversed. In both orders the account has 40.00."""
    open_centre(ledger)
    platform = open_platform(ledger, policy=NO_POOL)

    def ask(infno: str, number: int, node: dict[str, Any]) -> dict[str, Any]:
        answer = platform.handle(message(infno, number, node))
        assert answer["err_msg"] == ""
        info: dict[str, Any] = answer["output"].get("setlinfo", {})
        return info

    def account_sale(number: int, fen: int) -> dict[str, Any]:
        extra = f'{{"split": [{fen}, 0, 0]}}'
        return ask("2102", number, bill(f"{fen // 100}.00", extra=extra))

    one = account_sale(1, 6000)
    ask("2103", 2, back(one))
    two = account_sale(3, 10000)
    steps = [lambda: ask("2103", 4, back(two)), lambda: ask("2601", 5, undo(msgid(2), "2103"))]
    for step in steps if first == "cancellation" else reversed(steps):
        step()
    assert balances(ledger) == {"personal": 4000, "pharmacy": 6000}


def test_suspense_is_that_of_the_division_that_keeps_the_account(ledger: Ledger) -> None:
    """A holder has a second card, of another city: what the account lacks stands in the suspense of
    the first one's division on-line, as it does when the row comes in a day file."""
    open_centre(ledger)
    with ledger.transaction() as t:
        second = replace(cards(1, first=3, division=510700), psn_no=np.array([PERSON], "S30"))
        register_cards(t, second, "20260302", "cards:3")
    platform = open_platform(ledger, policy=NO_POOL)

    def ask(infno: str, number: int, node: dict[str, Any], division: str) -> dict[str, Any]:
        answer = platform.handle(message(infno, number, node, insuplc_admdvs=division))
        assert answer["err_msg"] == ""
        info: dict[str, Any] = answer["output"].get("setlinfo", {})
        return info

    extra = '{"split": [10000, 0, 0]}'
    moved = {"mdtrt_cert_no": "Z00000003"}
    one = ask("2102", 1, bill("100.00", extra=extra, **moved), "510700")
    ask("2103", 2, back(one), "510700")
    two = ask("2102", 3, bill("100.00", extra=extra), "510100")
    ask("2601", 4, undo(msgid(2), "2103"), "510700")
    assert suspense(ledger) == {"510100": -10000}
    ask("2103", 5, back(two), "510100")
    assert suspense(ledger) == {}
    assert balances(ledger) == {"pharmacy": 10000}


def suspense(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as t:
        found = t.balances_of(AccountKind.SUSPENSE)
    return {division: fen for division, fen in found.items() if fen}


def test_a_cancellation_is_not_undone_over_a_cap(ledger: Ledger) -> None:
    """Else sales of the same money, cancelled one after the other, would all be paid in the end."""
    open_centre(ledger)
    caps = SaleCaps(card_day_fen=12000)
    platform = open_platform(ledger, policy=CentrePolicy(settle_at_once=True, caps=caps))
    for number in (1, 3, 5):
        node = bill("60.00", extra='{"split": [6000, 0, 0]}')
        info = platform.handle(message("2102", number, node))["output"]["setlinfo"]
        assert platform.handle(message("2103", number + 1, back(info)))["infcode"] == 0
    found = [
        platform.handle(message("2601", 10 + number, undo(msgid(number), "2103")))["err_msg"]
        for number in (2, 4, 6)
    ]
    assert found == ["", "", "the card is over its cap of a day"]
    assert balances(ledger) == {"pharmacy": 12000, "suspense": -2000}


def test_nothing_is_dated_before_its_sale(ledger: Ledger) -> None:
    """What follows on a sale may come late; a clock of the year 2000 does not reopen that year."""
    open_centre(ledger)
    platform = open_platform(ledger)
    old = {"inf_time": "2000-01-01 00:00:00"}
    node = bill("35.00", extra='{"split": [1000, 500, 2000]}')
    held = platform.handle(message(HOLD, 1, node))["output"]["setlinfo"]
    for number, infno, what in (
        (2, "2102", confirmation(held)),
        (3, "2103", back(held)),
        (4, "2601", undo(msgid(3), "2103")),
        (5, "2601", undo(msgid(2), "2102")),
    ):
        assert platform.handle(message(infno, number, what, **old))["err_msg"] == ""
    with ledger.reading() as t:
        dates = t.connection.execute(sa.select(entry.c.business_date, entry.c.kind)).all()
    assert {date for date, kind in dates if kind != "opening"} == {TIME[:8]}
