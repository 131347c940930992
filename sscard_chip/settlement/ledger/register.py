# SPDX-License-Identifier: Apache-2.0
"""The card register: which cards there are, whose account each charges, and their status.

A personal account belongs to a person (psn_no), or to a card whose person is not known. Cards of
one person charge one account, so a replacement card finds the money of the old one. Nothing here
is changed: a card is registered once, its status has a history (conventions, D1 to D3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.columns import Columns
from sscard_chip.settlement.ledger.bulk import select_keys
from sscard_chip.settlement.ledger.errors import CardRegisterError
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema.books import card, card_status
from sscard_chip.settlement.schema.cards import opening as card_opening
from sscard_chip.settlement.schema.kinds import AccountKind, EntryKind

ALWAYS: Final = 0
"""``valid_to`` of a card without an end."""


@unique
class CardStatus(IntEnum):
    """AAZ502 卡应用状态 [H: 0, 1, 2, 4, 9]; 3 应用锁定 is the chip's own state.

    Any other value is "not activated" [H]: 5 stands for it here, and nothing is paid in it.
    """

    SEALED = 0
    NORMAL = 1
    FORMAL_LOSS = 2
    TEMPORARY_LOSS = 4
    NOT_ACTIVATED = 5
    CANCELLED = 9

    @property
    def chinese(self) -> str:
        """Its name."""
        return _CHINESE[self.value]


_CHINESE: Final = {
    0: "封存", 1: "正常", 2: "正式挂失", 4: "临时挂失", 5: "未启用", 9: "注销",
}  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CardColumns(Columns):
    """n cards as columns: what a register file shows.

    ``card_number`` S9, ``card_id_code`` (n, 16) and ``factor`` (n, 8) bytes, ``division`` the
    insured place (six digits) as a number, ``psn_no`` S30 (empty: not known), ``valid_to``
    YYYYMMDD as a number (0: no end), ``opening_fen`` the balance that a new account begins with.
    """

    card_number: NDArray[np.bytes_]
    card_id_code: NDArray[np.uint8]
    division: Integers
    psn_no: NDArray[np.bytes_]
    factor: NDArray[np.uint8]
    valid_to: Integers
    opening_fen: Integers

    def account_key(self, at: int) -> str:
        """The key of the personal account that card ``at`` charges."""
        return account_key(self.psn_no[at].decode(), self.card_id_code[at].tobytes())


def account_key(psn_no: str | None, card_id_code: bytes) -> str:
    """The key of a personal account: psn_no, else ``card:`` and the 卡识别码 in hex."""
    return psn_no or f"card:{card_id_code.hex().upper()}"


def person_number(card: int, psn_no: str | None) -> str:
    """The psn_no of a card's holder; of one who is not known C and the card's number [ours]."""
    return psn_no or f"C{card:029d}"


@dataclass(frozen=True, slots=True)
class Registered:
    """What loading a register did: new cards, cards it had, accounts opened and their money."""

    cards: int
    known: int
    accounts: int
    opening_fen: int


def register_cards(
    t: LedgerTransaction, cards: CardColumns, business_date: str, source: str
) -> Registered:
    """Register cards, open their accounts, post the opening balances as one entry.

    A card that is registered with the same data stays as it is, so a register may come again.
    ``source`` is the entry's, of at most 128 characters. To be called in an exclusive
    transaction.

    :raises CardRegisterError: a card is registered with other data, occurs twice, or brings an
        opening balance to an account that is open; "row: item: rule", rows counted as in a
        register file, where the first card is in row 2.
    """
    fresh = _unregistered(t, cards)
    keys = [cards.account_key(at) for at in fresh.tolist()]
    known = t.find_accounts(AccountKind.PERSONAL, keys)
    opening = cards.opening_fen[fresh]
    opened = _openings(fresh, keys, known, opening)
    accounts = t.accounts(AccountKind.PERSONAL, keys)
    ids = insert_cards(t, cards, fresh, accounts)
    _keep_openings(t, ids, accounts, opening)
    total = int(opening.sum())
    if total:
        paid = opening > 0
        divisions, of_card = np.unique(cards.division[fresh][paid], return_inverse=True)
        shares = np.zeros(len(divisions), np.int64)
        np.add.at(shares, of_card, opening[paid])
        sources = t.accounts(AccountKind.FUNDING, [str(one) for one in divisions.tolist()])
        t.post(
            EntryKind.OPENING,
            business_date,
            source,
            np.concatenate([accounts[paid], sources]),
            np.concatenate([opening[paid], -shares]),
        )
    return Registered(len(fresh), len(cards) - len(fresh), opened, total)


def insert_cards(
    t: LedgerTransaction, cards: CardColumns, rows: NDArray[np.int64], accounts: Integers
) -> Integers:
    """Register some of ``cards`` on accounts that are open; the numbers that they get."""
    ids = t.take_ids(card, len(rows))
    t.insert(
        card,
        {
            "id": ids,
            "card_id_code": cards.card_id_code[rows],
            "card_number": _texts(cards.card_number[rows]),
            "division": cards.division[rows],
            "psn_no": [text or None for text in _texts(cards.psn_no[rows])],
            "factor": cards.factor[rows],
            "valid_to": [day or None for day in cards.valid_to[rows].tolist()],
            "account": accounts,
        },
    )
    return ids


def _keep_openings(
    t: LedgerTransaction, ids: Integers, accounts: Integers, opening: Integers
) -> None:
    """Of several cards that open an account together, keep which one has the opening balance."""
    counted, which, count = np.unique(accounts, return_inverse=True, return_counts=True)
    several = (count > 1)[which] & (opening > 0) if len(counted) else np.zeros(0, np.bool_)
    t.insert(card_opening, {"card": ids[several]})


def _texts(values: NDArray[np.bytes_]) -> list[str]:
    return [value.decode() for value in values.tolist()]


def _unregistered(t: LedgerTransaction, cards: CardColumns) -> NDArray[np.int64]:
    """Rows of cards that are not registered yet; those that are have the same data."""
    codes = _bytes(cards.card_id_code)
    place: dict[bytes, int] = {}
    for at, code in enumerate(codes):
        if place.setdefault(code, at) != at:
            raise CardRegisterError(f"row {at + 2}: card_id_code: occurs twice")
    fresh = np.ones(len(cards), np.bool_)
    for row in _rows(t, codes):
        at = place[bytes(row.card_id_code)]
        same = (
            row.card_number == cards.card_number[at].decode()
            and row.division == cards.division[at]
            and (row.psn_no or "") == cards.psn_no[at].decode()
            and bytes(row.factor) == cards.factor[at].tobytes()
            and (row.valid_to or ALWAYS) == cards.valid_to[at]
        )
        if not same:
            raise CardRegisterError(f"row {at + 2}: card_id_code: is registered with other data")
        fresh[at] = False
    return np.flatnonzero(fresh)


def _openings(fresh: NDArray[np.int64], keys: list[str], known: Integers, opening: Integers) -> int:
    """How many accounts are opened; each gets its opening balance from one card only."""
    seen = {key for key, account in zip(keys, known.tolist(), strict=True) if account >= 0}
    before = len(seen)
    paid = set(seen)
    for at, key, fen in zip(fresh.tolist(), keys, opening.tolist(), strict=True):
        if fen and key in paid:
            raise CardRegisterError(f"row {at + 2}: opening_fen: the account has had its opening")
        if fen:
            paid.add(key)
        seen.add(key)
    return len(seen) - before


def _bytes(values: NDArray[np.uint8]) -> list[bytes]:
    width, data = values.shape[1], values.tobytes()
    return [data[at : at + width] for at in range(0, len(data), width)]


def _rows(t: LedgerTransaction, codes: Collection[bytes]) -> list[Any]:
    """Rows of the register, of these cards."""
    wanted = set(codes)
    return [
        row
        for result in select_keys(t.connection, sa.select(card), card.c.card_id_code, wanted)
        for row in result
        if bytes(row.card_id_code) in wanted
    ]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CardRegister(Columns):
    """The register, or a part of it, as columns, sorted by 卡识别码.

    As in :class:`CardColumns`, with ``id``, ``account`` (of the personal account) and the changes
    of status: ``event_card`` is a place here, rising; times are YYYYMMDDhhmmss as numbers,
    ``event_until`` 0 without an end.
    """

    id: Integers
    account: Integers
    card_number: NDArray[np.bytes_]
    card_id_code: NDArray[np.uint8]
    division: Integers
    psn_no: NDArray[np.bytes_]
    factor: NDArray[np.uint8]
    valid_to: Integers
    event_card: Integers
    event_status: Integers
    event_since: Integers
    event_until: Integers

    def find(self, card_id_code: NDArray[np.uint8]) -> Integers:
        """The place of each card (n, 16) here; -1 for one that is not registered."""
        if not len(self):
            return np.full(len(card_id_code), -1, np.int64)
        own, searched = _as_values(self.card_id_code), _as_values(card_id_code)
        at = np.searchsorted(own, searched)
        at[at == len(own)] = 0
        found: Integers = np.where(own[at] == searched, at, -1).astype(np.int64)
        return found

    def part(self, places: Integers) -> CardRegister:
        """Some of the cards, by their places here, rising."""
        at = np.searchsorted(places, self.event_card)
        at[at == len(places)] = 0
        own = places[at] == self.event_card if len(places) else np.zeros(len(at), np.bool_)
        parts = {
            name: column[own] if name.startswith("event_") else column.take(places, axis=0)
            for name, column in self.items()
        }
        return CardRegister(**parts | {"event_card": at[own]})

    def status_at(self, place: Integers, time: Integers) -> Integers:
        """The :class:`CardStatus` of the cards at ``place`` (not -1) at ``time``, each its own.

        A temporary loss that has lapsed by then is normal again; a card without a change is
        normal.
        """
        status = np.full(len(place), int(CardStatus.NORMAL), np.int64)
        if not len(self.event_card):
            return status
        # The events are sorted by card and time: count those not after each question.
        owners, of_event = np.unique(self.event_card, return_inverse=True)
        events = (of_event << _TIME_BITS) | _compact(self.event_since)
        owner = np.searchsorted(owners, place)
        at = np.searchsorted(events, (owner << _TIME_BITS) | _compact(time), "right") - 1
        hit = (at >= 0) & (self.event_card[at] == place)
        until = self.event_until[at]
        hit &= (until == 0) | (time < until)
        status[hit] = self.event_status[at][hit]
        return status


_TIME_BITS: Final = 40


def _compact(time: Integers) -> Integers:
    """YYYYMMDDhhmmss as a rising number of 40 bits, also for times that no calendar has."""
    seconds, minutes, hours = time % 100, time // 100 % 100, time // 10_000 % 100
    days, months, years = time // 10**6 % 100, time // 10**8 % 100, time // 10**10
    compact = years
    for part, size in ((months, 13), (days, 32), (hours, 25), (minutes, 61), (seconds, 61)):
        compact = compact * size + np.minimum(part, size - 1)
    return compact


def _as_values(codes: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Sixteen bytes as one value that sorts as the bytes do."""
    return np.ascontiguousarray(codes).view("S16").reshape(-1)


def read_register(
    t: LedgerTransaction, card_id_code: NDArray[np.uint8] | None = None
) -> CardRegister:
    """The whole register, or what it has of the cards (n, 16) given."""
    names = ("id", "account", "card_number", "card_id_code", "division", "psn_no", "factor",
             "valid_to")  # fmt: skip
    statement = sa.select(*(card.c[name] for name in names))
    if card_id_code is None:
        pieces = [_register_columns(some) for some in _raw_pieces(t.connection.execute(statement))]
    else:
        wanted = set(_bytes(card_id_code))
        found = select_keys(t.connection, statement, card.c.card_id_code, wanted)
        code_at = names.index("card_id_code")
        pieces = [
            _register_columns([row for row in some if bytes(row[code_at]) in wanted])
            for one in found
            for some in _raw_pieces(one)
        ]
    pieces.append(_register_columns([]))
    number, account, card_number, code, division, psn_no, factor, valid_to = (
        np.concatenate(column) for column in zip(*pieces, strict=True)
    )
    order = np.argsort(_as_values(code))
    number = number[order]
    place = {one: at for at, one in enumerate(number.tolist())}
    changes = sa.select(card_status).order_by(card_status.c.card, card_status.c.number)
    if card_id_code is None:
        results = iter([t.connection.execute(changes)])
    else:
        results = select_keys(t.connection, changes, card_status.c.card, sorted(place))
    events = [
        (place[event.card], event.status, event.since, event.until or 0)
        for result in results
        for event in result
        if event.card in place
    ]
    events = _in_force(events)
    table = np.array(events, np.int64).reshape(-1, 4)
    return CardRegister(
        id=number,
        account=account[order],
        card_number=card_number[order],
        card_id_code=code[order],
        division=division[order],
        psn_no=psn_no[order],
        factor=factor[order],
        valid_to=valid_to[order],
        event_card=table[:, 0],
        event_status=table[:, 1],
        event_since=table[:, 2],
        event_until=table[:, 3],
    )


_FETCHED: Final = 1 << 14
"""Rows whose values are Python's objects at once."""


def _raw_pieces(result: sa.CursorResult[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """All rows as the driver gives them, some at a time."""
    cursor: Any = result.cursor
    while rows := cursor.fetchmany(_FETCHED) if cursor is not None else []:
        yield list(rows)
    result.close()


def _register_columns(rows: list[tuple[Any, ...]]) -> tuple[NDArray[Any], ...]:
    """Columns of rows of the register, in the order of :func:`read_register`."""
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * 8
    number, account, card_number, code, division, psn_no, factor, valid_to = columns
    return (
        np.array(number, np.int64),
        np.array(account, np.int64),
        np.array(card_number, "S9"),
        _matrix(code, 16),
        np.array(division, np.int64),
        np.array([one or "" for one in psn_no], "S30"),
        _matrix(factor, 8),
        np.array([one or ALWAYS for one in valid_to], np.int64),
    )


def card_count(t: LedgerTransaction) -> int:
    """About how many cards are registered: the number of the last one."""
    return int(t.connection.execute(sa.select(sa.func.max(card.c.id))).scalar_one() or 0)


def prefixes_with_cards(t: LedgerTransaction, prefixes: Collection[bytes]) -> list[bytes]:
    """Those of some first bytes of 卡识别码, digits of divisions, that a registered card has."""
    found = []
    for prefix in prefixes:
        after = (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix), "big")
        code = card.c.card_id_code
        issued = sa.select(card.c.id).where(code >= prefix, code < after).limit(1)
        if t.connection.execute(issued).first() is not None:
            found.append(prefix)
    return found


def registered_numbers(t: LedgerTransaction, numbers: Collection[str]) -> list[str]:
    """Those of some 卡号 that a registered card has."""
    statement = sa.select(card.c.card_number)
    wanted = set(numbers)
    return [
        number
        for result in select_keys(t.connection, statement, card.c.card_number, wanted)
        for (number,) in result
        if number in wanted
    ]


def _in_force(events: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Changes sorted by card and time, without those that one recorded later has overtaken:
    they were dated in the future when it came."""
    events.sort(key=lambda event: event[0])  # of a card they stand as they were recorded
    kept: list[tuple[int, int, int, int]] = []
    for event in events:
        while kept and kept[-1][0] == event[0] and kept[-1][2] >= event[2]:
            kept.pop()
        kept.append(event)
    return kept


def _matrix(values: Sequence[bytes], width: int) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(map(bytes, values)), np.uint8).reshape(-1, width)


def register_is_empty(t: LedgerTransaction) -> bool:
    """Whether nobody has loaded a register."""
    return t.connection.execute(sa.select(card.c.id).limit(1)).first() is None
