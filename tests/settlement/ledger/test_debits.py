# SPDX-License-Identifier: Apache-2.0
"""The debit of an on-line settlement: one row settles one bill, and its own alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

import pytest
import sqlalchemy as sa

from sscard_chip.dayfile.rows import DayRow
from sscard_chip.settlement.ledger import (
    AccountKind,
    Ledger,
    LedgerRefusedError,
    LedgerTransaction,
    find_card,
    register_cards,
)
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    DebitNumbers,
    SettlementOrder,
    check_row,
    confirm_settlement,
    debit_numbers,
    find_by_msgid,
    hold_settlement,
)
from sscard_chip.settlement.schema import debits as tables
from sscard_chip.settlement.schema import run as settled
from sscard_chip.standard.settlement_mode import Split
from tests.settlement.ledger.people import cards

SHOP: Final = "P51010000001"
TIME: Final = "20260315101112"
SPLIT: Final = Split(1000, 500, 2000)
CODE: Final = bytes.fromhex("51010000000000000000000000000001")


def msgid(number: int, shop: str = SHOP) -> str:
    return f"{shop}{TIME}{number:04d}"


def held(t: LedgerTransaction, number: int, shop: str = SHOP, split: Split = SPLIT) -> None:
    """A hold of 10.00 of the account, 5.00 cash and 20.00 of the fund."""
    card, account = find_card(t, "Z00000001"), t.account(AccountKind.PERSONAL, "P0001")
    names = msgid(number, shop), f"S{number}", f"M{number}", "P0001"
    order = SettlementOrder(*names, card, account, shop, "510100", "510100", TIME, split)
    hold_settlement(t, order)


@pytest.fixture
def centre(ledger: Ledger) -> Ledger:
    """A card with 100 yuan and three holds."""
    with ledger.transaction() as t:
        register_cards(t, cards(2, opening_fen=100_00), "20260301", "cards")
        for number in (1, 2, 3):
            held(t, number)
    return ledger


def row_of(t: LedgerTransaction, number: int = 1, **changes: object) -> DayRow:
    """What the till sends for the first hold."""
    factor = t.connection.execute(
        sa.text("SELECT factor FROM card WHERE card_number = 'Z00000001'")
    ).scalar_one()
    row = DayRow(
        setl_id=f"S{number}", mdtrt_id=f"M{number}", psn_no="P0001", total_fen=3500,
        fund_fen=2000, account_fen=1000, cash_fen=500, refund=False, msgid=msgid(number),
        treatment_division="510100", insured_division="510100", card_id_code=CODE,
        card_number="Z00000001", diversification_factor=bytes(factor), algorithm="sm4",
        key_version=1, transaction_number=7, transaction_type=0x32, terminal_id="510100000001",
        terminal_transaction_number=12, time=TIME, card_account_fen=0, card_self_paid_fen=3500,
        card_pooled_fen=3000, tac=bytes(4), grey=False,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


def confirm(ledger: Ledger, number: int, message: int, **changes: object) -> None:
    """Confirm hold ``number`` with its row, changed."""

    def work(t: LedgerTransaction) -> None:
        found = find_by_msgid(t, msgid(number))
        assert found is not None
        row = row_of(t, number, **changes)
        numbers = check_row(t, found, row)
        confirm_settlement(t, found, msgid(message), TIME, row.encode(), numbers=numbers)

    ledger.run(work)


def paid(ledger: Ledger) -> int:
    """What the pharmacies are owed."""
    with ledger.reading() as t:
        return sum(t.balances_of(AccountKind.PHARMACY).values())


def test_the_numbers_of_a_row(centre: Ledger) -> None:
    with centre.reading() as t:
        factor = bytes.fromhex("FFFFFFFFFFFFFFFE")
        row = row_of(t, algorithm="3des", diversification_factor=factor)
    assert debit_numbers(row) == DebitNumbers(0x510100000001, 1, 12, -2, 510100, 7)


def test_a_row_confirms_one_hold(centre: Ledger) -> None:
    confirm(centre, 1, 91)
    confirm(centre, 1, 91)  # again: it is settled already
    for number in (2, 3):
        with pytest.raises(AuthorisationRefusedError, match="has settled another bill"):
            confirm(centre, number, 90 + number)
    assert paid(centre) == 3000
    confirm(centre, 2, 92, terminal_transaction_number=13, transaction_number=8)
    assert paid(centre) == 6000


@pytest.mark.parametrize(
    "same", [{"transaction_number": 8}, {"terminal_transaction_number": 13}, {"algorithm": "3des"}]
)
def test_either_number_is_the_debit(centre: Ledger, same: dict[str, object]) -> None:
    """A new counter on the old number of the terminal, and the other way round."""
    confirm(centre, 1, 91)
    with pytest.raises(AuthorisationRefusedError, match="has settled another bill"):
        confirm(centre, 2, 92, **same)
    assert paid(centre) == 3000


def test_a_settlement_has_one_debit(centre: Ledger) -> None:
    confirm(centre, 1, 91)
    with pytest.raises(AuthorisationRefusedError, match="has another debit"):
        confirm(centre, 1, 92, terminal_transaction_number=13, transaction_number=8)


@pytest.mark.parametrize(
    "changes",
    [
        {"msgid": msgid(2)},
        {"setl_id": "S2"},
        {"setl_id": None},
        {"account_fen": 1500, "fund_fen": 1500},
        {"account_fen": 1500, "cash_fen": 0},
        {"account_fen": 1000, "cash_fen": 501},
        {"refund": True},
        {"transaction_type": 0x31},
        {"card_account_fen": 1000, "card_self_paid_fen": 500, "card_pooled_fen": 2000},
        {"card_self_paid_fen": 1, "card_pooled_fen": 1},
        {"card_id_code": CODE[:-1] + b"\x02"},
        {"card_number": "Z00000002"},
        {"diversification_factor": bytes(8)},
    ],
)  # fmt: skip
def test_a_row_of_something_else(centre: Ledger, changes: dict[str, object]) -> None:
    with pytest.raises(AuthorisationRefusedError, match="of something else"):
        confirm(centre, 1, 91, **changes)
    assert paid(centre) == 0


def test_a_terminal_is_of_one_pharmacy(centre: Ledger) -> None:
    confirm(centre, 1, 91)
    other = "P51010000002"
    with centre.transaction() as t:
        held(t, 4, other)

    def work(t: LedgerTransaction) -> None:
        found = find_by_msgid(t, msgid(4, other))
        assert found is not None
        row = row_of(t, 4, msgid=msgid(4, other), terminal_transaction_number=50)
        check_row(t, found, row)

    with pytest.raises(AuthorisationRefusedError, match="belongs to another pharmacy"):
        centre.run(work)


@pytest.mark.parametrize("number", [12, 40])
@pytest.mark.parametrize("listed", [False, True])
def test_what_a_day_file_has_posted_is_not_confirmed(
    centre: Ledger, number: int, listed: bool
) -> None:
    """Numbers of a terminal stand as a range, or as a list with holes."""
    own = {"terminal": 0x510100000001, "algorithm": 3, "segment": 1, "highest": 40}
    holes = b"".join(one.to_bytes(4, "little") for one in (10, 12, 40)) if listed else None
    with centre.transaction() as t:
        t.connection.execute(
            sa.insert(settled.terminal).values(**own, first=10, last=40, numbers=holes)
        )
    with pytest.raises(AuthorisationRefusedError, match="a day file has settled this debit"):
        confirm(centre, 1, 91, terminal_transaction_number=number)
    confirm(centre, 1, 91, terminal_transaction_number=41)
    if listed:
        confirm(centre, 2, 92, terminal_transaction_number=11, transaction_number=8)


def test_a_counter_that_a_day_file_has_posted_is_not_confirmed(centre: Ledger) -> None:
    with centre.transaction() as t:
        factor = int.from_bytes(row_of(t).diversification_factor, signed=True)
        own = {"factor": factor, "division": 510100, "segment": 1, "first": 5, "last": 7}
        t.connection.execute(sa.insert(settled.card).values(**own, counters=None))
    with pytest.raises(AuthorisationRefusedError, match="a day file has settled this debit"):
        confirm(centre, 1, 91)
    with centre.transaction() as t:  # taken back since
        gone = {"terminal": 1, "algorithm": 3, "number": 1, "segment": 2}
        gone |= {"factor": factor, "division": 510100, "counter": 7}
        t.connection.execute(sa.insert(settled.displaced).values(**gone))
    confirm(centre, 1, 91)


def test_three_holds_and_one_row_at_once(centre: Ledger) -> None:
    """Three tills' programs confirm with the same row in the same moment."""
    refused: list[str] = []

    def send(number: int) -> None:
        for _ in range(2):  # as the platform asks again after a refusal of the database
            try:
                confirm(centre, number, 90 + number)
            except AuthorisationRefusedError as error:
                refused.append(str(error))
                return
            except LedgerRefusedError:
                continue
            return

    threads = [threading.Thread(target=send, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["the debit has settled another bill"] * 2
    assert paid(centre) == 3000


def test_nothing_is_taken_back(centre: Ledger) -> None:
    confirm(centre, 1, 91)
    for table in (tables.online_debit, tables.terminal_owner):
        with pytest.raises(LedgerRefusedError), centre.transaction() as t:
            t.connection.execute(sa.delete(table))
