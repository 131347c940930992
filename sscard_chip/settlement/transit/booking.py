# SPDX-License-Identifier: Apache-2.0
"""Booking a day file of a gate: judge its taps, then post the new ones in one transaction.

What a tap moves: the issuer of the card owes the operator what the purse has paid. The database
knows each tap by the number of its card and by that of its terminal, so a tap that comes again is
seen, and of two processes with one file the second finds it booked.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.dayfile.transit import TransitDay
from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.ledger import AccountKind, EntryKind, Ledger, LedgerTransaction
from sscard_chip.settlement.ledger.bulk import raw_rows, select_keys
from sscard_chip.settlement.schema.transit import transit_file, transit_tap
from sscard_chip.settlement.tac.keys import Enciphering
from sscard_chip.settlement.transit.codes import TapVerdict
from sscard_chip.settlement.transit.tacs import verify_taps
from sscard_chip.settlement.transit.taps import (
    Records,
    issuer_factors,
    numbers,
    records_of,
    signed,
    wrong_fields,
)

Verdicts = NDArray[np.int16]
_KEY: tuple[str, ...] = ("issuer", "serial", "counter")
_PLACE: tuple[str, ...] = ("terminal", "algorithm", "number")
_WHAT: tuple[str, ...] = ("amount_fen", "moment", "tac")


@dataclass(frozen=True, slots=True, eq=False)
class BookedDay:
    """What became of a day file. ``verdicts`` are :class:`TapVerdict` in the order of its taps."""

    verdicts: Verdicts
    booked: int
    amount_fen: int
    entry: int | None

    def count(self, verdict: TapVerdict) -> int:
        """How many taps have a verdict."""
        return int((self.verdicts == verdict).sum())


def book_day(ledger: Ledger, day: TransitDay, store: Enciphering) -> BookedDay:
    """Verify the taps of a day file and book the new ones, all in one transaction.

    ``store`` has the transport issuer's TRANSIT_DTK. Booking a file again books nothing.

    :raises KeyStoreError: the store cannot answer; nothing is booked.
    :raises LedgerError:
    """
    records = records_of(day)
    verdicts = _judge(records, day, store)
    columns = _columns(records)
    digest = sha256(day.encode()).digest()
    return ledger.run(lambda t: _book(t, day, columns, verdicts.copy(), digest), exclusive=True)


def _judge(records: Records, day: TransitDay, store: Enciphering) -> Verdicts:
    verdicts = np.full(len(records), TapVerdict.BOOKED, np.int16)
    verdicts[wrong_fields(records, day)] = TapVerdict.FIELD
    verdicts[(verdicts == TapVerdict.BOOKED) & ~records["tac"].any(axis=1)] = TapVerdict.GREY
    rows = np.flatnonzero(verdicts == TapVerdict.BOOKED)
    right, without = verify_taps(store, records[rows])
    verdicts[rows[~right]] = TapVerdict.TAC
    verdicts[rows[without]] = TapVerdict.UNKNOWN_CARD
    return verdicts


def _columns(records: Records) -> dict[str, Integers]:
    """The taps as the table has them."""
    return {
        "issuer": signed(issuer_factors(records["issuer"])),
        "serial": signed(records["serial"]),
        "counter": records["counter"].astype(np.int64),
        "terminal": numbers(records["terminal"]),
        "algorithm": records["algorithm"].astype(np.int64),
        "number": records["sam_number"].astype(np.int64),
        "kind": records["kind"].astype(np.int64),
        "merchant": numbers(records["merchant"]),
        "amount_fen": records["amount_fen"].astype(np.int64),
        "moment": numbers(records["date"]) * 1_000_000 + numbers(records["time"]),
        "tac": np.ascontiguousarray(records["tac"]).view(">u4").reshape(-1).astype(np.int64),
    }


def _book(
    t: LedgerTransaction,
    day: TransitDay,
    columns: dict[str, Integers],
    verdicts: Verdicts,
    digest: bytes,
) -> BookedDay:
    rows = np.flatnonzero(verdicts == TapVerdict.BOOKED).tolist()
    by_card, by_place = _known(t, columns, rows)
    values = {name: column.tolist() for name, column in columns.items()}
    new = []
    for row in rows:
        card, place, what = (
            tuple(values[name][row] for name in names) for names in (_KEY, _PLACE, _WHAT)
        )
        before = by_card.get(card, by_place.get(place))
        if before is None:
            new.append(row)
            by_card[card] = by_place[place] = (card, place, what)
        else:
            same = before == (card, place, what)
            verdicts[row] = TapVerdict.AGAIN if same else TapVerdict.DUPLICATE
    if not new:
        return BookedDay(verdicts, 0, 0, None)
    chosen = {name: column[new] for name, column in columns.items()}
    number = int(t.take_ids(transit_file, 1)[0])
    entry = _post(t, day, chosen, f"transit:{digest.hex()}:{number}")
    t.insert(
        transit_file,
        {
            "id": number,
            "digest": [digest],
            "terminal": int(day.terminal.hex()),
            "day": day.day,
            "number": day.number,
            "records": day.count,
            "booked": len(new),
            **({} if entry is None else {"entry": entry}),
        },
    )
    t.insert(transit_tap, {**chosen, "file": number})
    return BookedDay(verdicts, len(new), int(chosen["amount_fen"].sum()), entry)


_Known = dict[tuple[int, ...], tuple[tuple[int, ...], ...]]


def _known(
    t: LedgerTransaction, columns: dict[str, Integers], rows: list[int]
) -> tuple[_Known, _Known]:
    """Booked taps of the cards of these rows, and of the terminal in the file's numbers."""
    by_card: _Known = {}
    by_place: _Known = {}
    if not rows:
        return by_card, by_place
    table = transit_tap
    statement = sa.select(*(table.c[name] for name in (*_KEY, *_PLACE, *_WHAT)))

    def keep(found: tuple[int, ...]) -> None:
        one = (found[:3], found[3:6], found[6:])
        by_card[one[0]] = by_place[one[1]] = one

    serials = np.unique(columns["serial"][rows]).tolist()
    for result in select_keys(t.connection, statement, table.c.serial, serials):
        for found in raw_rows(result):
            keep(tuple(found))
    terminals = np.unique(columns["terminal"][rows]).tolist()
    taken = columns["number"][rows]
    within = statement.where(table.c.number >= int(taken.min()), table.c.number <= int(taken.max()))
    for result in select_keys(t.connection, within, table.c.terminal, terminals):
        for found in raw_rows(result):
            keep(tuple(found))
    return by_card, by_place


def _post(
    t: LedgerTransaction, day: TransitDay, chosen: dict[str, Integers], source: str
) -> int | None:
    """One entry: each issuer owes what its cards have paid, the operator is owed all of it."""
    issuers, which = np.unique(chosen["issuer"], return_inverse=True)
    sums = np.bincount(which, chosen["amount_fen"], len(issuers)).astype(np.int64)
    paid = np.flatnonzero(sums)
    if not len(paid):
        return None
    keys = [int(issuers[at]).to_bytes(8, signed=True).hex().upper().rstrip("F") for at in paid]
    floats = t.accounts(AccountKind.TRANSIT_FLOAT, keys)
    owed = t.account(AccountKind.TRANSIT_OPERATOR, day.merchant.hex())
    lines = [*floats.tolist(), owed]
    fen = [*(-sums[paid]).tolist(), int(sums.sum())]
    return t.post(EntryKind.JOURNEYS, day.day, source, lines, fen)
