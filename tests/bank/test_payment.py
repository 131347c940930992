# SPDX-License-Identifier: Apache-2.0
"""Whole payments: our card, our terminal, our issuer, over T=0 and without contacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from issuance.bank.roots import bank_slots
from issuance.roots import RootKeys
from sscard_chip.filesystem.files import LinearFile
from sscard_chip.terminal.bank.contactless import ContactlessTerminal
from sscard_chip.terminal.bank.cryptograms import IssuerData
from sscard_chip.terminal.bank.data import (
    APPROVED,
    NOT_SUFFICIENT,
    SUSPECTED_FRAUD,
    UNABLE_ONLINE,
    AuthorisationRequest,
    AuthorisationResponse,
)
from sscard_chip.terminal.bank.errors import NotAcceptedError
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import Decision, Tsi, Tvr
from sscard_chip.terminal.bank.scripts import (
    ECASH_BALANCE,
    ECASH_LIMIT,
)
from sscard_chip.terminal.bank.terminal import BankPurchase
from sscard_chip.terminal.bank.tlv import tlv
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import connect_card
from tests.bank.bank import NOON, PAN, PIN, bank, issue, profile
from tests.bank.payments import contact, contactless, flip, get_data, host, settlement

NEW_PIN = "246802"
SUITES = pytest.mark.parametrize("suite", ["3des", "sm4"])
ODA = pytest.mark.parametrize("oda", ["none", "sda", "dda", "sm2"])
ONLINE = Tsi.CARD_RISK | Tsi.ISSUER_AUTHENTICATION | Tsi.TERMINAL_RISK | Tsi.CARDHOLDER


# --- on-line --------------------------------------------------------------------------------------


@SUITES
@ODA
def test_a_whole_payment_with_a_script(suite: str, oda: str) -> None:
    card = issue(suite=suite, oda=oda, pin=PIN, ecash={"balance_fen": 500})
    issuer = host()
    issuer.queue(PAN, lambda script: script.put_amount(ECASH_LIMIT, 200_000), before=True)
    issuer.queue(
        PAN,
        lambda script: script.put_amount(ECASH_BALANCE, 150_000).change_pin(NEW_PIN),
    )
    outcome = contact(card, issuer)
    assert outcome.decision is Decision.APPROVED_ONLINE
    assert outcome.response_code == APPROVED
    expected = {
        "none": Tvr.ODA_NOT_PERFORMED, "sda": Tvr.SDA_SELECTED, "dda": Tvr(0), "sm2": Tvr(0),
    }[oda]  # fmt: skip
    assert outcome.tvr == expected | Tvr.FLOOR_LIMIT_EXCEEDED
    assert outcome.tsi == ONLINE | Tsi.SCRIPT | (Tsi(0) if oda == "none" else Tsi.ODA)
    assert [result.status_words for result in outcome.scripts] == [(0x9000,), (0x9000, 0x9000)]
    assert (outcome.label, outcome.pan, outcome.atc) == ("PBOC DEBIT", PAN, 1)
    assert get_data(card, ECASH_BALANCE).hex() == "000000150000"
    assert get_data(card, ECASH_LIMIT).hex() == "000000200000"
    # The PIN is the new one, and the final cryptogram is right for settlement.
    assert contact(card, issuer, pin=NEW_PIN).tvr == expected | Tvr.FLOOR_LIMIT_EXCEEDED
    request = settlement(outcome)
    assert issuer.verify(request).issuer_data.balance.hex() == "0000000500"


@SUITES
def test_a_payment_that_the_issuer_declines(suite: str) -> None:
    card = issue(suite=suite)
    outcome = contact(card, host(NOT_SUFFICIENT))
    assert outcome.decision is Decision.DECLINED_ONLINE
    assert outcome.response_code == NOT_SUFFICIENT
    assert not outcome.decision.approved
    host().verify(settlement(outcome))


@SUITES
def test_an_issuer_with_other_keys(suite: str) -> None:
    """It does not know the card's cryptogram, and the card does not know its answer."""
    other = IssuerHost(RootKeys({slot: bytes(16) for slot in bank_slots()}))
    card = issue(suite=suite)
    outcome = contact(card, other)
    assert outcome.decision is Decision.DECLINED_ONLINE
    assert outcome.response_code == SUSPECTED_FRAUD


class Forger:
    """An issuer that answers what it likes."""

    def __init__(self, forge: Callable[[AuthorisationResponse], AuthorisationResponse]) -> None:
        self._host = host()
        self._forge = forge
        self._host.queue(PAN, lambda script: script.put_amount(ECASH_BALANCE, 1))

    def authorise(self, request: AuthorisationRequest) -> AuthorisationResponse:
        return self._forge(self._host.authorise(request))


@SUITES
@pytest.mark.parametrize("at", range(8))
def test_a_forged_arpc(suite: str, at: int) -> None:
    card = issue(suite=suite)
    forger = Forger(lambda answer: replace(answer, issuer_data=flip(answer.issuer_data, at)))
    outcome = contact(card, forger)
    assert outcome.decision is Decision.DECLINED_ONLINE
    assert Tvr.ISSUER_AUTHENTICATION_FAILED in outcome.tvr


@SUITES
def test_a_forged_script(suite: str) -> None:
    card = issue(suite=suite, ecash={"balance_fen": 500})
    forger = Forger(
        lambda answer: replace(
            answer, scripts=(flip(answer.scripts[0], len(answer.scripts[0]) - 5),)
        )
    )
    outcome = contact(card, forger)
    assert outcome.decision is Decision.APPROVED_ONLINE
    assert Tvr.SCRIPT_FAILED_AFTER in outcome.tvr
    assert outcome.scripts[0].status_words == (0x6988,)
    assert get_data(card, ECASH_BALANCE).hex() == "000000000500"


def test_a_script_that_fails_ends_there_and_the_next_transaction_tells() -> None:
    card = issue(ecash={"limit_fen": 1000})
    issuer = host()
    for before in (True, False):
        issuer.queue(
            PAN,
            lambda script: script.put_amount(ECASH_BALANCE, 5000).put_amount(ECASH_LIMIT, 1),
            before=before,
        )
        outcome = contact(card, issuer)
        failed = Tvr.SCRIPT_FAILED_BEFORE if before else Tvr.SCRIPT_FAILED_AFTER
        assert outcome.tvr & (Tvr.SCRIPT_FAILED_BEFORE | Tvr.SCRIPT_FAILED_AFTER) == failed
        issuer.verify(settlement(outcome))
    assert outcome.scripts[0].status_words == (0x6A80,)
    assert get_data(card, ECASH_LIMIT).hex() == "000000001000"
    # CVR byte 4, bit 4: a script failed in the transaction before.
    told: list[bytes] = []

    def decide(_request: AuthorisationRequest, data: IssuerData) -> bytes:
        told.append(data.cvr)
        return APPROVED

    contact(card, IssuerHost(bank().store, decide))
    assert told[0][3] & 0x08


@SUITES
def test_blocked_and_unblocked(suite: str) -> None:
    card = issue(suite=suite)
    issuer = host()
    issuer.queue(PAN, lambda script: script.block_application())
    assert contact(card, issuer).scripts[0].status_words == (0x9000,)
    with pytest.raises(NotAcceptedError):
        contact(card, issuer)


@SUITES
def test_pin_unblocked_by_the_issuer(suite: str) -> None:
    card = issue(suite=suite, pin=PIN)
    issuer = host()
    outcome = contact(card, issuer, pin="000000")
    assert Tvr.PIN_TRIES_EXCEEDED in outcome.tvr
    assert get_data(card, 0x9F17) == b"\x00"
    issuer.queue(PAN, lambda script: script.unblock_pin())
    contact(card, issuer)
    assert get_data(card, 0x9F17) == b"\x03"
    assert Tvr.PIN_TRIES_EXCEEDED not in contact(card, issuer).tvr


def test_the_card_is_blocked_for_good() -> None:
    card = issue()
    issuer = host()
    issuer.queue(PAN, lambda script: script.block_card())
    assert contact(card, issuer).scripts[0].status_words == (0x9000,)
    with pytest.raises((NotAcceptedError, CardStatusError)):
        contact(card, issuer)


def test_a_record_is_replaced() -> None:
    card = issue()
    issuer = host()
    record = tlv(0x70, tlv(0x5F34, b"\x00"))
    issuer.queue(PAN, lambda script: script.update_record(3, 1, record))
    assert contact(card, issuer).scripts[0].status_words == (0x9000,)


# --- off-line -------------------------------------------------------------------------------------


def test_the_issuer_is_not_reached() -> None:
    class Away:
        def authorise(self, request: AuthorisationRequest) -> None:
            return None

    outcome = contact(issue(), Away())
    assert outcome.decision is Decision.DECLINED_OFFLINE
    assert outcome.response_code == UNABLE_ONLINE


def test_a_terminal_without_issuer() -> None:
    outcome = contact(issue(), None)
    assert outcome.decision is Decision.DECLINED_OFFLINE
    assert outcome.response_code is None
    host().verify(settlement(outcome))


def test_the_holder_gives_up() -> None:
    card = issue(pin=PIN)
    outcome = contact(card, host(), pin=None)
    assert Tvr.PIN_NOT_ENTERED in outcome.tvr


def test_a_terminal_without_pin_pad() -> None:
    outcome = contact(issue(pin=PIN), host(), pin_pad=False)
    assert outcome.data[0x9F34].hex() == "1e0300"
    assert Tvr.CARDHOLDER_NOT_VERIFIED not in outcome.tvr


@pytest.mark.parametrize(
    ("days", "bit"), [(-365, Tvr.NOT_YET_EFFECTIVE), (20 * 365, Tvr.EXPIRED), (0, Tvr(0))]
)
def test_dates(days: int, bit: Tvr) -> None:
    connection = connect_card(issue())
    connection.power_on()
    purchase = BankPurchase(1000, NOON + timedelta(days=days))
    outcome = PaymentTerminal(profile(), host()).pay(connection, purchase)
    assert outcome.tvr & (Tvr.NOT_YET_EFFECTIVE | Tvr.EXPIRED) == bit


def test_another_version_of_the_application() -> None:
    outcome = contact(issue(), host(), version=bytes.fromhex("0096"))
    assert Tvr.VERSIONS_DIFFER in outcome.tvr


@SUITES
@pytest.mark.parametrize("oda", ["dda", "sm2"])
def test_electronic_cash_with_contacts(suite: str, oda: str) -> None:
    """A card with PDOL, and a terminal that offers electronic cash below its floor limit."""
    card = issue(suite=suite, oda=oda, pdol=True, ecash={"balance_fen": 5000})
    connection = connect_card(card)
    connection.power_on()
    terminal = PaymentTerminal(profile(floor_limit_fen=100_000), host())
    outcome = terminal.pay(connection, BankPurchase(1234, NOON, ecash=True))
    assert outcome.decision is Decision.APPROVED_OFFLINE
    assert outcome.tvr == Tvr(0)
    assert get_data(card, ECASH_BALANCE).hex() == "000000003766"
    host().verify(settlement(outcome))
    connection.power_on()
    outcome = terminal.pay(connection, BankPurchase(3767, NOON, ecash=True))
    assert outcome.decision is Decision.APPROVED_ONLINE
    assert get_data(card, ECASH_BALANCE).hex() == "000000003766"


# --- offline data authentication ------------------------------------------------------------------


@pytest.mark.parametrize("oda", ["sda", "dda", "sm2"])
def test_an_authority_that_the_terminal_does_not_know(oda: str) -> None:
    outcome = contact(issue(oda=oda), host(), authorities={})
    failed = Tvr.SDA_FAILED if oda == "sda" else Tvr.DDA_FAILED
    assert failed in outcome.tvr
    assert outcome.decision is Decision.APPROVED_ONLINE


@pytest.mark.parametrize("oda", ["sda", "dda", "sm2"])
def test_a_changed_record_is_found(oda: str) -> None:
    """The card of a forger who has moved the expiry."""
    card = issue(oda=oda)
    for directory in card.files.directories:
        file = directory.files.get(0xEF02)
        if directory.name.startswith(bytes.fromhex("A000000333")) and isinstance(file, LinearFile):
            record = file.record(8)
            at = record.index(bytes.fromhex("5F2403")) + 3
            file.stage_update(8, record[:at] + b"\x49" + record[at + 1 :])
            card.files.memory.commit()
    outcome = contact(card, host())
    assert (Tvr.SDA_FAILED if oda == "sda" else Tvr.DDA_FAILED) in outcome.tvr


# --- without contacts -----------------------------------------------------------------------------


@SUITES
@ODA
def test_a_purchase_from_electronic_cash(suite: str, oda: str) -> None:
    card = issue(suite=suite, oda=oda, ecash={"balance_fen": 5000})
    outcome = contactless(card, None, 1234)
    assert outcome.decision is Decision.APPROVED_OFFLINE
    assert get_data(card, ECASH_BALANCE).hex() == "000000003766"
    dynamic = oda in ("dda", "sm2")
    assert outcome.tvr == (Tvr(0) if dynamic else Tvr.ODA_NOT_PERFORMED)
    assert (0x9F4C in outcome.data) == dynamic
    verified = host().verify(settlement(outcome))
    assert verified.issuer_data.balance.hex() == "0000003766"


@SUITES
def test_a_purchase_that_the_electronic_cash_does_not_cover(suite: str) -> None:
    card = issue(suite=suite, ecash={"balance_fen": 500})
    assert contactless(card, host(), 501).decision is Decision.APPROVED_ONLINE
    assert contactless(card, host(NOT_SUFFICIENT), 501).decision is Decision.DECLINED_ONLINE
    assert contactless(card, None, 501).decision is Decision.DECLINED_OFFLINE
    assert contactless(card, host(), 500, force_online=True).response_code == APPROVED
    assert get_data(card, ECASH_BALANCE).hex() == "000000000500"


def test_loaded_with_contacts_spent_without() -> None:
    card = issue(suite="sm4", oda="sm2")
    issuer = host()
    issuer.queue(PAN, lambda script: script.put_amount(ECASH_BALANCE, 60_000))
    assert contact(card, issuer, 0).decision is Decision.APPROVED_ONLINE
    for left in (59_000, 58_000, 57_000):
        outcome = contactless(card)
        assert outcome.decision is Decision.APPROVED_OFFLINE
        assert int(outcome.data[0x9F5D].hex()) == left


@pytest.mark.parametrize("oda", ["dda", "sm2"])
def test_a_contactless_card_that_is_not_genuine(oda: str) -> None:
    card = issue(oda=oda, ecash={"balance_fen": 5000})
    connection = connect_card(card, contactless=True)
    connection.power_on()
    terminal = ContactlessTerminal(replace(profile(), authorities={}))
    outcome = terminal.pay(connection, BankPurchase(1000, NOON))
    assert outcome.decision is Decision.DECLINED_OFFLINE
    assert outcome.tvr == Tvr.DDA_FAILED


def test_a_contactless_card_that_has_expired() -> None:
    card = issue(ecash={"balance_fen": 5000})
    connection = connect_card(card, contactless=True)
    connection.power_on()
    late = BankPurchase(1000, NOON + timedelta(days=20 * 365))
    outcome = ContactlessTerminal(profile()).pay(connection, late)
    assert outcome.decision is Decision.DECLINED_OFFLINE
