# SPDX-License-Identifier: Apache-2.0
"""The audit: everything is in it, nothing of it is changed, removed or swapped unseen."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import Ledger, LedgerTransaction
from sscard_chip.settlement.schema.base import metadata
from sscard_chip.settlement.schema.creation import drop_rules
from sscard_chip.settlement.schema.services import audit, audit_head
from sscard_service import Code
from sscard_service.store.audit import AuditEntry, append_audit, verify_audit
from tests.service.city import KEYS, LIN, PHONE, City

ROWS: Final = int(os.environ.get("SSCARD_AUDIT_ROWS", "200"))
"""Rows of the audit that is tampered with; 100,000 by hand."""
_TRIES: Final = 60


def rows_of(t: LedgerTransaction) -> list[Any]:
    """The whole audit, chain by chain."""
    return list(t.connection.execute(sa.select(audit).order_by(audit.c.chain, audit.c.number)))


def test_views_changes_and_refusals_are_audited_and_show_no_person(city: City) -> None:
    city.ask("balance", channel="ivr", card_number="000013", device="line-2")
    city.ask("loss", channel="ivr", card_number="000013")
    assert city.refused("balance", channel="ivr", card_number="000014") is Code.WRONG_PROOF
    with city.ledger.reading() as t:
        rows = rows_of(t)
        assert verify_audit(t, KEYS.audit).problems == ()
    shown = {(one.operation, one.result, one.level, one.before, one.after) for one in rows}
    assert shown == {
        ("balance", "DONE", 1, "", ""),
        ("loss", "DONE", 1, "normal", "temporary_loss"),
        ("balance", "WRONG_PROOF", 0, "", ""),
    }
    text = " ".join(map(str, rows))
    assert all(one not in text for one in (LIN, "林知夏", PHONE, "000013", "000014"))


@pytest.fixture
def long_audit(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with an audit, whose own rules are off: somebody has the database."""
    with ledger.transaction() as t:
        entries = [
            AuditEntry(20260302090000 + at, f"r{at}", "site", "", "holder", 1, bytes(16), "balance")
            for at in range(ROWS)
        ]
        append_audit(t, KEYS.audit, *entries)
    with ledger.database.begin() as connection:
        drop_rules(connection)
    yield ledger
    with ledger.transaction() as t:
        t.connection.execute(sa.delete(audit))


@dataclass(frozen=True)
class Tampering:
    """A change of one row, or of two."""

    name: str
    values: dict[str, Any]


CHANGES: Final = (
    Tampering("time", {"time": 20990101000000}),
    Tampering("request", {"request": "another"}),
    Tampering("channel", {"channel": "ivr"}),
    Tampering("device", {"device": "another"}),
    Tampering("actor", {"actor": "0017"}),
    Tampering("level", {"level": 4}),
    Tampering("subject", {"subject": b"\x01" * 16}),
    Tampering("operation", {"operation": "loss"}),
    Tampering("before", {"before": "normal"}),
    Tampering("after", {"after": "normal"}),
    Tampering("result", {"result": "LOCKED"}),
    Tampering("hash", {"hash": bytes(32)}),
)


@pytest.mark.timeout(0)
def test_every_changed_removed_or_swapped_row_is_found(long_audit: Ledger) -> None:
    assert {one for change in CHANGES for one in change.values} == {one.name for one in audit.c} - {
        "chain",
        "number",
    }
    drawn = random.Random(14)
    for step in range(_TRIES):
        with long_audit.database.engine.connect() as connection, connection.begin() as undo:
            t = LedgerTransaction(long_audit.database, connection)
            rows = rows_of(t)
            at = drawn.randrange(len(rows)) if step % 4 else len(rows) - 1
            tamper(connection, rows, at, step, drawn)
            assert verify_audit(t, KEYS.audit).problems, (step, at)
            undo.rollback()
    with long_audit.reading() as t:
        found = verify_audit(t, KEYS.audit)
        assert (found.problems, found.rows) == ((), ROWS)


def tamper(
    connection: sa.Connection, rows: list[Any], at: int, step: int, drawn: random.Random
) -> None:
    """Change, remove, add or swap: what a step does goes round."""
    own = rows[at]
    place = sa.and_(audit.c.chain == own.chain, audit.c.number == own.number)
    kind = step % (len(CHANGES) + 3)
    if kind < len(CHANGES):
        connection.execute(sa.update(audit).where(place).values(CHANGES[kind].values))
    elif kind == len(CHANGES):
        connection.execute(sa.delete(audit).where(place))
    elif kind == len(CHANGES) + 1:
        values = dict(own._mapping) | {"number": own.number + len(rows), "request": "forged"}
        connection.execute(sa.insert(audit).values(values))
    else:
        other = rows[at - 1 if at else 1]
        names = [one.name for one in audit.c if one.name not in ("chain", "number")]
        there = sa.and_(audit.c.chain == other.chain, audit.c.number == other.number)
        mine, theirs = own._mapping, other._mapping
        connection.execute(
            sa.update(audit).where(place).values({name: theirs[name] for name in names})
        )
        connection.execute(
            sa.update(audit).where(there).values({name: mine[name] for name in names})
        )


def test_an_anchor_shows_that_the_end_was_cut_off_together_with_its_head(
    long_audit: Ledger,
) -> None:
    with long_audit.reading() as t:
        anchor = verify_audit(t, KEYS.audit).anchor
        last = rows_of(t)[-1]
        before = rows_of(t)[-2]
    with long_audit.transaction() as t:
        own = sa.and_(audit.c.chain == last.chain, audit.c.number == last.number)
        t.connection.execute(sa.delete(audit).where(own))
        head = audit_head.c.chain == last.chain
        if before.chain == last.chain:
            values = {"number": before.number, "hash": before.hash}
            t.connection.execute(sa.update(audit_head).where(head).values(values))
        else:
            t.connection.execute(sa.delete(audit_head).where(head))
        assert verify_audit(t, KEYS.audit).problems == ()
        assert verify_audit(t, KEYS.audit, anchor).problems


def test_the_database_itself_refuses_a_change_of_the_audit(city: City) -> None:
    city.ask("status")
    assert audit.name in metadata.tables
    for change in (sa.update(audit).values(level=4), sa.delete(audit)):
        with (
            pytest.raises(Exception, match="nothing in service_audit is changed or deleted"),
            city.ledger.transaction() as t,
        ):
            t.connection.execute(change)
