# SPDX-License-Identifier: Apache-2.0
"""Every fault that a connection can be given, and what the card has done meanwhile."""

from __future__ import annotations

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.terminal.connection import (
    CardRemovedError,
    Connection,
    ConnectionLostError,
    EmptySlot,
    NoAnswerError,
    NoCardError,
    Slots,
    connect_card,
)
from tests.bench.desk import Desk

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
WRONG_PIN = bytes.fromhex("0020000003999999")
ASK = bytes.fromhex("0020000000")


def connection(*faults: FaultAt, slept: list[float] | None = None) -> FaultyConnection:
    """A card whose SSSE is selected: that was exchange 1."""
    card = Desk(2).card
    inner = connect_card(card)
    sleeps = slept if slept is not None else []
    faulty = FaultyConnection(inner, *faults, sleep=sleeps.append)
    faulty.power_on()
    assert faulty.transmit(SELECT)[0] == 0x61
    return faulty


def remaining_tries(faulty: Connection) -> int:
    return faulty.transmit(ASK)[1] & 0x0F


@pytest.mark.parametrize(("executed", "left"), [(True, 5), (False, 6)])
def test_mute(executed: bool, left: int) -> None:
    faulty = connection(FaultAt(ExchangeFault.MUTE, 2, executed=executed))
    with pytest.raises(NoAnswerError):
        faulty.transmit(WRONG_PIN)
    assert remaining_tries(faulty) == left
    assert faulty.exchanges == 3


def test_slow() -> None:
    slept: list[float] = []
    faulty = connection(FaultAt(ExchangeFault.SLOW, 2, delay_s=2.5, executed=False), slept=slept)
    assert faulty.transmit(WRONG_PIN).hex() == "63c5"
    assert slept == [2.5]


@pytest.mark.parametrize(("executed", "answer"), [(True, b"\x63"), (False, b"")])
def test_short(executed: bool, answer: bytes) -> None:
    faulty = connection(FaultAt(ExchangeFault.SHORT, 2, executed=executed))
    assert faulty.transmit(WRONG_PIN) == answer


@pytest.mark.parametrize(("executed", "left"), [(True, 5), (False, 6)])
def test_wrong_status(executed: bool, left: int) -> None:
    fault = FaultAt(ExchangeFault.WRONG_STATUS, 2, executed=executed, status=b"\x6a\x82")
    faulty = connection(fault)
    assert faulty.transmit(WRONG_PIN) == b"\x6a\x82"
    assert remaining_tries(faulty) == left


@pytest.mark.parametrize(("executed", "left"), [(True, 5), (False, 6)])
def test_removed_and_inserted(executed: bool, left: int) -> None:
    faulty = connection(FaultAt(ExchangeFault.REMOVED, 2, executed=executed))
    with pytest.raises(CardRemovedError):
        faulty.transmit(WRONG_PIN)
    with pytest.raises(CardRemovedError):
        faulty.transmit(ASK)
    for call in (faulty.power_on, faulty.reset, lambda: faulty.atr):
        with pytest.raises(NoCardError):
            call()
    faulty.power_off()
    faulty.insert()
    with pytest.raises(CardRemovedError):
        faulty.transmit(ASK)  # back, without power
    assert faulty.reset() == faulty.atr
    faulty.transmit(SELECT)
    assert remaining_tries(faulty) == left


def test_another_card_can_be_put_in() -> None:
    faulty = connection()
    faulty.remove()
    other = Desk(3).card
    faulty.insert(connect_card(other))
    assert faulty.power_on() == other.atr


def test_a_removed_card_is_both_lost_and_absent() -> None:
    assert issubclass(CardRemovedError, ConnectionLostError)
    assert issubclass(CardRemovedError, NoCardError)


def test_an_empty_slot_has_no_card() -> None:
    slot = EmptySlot()
    slot.power_off()
    for call in (slot.power_on, slot.reset, lambda: slot.atr, lambda: slot.transmit(ASK)):
        with pytest.raises(NoCardError):
            call()


@pytest.mark.parametrize(("generation", "contactless"), [(1, False), (2, False), (3, True)])
def test_a_card_is_in_every_slot_that_it_fits(generation: int, contactless: bool) -> None:
    desk = Desk(generation)
    slots = Slots.of_card(desk.card)
    assert slots.contact is not None
    assert (slots.contactless is not None) is contactless
    assert slots.psam is None
