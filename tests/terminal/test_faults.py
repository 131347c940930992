# SPDX-License-Identifier: Apache-2.0
"""Functions cut at every exchange, and what they leave in logs and texts."""

from __future__ import annotations

import json
import logging

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.terminal.driver import (
    FUNCTIONS,
)
from tests.bench.desk import PIN, SERIAL, Desk
from tests.terminal.calls import FIRST, arguments

FAULTS = [
    (ExchangeFault.REMOVED, -2),
    (ExchangeFault.MUTE, -4),
    (ExchangeFault.SHORT, -4),
    (ExchangeFault.WRONG_STATUS, None),
]


def exchanges_of(name: str, generation: int) -> int:
    desk = Desk(generation)
    assert desk.call(name, *arguments(desk, name))[0] == 0
    return desk.contact.exchanges


@pytest.mark.parametrize("name", [name for name in FIRST if name != "iDoDebit"])
@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_a_fault_at_every_exchange(name: str, fault: ExchangeFault, code: int | None) -> None:
    for exchange in range(1, exchanges_of(name, 3) + 1):
        desk = Desk(3)
        given = arguments(desk, name)
        desk.contact = FaultyConnection(desk.contact, FaultAt(fault, exchange))
        desk.driver = desk.driver_with(desk.contact)
        result, _ = desk.call(name, *given)
        if code is None:
            assert result in (-28416, 0, -13), exchange  # 6F00, unless the file can do without
        else:
            assert result == code, exchange
        desk.contact.insert()
        repeated, _ = desk.call(name, *given)
        assert repeated == 0, exchange


def test_a_slow_card_is_waited_for() -> None:
    desk = Desk(2)
    slept: list[float] = []
    slot = FaultyConnection(
        desk.contact, FaultAt(ExchangeFault.SLOW, 3, delay_s=30), sleep=slept.append
    )
    assert FUNCTIONS["iReadCardBas"].call(desk.driver_with(slot), 1)[0] == 0
    assert slept == [30]


@pytest.mark.parametrize("name", ["iReadCard", "iWriteCard", "iReloadPIN", "iUnblockPIN"])
def test_the_psam_pulled_out_at_every_exchange(name: str) -> None:
    probe = Desk(2)
    assert probe.psam is not None
    given = arguments(probe, name)
    if name == "iReadCard":
        given[1] = 2
    assert probe.code(name, *given) == 0
    for exchange in range(1, probe.psam.exchanges + 1):
        desk = Desk(2)
        psam = FaultyConnection(desk.psam, FaultAt(ExchangeFault.REMOVED, exchange))
        driver = desk.driver_with(desk.contact, psam)
        assert FUNCTIONS[name].call(driver, *given)[0] == -2201, exchange
        psam.insert()
        assert FUNCTIONS[name].call(driver, *given)[0] == 0, exchange


def test_no_pin_and_no_holder_in_logs_and_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ("135790", "246802", "990000200102030012", "林知夏", SERIAL.hex())
    for exchange in range(1, 25):
        desk = Desk(2)
        desk.contact = FaultyConnection(desk.contact, FaultAt(ExchangeFault.WRONG_STATUS, exchange))
        desk.driver = desk.driver_with(desk.contact)
        desk.typed = [PIN, "246802", "246803"]
        texts = [json.dumps(desk.call("iChangePIN", 1), ensure_ascii=False)]
        texts.append(repr(desk.driver))
        for text in texts:
            assert not any(secret in text for secret in secrets)
    assert not any(secret in caplog.text for secret in secrets)
