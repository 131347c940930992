# SPDX-License-Identifier: Apache-2.0
"""Anchors: digests that prove what was posted when they were made.

Whoever keeps an anchor outside of the ledger can see later whether anything that was posted before
it was changed, left out or put in: :func:`check_chain` computes the whole chain again, from
entries, lines and the owners of their accounts. What was posted after the newest anchor is not
proven by it.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger.bulk import raw_rows
from sscard_chip.settlement.ledger.errors import AnchorError
from sscard_chip.settlement.schema.books import account, entry, line, seal
from sscard_chip.settlement.schema.chain import anchor

FORMAT: Final = "sscard-anchor/1"
GENESIS: Final = hashlib.sha256(FORMAT.encode()).digest()
"""The anchor of a ledger in which nothing is posted."""
LATE: Final = timedelta(days=2)
"""For how long after an anchor an entry with a smaller number is looked for: no transaction is
open for longer. A check finds one in any case."""
_GAP: Final = 1000
"""Numbers with gaps up to this are read by one statement."""
_FETCHED: Final = 50_000
"""Rows that are read by one statement: an entry may have millions of lines."""
_BEFORE_ALL: Final = -(2**63)
"""Before the number of any line."""

NumberRun = tuple[int, int]
"""First and last number of a run of numbers."""


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What the chain is computed to be: ``anchor`` is the newest, 64 hex digits.

    ``since`` counts the sealed entries that no anchor covers. ``problems`` are lines.
    """

    anchor: str
    since: int
    problems: tuple[str, ...]


def parse_anchor(text: str) -> bytes:
    """The digest that an anchor writes as 64 hex digits.

    :raises AnchorError: it is no anchor.
    """
    if not re.fullmatch("[0-9A-Fa-f]{64}", text):
        raise AnchorError("anchor: must be 64 hex digits, as a run prints them")
    return bytes.fromhex(text)


def make_anchor(connection: sa.Connection) -> str:
    """Cover what is sealed and not covered yet, and return the newest anchor.

    The caller is the only one to do so, in a writing transaction. Nothing new makes no new one.
    """
    newest = connection.execute(
        sa.select(anchor).order_by(anchor.c.number.desc()).limit(1)
    ).one_or_none()
    if newest is None:
        number, last, digest = 0, 0, GENESIS
    else:
        number, last, digest = newest.number, newest.last_entry, bytes(newest.digest)
    fresh = [number for hole in _holes(connection, last) for number in _sealed(connection, *hole)]
    fresh += _sealed(connection, last + 1, None)
    if not fresh:
        return digest.hex()
    covered = _runs(fresh)
    digest = _digest(connection, digest, covered)
    connection.execute(
        sa.insert(anchor).values(
            number=number + 1,
            entries=len(fresh),
            last_entry=max(last, fresh[-1]),
            covered=_packed(covered),
            digest=digest,
        )
    )
    return digest.hex()


def check_chain(connection: sa.Connection, wanted: bytes | None = None) -> ChainCheck:
    """Compute the chain from what is posted now; ``wanted`` is an anchor that lies in its past."""
    digest, found = GENESIS, wanted in (None, GENESIS)
    problems: list[str] = []
    count = last = 0
    for row in connection.execute(sa.select(anchor).order_by(anchor.c.number)).all():
        covered = _unpacked(bytes(row.covered))
        digest = _digest(connection, digest, covered)
        found |= digest == wanted
        count += row.entries
        last = max(last, row.last_entry)
        if digest != bytes(row.digest):
            numbers = f"{covered[0][0]} to {covered[-1][1]}" if covered else "none"
            problems.append(
                f"anchor {row.number}: entries {numbers} are not what they were when it was made"
            )
            break  # all later ones are others too
    total = sa.select(sa.func.count()).select_from(seal)
    before = connection.execute(total.where(seal.c.entry <= last)).scalar_one()
    everything = connection.execute(total).scalar_one()
    if not problems and before < count:
        problems.append("anchors: cover more entries than there are")
    if not found:
        problems.append("anchor: is not in the past of this ledger")
    return ChainCheck(digest.hex(), everything - count, tuple(problems))


def _holes(connection: sa.Connection, last: int) -> list[NumberRun]:
    """Numbers up to ``last`` that anchors of the last days have not covered, and might yet come."""
    now = connection.execute(sa.select(sa.func.now(type_=sa.DateTime))).scalar_one()
    recent = connection.execute(
        sa.select(anchor.c.number, anchor.c.covered)
        .where(anchor.c.made_at > now.replace(tzinfo=None) - LATE)
        .order_by(anchor.c.number)
    ).all()
    if not recent:
        return []
    before = sa.select(sa.func.max(anchor.c.last_entry)).where(anchor.c.number < recent[0].number)
    end = connection.execute(before).scalar_one() or 0
    holes = []
    for first, until in sorted(span for row in recent for span in _unpacked(bytes(row.covered))):
        if first > end + 1:
            holes.append((end + 1, first - 1))
        end = max(end, until)
    return [*holes, *([(end + 1, last)] if end < last else [])]


def _sealed(connection: sa.Connection, first: int, last: int | None) -> list[int]:
    statement = sa.select(seal.c.entry).where(seal.c.entry >= first).order_by(seal.c.entry)
    if last is not None:
        statement = statement.where(seal.c.entry <= last)
    return [int(number) for number in connection.execute(statement).scalars()]


def _runs(numbers: Iterable[int]) -> list[NumberRun]:
    """Runs of consecutive numbers; they rise."""
    pieces = groupby(enumerate(numbers), lambda one: one[1] - one[0])
    runs = ([number for _, number in piece] for _, piece in pieces)
    return [(run[0], run[-1]) for run in runs]


def _packed(spans: list[NumberRun]) -> bytes:
    return b"".join(struct.pack(">qq", *span) for span in spans)


def _unpacked(content: bytes) -> list[NumberRun]:
    return list(struct.iter_unpack(">qq", content[: len(content) // 16 * 16]))


# --- the digest ----------------------------------------------------------------------------------


def _digest(connection: sa.Connection, before: bytes, covered: list[NumberRun]) -> bytes:
    """SHA-256 of the digest before, then of the entries of some numbers, each with its lines."""
    state = hashlib.sha256(before)
    for first, last, within in _neighbours(covered):
        spans = iter(within)
        begin, end = next(spans)
        lines = _lines(connection, first, last)
        number, text = next(lines, (last + 1, ""))
        for own, head in _entries(connection, first, last):
            texts = [head]
            while number <= own:
                if number == own:
                    texts.append(text)
                number, text = next(lines, (last + 1, ""))
            while end < own:
                begin, end = next(spans)  # there is one: the last ends all
            if begin <= own:
                state.update("".join(texts).encode())
    return state.digest()


def _neighbours(spans: list[NumberRun]) -> Iterator[tuple[int, int, list[NumberRun]]]:
    """Runs of numbers that lie near each other: where they begin and end, and they themselves."""
    group: list[NumberRun] = []
    for span in spans:
        if group and span[0] - group[-1][1] > _GAP:
            yield group[0][0], group[-1][1], group
            group = []
        group.append(span)
    if group:
        yield group[0][0], group[-1][1], group


def _entries(connection: sa.Connection, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Number and text of entries, by number."""
    c = entry.c
    time: sa.ColumnElement[str] = sa.cast(c.posted_at, sa.Text)
    if connection.dialect.name == "postgresql":  # whatever the session's style of dates is
        time = sa.func.to_char(c.posted_at, "YYYY-MM-DD HH24:MI:SS.US")
    names = (c.id, c.kind, c.business_date, c.source, c.reverses, time)
    statement = sa.select(*names).where(c.id <= last).order_by(c.id).limit(_FETCHED)
    while piece := raw_rows(connection.execute(statement.where(c.id >= first))):
        for row in piece:
            yield row[0], " ".join([f"{len(text)}:{text}" for text in map(str, row)]) + "\n"
        first = piece[-1][0] + 1


def _lines(connection: sa.Connection, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Number of the entry and text of some of its lines, with the owners of their accounts.

    They come as they are sorted, those of a large entry in several pieces.
    """
    c = line.c
    statement = (
        sa.select(c.entry, c.number, c.account, c.fen, account.c.kind, account.c.key)
        .join_from(line, account, account.c.id == c.account, isouter=True)
        .where(c.entry <= last)
        .order_by(c.entry, c.number)
        .limit(_FETCHED)
    )
    after = first, _BEFORE_ALL
    while piece := raw_rows(
        connection.execute(statement.where(sa.tuple_(c.entry, c.number) > after))
    ):
        for own, rows in groupby(piece, itemgetter(0)):
            texts = [
                f"{number} {of} {fen} {kind} {len(key or '')}:{key}\n"
                for _, number, of, fen, kind, key in rows
            ]
            yield own, "".join(texts)
        after = piece[-1][:2]
