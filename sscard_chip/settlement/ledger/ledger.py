# SPDX-License-Identifier: Apache-2.0
"""A ledger: opened by its address, used in transactions."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Self, TypeVar

from sscard_chip.closing import Closing
from sscard_chip.settlement.ledger.chain import make_anchor, parse_anchor
from sscard_chip.settlement.ledger.check import Check, check_ledger
from sscard_chip.settlement.ledger.database import ANCHOR_LOCK, WRITER_LOCK, Database, parse_url
from sscard_chip.settlement.ledger.errors import LedgerConflictError
from sscard_chip.settlement.ledger.transaction import LedgerTransaction

_Result = TypeVar("_Result")
_ATTEMPTS: Final = 10


class Ledger(Closing):
    """The books of a settlement centre in one database.

    ::

        with Ledger.open("city.db") as ledger, ledger.transaction() as t:
            person = t.account(AccountKind.PERSONAL, "51000000000001")
            source = t.account(AccountKind.FUNDING, "510100")
            t.post(EntryKind.ALLOCATION, "20260301", "march", [person, source], [5000, -5000])
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(
        cls, address: str | os.PathLike[str], *, create: bool = True, check_rules: bool = True
    ) -> Self:
        """Open a ledger, and create it on first use unless ``create`` is False.

        One whose rules are not those of a ledger is not opened; without ``check_rules`` it is,
        to see what is wrong with it.

        ``address`` is the path of a SQLite file, ``sqlite:///PATH`` or
        ``postgresql://USER:PASSWORD@HOST/NAME``. A new ledger has all tables of
        :mod:`sscard_chip.settlement.schema`.

        :raises LedgerUrlError: it is no such address.
        :raises LedgerVersionError: it is of another version, see
            :func:`~sscard_chip.settlement.ledger.upgrade_ledger`.
        :raises LedgerRulesError: the rules in the database are not those of a ledger.
        :raises LedgerUnavailableError: the database cannot be reached or is none; there is no
            ledger in it and none is to be created.
        :raises ExtraMissingError: the extra ``settlement`` is not installed.
        :raises OSError: the file cannot be created.
        """
        ledger = cls(Database(parse_url(address), create=create))
        try:
            ledger.database.open_tables(create=create, check_rules=check_rules)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def name(self) -> str:
        """Path, or host and database; for messages."""
        return self.database.name

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    @contextmanager
    def transaction(self, *, exclusive: bool = False) -> Iterator[LedgerTransaction]:
        """A transaction: all of it or nothing.

        On SQLite there is one writer at a time (others wait up to a minute). On PostgreSQL
        writers work side by side and rows are locked as they are changed; with ``exclusive`` one
        waits until it is the only one of the exclusive ones.

        :raises LedgerRefusedError: the database refused something; nothing is kept.
        :raises LedgerConflictError: undone because of another transaction, see :meth:`run`.
        :raises LedgerUnavailableError: the database is gone or locked. If it went away during
            the commit, whether that happened shows in the source of the entry.
        """
        with self.database.begin() as connection:
            if exclusive:
                self.database.lock(connection, WRITER_LOCK)
            yield LedgerTransaction(self.database, connection)

    @contextmanager
    def reading(self) -> Iterator[LedgerTransaction]:
        """A transaction that only reads, and sees one state of the books throughout."""
        with self.database.begin(reading=True) as connection:
            yield LedgerTransaction(self.database, connection)

    def run(
        self, work: Callable[[LedgerTransaction], _Result], *, exclusive: bool = False
    ) -> _Result:
        """Do ``work`` in a transaction, and again as long as others are in the way.

        It may be called several times, so it keeps nothing of an earlier call.

        :raises LedgerError: as :meth:`transaction`; LedgerConflictError after ten attempts.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.transaction(exclusive=exclusive) as transaction:
                    return work(transaction)
            except LedgerConflictError:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(random.uniform(0, 0.005 * 2**attempt))
        raise AssertionError

    def anchor(self) -> str:
        """Chain what is posted by now and return the anchor, 64 hex digits; see :mod:`.chain`.

        Kept elsewhere, it proves later that nothing posted before it was changed.

        :raises LedgerError: as :meth:`run`.
        """

        def work(t: LedgerTransaction) -> str:
            self.database.lock(t.connection, ANCHOR_LOCK)
            return make_anchor(t.connection)

        return self.run(work)

    def check(self, anchor: str | None = None) -> Check:
        """Prove that the books balance, and with an ``anchor`` that it lies in their past.

        See :class:`~.check.Check`.

        :raises AnchorError: it is no anchor.
        """
        wanted = None if anchor is None else parse_anchor(anchor)
        with self.reading() as transaction:
            return check_ledger(transaction.connection, wanted)
