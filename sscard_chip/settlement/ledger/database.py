# SPDX-License-Identifier: Apache-2.0
"""The database below a ledger: its address, its connections, how a transaction begins."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from sscard_chip.settlement.ledger.connecting import close_idle, have_patience
from sscard_chip.settlement.ledger.errors import (
    LedgerRulesError,
    LedgerUnavailableError,
    LedgerUrlError,
    LedgerVersionError,
    translate,
)
from sscard_chip.settlement.ledger.single import SingleStatements
from sscard_chip.settlement.schema import books, metadata, versions
from sscard_chip.settlement.schema.comparison import changed_rules
from sscard_chip.settlement.schema.creation import create_schema
from sscard_chip.settlement.schema.online import NAME_LOCKS
from sscard_chip.settlement.schema.versions import UNVERSIONED, VERSIONS
from sscard_chip.standard.errors import importing

_READING: Final = "sscard_reading"
_RESHAPING: Final = "sscard_reshaping"
_BUSY_SECONDS: Final = 60.0
_STATEMENTS: Final = 512
"""Of SQLite that a connection keeps: those of groups of each size."""
SCHEMA_LOCK: Final = 0x53534301
"""Advisory locks of PostgreSQL: creating tables; whoever must be the only writer; who
makes an anchor; new accounts;
numbers of debits, which on-line confirmations take side by side (shared) and a run at its end."""
WRITER_LOCK: Final = 0x53534302
ANCHOR_LOCK: Final = 0x53534305


_LOCK_NAME: Final = sa.select(
    sa.func.pg_advisory_xact_lock(NAME_LOCKS, sa.func.hashtext(sa.bindparam("name", type_=sa.Text)))
)


def parse_url(address: str | os.PathLike[str]) -> URL:
    """The URL of a path, of ``sqlite:///PATH`` or of ``postgresql://USER@HOST/NAME``.

    :raises LedgerUrlError: it is neither; the text does not quote it.
    """
    text = os.fspath(address)
    if "://" not in text:
        if not text:
            raise LedgerUrlError("ledger: must be a path or a database URL")
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise LedgerUrlError("ledger: is no database URL") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise LedgerUrlError("ledger: must be a path, sqlite:///PATH or postgresql://…")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise LedgerUrlError("ledger: SQLite needs a file")
    return url


def display_name(url: URL) -> str:
    """A ledger's name in messages: path, or host and database; never a user or a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"postgresql://{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"


class Database:
    """An engine and its transactions. ``name`` is for messages."""

    def __init__(self, url: URL, *, create: bool = True) -> None:
        self.name = display_name(url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            path = Path(str(url.database))
            if create:
                _create_file(path)
            elif not path.exists():
                raise LedgerUnavailableError(f"{self.name}: there is no such ledger")
            self.engine = _sqlite_engine(url)
        else:
            self.engine = _postgresql_engine(url)
        self.single = SingleStatements(self.engine, self.name)
        """Of PostgreSQL."""
        if not self.is_sqlite:
            have_patience(self.engine, self.single.close)

    def close(self) -> None:
        """Close all connections."""
        self.single.close()
        self.engine.dispose()

    def open_tables(self, *, create: bool, check_rules: bool = True) -> None:
        """See that the tables are of this version; ``create`` those of a new ledger, all of
        :data:`~sscard_chip.settlement.schema.metadata`.

        :raises LedgerVersionError: they are of another version.
        :raises LedgerRulesError: the rules in the database are not the declared ones.
        :raises LedgerUnavailableError: nobody has created a ledger; or the tables are another
            program's, and nothing is changed in such a database.
        """
        with self.begin(reading=True) as connection:  # nobody waits for it in the usual case
            found = self.version(connection)
            if check_rules:
                self.check_rules(connection, found)
        if found is None:
            if not create:
                raise LedgerUnavailableError(f"{self.name}: has no ledger yet")
            if self.is_sqlite:
                self._keep_a_log()
            with self.begin() as connection:
                self.lock(connection, SCHEMA_LOCK)
                found = self.version(connection)
                if found is None:
                    create_schema(connection)
                    connection.execute(books.ledger_format.insert().values(format=books.FORMAT))
                    found = VERSIONS[-1]
                    connection.execute(versions.version.insert().values(version_num=found))
        if found != VERSIONS[-1]:
            raise LedgerVersionError(self.name, found)
        if not self.is_sqlite:  # who only sells keeps one connection, and not this one too
            close_idle(self.engine)

    def check_rules(self, connection: sa.Connection, version: str | None) -> None:
        """See that the rules of a ledger of this version are there, as they are declared.

        :raises LedgerRulesError: one is missing, changed or switched off, or there are others.
        """
        changed = changed_rules(connection) if version == VERSIONS[-1] else []
        if changed:
            raise LedgerRulesError(self.name, changed)

    def version(self, connection: sa.Connection) -> str | None:
        """The schema version of the ledger that is there; None where there is no ledger.

        A SQLite file is a ledger's only; in PostgreSQL others may live beside it, under names
        that are not ours.

        :raises LedgerUnavailableError: the tables are another program's.
        """
        there = set(sa.inspect(connection).get_table_names())
        if books.ledger_format.name not in there:
            if there if self.is_sqlite else there.intersection(metadata.tables):
                raise LedgerUnavailableError(f"{self.name}: is the database of another program")
            return None
        if connection.scalars(sa.select(books.ledger_format.c.format)).all() != [books.FORMAT]:
            raise LedgerUnavailableError(f"{self.name}: is no ledger of format {books.FORMAT}")
        if versions.version.name not in there:
            return UNVERSIONED
        found = [str(one) for one in connection.scalars(sa.select(versions.version.c.version_num))]
        if len(found) != 1 or not found[0].isalnum():
            raise LedgerUnavailableError(f"{self.name}: {versions.version.name}: names no schema")
        return found[0]

    def _keep_a_log(self) -> None:
        """Have SQLite write ahead into a log, so that readers and the writer go side by side."""
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    @contextmanager
    def begin(self, *, reading: bool = False, reshaping: bool = False) -> Iterator[sa.Connection]:
        """A transaction: committed at the end, rolled back when an exception leaves it.

        A writer of SQLite is the only one from the start (BEGIN IMMEDIATE). A reader sees one
        state of the database all the way. While tables are being ``reshaping`` SQLite does not
        look at foreign keys; its connection is not used for anything else afterwards.

        :raises LedgerError: what the database says, in our words.
        """
        begun = False
        try:
            with self.engine.connect() as connection:
                if reading and self.is_sqlite:
                    connection = connection.execution_options(**{_READING: True})
                elif reshaping and self.is_sqlite:
                    connection = connection.execution_options(**{_RESHAPING: True})
                elif reading:
                    connection = connection.execution_options(
                        isolation_level="REPEATABLE READ", postgresql_readonly=True
                    )
                with connection.begin():
                    begun = True
                    yield connection
        except DBAPIError as error:
            found = translate(error, self.name)
            if isinstance(found, LedgerUnavailableError):
                found.begun = begun
            raise found from None

    def lock(self, connection: sa.Connection, number: int, *, shared: bool = False) -> None:
        """Wait for an advisory lock of PostgreSQL; it is released with the transaction.

        In SQLite every writer is alone, so there is nothing to wait for. ``shared`` holders do
        not wait for each other.
        """
        if not self.is_sqlite:
            take = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
            connection.execute(sa.select(take(number)))

    def lock_name(self, connection: sa.Connection, name: str) -> None:
        """The same for a name; two names may have one lock, which only costs time."""
        if not self.is_sqlite:
            connection.execute(_LOCK_NAME, {"name": name})


def _create_file(path: Path) -> None:
    """A new database is for its owner only: it has citizens' data. Raises OSError."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _sqlite_engine(url: URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "cached_statements": _STATEMENTS},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "cache_size=-65536",
            "wal_autocheckpoint=4000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get(_RESHAPING):  # it cannot be said inside a transaction
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN" if options.get(_READING) else "BEGIN IMMEDIATE")

    return engine


def _postgresql_engine(url: URL) -> sa.Engine:
    try:
        with importing("settlement", "settlement"):
            return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, max_overflow=-1)
    except NoSuchModuleError:
        raise LedgerUrlError("ledger: this SQLAlchemy has no driver for the URL") from None
