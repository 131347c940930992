# SPDX-License-Identifier: Apache-2.0
"""Faults that the model (``test_model.py``) has found, each by itself."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.schema.services import outbox
from sscard_service import CardProof, Code, ServiceCentre
from tests.service.city import LIN, PHONE, VALID, WANG, City, code_of, make_card, photo

FACE: Final[dict[str, Any]] = {"channel": "app", "face": True}
LOST: Final = {**VALID, "reason": "lost"}


def state(city: City) -> int:
    """The present card's, as a clerk sees it."""
    return int(city.ask("status").data["cards"][-1]["status"])


def told(city: City, kind: str) -> int:
    """How many messages of a kind are in the outbox."""
    with city.ledger.reading() as t:
        return Counter(t.connection.execute(sa.select(outbox.c.kind)).scalars())[kind]


# --- proofs ---------------------------------------------------------------------------------------


def test_a_right_proof_is_no_wrong_try_where_something_else_is_refused(city: City) -> None:
    for _ in range(7):
        assert city.refused("person", channel="site", card_number="000013") is Code.LEVEL_TOO_LOW
    assert city.ask("balance", channel="site", card_number="000013").data["balance_fen"] == 12_345


def test_a_refusal_that_follows_a_right_proof_forgets_the_wrong_ones(one_city: City) -> None:
    for _ in range(4):
        one_city.refused("balance", channel="site", card_number="999999")
    assert one_city.refused("lift", channel="site", card_number="000013") is Code.LEVEL_TOO_LOW
    for _ in range(4):
        assert one_city.refused("balance", channel="site", card_number="999999") is (
            Code.WRONG_PROOF
        )
    one_city.ask("balance", channel="site", card_number="000013")


# --- reports --------------------------------------------------------------------------------------


def test_a_report_that_is_dated_back_holds_from_when_it_was_made(city: City) -> None:
    back = {"time": "20260201090000", "reason": "was abroad"}
    assert city.ask("loss", details=back, second_clerk="0018").data["status"] == 4
    city.later(days=10, seconds=-1)
    assert state(city) == 4
    city.later(seconds=1)
    assert state(city) == 1


def test_a_report_of_before_a_lift_is_not_said_to_be_done(one_city: City) -> None:
    one_city.ask("loss")
    one_city.later(minutes=30)
    one_city.ask("lift")
    one_city.later(minutes=10)
    assert one_city.refused("loss", details={"time": "20260302091000"}) is Code.STATE
    one_city.ask("loss")
    assert one_city.refused("lift", details={"time": "20260302093500"}) is Code.STATE
    assert state(one_city) == 4


@pytest.mark.parametrize("operation", ["formal", "cancel"])
def test_a_bank_hears_of_the_end_of_its_card_after_a_temporary_report_too(
    one_city: City, operation: str
) -> None:
    one_city.ask("loss", WANG)
    assert told(one_city, "bank") == 0
    one_city.ask("lift", WANG)
    assert told(one_city, "bank") == 0
    one_city.ask("loss", WANG)
    one_city.ask(operation, WANG)
    assert told(one_city, "bank") == 1


def test_a_bank_that_hears_of_any_loss_hears_of_its_lift(one_city: City) -> None:
    region = one_city.region
    bank = msgspec.structs.replace(region.bank, notify="any")
    one_city.region = msgspec.structs.replace(region, bank=bank)
    now = one_city.centre.now
    one_city.centre = ServiceCentre(one_city.ledger, one_city.centre.keys, one_city.region, now)
    one_city.ask("loss", WANG)
    one_city.ask("lift", WANG)
    assert told(one_city, "bank") == 2


def test_a_card_that_was_replaced_stays_void_when_the_clock_is_set_back(city: City) -> None:
    """Else it would lapse into a second card that pays."""
    city.ask("contact", details={"phone": PHONE})
    receipt = str(
        city.ask("replace", details={**VALID, "reason": "damaged"}, photo=photo()).data["receipt"]
    )
    make_card(city, receipt, 9, "Z00000030")
    city.later(hours=1)
    city.ask("collect", details={"receipt": receipt})
    city.later(minutes=-30)
    for operation in ("loss", "formal"):
        assert city.refused(operation, card="Z00000013") is Code.STATE
    city.later(days=11)
    assert [one["status"] for one in city.ask("status").data["cards"]] == [9, 1]


# --- electronic cards -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["qr", "auth"])
def test_what_a_lost_card_has_shown_is_dead_after_the_lift_as_well(
    one_city: City, kind: str
) -> None:
    one_city.ask("ecard", device="wechat", **FACE)
    shown, other = (
        one_city.ask("ecard_code", device="wechat", details={"kind": kind}, **FACE).data["code"]
        for _ in range(2)
    )
    one_city.ask("loss")
    assert one_city.refused("ecard_decode", "", "bank", details={"code": other}) is Code.STATE
    one_city.ask("lift")
    assert one_city.refused("ecard_decode", "", "bank", details={"code": shown}) is Code.NOT_FOUND
    read = Code.ALREADY if kind == "qr" else Code.NOT_FOUND  # what was read stays read
    assert one_city.refused("ecard_decode", "", "bank", details={"code": other}) is read


# --- new cards ------------------------------------------------------------------------------------


def new_card(city: City) -> str:
    """A card in place of a lost one, at its point; the receipt."""
    city.ask("contact", details={"phone": PHONE})
    city.ask("formal")
    receipt = str(city.ask("replace", details=LOST, photo=photo()).data["receipt"])
    make_card(city, receipt, 9, "Z00000030")
    return receipt


def test_a_card_is_in_the_reader_only_where_a_reader_says_so(one_city: City) -> None:
    """What a program without a reader says of a card brings no card that waits at its point to
    life, nor does a card that was not authenticated."""
    new_card(one_city)
    said = CardProof(code_of(9), True, True)
    assert one_city.refused("activate", device="wechat", proof=said, **FACE) is Code.STATE
    unread = CardProof(code_of(9), False, False)
    assert one_city.refused("activate", LIN, "kiosk", proof=unread) is Code.LEVEL_TOO_LOW
    assert one_city.ask("activate", LIN, "kiosk", proof=said).data["status"] == 1


def test_a_card_that_is_void_before_it_is_handed_out_is_made_again(one_city: City) -> None:
    receipt = new_card(one_city)
    one_city.ask("cancel", card="Z00000030")
    assert one_city.ask("progress", "", receipt=receipt).data["state"] == "failed"
    assert one_city.refused("collect", details={"receipt": receipt}) is Code.STATE
    one_city.ask("batch", "", receipt=receipt, details={"batch": "july"})
    made = {"card_number": "Z00000048", "card_id_code": code_of(10), "factor": "00" * 8}
    one_city.ask("made", "", receipt=receipt, details=made)
    one_city.ask("arrive", "", receipt=receipt, details={"point": "1"})
    assert one_city.ask("collect", details={"receipt": receipt}).data["card"][-2:] == "48"
    with one_city.ledger.reading() as t:
        assert t.connection.exec_driver_sql("SELECT count(*) FROM card").scalar_one() == 4
