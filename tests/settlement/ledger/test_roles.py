# SPDX-License-Identifier: Apache-2.0
"""The roles that docs/ledger.md gives for PostgreSQL, on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import AccountKind, EntryKind, Ledger
from tests.settlement.ledger.raw import attempt
from tests.settlement.postgres import PostgresServer

PAGE: Final = Path(__file__).parents[3] / "docs" / "ledger.md"
ROLES: Final = ("sscard_owner", "sscard_centre", "sscard_reader")


def as_role(url: str, role: str) -> str:
    return f"{url}%20-c%20role%3D{role}"


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    """A ledger made by its owner, with the grants of the page."""
    place = postgres_server.new_url()
    schema = place.rpartition("%3D")[2]
    before, after = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    attempt(place, f"DROP SCHEMA {schema}")
    attempt(place, re.sub(r"\bsscard\b", schema, before))
    Ledger.open(as_role(place, "sscard_owner")).close()
    attempt(place, re.sub(r"\bsscard\b", schema, after))
    yield place
    postgres_server.drop(place)
    attempt(place, *(f"DROP OWNED BY {role}; DROP ROLE {role}" for role in ROLES))


def test_the_centre_posts_and_everybody_may_check(url: str) -> None:
    with Ledger.open(as_role(url, "sscard_centre"), create=False) as ledger:
        with ledger.transaction() as t:
            person = t.account(AccountKind.PERSONAL, "a")
            source = t.account(AccountKind.FUNDING, "510100")
            t.post(EntryKind.ALLOCATION, "20260301", "march", [person, source], [700, -700])
            assert t.balances([person], for_update=True).tolist() == [700]
        anchor = ledger.anchor()
    with Ledger.open(as_role(url, "sscard_reader"), create=False) as ledger:
        assert ledger.check(anchor).even
        with ledger.reading() as t:
            assert t.balances_of(AccountKind.PERSONAL) == {"a": 700}


FORBIDDEN: Final = (
    "UPDATE balance SET fen = fen + 1",
    "INSERT INTO balance (account, bounded, fen, stripe) VALUES (1, false, 0, 1)",
    "DELETE FROM line",
    "UPDATE entry SET source = 'x'",
    "TRUNCATE seal CASCADE",
    "ALTER TABLE balance DISABLE TRIGGER USER",
    "DROP TRIGGER seal_entry ON seal",
    "CREATE OR REPLACE FUNCTION balance_guard() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RETURN NULL; END $$",
    "SET session_replication_role = replica",
    "CREATE TRIGGER mine BEFORE INSERT ON line FOR EACH ROW EXECUTE FUNCTION line_open()",
    "UPDATE sscard_ledger_version SET version_num = '9'",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_centre_may_not(url: str, statement: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError) as refused:
        attempt(as_role(url, "sscard_centre"), statement)
    assert "permission denied" in str(refused.value) or "must be owner" in str(refused.value)


def test_tables_of_a_session_do_not_stand_in_for_the_ledgers(url: str) -> None:
    """Temporary tables are found before all others, but not by the rules."""
    with Ledger.open(as_role(url, "sscard_centre"), create=False) as ledger:
        with ledger.transaction() as t:
            person = t.account(AccountKind.PERSONAL, "a")
            source = t.account(AccountKind.FUNDING, "510100")
        schema = url.rpartition("%3D")[2]
        with pytest.raises(sa.exc.IntegrityError, match="sum to zero"):
            attempt(
                as_role(url, "sscard_centre"),
                f"CREATE TEMPORARY TABLE line (LIKE {schema}.line)",
                f"CREATE TEMPORARY TABLE balance (LIKE {schema}.balance)",
                f"INSERT INTO line VALUES (9, 1, {person}, 100), (9, 2, {source}, -100)",
                "INSERT INTO entry (id, kind, business_date, source)"
                " VALUES (9, 'x', '20260301', 'x')",
                "INSERT INTO seal VALUES (9)",
            )
        assert ledger.check().even


def test_a_trigger_of_a_session_moves_no_balance(url: str) -> None:
    """Even with the right to update it: a call from within a trigger is not enough."""
    owner = as_role(url, "sscard_owner")
    with Ledger.open(owner) as ledger, ledger.transaction() as t:
        t.account(AccountKind.PERSONAL, "a")
    with pytest.raises(sa.exc.IntegrityError, match="by sealing an entry alone") as refused:
        attempt(
            owner,
            "CREATE TEMPORARY TABLE bait (n int)",
            "CREATE FUNCTION pg_temp.take() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN UPDATE balance SET fen = fen + 100; RETURN NULL; END $$",
            "CREATE TRIGGER take AFTER INSERT ON bait FOR EACH ROW EXECUTE FUNCTION pg_temp.take()",
            "INSERT INTO bait VALUES (1)",
        )
    assert "balance_guard" in str(refused.value)
