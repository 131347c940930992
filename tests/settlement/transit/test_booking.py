# SPDX-License-Identifier: Apache-2.0
"""A city's taps in the centre: each booked once, whatever comes again, and the books are even."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from sscard_chip.dayfile.transit import TapRecord, TransitDay
from sscard_chip.settlement.ledger import AccountKind, Ledger, LedgerRefusedError
from sscard_chip.settlement.transit import TapVerdict, book_day, operators, recompute_journeys
from tests.bench.reference import purse as reference
from tests.bench.transit_cards import PUBLIC
from tests.bench.transit_gates import LAKE, MORNING, NORTH, TERMINAL, City, at, card_key, store

MANY = int(os.environ.get("SSCARD_TAPS", "3000"))
"""100,000 by hand: the acceptance figure."""
_V = TapVerdict


@cache
def day(algorithm: str = "3des") -> TransitDay:
    """Three journeys of one card: entry, exit of 4 yuan, bus of 2 yuan."""
    city = City(algorithm, discounts={})
    city.gate(NORTH).enter(at(MORNING))
    city.gate(LAKE).leave(at("20260315083112"))
    city.bus().ride(at("20260315090112"))
    return packed(city.journal.records)


def packed(records: list[bytes], number: int = 1) -> TransitDay:
    terminal = bytes.fromhex(TERMINAL)
    return TransitDay(terminal, "20260315", number, bytes.fromhex("00000001"), b"".join(records))


def parts(one: TransitDay) -> list[bytes]:
    return [one.records[start : start + 146] for start in range(0, len(one.records), 146)]


def changed(record: bytes, **values: object) -> bytes:
    return TapRecord.decode(record)._replace(**values).encode()  # type: ignore[arg-type]


def owed(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as t:
        assert recompute_journeys(t) == []
        return t.balances_of(AccountKind.TRANSIT_OPERATOR)


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_each_tap_is_booked_once(ledger: Ledger, algorithm: str) -> None:
    found = book_day(ledger, day(algorithm), store())
    assert (found.verdicts.tolist(), found.booked, found.amount_fen) == ([0, 0, 0], 3, 600)
    again = book_day(ledger, day(algorithm), store())
    assert (again.verdicts.tolist(), again.booked, again.entry) == ([106] * 3, 0, None)
    assert owed(ledger) == {"00000001": 600}
    with ledger.reading() as t:
        assert t.balances_of(AccountKind.TRANSIT_FLOAT) == {"01015510": -600}
        (one,) = operators(t)
    assert (one.merchant, one.entries, one.exits, one.owed_fen) == ("00000001", 1, 2, 600)
    assert ledger.check().even


def test_overlapping_files_book_what_is_new(ledger: Ledger) -> None:
    one = parts(day())
    assert book_day(ledger, packed(one[:2]), store()).booked == 2
    found = book_day(ledger, packed([one[1], one[2], one[2]], 2), store())
    assert found.verdicts.tolist() == [_V.AGAIN, _V.BOOKED, _V.AGAIN]
    assert owed(ledger) == {"00000001": 600}


def with_tac(record: bytes, **values: object) -> bytes:
    """A record with other values and the TAC that its card would have given to them."""
    bent = TapRecord.decode(changed(record, **values))
    message = bent.amount_fen.to_bytes(4) + b"\x09" + bent.terminal + bent.sam_number.to_bytes(4)
    key = card_key("3des", "TRANSIT_DTK", PUBLIC[:12] + bent.serial + PUBLIC[20:])
    tac = reference.tac("3des", key, message + bent.date + bent.time)
    return bent._replace(tac=tac).encode()


def test_what_is_wrong_is_not_booked(ledger: Ledger) -> None:
    entry, leave, ride = parts(day())
    bad = [
        changed(leave, tac=bytes(4)),
        changed(leave, tac=b"\1\2\3\4"),
        changed(leave, amount_fen=300, after_fen=4700),
        changed(leave, after_fen=4601),
        changed(leave, kind=0x0B),
        changed(leave, algorithm=2),
        changed(leave, terminal=b"\x51\1\0\0\0\2"),
        changed(leave, merchant=b"\0\0\0\2"),
        changed(leave, date=b"\x20\x26\x13\x01"),
        changed(leave, time=b"\x24\x00\x00"),
        changed(leave, issuer=b"01015A10   "),
        changed(leave, issuer=b"0101 5510  "),
        changed(leave, issuer=b"99990000   "),
        changed(leave, key_version=2),
        changed(entry, amount_fen=5, after_fen=4995),
        changed(ride, kind=0x11, payment=1),
        changed(ride, reserved=b"\x05" + bytes(9)),
    ]
    found = book_day(ledger, packed(bad), store())
    assert found.verdicts.tolist() == [104, 1, 1, *[6] * 9, 1, 8, 6, 6, 6]
    assert found.booked == 0
    assert owed(ledger) == {}
    # Right TACs do not help a number that is taken.
    book_day(ledger, day(), store())
    other_card = with_tac(leave, serial=bytes.fromhex("4510000000099999"))
    same_number = with_tac(leave, sam_number=77, amount_fen=100, after_fen=4900)
    found = book_day(ledger, packed([other_card, same_number]), store())
    assert found.verdicts.tolist() == [_V.DUPLICATE] * 2
    assert owed(ledger) == {"00000001": 600}


def test_lines_without_journeys_are_found(ledger: Ledger) -> None:
    book_day(ledger, day(), store())
    with ledger.transaction() as t:
        lines = [t.account(AccountKind.TRANSIT_OPERATOR, key) for key in ("00000001", "00000002")]
        t.post("journeys", "20260315", "by hand", lines, [-600, 600])  # type: ignore[arg-type]
    with ledger.reading() as t:
        assert recompute_journeys(t) == [
            "operator 00000001: its lines are not those of its journeys",
            "operator 00000002: its lines are not those of its journeys",
        ]


def test_the_database_keeps_taps_as_they_are(ledger: Ledger) -> None:
    book_day(ledger, day(), store())
    for statement in ("UPDATE transit_tap SET amount_fen = 1", "DELETE FROM transit_tap"):
        with (
            pytest.raises(LedgerRefusedError, match="nothing in transit_tap is changed"),
            ledger.transaction() as t,
        ):
            t.connection.execute(sa.text(statement))


# --- a whole day ----------------------------------------------------------------------------------


def many(count: int) -> TransitDay:
    """Taps of as many cards as there are tens, entry and exit in turn; TACs of the bulk lanes,
    which tests of their own hold to the reference."""
    from sscard_chip.settlement.tac import PURSE_TAC, BulkMacs
    from sscard_chip.settlement.transit.tacs import tac_messages
    from sscard_chip.settlement.transit.taps import RECORD

    entry, leave = (np.frombuffer(one, RECORD) for one in parts(day())[:2])
    records = np.concatenate([entry, leave] * (count // 2))
    rows = np.arange(count)
    cards = np.sort(rows % (count // 10))
    records["sam_number"] = rows + 1
    records["counter"] = rows % 10
    low = cards.astype(">u4").view(np.uint8).reshape(-1, 4)
    records["serial"][:, 4:] = low
    serials = np.unique(records["serial"], axis=0)
    data = np.concatenate((serials, ~serials), axis=1).tobytes()
    keys = store().encrypt("3des", "TRANSIT_DTK", 1, [PUBLIC[:8]], data)
    found = BulkMacs(PURSE_TAC).macs(
        "3des", np.frombuffer(keys, np.uint8).reshape(-1, 16), cards, tac_messages(records)
    )
    records["tac"] = found
    return replace(day(), records=records.tobytes())


def _book(address: str, one: TransitDay, barrier: object) -> None:
    with Ledger.open(address) as ledger:
        barrier.wait()  # type: ignore[attr-defined]
        book_day(ledger, one, store())


def test_many_taps_from_two_processes(tmp_path: Path) -> None:
    address = str(tmp_path / "city.db")
    Ledger.open(address).close()
    one = many(MANY)
    half = replace(one, records=one.records[: 146 * (MANY // 2)])
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=_book, args=(address, d, barrier)) for d in (one, half)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
        assert worker.exitcode == 0
    with Ledger.open(address) as ledger:
        assert owed(ledger) == {"00000001": 400 * (MANY // 2)}
        found = book_day(ledger, one, store())
        assert (found.booked, found.count(_V.AGAIN)) == (0, MANY)
        assert ledger.check().even
