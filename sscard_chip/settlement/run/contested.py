# SPDX-License-Identifier: Apache-2.0
"""Rows whose verdict hangs on other rows: debits that share a number, and refunds with their debit.

Of a batch these are few. They are judged together with the rows of earlier segments that have the
same numbers, and so on from those, as if all had come at once; so neither the order nor the
grouping of files decides. What is then different about earlier rows is noted and booked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.columns import DebitColumns, given
from sscard_chip.settlement.judge.codes import BORNE, FindingCode, Masks, posted
from sscard_chip.settlement.judge.contest import NumbersClaim, Right, granted
from sscard_chip.settlement.judge.keys import (
    NOBODY,
    CardCounterKey,
    Keys,
    TerminalKey,
    among,
    repeated,
)
from sscard_chip.settlement.judge.proof import messages, proven, row_bytes
from sscard_chip.settlement.judge.refunds import Debit, Refund, judge_refunds
from sscard_chip.settlement.run.history import Found, LedgerHistory, Place
from sscard_chip.settlement.run.online import Online

_DUPLICATE: Final = int(FindingCode.DUPLICATE.bit)
_OF_REFUNDS: Final = int(
    FindingCode.DUPLICATE.bit
    | FindingCode.LOST.bit
    | FindingCode.FIELD.bit
    | FindingCode.WAITING.bit
    | BORNE
)

OnlineOf = Callable[[DebitColumns, Keys, list[DayHeader]], Online]
"""What the authorisation knows of earlier rows, each with the header of its file."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Contest:
    """The rows in question: ``own`` are places in the batch, behind them stand those of
    ``places`` in earlier segments, with the headers of their files (None: decided by a person).

    ``before`` and ``after`` are the findings of all of them. ``taken`` are the numbers of the rows
    ``heard`` of the batch that on-line confirmations had taken.
    """

    own: Integers
    places: list[Place]
    headers: list[DayHeader | None]
    columns: DebitColumns
    keys: Keys
    online: Online
    before: Masks
    after: Masks
    heard: Mask
    taken: set[tuple[TerminalKey, CardCounterKey]]

    def changed(self) -> list[int]:
        """Earlier rows about which something else is found now."""
        earlier = np.arange(len(self.own), len(self.columns))
        rows: list[int] = earlier[self.before[earlier] != self.after[earlier]].tolist()
        return rows

    def turned(self, *, to_posted: bool) -> list[int]:
        """Earlier rows that are posted now and were not, or the other way round."""
        return [
            at
            for at in self.changed()
            if posted(self.after[at : at + 1])[0] == to_posted
            and posted(self.before[at : at + 1])[0] != to_posted
        ]


def hear(
    history: LedgerHistory,
    columns: DebitColumns,
    masks: Masks,
    keys: Keys,
    online: Online,
    online_of: OnlineOf,
    *,
    decided: bool = False,
) -> Contest:
    """Judge what hangs on other rows; ``masks`` of the batch get codes 2, 6 and 105.

    ``decided`` is the one row that a person has decided to post.
    """
    genuine = proven(columns, masks) | decided
    debits = genuine & ~columns.refund
    refunds = genuine & columns.refund & posted(masks)
    heard = debits | refunds
    touched, found = history.of_rows(keys, heard)
    own = np.flatnonzero(_shared(keys, online, debits, refunds) | touched & debits | refunds)
    places, old_columns, old_masks, online_numbers = _earlier(history, keys, own, touched, found)
    headers = history.headers(places)
    of_files = [one or _NO_HEADER for one in headers]
    old_keys = Keys(old_columns)
    known = online_of(old_columns, old_keys, of_files)
    both = DebitColumns.join([columns.rows(own), old_columns])
    before = np.concatenate([masks[own], old_masks])
    contest = Contest(
        own,
        places,
        headers,
        both,
        Keys(both),
        Online(
            np.concatenate([online.settlement[own], known.settlement]),
            np.concatenate([online.steps[own], known.steps]),
            np.concatenate([online.in_books[own], known.in_books]),
            np.concatenate([online.held[own], known.held]),
            np.concatenate([online.fixed[own], known.fixed]),
        ),
        before,
        before.copy(),
        heard,
        found.online,
    )
    fixed = np.array([decided] * len(own) + [one is None for one in headers], np.bool_)
    winners = _hear_debits(contest, fixed, online_numbers)
    _hear_refunds(contest, winners)
    masks[own] = contest.after[: len(own)]
    return contest


_NO_HEADER: Final = DayHeader("", "0" * 12, "00000000", None, "")


def _shared(keys: Keys, online: Online, debits: Mask, refunds: Mask) -> Mask:
    """Debits that share a number or a settlement with another one of the batch, or have a refund
    there."""
    shared = np.zeros(len(debits), np.bool_)
    for words, order in ((keys.by_terminal, keys.terminal_order), (keys.by_card, keys.card_order)):
        shared[repeated(words, order[debits[order]])] = True
    if refunds.any():
        shared |= debits & among(keys.by_terminal, keys.by_terminal[refunds])
    named = np.flatnonzero(debits & (online.settlement != NOBODY))
    _, place, times = np.unique(online.settlement[named], return_inverse=True, return_counts=True)
    shared[named[times[place] > 1]] = True
    return shared


def _earlier(
    history: LedgerHistory, keys: Keys, own: Integers, touched: Mask, found: Found
) -> tuple[list[Place], DebitColumns, Masks, set[tuple[TerminalKey, CardCounterKey]]]:
    """The rows of earlier segments that have to be heard, and numbers taken on-line."""
    terminals = {keys.terminal_key(at) for at in own[touched[own]].tolist()}
    cards = {keys.card_key(at) for at in own[touched[own]].tolist()}
    online = set(found.online)
    fresh = set(found.beside) | history.posted_places(found.segments, terminals, cards)
    places: list[Place] = []
    parts: list[DebitColumns] = []
    masks: list[Masks] = []
    while fresh:
        some = sorted(fresh)
        columns, findings = history.rows(some)
        places += some
        parts.append(columns)
        masks.append(findings)
        theirs = Keys(columns)
        claims = posted(findings & ~FindingCode.DUPLICATE.bit) | columns.refund
        more = np.flatnonzero(claims).tolist()
        asked = {theirs.terminal_key(at) for at in more} - terminals
        counters = {theirs.card_key(at) for at in more if not columns.refund[at]} - cards
        terminals |= asked
        cards |= counters
        if not asked and not counters:
            break
        found = history.of_keys(asked, counters)
        online |= found.online
        fresh = set(found.beside) | history.posted_places(found.segments, asked, counters)
        fresh -= set(places)
    if not places:
        return [], DebitColumns.zeros(0), np.zeros(0, np.uint16), online
    return places, DebitColumns.join(parts), np.concatenate(masks), online


def _hear_debits(
    contest: Contest, fixed: Mask, online_numbers: set[tuple[TerminalKey, CardCounterKey]]
) -> dict[TerminalKey, int]:
    """Code 2; the row that has each terminal's number.

    A row that nothing proves is a duplicate of none, whenever it came.
    """
    columns, keys, online = contest.columns, contest.keys, contest.online
    genuine = proven(columns, contest.before) | fixed
    debits = np.flatnonzero(genuine & ~columns.refund).tolist()
    own_findings = contest.before & ~FindingCode.DUPLICATE.bit
    good, decided = (posted(own_findings) | fixed).tolist(), fixed.tolist()
    late, places = _came(contest)
    claims: list[NumbersClaim] = []
    there: set[TerminalKey] = set()
    contents, numbers, cards = _contents(columns), keys.terminal_keys(), keys.card_keys()
    settlements, of_numbers = online.settlement.tolist(), online.fixed.tolist()
    for at in debits:
        if not good[at]:
            continue
        right = Right.OFFLINE if settlements[at] == NOBODY else Right.ONLINE
        if of_numbers[at] or decided[at]:
            right = Right.FIXED
            there.add(numbers[at])
        names = numbers[at], cards[at], at, settlements[at]
        claims.append(NumbersClaim(right, contents[at], late[at], places[at], *names))
    for terminal, card in online_numbers:
        if terminal not in there:
            claims.append(NumbersClaim(Right.FIXED, b"", False, (0, 0), terminal, card, NOBODY))
    winners = granted(claims) - {NOBODY}
    taken: set[TerminalKey | CardCounterKey] = set()
    for at in winners:
        if not decided[at]:
            taken.update((numbers[at], cards[at]))
    kept: set[TerminalKey | CardCounterKey] = {one for both in online_numbers for one in both}
    kept.update(one for at in winners if decided[at] for one in (numbers[at], cards[at]))
    contest.after[debits] = own_findings[debits]
    for at in debits:
        if at in winners:
            continue
        own_numbers = numbers[at], cards[at]
        if not taken.isdisjoint(own_numbers) or (good[at] and not kept.isdisjoint(own_numbers)):
            contest.after[at] |= _DUPLICATE
        elif good[at]:  # another debit is that of its settlement
            contest.after[at] |= FindingCode.FIELD.bit
    return {numbers[at]: at for at in winners}


def _came(contest: Contest) -> tuple[list[bool], list[Place]]:
    """Of each row whether it is late, as it was not posted before, and where it came."""
    own = len(contest.own)
    late = ~posted(contest.before)
    late[:own] = True
    return late.tolist(), [*((1 << 62, row) for row in contest.own.tolist()), *contest.places]


def _hear_refunds(contest: Contest, debit_rows: dict[TerminalKey, int]) -> None:
    """Codes 2, 6 and 105 of refunds; 3 where that is what keeps the debit out."""
    columns, keys = contest.columns, contest.keys
    lost = ((contest.before & FindingCode.LOST.bit) != 0) & proven(columns, contest.before)
    sums, numbers, said = _sums(columns), keys.terminal_keys(), _messages(contest)
    card = list(zip(keys.division.tolist(), keys.factor.tolist(), strict=True))

    def sale(at: int) -> tuple[bytes, ...]:
        """All by which a debit and its refunds are of one card at one time."""
        return said[at], bytes(columns.card_number[at]), bytes(columns.card_id_code[at])

    lost_ones = {sale(at) for at in np.flatnonzero(lost & ~columns.refund).tolist()}
    late, places = _came(contest)
    msgids, online = columns.msgid.tolist(), given(columns.setl_id).tolist()
    before, of_debits = contest.before.tolist(), contest.after.tolist()
    groups: dict[TerminalKey, list[int]] = {}
    rows = np.flatnonzero(columns.refund).tolist()
    for at in rows:
        groups.setdefault(numbers[at], []).append(at)
    found: dict[int, int] = {}
    for key, of_key in groups.items():
        debit, borne = None, 0
        if key in debit_rows:
            at = debit_rows[key]
            borne = of_debits[at] & BORNE
            debit = Debit(sums[at], online[at], card[at], said[at])
        refunds = []
        for at in of_key:
            account, cash, fund = sums[at]
            parts = -account, -cash, -fund
            refunds.append(Refund(msgids[at], parts, card[at], said[at], late[at], places[at]))
        for at, code in zip(of_key, judge_refunds(debit, refunds), strict=True):
            if code is FindingCode.WAITING and lost_ones and sale(at) in lost_ones:
                code = FindingCode.LOST
            found[at] = (before[at] & ~_OF_REFUNDS) | (borne if code is None else int(code.bit))
    contest.after[rows] = [found[at] for at in rows]


def _contents(columns: DebitColumns) -> list[bytes]:
    """What the TACs are over, and what else money hangs on."""
    rest = (
        columns.transaction_number,
        columns.account_fen,
        columns.cash_fen,
        columns.fund_fen,
        columns.treatment_division,
        columns.insured_division,
    )
    return list(map(add, messages(columns), row_bytes([_nine_bytes(one) for one in rest])))


def _messages(contest: Contest) -> list[bytes]:
    """What a refund has in common with its debit: all that the TAC is over, and the settlement."""
    columns = contest.columns
    more = columns.transaction_number, contest.online.settlement
    return list(map(add, messages(columns), row_bytes([_nine_bytes(one) for one in more])))


def _nine_bytes(numbers: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Numbers of either sign, big-endian."""
    found = np.empty((len(numbers), 9), np.uint8)
    found[:, 0] = np.where(numbers < 0, 0xFF, 0)
    found[:, 1:] = numbers.astype(">i8").view(np.uint8).reshape(-1, 8)
    return found


def _sums(columns: DebitColumns) -> list[tuple[int, int, int]]:
    """Account, cash and fund."""
    parts = columns.account_fen, columns.cash_fen, columns.fund_fen
    return list(zip(*(part.tolist() for part in parts), strict=True))
