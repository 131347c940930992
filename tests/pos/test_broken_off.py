# SPDX-License-Identifier: Apache-2.0
"""A sale cut anywhere ends, after recovery, paid once and recorded once, or neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.terminal import journal
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.pos import SaleRefusedError, Till, UnfinishedSaleError, dayfile
from tests.bench.shop import BILL, LATER, ROUTES, TIME, KilledError, Shop, exchanges

Route = tuple[int, str, bool]
FAULTS = [
    (fault, executed)
    for fault in ExchangeFault
    for executed in (False, True)
    if executed or fault is not ExchangeFault.SLOW
]


def sell_and_recover(shop: Shop) -> bool:
    """One sale at a till that survives; whether it was paid."""
    try:
        with shop.till() as till:
            try:
                till.sell(BILL, TIME)
            except UnfinishedSaleError:
                shop.insert()
                assert till.unfinished is not None
                return till.recover() is not None
    except SaleRefusedError:
        return False
    return True


@pytest.mark.parametrize(("fault", "executed"), FAULTS)
@pytest.mark.parametrize("slot", ["card", "psam"])
@pytest.mark.parametrize("route", [ROUTES[1], ROUTES[4]], ids=str)
def test_no_fault_of_a_connection_leaves_a_doubt(
    tmp_path: Path, route: Route, slot: str, fault: ExchangeFault, executed: bool
) -> None:
    generation, algorithm, contactless = route
    paid_any = refused_any = False
    count = exchanges(*route)[slot == "psam"]
    for exchange in range(1, count + 1):
        place = tmp_path / str(exchange)
        place.mkdir()
        faults = (FaultAt(fault, exchange, executed),)
        shop = Shop(
            place,
            generation,
            algorithm,
            contactless=contactless,
            retries=0,
            faults=faults if slot == "card" else (),
            psam_faults=faults if slot == "psam" else (),
        )
        paid = sell_and_recover(shop)
        shop.insert()
        assert shop.audit() == paid, exchange
        assert not shop.journal.exists()
        paid_any |= paid
        refused_any |= not paid
        if fault is ExchangeFault.SLOW:
            assert paid
            assert shop.slept == [1.0]
    # Without contacts DEBIT is the last command: what does not reach the card is not paid.
    assert paid_any == (executed or slot == "psam" or not contactless)
    assert refused_any == (fault is not ExchangeFault.SLOW)


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_card_pulled_at_every_command_and_put_back(
    tmp_path: Path, route: Route, executed: bool
) -> None:
    generation, algorithm, contactless = route
    outcomes = []
    for exchange in range(1, exchanges(*route)[0] + 1):
        place = tmp_path / str(exchange)
        place.mkdir()
        pulled = FaultAt(ExchangeFault.REMOVED, exchange, executed)
        shop = Shop(place, generation, algorithm, contactless=contactless, faults=(pulled,))
        paid = sell_and_recover(shop)
        shop.insert()
        assert shop.audit() == paid, exchange
        outcomes.append(paid)
    # Not paid up to some command, and paid from it on: never back again.
    assert outcomes == sorted(outcomes)
    # Over T=0 the answer to DEBIT is fetched in an exchange of its own.
    assert sum(outcomes) == (1 if contactless else 2) - (0 if executed else 1)


class Dying:
    """A connection whose terminal dies at one exchange, before or after the card has run it."""

    def __init__(self, connection: Connection, exchange: int, *, executed: bool) -> None:
        self._connection = connection
        self._left = exchange
        self._executed = executed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def transmit(self, apdu: bytes) -> bytes:
        self._left -= 1
        if self._left == 0 and not self._executed:
            raise KilledError
        answer = self._connection.transmit(apdu)
        if self._left == 0:
            raise KilledError
        return answer


def die(till: Till) -> None:
    """The process is gone: its locks and the power of the slots with it."""
    till.close()


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("slot", ["card", "psam"])
@pytest.mark.parametrize("route", [ROUTES[0], ROUTES[2]], ids=str)
def test_process_killed_at_every_command(
    tmp_path: Path, route: Route, slot: str, executed: bool
) -> None:
    generation, algorithm, _ = route
    outcomes = []
    for exchange in range(1, exchanges(*route)[slot == "psam"] + 1):
        place = tmp_path / str(exchange)
        place.mkdir()
        shop = Shop(place, generation, algorithm)
        inner: Connection = shop.card_slot if slot == "card" else shop.psam_slot
        dying: Any = Dying(inner, exchange, executed=executed)
        try:
            till = shop.till(**{slot: dying})
        except KilledError:
            outcomes.append(False)
            assert shop.audit() == 0
            continue
        with pytest.raises(KilledError):
            till.sell(BILL, TIME)
        die(till)
        with shop.till() as again:
            outcomes.append(again.recover() is not None)
        assert shop.audit() == outcomes[-1], exchange
    assert outcomes == sorted(outcomes)


@pytest.fixture
def die_at_write(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[int, Callable[[int], int]], list[int]]:
    """Kill the process in its n-th write to a file, with some of the bytes written."""

    def install(at: int, kept: Callable[[int], int]) -> list[int]:
        writes: list[int] = []
        real = journal.write_at

        def write(descriptor: int, data: bytes, offset: int) -> None:
            writes.append(len(data))
            if len(writes) == at:
                real(descriptor, data[: kept(len(data))], offset)
                raise KilledError
            real(descriptor, data, offset)

        monkeypatch.setattr(dayfile, "write_at", write)
        monkeypatch.setattr(journal, "write_at", write)
        return writes

    return install


KEPT: dict[str, Callable[[int], int]] = {
    "nothing": lambda size: 0,
    "half": lambda size: size // 2,
    "all but LF": lambda size: size - 1,
    "all": lambda size: size,
}


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("at", range(1, 6), ids=["header", "debit", "answer", "row", "recorded"])
def test_process_killed_in_every_write(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    die_at_write: Callable[[int, Callable[[int], int]], list[int]],
    at: int,
    kept: str,
) -> None:
    shop = Shop(tmp_path, 2)
    till = None
    try:
        writes = die_at_write(at, KEPT[kept])
        till = shop.till()
        till.sell(BILL, TIME)
    except KilledError:
        monkeypatch.undo()
    assert len(writes) == at
    if till is not None:
        die(till)
    paid = at > 2
    with shop.till() as again:
        outcome = again.recover()
        # What was closed in the journal needs no recovery.
        assert (outcome is not None) == (paid and (at, kept) != (5, "all"))
    assert shop.audit() == paid
    assert not shop.journal.exists()


def test_the_same_sale_again_after_a_kill_is_not_paid_twice(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    card_commands, _ = exchanges(*ROUTES[1])
    dying: Any = Dying(shop.card_slot, card_commands, executed=True)
    till = shop.till(dying)
    with pytest.raises(KilledError):
        till.sell(BILL, TIME)
    die(till)
    with shop.till() as again:
        outcome = again.sell(BILL, LATER)
        assert outcome.recovered
        assert outcome.row.time == TIME
    assert shop.audit() == 1


def test_recovery_may_break_off_too(tmp_path: Path) -> None:
    """Cut DEBIT's answer, then every command of the recovery in turn."""
    last = exchanges(*ROUTES[1])[0]
    for further in range(1, 40):
        place = tmp_path / str(further)
        place.mkdir()
        faults = (
            FaultAt(ExchangeFault.REMOVED, last),
            FaultAt(ExchangeFault.MUTE, last + further),
        )
        shop = Shop(place, 2, faults=faults)
        with shop.till() as till:
            with pytest.raises(UnfinishedSaleError):
                till.sell(BILL, TIME)
            till._station.sam.awaited = None  # the PSAM has forgotten: the long way
            shop.insert()
            try:
                done = till.recover()
            except UnfinishedSaleError:
                done = till.recover()
            assert done is not None
        assert shop.audit() == 1
        if shop.card_slot.exchanges < last + further:
            return
    pytest.fail("the recovery has no end")


@pytest.mark.parametrize("fault", [ExchangeFault.MUTE, ExchangeFault.SHORT])
def test_a_break_before_the_debit_starts_again_by_itself(
    tmp_path: Path, fault: ExchangeFault
) -> None:
    last = exchanges(*ROUTES[4])[0]
    for exchange in range(1, last):
        place = tmp_path / str(exchange)
        place.mkdir()
        shop = Shop(place, 3, contactless=True, faults=(FaultAt(fault, exchange),))
        with shop.till() as till:
            try:
                till.sell(BILL, TIME)
            except SaleRefusedError:
                # VERIFY may have counted: the terminal must not send the PIN again unasked.
                assert len(shop.asked) == 1
                assert shop.card_slot.exchanges == exchange
                assert not till.rows
                continue
            assert len(shop.asked) == 1
        assert shop.audit() == 1


@pytest.mark.parametrize("fault", [ExchangeFault.MUTE, ExchangeFault.SHORT])
def test_a_break_of_the_psam_is_no_loss(tmp_path: Path, fault: ExchangeFault) -> None:
    """Before DEBIT the sale starts again; behind it only MAC2 stays unchecked."""
    last = exchanges(*ROUTES[1])[1]
    for exchange in range(1, last + 1):
        place = tmp_path / str(exchange)
        place.mkdir()
        shop = Shop(place, 2, psam_faults=(FaultAt(fault, exchange),))
        try:
            till = shop.till()
        except SaleRefusedError:  # the PSAM is looked at when the till is opened
            till = shop.till()
        with till:
            assert till.sell(BILL, TIME).mac2 is (None if exchange == last else True)
        assert shop.audit() == 1
