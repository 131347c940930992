# SPDX-License-Identifier: Apache-2.0
"""One transaction of a run: judge files in their order by what is posted, and post what is good.

Everything happens inside one writing transaction, which no other poster shares: the rows that it
posts, the numbers and counters that they take, the money. Killed at any moment it is there whole
or not at all. A file that is settled already, by an earlier run or by another process a moment
ago, keeps the findings that it has got then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.columnar import DayFileHead
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import BORNE, FindingCode, Masks, posted
from sscard_chip.settlement.judge.gaps import OlderGaps, find_gaps
from sscard_chip.settlement.judge.keys import NOBODY, Keys
from sscard_chip.settlement.judge.localities import Locality, localities
from sscard_chip.settlement.judge.proof import proven
from sscard_chip.settlement.ledger import LedgerConflictError, LedgerTransaction
from sscard_chip.settlement.policy import LateDebits
from sscard_chip.settlement.run.archive import parts
from sscard_chip.settlement.run.batch import Batch
from sscard_chip.settlement.run.bearing import decide_late_debits
from sscard_chip.settlement.run.booking import book, insured_divisions
from sscard_chip.settlement.run.contested import Contest, hear
from sscard_chip.settlement.run.history import LedgerHistory, keep_beside
from sscard_chip.settlement.run.online import Online, look_up, numbers_at
from sscard_chip.settlement.run.owners import keep_owners
from sscard_chip.settlement.run.ranges import Ranges
from sscard_chip.settlement.schema import run as tables

AccountsOf = Callable[[DebitColumns, Masks], Integers]
"""The personal accounts of rows, -1 for none; adds what the register finds about them."""


def settled_before(
    t: LedgerTransaction, heads: Sequence[DayFileHead]
) -> dict[bytes, tuple[int, int, int]]:
    """Which files are settled: segment, first row there, number of rows, by digest."""
    table = tables.file
    found: dict[bytes, tuple[int, int, int]] = {}
    digests = [head.trailer.digest for head in heads]
    for start in range(0, len(digests), 500):
        statement = sa.select(
            table.c.digest, table.c.segment, table.c.first_row, table.c.rows
        ).where(table.c.digest.in_(digests[start : start + 500]))
        for digest, segment, first, rows in t.connection.execute(statement):
            found[bytes(digest)] = segment, first, rows
    return found


def _keep(t: LedgerTransaction, segment: int, batch: Batch, keys: Keys, refunds: Mask) -> None:
    """Write a segment: its files, its rows, and where those stand that are no posted debits."""
    good = posted(batch.masks)
    own = {"id": segment, "rows": len(batch.columns), "posted": int(good.sum())}
    t.connection.execute(sa.insert(tables.segment), own)
    t.connection.execute(sa.insert(tables.indexed), {"segment": segment})
    _keep_files(t, segment, batch)
    for first, rows, content in parts(batch.columns, batch.masks):
        part = {"segment": segment, "first_row": first, "rows": rows, "columns": content}
        t.connection.execute(sa.insert(tables.part), part)
    keep_beside(t, segment, 0, batch.columns, batch.masks, keys, refunds)


def _keep_files(t: LedgerTransaction, segment: int, batch: Batch) -> None:
    first = batch.first.tolist()
    msgid = batch.columns.msgid
    rows: list[dict[str, Any]] = []
    for at, head in enumerate(batch.heads):
        own = sorted(msgid[first[at] : first[at + 1]].tolist())
        rows.append(
            {
                "digest": head.trailer.digest,
                "segment": segment,
                "first_row": first[at],
                "rows": first[at + 1] - first[at],
                "pharmacy": head.header.pharmacy_code,
                "terminal_id": head.header.terminal_id,
                "business_date": head.header.business_date,
                "hotlist_version": head.header.hotlist_version,
                "psam_number": head.header.psam_number,
                "least_msgid": own[0].decode() if own else "",
                "greatest_msgid": own[-1].decode() if own else "",
            }
        )
    if rows:
        t.connection.execute(sa.insert(tables.file), rows)


def _keep_numbers(t: LedgerTransaction, segment: int, batch: Batch, keys: Keys, more: Keys) -> None:
    """The numbers that posted debits take: those of the batch, and of earlier rows (``more``)."""
    debits = posted(batch.masks) & ~batch.columns.refund
    order = keys.terminal_order
    rows = order[debits[order]]
    terminal = keys.terminal[rows], keys.algorithm[rows], keys.number[rows]
    ranges = Ranges.of(*_together(terminal, (more.terminal, more.algorithm, more.number)))
    t.insert(
        tables.terminal,
        {
            "terminal": ranges.high,
            "algorithm": ranges.low,
            "last": ranges.last,
            "segment": segment,
            "first": ranges.first,
            "highest": ranges.last,
            "numbers": ranges.lists("<u4"),
        },
    )
    order = keys.card_order
    rows = order[debits[order]]
    card = keys.factor[rows], keys.division[rows], keys.counter[rows]
    ranges = Ranges.of(*_together(card, (more.factor, more.division, more.counter)))
    by_factor = np.argsort(ranges.high)  # as the table is sorted
    lists = ranges.lists("<u2")
    t.insert(
        tables.card,
        {
            "factor": ranges.high[by_factor],
            "division": ranges.low[by_factor],
            "last": ranges.last[by_factor],
            "segment": segment,
            "first": ranges.first[by_factor],
            "counters": [lists[place] for place in by_factor.tolist()],
        },
    )


def _together(
    sorted_ones: tuple[NDArray[Any], ...], more: tuple[NDArray[Any], ...]
) -> list[NDArray[np.int64]]:
    """Owners and numbers of both, sorted."""
    if not len(more[0]):
        return [one.astype(np.int64) for one in sorted_ones]
    both = [
        np.append(one.astype(np.int64), other.astype(np.int64))
        for one, other in zip(sorted_ones, more, strict=True)
    ]
    order = np.lexsort((both[2], both[1], both[0]))
    return [one[order] for one in both]


def post_rows(
    t: LedgerTransaction,
    batch: Batch,
    headers: Sequence[DayHeader],
    accounts_of: AccountsOf,
    *,
    listed: bool = False,
    decided: bool = False,
    late: LateDebits | None = None,
    judged: Callable[[], None] = lambda: None,
) -> int:
    """Judge rows by what is posted, and post what is good, as the next segment; its number.

    ``batch.masks`` become the verdicts. Earlier rows that are to be seen otherwise now are noted,
    and what that does to the books is booked with the batch.

    :param headers: those that ``batch.columns.file`` counts.
    :param accounts_of: the personal accounts of rows, and what the register finds about them.
    :param listed: a list of pharmacies has said whose the terminals are.
    :param decided: a person has decided to post the one row.
    :param late: who bears debits off-line of lost cards; without it the pharmacy.
    :param judged: called when the verdicts are there, before most of the work of the database.
    :raises LedgerConflictError: an on-line confirmation came in between.
    """
    columns, masks = batch.columns, batch.masks
    history, keys = LedgerHistory(t), Keys(columns)
    segment = history.newest + 1
    personal = accounts_of(columns, masks)
    if late is not None:
        decide_late_debits(t, late, columns, masks, headers)

    def pharmacy_of(at: int) -> str:
        return headers[int(columns.file[at])].pharmacy_code

    def here(rows: Integers) -> Mask:
        insured = insured_divisions(columns, rows)
        place = localities(columns.treatment_division[rows], insured)
        found: Mask = (place == Locality.OWN) | (personal[rows] >= 0)
        return found

    def online_of(old: DebitColumns, old_keys: Keys, of: list[DayHeader]) -> Online:
        unjudged = np.zeros(len(old), np.uint16)
        codes = [header.pharmacy_code for header in of]
        return look_up(t, old, unjudged, old_keys, codes.__getitem__, lambda rows: rows < 0)

    online = look_up(t, columns, masks, keys, pharmacy_of, here)
    keep_owners(t, batch, headers, online.settlement != NOBODY, listed=listed)
    genuine = proven(columns, masks)
    older_gaps = find_gaps(columns, masks, keys, genuine, history)
    refunds = genuine & columns.refund & posted(masks)
    taken_before = history.online_of(keys, genuine)
    contest = hear(history, columns, masks, keys, online, online_of, decided=decided)
    personal[(masks & BORNE) != 0] = NOBODY
    judged()
    _keep(t, segment, batch, keys, refunds)
    gone, come = contest.turned(to_posted=False), contest.turned(to_posted=True)
    fresh_debits = [at for at in come if not contest.columns.refund[at]]
    _keep_numbers(t, segment, batch, keys, Keys(contest.columns.rows(np.array(fresh_debits, int))))
    _keep_displaced(t, segment, contest, [at for at in gone if not contest.columns.refund[at]])
    _keep_changes(t, history, segment, contest, older_gaps)
    rows = np.flatnonzero(posted(masks))
    if t.lock_debits(exclusive=True) and (
        history.online_of(keys, genuine) != taken_before
        or online.are_undone(t, rows.tolist())
        or contest.online.are_undone(t, come)
    ):
        raise LedgerConflictError("on-line confirmations came in between")
    online.settle(t, columns, keys, rows[online.settlement[rows] != NOBODY].tolist())
    contest.online.settle(t, contest.columns, contest.keys, come)
    rows = rows[~(online.in_books | online.held)[rows]]
    if not gone and not come:
        book(t, segment, columns, rows, personal, headers)
        return segment
    earlier = _to_book(contest, gone, come, len(headers))
    whole = DebitColumns.join([columns.rows(rows), earlier])
    of_earlier = accounts_of(earlier, np.zeros(len(earlier), np.uint16))
    findings = np.concatenate([contest.before[gone], contest.after[come]])
    of_earlier[(findings & BORNE) != 0] = NOBODY
    owners = np.concatenate([personal[rows], of_earlier])
    more = [contest.headers[at - len(contest.own)] or headers[0] for at in (*gone, *come)]
    book(t, segment, whole, np.arange(len(whole)), owners, [*headers, *more])
    return segment


def _to_book(contest: Contest, gone: list[int], come: list[int], first_file: int) -> DebitColumns:
    """Earlier rows that are to be booked: what is not posted any more with its signs changed.

    What the on-line authorisation has in the books stays there; such a row has no amounts.
    """
    columns = contest.columns.rows(np.array([*gone, *come], np.int64))
    columns.file[:] = first_file + np.arange(len(columns))
    back = np.arange(len(columns)) < len(gone)
    online = np.array(
        [bool(contest.online.in_books[at] or contest.online.held[at]) for at in (*gone, *come)]
    )
    for part in (columns.total_fen, columns.account_fen, columns.cash_fen, columns.fund_fen):
        part[back] = -part[back]
        part[online] = 0
    columns.refund[back] = ~columns.refund[back]
    return columns


def _keep_displaced(
    t: LedgerTransaction, segment: int, contest: Contest, rows: Sequence[int]
) -> None:
    for at in rows:
        numbers = numbers_at(contest.keys, at)._asdict()
        t.connection.execute(sa.insert(tables.displaced).values(segment=segment, **numbers))


def _keep_changes(
    t: LedgerTransaction,
    history: LedgerHistory,
    segment: int,
    contest: Contest,
    gaps: OlderGaps,
) -> None:
    """Note what is found about earlier rows now."""
    now = {
        contest.places[at - len(contest.own)]: int(contest.after[at]) for at in contest.changed()
    }
    bit = int(FindingCode.GAP.bit)
    for keys, gap in ((gaps.closed, 0), (gaps.opened, bit)):
        for place, findings in history.debits_of(keys).items():
            before = now.get(place, findings)
            if before & bit != gap:
                now[place] = before & ~bit | gap
    table = tables.change
    for (of, row), findings in sorted(now.items()):
        count = sa.select(sa.func.count()).where(table.c.segment == of, table.c.row == row)
        number = t.connection.execute(count).scalar_one() + 1
        values = {"number": number, "findings": findings, "by_segment": segment}
        t.connection.execute(sa.insert(table).values(segment=of, row=row, **values))
