# SPDX-License-Identifier: Apache-2.0
"""Two ledgers in SQLite: that of a batch, in its folder, and that of the issuer, across batches.

A chunk of cards counts as made when the batch ledger says so, in one commit, after its files are
on disk. What the issuer ledger gives to a chunk, serials and card numbers, it gives again when
the same chunk asks again; so a batch that was killed anywhere goes on with the same ones.

Neither holds a key. Of a social security number there is a salted hash, of a card its number.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from issuance.batch.errors import BatchError, BatchStoppedError
from issuance.validity import card_check_character
from sscard_chip.closing import Closing
from sscard_chip.standard.amounts import MAX_NUMBER

LEDGER: Final = "ledger.sqlite"
ISSUER_LEDGER: Final = "issuer.sqlite"
LOCK: Final = "lock"

_WAIT_SECONDS: Final = 60
_HASH_BYTES: Final = 12
_NUMBER_BODY: Final = 8

_BATCH_TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS chunks (
    chunk INTEGER PRIMARY KEY, first_row INTEGER NOT NULL, holders INTEGER NOT NULL,
    cards INTEGER NOT NULL, rejected INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS cards (
    card_number TEXT PRIMARY KEY, serial INTEGER NOT NULL UNIQUE, atr TEXT NOT NULL,
    chunk INTEGER NOT NULL, position INTEGER NOT NULL, row INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejects (
    row INTEGER NOT NULL, place INTEGER NOT NULL, column_name TEXT NOT NULL, rule TEXT NOT NULL,
    PRIMARY KEY (row, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS persons (
    person BLOB PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;
"""
_ISSUER_TABLES: Final = """
CREATE TABLE IF NOT EXISTS serials (
    batch TEXT NOT NULL, chunk INTEGER NOT NULL, first INTEGER NOT NULL UNIQUE,
    count INTEGER NOT NULL, PRIMARY KEY (batch, chunk)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (
    card_number TEXT PRIMARY KEY, batch TEXT NOT NULL, row INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS assigned (
    batch TEXT NOT NULL, chunk INTEGER NOT NULL, prefix TEXT NOT NULL, first INTEGER NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (batch, chunk)) WITHOUT ROWID;
"""


MadeCard = tuple[str, int, str, int, int]
"""A card of a chunk: 卡号, serial, ATR, place in the container from 0, row in the table."""


class Reject(NamedTuple):
    """A broken rule of a row; never the value."""

    row: int
    column: str
    rule: str


class ChunkCount(NamedTuple):
    """What became of the holders of a chunk."""

    first_row: int
    holders: int
    cards: int
    rejected: int
    seconds: float


class _Database(Closing):
    """A SQLite file, its errors as one line each."""

    def __init__(self, path: Path, tables: str) -> None:
        self._path = path
        with self._translated():
            # Made first, so that nobody else can read it.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(tables)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the database as :class:`BatchStoppedError`."""
        try:
            yield
            return
        except sqlite3.Error as error:
            reason = str(error)
        except OSError as error:
            reason = error.strerror or "input/output error"
        raise BatchStoppedError(f"{self._path}: {reason}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            self._db.close()


class IssuerLedger(_Database):
    """What an issuer has given out in all batches. Several batches may use it at once."""

    def __init__(self, path: Path) -> None:
        """Opens or creates it.

        :raises BatchStoppedError:
        """
        super().__init__(path, _ISSUER_TABLES)

    def claim(
        self, batch: str, chunk: int, count: int, numbers: Mapping[int, str]
    ) -> tuple[int, dict[int, str]]:
        """The first of ``count`` serials, and the owner of each card number that is taken.

        ``numbers`` are card numbers by row. A row whose number another row has gets that row's
        batch in the result. A chunk that asks again gets the same answer.

        :raises BatchStoppedError:
        """
        with self._transaction() as db:
            first = self._serials(db, batch, chunk, count)
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO numbers VALUES (?, ?, ?)",
                ((number, batch, row) for row, number in numbers.items()),
            )
            taken: dict[int, str] = {}
            if db.total_changes - before == len(numbers):
                return first, taken
            for row, number in numbers.items():
                found = db.execute(
                    "SELECT batch, row FROM numbers WHERE card_number = ?", (number,)
                ).fetchone()
                if found != (batch, row):
                    taken[row] = found[0]
        return first, taken

    def assign(self, batch: str, chunk: int, prefix: str, rows: Sequence[int]) -> dict[int, str]:
        """Card numbers for rows that bring none: the next of those that begin with ``prefix``.

        They follow each other, and none was used before. A chunk that asks again gets the same.

        :raises BatchStoppedError:
        """
        with self._transaction() as db:
            known = db.execute(
                "SELECT first FROM assigned WHERE batch = ? AND chunk = ?", (batch, chunk)
            ).fetchone()
            if known is None:
                first = self._free_numbers(db, prefix, len(rows))
                entry = (batch, chunk, prefix, first, len(rows))
                db.execute("INSERT INTO assigned VALUES (?, ?, ?, ?, ?)", entry)
            else:
                first = known[0]
            numbers = {
                row: _card_number(prefix, number) for number, row in enumerate(rows, int(first))
            }
            db.executemany(
                "INSERT OR IGNORE INTO numbers VALUES (?, ?, ?)",
                ((number, batch, row) for row, number in numbers.items()),
            )
            return numbers

    def _free_numbers(self, db: sqlite3.Connection, prefix: str, count: int) -> int:
        """Where the next ``count`` numbers in a row begin that nobody has."""
        last = db.execute("SELECT max(first + count) FROM assigned WHERE prefix = ?", (prefix,))
        first, end = last.fetchone()[0] or 1, 10 ** (_NUMBER_BODY - len(prefix))
        while first + count <= end:
            bounds = (f"{_body(prefix, first)}", f"{_body(prefix, first + count - 1)}~")
            used = db.execute(
                "SELECT card_number FROM numbers WHERE card_number BETWEEN ? AND ?"
                " ORDER BY card_number DESC",
                bounds,
            )
            bodies = (number[len(prefix) : _NUMBER_BODY] for (number,) in used)
            taken = next((body for body in bodies if body.isdecimal()), None)
            if taken is None:
                return int(first)
            first = int(taken) + 1
        raise BatchStoppedError(
            f"{self._path}: all card numbers that begin with {prefix} are given out"
        )

    def _serials(self, db: sqlite3.Connection, batch: str, chunk: int, count: int) -> int:
        known = db.execute(
            "SELECT first FROM serials WHERE batch = ? AND chunk = ?", (batch, chunk)
        ).fetchone()
        if known:
            return int(known[0])
        last = db.execute("SELECT first + count FROM serials ORDER BY first DESC LIMIT 1")
        first = int((last.fetchone() or (1,))[0])
        if first + count - 1 > MAX_NUMBER:
            raise BatchStoppedError(f"{self._path}: all serials of four bytes are given out")
        db.execute("INSERT INTO serials VALUES (?, ?, ?, ?)", (batch, chunk, first, count))
        return first

    def release(self, batch: str, rows: Iterable[int]) -> None:
        """Give back the card numbers of rows of which no card was made."""
        with self._transaction() as db:
            db.execute("CREATE TEMP TABLE IF NOT EXISTS gone (row INTEGER PRIMARY KEY)")
            db.execute("DELETE FROM gone")
            db.executemany("INSERT OR IGNORE INTO gone VALUES (?)", ((row,) for row in rows))
            db.execute(
                "DELETE FROM numbers WHERE batch = ? AND row IN (SELECT row FROM gone)", (batch,)
            )

    def give_back(self, batch: str) -> int:
        """Give back all card numbers of a batch; how many there were."""
        with self._transaction() as db:
            return db.execute("DELETE FROM numbers WHERE batch = ?", (batch,)).rowcount


def copy_issuer_ledger(path: Path, target: Path) -> None:
    """A copy of an issuer's ledger, which is only read; none where there is none.

    :raises BatchStoppedError:
    """
    if not path.exists():
        return
    try:
        source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
        return
    except sqlite3.Error as error:
        reason = str(error)
    raise BatchStoppedError(f"{path}: {reason}")


class BatchLedger(_Database):
    """The ledger of one batch. It has one owner at a time, by a lock on its folder."""

    def __init__(self, folder: Path, *, create: bool = False, lock: bool = True) -> None:
        """Open the ledger of a batch.

        :raises BatchError: for a folder without a batch or with another owner.
        """
        path = folder / LEDGER
        if not create and not path.is_file():
            raise BatchError(f"{folder}: has no batch")
        self._lock = _lock(folder) if lock else None
        super().__init__(path, _BATCH_TABLES)

    def close(self) -> None:
        """Close the ledger and let go of the folder."""
        super().close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """Put facts about the batch in, JSON values by name."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                ((name, json.dumps(value, ensure_ascii=False)) for name, value in facts.items()),
            )

    def facts(self) -> dict[str, Any]:
        """All facts about the batch."""
        with self._translated():
            rows = self._db.execute("SELECT name, value FROM facts").fetchall()
        return {name: json.loads(value) for name, value in rows}

    def known_persons(self, salt: bytes, numbers: Mapping[int, str]) -> set[int]:
        """Rows of persons who stand in an earlier row of the batch; ``numbers`` by row."""
        hashes = {row: _hash(salt, number) for row, number in numbers.items()}
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO persons VALUES (?, ?)",
                ((person, row) for row, person in hashes.items()),
            )
            if db.total_changes - before == len(hashes):
                return set()
            select = "SELECT row FROM persons WHERE person = ?"
            return {
                row
                for row, person in hashes.items()
                if db.execute(select, (person,)).fetchone()[0] != row
            }

    def finish_chunk(
        self,
        chunk: int,
        count: ChunkCount,
        cards: Sequence[MadeCard],
        rejects: Sequence[Reject],
    ) -> None:
        """Make a chunk count as made, all of it at once."""
        with self._transaction() as db:
            db.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)", (chunk, *count))
            db.executemany(
                "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (number, serial, atr, chunk, position, row)
                    for number, serial, atr, position, row in cards
                ),
            )
            db.executemany(
                "INSERT INTO rejects VALUES (?, ?, ?, ?)",
                ((r.row, place, r.column, r.rule) for place, r in enumerate(rejects)),
            )

    def done(self) -> dict[int, ChunkCount]:
        """The chunks that are made."""
        with self._translated():
            rows = self._db.execute(
                "SELECT chunk, first_row, holders, cards, rejected, seconds FROM chunks"
            ).fetchall()
        return {chunk: ChunkCount(*rest) for chunk, *rest in rows}

    def rejects(self) -> Iterator[Reject]:
        """All broken rules, by row."""
        with self._translated():
            yield from map(
                Reject._make,
                self._db.execute("SELECT row, column_name, rule FROM rejects ORDER BY row, place"),
            )

    def card_numbers(self) -> Iterator[tuple[int, str]]:
        """Chunk and number of each card, in the order of the table."""
        with self._translated():
            yield from self._db.execute("SELECT chunk, card_number FROM cards ORDER BY row")

    def find(self, card_number: str) -> tuple[int, int] | None:
        """Chunk and position of a card."""
        with self._translated():
            found = self._db.execute(
                "SELECT chunk, position FROM cards WHERE card_number = ?", (card_number,)
            ).fetchone()
        return (int(found[0]), int(found[1])) if found else None


def _body(prefix: str, number: int) -> str:
    """The eight characters of a card number before the check character."""
    return f"{prefix}{number:0{_NUMBER_BODY - len(prefix)}d}"


def _card_number(prefix: str, number: int) -> str:
    body = _body(prefix, number)
    return body + card_check_character(body)


def _hash(salt: bytes, number: str) -> bytes:
    return hashlib.blake2b(number.encode(), digest_size=_HASH_BYTES, key=salt).digest()


def _lock(folder: Path) -> int:
    """Own a folder until the descriptor is closed, or this process ends in whatever way."""
    try:
        descriptor = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise BatchStoppedError(f"{folder}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise BatchError(f"{folder}: another process is at work on this batch") from None
    return descriptor
