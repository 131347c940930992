# SPDX-License-Identifier: Apache-2.0
"""Makes the files: a small earlier day, then the day with its faults, and what is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

import numpy as np

from sscard_chip.dayfile.hotlist import HotCard, Hotlist, HotRange
from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.security.keystore import KeyStore
from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import mask_of
from sscard_chip.settlement.judge.times import moments
from sscard_chip.settlement.ledger.files import write_cards
from sscard_chip.settlement.run.work import tac_columns
from sscard_chip.settlement.synthesize import faults as f
from sscard_chip.settlement.synthesize.day import DayPlan, LastNumbers, fill_card, make_day
from sscard_chip.settlement.synthesize.plan import (
    DATE,
    EARLIER,
    NEXT,
    OLD_VERSION,
    REGISTERED,
    VERSION,
    as_pharmacies,
    invent_cards,
    make_terminals,
)
from sscard_chip.settlement.synthesize.unsorted import TrialFile, UnsortedRows, write_days
from sscard_chip.settlement.tac import TacVerifier
from sscard_chip.standard.errors import InputError
from sscard_chip.wholefile import private_folder

DAYS: Final = "days"
"""Folder of the day files."""
EARLIER_DAYS: Final = "earlier"
"""Folder of the day files before them, which refunds refer to."""
EXPECTED: Final = "expected.tsv"
"""File of the verdicts that settling :data:`DAYS` must give."""
EARLIER_EXPECTED: Final = "expected-earlier.tsv"
"""The same for :data:`EARLIER_DAYS`."""
HOTLIST: Final = "hotlist.tsv"
"""File of the hotlist (sscard-hotlist)."""
PHARMACIES: Final = "pharmacies.tsv"
"""File of the list of pharmacies (sscard-pharmacies/1)."""
CARDS: Final = "cards.tsv"
"""File of the card register (sscard-cards/1)."""

_REFUNDS: Final = 100  # one debit in so many is refunded
_SPACE: Final = 4  # rows from one fault to the next
_END: Final = 1e9


class SynthesizeError(InputError):
    """Numbers that no day can be made of; one line."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make. The same values give the same files, under the same root keys.

    ``faults`` is the share of faulty rows, as far as there is room: every fourth row at most.
    """

    cards: int = 1000
    pharmacies: int = 20
    debits: int = 5000
    faults: float = 0.02
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.cards, self.pharmacies, self.debits) < 1:
            raise SynthesizeError("a day has at least one card, one pharmacy and one debit")
        if not 0 <= self.faults <= 1:
            raise SynthesizeError("faults: must be from 0 to 1")
        if self.cards > 30_000_000 or self.pharmacies > 900_000:
            raise SynthesizeError("cards: at most 30,000,000; pharmacies: at most 900,000")
        if self.debits > self.cards * 60_000 or self.debits > self.pharmacies * 40_000:
            raise SynthesizeError("debits: at most 60,000 a card and 40,000 a pharmacy")


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: files and rows, and how many rows there are of each fault."""

    files: int
    rows: int
    faults: dict[str, int]


class _Generator:
    def __init__(self, wanted: Wanted, keys: KeyStore) -> None:
        self.wanted = wanted
        self.rng = np.random.default_rng(wanted.seed)
        self.verifier = TacVerifier(keys)
        total = round(wanted.debits * wanted.faults)
        shares = np.bincount(np.arange(total) % len(f.ALL), minlength=len(f.ALL))
        self.count = dict(zip(f.ALL, shares.tolist(), strict=True))
        own = sum(self.count[kind] for kind in f.CARDS)
        elsewhere = sum(self.count[kind] for kind in f.ELSEWHERE)
        self.cards = invent_cards(self.rng, wanted.cards + own + elsewhere)
        self.terminals = make_terminals(wanted.pharmacies)
        self.others = make_terminals(elsewhere, wanted.pharmacies)
        self.counters = LastNumbers(
            self.rng, len(self.cards), len(self.terminals) + len(self.others)
        )

    # --- the earlier day -----------------------------------------------------------------------

    def earlier(self) -> UnsortedRows:
        """A day before, small and good, but for grey debits whose proof comes a day later."""
        released, again = self.count[f.RELEASED], self.count[f.REPEAT_RUN]
        rows = max(self.wanted.debits // 20, _SPACE * (released + again), len(self.terminals))
        day = self._day(EARLIER, self.rng.integers(0, self.wanted.cards, rows))
        self.counters.number(day, np.zeros(rows, np.int64))
        self._sign(day.columns)
        last = np.zeros(rows, np.bool_)  # a grey number at the end would look like a gap later
        owner = day.terminal * 4 + day.columns.algorithm
        order = np.argsort(owner, kind="stable")
        last[order[np.flatnonzero(np.diff(owner[order], append=-1))]] = True
        able = np.flatnonzero(~last & (np.arange(rows) % _SPACE == 0))
        chosen = self.rng.permutation(able)
        self.grey, self.known = np.sort(chosen[:released]), np.sort(chosen[released:][:again])
        self.count[f.RELEASED], self.count[f.REPEAT_RUN] = len(self.grey), len(self.known)
        self.proofs = day.columns.rows(self.grey)
        self.repeats = day.columns.rows(self.known)
        self.proof_file, self.repeat_file = day.terminal[self.grey], day.terminal[self.known]
        f.CLAIMED[f.GREY](day.columns, self.grey)
        day.masks[self.grey] = mask_of(104)
        unsorted = UnsortedRows([TrialFile(one, EARLIER) for one in self.terminals])
        unsorted.add(day.columns, day.terminal, np.arange(rows, dtype=np.float64), day.masks)
        return unsorted

    def _day(self, date: str, card: Integers) -> DayPlan:
        return make_day(self.rng, self.cards, self.terminals, date, card)

    def _sign(self, columns: DebitColumns) -> None:
        """Give rows the TACs that their cards answer."""
        columns.tac[:] = self.verifier.compute(tac_columns(columns))

    # --- the day -------------------------------------------------------------------------------

    def day(self) -> UnsortedRows:
        """The day, with its faults."""
        debits = self.wanted.debits
        day = self._day(DATE, self.rng.integers(0, self.wanted.cards, debits))
        free = self.rng.permutation(np.arange(0, debits - _SPACE, _SPACE))
        self._free = list(free)
        special = self._own_cards(day)
        rows = {kind: self._take(day, kind) for kind in (*f.SIGNED, *f.CLAIMED, *f.REGISTERED)}
        skips = np.zeros(debits, np.int64)
        gaps, swaps = self._take(day, f.GAP), self._take(day, f.SWAP)
        skips[gaps] = self.rng.integers(1, 4, len(gaps))
        self.counters.number(day, skips)
        for kind, change in f.SIGNED.items():
            change(day.columns, rows[kind])
        self._sign(day.columns)
        for kind, change in (f.CLAIMED | f.REGISTERED).items():
            change(day.columns, rows[kind])
        for kind, chosen in (rows | special | {f.GAP: gaps}).items():
            day.masks[chosen] = mask_of(*kind.codes)
        place = np.arange(debits, dtype=np.float64)
        place[swaps], place[swaps + 1] = swaps + 1.0, swaps.astype(np.float64)
        day.masks[swaps + 1] = mask_of(*f.SWAP.codes)
        self._replay(day)
        unsorted = UnsortedRows([TrialFile(one, DATE) for one in self.terminals])
        self._refunds(day, unsorted)
        self._beside(day, unsorted)
        self._elsewhere(unsorted)
        unsorted.add(day.columns, day.terminal, place, day.masks)
        return unsorted

    def _take(self, day: DayPlan, kind: f.RowFault) -> Integers:
        """Rows for a kind of fault, away from those of all others."""
        wanted = self.count[kind]
        found: list[int] = []
        left: list[int] = []
        while self._free and len(found) < wanted:
            at = int(self._free.pop())
            (found if self._suits(day, kind, at) else left).append(at)
        self._free += left
        self.count[kind] = len(found)
        return np.sort(np.array(found, np.int64))

    def _suits(self, day: DayPlan, kind: f.RowFault, at: int) -> bool:
        if kind in f.REGISTERED:
            return int(self.cards.division[day.card[at]]) in REGISTERED
        if kind in (f.GAP, f.SWAP):  # between two of the same terminal and suite
            around = slice(at - 1, at + 2)
            owner = day.terminal[around] * 4 + day.columns.algorithm[around]
            return len(owner) == 3 and bool((owner == owner[0]).all())
        if kind in (f.REFUND_MORE, f.REFUND_TWICE, *f.CARDS):
            return not day.columns.setl_id[at]
        return True

    def _own_cards(self, day: DayPlan) -> dict[f.RowFault, Integers]:
        """Debits of cards of their own: hotlisted, unknown, expired."""
        begin = self.wanted.cards
        self.special: dict[f.RowFault, Integers] = {}
        found: dict[f.RowFault, Integers] = {}
        for kind in f.CARDS:
            rows = self._take(day, kind)
            card = begin + np.arange(len(rows))
            begin += len(rows)
            if kind in (f.UNKNOWN, f.EXPIRED):
                self.cards.division[card] = 510100
                self.cards.card_id_code[card, :3] = list(bytes.fromhex("510100"))
            if kind is f.EXPIRED:
                self.cards.valid_to[card] = 20260101
            day.card[rows] = card
            fill_card(day.columns, self.cards, card, rows)
            self.special[kind], found[kind] = card, rows
        self._first_elsewhere = begin
        return found

    def _replay(self, day: DayPlan) -> None:
        """The later of two debits of a card, by their times, has the earlier's counter."""
        ids = [one.terminal_id for one in self.terminals]
        rank = np.argsort(np.argsort(np.array(ids)))
        time = moments(day.columns.time)
        order = np.lexsort((np.arange(len(day)), rank[day.terminal], time, day.card))
        same = np.flatnonzero(day.card[order[1:]] == day.card[order[:-1]])
        before = np.full(len(day), -1, np.int64)
        before[order[1:][same]] = order[:-1][same]
        chosen: list[int] = []
        left: list[int] = []
        for at in self._free:
            earlier = before[at]
            good = earlier >= 0 and not day.masks[earlier] and int(earlier) not in chosen
            (chosen if good and len(chosen) < self.count[f.REPLAY] else left).append(int(at))
        self._free = left
        self.count[f.REPLAY] = len(chosen)
        numbers = day.columns.transaction_number
        numbers[chosen] = numbers[before[chosen]]
        day.masks[chosen] = mask_of(*f.REPLAY.codes)

    # --- rows beside others --------------------------------------------------------------------

    def _refunds(self, day: DayPlan, unsorted: UnsortedRows) -> None:
        """Good refunds: on-line as a whole, off-line in parts."""
        rows = np.sort(np.array(self._free[: len(day) // _REFUNDS], np.int64))
        self._free = self._free[len(day) // _REFUNDS :]
        refunds = day.columns.rows(rows)
        part = self.rng.integers(1, refunds.account_fen + 1)
        offline = refunds.setl_id == b""
        refunds.account_fen[offline] = part[offline]
        refunds.cash_fen[offline] = 0
        _as_refund(refunds, b"R1")
        unsorted.add(refunds, day.terminal[rows], _END + rows, np.zeros(len(rows), np.uint16))

    def _beside(self, day: DayPlan, unsorted: UnsortedRows) -> None:
        """Copies of good rows, good and bad ones."""
        taken = {kind: self._take(day, kind) for kind in f.BESIDE[:7] if kind is not f.REPEAT_RUN}
        copy = {kind: day.columns.rows(rows) for kind, rows in taken.items()}
        f.CLAIMED[f.FORGED](copy[f.COPY], np.arange(len(taken[f.COPY])))
        more, twice = copy[f.REFUND_MORE], copy[f.REFUND_TWICE]
        more.account_fen[:] += 1
        twice.cash_fen[:] = 0
        _as_refund(more, b"R2")
        _as_refund(twice, b"R3")
        for kind, rows in taken.items():
            if kind is f.REPEAT_FILE:
                continue
            place = _END + rows if kind is not f.COPY else rows - 0.5
            masks = np.full(len(rows), mask_of(*kind.codes), np.uint16)
            broken = kind is f.MALFORMED
            unsorted.add(copy[kind], day.terminal[rows], place, masks, broken=broken)
        rows = taken[f.REFUND_TWICE]  # the first of the two
        first = np.zeros(len(rows), np.uint16)
        unsorted.add(twice.rows(slice(None)), day.terminal[rows], _END - 1.0 - rows, first)
        self._late_files(copy[f.REPEAT_FILE], day.terminal[taken[f.REPEAT_FILE]], unsorted)
        again = np.full(len(self.repeats), mask_of(*f.REPEAT_RUN.codes), np.uint16)
        unsorted.add(self.repeats, self.repeat_file, _END * 2 + self.known, again)
        proof = np.zeros(len(self.proofs), np.uint16)
        unsorted.add(self.proofs, self.proof_file, _END * 3 + self.grey, proof)

    def _late_files(
        self, columns: DebitColumns, terminal: Integers, unsorted: UnsortedRows
    ) -> None:
        """The day after, terminals hand in rows once more."""
        distinct, which = np.unique(terminal, return_inverse=True)
        begin = len(unsorted.files)
        unsorted.files += [TrialFile(self.terminals[at], NEXT) for at in distinct.tolist()]
        masks = np.full(len(columns), mask_of(*f.REPEAT_FILE.codes), np.uint16)
        unsorted.add(columns, begin + which, np.arange(len(columns), dtype=np.float64), masks)

    def _elsewhere(self, unsorted: UnsortedRows) -> None:
        """Rows of terminals of their own, most in a file of their own."""
        kinds = [kind for kind in f.ELSEWHERE for _ in range(self.count[kind])]
        if not kinds:
            return
        card = self._first_elsewhere + np.arange(len(kinds))
        day = make_day(self.rng, self.cards, self.others, DATE, card, np.arange(len(kinds)))
        day.terminal += len(self.terminals)
        self.counters.number(day, np.zeros(len(kinds), np.int64))
        self._sign(day.columns)
        file = len(unsorted.files) + np.arange(len(kinds))
        for at, (kind, terminal) in enumerate(zip(kinds, self.others, strict=True)):
            unsorted.files.append(TrialFile(terminal, DATE))
            day.masks[at] = mask_of(*kind.codes)
            if kind is f.FOREIGN:
                unsorted.files.pop()
                file[at:] -= 1
                file[at] = at % len(self.terminals)
            elif kind is f.PSAM:
                unsorted.files[-1].psam = "9" * 20
            elif kind is f.STALE:
                unsorted.files[-1].version = OLD_VERSION
        lone = np.array([kind is f.LONE_REFUND for kind in kinds])
        refunds = day.columns.rows(lone)
        _as_refund(refunds, b"R4")
        for name in ("total_fen", "fund_fen", "account_fen", "cash_fen", "refund", "msgid"):
            getattr(day.columns, name)[lone] = getattr(refunds, name)
        unsorted.add(day.columns, file, _END * 4 + np.arange(len(kinds)), day.masks)

    # --- lists ---------------------------------------------------------------------------------

    def hotlist(self) -> Hotlist:
        """The day's hotlist; it has cards that were not used too."""
        numbers = [one.decode() for one in self.cards.card_number.tolist()]
        codes = self.cards.card_id_code

        def listed(kind: f.RowFault) -> list[int]:
            found: list[int] = self.special[kind].tolist()
            return found

        cards = [
            HotCard(codes[at].tobytes(), numbers[at], f"{EARLIER}000000") for at in listed(f.HOT)
        ]
        cards += [HotCard(None, numbers[at]) for at in listed(f.HOT_NUMBER)]
        cards += [HotCard(codes[at].tobytes(), None, f"{NEXT}000000") for at in listed(f.HOT_LATER)]
        cards.append(HotCard(None, "Y99999999"))
        ranges = [HotRange(numbers[at], numbers[at]) for at in listed(f.HOT_RANGE)]
        return Hotlist(VERSION, cards, ranges)

    def pharmacies(self) -> Pharmacies:
        """All pharmacies, with the terminals and PSAMs that are theirs."""
        return Pharmacies(as_pharmacies([*self.terminals, *self.others]))

    def register(self) -> Any:
        """The register: all cards but those that are not to be in it."""
        known = np.ones(len(self.cards), np.bool_)
        known[self.special[f.UNKNOWN]] = False
        return self.cards.register(known)


def _as_refund(columns: DebitColumns, tail: bytes) -> None:
    """Turn debits into refunds of all that their bills say."""
    columns.refund[:] = True
    for column in (columns.account_fen, columns.cash_fen, columns.fund_fen):
        np.negative(column, out=column)
    columns.total_fen[:] = columns.account_fen + columns.cash_fen + columns.fund_fen
    text = np.ascontiguousarray(columns.msgid).view(np.uint8).reshape(-1, 30)
    text[:, 28:] = list(tail)
    columns.msgid[:] = text.view("S30").reshape(-1)


StepCallback = Callable[[str], None]


def synthesize(
    out: Path, keys: KeyStore, wanted: Wanted, report_progress: StepCallback = lambda step: None
) -> Made:
    """Write day files of two days, lists, register and the verdicts to expect into ``out``.

    ``out`` is new or empty. When it does not end well, or is interrupted, it is so again.

    :raises SynthesizeError: there is something in ``out``.
    :raises KeyStoreError: the root keys cannot be used.
    :raises OSError: a file cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SynthesizeError(f"{out}: must be a new or empty folder")
    new = not out.exists()
    private_folder(out)
    try:
        return _write_all(out, _Generator(wanted, keys), report_progress)
    except BaseException:
        rmtree(out)
        if not new:
            private_folder(out)
        raise


def _write_all(out: Path, generator: _Generator, report_progress: StepCallback) -> Made:
    report_progress("the day before")
    before = write_days(generator.earlier(), out / EARLIER_DAYS, out / EARLIER_EXPECTED)
    report_progress("the day")
    unsorted = generator.day()
    report_progress("files")
    files, rows = write_days(unsorted, out / DAYS, out / EXPECTED)
    generator.hotlist().save(out / HOTLIST)
    generator.pharmacies().save(out / PHARMACIES)
    write_cards(out / CARDS, generator.register(), EARLIER)
    kinds = {kind.name: count for kind, count in generator.count.items() if count}
    return Made(before[0] + files, before[1] + rows, kinds)
