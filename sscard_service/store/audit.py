# SPDX-License-Identifier: Apache-2.0
"""The audit: chains of rows, each with a keyed digest over the one before it and itself.

On SQLite there is one chain. On PostgreSQL writers take the first chain that is free, so that
they do not wait for each other; rows of views, which come many at once, go into chains of their
own (:class:`AuditRun`). The head of a chain says which row is the last one. Whoever has
the database and not the key file can change, remove or swap no row unseen; that chains were cut
back together with older heads shows the anchor that :func:`verify_audit` gives, kept elsewhere.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from queue import LifoQueue
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import Ledger, LedgerConflictError, LedgerTransaction
from sscard_chip.settlement.ledger.bulk import driver_connection
from sscard_chip.settlement.ledger.single import SingleConnection
from sscard_chip.settlement.schema.services import audit, audit_head

CHAINS: Final = 16
"""Chains of a database on PostgreSQL."""
_LOCK: Final = 0x53535600
"""Advisory locks of PostgreSQL for the chains: this and the fifteen after it."""
_FIELDS: Final = (
    "time", "request", "channel", "device", "actor", "level", "subject", "operation", "before",
    "after", "result",
)  # fmt: skip
_LENGTHS: Final = {"request": 64, "device": 64, "actor": 64, "before": 40, "after": 40}
_VALUES: Final = attrgetter(*_FIELDS)
_PLACE: Final = struct.Struct(">QQ")
_LENGTH: Final = struct.Struct(">I")
_RUNS: Final = 16
"""Chains of runs, after the others; the processes of a centre take one each, mostly."""
_ATTEMPTS: Final = 20

_HEAD: Final = sa.select(audit_head.c.number, audit_head.c.hash).where(
    audit_head.c.chain == sa.bindparam("asked")
)
_TRY: Final = sa.select(
    sa.func.pg_try_advisory_xact_lock(sa.bindparam("lock", type_=sa.BigInteger))
)
_ADD: Final = sa.insert(audit)
_MOVE: Final = sa.update(audit_head).where(audit_head.c.chain == sa.bindparam("asked"))
"""Written once: the audit is in every request."""


@dataclass(frozen=True, slots=True, repr=False)
class AuditEntry:
    """Who asked, by what way, for whom (a digest), for what, and what came of it."""

    time: int
    request: str
    channel: str
    device: str
    actor: str
    level: int
    subject: bytes
    operation: str
    before: str = ""
    after: str = ""
    result: str = "DONE"


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Rows and chains that were read, what is wrong with them, and the anchor of what is there."""

    rows: int
    chains: int
    problems: tuple[str, ...]
    anchor: str

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def append_audit(t: LedgerTransaction, key: bytes, *entries: AuditEntry) -> tuple[int, int]:
    """Add rows to a chain; the chain and the number of the last one there."""
    chain = _take_chain(t)
    head = t.connection.execute(_HEAD, {"asked": chain}).one_or_none()
    number, before = (0, b"") if head is None else (int(head.number), bytes(head.hash))
    rows = []
    for values in map(_values, entries):
        number += 1
        before = _hash(key, before, chain, number, values.values())
        rows.append({"chain": chain, "number": number, "hash": before} | values)
    t.connection.execute(_ADD, rows)
    place = {"number": number, "hash": before}
    if head is None:
        t.connection.execute(sa.insert(audit_head), {"chain": chain} | place)
    else:
        t.connection.execute(_MOVE, {"asked": chain} | place)
    return chain, number


_RUN: Final = f"""
WITH moved AS (
    INSERT INTO service_audit_head AS h (chain, number, hash) VALUES (%s, %s, %s)
    ON CONFLICT (chain) DO UPDATE SET number = excluded.number, hash = excluded.hash
        WHERE h.number = %s AND h.hash = %s
    RETURNING chain
), added AS (
    INSERT INTO service_audit (chain, number, hash, {", ".join(f'"{one}"' for one in _FIELDS)})
    SELECT moved.chain, r.* FROM moved, unnest(%s::bigint[], %s::bytea[], %s::bigint[], %s::text[],
        %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::text[], %s::text[],
        %s::text[], %s::text[]) AS r
    RETURNING 1
)
SELECT count(*) FROM added"""
"""A head is moved from where the process knows it to be, and only then are the rows added."""
_RUN_HEAD: Final = "SELECT number, hash FROM service_audit_head WHERE chain = %s"


class AuditRun:
    """Adds rows that came together, and answers when they are kept.

    On PostgreSQL that is one statement: the end of the chain is known from the last time, and
    where another process has moved it, nothing is added and its end is read again. Every thread
    may add.
    """

    def __init__(self, ledger: Ledger, key: bytes) -> None:
        self._ledger = ledger
        self._key = key
        self._free: LifoQueue[tuple[int, tuple[int, bytes] | None]] = LifoQueue()
        for step in reversed(range(_RUNS)):
            self._free.put((CHAINS + (os.getpid() + step) % _RUNS, None))

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Add rows to a chain; they are kept when it returns.

        :raises LedgerError: what the database says.
        """
        if self._ledger.database.is_sqlite:
            self._ledger.run(lambda t: append_audit(t, self._key, *entries))
            return
        known = [_values(one) for one in entries]
        chain, end = self._free.get()
        try:
            with self._ledger.database.single.connection() as single:
                end = self._add(single, chain, end, known)
        except BaseException:
            end = None  # unknown
            raise
        finally:
            self._free.put((chain, end))

    def _add(
        self,
        single: SingleConnection,
        chain: int,
        end: tuple[int, bytes] | None,
        known: list[dict[str, Any]],
    ) -> tuple[int, bytes]:
        """Add rows behind the ``end`` of a chain; where it is then."""
        columns = [list(one) for one in zip(*(one.values() for one in known), strict=True)]
        for _ in range(_ATTEMPTS):
            at, before = end or self._read(single.rows(_RUN_HEAD, (chain,)))
            numbers = list(range(at + 1, at + 1 + len(known)))
            hashes, last = [], before
            for number, values in zip(numbers, known, strict=True):
                last = _hash(self._key, last, chain, number, values.values())
                hashes.append(last)
            place = (chain, numbers[-1], last, at, before)
            if single.rows(_RUN, (*place, numbers, hashes, *columns))[0][0]:
                return numbers[-1], last
            end = None
        raise LedgerConflictError(f"{self._ledger.name}: the audit is written by too many")

    @staticmethod
    def _read(rows: Sequence[tuple[Any, ...]]) -> tuple[int, bytes]:
        return (int(rows[0][0]), bytes(rows[0][1])) if rows else (0, b"")


def _values(entry: AuditEntry) -> dict[str, Any]:
    """The fields of a row, in their order, none longer than its column."""
    values = dict(zip(_FIELDS, _VALUES(entry), strict=True))
    for name, length in _LENGTHS.items():
        values[name] = values[name][:length]
    return values


def verify_audit(t: LedgerTransaction, key: bytes, anchor: str | None = None) -> AuditCheck:
    """Read all chains and prove each row; an ``anchor`` of before must lie in them.

    An anchor is ``CHAIN:NUMBER:HASH`` of each chain's last row, joined by commas.
    """
    heads = {
        int(one.chain): (int(one.number), bytes(one.hash))
        for one in t.connection.execute(sa.select(audit_head))
    }
    wanted = _parse_anchor(anchor)
    rows = t.connection.execution_options(yield_per=10_000).execute(
        sa.select(audit).order_by(audit.c.chain, audit.c.number)
    )
    problems: list[str] = []
    last: dict[int, tuple[int, bytes]] = {}
    count = 0
    for row in rows:
        count += 1
        chain, number = int(row.chain), int(row.number)
        at, before = last.get(chain, (0, b""))
        if number != at + 1:
            problems.append(f"chain {chain}: row {at + 1} is missing")
        stored = bytes(row.hash)
        if number == at + 1 and not hmac.compare_digest(
            stored, _hash(key, before, chain, number, _VALUES(row))
        ):
            problems.append(f"chain {chain}: row {number} was changed")
        if wanted.get(chain, (0, ""))[0] == number and wanted[chain][1] != stored.hex().upper():
            problems.append(f"chain {chain}: row {number} is not that of the anchor")
        last[chain] = (number, stored)
    for chain in sorted({*heads, *last, *wanted}):
        at, stored = last.get(chain, (0, b""))
        if heads.get(chain) != (at, stored):
            problems.append(f"chain {chain}: its last row is not its head")
        if wanted.get(chain, (0, ""))[0] > at:
            problems.append(f"chain {chain}: ends before the anchor")
    made = ",".join(f"{one}:{at}:{end.hex().upper()}" for one, (at, end) in sorted(last.items()))
    return AuditCheck(count, len(last), tuple(problems), made)


def _take_chain(t: LedgerTransaction) -> int:
    """A chain that nobody else writes to before the end of the transaction."""
    if t.connection.dialect.name == "sqlite":
        return 0
    own = int(driver_connection(t.connection).info.backend_pid) % CHAINS
    for step in range(CHAINS):
        chain = (own + step) % CHAINS
        if t.connection.execute(_TRY, {"lock": _LOCK + chain}).scalar_one():
            return chain
    t.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK + own)))
    return own


def _hash(key: bytes, before: bytes, chain: int, number: int, values: Iterable[Any]) -> bytes:
    """The keyed digest of a row behind another; every field with its length, so none moves."""
    parts = [before.ljust(32, b"\0"), _PLACE.pack(chain, number)]
    for value in values:
        content = bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
        parts += (_LENGTH.pack(len(content)), content)
    return hmac.digest(key, b"".join(parts), "sha256")


def _parse_anchor(anchor: str | None) -> dict[int, tuple[int, str]]:
    found = {}
    for part in (anchor or "").split(","):
        chain, _, rest = part.partition(":")
        number, _, text = rest.partition(":")
        if chain.isdecimal() and number.isdecimal():
            found[int(chain)] = (int(number), text.upper())
    return found
