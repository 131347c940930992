# SPDX-License-Identifier: Apache-2.0
"""From a lost card to its successor: applications, vouchers, making, collection."""

from __future__ import annotations

import pytest

from sscard_chip.settlement.ledger import CardStatus, status_of
from sscard_service import Code, OtherPerson, SeenDocument
from tests.service.city import LIN, VALID, WANG, City, make_card, photo

NEW: str = "Z00000030"


def states(city: City) -> list[CardStatus]:
    """Of all cards of the ledger."""
    now = city.now.strftime("%Y%m%d%H%M%S")
    with city.ledger.reading() as t:
        numbers = [
            one for (one,) in t.connection.exec_driver_sql("SELECT id FROM card ORDER BY id").all()
        ]
        return [status_of(t, number, now) for number in numbers]


def apply_for(city: City, identity: str = LIN, **details: str) -> str:
    """The receipt of a replacement at the counter."""
    wanted = {**VALID, "reason": "lost", **details}
    return str(city.ask("replace", identity, details=wanted, photo=photo()).data["receipt"])


def test_a_lost_card_gets_one_successor_that_pays_when_it_is_collected(city: City) -> None:
    assert city.refused("replace", details=VALID, photo=photo()) is Code.STATE
    city.ask("formal")
    receipt = apply_for(city)
    shown = city.ask("progress", "", "ivr", receipt=receipt).data
    assert (shown["state"], shown["due"], shown["due_provisional"]) == (
        "applied", "20260323", False,
    )  # fmt: skip
    assert shown["voucher"] == {
        "valid": True, "valid_to": "20260422", "at_hospital": "cash_then_claim",
    }  # fmt: skip
    assert city.refused("replace", details=VALID) is Code.RUNNING
    make_card(city, receipt, 9, NEW)
    assert states(city)[0] is CardStatus.FORMAL_LOSS
    assert states(city)[-1] is CardStatus.NOT_ACTIVATED
    assert city.refused("withdraw") is Code.TOO_LATE
    city.ask("collect", details={"receipt": receipt})
    assert states(city)[0] is CardStatus.CANCELLED
    assert states(city)[-1] is CardStatus.NORMAL
    assert city.ask("balance", channel="ivr", card_number="000030").data["balance_fen"] == 12_345
    assert city.refused("collect", details={"receipt": receipt}) is Code.ALREADY
    assert city.ask("progress", "", receipt=receipt).data["voucher"]["valid"] is False


def test_a_damaged_card_pays_until_its_successor_is_collected(city: City) -> None:
    receipt = apply_for(city, WANG, reason="damaged")
    make_card(city, receipt, 9, NEW)
    assert states(city)[1:] == [CardStatus.NORMAL, CardStatus.NOT_ACTIVATED]
    city.ask("collect", WANG, details={"receipt": receipt})
    assert states(city)[1:] == [CardStatus.CANCELLED, CardStatus.NORMAL]


def test_a_voucher_is_worth_nothing_with_anothers_document(city: City) -> None:
    city.ask("formal")
    receipt = apply_for(city)
    make_card(city, receipt, 9, NEW)
    assert city.refused("collect", WANG, details={"receipt": receipt}) is Code.NOT_FOUND
    wrong = SeenDocument(WANG, copy=True)
    assert city.refused("collect", details={"receipt": receipt}, document=wrong) is Code.DOCUMENTS


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (None, Code.DOCUMENTS),
        (SeenDocument(WANG), Code.DOCUMENTS),
        (SeenDocument(LIN, copy=True), Code.DOCUMENTS),
    ],
)
def test_a_proxy_shows_both_documents_and_leaves_copies(
    city: City, document: SeenDocument | None, code: Code
) -> None:
    proxy = OtherPerson("王明远", WANG, relation="1", document=document)
    assert city.refused("formal", proxy=proxy) is code
    good = OtherPerson("王明远", WANG, relation="1", document=SeenDocument(WANG, copy=True))
    assert city.ask("formal", proxy=good).data["status"] == 2


def test_nobody_acts_by_a_number_or_name_that_is_none_as_a_minor_or_dead(city: City) -> None:
    """Numbers of invented persons; their check digits are computed by hand but in the first."""

    def proxy(identity: str, *, seen: str = "陈安", kind: str = "A") -> OtherPerson:
        document = SeenDocument(identity, seen, kind, copy=True)
        return OtherPerson("陈安", identity, relation="1", document=document)

    for wrong in (
        proxy("990000198503120028"),  # the check digit
        proxy("990000198502310028"),  # 31 February
        proxy("990000201501010013"),  # 11 years old
        proxy(WANG, seen="王明近"),
        proxy("AB"),
    ):
        code = Code.FORMAT if wrong.identity == "AB" else Code.DOCUMENTS
        assert city.refused("formal", proxy=wrong) is code, wrong.identity
    city.ask("seal", WANG, details={"died": "20260301"})
    assert city.refused("formal", proxy=proxy(WANG)) is Code.DOCUMENTS
    passport = proxy("E12345678", kind="C")
    assert city.ask("formal", proxy=passport).data["status"] == 2


def test_an_application_is_withdrawn_until_it_is_in_a_batch(city: City) -> None:
    city.ask("formal")
    receipt = apply_for(city)
    city.ask("review", "", receipt=receipt, details={"accepted": True})
    assert city.ask("withdraw").data["state"] == "withdrawn"
    assert city.refused("batch", "", receipt=receipt, details={"batch": "june"}) is Code.STATE
    second = apply_for(city)
    assert second != receipt


def test_of_two_clerks_one_reviews(city: City) -> None:
    city.ask("formal")
    receipt = apply_for(city)
    city.ask("review", "", receipt=receipt, details={"accepted": False, "reason": "blurred"})
    again = {"accepted": True}
    assert city.refused("review", "", receipt=receipt, clerk="0018", details=again) is Code.STATE
    shown = city.ask("progress", "", "site", receipt=receipt).data
    assert (shown["state"], shown["note"]) == ("rejected", "blurred")


def test_making_fails_and_is_done_again(city: City) -> None:
    city.ask("formal")
    receipt = apply_for(city)
    city.ask("review", "", receipt=receipt, details={"accepted": True})
    city.ask("batch", "", receipt=receipt, details={"batch": "june"})
    failed = city.ask("made", "", receipt=receipt, details={"failed": "print head"})
    assert failed.data["state"] == "failed"
    city.ask("batch", "", receipt=receipt, details={"batch": "july"})
    assert states(city)[0] is CardStatus.FORMAL_LOSS


def test_the_dead_open_nothing_and_their_cards_are_sealed(city: City) -> None:
    city.ask("formal")
    receipt = apply_for(city)
    make_card(city, receipt, 9, NEW)
    assert city.ask("seal", details={"died": "20260301"}).data["sealed"] == 2
    assert states(city)[0] is CardStatus.SEALED
    assert city.refused("collect", details={"receipt": receipt}) is Code.DEAD
    assert states(city)[-1] is CardStatus.SEALED
