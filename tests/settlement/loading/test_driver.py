# SPDX-License-Identifier: Apache-2.0
"""账户划入 by the driver of a terminal, cut off and done again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.terminal.codes import DriverError
from sscard_chip.terminal.connection import Slots, TerminalConnectionError
from sscard_chip.terminal.driver import Driver, InterfaceType
from sscard_chip.terminal.driver.values import CardInfo
from sscard_chip.terminal.loads import LoadInDoubtError
from sscard_chip.terminal.psam_client import SamError
from tests.bench.shop import BALANCE, PIN, TIME
from tests.settlement.loading.office import Office, office


def driver_of(desk: Office, *faults: FaultAt) -> tuple[Driver, FaultyConnection]:
    slot = FaultyConnection(desk.shop._connect(), *faults)
    slots = Slots(contact=slot, psam=desk.shop.psam_slot)
    return Driver(slots, pin_pad=lambda prompt: PIN), slot


def card_of(driver: Driver) -> CardInfo:
    return driver.read_card_basics(InterfaceType.CONTACT).card_info


@pytest.mark.parametrize("generation", [1, 3])
def test_a_load_by_the_driver(ledger: Ledger, tmp_path: Path, generation: int) -> None:
    desk = office(ledger, tmp_path, generation)
    driver, slot = driver_of(desk)
    card = card_of(driver)
    before = slot.exchanges
    desk.allocate(700)
    result = driver.load(InterfaceType.CONTACT, card, desk.host, TIME)
    count = slot.exchanges - before
    assert (result.fen, result.balances and result.balances.account_fen) == (700, BALANCE + 700)
    desk.audit()
    wrong = CardInfo("0" * 32, card.card_number)
    with pytest.raises(DriverError):
        driver.load(InterfaceType.CONTACT, wrong, desk.host, TIME)
    doubts = 0
    for at in range(1, count + 1):
        desk.allocate(at)
        cut, cut_slot = driver_of(desk, FaultAt(ExchangeFault.REMOVED, at))
        try:
            cut.load(InterfaceType.CONTACT, card, desk.host, TIME)
        except LoadInDoubtError:
            doubts += 1
        except (DriverError, SamError, TerminalConnectionError):
            pass
        cut_slot.insert()
        cut.load(InterfaceType.CONTACT, card, desk.host, TIME)
        assert cut.load(InterfaceType.CONTACT, card, desk.host, TIME).loads == ()
        desk.audit()
    assert doubts == 2  # CREDIT and its GET RESPONSE
