# SPDX-License-Identifier: Apache-2.0
"""The card register, its files, status changes and replacement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.settlement.ledger import (
    AccountKind,
    CardColumns,
    CardRefusedError,
    CardRegister,
    CardRegisterError,
    CardService,
    CardStatus,
    Ledger,
    LedgerRefusedError,
    LedgerTransaction,
    change_status,
    find_card,
    history_of,
    read_cards,
    read_register,
    register_cards,
    register_is_empty,
    replace_card,
    status_of,
    write_cards,
)
from sscard_chip.settlement.ledger.register import _compact
from tests.settlement.ledger.people import cards

NOON = "20260301120000"


def load(ledger: Ledger, columns: CardColumns, source: str = "cards:1") -> None:
    with ledger.transaction(exclusive=True) as t:
        register_cards(t, columns, "20260301", source)


def test_a_register_opens_accounts_with_their_balances(ledger: Ledger) -> None:
    with ledger.transaction() as t:
        assert register_is_empty(t)
        done = register_cards(t, cards(3, opening_fen=700), "20260301", "cards:1")
        assert (done.cards, done.known, done.accounts, done.opening_fen) == (3, 0, 3, 2100)
        assert not register_is_empty(t)
        assert t.balances_of(AccountKind.PERSONAL) == {f"P{at:04d}": 700 for at in (1, 2, 3)}
        assert t.balances_of(AccountKind.FUNDING) == {"510100": -2100}


def test_the_same_register_again_changes_nothing(ledger: Ledger) -> None:
    load(ledger, cards(3, opening_fen=700))
    with ledger.transaction() as t:
        done = register_cards(t, cards(4, opening_fen=700), "20260302", "cards:2")
    assert (done.cards, done.known, done.accounts, done.opening_fen) == (1, 3, 1, 700)


def test_cards_of_one_person_charge_one_account(ledger: Ledger) -> None:
    load(ledger, cards(1, opening_fen=700, psn_no="P9"))
    load(ledger, cards(1, first=2, psn_no="P9"), "cards:2")
    with ledger.reading() as t:
        register = read_register(t)
    assert register.account[0] == register.account[1]


def test_a_card_without_a_person_has_an_account_of_its_own(ledger: Ledger) -> None:
    columns = cards(2, psn_no=None, opening_fen=5)
    load(ledger, columns)
    keys = {f"card:{code.tobytes().hex().upper()}" for code in columns.card_id_code}
    with ledger.reading() as t:
        assert set(t.balances_of(AccountKind.PERSONAL)) == keys


@pytest.mark.parametrize(
    ("second", "rule"),
    [
        (cards(1, valid_to=20300101), "row 2: card_id_code: is registered with other data"),
        (cards(1, first=2, psn_no="P0001", opening_fen=1), "row 2: opening_fen: "),
    ],
)
def test_what_a_register_must_not_bring(ledger: Ledger, second: CardColumns, rule: str) -> None:
    load(ledger, cards(1, opening_fen=700))
    with pytest.raises(CardRegisterError, match=rule):
        load(ledger, second, "cards:2")
    with ledger.reading() as t:
        assert len(read_register(t)) == 1


def test_a_card_occurs_once_in_a_register(ledger: Ledger) -> None:
    twice = CardColumns(
        *(np.concatenate([column, column]) for column in _columns(cards(1)).values())
    )
    with pytest.raises(CardRegisterError, match="row 3: card_id_code: occurs twice"):
        load(ledger, twice)


def _columns(columns: CardColumns) -> dict[str, np.ndarray]:
    return {name: getattr(columns, name) for name in CardColumns.__dataclass_fields__}


def test_the_register_as_columns(ledger: Ledger) -> None:
    columns = cards(50, valid_to=20301231, opening_fen=3)
    shuffled = np.random.default_rng(1).permutation(50)
    load(ledger, CardColumns(*(column[shuffled] for column in _columns(columns).values())))
    with ledger.reading() as t:
        register, part = read_register(t), read_register(t, columns.card_id_code[10:12])
    assert len(register) == 50
    at = register.find(columns.card_id_code)
    for name in ("card_number", "card_id_code", "division", "psn_no", "factor", "valid_to"):
        assert (getattr(register, name)[at] == getattr(columns, name)).all()
    strangers = cards(2, first=1000).card_id_code
    assert register.find(strangers).tolist() == [-1, -1]
    assert sorted(part.card_number.tolist()) == [b"Z00000011", b"Z00000012"]
    assert read_register_is_empty(ledger, strangers)


def read_register_is_empty(ledger: Ledger, codes: np.ndarray) -> bool:
    with ledger.reading() as t:
        empty = read_register(t, codes)
    return len(empty) == 0 and empty.find(codes).tolist() == [-1, -1]


# --- files ---------------------------------------------------------------------------------------


def test_a_register_file_reads_back(tmp_path: Path) -> None:
    columns = cards(5, valid_to=20301231, opening_fen=12345, psn_no=None)
    write_cards(tmp_path / "cards.tsv", columns, "20260301")
    file = read_cards(tmp_path / "cards.tsv")
    assert file.date == "20260301"
    for name, column in _columns(columns).items():
        assert (getattr(file.cards, name) == column).all()


def test_an_empty_register_file_reads_back(tmp_path: Path) -> None:
    write_cards(tmp_path / "cards.tsv", cards(0), "20260301")
    assert len(read_cards(tmp_path / "cards.tsv").cards) == 0


CODE = "51010000000000000000000000000001"
ROW = f"C\tZ00000001\t{CODE}\t510100\tP0001\t0000000000000001\tnull\t0"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (ROW.replace("Z00000001", "Z000000012"), "row 2: card_number: must be 1 to 9"),
        (ROW.replace(CODE, CODE[:-1]), "row 2: card_id_code: must be 32"),
        (ROW.replace("510100\tP", "51010\tP"), "row 2: division: must be 6 digits"),
        (ROW.replace("P0001", "P" * 31), "row 2: psn_no: must be 1 to 30"),
        (ROW.replace("\t0000000000000001", "\t00"), "row 2: diversification_factor: must be 16"),
        (ROW.replace("null", "20260230"), "row 2: valid_to: must be YYYYMMDD"),
        (ROW.replace("null", "2026"), "row 2: valid_to: must be YYYYMMDD"),
        (ROW[:-1] + "-1", "row 2: opening_fen: must be a number"),
        (ROW[:-1] + "01", "row 2: opening_fen: must be a number"),
        (ROW + "\t", "row 2: must be C and 7 more cells"),
        ("D" + ROW[1:], "row 2: must be C and 7 more cells"),
        ("", "row 2: must be C and 7 more cells"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: str, rule: str) -> None:
    content = f"H\tsscard-cards/1\t20260301\n{row}\n".encode()
    trailer = f"T\t1\t{sha256(content).hexdigest().upper()}\n".encode()
    (tmp_path / "cards.tsv").write_bytes(content + trailer)
    with pytest.raises(CardRegisterError, match=f"cards.tsv: {rule}") as caught:
        read_cards(tmp_path / "cards.tsv")
    assert "P0001" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda c: c[:-1], "the last row does not end in LF"),
        (lambda c: c.replace(b"Z00000001", b"Z00000009"), "trailer: count or digest"),
        (lambda c: c.replace(b"T\t2", b"T\t3"), "trailer: count or digest"),
        (lambda c: c.replace(b"cards/1", b"cards/2"), "row 1: header"),
        (lambda c: c.replace(b"20260301\n", b"20260301\tx\n"), "row 1: header"),
        (lambda c: c.split(b"\n")[0] + b"\n", "trailer: is missing"),
        (lambda c: b"\xff" + c, "is not UTF-8"),
        (lambda c: b"", "the last row does not end in LF"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change, rule: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "cards.tsv"
    write_cards(path, cards(2), "20260301")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CardRegisterError, match=rule):
        read_cards(path)


# --- status --------------------------------------------------------------------------------------

LATER = "20260301130000"
_ = CardService
PATHS = {
    "loss, lifted": ([_.TEMPORARY_LOSS, _.LIFT], [True, True], CardStatus.NORMAL),
    "loss, confirmed": ([_.TEMPORARY_LOSS, _.FORMAL_LOSS], [True, True], CardStatus.FORMAL_LOSS),
    "twice the same": ([_.FORMAL_LOSS, _.FORMAL_LOSS], [True, False], CardStatus.FORMAL_LOSS),
    "lift of nothing": ([_.LIFT], [False], CardStatus.NORMAL),
    "cancelled": ([_.CANCEL, _.CANCEL], [True, False], CardStatus.CANCELLED),
    "formal, cancelled": ([_.FORMAL_LOSS, _.CANCEL], [True, True], CardStatus.CANCELLED),
}


@pytest.mark.parametrize("name", PATHS)
def test_changes_of_status(ledger: Ledger, name: str) -> None:
    services, changed, status = PATHS[name]
    load(ledger, cards(1))
    with ledger.transaction() as t:
        card = find_card(t, "Z00000001")
        assert card == find_card(t, CODE)
        assert status_of(t, card, NOON) is CardStatus.NORMAL
        assert [change_status(t, card, one, NOON) for one in services] == changed
        assert status_of(t, card, NOON) is status
        assert len(history_of(t, card)) == sum(changed)
        assert status_of(t, card, "20260301115959") is CardStatus.NORMAL


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (_.FORMAL_LOSS, _.LIFT),
        (_.FORMAL_LOSS, _.TEMPORARY_LOSS),
        (_.CANCEL, _.LIFT),
        (_.CANCEL, _.TEMPORARY_LOSS),
        (_.CANCEL, _.FORMAL_LOSS),
    ],
)
def test_what_a_status_does_not_allow(
    ledger: Ledger, first: CardService, then: CardService
) -> None:
    load(ledger, cards(1))
    with ledger.transaction() as t:
        card = find_card(t, "Z00000001")
        change_status(t, card, first, NOON)
    with pytest.raises(CardRefusedError), ledger.transaction() as t:
        change_status(t, card, then, LATER)
    with pytest.raises(CardRefusedError), ledger.transaction() as t:
        change_status(t, card, _.CANCEL, "20260301115959")  # before what is known
    with ledger.reading() as t:
        assert len(history_of(t, card)) == 1


def test_a_temporary_report_lapses_by_itself(ledger: Ledger) -> None:
    load(ledger, cards(2))
    with ledger.transaction() as t:
        lapsing, lasting = find_card(t, "Z00000001"), find_card(t, "Z00000002")
        change_status(t, lapsing, _.TEMPORARY_LOSS, NOON)
        change_status(t, lasting, _.TEMPORARY_LOSS, NOON, lapse_days=None)
        assert status_of(t, lapsing, "20260311115959") is CardStatus.TEMPORARY_LOSS
        assert status_of(t, lapsing, "20260311120000") is CardStatus.NORMAL
        assert status_of(t, lasting, "20361231235959") is CardStatus.TEMPORARY_LOSS
        assert change_status(t, lapsing, _.TEMPORARY_LOSS, "20260401000000")


def test_the_register_tells_the_status_at_each_time(ledger: Ledger) -> None:
    load(ledger, cards(3))
    with ledger.transaction() as t:
        first, third = find_card(t, "Z00000001"), find_card(t, "Z00000003")
        change_status(t, first, _.TEMPORARY_LOSS, NOON)
        change_status(t, first, _.LIFT, LATER)
        change_status(t, third, _.TEMPORARY_LOSS, NOON)
        change_status(t, third, _.FORMAL_LOSS, LATER)
        change_status(t, third, _.CANCEL, "20260401000000")
        register = read_register(t)
        numbers = register.id.tolist()
        times = [20260301115959, 20260301120000, 20260301125959, 20260301130000]
        times += [20260311120000, 20260331235959, 20260401000000, 99999999999999, 0]
        for place, number in enumerate(numbers):
            got = register.status_at(np.full(len(times), place), np.array(times))
            assert got.tolist() == [int(status_of(t, number, f"{time:014d}")) for time in times]


def test_a_status_is_never_changed_in_place(ledger: Ledger) -> None:
    load(ledger, cards(1))
    with ledger.transaction() as t:
        change_status(t, find_card(t, "Z00000001"), _.CANCEL, NOON)
    for statement in (
        "UPDATE card_status SET status = 1",
        "DELETE FROM card",
        "DELETE FROM card_status",
    ):
        with pytest.raises(LedgerRefusedError), ledger.transaction() as t:
            t.connection.exec_driver_sql(statement)


# --- replacement ---------------------------------------------------------------------------------


def swap(t: LedgerTransaction, new: CardColumns, *, damaged: bool = False) -> bool:
    return replace_card(t, find_card(t, "Z00000001"), new, LATER, damaged=damaged)


@pytest.mark.parametrize("psn_no", ["P0001", None])
def test_a_new_card_gets_the_account_of_the_lost_one(ledger: Ledger, psn_no: str | None) -> None:
    load(ledger, cards(1, opening_fen=700, psn_no=psn_no))
    new = cards(1, first=8, psn_no=psn_no)
    with pytest.raises(CardRefusedError, match="reported formally"), ledger.transaction() as t:
        swap(t, new)
    with ledger.transaction() as t:
        old = find_card(t, "Z00000001")
        change_status(t, old, _.FORMAL_LOSS, NOON)
        assert swap(t, new)
        assert not swap(t, new)
        assert status_of(t, old, LATER) is CardStatus.CANCELLED
        register: CardRegister = read_register(t, new.card_id_code)
        assert t.balance(int(register.account[0])) == 700


def test_a_damaged_card_is_exchanged_without_a_report(ledger: Ledger) -> None:
    load(ledger, cards(1, opening_fen=700))
    with ledger.transaction() as t:
        assert swap(t, cards(1, first=8, psn_no="P0001"), damaged=True)


@pytest.mark.parametrize(
    "new",
    [
        cards(1, first=8, psn_no="P0002"),
        cards(1, first=8, psn_no="P0001", opening_fen=1),
        cards(2, first=8, psn_no="P0001"),
        cards(1, first=3, psn_no=None),
    ],
)
def test_a_replacement_that_is_no_replacement(ledger: Ledger, new: CardColumns) -> None:
    load(ledger, cards(1))
    load(ledger, cards(1, first=3, psn_no=None), "cards:2")
    with pytest.raises(CardRegisterError), ledger.transaction() as t:
        swap(t, new, damaged=True)
    with ledger.reading() as t:
        assert len(read_register(t)) == 2


def test_a_cancelled_card_is_not_replaced(ledger: Ledger) -> None:
    load(ledger, cards(1))
    with ledger.transaction() as t:
        change_status(t, find_card(t, "Z00000001"), _.CANCEL, NOON)
    with pytest.raises(CardRefusedError), ledger.transaction() as t:
        swap(t, cards(1, first=8, psn_no="P0001"), damaged=True)


def test_an_unknown_card_is_an_error(ledger: Ledger) -> None:
    load(ledger, cards(1))
    load(ledger, replace(cards(1, first=9), card_number=np.array(["Z00000001"], "S9")), "cards:2")
    with ledger.reading() as t:
        with pytest.raises(CardRegisterError, match="not in the register"):
            find_card(t, "Z99999999")
        with pytest.raises(CardRegisterError, match="several"):
            find_card(t, "Z00000001")
        assert find_card(t, CODE) > 0


@given(st.datetimes(), st.datetimes(), st.integers(0, 10**14 - 1))
def test_times_keep_their_order(one: datetime, other: datetime, any_number: int) -> None:
    low, high = (int(f"{time:%Y%m%d%H%M%S}".zfill(14)) for time in sorted((one, other)))
    first, second, third = _compact(np.array([low, high, any_number])).tolist()
    assert (first < second) == (low < high)
    assert 0 <= third < 1 << 40
