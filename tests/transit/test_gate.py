# SPDX-License-Identifier: Apache-2.0
"""Gates, bus and desk: what they write, what they charge, what they refuse."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.dayfile.transit import TapRecord
from sscard_chip.standard.transit import UpdateKind, UpdatePayment
from sscard_chip.terminal.bank.purse_host import TRANSPORT_ROOTS, PurseHost
from sscard_chip.terminal.transit import BlackList, TransitRefusal, TransitRefusedError
from sscard_chip.terminal.transit.records import Journey
from tests.bench.transit_cards import MANAGEMENT, PUBLIC
from tests.bench.transit_gates import (
    LAKE,
    MARKET,
    MORNING,
    NORTH,
    City,
    at,
    expected_tac,
    store,
)

ALGORITHMS = ("3des", "sm4")
ISSUER = b"01015510   "
NUMBER = "3104510000000012345"


def refused(call: Any, *arguments: Any, **named: Any) -> TransitRefusal:
    with pytest.raises(TransitRefusedError) as caught:
        call(*arguments, **named)
    return caught.value.refusal


def proven(city: City) -> list[TapRecord]:
    """The records of the journal, each with the TAC that the card must have answered."""
    for record in city.journal.records:
        assert record[70:74] == expected_tac(city.algorithm, record)
    return [TapRecord.decode(record) for record in city.journal.records]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_journey(algorithm: str) -> None:
    city = City(algorithm)
    entry = city.gate(NORTH).enter(at(MORNING))
    assert (entry.kind, entry.amount_fen, entry.balance_fen, entry.mac2_right) == (
        12,
        0,
        5000,
        True,
    )
    inside = city.journey()
    assert inside[:15].hex() == "27017d0101" + "00" + "0000000000000009" + "01"
    assert inside[15:19].hex() == "55100000"
    assert inside[19:35].hex() == "12005510ffffffff" + "00" * 8
    assert inside[35:51].hex() == "0000000000010001" + "00" * 8
    assert inside[51:67].hex() == "0000510100000001" + "00" * 8
    assert inside[67:81].hex() == MORNING + "00" * 7
    assert inside[81:99].hex() == "000003e8" + "01" + "00" + "00000000" + "00001388" + "00000000"
    assert inside[120:123].hex() == "010055"
    assert inside[124:] == crc32(inside[6:124]).to_bytes(4)
    leave = city.gate(LAKE).leave(at("20260315083112"))
    assert (leave.kind, leave.amount_fen, leave.balance_fen, leave.mac2_right) == (
        13,
        400,
        4600,
        True,
    )
    outside = city.journey()
    assert outside[14] == 2
    assert outside[15:19].hex() == "55105510"
    assert outside[43:51].hex() == "0000000000010003"
    assert outside[74:81].hex() == "20260315083112"
    assert outside[95:99] == (400).to_bytes(4)
    assert outside[99:124].hex() == (
        "20260315083112" + "00000001" + "000190" + "0001" + "01" + "03150831" + "000166" + "00"
    )
    assert outside[124:] == crc32(outside[6:124]).to_bytes(4)
    trips = city.trips()
    assert [one[0] for one in trips] == [4, 3]
    assert trips[0].hex() == (
        "04" + "0000510100000001" + "01" + "00010003" + "0001" + "00" + "00000190" + "000011f8"
        "20260315083112" + "5510" + "12005510ffffffff" + "00" * 6
    )
    assert city.balance() == 4600
    first, second = proven(city)
    assert (first.counter, second.counter) == (9, 10)
    assert second._replace(tac=b"") == TapRecord(
        kind=0x0D,
        card_class=0x22,
        number=2,
        terminal=bytes.fromhex("510100000001"),
        sam=bytes.fromhex("0000000000000001"),
        sam_number=2,
        device=bytes.fromhex("00000001"),
        clerk=bytes(3),
        city=bytes.fromhex("5510"),
        serial=bytes.fromhex("4510000000012345"),
        uid=bytes(4),
        counter=10,
        model=0,
        main_type=1,
        sub_type=0,
        before_fen=5000,
        amount_fen=400,
        discount=0,
        due_fen=400,
        date=bytes.fromhex("20260315"),
        time=bytes.fromhex("083112"),
        tac=b"",
        version=1,
        after_fen=4600,
        operator=bytes.fromhex("00000001"),
        station=LAKE,
        entry_station=NORTH,
        entry_time=bytes.fromhex("03150811"),
        last_station=LAKE,
        valid_to=bytes.fromhex("20340101"),
        original_time=bytes(4),
        original_station=bytes(4),
        mode=1,
        issuer=ISSUER,
        merchant=bytes.fromhex("00000001"),
        mcc=bytes.fromhex("4412"),
        card_city=bytes.fromhex("5510"),
        key_version=1,
        key_index=1,
        algorithm={"3des": 1, "sm4": 4}[algorithm],
        update_kind=0,
        payment=0,
        reserved=b"\x09".ljust(10, b"\0"),
    )


def ride(city: City, fare_from: bytes, fare_to: bytes, begin: str, end: str) -> int:
    city.gate(fare_from).enter(at(begin))
    return city.gate(fare_to).leave(at(end)).amount_fen


def test_month_and_transfer_lower_the_fare() -> None:
    """400, then 400 - 150 for going on within 60 minutes, then no second rebate in a row; from
    10 yuan of the month on 80 percent; the next month begins anew."""
    city = City()
    paid = [
        ride(city, NORTH, LAKE, "20260315080000", "20260315082000"),
        ride(city, LAKE, NORTH, "20260315090000", "20260315092000"),
        ride(city, NORTH, LAKE, "20260315093000", "20260315095000"),
        ride(city, NORTH, LAKE, "20260315120000", "20260315122000"),
        ride(city, NORTH, LAKE, "20260401080000", "20260401082000"),
    ]
    assert paid == [400, 250, 400, 320, 400]
    assert [one.discount for one in proven(city) if one.amount_fen] == [0, 4, 0, 2, 0]
    assert city.journey()[110:115].hex() == "000190" + "0001"


def test_a_transfer_over_new_year() -> None:
    city = City()
    ride(city, NORTH, LAKE, "20261231230000", "20261231233000")
    assert ride(city, LAKE, NORTH, "20270101001000", "20270101003000") == 250


@pytest.mark.parametrize(("card_type", "paid"), [(1, 400), (2, 200), (3, 0)])
def test_card_types_pay_their_own_fare(card_type: int, paid: int) -> None:
    city = City(management=MANAGEMENT[:10] + bytes((card_type,)) + MANAGEMENT[11:])
    assert ride(city, NORTH, LAKE, MORNING, "20260315083112") == paid
    assert proven(city)[1].due_fen == 400


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_bus(algorithm: str, plain: bool) -> None:
    city = City(algorithm)
    paid = city.bus().ride(at(MORNING), plain=plain)
    assert (paid.amount_fen, paid.balance_fen, paid.mac2_right) == (200, 4800, True)
    assert [one[:10].hex() for one in city.trips()] == (
        [] if plain else ["06" + "0000510100000001" + "02"]
    )
    (record,) = proven(city)
    assert (record.mode, record.reserved[0]) == (2, 6 if plain else 9)
    # The metro behind a bus is a transfer, and a bus leaves a journey by metro open.
    city.gate().enter(at("20260315083000"))
    city.bus().ride(at("20260315084000"), plain=True)
    assert city.journey()[14] == 1
    assert city.gate(LAKE).leave(at("20260315085000")).amount_fen == (400 if plain else 250)


def test_fares_by_distance_and_by_time() -> None:
    stations = {
        "00010001": {"metres": 0},
        "00010002": {"metres": 6_000},
        "00010003": {"metres": 6_001},
    }
    steps = [{"to": 6_000, "fen": 200}, {"to": 20_000, "fen": 300}]
    fares = {"by": "distance", "highest_fen": 900, "steps": steps}
    city = City(stations=stations, fares=fares, discounts={})
    assert ride(city, NORTH, MARKET, MORNING, "20260315083112") == 200
    assert ride(city, NORTH, LAKE, MORNING, "20260315083112") == 300
    by_time = {"by": "time", "highest_fen": 900, "steps": [{"to": 30, "fen": 100}]}
    city = City(fares=by_time, discounts={})
    assert ride(city, NORTH, LAKE, "20260315080000", "20260315083059") == 100
    assert ride(city, NORTH, LAKE, "20260315080000", "20260315083100") == 900


# --- refusals -------------------------------------------------------------------------------------


def test_what_a_gate_refuses() -> None:
    assert refused(City().gate().leave, at(MORNING)) is TransitRefusal.NO_ENTRY
    city = City()
    city.gate().enter(at(MORNING))
    assert refused(city.gate().enter, at("20260315083012")) is TransitRefusal.DOUBLE_ENTRY
    assert refused(city.gate().enter, at("20260315083212")) is TransitRefusal.DOUBLE_ENTRY_PAID
    assert refused(city.gate(LAKE).leave, at("20260315121212")) is TransitRefusal.OVERTIME
    assert refused(city.gate(LAKE).leave, at("20260315080000")) is TransitRefusal.OVERTIME
    other = city.gate(bytes.fromhex("00090009"))
    assert refused(other.leave, at("20260315083012")) is TransitRefusal.NO_FARE
    assert city.balance() == 5000
    assert len(city.journal.records) == 1
    assert refused(City().gate().enter, at("20231231235959")) is TransitRefusal.EXPIRED
    assert refused(City().gate().enter, at("20340102000000")) is TransitRefusal.EXPIRED
    poor = City(purse=Purse(balance_fen=199))
    assert refused(poor.gate().enter, at(MORNING)) is TransitRefusal.LOW_BALANCE
    poor = City(purse=Purse(balance_fen=399))
    poor.gate().enter(at(MORNING))
    assert refused(poor.gate(LAKE).leave, at(MORNING)) is TransitRefusal.INSUFFICIENT
    assert poor.balance() == 399
    for bad in (bytes.fromhex("0123456789012345") + PUBLIC[8:], b"\xab" + PUBLIC[1:]):
        assert refused(City(public=bad).gate().enter, at(MORNING)) is TransitRefusal.ISSUER
    listed = [{"issuer": "01015510", "bin": "3105"}]
    assert refused(City(white_list=listed).gate().enter, at(MORNING)) is TransitRefusal.ISSUER
    listed = [{"issuer": "01015510", "bin": "3104"}]
    assert City(white_list=listed).gate().enter(at(MORNING)).kind == 12
    for kind in (5, 9):
        soldier = City(management=MANAGEMENT[:10] + bytes((kind,)) + MANAGEMENT[11:])
        assert refused(soldier.gate().enter, at(MORNING)) is TransitRefusal.CARD_TYPE


def test_cards_of_other_cities() -> None:
    local_only = City(management=MANAGEMENT[:8] + bytes(2) + MANAGEMENT[10:])
    assert local_only.gate().enter(at(MORNING)).kind == 12  # at home
    stranger = bytes.fromhex("00000156 6500 6510 0000 01").ljust(60, b"\0")
    city = City(management=stranger)
    assert refused(city.gate().enter, at(MORNING)) is TransitRefusal.NOT_INTEROPERABLE
    guest = City(management=stranger[:8] + b"\0\1" + stranger[10:])
    guest.gate().enter(at(MORNING))
    assert proven(guest)[0].card_class == 0x23
    # Gates of another operator find the journey unfinished.
    guest.region = City(organisation="02006510FFFFFFFF").region
    assert refused(guest.gate().enter, at(MORNING)) is TransitRefusal.ELSEWHERE
    assert refused(guest.gate(LAKE).leave, at(MORNING)) is TransitRefusal.ELSEWHERE
    assert refused(guest.desk().diagnose, at(MORNING), inside=True) is TransitRefusal.ELSEWHERE
    assert guest.bus().ride(at(MORNING)).amount_fen == 200  # a bus takes it, and keeps the journey
    assert guest.journey()[14] == 1


def test_a_record_without_its_check_sum_is_fresh() -> None:
    city = City()
    city.gate().enter(at(MORNING))
    journey = bytearray(city.journey())
    journey[124] ^= 1
    found = Journey.decode(bytes(journey), city.gate().organisation)
    assert (found.status, found.entry_station, found.rides) == (0, bytes(8), 0)
    elsewhere = Journey.decode(bytes(journey), bytes(8))
    assert (elsewhere.status, elsewhere.entry_station[4:], elsewhere.gate) == (1, NORTH, bytes(4))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_black_listed_card_is_locked(algorithm: str) -> None:
    rows = ISSUER + NUMBER.encode() + b"\n"
    city = City(algorithm, black_list=BlackList(rows))
    assert refused(city.gate().enter, at(MORNING)) is TransitRefusal.BLACK_LISTED
    assert refused(city.gate().enter, at(MORNING)) is TransitRefusal.BLOCKED
    (record,) = proven(city)
    assert (record.kind, record.amount_fen) == (0x16, 0)
    assert City(black_list=BlackList(ISSUER + b"3104510000000012344\n")).gate().enter(at(MORNING))


# --- the desk -------------------------------------------------------------------------------------


def test_every_kind_of_update() -> None:
    city = City()
    desk = city.desk(LAKE)
    later = at("20260315083112")
    assert desk.diagnose(later, inside=False).kind is UpdateKind.NONE
    assert refused(desk.update, later, UpdatePayment.CASH, inside=False) is (
        TransitRefusal.NOTHING_TO_UPDATE
    )
    # 10: inside without an entry, paid by card; then a gate lets the holder out.
    added = desk.update(later, UpdatePayment.ELECTRONIC, inside=True, entry_station=NORTH)
    assert (added.amount_fen, added.record.update_kind, added.record.payment) == (200, 0x10, 2)
    assert (city.journey()[14], city.trips()[0][0]) == (3, 3)
    assert city.gate(LAKE).leave(at("20260315084112")).amount_fen == 400
    # 11: outside with an entry, free in the first minutes, paid in cash after them.
    for minutes, paid in (("0900", 255), ("0930", 1)):
        city.gate().enter(at("20260316085912"))
        ended = city.desk().update(at(f"20260316{minutes}12"), UpdatePayment.CASH, inside=False)
        assert (ended.amount_fen, ended.record.payment) == (0, paid)
        assert (ended.record.update_kind, ended.record.due_fen) == (0x11, 0 if paid == 255 else 300)
        assert (city.journey()[14], city.trips()[0][0]) == (4, 4)
    # 02: too long inside; the gate counts from the update on.
    city.gate().enter(at("20260317080000"))
    assert (
        refused(
            desk.update, at("20260317130000"), UpdatePayment.CASH, inside=True, kind=UpdateKind.BOTH
        )
        is TransitRefusal.OTHER_UPDATE
    )
    assert refused(desk.update, at("20260317130000"), UpdatePayment.FREE, inside=True) is (
        TransitRefusal.NO_PAYMENT
    )
    late = desk.update(at("20260317130000"), UpdatePayment.VOUCHER, inside=True)
    assert (late.amount_fen, late.record.update_kind, late.record.due_fen) == (0, 2, 500)
    assert late.record.original_time.hex() == "03170800"
    assert city.gate(LAKE).leave(at("20260317130500")).amount_fen == 400
    proven(city)


def test_an_update_over_distance_and_over_both() -> None:
    for end, kind, due in (("0831", 0x01, 400), ("1300", 0x03, 900)):
        poor = City(purse=Purse(balance_fen=300))
        poor.gate(NORTH).enter(at(MORNING))
        when = at(f"20260315{end}12")
        assert refused(poor.desk(LAKE).update, when, UpdatePayment.ELECTRONIC, inside=True) is (
            TransitRefusal.INSUFFICIENT
        )
        assert poor.journey()[14] == 1
        done = poor.desk(LAKE).update(when, UpdatePayment.CASH, inside=True)
        assert (done.record.update_kind, done.record.due_fen, done.amount_fen) == (kind, due, 0)
        assert (poor.journey()[14], poor.balance()) == (4, 300)


def test_an_update_that_loads_by_itself() -> None:
    poor = City(purse=Purse(balance_fen=300))
    poor.gate(NORTH).enter(at(MORNING))
    desk = poor.desk(LAKE)
    when = at("20260315083112")
    assert refused(desk.update, when, UpdatePayment.AUTO_LOAD, inside=True) is (
        TransitRefusal.NO_PAYMENT
    )
    desk.transit_host = PurseHost(store(), roots=TRANSPORT_ROOTS)
    done = desk.update(when, UpdatePayment.AUTO_LOAD, inside=True)
    assert (done.amount_fen, done.balance_fen, done.record.payment) == (400, 900, 4)
    assert desk.load(100, when) == 1_000


def test_an_overdraft_within_the_regions_limit() -> None:
    card = Purse(balance_fen=500 + 300, limit_fen=500)
    for most, sold in ((0, False), (99, False), (100, True)):
        city = City(purse=card, limits={"maximum_overdraft_fen": most})
        city.gate(NORTH).enter(at(MORNING))
        if not sold:
            assert refused(city.gate(LAKE).leave, at(MORNING)) is TransitRefusal.INSUFFICIENT
            continue
        left = city.gate(LAKE).leave(at(MORNING))
        assert (left.amount_fen, left.balance_fen) == (400, -100)
