# SPDX-License-Identifier: Apache-2.0
"""The audit: chains of rows, each with a keyed digest over the one before it and itself.

On SQLite there is one chain. On PostgreSQL writers take the first chain that is free, so that
they do not wait for each other. The head of a chain says which row is the last one. Whoever has
the database and not the key file can change, remove or swap no row unseen; that chains were cut
back together with older heads shows the anchor that :func:`verify_audit` gives, kept elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
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

_HEAD: Final = sa.select(audit_head.c.number, audit_head.c.hash).where(
    audit_head.c.chain == sa.bindparam("asked")
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


def append_audit(t: LedgerTransaction, key: bytes, entry: AuditEntry) -> tuple[int, int]:
    """Add a row to a chain; the chain and the number there."""
    chain = _take_chain(t)
    head = t.connection.execute(_HEAD, {"asked": chain}).one_or_none()
    number = 1 if head is None else int(head.number) + 1
    values = {name: getattr(entry, name) for name in _FIELDS}
    values |= {name: values[name][:length] for name, length in _LENGTHS.items()}
    before = b"" if head is None else bytes(head.hash)
    found = _hash(key, before, chain, number, values)
    place = {"chain": chain, "number": number}
    t.connection.execute(_ADD, place | values | {"hash": found})
    if head is None:
        t.connection.execute(sa.insert(audit_head), place | {"hash": found})
    else:
        t.connection.execute(_MOVE, {"asked": chain, "number": number, "hash": found})
    return chain, number


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
        values = {name: getattr(row, name) for name in _FIELDS}
        stored = bytes(row.hash)
        if number == at + 1 and not hmac.compare_digest(
            stored, _hash(key, before, chain, number, values)
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
    own = int(t.connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()) % CHAINS
    for step in range(CHAINS):
        chain = (own + step) % CHAINS
        lock = sa.func.pg_try_advisory_xact_lock(_LOCK + chain)
        if t.connection.execute(sa.select(lock)).scalar_one():
            return chain
    t.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK + own)))
    return own


def _hash(key: bytes, before: bytes, chain: int, number: int, values: dict[str, Any]) -> bytes:
    """The keyed digest of a row behind another; every field with its length, so none moves."""
    digest = hmac.new(key, before.ljust(32, b"\0"), hashlib.sha256)
    digest.update(struct.pack(">QQ", chain, number))
    for name in _FIELDS:
        value = values[name]
        content = bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
        digest.update(struct.pack(">I", len(content)) + content)
    return digest.digest()


def _parse_anchor(anchor: str | None) -> dict[int, tuple[int, str]]:
    found = {}
    for part in (anchor or "").split(","):
        chain, _, rest = part.partition(":")
        number, _, text = rest.partition(":")
        if chain.isdecimal() and number.isdecimal():
            found[int(chain)] = (int(number), text.upper())
    return found
