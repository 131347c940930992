# SPDX-License-Identifier: Apache-2.0
"""Electronic cards as the mini programs use them, and their abuse (T7)."""

from __future__ import annotations

from typing import Any, Final

import pytest

from sscard_chip.settlement.credential import CredentialStore
from sscard_chip.settlement.ledger import register_cards
from sscard_service import Code
from sscard_service.store.clients import HMAC, Client, put_client
from sscard_service.store.persons import PersonData, add_persons
from tests.service.city import (
    KEYS,
    LIN,
    LIN_CARD,
    VALID,
    WANG,
    City,
    code_of,
    columns,
    make_card,
    photo,
)
from tests.service.test_http import SECRET, Api, code

FACE: Final[dict[str, Any]] = {"channel": "app", "face": True}
CHILD: Final = "990000201806010014"
"""7 years old on 2 March 2026; her check digit is computed by hand."""


def issue(city: City, identity: str = LIN, device: str = "wechat", **details: Any) -> Any:
    """An electronic card by face."""
    return city.ask("ecard", identity, device=device, details=details, **FACE).data


def show(city: City, identity: str = LIN, device: str = "wechat", **details: Any) -> str:
    """A code of it."""
    found = city.ask("ecard_code", identity, device=device, details=details, **FACE).data
    return str(found["code"])


def read(city: City, shown: str, channel: str = "till") -> Any:
    """What a till reads."""
    return city.ask("ecard_decode", "", channel, device="till-7", details={"code": shown}).data


def not_read(city: City, shown: str, channel: str = "till") -> Code:
    """Why a till reads nothing."""
    return city.refused("ecard_decode", "", channel, details={"code": shown})


def test_a_code_is_read_once(city: City) -> None:
    issued = issue(city)
    assert (issued["card"][-2:], issued["level"], issued["changed"]) == (LIN_CARD[-2:], 1, True)
    assert issued["token"].startswith("990100ec")
    assert issue(city)["changed"] is False
    found = read(city, shown := show(city))
    assert (found["token"], found["name"], found["status"]) == (issued["token"], "**夏", 1)
    assert (found["pays"], found["level"], found["division"]) == (True, 1, "990100")
    assert LIN not in str(found)
    assert not_read(city, shown) is Code.ALREADY
    assert not_read(city, "1" * 28) is Code.NOT_FOUND


def test_a_code_is_over_after_a_minute(one_city: City) -> None:
    issue(one_city)
    first, second = show(one_city), show(one_city)
    one_city.later(seconds=59)
    assert read(one_city, first)["status"] == 1
    one_city.later(seconds=1)
    assert not_read(one_city, second) is Code.STALE


@pytest.mark.parametrize("operation", ["loss", "formal", "cancel"])
def test_it_is_dead_the_second_the_card_is(one_city: City, operation: str) -> None:
    token, shown, given = issue(one_city)["token"], show(one_city), show(one_city, kind="auth")
    store = CredentialStore(one_city.ledger, now=lambda: one_city.now)
    assert store.of_token(token) is not None
    one_city.ask(operation)
    assert store.of_token(token) is None
    assert not_read(one_city, shown) is Code.STATE
    assert not_read(one_city, given) is Code.STATE
    for name in ("ecard", "ecard_code"):
        assert one_city.refused(name, device="wechat", **FACE) in (Code.STATE, Code.NOT_FOUND)


def test_after_a_new_card_it_is_issued_again(one_city: City) -> None:
    old = issue(one_city)["token"]
    one_city.ask("formal")
    details = {**VALID, "reason": "lost"}
    receipt = one_city.ask("replace", details=details, photo=photo()).data["receipt"]
    make_card(one_city, receipt, 9, "Z00000030")
    one_city.ask("collect", details={"receipt": receipt})
    assert one_city.refused("ecard_code", device="wechat", **FACE) is Code.NOT_FOUND
    new = issue(one_city)
    assert new["token"] != old
    assert read(one_city, show(one_city))["card"][-2:] == "30"


def test_only_signed_channels_read_and_only_bound_programs_show(one_city: City) -> None:
    issue(one_city)
    shown = show(one_city)
    for channel in ("site", "kiosk", "ivr", "ebank"):
        assert not_read(one_city, shown, channel) is Code.CHANNEL
    assert one_city.refused("ecard_code", device="alipay", **FACE) is Code.NOT_FOUND
    issue(one_city, device="alipay")
    assert read(one_city, show(one_city, device="alipay"), "app")["status"] == 1
    assert one_city.refused("ecard", device="wechat", channel="site", card_number="000013") is (
        Code.CHANNEL
    )
    assert one_city.refused("ecard", device="wechat", channel="app") is Code.LEVEL_TOO_LOW


def test_level_two_needs_bank_and_telephone(one_city: City) -> None:
    ask = one_city.refused
    assert ask("ecard", LIN, device="wechat", details={"level": 2}, **FACE) is Code.DOCUMENTS
    assert ask("ecard", WANG, device="wechat", details={"level": 2}, **FACE) is Code.DOCUMENTS
    one_city.ask("contact", WANG, details={"phone": "19900005678"})
    assert issue(one_city, WANG, level=2)["level"] == 2
    assert read(one_city, show(one_city, WANG))["level"] == 2


def test_unlinked_it_shows_nothing(one_city: City) -> None:
    issue(one_city)
    issue(one_city, device="alipay")
    shown = show(one_city)
    assert one_city.ask("unlink", device="wechat", **FACE).data["ended"] == 1
    assert not_read(one_city, shown) is Code.NOT_FOUND
    assert one_city.refused("ecard_code", device="wechat", **FACE) is Code.NOT_FOUND
    show(one_city, device="alipay")
    assert one_city.ask("unlink").data["ended"] == 1  # a clerk ends all of them
    assert one_city.refused("ecard_code", device="alipay", **FACE) is Code.NOT_FOUND


def test_one_truth_with_the_pharmacies_platform(city: City) -> None:
    """A code of either is read by the other, and the token is the same."""
    token, shown = issue(city)["token"], show(city)
    store = CredentialStore(city.ledger, now=lambda: city.now)
    assert (found := store.read(shown)).token == token
    assert found.card_number == LIN_CARD
    theirs = store.new_code(code_of(1)).code
    assert read(city, theirs)["token"] == token
    assert not_read(city, theirs) is Code.ALREADY


# --- family --------------------------------------------------------------------------------------


def relatives(city: City, count: int) -> list[str]:
    """Grown persons with a card each; their identity numbers."""
    from issuance.validity import citizen_check_character

    found = []
    for one in range(count):
        first = f"99000019500101{one + 1:03d}"
        found.append(first + citizen_check_character(first))

    def write(t: Any) -> None:
        persons = [
            (f"5100001{one}", "990100", PersonData("陈安", number, birth_date="19500101"))
            for one, number in enumerate(found)
        ]
        add_persons(t, KEYS, persons, "20260101000000")
        for one in range(count):
            register_cards(
                t, columns(f"Y0000{one:04d}", 100 + one, f"5100001{one}"), "20260101", f"y {one}"
            )

    city.ledger.run(write, exclusive=True)
    return found


def join(city: City, relation: str, identity: str, **given: Any) -> Any:
    """What a new family member is refused for, or the answer."""
    details = {"relation": relation, "identity": identity, "name": "陈安", **given}
    return city.refused("family_add", device="wechat", details=details, **FACE)


def test_ten_family_members_and_no_more(one_city: City) -> None:
    issue(one_city)
    numbers = relatives(one_city, 8)
    for relation, most in (("elder", 4), ("spouse", 1), ("other", 2)):
        for _ in range(most):
            number = numbers.pop()
            issue(one_city, number)
            agreed = show(one_city, number, kind="auth")
            details = {"relation": relation, "identity": number, "name": "陈安", "code": agreed}
            one_city.ask("family_add", device="wechat", details=details, **FACE)
        assert join(one_city, relation, number, code=agreed) is Code.ALREADY
    number = numbers.pop()
    issue(one_city, number)
    agreed = show(one_city, number, kind="auth")
    for relation in ("elder", "spouse", "other"):
        assert join(one_city, relation, number, code=agreed) is Code.FORMAT
    assert join(one_city, "child", number) is Code.WRONG_PROOF  # who is grown must agree
    assert join(one_city, "child", number, face=True) is Code.WRONG_PROOF
    shown = one_city.ask("family", device="wechat", **FACE).data["members"]
    assert [one["relation"] for one in shown] == 4 * ["elder"] + ["spouse"] + 2 * ["other"]
    member = shown[0]["member"]
    assert read(one_city, show(one_city, member=member))["name"] == "*安"
    assert one_city.refused(
        "ecard_code", WANG, device="wechat", details={"member": member}, **FACE
    ) is Code.NOT_FOUND  # fmt: skip


def test_a_members_card_is_dead_with_its_state_and_ends(one_city: City) -> None:
    issue(one_city)
    (number,) = relatives(one_city, 1)
    issue(one_city, number)
    agreed = show(one_city, number, kind="auth")
    details = {"relation": "spouse", "identity": number, "name": "陈安", "code": agreed}
    member = one_city.ask("family_add", device="wechat", details=details, **FACE).data["member"]
    shown = show(one_city, member=member)
    one_city.ask("loss", number)
    assert not_read(one_city, shown) is Code.STATE
    ask: dict[str, Any] = {"device": "wechat", "details": {"member": member}, **FACE}
    assert one_city.refused("ecard_code", **ask) is Code.STATE
    assert one_city.ask("family", device="wechat", **FACE).data["members"][0]["pays"] is False
    assert one_city.refused("family_end", WANG, **ask) is Code.NOT_FOUND
    assert one_city.ask("family_end", number, **ask).data["ended"]  # the member himself
    assert one_city.refused("ecard_code", **ask) is Code.NOT_FOUND


def test_a_child_is_added_by_face(one_city: City) -> None:
    def write(t: Any) -> None:
        child = PersonData("林小满", CHILD, birth_date="20180601")
        add_persons(t, KEYS, [("51000090", "990100", child)], "20260101000000")
        register_cards(t, columns("X00000090", 90, "51000090"), "20260101", "child")

    one_city.ledger.run(write, exclusive=True)
    issue(one_city)
    details = {"relation": "child", "identity": CHILD, "name": "林小满"}
    ask: dict[str, Any] = {"device": "wechat", **FACE}
    assert one_city.refused("family_add", details=details, **ask) is Code.LEVEL_TOO_LOW
    wrong = {**details, "face": True, "name": "林大满"}
    assert one_city.refused("family_add", details=wrong, **ask) is Code.WRONG_PROOF
    done = one_city.ask("family_add", details={**details, "face": True}, **ask).data
    assert read(one_city, show(one_city, member=done["member"]))["name"] == "**满"


def test_who_somebody_is_cannot_be_tried_out_by_family_members(one_city: City) -> None:
    """A number and its name are no other answer than a number and another name, with any code;
    and after ten wrong ones an hour there is none at all."""
    issue(one_city)
    issue(one_city, WANG)
    mine = show(one_city, kind="auth")
    for scanned in ("", "1" * 28, "a" * 32, mine):
        answers = []
        for name in ("王明远", "王明近"):
            details = {"relation": "spouse", "identity": WANG, "name": name, "code": scanned}
            ask: dict[str, Any] = {"device": "wechat", "details": details, **FACE}
            answers.append(one_city.refused("family_add", **ask))
        assert answers[0] is answers[1], scanned
    agreed = show(one_city, WANG, kind="auth")
    details = {"relation": "spouse", "identity": WANG, "name": "王明近", "code": agreed}
    codes = [
        one_city.refused("family_add", device="wechat", details=details, **FACE) for _ in range(4)
    ]
    assert codes[-1] is Code.RATE
    right = {**details, "name": "王明远"}
    assert one_city.refused("family_add", device="wechat", details=right, **FACE) is Code.RATE
    one_city.later(hours=1, seconds=1)
    right["code"] = show(one_city, WANG, kind="auth")
    assert one_city.ask("family_add", device="wechat", details=right, **FACE).data["member"]


def test_what_was_shown_of_a_member_is_over_with_the_member(one_city: City) -> None:
    issue(one_city)
    issue(one_city, WANG)
    agreed = show(one_city, WANG, kind="auth")
    details = {"relation": "spouse", "identity": WANG, "name": "王明远", "code": agreed}
    member = one_city.ask("family_add", device="wechat", details=details, **FACE).data["member"]
    shown, given = show(one_city, member=member), show(one_city, member=member, kind="auth")
    one_city.ask("family_end", WANG, device="wechat", details={"member": member}, **FACE)
    assert not_read(one_city, shown) is Code.NOT_FOUND
    assert not_read(one_city, given) is Code.NOT_FOUND


# --- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture
def api(one_city: City) -> Api:
    """The interface, with a second mini program."""
    found = Api(one_city)
    with one_city.ledger.transaction() as t:
        put_client(t, KEYS, Client("alipay", "app", HMAC, SECRET), "20260302000000")
    return found


def sign_in(api: Api) -> dict[str, str]:
    """Bind: a session of this program by face."""
    body = {"subject": {"identity": LIN}, "evidence": {"face": True}}
    answer = api.signed("POST", "/v1/sessions", body)
    return {"Authorization": f"Bearer {answer.json()['data']['token']}"}


def test_as_a_mini_program_calls(api: Api) -> None:
    me = sign_in(api)
    issued = api.signed("POST", "/v1/ecard", {}, headers=me)
    assert code(issued) == (200, "DONE")
    shown = api.signed("POST", "/v1/ecard/qr", {}, headers=me).json()["data"]
    assert (len(shown["code"]), shown["seconds"]) == (28, 60)
    body = {"details": {"code": shown["code"]}}
    read = api.signed("POST", "/v1/ecard/decode", body, client="till-7")
    assert read.json()["data"]["token"] == issued.json()["data"]["token"]
    again = api.signed("POST", "/v1/ecard/decode", body, client="till-7")
    assert code(again) == (409, "ALREADY")
    # a session of one program is nothing in another
    assert code(api.signed("POST", "/v1/ecard/qr", {}, headers=me, client="alipay")) == (
        409, "STALE",
    )  # fmt: skip
    assert code(api.ask("POST", "/v1/ecard/decode", body)) == (403, "CHANNEL")
    assert code(api.ask("POST", "/v1/ecard/qr", {}, headers=me)) == (403, "CHANNEL")
    ended = api.signed("DELETE", "/v1/ecard", headers=me)
    assert ended.json()["data"]["ended"] == 1


def test_signed_then_changed_and_signed_twice(api: Api) -> None:
    me = sign_in(api)
    api.signed("POST", "/v1/ecard", {}, headers=me)
    shown = api.signed("POST", "/v1/ecard/qr", {}, headers=me).json()["data"]["code"]
    body = {"details": {"code": shown}}
    changed = api.signed("POST", "/v1/ecard/decode", body, client="till-7", change=b" ")
    assert code(changed) == (401, "SIGNATURE")
    late = api.signed("POST", "/v1/ecard/decode", body, client="till-7", time=1_772_412_899)
    assert code(late) == (409, "STALE")
    nonce = "nonce-used-once-0001"
    assert code(
        api.signed("POST", "/v1/ecard/decode", body, client="till-7", nonce=nonce)
    ) == (200, "DONE")  # fmt: skip
    twice = api.signed("POST", "/v1/ecard/decode", body, client="till-7", nonce=nonce)
    assert (code(twice), twice.json()["detail"]) == ((409, "STALE"), {"field": "X-Nonce"})


def test_a_loss_ends_the_sessions_of_the_programs(api: Api) -> None:
    me = sign_in(api)
    api.signed("POST", "/v1/ecard", {}, headers=me)
    api.city.ask("loss", channel="ivr", card_number="000013")
    assert code(api.signed("POST", "/v1/ecard/qr", {}, headers=me)) == (409, "STALE")
