# SPDX-License-Identifier: Apache-2.0
"""The verdicts of a batch by what is posted. Nothing is written here.

So a batch can be judged while others write; before it is posted :mod:`.state` says whether what
others have written meanwhile changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import BORNE, FindingCode, Masks, posted
from sscard_chip.settlement.judge.gaps import OlderGaps, find_gaps
from sscard_chip.settlement.judge.keys import NOBODY, Keys
from sscard_chip.settlement.judge.localities import Locality, localities
from sscard_chip.settlement.judge.proof import proven
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.policy import LateDebits
from sscard_chip.settlement.run.batch import Batch
from sscard_chip.settlement.run.bearing import decide_late_debits
from sscard_chip.settlement.run.contested import Contest, hear
from sscard_chip.settlement.run.history import LedgerHistory, Place
from sscard_chip.settlement.run.money import insured_divisions
from sscard_chip.settlement.run.numbers import CardCounters, TerminalNumbers
from sscard_chip.settlement.run.online import Online, look_up
from sscard_chip.settlement.run.owners import find_owners
from sscard_chip.workers import Pool

AccountsOf = Callable[[DebitColumns, Masks], Integers]
"""The personal accounts of rows, -1 for none; adds what the register finds about them."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Earlier:
    """Rows of earlier segments that are booked now: what is not posted any more with its signs
    changed, and what has become posted. ``headers`` are theirs, a row each."""

    columns: DebitColumns
    personal: Integers
    headers: list[DayHeader]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class JudgedBatch:
    """What is to be posted as ``segment``: rows whose masks are the verdicts.

    ``personal`` are the holders' accounts, -1 for none; ``refunds`` have nothing of their own
    against them. ``terminals`` has the numbers that are taken, ``counters`` those of the cards of
    the batch. ``owners`` are terminals whose pharmacy is to be noted. ``gone`` and ``come`` are
    rows of the contest, ``changes`` is what is found about earlier rows now.
    """

    segment: int
    batch: Batch
    headers: Sequence[DayHeader]
    personal: Integers
    refunds: Mask
    online: Online
    terminals: TerminalNumbers
    counters: CardCounters
    owners: list[dict[str, object]]
    contest: Contest
    gone: list[int]
    come: list[int]
    earlier: Earlier
    changes: dict[Place, int]


def judge_rows(
    t: LedgerTransaction,
    batch: Batch,
    headers: Sequence[DayHeader],
    accounts_of: AccountsOf,
    *,
    keys: Keys | None = None,
    pool: Pool | None = None,
    listed: bool = False,
    decided: bool = False,
    late: LateDebits | None = None,
) -> JudgedBatch:
    """Judge rows by what is posted; ``batch.masks`` become the verdicts.

    :param headers: those that ``batch.columns.file`` counts.
    :param accounts_of: the personal accounts of rows, and what the register finds about them.
    :param keys: those of ``batch.columns``, where they are known already.
    :param pool: who looks at pieces of terminals; this thread without it.
    :param listed: a list of pharmacies has said whose the terminals are.
    :param decided: a person has decided to post the one row.
    :param late: who bears debits off-line of lost cards; without it the pharmacy.
    """
    columns, masks = batch.columns, batch.masks
    history, keys = LedgerHistory(t), keys or Keys(columns)
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
    owners = find_owners(t, batch, headers, online.settlement != NOBODY, listed=listed)
    genuine = proven(columns, masks)
    gaps = find_gaps(columns, masks, keys, genuine, history, pool)
    refunds = genuine & columns.refund & posted(masks)
    contest = hear(history, columns, masks, keys, online, online_of, decided=decided)
    personal[(masks & BORNE) != 0] = NOBODY
    gone, come = contest.turned(to_posted=False), contest.turned(to_posted=True)
    debits = posted(masks) & ~columns.refund
    fresh = np.array([at for at in come if not contest.columns.refund[at]], np.int64)
    return JudgedBatch(
        history.newest + 1,
        batch,
        headers,
        personal,
        refunds,
        online,
        TerminalNumbers.of(keys, debits, Keys(contest.columns.rows(fresh))),
        CardCounters.of(keys, debits),
        owners,
        contest,
        gone,
        come,
        _earlier(contest, gone, come, headers, accounts_of),
        _changes(history, contest, gaps),
    )


def _earlier(
    contest: Contest,
    gone: list[int],
    come: list[int],
    headers: Sequence[DayHeader],
    accounts_of: AccountsOf,
) -> Earlier:
    """What the on-line authorisation has in the books stays there; such a row has no amounts."""
    rows = [*gone, *come]
    columns = contest.columns.rows(np.array(rows, np.int64))
    if not rows:
        return Earlier(columns, np.zeros(0, np.int64), [])
    back = np.arange(len(columns)) < len(gone)
    online = np.array([bool(contest.online.in_books[at] or contest.online.held[at]) for at in rows])
    for part in (columns.total_fen, columns.account_fen, columns.cash_fen, columns.fund_fen):
        part[back] = -part[back]
        part[online] = 0
    columns.refund[back] = ~columns.refund[back]
    personal = accounts_of(columns, np.zeros(len(columns), np.uint16))
    findings = np.concatenate([contest.before[gone], contest.after[come]])
    personal[(findings & BORNE) != 0] = NOBODY
    own = [contest.headers[at - len(contest.own)] or headers[0] for at in rows]
    columns.file[:] = np.arange(len(columns))
    return Earlier(columns, personal, own)


def _changes(history: LedgerHistory, contest: Contest, gaps: OlderGaps) -> dict[Place, int]:
    """What is found about earlier rows now."""
    now = {
        contest.places[at - len(contest.own)]: int(contest.after[at]) for at in contest.changed()
    }
    bit = int(FindingCode.GAP.bit)
    for keys, gap in ((gaps.closed, 0), (gaps.opened, bit)):
        for place, findings in history.debits_of(keys).items():
            before = now.get(place, findings)
            if before & bit != gap:
                now[place] = before & ~bit | gap
    return now
