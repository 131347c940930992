# SPDX-License-Identifier: Apache-2.0
"""A ledger of an earlier version becomes one of this version: ``sscard settle upgrade``."""

from __future__ import annotations

import os
from dataclasses import dataclass

import sqlalchemy as sa

from sscard_chip.settlement.ledger.chain import make_anchor
from sscard_chip.settlement.ledger.check import Check, check_ledger
from sscard_chip.settlement.ledger.database import SCHEMA_LOCK, Database, parse_url
from sscard_chip.settlement.ledger.errors import LedgerUnavailableError, LedgerVersionError
from sscard_chip.settlement.schema.versions import UNVERSIONED, VERSIONS, migrate
from sscard_chip.standard.errors import LedgerError


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade found and left; ``before`` is ``0.1.0`` or a schema version.

    ``anchor`` proves from then on what the ledger had (:mod:`.chain`).
    """

    name: str
    before: str
    after: str
    check: Check
    anchor: str

    def __str__(self) -> str:
        if self.before == self.after:
            return f"{self.name}: is of schema {self.after} already, nothing to do"
        before = self.before if self.before == UNVERSIONED else f"schema {self.before}"
        return (
            f"{self.name}: upgraded from {before} to schema {self.after}; the books are even,"
            f" {self.check.entries} entries, {self.check.lines} lines"
        )


def upgrade_ledger(address: str | os.PathLike[str]) -> Upgraded:
    """Bring the tables of a ledger to this version, whole or not at all.

    ``address`` as of :meth:`~sscard_chip.settlement.ledger.Ledger.open`. No other program writes
    to the ledger meanwhile. The books are proven to balance before anything is kept.

    :raises LedgerVersionError: it is newer than this program.
    :raises LedgerRulesError: it is of this version, and its rules are not.
    :raises LedgerError: there is no ledger, it cannot be reached, or the books do not balance.
    :raises LedgerUrlError: it is no such address.
    :raises ExtraMissingError: Alembic is not installed.
    """
    database = Database(parse_url(address), create=False)
    try:
        with database.begin(reshaping=True) as connection:
            database.lock(connection, SCHEMA_LOCK)
            before = database.version(connection)
            if before is None:
                raise LedgerUnavailableError(f"{database.name}: has no ledger yet")
            if before != UNVERSIONED and before not in VERSIONS:
                raise LedgerVersionError(database.name, before)
            database.check_rules(connection, before)
            if before != VERSIONS[-1]:
                migrate(connection)
                _check_references(database, connection)
            books = check_ledger(connection)
            if not books.even:
                what = next(iter((*books.problems, *books.rules, *books.past)))
                raise LedgerError(f"{database.name}: not upgraded: {what}")
            anchor = books.anchor if before == VERSIONS[-1] else make_anchor(connection)
            return Upgraded(database.name, before, VERSIONS[-1], books, anchor)
    finally:
        database.engine.dispose()


def _check_references(database: Database, connection: sa.Connection) -> None:
    """Every foreign key of SQLite finds its row, as PostgreSQL has proven by itself."""
    if database.is_sqlite:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise LedgerError(f"{database.name}: not upgraded: {broken[0]}: refers to no row")
