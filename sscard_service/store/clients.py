# SPDX-License-Identifier: Apache-2.0
"""Programs and clerks that may ask over HTTP: their secrets, enciphered, and nonces.

A program signs with HMAC-SHA256 under a shared secret or with SM2 under its private key; a clerk
has a password. Whoever leaves gets a last row that is not active.
"""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.services import client, nonce
from sscard_service.store.secrets import ServiceKeys

HMAC: Final = "hmac"
SM2: Final = "sm2"
CLERK: Final = "clerk"


@dataclass(frozen=True, slots=True, repr=False)
class Client:
    """A program or clerk: ``secret`` is the HMAC key, the SM2 public key (64 bytes), or the hash
    of the clerk's password."""

    name: str
    channel: str
    kind: str
    secret: bytes


def new_secret() -> bytes:
    """A new HMAC key of 32 bytes."""
    return random.token_bytes(32)


def put_client(
    t: LedgerTransaction, keys: ServiceKeys, one: Client, time: str, *, active: bool = True
) -> None:
    """A new client, or one with another secret; not ``active``: one that may ask no more."""
    last = t.connection.execute(
        sa.select(sa.func.max(client.c.number)).where(client.c.name == one.name)
    ).scalar_one()
    number = (last or 0) + 1
    t.connection.execute(
        sa.insert(client).values(
            name=one.name, number=number, channel=one.channel, kind=one.kind, active=active,
            sealed=keys.seal(f"client:{one.name}:{number}", one.secret), since=int(time),
        )
    )  # fmt: skip


def find_client(t: LedgerTransaction, keys: ServiceKeys, name: str) -> Client | None:
    """The client of a name, if it may ask."""
    row = t.connection.execute(
        sa.select(client).where(client.c.name == name).order_by(client.c.number.desc()).limit(1)
    ).one_or_none()
    if row is None or not row.active:
        return None
    secret = keys.open(f"client:{name}:{row.number}", bytes(row.sealed))
    return Client(row.name, row.channel, row.kind, secret)


def client_names(t: LedgerTransaction) -> list[tuple[str, str, str, bool]]:
    """All clients: name, channel, kind, and whether it may ask."""
    rows = t.connection.execute(sa.select(client).order_by(client.c.name, client.c.number))
    newest = {row.name: (row.name, row.channel, row.kind, bool(row.active)) for row in rows}
    return list(newest.values())


def use_nonce(t: LedgerTransaction, name: str, value: str, time: str) -> bool:
    """Keep a nonce; False for one that was used. Whoever is second waits for the first."""
    t.lock_name(f"nonce {name} {value}")
    known = t.connection.execute(
        sa.select(nonce.c.time).where(nonce.c.channel == name[:20], nonce.c.nonce == value)
    ).first()
    if known is not None:
        return False
    row = {"channel": name[:20], "nonce": value, "time": int(time)}
    t.connection.execute(sa.insert(nonce).values(row))
    return True


def clear_nonces(t: LedgerTransaction, before: str) -> int:
    """Delete nonces of before a moment; how many."""
    done = t.connection.execute(sa.delete(nonce).where(nonce.c.time < int(before)))
    return int(done.rowcount)
