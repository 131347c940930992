# SPDX-License-Identifier: Apache-2.0
"""Posting, and what the database itself refuses, on SQLite and PostgreSQL."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import numpy as np
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import (
    AccountKind,
    EntryExistsError,
    EntryKind,
    Ledger,
    LedgerError,
    LedgerRefusedError,
    LedgerTransaction,
)


def fund(ledger: Ledger, fen: int, key: str = "p") -> tuple[int, int]:
    """A personal account with money, and where that came from."""
    with ledger.transaction() as t:
        person, source = t.account(AccountKind.PERSONAL, key), t.account(AccountKind.FUNDING)
        t.post(EntryKind.ALLOCATION, "20260301", f"fund:{key}", [person, source], [fen, -fen])
    return person, source


def test_an_entry_moves_the_balances(ledger: Ledger) -> None:
    person, source = fund(ledger, 500)
    with ledger.reading() as t:
        assert t.balance(person) == 500
        assert t.balance(source) == -500
        assert t.balances_of(AccountKind.PERSONAL) == {"p": 500}
        number = t.entry_of("fund:p")
        assert number is not None
        accounts, fen = t.lines(number)
    assert dict(zip(accounts.tolist(), fen.tolist(), strict=True)) == {person: 500, source: -500}
    assert (ledger.check().entries, ledger.check().lines) == (1, 2)


def test_an_account_is_opened_once(ledger: Ledger) -> None:
    keys = ["b", "a", "b", "c"]
    with ledger.transaction() as t:
        assert t.find_accounts(AccountKind.PHARMACY, keys).tolist() == [-1] * 4
        first = t.accounts(AccountKind.PHARMACY, keys).tolist()
        assert first[0] == first[2]
        assert len(set(first)) == 3
    with ledger.transaction() as t:
        assert t.accounts(AccountKind.PHARMACY, [*keys, "d"]).tolist()[:4] == first
        assert t.account(AccountKind.FUND, "a") not in first


def test_a_source_is_posted_once(ledger: Ledger) -> None:
    person, source = fund(ledger, 500)
    with pytest.raises(EntryExistsError), ledger.transaction() as t:
        t.post(EntryKind.ALLOCATION, "20260301", "fund:p", [person, source], [500, -500])
    with ledger.reading() as t:
        assert t.balance(person) == 500


def test_a_counter_entry_takes_back_once_and_can_be_taken_back(ledger: Ledger) -> None:
    person, _ = fund(ledger, 500)
    with ledger.transaction() as t:
        original = t.entry_of("fund:p")
        assert original is not None
        counter = t.reverse(original, EntryKind.REVERSAL, "20260302", "back")
        assert t.balance(person) == 0
        t.reverse(counter, EntryKind.REVERSAL, "20260302", "forth")
        assert t.balance(person) == 500
    with pytest.raises(LedgerRefusedError), ledger.transaction() as t:
        t.reverse(original, EntryKind.REVERSAL, "20260302", "again")


def test_half_a_transaction_leaves_nothing(ledger: Ledger) -> None:
    person, source = fund(ledger, 500)

    def break_off(t: LedgerTransaction) -> None:
        t.post(EntryKind.DEBITS, "20260301", "x", [person, source], [-100, 100])
        raise KeyError

    with pytest.raises(KeyError):
        ledger.run(break_off)
    with ledger.reading() as t:
        assert t.balance(person) == 500
        assert t.entry_of("x") is None


@pytest.mark.parametrize("count", [1, 2000, 20_000])
def test_many_lines_and_balances_at_once(ledger: Ledger, count: int) -> None:
    rng = np.random.default_rng(count)
    with ledger.transaction() as t:
        people = t.accounts(AccountKind.PERSONAL, [f"p{at}" for at in range(count)])
        source = t.account(AccountKind.FUNDING)
        chosen = people[rng.integers(0, count, 3 * count)]
        fen = rng.integers(0, 10_000, 3 * count)
        lines = np.append(chosen, source)
        t.post(EntryKind.OPENING, "20260101", "o", lines, np.append(fen, -fen.sum()))
    sums = np.zeros(people.max() + 1, np.int64)
    np.add.at(sums, chosen, fen)
    shuffled = rng.permutation(people)
    with ledger.reading() as t:
        assert (t.balances(shuffled) == sums[shuffled]).all()
        assert (t.find_accounts(AccountKind.PERSONAL, ["p0"]) == people[:1]).all()


# --- what the database refuses -------------------------------------------------------------------


def lines(t: LedgerTransaction, entry: int, *pairs: tuple[int, int]) -> None:
    for number, (account, fen) in enumerate(pairs, 1):
        t.connection.execute(
            sa.text("INSERT INTO line (entry, number, account, fen) VALUES (:e, :n, :a, :f)"),
            {"e": entry, "n": number, "a": account, "f": fen},
        )


def header(t: LedgerTransaction, entry: int = 90) -> None:
    t.connection.execute(
        sa.text(
            "INSERT INTO entry (id, kind, business_date, source)"
            " VALUES (:e, 'debits', '20260301', :s)"
        ),
        {"e": entry, "s": f"raw:{entry}"},
    )


def seal(t: LedgerTransaction, entry: int = 90) -> None:
    t.connection.execute(sa.text("INSERT INTO seal (entry) VALUES (:e)"), {"e": entry})


def raw(sql: str) -> Callable[[LedgerTransaction, int, int], None]:
    def attempt(t: LedgerTransaction, person: int, source: int) -> None:
        t.connection.execute(sa.text(sql.format(person=person, source=source)))

    return attempt


def unbalanced(t: LedgerTransaction, person: int, source: int) -> None:
    header(t)
    lines(t, 90, (person, 5), (source, -4))
    seal(t)


def overdrawn(t: LedgerTransaction, person: int, source: int) -> None:
    header(t)
    lines(t, 90, (person, -501), (source, 501))
    seal(t)


def without_lines(t: LedgerTransaction, person: int, source: int) -> None:
    header(t)
    seal(t)


def unsealed(t: LedgerTransaction, person: int, source: int) -> None:
    header(t)
    lines(t, 90, (person, -5), (source, 5))


def no_header(t: LedgerTransaction, person: int, source: int) -> None:
    lines(t, 90, (person, -5), (source, 5))


def late_line(t: LedgerTransaction, person: int, source: int) -> None:
    header(t)
    lines(t, 90, (person, -5), (source, 5))
    seal(t)
    t.connection.execute(sa.text(f"INSERT INTO line VALUES (90, 3, {person}, 0)"))


def sealed_twice(t: LedgerTransaction, person: int, source: int) -> None:
    header(t)
    lines(t, 90, (person, -5), (source, 5))
    seal(t)
    seal(t)


def no_account(t: LedgerTransaction, person: int, source: int) -> None:
    header(t)
    lines(t, 90, (person, -5), (4711, 5))
    seal(t)


ATTEMPTS: dict[str, Callable[[LedgerTransaction, int, int], None]] = {
    "an unbalanced entry": unbalanced,
    "a personal account below zero": overdrawn,
    "an entry without lines": without_lines,
    "an entry that is not sealed": unsealed,
    "lines without an entry": no_header,
    "a line after the seal": late_line,
    "a second seal": sealed_twice,
    "a line of no account": no_account,
    "update of an entry": raw("UPDATE entry SET business_date = '20260302'"),
    "delete of an entry": raw("DELETE FROM entry"),
    "update of a line": raw("UPDATE line SET fen = fen + 1 WHERE account = {person}"),
    "delete of lines": raw("DELETE FROM line WHERE account = {person}"),
    "delete of a seal": raw("DELETE FROM seal"),
    "update of a seal": raw("UPDATE seal SET entry = entry + 1"),
    "update of an account": raw("UPDATE account SET kind = 'fund' WHERE id = {person}"),
    "delete of an account": raw("DELETE FROM account WHERE id = {person}"),
    "update of a balance": raw("UPDATE balance SET fen = fen + 1 WHERE account = {person}"),
    "update of no balance that would be": raw("UPDATE balance SET bounded = (1 = 0)"),
    "delete of a balance": raw("DELETE FROM balance WHERE account = {person}"),
    "a second balance": raw("INSERT INTO balance (account, bounded, fen) VALUES (4711, '0', 7)"),
    "an account of two": raw("INSERT INTO account (id, kind, key) VALUES (4711, 'personal', 'p')"),
    "a line into an old entry": raw("INSERT INTO line VALUES (1, 9, {person}, 0)"),
    "an entry of an old source": raw(
        "INSERT INTO entry (id, kind, business_date, source) VALUES (91, 'x', '20260101', 'fund:p')"
    ),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_database_refuses(ledger: Ledger, name: str) -> None:
    person, source = fund(ledger, 500)
    with pytest.raises(LedgerRefusedError), ledger.transaction() as t:
        ATTEMPTS[name](t, person, source)
    with ledger.reading() as t:
        assert t.balance(person) == 500
    assert ledger.check().entries == 1


SQLITE_CONFLICTS = {
    "replace of an entry": "INSERT OR REPLACE INTO entry (id, kind, business_date, source)"
    " VALUES (1, 'x', '20260101', 'y')",
    "replace by source": "INSERT OR REPLACE INTO entry (id, kind, business_date, source)"
    " VALUES (2, 'x', '20260101', 'fund:p')",
    "replace of a line": "INSERT OR REPLACE INTO line VALUES (1, 1, 1, 9)",
    "replace of a seal": "INSERT OR REPLACE INTO seal VALUES (1)",
    "replace of a balance": "INSERT OR REPLACE INTO balance (account, bounded, fen)"
    " VALUES (1, 1, 0)",
    "replace of an account": "INSERT OR REPLACE INTO account VALUES (1, 'fund', 'z')",
}


@pytest.mark.parametrize("name", SQLITE_CONFLICTS)
@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_sqlite_has_no_way_round_by_a_conflict_clause(ledger: Ledger, name: str) -> None:
    fund(ledger, 500)
    with pytest.raises(LedgerRefusedError), ledger.transaction() as t:
        t.connection.execute(sa.text(SQLITE_CONFLICTS[name]))


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_sqlite_seals_nothing_by_ignoring_a_conflict(ledger: Ledger) -> None:
    person, source = fund(ledger, 500)

    def attempt(t: LedgerTransaction) -> None:
        header(t)
        lines(t, 90, (person, -501), (source, 501))
        t.connection.execute(sa.text("INSERT OR IGNORE INTO seal VALUES (90)"))

    with pytest.raises(LedgerRefusedError):
        ledger.run(attempt)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["entry", "line", "seal", "account", "balance"])
def test_postgresql_truncates_nothing(ledger: Ledger, table: str) -> None:
    fund(ledger, 500)
    with pytest.raises(LedgerRefusedError), ledger.transaction() as t:
        t.connection.execute(sa.text(f"TRUNCATE {table} CASCADE"))


def test_errors_quote_no_values(ledger: Ledger) -> None:
    person, source = fund(ledger, 500)
    with pytest.raises(LedgerError) as caught, ledger.transaction() as t:
        t.post(EntryKind.DEBITS, "20260301", "a source", [person, source], [-777, 777])
    shown = "".join(traceback.format_exception(caught.value))
    assert "fall below zero" in shown
    assert "777" not in shown.replace("[-777, 777])", "")
    assert "Key (" not in shown
