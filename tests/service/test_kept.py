# SPDX-License-Identifier: Apache-2.0
"""What a refusal does not take back, and what it does not tell: tries, used codes, who exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.credential import CredentialStore
from sscard_chip.settlement.schema.services import audit
from sscard_service import CardProof, Code, SeenDocument, ServiceRefusedError
from sscard_service.store.outbox import due_messages
from sscard_service.store.proofs import QUERY, hash_password, set_credential
from tests.service.city import KEYS, LIN, NOBODY, VALID, WANG, City, code_of, make_card, photo
from tests.service.test_abuse import at_once
from tests.service.test_ecard import issue, not_read, read, show

TAIL: Final[dict[str, Any]] = {"channel": "site", "card_number": "000013"}


def sent(city: City) -> str:
    """The code in the last message to the holder; the messages stay queued."""
    with city.ledger.transaction() as t:
        messages = due_messages(t, KEYS, "20991231000000")
    return str(messages[-1].content["code"])


def other(code: str, step: int = 1) -> str:
    """Another code."""
    return f"{(int(code) + step) % 10**6:06d}"


# --- codes by telephone ---------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tail", "session"])
def test_three_wrong_codes_end_the_code(city: City, way: str) -> None:
    """Also where a session is what stands beside the code, and asked in one after the other."""
    session = city.ask("login", **TAIL).data["token"]
    beside = TAIL if way == "tail" else {"channel": "site", "identity": "", "session": session}
    city.ask("code", **TAIL)
    code = sent(city)
    for step in (1, 2, 3):
        assert city.refused("person", phone_code=other(code, step), **beside) is Code.WRONG_PROOF
    assert city.refused("person", phone_code=code, **beside) is Code.WRONG_PROOF


def test_codes_that_are_guessed_at_once_are_counted_as_many(city: City) -> None:
    session = city.ask("login", **TAIL).data["token"]
    city.ask("code", **TAIL)
    code = sent(city)

    def guess(at: int) -> Callable[[], Any]:
        return lambda: city.ask(
            "person", "", "site", session=session, phone_code=other(code, at), request=f"g-{at}"
        )

    found = at_once(*(guess(at) for at in range(1, 13)))
    assert set(found) == {Code.WRONG_PROOF, Code.LOCKED}
    assert found.count(Code.WRONG_PROOF) == 5
    late = city.refused("person", "", "site", session=session, phone_code=code)
    assert late in (Code.WRONG_PROOF, Code.LOCKED)


def test_wrong_codes_are_not_forgotten_by_a_right_proof(one_city: City) -> None:
    """Who knows the card number and guesses codes waits, however often he signs in between."""
    codes = []
    for _ in range(6):
        one_city.later(minutes=30)
        one_city.ask("code", **TAIL)
        one_city.ask("login", **TAIL)
        wrong = other(sent(one_city))
        codes.append(one_city.refused("person", phone_code=wrong, **TAIL))
    assert codes[:5] == [Code.WRONG_PROOF] * 5
    assert one_city.refused("person", phone_code=wrong, **TAIL) is Code.LOCKED
    assert one_city.ask("balance", **TAIL).level == 1  # what he knows opens what it did


def test_a_person_is_sent_five_codes_an_hour(one_city: City) -> None:
    for _ in range(5):
        one_city.ask("code", **TAIL)
    assert one_city.refused("code", **TAIL) is Code.RATE
    one_city.later(minutes=61)
    one_city.ask("code", **TAIL)


def test_a_right_code_opens_once(one_city: City) -> None:
    one_city.ask("code", **TAIL)
    code = sent(one_city)
    assert one_city.ask("person", phone_code=code, **TAIL).level == 2
    assert one_city.refused("person", phone_code=code, **TAIL) is Code.WRONG_PROOF


def test_a_person_is_one_however_named(one_city: City) -> None:
    """Names of one person do not add their tries up."""
    names: list[dict[str, Any]] = [
        {"identity": LIN}, {"identity": LIN.replace("9", "９")},  # full-width
        {"identity": "", "card": "Z00000013"}, {"identity": "", "card": code_of(1)},
        {"identity": f" {LIN[:6]} {LIN[6:]}"},
    ]  # fmt: skip
    for name in names:
        assert one_city.refused("balance", channel="site", card_number="999999", **name) is (
            Code.WRONG_PROOF
        )
    for name in names:
        assert one_city.refused("balance", channel="site", card_number="000013", **name) is (
            Code.LOCKED
        )


# --- codes of the electronic card -----------------------------------------------------------------


def test_a_code_that_was_read_of_a_lost_card_stays_read(city: City) -> None:
    issue(city)
    shown = show(city)
    city.ask("loss")
    assert not_read(city, shown) is Code.STATE
    city.later(seconds=5)
    city.ask("lift")
    assert not_read(city, shown) is Code.ALREADY


def test_a_code_that_a_refused_family_member_has_shown_is_read(one_city: City) -> None:
    issue(one_city)
    issue(one_city, WANG)
    shown = show(one_city, WANG)
    details = {"relation": "spouse", "identity": WANG, "name": "王明远", "code": shown}
    ask: dict[str, Any] = {"device": "wechat", "channel": "app", "face": True}
    one_city.ask("loss", WANG)
    assert one_city.refused("family_add", details=details, **ask) is Code.STATE
    one_city.later(seconds=5)
    one_city.ask("lift", WANG)
    assert one_city.refused("family_add", details=details, **ask) is Code.ALREADY
    assert not_read(one_city, shown) is Code.ALREADY


def test_after_a_loss_it_is_issued_again_and_shows_no_family(one_city: City) -> None:
    issue(one_city)
    issue(one_city, WANG)
    agreed = show(one_city, WANG, kind="auth")
    details = {"relation": "spouse", "identity": WANG, "name": "王明远", "code": agreed}
    ask: dict[str, Any] = {"device": "wechat", "channel": "app", "face": True}
    member = one_city.ask("family_add", details=details, **ask).data["member"]
    assert read(one_city, show(one_city, member=member))["name"] == "**远"
    one_city.ask("loss")
    assert one_city.refused("ecard_code", details={"member": member}, **ask) is Code.NOT_FOUND
    one_city.later(minutes=1)
    one_city.ask("lift")
    assert one_city.refused("ecard_code", **ask) is Code.NOT_FOUND
    assert issue(one_city)["changed"] is True
    assert read(one_city, show(one_city, member=member))["name"] == "**远"
    one_city.later(days=3650)  # the own card has expired, and shows nobody
    assert one_city.refused("ecard_code", details={"member": member}, **ask) is Code.STATE


@pytest.mark.parametrize("channel", ["office", "bank"])
def test_a_counter_scans_a_code(one_city: City, channel: str) -> None:
    issue(one_city)
    shown = show(one_city)
    found = one_city.ask("ecard_decode", "", channel, details={"code": shown})
    assert (found.data["name"], found.data["status"]) == ("**夏", 1)


# --- who exists -----------------------------------------------------------------------------------

EVIDENCE: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "nothing": lambda _: {},
    "wrong channel": lambda number: {"face": True, "document": SeenDocument(number, copy=True)},
    "name": lambda _: {"name": "林知夏"},
    "code alone": lambda _: {"phone_code": "123456"},
    "identity card read": lambda number: {"identity_card": SeenDocument(number)},
    "half a card": lambda _: {"proof": CardProof("AB" * 16, True, False)},
    "tail": lambda _: {"card_number": "999999"},
    "password": lambda _: {"query_password": "999999"},
}


def test_nobody_learns_who_exists(one_city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person without a password, the one with another, and nobody: one answer."""
    monkeypatch.setattr("sscard_service.proving.check_password", lambda *_: False)
    with one_city.ledger.transaction() as t:
        set_credential(t, 2, QUERY, "none", "20260302000000")
    for operation in ("balance", "loss"):
        for channel in ("site", "kiosk", "ivr", "agent"):
            for shown, evidence in EVIDENCE.items():
                one_city.later(days=2)
                answers = []
                for number in (LIN, WANG, NOBODY):
                    with pytest.raises(ServiceRefusedError) as refused:
                        one_city.ask(operation, number, channel, **evidence(number))
                    answers.append(str(refused.value.problem() | {"request": ""}))
                assert len(set(answers)) == 1, (operation, channel, shown, answers)


def test_a_card_that_is_named_tells_nothing_either(one_city: City) -> None:
    for channel in ("site", "app", "kiosk", "ivr"):
        codes = {
            one_city.refused("balance", "", channel, card=card)
            for card in ("Z00000013", "Z99999999", code_of(1), "AB" * 16)
        }
        assert codes == {Code.LEVEL_TOO_LOW}


def test_nobody_learns_it_by_the_time_either(
    one_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many passwords are hashed for the unknown, and no answer comes before its time."""
    hashed: list[str] = []
    waited: list[float] = []

    def verify(hash_: str | None, password: str) -> bool:
        hashed.append(password)
        return False

    monkeypatch.setattr("sscard_service.proving.check_password", verify)
    monkeypatch.setattr("sscard_service.centre.clock.sleep", waited.append)
    proof = msgspec.structs.replace(one_city.region.proof, wrong_answer_ms=60_000)
    one_city.centre.region = msgspec.structs.replace(one_city.region, proof=proof)
    with one_city.ledger.transaction() as t:
        set_credential(t, 2, QUERY, "none", "20260302000000")
    for operation in ("balance", "loss", "login"):
        for number in (LIN, WANG, NOBODY):
            channel = "site"
            wrong = {"query_password": "999999"}
            assert one_city.refused(operation, number, channel, **wrong) is Code.WRONG_PROOF
    assert len(hashed) == len(waited) == 9
    assert all(55 < one <= 60 for one in waited)  # the rest of the minute


def test_the_token_of_a_replaced_card_is_nobodys(one_city: City) -> None:
    token, given = issue(one_city)["token"], show(one_city, kind="auth")
    store = CredentialStore(one_city.ledger, now=lambda: one_city.now)
    one_city.ask("formal")
    details = {**VALID, "reason": "lost"}
    receipt = one_city.ask("replace", details=details, photo=photo()).data["receipt"]
    make_card(one_city, receipt, 9, "Z00000030")
    one_city.ask("collect", details={"receipt": receipt})
    assert store.of_token(token) is None
    assert not_read(one_city, given) is Code.STATE
    assert issue(one_city)["token"] != token
    assert store.of_token(token) is None


def test_what_is_over_is_history_for_level_four(one_city: City) -> None:
    with one_city.ledger.transaction() as t:
        set_credential(t, 1, QUERY, hash_password("own-word-7"), "20260302000000")
    one_city.ask("cancel")
    mine: dict[str, Any] = {"channel": "site", "query_password": "own-word-7"}
    assert one_city.refused("balance", **mine) is Code.STATE
    token = one_city.ask("login", **mine).data["token"]
    assert one_city.refused("balance", "", "site", session=token) is Code.STATE
    assert one_city.refused("settlements", channel="app", face=True) is Code.STATE
    assert one_city.ask("status", **mine).data["cards"] == []
    assert one_city.ask("balance").data["balance_fen"] == 12_345
    assert one_city.ask("status").data["cards"][0]["status"] == 9


# --- sessions -------------------------------------------------------------------------------------


def test_a_session_that_stands_on_the_lost_card_lifts_nothing(one_city: City) -> None:
    own = CardProof(code_of(1), True, True)
    session = one_city.ask("login", "", "kiosk", proof=own).data["token"]
    one_city.ask("loss", channel="ivr", card_number="000013")
    assert one_city.refused("lift", "", "kiosk", session=session) is Code.STALE
    assert one_city.refused("person", "", "kiosk", session=session) is Code.STALE


def test_all_sessions_end_with_the_card_but_the_one_that_reports(one_city: City) -> None:
    mine = one_city.ask("login", **TAIL).data["token"]
    others = [one_city.ask("login", **TAIL).data["token"] for _ in range(2)]
    others.append(one_city.ask("login", LIN, "app", face=True).data["token"])
    one_city.ask("loss", "", "site", session=mine)
    assert one_city.ask("status", "", "site", session=mine).data["cards"][0]["status"] == 4
    for token in others[:2]:
        assert one_city.refused("status", "", "site", session=token) is Code.STALE
    assert one_city.refused("status", "", "app", session=others[2]) is Code.STALE


# --- audit ----------------------------------------------------------------------------------------


def test_the_audit_says_whose_data_was_refused_and_what_was_proven(one_city: City) -> None:
    one_city.ask("balance", **TAIL)
    one_city.refused("balance", channel="site", card_number="999999")
    one_city.refused("lift", **TAIL)
    one_city.refused("balance", channel="site")
    one_city.refused("balance", NOBODY, "site", card_number="999999")
    with one_city.ledger.reading() as t:
        rows = t.connection.execute(
            sa.select(audit.c.subject, audit.c.result, audit.c.level).order_by(audit.c.number)
        ).all()
    known = bytes(rows[0].subject)
    assert known != bytes(16)
    assert [(bytes(one.subject) == known, one.result, one.level) for one in rows] == [
        (True, "DONE", 1),
        (True, "WRONG_PROOF", 0),
        (True, "LEVEL_TOO_LOW", 1),
        (False, "LEVEL_TOO_LOW", 0),
        (False, "WRONG_PROOF", 0),
    ]
