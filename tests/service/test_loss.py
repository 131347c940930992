# SPDX-License-Identifier: Apache-2.0
"""挂失, 解挂, 正式挂失: by whom, in which channel, and what follows."""

from __future__ import annotations

import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardStatus, status_of
from sscard_chip.settlement.schema.services import outbox
from sscard_service import Code
from tests.service.city import LIN, LIN_CARD, NOBODY, WANG, City


def status(city: City, number: int = 1) -> CardStatus:
    """The ledger's own word on a card."""
    with city.ledger.reading() as t:
        return status_of(t, number, city.now.strftime("%Y%m%d%H%M%S"))


def test_a_loss_by_telephone_stops_the_card_and_is_lifted_with_more_proof(city: City) -> None:
    said = city.ask("loss", channel="ivr", card_number="000013")
    assert said.data["status"] == 4
    assert said.data["changed"] is True
    assert status(city) is CardStatus.TEMPORARY_LOSS
    assert city.refused("lift", channel="ivr", card_number="000013") is Code.CHANNEL
    assert city.refused("lift", channel="site", card_number="000013") is Code.LEVEL_TOO_LOW
    assert city.ask("lift").data["status"] == 1
    assert status(city) is CardStatus.NORMAL


def test_a_loss_tells_tills_and_holder_in_its_transaction(city: City) -> None:
    city.ask("loss", channel="ivr", card_number="000013")
    with city.ledger.reading() as t:
        kinds = t.connection.execute(sa.select(outbox.c.kind).order_by(outbox.c.id)).scalars().all()
    assert kinds == ["hotlist", "holder"]


def test_a_formal_loss_is_final_and_the_bank_of_a_linked_card_hears_of_it(city: City) -> None:
    city.ask("formal", WANG)
    assert status(city, 2) is CardStatus.FORMAL_LOSS
    assert city.refused("lift", WANG) is Code.STATE
    with city.ledger.reading() as t:
        kinds = t.connection.execute(sa.select(outbox.c.kind).order_by(outbox.c.id)).scalars().all()
    assert kinds == ["hotlist", "bank"]


def test_wrong_proof_and_unknown_person_are_one_answer(city: City) -> None:
    assert city.refused("balance", channel="ivr", card_number="000014") is Code.WRONG_PROOF
    assert city.refused("balance", NOBODY, "ivr", card_number="000013") is Code.WRONG_PROOF
    assert city.refused("balance", channel="site", card_number="000013", name="王知夏") is (
        Code.WRONG_PROOF
    )


def test_whoever_guesses_waits_and_the_loss_is_still_reported(city: City) -> None:
    for _ in range(5):
        assert city.refused("balance", channel="ivr", card_number="999999") is Code.WRONG_PROOF
    assert city.refused("balance", channel="ivr", card_number="000013") is Code.LOCKED
    assert city.ask("loss", channel="ivr", card_number="000013").data["changed"] is True
    city.later(seconds=61)
    assert city.ask("balance", channel="ivr", card_number="000013").data["balance_fen"] == 12_345


def test_the_same_request_is_done_once_and_another_under_its_number_is_refused(city: City) -> None:
    first = city.ask("loss", channel="ivr", card_number="000013", request="call-1")
    city.ask("lift")
    again = city.ask("loss", channel="ivr", card_number="000013", request="call-1")
    assert (again.repeated, again.data) == (True, first.data)
    assert status(city) is CardStatus.NORMAL
    assert city.refused("loss", WANG, "ivr", card_number="000021", request="call-1") is (
        Code.KEY_REUSED
    )


def test_a_named_card_must_be_the_persons(city: City) -> None:
    assert city.refused("loss", WANG, card=LIN_CARD) is Code.NOT_FOUND
    assert city.ask("loss", LIN, card=LIN_CARD).data["card"] == "*****0013"
