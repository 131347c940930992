# SPDX-License-Identifier: Apache-2.0
"""A bank whose root keys are in a token: cards issued and authorised, counter and script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from issuance.bank.personalise import Bank
from issuance.bank.roots import CARD_KEYS
from issuance.personalise import issue_card
from issuance.stores.pkcs11 import Pkcs11Store
from issuance.stores.tokenurl import TokenUrl
from sscard_chip.card import Card
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import Decision
from sscard_chip.terminal.bank.terminal import BankPurchase
from sscard_chip.terminal.connection import connect_card
from tests.bank.bank import NOON, PAN, holder, profile, roots
from tests.hsm.conftest import PIN, Tokens


@pytest.fixture(scope="module")
def bank_store(tokens: Tokens) -> Iterator[Pkcs11Store]:
    """Keys that were made in the token."""
    with Pkcs11Store(TokenUrl.parse(tokens.make()), PIN) as store:
        store.generate([(suite, name, 1) for suite in ("3des", "sm4") for name in CARD_KEYS])
        yield store


@pytest.mark.parametrize("suite", ["3des", "sm4"])
def test_a_payment_with_a_script(bank_store: Pkcs11Store, suite: str) -> None:
    memory = issue_card(3, roots(), holder(suite=suite, pin="135790"), bank=Bank(bank_store))
    connection = connect_card(Card(memory))
    connection.power_on()
    host = IssuerHost(bank_store)
    host.queue(PAN, lambda script: script.load(5000).change_pin("246802"))
    terminal = PaymentTerminal(profile(), host, lambda _left: "135790")
    outcome = terminal.pay(connection, BankPurchase(1000, NOON))
    assert outcome.decision is Decision.APPROVED_ONLINE
    assert outcome.scripts[0].status_words == (0x9000, 0x9000)
