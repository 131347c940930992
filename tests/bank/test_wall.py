# SPDX-License-Identifier: Apache-2.0
"""A personalised card on both sides of the firewall: the bank's work leaves the social security
part as it is, byte by byte, and the other way round."""

from __future__ import annotations

from functools import cache

import pytest

from sscard_chip.card import Card
from sscard_chip.filesystem.layout import HISTORICAL_AT
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.standard.purse_transactions import TransactionType
from sscard_chip.terminal.bank.purse_host import PurseHost
from sscard_chip.terminal.bank.purse_sam import PurseSam
from sscard_chip.terminal.bank.purse_terminal import PurseTerminal
from sscard_chip.terminal.bank.results import Decision
from sscard_chip.terminal.bank.scripts import ECASH_BALANCE
from sscard_chip.terminal.connection import connect_card
from tests.bank.bank import PAN, PIN, bank, issue
from tests.bank.payments import contact, contactless, get_data, host
from tests.vectors.cards import SCRIPTS, bank_card, card_image, play

NUMBER, TIME = bytes.fromhex("112233445566"), bytes.fromhex("20261128120000")
SOCIAL_SECURITY = [name for name, script in SCRIPTS.items() if name != "foreign-aids"]


def cells(card: Card) -> bytes:
    return bytes(card.files.memory.cells)


def length(memory: bytes) -> int:
    """Where the files of a card end."""
    return int.from_bytes(memory[4:HISTORICAL_AT])


@cache
def alone(generation: int) -> bytes:
    """The memory of the same card without bank part, up to the end of its files."""
    memory = cells(issue(generation, algorithm="3des", pan=None))
    return memory[: length(memory)]


def social_security_part(card: Card) -> bytes:
    generation = 3 if card.contactless else 2
    return cells(card)[HISTORICAL_AT : len(alone(generation))]


@pytest.mark.parametrize("state", ["active", "dormant"])
@pytest.mark.parametrize("generation", [2, 3])
def test_the_social_security_part_is_the_same_with_and_without_bank(
    generation: int, state: str
) -> None:
    card = issue(generation, algorithm="3des", pin=PIN, state=state, oda="dda", purse={})
    assert social_security_part(card) == alone(generation)[HISTORICAL_AT:]
    assert length(cells(card)) > len(alone(generation))


@pytest.mark.parametrize("generation", [2, 3])
def test_the_bank_s_work_leaves_it_alone(generation: int) -> None:
    card = issue(
        generation,
        algorithm="3des",
        pin=PIN,
        ecash={"balance_fen": 5000},
        purse={"balance_fen": 500},
    )
    issuer = host()
    issuer.queue(PAN, lambda script: script.put_amount(ECASH_BALANCE, 7000).change_pin("246802"))
    assert contact(card, issuer).scripts[0].status_words == (0x9000, 0x9000)
    contact(card, issuer, pin="9999")
    if generation == 3:
        assert contactless(card).decision is Decision.APPROVED_OFFLINE
        assert get_data(card, 0x9F79) == bytes.fromhex("000000006000")
    _use_purse(card)
    assert social_security_part(card) == alone(generation)[HISTORICAL_AT:]


def _use_purse(card: Card) -> None:
    store = bank().store
    (dpk,) = store.diversify("3des", "PURSE_DPK", 1, [()])
    connection = connect_card(card)
    connection.power_on()
    terminal = PurseTerminal(connection, NUMBER)
    terminal.select()
    terminal.verify(bytes.fromhex(PIN))
    terminal.load(PurseHost(store, "3des"), TransactionType.PURSE_LOAD, 1_000, TIME)
    psam = PurseSam("3des", dpk, NUMBER)
    terminal.purchase(psam, TransactionType.PURSE_PURCHASE, 250, TIME)


@pytest.mark.parametrize("generation", [2, 3])
@pytest.mark.parametrize("name", SOCIAL_SECURITY)
def test_programs_of_social_security_leave_the_bank_alone(name: str, generation: int) -> None:
    script = SCRIPTS[name]
    card = bank_card(generation, script)
    end = length(bytes(card_image(generation, script).cells))
    before = cells(card)
    assert play(script, ContactInterface(card), generation).passed
    assert cells(card)[end:] == before[end:]
