# SPDX-License-Identifier: Apache-2.0
"""The hotlist (黑名单) out of the register: which cards are not normal, and since when.

Each list that is issued is a version, and what it changed is kept: so a list of any version can
be made again, and the difference of two. A version is the time of its issue; a second one within
that second has ``.2`` behind it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from sscard_chip.dayfile.hotlist import HotCard, Hotlist, HotlistDelta, hot_row
from sscard_chip.settlement.arrays import Integers, among
from sscard_chip.settlement.ledger.bulk import integer_columns, raw_rows, select_keys
from sscard_chip.settlement.ledger.errors import CardRegisterError
from sscard_chip.settlement.ledger.register import CardStatus
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema import cards as tables
from sscard_chip.settlement.schema.books import card, card_status
from sscard_chip.standard.dates import TIME_RULE, parse_time

RENEWED: Final = timedelta(hours=1)
"""A list that is the same gets a new version when the last one is older."""

_NEVER: Final = 10**14
"""After every time."""
_VERSION: Final = re.compile(r"[0-9]{14}(\.[0-9]{1,5})?")


class IssuedHotlist(NamedTuple):
    """A version, when it was issued (YYYYMMDDhhmmss), and the whole list."""

    version: str
    issued: str
    hotlist: Hotlist


class HotlistState(NamedTuple):
    """What a list depends on but for the time: how many changes of status were ever recorded,
    none of which is taken back, and the name of the last version, empty without one."""

    changes: int
    version: str


class _Version(NamedTuple):
    id: int
    version: str
    issued: str
    digest: bytes


def issue_hotlist(t: LedgerTransaction, time: str) -> IssuedHotlist:
    """The list as it is at ``time`` (YYYYMMDDhhmmss, local): a new version, or the last one when
    that says the same and is no older than :data:`RENEWED`.

    :raises CardRegisterError: ``time`` is no time.
    """
    when = parse_time(time)
    if when is None:
        raise CardRegisterError(f"time: {TIME_RULE}")
    t.lock_name("hotlist")
    now = _hot_cards(t, int(time))
    last = _last(t)
    changes = _changes(_state(t, last.id) if last else _NOBODY, now)
    if last is not None and not len(changes.cards):
        issued = parse_time(last.issued)
        if issued is not None and when - RENEWED <= issued <= when:
            return IssuedHotlist(last.version, last.issued, _hotlist(t, last.version, now))
    version = _free_version(t, time)
    hotlist = _hotlist(t, version, now)
    number = int(t.take_ids(tables.hotlist_version, 1)[0])
    values = {"id": number, "version": version, "issued": time, "cards": hotlist.count}
    t.connection.execute(sa.insert(tables.hotlist_version).values(**values, digest=hotlist.digest))
    if len(changes.cards):
        since = [one or None for one in changes.since.tolist()]
        t.insert(tables.hotlist_change, {"version": number, "card": changes.cards, "since": since})
    return IssuedHotlist(version, time, hotlist)


def hotlist_state(t: LedgerTransaction) -> HotlistState:
    """Whether anything was reported or issued since: a count, and no row of a card is read."""
    changes = sa.select(sa.func.count()).select_from(card_status)
    last = _last(t)
    return HotlistState(int(t.connection.scalar(changes) or 0), last.version if last else "")


def next_change(t: LedgerTransaction, time: str) -> str | None:
    """When the list changes by the clock next, after ``time``: a report lapses, or one that was
    dated ahead begins. None for never."""
    after = [
        sa.select(sa.func.min(column)).where(column > int(time)).scalar_subquery()
        for column in (card_status.c.since, card_status.c.until)
    ]
    found = [one for one in t.connection.execute(sa.select(*after)).one() if one is not None]
    return f"{min(found):014d}" if found else None


def hotlist_delta(t: LedgerTransaction, since: str, version: str) -> HotlistDelta:
    """What makes the list of ``version`` out of that of the version ``since``.

    :raises CardRegisterError: this ledger has not issued such a version.
    """
    base, target = _version(t, since), _version(t, version)
    lower, upper = sorted((base.id, target.id))
    rows = t.connection.execute(
        _CHANGED,
        {"lower": lower, "upper": upper, "base": base.id, "target": target.id},
    )
    changed, gone = [], []
    for code, number, before, after in rows:
        if after is None and before is not None:
            gone.append(HotCard(bytes(code), number))
        elif after != before:
            changed.append(HotCard(bytes(code), number, f"{after:014d}"))
    return HotlistDelta(target.version, base.version, target.digest, changed, gone)


def _since(cards: sa.FromClause, version: str) -> sa.ScalarSelect[Any]:
    """Since when a card is on the list of a version; NULL where it is not."""
    change = tables.hotlist_change.alias()
    return (
        sa.select(change.c.since)
        .where(change.c.card == cards.c.card, change.c.version <= sa.bindparam(version))
        .order_by(change.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )


def _changed() -> sa.Select[Any]:
    change = tables.hotlist_change
    touched = (
        sa.select(change.c.card)
        .where(change.c.version > sa.bindparam("lower"), change.c.version <= sa.bindparam("upper"))
        .distinct()
        .subquery()
    )
    return (
        sa.select(
            card.c.card_id_code, card.c.card_number, _since(touched, "base"),
            _since(touched, "target"),
        )
        .join_from(touched, card, card.c.id == touched.c.card)
        .order_by(card.c.card_id_code, card.c.card_number)
    )  # fmt: skip


_CHANGED: Final = _changed()
"""Cards that changed between two versions, and since when they are on the list of either: what a
delta costs goes by its length and not by the list's."""


class HotlistEntry(NamedTuple):
    """A card in a version of the list: when that was issued, and since when the card is on it."""

    issued: str
    since: int | None


def hotlist_entry(t: LedgerTransaction, version: str, number: int) -> HotlistEntry | None:
    """What the list of a version says of a card; None for a version that is not this ledger's."""
    listed, change = tables.hotlist_version, tables.hotlist_change
    found = t.connection.execute(
        sa.select(listed.c.id, listed.c.issued).where(listed.c.version == version)
    ).one_or_none()
    if found is None:
        return None
    since = t.connection.execute(
        sa.select(change.c.since)
        .where(change.c.card == number, change.c.version <= found.id)
        .order_by(change.c.version.desc())
        .limit(1)
    ).scalar_one_or_none()
    return HotlistEntry(found.issued, None if since is None else int(since))


class _Hot(NamedTuple):
    """Cards by their numbers here, rising, and since when each is on a list; 0 for off it."""

    cards: Integers
    since: Integers


_NOBODY: Final = _Hot(np.empty(0, np.int64), np.empty(0, np.int64))


def _hot_cards(t: LedgerTransaction, time: int) -> _Hot:
    """Cards that are not normal at a time, and since when they are not.

    A card is on the list from the first of its changes that follow each other without a normal
    state between them and without a gap after one that has lapsed.
    """
    columns = (
        card_status.c.card, card_status.c.status, card_status.c.since,
        sa.func.coalesce(card_status.c.until, _NEVER),
    )  # fmt: skip
    statement = (
        sa.select(*columns)
        .where(card_status.c.since <= time)
        .order_by(card_status.c.card, card_status.c.number)
    )
    card_, status, since, until = integer_columns(t.connection.execute(statement), 4)
    if not len(card_):
        return _NOBODY
    first = np.append(True, card_[1:] != card_[:-1])
    normal = status == CardStatus.NORMAL
    lapsed = np.append(False, until[:-1] <= since[1:])
    begins = np.flatnonzero(first | normal | lapsed)
    earliest = np.minimum.reduceat(np.where(normal, _NEVER, since), begins)
    last = np.append(np.flatnonzero(first)[1:], len(card_)) - 1
    found = earliest[np.searchsorted(begins, last, "right") - 1]
    hot = ~normal[last] & (until[last] > time)
    return _Hot(card_[last][hot], found[hot])


def _changes(before: _Hot, now: _Hot) -> _Hot:
    """What makes one state of the other."""
    gone = before.cards[~among(before.cards, now.cards)]
    known = among(now.cards, before.cards)
    same = np.zeros(len(known), bool)
    at = np.searchsorted(before.cards, now.cards[known])
    same[known] = before.since[at] == now.since[known]
    cards = np.concatenate([now.cards[~same], gone])
    since = np.concatenate([now.since[~same], np.zeros(len(gone), np.int64)])
    order = np.argsort(cards)
    return _Hot(cards[order], since[order])


def _last(t: LedgerTransaction) -> _Version | None:
    table = tables.hotlist_version
    statement = _versions().order_by(table.c.id.desc()).limit(1)
    row = t.connection.execute(statement).one_or_none()
    return None if row is None else _as_version(row)


def _version(t: LedgerTransaction, version: str) -> _Version:
    statement = _versions().where(tables.hotlist_version.c.version == version)
    asked = _VERSION.fullmatch(version)
    row = t.connection.execute(statement).one_or_none() if asked else None
    if row is None:
        raise CardRegisterError("hotlist: version: this ledger has issued no such list")
    return _as_version(row)


def _as_version(row: Any) -> _Version:
    return _Version(row.id, row.version, row.issued, bytes(row.digest))


def _versions() -> sa.Select[tuple[int, str, str, bytes]]:
    table = tables.hotlist_version
    return sa.select(table.c.id, table.c.version, table.c.issued, table.c.digest)


def _free_version(t: LedgerTransaction, time: str) -> str:
    table = tables.hotlist_version
    used = sa.select(table.c.version).where(table.c.version.startswith(time))
    taken = set(t.connection.execute(used).scalars())
    names = (time, *(f"{time}.{number}" for number in range(2, len(taken) + 2)))
    return next(name for name in names if name not in taken)


def _state(t: LedgerTransaction, version: int) -> _Hot:
    """Cards and times of the list of a version."""
    table = tables.hotlist_change
    statement = (
        sa.select(table.c.card, sa.func.coalesce(table.c.since, 0))
        .where(table.c.version <= version)
        .order_by(table.c.card, table.c.version)
    )
    cards, since = integer_columns(t.connection.execute(statement), 2)
    last = np.append(cards[1:] != cards[:-1], True) if len(cards) else np.empty(0, bool)
    listed = last & (since > 0)
    return _Hot(cards[listed], since[listed])


def _hotlist(t: LedgerTransaction, version: str, now: _Hot) -> Hotlist:
    """The list of a state, sorted as a list is."""
    statement = sa.select(card.c.id, card.c.card_id_code, card.c.card_number)
    since = dict(zip(now.cards.tolist(), now.since.tolist(), strict=True))
    rows: list[str] = []
    for result in select_keys(t.connection, statement, card.c.id, since.keys()):
        rows += [
            hot_row(bytes(code), number, since[at])
            for at, code, number in raw_rows(result)
            if at in since
        ]
    return Hotlist.of_rows(version, sorted(rows))
