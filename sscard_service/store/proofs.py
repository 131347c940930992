# SPDX-License-Identifier: Apache-2.0
"""What proofs leave behind: passwords as argon2id hashes, attempts, codes by telephone, sessions.

An attempt is written before it is checked, so that many at once are counted as many. It is of a
digest of what was asked for, whether such a person exists or not.
"""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.persons import credential
from sscard_chip.settlement.schema.services import attempt, code, session
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.errors import importing
from sscard_service.region.model import ProofRules
from sscard_service.store.secrets import token_digest

QUERY: Final = "query"
ECARD: Final = "ecard"
CODE_TRIES: Final = 3


@lru_cache(maxsize=1)
def _hasher() -> Any:
    with importing("service", "a password"):
        from argon2 import PasswordHasher
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@lru_cache(maxsize=1)
def _nobody() -> str:
    """The hash of a password that nobody has: an unknown person takes as long as a known one."""
    return str(_hasher().hash(random.token_urlsafe(32)))


def hash_password(password: str) -> str:
    """The argon2id hash of a password: 19 MiB, two passes, about 80 ms."""
    return str(_hasher().hash(password))


def check_password(hash_: str | None, password: str) -> bool:
    """Whether a password is that of a hash; without one it takes as long and is False."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        right = bool(_hasher().verify(hash_ or _nobody(), password))
    except (InvalidHashError, VerificationError):
        return False
    return right and hash_ is not None


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """A password's hash; ``initial`` proves nothing."""

    hash: str
    initial: bool


def read_credential(t: LedgerTransaction, person: int, kind: str) -> Credential | None:
    """The password of a kind that a person has."""
    row = t.connection.execute(
        sa.select(credential.c.hash, credential.c.initial)
        .where(credential.c.person == person, credential.c.kind == kind)
        .order_by(credential.c.number.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Credential(row.hash, bool(row.initial))


def set_credential(
    t: LedgerTransaction, person: int, kind: str, hash_: str, time: str, *, initial: bool = False
) -> None:
    """Give a person a password; the one before proves nothing from now on."""
    last = t.connection.execute(
        sa.select(sa.func.max(credential.c.number)).where(
            credential.c.person == person, credential.c.kind == kind
        )
    ).scalar_one()
    t.connection.execute(
        sa.insert(credential).values(
            person=person, kind=kind, number=(last or 0) + 1, hash=hash_, initial=initial,
            since=int(time),
        )
    )  # fmt: skip


# --- attempts -------------------------------------------------------------------------------------


def locked_until(
    t: LedgerTransaction, rules: ProofRules, subject: bytes, channel: str, now: datetime
) -> datetime | None:
    """Until when wrong proofs of a subject in a channel make it wait; None where they do not.

    Each wrong one after the first ``tries`` doubles the wait.
    """
    last_right = (
        sa.select(sa.func.coalesce(sa.func.max(attempt.c.id), 0))
        .where(attempt.c.subject == subject, attempt.c.channel == channel, attempt.c.correct)
        .scalar_subquery()
    )
    count, last = t.connection.execute(
        sa.select(sa.func.count(), sa.func.max(attempt.c.time)).where(
            attempt.c.subject == subject,
            attempt.c.channel == channel,
            attempt.c.id > last_right,
        )
    ).one()
    if count < rules.tries:
        return None
    doubled = min(count - rules.tries, 20)
    wait = min(rules.first_wait_seconds * 2**doubled, rules.longest_wait_seconds)
    until = datetime.strptime(f"{last:014d}", TIME) + timedelta(seconds=wait)
    return until if until > now else None


def wrong_of_source(t: LedgerTransaction, source: bytes, now: datetime) -> int:
    """Wrong proofs that came from a source within the last hour."""
    since = int((now - timedelta(hours=1)).strftime(TIME))
    found = t.connection.execute(
        sa.select(sa.func.count()).where(
            attempt.c.source == source, attempt.c.time >= since, ~attempt.c.correct
        )
    )
    return int(found.scalar_one())


def note_attempt(
    t: LedgerTransaction,
    subject: bytes,
    channel: str,
    source: bytes,
    time: str,
    *,
    correct: bool = False,
) -> int:
    """Write an attempt, as a wrong one until it is known; its number."""
    number = int(t.take_ids(attempt, 1)[0])
    t.connection.execute(
        sa.insert(attempt).values(
            id=number, subject=subject, channel=channel, source=source, time=int(time),
            correct=correct,
        )
    )  # fmt: skip
    return number


def attempts_since(t: LedgerTransaction, subject: bytes, channel: str, time: str) -> int:
    """How many attempts there were at a subject since a moment, right and wrong."""
    found = t.connection.execute(
        sa.select(sa.func.count()).where(
            attempt.c.subject == subject, attempt.c.channel == channel, attempt.c.time >= int(time)
        )
    )
    return int(found.scalar_one())


def correct_attempt(t: LedgerTransaction, number: int) -> None:
    """The attempt was right: those before it count no more."""
    t.connection.execute(sa.update(attempt).where(attempt.c.id == number).values(correct=True))


def clear_attempts(t: LedgerTransaction, before: str) -> int:
    """Delete attempts of before a moment; how many."""
    done = t.connection.execute(sa.delete(attempt).where(attempt.c.time < int(before)))
    return int(done.rowcount)


# --- codes by telephone ---------------------------------------------------------------------------


def set_code(t: LedgerTransaction, person: int, digest: bytes, ends: str) -> None:
    """The code that was sent to a person; the one before is worth nothing."""
    t.connection.execute(sa.delete(code).where(code.c.person == person))
    t.connection.execute(
        sa.insert(code).values(person=person, digest=digest, ends=int(ends), tries=0)
    )


def try_code(t: LedgerTransaction, person: int, now: str) -> bytes | None:
    """The digest of the code that was sent, for one try, which is counted; None where there is no
    code, or it is over by its time or by three tries.

    Whoever counts is committed before anything is compared: no refusal takes a try back.
    """
    own = code.c.person == person
    row = t.connection.execute(sa.select(code).where(own).with_for_update()).one_or_none()
    if row is None:
        return None
    if row.ends <= int(now) or row.tries >= CODE_TRIES:
        t.connection.execute(sa.delete(code).where(own))
        return None
    t.connection.execute(sa.update(code).where(own).values(tries=row.tries + 1))
    return bytes(row.digest)


def take_code(t: LedgerTransaction, person: int, digest: bytes) -> bool:
    """Use a code up; False where it is another, or was used already."""
    own = sa.and_(code.c.person == person, code.c.digest == digest)
    return bool(t.connection.execute(sa.delete(code).where(own)).rowcount)


# --- sessions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class OpenSession:
    """A session: whose, in which channel, from which device, with what level."""

    person: int
    channel: str
    device: str
    level: int
    ends: str


def open_session(
    t: LedgerTransaction, person: int, channel: str, device: str, level: int, now: str, ends: str
) -> str:
    """A new session; its token of 256 random bits, of which a digest is kept."""
    token = random.token_urlsafe(32)
    t.connection.execute(
        sa.insert(session).values(
            token=token_digest(token), person=person, channel=channel, device=device,
            level=level, begun=int(now), ends=int(ends),
        )
    )  # fmt: skip
    return token


_SESSION: Final = sa.select(session).where(session.c.token == sa.bindparam("asked"))


def find_session(t: LedgerTransaction, token: str, now: str) -> OpenSession | None:
    """The session of a token that has not ended."""
    row = t.connection.execute(_SESSION, {"asked": token_digest(token)}).one_or_none()
    if row is None or row.ends <= int(now):
        return None
    return OpenSession(int(row.person), row.channel, row.device, int(row.level), f"{row.ends:014d}")


def close_session(t: LedgerTransaction, token: str) -> bool:
    """End a session; False where there is none."""
    done = t.connection.execute(sa.delete(session).where(session.c.token == token_digest(token)))
    return bool(done.rowcount)


def close_sessions(
    t: LedgerTransaction, person: int, channels: tuple[str, ...] = (), *, but: str = ""
) -> None:
    """End the sessions of a person, of some channels or of all, ``but`` for that of a token."""
    where = session.c.person == person
    if channels:
        where = sa.and_(where, session.c.channel.in_(channels))
    if but:
        where = sa.and_(where, session.c.token != token_digest(but))
    t.connection.execute(sa.delete(session).where(where))


def clear_sessions(t: LedgerTransaction, now: str) -> int:
    """Delete sessions that have ended; how many."""
    done = t.connection.execute(sa.delete(session).where(session.c.ends <= int(now)))
    return int(done.rowcount)
