# SPDX-License-Identifier: Apache-2.0
"""Six kinds of journey, cut at each exchange with the card and with the PSAM, before the command
and after it: presented again, the money has moved once, and one record says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from sscard_chip.dayfile.transit import TapRecord
from sscard_chip.reader.failures import TerminalConnectionError
from sscard_chip.standard.transit import UpdatePayment
from sscard_chip.terminal.transit import (
    Passage,
    TransitRefusal,
    TransitRefusedError,
    UnfinishedTapError,
)
from tests.bench.transit_gates import LAKE, MORNING, NORTH, City, at, expected_tac

AFTER = "20260315083112"


class Run(NamedTuple):
    """How a city is made ready, the run, and what it must leave."""

    ready: Callable[[City], Any]
    tap: Callable[[City, str], Passage]
    begins: str
    paid: int
    kind: int
    delayed: int
    trip: int
    status: int


def inside(city: City) -> None:
    city.gate(NORTH).enter(at(MORNING))


def travelled(city: City) -> None:
    inside(city)
    city.gate(LAKE).leave(at("20260315082112"))
    city.gate(LAKE).enter(at("20260315082512"))


def leave(city: City, time: str) -> Passage:
    return city.gate(NORTH if city.journey()[42] == 3 else LAKE).leave(at(time))


def update(inside: bool) -> Callable[[City, str], Passage]:
    def tap(city: City, time: str) -> Passage:
        return city.desk(LAKE).update(at(time), UpdatePayment.ELECTRONIC, inside=inside)

    return tap


RUNS = {
    "entry": Run(
        lambda city: None,
        lambda city, time: city.gate(NORTH).enter(at(time)),
        MORNING,
        0,
        0x0C,
        0x0E,
        0x03,
        0x01,
    ),
    "exit": Run(inside, leave, AFTER, 400, 0x0D, 0x0F, 0x04, 0x02),
    "transfer": Run(travelled, leave, "20260315084112", 250, 0x0D, 0x0F, 0x04, 0x02),
    "update in": Run(lambda city: None, update(True), AFTER, 200, 0x11, 0x11, 0x03, 0x03),
    "update out": Run(inside, update(False), "20260315090112", 300, 0x11, 0x11, 0x04, 0x04),
    "lock": Run(
        lambda city: None,
        lambda city, time: city.gate().lock(at(time)),
        MORNING,
        0,
        0x16,
        0x16,
        0x12,
        0x00,
    ),
    "bus": Run(
        lambda city: None,
        lambda city, time: city.bus().ride(at(time)),
        MORNING,
        200,
        0x0D,
        0x0F,
        0x06,
        0x00,
    ),
    "plain bus": Run(
        lambda city: None,
        lambda city, time: city.bus().ride(at(time), plain=True),
        MORNING,
        200,
        0x0D,
        0x0F,
        0x00,
        0x00,
    ),
}


def exchanges(algorithm: str, run: Run) -> tuple[int, int]:
    """How many a run has with the card and with the PSAM."""
    city = City(algorithm)
    run.ready(city)
    city.slot.count = city.psam.count = 0
    run.tap(city, run.begins)
    return city.slot.count, city.psam.count


def check(city: City, run: Run, before: int, open_balance: int, delayed: bool) -> None:
    record = city.journal.records[-1]
    assert len(city.journal.records) == before + 1
    assert record[0] == (run.delayed if delayed else run.kind)
    assert record[70:74] == expected_tac(city.algorithm, record)
    assert not city.journal.waiting
    assert TapRecord.decode(record).amount_fen == run.paid
    if run.kind == 0x16:  # a locked card answers nothing more
        with pytest.raises(TransitRefusedError) as caught:
            city.gate().enter(at(run.begins))
        assert caught.value.refusal is TransitRefusal.BLOCKED
        return
    assert city.balance() == open_balance - run.paid
    assert city.journey()[14] == run.status
    trips = [trip for trip in city.trips() if trip[25:32].hex() in (run.begins, later(run))]
    assert [trip[0] for trip in trips] == [run.trip] * bool(run.trip)


def later(run: Run) -> str:
    return f"{int(run.begins) + 100}"


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_money_moves_once(algorithm: str, name: str) -> None:
    run = RUNS[name]
    counts = exchanges(algorithm, run)
    assert min(counts) >= 3
    assert counts[0] >= 6
    recovered = 0
    cuts = [(part, at, late) for part in (0, 1) for at in range(counts[part]) for late in (0, 1)]
    for part, exchange, after in cuts:
        city = City(algorithm)
        run.ready(city)
        before, balance = len(city.journal.records), city.balance()
        broken = (city.slot, city.psam)[part]
        broken.count, broken.at, broken.after = 0, exchange, bool(after)
        delayed = False
        try:
            run.tap(city, run.begins)
        except (TerminalConnectionError, UnfinishedTapError):
            city.again()
            if run.kind == 0x16 and part == 0 and after and exchange == counts[0] - 1:
                pass  # the lock is there, its very last answer alone was lost
            else:
                delayed = run.tap(city, later(run)).recovered
        city.again()
        check(city, run, before, balance, delayed)
        recovered += delayed
    assert recovered == (0 if name == "lock" else 1)


def test_a_break_that_another_gate_has_used() -> None:
    """The debit was never made, and another gate has made one with the same number: its proof is
    not taken for ours."""
    city = City()
    inside(city)
    other = City()
    city.slot.at, city.slot.count = 7, 0
    gate = city.gate(LAKE)
    with pytest.raises(UnfinishedTapError):
        gate.leave(at(AFTER))
    assert len(city.journal.waiting) == 1
    city.slot.at = None
    city.slot.power_on()
    # Another terminal, with a journal of its own, lets the holder out.
    other.sam.terminal, other.slot = bytes.fromhex("510100000001"), city.slot
    other.card = city.card
    other.gate(LAKE).leave(at("20260315083512"))
    assert city.balance() == 4_600
    with pytest.raises(TransitRefusedError) as caught:
        gate.leave(at("20260315084012"))
    assert caught.value.refusal is TransitRefusal.NO_ENTRY
    assert not city.journal.waiting
    assert len(city.journal.records) == 1  # the entry


def test_a_debit_whose_proof_is_gone_counts_without_tac() -> None:
    """The answer was lost, and the card has made another transaction since: its log tells."""
    city = City()
    inside(city)
    city.slot.at, city.slot.count, city.slot.after = 7, 0, True
    gate = city.gate(LAKE)
    with pytest.raises(UnfinishedTapError):
        gate.leave(at(AFTER))
    city.again()
    other = City()
    other.slot, other.card = city.slot, city.card
    other.bus().ride(at("20260315084012"), plain=True)
    found = gate.leave(at("20260315084512"))
    assert (found.recovered, found.record.tac, found.amount_fen) == (True, bytes(4), 400)
    assert city.balance() == 4_600 - 50  # the bus is a transfer


def test_a_wrong_mac2_is_remembered_and_the_tac_counts() -> None:
    city = City()

    def spoil(apdu: bytes, real: Callable[[bytes], bytes] = city.psam.transmit) -> bytes:
        return real(apdu[:-1] + bytes((apdu[-1] ^ 1,)) if apdu[1] == 0x72 else apdu)

    city.psam.transmit = spoil  # type: ignore[method-assign]
    passage = city.gate().enter(at(MORNING))
    assert passage.mac2_right is False
    assert city.journal.remembered == {(b"01015510   ", bytes.fromhex("4510000000012345"))}
    record = city.journal.records[0]
    assert record[70:74] == expected_tac("3des", record)


@pytest.mark.parametrize("beside", ["bank", "bank and purse"])
@pytest.mark.parametrize("name", RUNS)
def test_a_bank_and_a_purse_beside_it_change_nothing(name: str, beside: str) -> None:
    run, city = RUNS[name], City(beside=beside)
    run.ready(city)
    before, balance = len(city.journal.records), city.balance()
    assert run.tap(city, run.begins).mac2_right
    check(city, run, before, balance, delayed=False)
