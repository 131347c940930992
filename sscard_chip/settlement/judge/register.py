# SPDX-License-Identifier: Apache-2.0
"""Findings by the card register: codes 3, 8, 10, 12 and 14, and whose account a debit charges.

The register speaks for the cards of the pooling areas that it has cards of. A card that was
issued elsewhere is known to its own region and not judged here. Without any register none of
these codes is judged [ours].
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Mask, UInt64Array, runs
from sscard_chip.settlement.columns import DebitColumns, as_words, given, number_of_bcd, octets
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.keys import NOBODY, Lookup, mix
from sscard_chip.settlement.judge.localities import MUNICIPALITIES, pooling_area
from sscard_chip.settlement.judge.times import dates_of, moments
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.register import (
    CardRegister,
    CardStatus,
    prefixes_with_cards,
    read_register,
    registered_numbers,
)

Places = NDArray[np.int64]

_OF_CARDS: Final = frozenset(("malformed", "card_id_code", "card_number", "psn_no", "factor"))
"""The columns by which a card is judged, whatever the time."""
_DIVISIONS: Final = 1_000_000
_TOGETHER: Final = 1 << 17
"""Rows that are judged at once: what is made for them does not fill the memory."""


class RegisterJudge:
    """A register, or what it has of the cards of some rows, prepared for columns.

    Of a part, ``areas`` are the pooling areas of these rows that the whole has cards of, and
    ``numbers`` the 卡号 of these rows that some card has.
    """

    def __init__(
        self,
        register: CardRegister,
        areas: Collection[int] | None = None,
        numbers: NDArray[np.bytes_] | None = None,
    ) -> None:
        self.register = register
        self._given = areas, numbers
        self._by_code = Lookup(_code_hashes(register.card_id_code))
        self._numbers = register.card_number if numbers is None else numbers
        self._by_number = Lookup(_number_hashes(self._numbers))
        if areas is None:
            issuing = np.unique(number_of_bcd(register.card_id_code[:, :3])).tolist()
            areas = {pooling_area(division) for division in issuing}
        self._areas = areas
        self._own = np.zeros(_DIVISIONS, np.bool_)
        for area in areas:
            wide = 10_000 if area // 100 in MUNICIPALITIES else 100
            self._own[area * 100 : area * 100 + wide] = True
        self._has_events = np.zeros(len(register), np.bool_)
        self._has_events[register.event_card] = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, it is what it was made of."""
        return RegisterJudge, (self.register, *self._given)

    def of(self, columns: DebitColumns) -> RegisterJudge:
        """The part that some rows ask for."""
        place = self._by_code.find(_code_hashes(columns.card_id_code))
        found = place >= 0
        own, rows = self.register.card_id_code, np.flatnonzero(found)
        found[rows] = (own[place[rows]] == columns.card_id_code[rows]).all(axis=1)
        strange = np.unique(columns.card_number[~found])
        numbers = self._by_number.find(_number_hashes(strange))
        known = numbers >= 0
        known[known] = self._numbers[numbers[known]] == strange[known]
        part = self.register.part(np.unique(place[found]))
        return RegisterJudge(part, self._areas, strange[known])

    def judge(self, columns: DebitColumns, masks: Masks) -> NDArray[np.int64]:
        """Add the findings; the personal account that each row charges, ``NOBODY`` for none.

        What is the same in all rows of a card that stand side by side is found once.
        """
        heads, counts = runs(_begins_card(columns))
        found = np.zeros(len(heads), np.uint16)
        place = self._judge_cards(columns.only(_OF_CARDS, heads), found)
        masks |= np.repeat(found, counts)
        known = place >= 0
        accounts = np.full(len(heads), NOBODY, np.int64)
        accounts[known] = self.register.account[place[known]]
        self._judge_times(columns, masks, np.repeat(place, counts))
        return np.repeat(accounts, counts)

    def _judge_cards(self, columns: DebitColumns, masks: Masks) -> Places:
        """Add what is found whatever the time; the place of each row's card, -1 for none."""
        register = self.register
        places = np.full(len(columns), -1, np.int64)
        own = np.flatnonzero(self._covered(columns) & ~columns.malformed)
        if not len(own):
            return places
        codes = columns.card_id_code[own]
        place = self._by_code.find(_code_hashes(codes))
        found = place >= 0
        found[found] = (register.card_id_code[place[found]] == codes[found]).all(axis=1)
        self._unknown(columns, masks, own[~found])
        rows, place = own[found], place[found]
        places[rows] = place
        factor = as_words(columns.factor[rows]) != as_words(register.factor)[place]
        masks[rows[factor]] |= FindingCode.IDENTIFICATION.bit
        other = columns.card_number[rows] != register.card_number[place]
        given_rows = np.flatnonzero(given(columns.psn_no[rows]))
        person = register.psn_no[place[given_rows]]
        other[given_rows] |= given(person) & (columns.psn_no[rows[given_rows]] != person)
        masks[rows[other]] |= FindingCode.ACCOUNT.bit
        return places

    def _judge_times(self, columns: DebitColumns, masks: Masks, place: Places) -> None:
        """Add what hangs on the times of rows."""
        register, known = self.register, place >= 0
        if not known.any():
            return
        rows = np.flatnonzero(known & (register.valid_to != 0)[place])
        expired = rows[dates_of(columns.time[rows]) > register.valid_to[place[rows]]]
        masks[expired] |= FindingCode.EXPIRED.bit
        rows = np.flatnonzero(known & self._has_events[place])
        times = moments(columns.time[rows]).astype(np.int64)
        status = register.status_at(place[rows], times)
        masks[rows[status != CardStatus.NORMAL]] |= FindingCode.LOST.bit

    def _covered(self, columns: DebitColumns) -> NDArray[np.bool_]:
        """Rows of cards that were issued where the register is kept."""
        divisions = columns.divisions()
        known = divisions < _DIVISIONS
        return known & self._own[np.where(known, divisions, 0)]

    def _unknown(self, columns: DebitColumns, masks: Masks, rows: Places) -> None:
        """No card has the 卡识别码: 12 when one has the number, else 8."""
        if not len(rows):
            return
        numbers = columns.card_number[rows]
        place = self._by_number.find(_number_hashes(numbers))
        known = place >= 0
        known[known] = self._numbers[place[known]] == numbers[known]
        masks[rows[known]] |= FindingCode.IDENTIFICATION.bit
        masks[rows[~known]] |= FindingCode.UNKNOWN_CARD.bit


def judge_of_rows(t: LedgerTransaction, columns: DebitColumns) -> RegisterJudge:
    """The register of a ledger as far as some rows ask for it: what it has of other cards is not
    read, however many they are."""
    rows = np.flatnonzero(~columns.malformed)
    prefixes = {
        _prefix(division): pooling_area(division)
        for division in np.unique(columns.divisions()[rows]).tolist()
        if division < _DIVISIONS
    }
    areas = {prefixes[one] for one in prefixes_with_cards(t, prefixes)}
    codes = np.unique(np.ascontiguousarray(columns.card_id_code[rows]).view("S16").reshape(-1))
    register = read_register(t, codes.view(np.uint8).reshape(-1, 16))
    strange = rows[register.find(columns.card_id_code[rows]) < 0]
    asked = [one.decode() for one in np.unique(columns.card_number[strange]).tolist()]
    numbers = np.array(registered_numbers(t, asked), "S9")
    return RegisterJudge(register, areas, numbers)


def _prefix(division: int) -> bytes:
    """The first digits of the 卡识别码 of all cards of a division's pooling area."""
    area = f"{pooling_area(division):04d}"
    return bytes.fromhex(area[:2] if division // 10000 in MUNICIPALITIES else area)


def judge_register(
    columns: DebitColumns, masks: Masks, judge: RegisterJudge | None
) -> NDArray[np.int64]:
    """Add the findings of a register, where there is one; the account of each row."""
    found = np.zeros(len(columns), np.uint16)
    accounts = find_accounts(columns, found, judge)
    add_found(masks, found)
    return accounts


def find_accounts(
    columns: DebitColumns, found: Masks, judge: RegisterJudge | None
) -> NDArray[np.int64]:
    """The account of each row; adds what a register finds, where there is one."""
    if judge is None or not len(columns):
        return np.full(len(columns), NOBODY, np.int64)
    accounts = np.empty(len(columns), np.int64)
    for at in range(0, len(columns), _TOGETHER):
        own = slice(at, at + _TOGETHER)
        accounts[own] = judge.judge(columns.rows(own), found[own])
    return accounts


def add_found(masks: Masks, found: Masks) -> None:
    """Add what a register has found; a row that is held as grey has nothing else to find."""
    found[masks == FindingCode.GREY.bit] = 0
    masks |= found


def _begins_card(columns: DebitColumns) -> Mask:
    """The first rows of what is of one card, side by side."""
    fresh = np.ones(len(columns), np.bool_)
    person = given(columns.psn_no)
    fresh[1:] = person[1:] | person[:-1]
    codes, numbers = columns.card_id_code, octets(columns.card_number)
    for words in (codes[:, :8], codes[:, 8:], columns.factor, numbers[:, :8], numbers[:, 1:]):
        word = as_words(words)
        fresh[1:] |= word[1:] != word[:-1]
    fresh[1:] |= columns.malformed[1:] != columns.malformed[:-1]
    return fresh


def _code_hashes(codes: NDArray[np.uint8]) -> UInt64Array:
    return mix(as_words(codes[:, 8:]), as_words(codes[:, :8]))


def _number_hashes(numbers: NDArray[np.bytes_]) -> UInt64Array:
    texts = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 9)
    return mix(as_words(texts[:, 1:]), texts[:, 0].astype(np.uint64))
