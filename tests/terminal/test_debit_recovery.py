# SPDX-License-Identifier: Apache-2.0
"""A debit cut at every exchange pays once and is told once, or not at all."""

from __future__ import annotations

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.terminal.connection import connect_card
from tests.bench.desk import CARDS, PAY, TERMINAL, Desk

RECORD = f"0^{TERMINAL}^20260102030405^10.00^8.00^|"
FAULTS = [
    (fault, executed)
    for fault in (
        ExchangeFault.REMOVED,
        ExchangeFault.MUTE,
        ExchangeFault.SHORT,
        ExchangeFault.WRONG_STATUS,
    )
    for executed in (True, False)
]
IN_DOUBT = "it is not known whether the card has paid; insert it and call again"


def whole(generation: int = 2, algorithm: str | None = None) -> tuple[int, int, str]:
    """Exchanges of an undisturbed debit with card and PSAM, and what it says."""
    desk = Desk(generation, algorithm)
    code, text = desk.call("iDoDebit", 1, desk.card_info, PAY)
    assert code == 0
    assert desk.psam is not None
    return desk.contact.exchanges, desk.psam.exchanges, text


def faulty_desk(
    fault: FaultAt, generation: int = 2, algorithm: str | None = None, *, psam: bool = False
) -> tuple[Desk, FaultyConnection]:
    desk = Desk(generation, algorithm)
    inner = desk.psam if psam else desk.contact
    assert inner is not None
    slot = FaultyConnection(inner, fault, sleep=lambda seconds: None)
    desk.driver = desk.driver_with(*((desk.contact, slot) if psam else (slot,)))
    return desk, slot


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize(("fault", "executed"), FAULTS)
def test_cut_at_every_exchange_with_the_card(
    fault: ExchangeFault, executed: bool, generation: int, algorithm: str
) -> None:
    count, _, _ = whole(generation, algorithm)
    for exchange in range(1, count + 1):
        place = FaultAt(fault, exchange, executed=executed)
        desk, slot = faulty_desk(place, generation, algorithm)
        code, text = desk.call("iDoDebit", 1, desk.card_info, PAY)
        slot.insert()
        if code:
            assert "|" not in text, exchange
            code, text = desk.call("iDoDebit", 1, desk.card_info, PAY)
        assert (code, text.count("|")) == (0, 8), exchange
        assert desk.call("iReadDebitRecord", 1) == (0, RECORD), exchange


@pytest.mark.parametrize(("fault", "executed"), FAULTS)
def test_cut_at_every_exchange_with_the_psam(fault: ExchangeFault, executed: bool) -> None:
    _, count, _ = whole()
    for exchange in range(1, count + 1):
        desk, slot = faulty_desk(FaultAt(fault, exchange, executed=executed), psam=True)
        code, text = desk.call("iDoDebit", 1, desk.card_info, PAY)
        slot.insert()
        paid = desk.call("iReadDebitRecord", 1)[1]
        if exchange == count:  # CREDIT SAM: the card has paid, whatever the PSAM says
            assert (code, text.count("|"), paid) == (0, 8, RECORD)
        elif code:
            assert paid == "", exchange
            assert desk.code("iDoDebit", 1, desk.card_info, PAY) == 0, exchange
        else:
            assert paid == RECORD, exchange  # a wrong word at a file of the PSAM's


def debit_pulled_out(*, executed: bool) -> tuple[Desk, FaultyConnection, str]:
    """The card leaves at DEBIT, before whose GET RESPONSE nothing is said."""
    count, _, text = whole()
    desk, slot = faulty_desk(FaultAt(ExchangeFault.REMOVED, count - 1, executed=executed))
    assert desk.call("iDoDebit", 1, desk.card_info, PAY) == (-2, IN_DOUBT)
    return desk, slot, text


def test_a_debit_in_doubt_is_settled_by_the_same_call() -> None:
    desk, slot, text = debit_pulled_out(executed=True)
    assert desk.call("iDoDebit", 1, desk.card_info, PAY) == (-2, IN_DOUBT)
    slot.insert()
    prompts = len(desk.prompts)
    assert desk.call("iDoDebit", 1, desk.card_info, PAY) == (0, text)
    assert len(desk.prompts) == prompts  # nobody types a PIN for a debit that is done
    assert desk.call("iReadDebitRecord", 1) == (0, RECORD)


def test_a_debit_that_was_not_done_is_done_by_the_same_call() -> None:
    desk, slot, _ = debit_pulled_out(executed=False)
    slot.insert()
    code, text = desk.call("iDoDebit", 1, desk.card_info, PAY)
    assert code == 0
    assert f"|{TERMINAL}|00000002|" in text  # a new number of the PSAM's
    assert desk.call("iReadDebitRecord", 1) == (0, RECORD)


def test_another_card_does_not_settle_it() -> None:
    desk, slot, text = debit_pulled_out(executed=True)
    slot.insert(connect_card(Desk(2, card_number="Z00000021").card))
    assert desk.call("iDoDebit", 1, desk.card_info, PAY) == (-22, IN_DOUBT)
    slot.remove()
    slot.insert(desk.contact)
    assert desk.call("iDoDebit", 1, desk.card_info, PAY) == (0, text)


def test_another_debit_forgets_the_one_in_doubt() -> None:
    desk, slot, _ = debit_pulled_out(executed=True)
    slot.insert()
    other = PAY.replace("10.00", "11.00")
    assert desk.code("iDoDebit", 1, desk.card_info, other) == 0
    _, text = desk.call("iReadDebitRecord", 1)
    assert text == f"1^{TERMINAL}^20260102030405^11.00^8.00^|{RECORD}"


def test_a_psam_that_left_after_the_card_paid_is_no_failure() -> None:
    """Its code would send the caller to the HSM, to pay once more."""
    _, count, text = whole()
    desk, _ = faulty_desk(FaultAt(ExchangeFault.REMOVED, count, executed=False), psam=True)
    assert desk.call("iDoDebit", 1, desk.card_info, PAY) == (0, text)


@pytest.mark.parametrize("word", ["9302", "63CF"])
def test_a_wrong_mac2_has_its_code_and_the_tac(word: str) -> None:
    _, count, text = whole()
    fault = FaultAt(ExchangeFault.WRONG_STATUS, count, status=bytes.fromhex(word))
    desk, _ = faulty_desk(fault, psam=True)
    assert desk.call("iDoDebit", 1, desk.card_info, PAY) == (-37634, text)


# --- with the HSM --------------------------------------------------------------------------------


def steps(desk: Desk) -> tuple[str, str]:
    """Step 1 done: its output and the pKey for Step 2."""
    code, request = desk.call("iDoDebit_HSM_Step1", 1, desk.card_info, PAY)
    assert code == 0
    hsm = desk.hsm.card(desk.driver.division, desk.driver.reset_information)
    return request, hsm.init_debit(request)


@pytest.mark.parametrize(("fault", "executed"), FAULTS)
def test_step_2_cut_at_debit(fault: ExchangeFault, executed: bool) -> None:
    probe = Desk(2)
    steps(probe)
    exchange = probe.contact.exchanges + 1
    desk, slot = faulty_desk(FaultAt(fault, exchange, executed=executed))
    request, key = steps(desk)
    code, text = desk.call("iDoDebit_HSM_Step2", key)
    if fault is ExchangeFault.REMOVED:
        assert (code, text) == (-2, IN_DOUBT)
        assert desk.call("iDoDebit_HSM_Step2", key) == (-2, IN_DOUBT)
        slot.insert()
        code, text = desk.call("iDoDebit_HSM_Step2", key)
    paid = desk.call("iReadDebitRecord", 1)[1]
    if executed:
        assert (code, paid) == (0, RECORD)
        steps(desk)
        hsm = desk.hsm.card(desk.driver.division, desk.driver.reset_information)
        assert hsm.check_debit(request, text)
    else:
        expected = {ExchangeFault.REMOVED: -3, ExchangeFault.WRONG_STATUS: -28416}.get(fault, -4)
        assert (code, paid) == (expected, "")


def test_step_2_is_not_settled_by_another_key() -> None:
    probe = Desk(2)
    steps(probe)
    desk, slot = faulty_desk(FaultAt(ExchangeFault.REMOVED, probe.contact.exchanges + 1))
    _, key = steps(desk)
    assert desk.code("iDoDebit_HSM_Step2", key) == -2
    slot.insert()
    assert desk.code("iDoDebit_HSM_Step2", key.replace("00000001", "00000002")) == -3
