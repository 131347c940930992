# SPDX-License-Identifier: Apache-2.0
"""Entries that a client seals by hand: several by one statement, with numbers of its own, twice.

What such a client may do is done once and the books stay even; all else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import AccountKind, EntryKind, Ledger
from tests.settlement.ledger.raw import attempt

PERSON, FUND, PHARMACY = 1, 2, 3
ALONE = "a balance changes by sealing an entry alone"
BEFORE = {PERSON: 500, FUND: -1200, PHARMACY: 700}
postgresql = pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)


@pytest.fixture
def city(ledger_url: str) -> Iterator[str]:
    """A person with 500 fen, a fund that has paid, and a pharmacy that is owed 700 by a second
    entry, whose accounts are without bound; whatever is tried, the books stay even."""
    with Ledger.open(ledger_url) as ledger, ledger.transaction() as t:
        accounts = [
            t.account(AccountKind.PERSONAL, "a"),
            t.account(AccountKind.FUND, "510100"),
            t.account(AccountKind.PHARMACY, "P51010000001"),
        ]
        assert accounts == [PERSON, FUND, PHARMACY]
        t.post(EntryKind.ALLOCATION, "20260301", "march", [PERSON, FUND], [500, -500])
        t.post(EntryKind.DEBITS, "20260301", "day", [FUND, PHARMACY], [-700, 700])
    yield ledger_url
    with Ledger.open(ledger_url) as ledger:
        assert ledger.check().problems == ()


def balances(url: str) -> dict[int, int]:
    with Ledger.open(url) as ledger, ledger.reading() as t:
        return dict(zip(BEFORE, t.balances([*BEFORE]).tolist(), strict=True))


def opened(first: int, *entries: tuple[tuple[int, int], ...]) -> list[str]:
    """Entries from number ``first`` on, with lines of account and fen, not sealed yet."""
    found = []
    for entry, lines in enumerate(entries, first):
        found.append(
            "INSERT INTO entry (id, kind, business_date, source)"
            f" VALUES ({entry}, 'x', '20260302', 'x{entry}')"
        )
        found += [
            f"INSERT INTO line VALUES ({entry}, {number}, {account}, {fen})"
            for number, (account, fen) in enumerate(lines, 1)
        ]
    return found


GIVEN = ((PERSON, 40), (FUND, -40))
TAKEN = ((PERSON, -10), (PHARMACY, 10))
OWED = ((FUND, -5), (PHARMACY, 5))


def test_several_entries_are_sealed_by_one_statement(city: str) -> None:
    seals = "INSERT INTO seal (entry) VALUES (11), (12), (13)"
    attempt(city, *opened(11, GIVEN, TAKEN, OWED), seals)
    assert balances(city) == {PERSON: 530, FUND: -1245, PHARMACY: 715}


@pytest.mark.parametrize(
    "seals", ["(11), (11)", "(11), (12), (11)", "(11), (99)", "(1), (11)", "(11), (2)"]
)
def test_one_wrong_seal_of_a_statement_seals_nothing(city: str, seals: str) -> None:
    """Twice the same entry, one that is not there, one that is sealed."""
    with pytest.raises(sa.exc.IntegrityError):
        attempt(city, *opened(11, GIVEN, TAKEN), f"INSERT INTO seal (entry) VALUES {seals}")
    assert balances(city) == BEFORE


def test_an_entry_of_a_statement_that_is_uneven_seals_none(city: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="sum to zero"):
        attempt(
            city,
            *opened(11, ((PERSON, 40), (FUND, -30)), ((PERSON, -40), (FUND, 30))),
            "INSERT INTO seal (entry) VALUES (11), (12)",
        )
    assert balances(city) == BEFORE


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["", "OR IGNORE ", "OR REPLACE ", "OR FAIL ", "OR ROLLBACK "])
def test_sqlite_seals_in_the_order_of_numbers(city: str, how: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=ALONE):
        attempt(city, *opened(11, GIVEN, TAKEN), f"INSERT {how}INTO seal VALUES (12), (11)")
    assert balances(city) == BEFORE


# --- numbers of seals ----------------------------------------------------------------------------


@pytest.fixture
def clients(city: str) -> Iterator[list[psycopg.Connection[Any]]]:
    """Two connections of PostgreSQL that move other stripes of an account; each rolls back."""
    with ExitStack() as stack:
        found: dict[int, psycopg.Connection[Any]] = {}
        while len(found) < 2:
            one = stack.enter_context(closing(psycopg.connect(city)))
            found.setdefault(one.info.backend_pid % 32, one)
        yield list(found.values())


def numbers(client: psycopg.Connection[Any]) -> dict[str, int]:
    """What a client may try as the number of a seal, beside a new one of its own (``good``)."""
    stripe = client.info.backend_pid % 32
    (last,) = client.execute("SELECT nextval('entry_id')").fetchone() or (0,)
    (used,) = client.execute("SELECT number FROM seal WHERE entry = 1").fetchone() or (0,)
    return {
        "good": last * 32 + stripe,
        "reused": used,
        "stale": stripe,
        "too large": (last + 1) * 32 + stripe,
        "the largest": 2**63 - 32 + stripe,
        "negative": stripe - 32,
        "another connection's": last * 32 + (stripe + 1) % 32,
    }


@postgresql
@pytest.mark.parametrize(
    "which", ["reused", "stale", "too large", "the largest", "negative", "another connection's"]
)
def test_a_number_written_by_hand_is_new_and_ones_own(
    city: str, clients: list[psycopg.Connection[Any]], which: str
) -> None:
    client, _ = clients
    number = numbers(client)[which]
    for statement in opened(11, GIVEN, OWED):
        client.execute(statement.encode())
    with pytest.raises(psycopg.errors.RestrictViolation, match=ALONE):
        client.execute("INSERT INTO seal (entry, number) VALUES (11, %s), (12, %s)", [number] * 2)
    client.rollback()
    assert balances(city) == BEFORE


@postgresql
def test_seals_of_one_number_move_their_lines_once(
    city: str, clients: list[psycopg.Connection[Any]]
) -> None:
    client, _ = clients
    for statement in opened(11, GIVEN, TAKEN, OWED):
        client.execute(statement.encode())
    number = numbers(client)["good"]
    rows = "INSERT INTO seal (entry, number) VALUES (11, %s), (12, %s)"
    client.execute(rows, [number] * 2)
    client.execute("SAVEPOINT one")
    with pytest.raises(psycopg.errors.RestrictViolation, match=ALONE):
        client.execute("INSERT INTO seal (entry, number) VALUES (13, %s)", [number])
    client.execute("ROLLBACK TO one")
    client.execute("INSERT INTO seal (entry) VALUES (13)")
    client.commit()
    assert balances(city) == {PERSON: 530, FUND: -1245, PHARMACY: 715}


AGAIN = """UPDATE balance SET fen = balance.fen + line.fen, entry = %(number)s FROM line
    WHERE line.entry = %(entry)s AND balance.account = line.account
        AND balance.stripe = %(stripe)s"""


@postgresql
def test_no_other_stripe_moves_by_an_entry_once_more(
    city: str, clients: list[psycopg.Connection[Any]]
) -> None:
    """The accounts of the second entry have rows of their own for each connection."""
    for client in clients:
        stripe = client.info.backend_pid % 32
        last = client.execute("SELECT entry, number FROM seal ORDER BY entry DESC").fetchone()
        entry, used = last or (0, 0)
        for account in (FUND, PHARMACY):
            client.execute(
                "INSERT INTO balance (account, bounded, fen, stripe) VALUES (%s, false, 0, %s)"
                " ON CONFLICT DO NOTHING",
                [account, stripe],
            )
        client.execute("SAVEPOINT one")
        for number in (used, used + 1, used // 32 * 32 + stripe):
            with pytest.raises(psycopg.errors.RestrictViolation, match=ALONE):
                client.execute(AGAIN, {"entry": entry, "number": number, "stripe": stripe})
            client.execute("ROLLBACK TO one")
        client.commit()
    assert balances(city) == BEFORE
