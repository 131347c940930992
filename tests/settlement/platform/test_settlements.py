# SPDX-License-Identifier: Apache-2.0
"""Rule by rule of A7: what a message does, again, differently, and backwards."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sscard_chip.settlement.ledger import (
    CardService,
    Ledger,
    LedgerTransaction,
    change_status,
    find_card,
)
from sscard_chip.settlement.ledger.authorisation import (
    SettlementState,
    find_by_msgid,
    open_holds,
    settled_online,
)
from sscard_chip.settlement.platform import HOLD, Platform
from sscard_chip.settlement.policy import CentrePolicy
from tests.settlement.platform.centre import (
    BALANCE,
    NO_POOL,
    SHARING,
    TIME,
    back,
    balances,
    bill,
    confirmation,
    message,
    msgid,
    open_centre,
    open_platform,
    undo,
)

SPLIT = '{"split": [1000, 500, 2000]}'
WHOLE = bill("35.00", extra=SPLIT)
SETTLED = {
    "personal": BALANCE - 1000,
    "fund": -2000,
    "self_paid": -500,
    "collected": 500,
    "pharmacy": 3000,
}
HELD = {"personal": BALANCE - 1000, "held": 1000}
NOTHING = {"personal": BALANCE}


@pytest.fixture
def platform(ledger: Ledger) -> Platform:
    open_centre(ledger)
    return open_platform(ledger)


@pytest.fixture
def plain(ledger: Ledger) -> Platform:
    """A centre whose pooled fund pays nothing."""
    open_centre(ledger)
    return open_platform(ledger, policy=NO_POOL)


def ok(platform: Platform, request: dict[str, Any]) -> dict[str, Any]:
    answer = platform.handle(request)
    assert (answer["infcode"], answer["err_msg"]) == (0, "")
    output: dict[str, Any] = answer["output"]
    return output


def refused(platform: Platform, request: dict[str, Any], text: str) -> None:
    answer = platform.handle(request)
    assert answer["infcode"] == -1
    assert text in answer["err_msg"]


def state(ledger: Ledger, number: int = 1) -> SettlementState | None:
    with ledger.reading() as t:
        found = find_by_msgid(t, msgid(number))
        states = settled_online(t, [msgid(number), msgid(9)])
    assert states == ({msgid(number): found.state} if found else {})
    return found.state if found else None


# --- what each does ------------------------------------------------------------------------------


def test_a_trial_changes_nothing_and_may_be_repeated(ledger: Ledger, platform: Platform) -> None:
    for _ in range(2):
        info = ok(platform, message("2101", 1, WHOLE))["setlinfo"]
        assert (info["acct_pay"], info["balc"], info["setl_id"]) == ("10.00", "90.00", "")
    ok(platform, message("2101", 1, bill("1.00")))  # another content under the same id
    assert balances(ledger) == NOTHING


def test_a_settlement_at_once(ledger: Ledger, platform: Platform) -> None:
    info = ok(platform, message("2102", 1, WHOLE))["setlinfo"]
    assert balances(ledger) == SETTLED
    assert info["medins_setl_id"] == msgid(1)
    assert len(info["setl_id"]) == len(info["mdtrt_id"]) == 30
    assert state(ledger) is SettlementState.SETTLED


def test_a_hold_and_its_settlement(ledger: Ledger, platform: Platform) -> None:
    held = ok(platform, message(HOLD, 1, WHOLE))["setlinfo"]
    assert (balances(ledger), state(ledger), held["balc"]) == (HELD, SettlementState.HELD, "90.00")
    done = ok(platform, message("2102", 2, confirmation(held)))["setlinfo"]
    assert (balances(ledger), state(ledger)) == (SETTLED, SettlementState.SETTLED)
    assert done["setl_id"] == held["setl_id"]
    again = ok(platform, message("2102", 3, confirmation(held)))["setlinfo"]
    assert again["setl_id"] == held["setl_id"]
    assert balances(ledger) == SETTLED


@pytest.mark.parametrize("infno", ["2102", HOLD])
def test_a_cancellation(ledger: Ledger, platform: Platform, infno: str) -> None:
    info = ok(platform, message(infno, 1, WHOLE))["setlinfo"]
    if infno == HOLD:
        refused(platform, message("2103", 2, back(info)), "the settlement is held")
        ok(platform, message("2102", 3, confirmation(info)))
    gone = ok(platform, message("2103", 4, back(info)))["setlinfo"]
    assert gone["setl_id"] != info["setl_id"]
    assert (gone["psn_pay"], gone["cash_payamt"], gone["balc"]) == ("-15.00", "-5.00", "100.00")
    assert (gone["psn_part_amt"], gone["psn_cash_pay"]) == ("-15.00", "-5.00")
    assert (gone["medfee_sumamt"], gone["fund_pay_sumamt"]) == ("-35.00", "-20.00")
    assert (balances(ledger), state(ledger)) == (NOTHING, SettlementState.CANCELLED)
    refused(platform, message("2103", 5, back(info)), "the settlement is cancelled")
    assert balances(ledger) == NOTHING


@pytest.mark.parametrize("name", ["psn_no", "setl_id", "mdtrt_id"])
def test_a_cancellation_names_a_known_settlement(
    ledger: Ledger, platform: Platform, name: str
) -> None:
    info = ok(platform, message("2102", 1, WHOLE))["setlinfo"]
    refused(platform, message("2103", 2, back(info, **{name: "X"})), "knows no such settlement")
    other = msgid(1, "P51010000002")
    refused(platform, message("2103", other, back(info)), "knows no such settlement")
    assert balances(ledger) == SETTLED


@pytest.mark.parametrize(
    ("infno", "gone"), [("2102", SettlementState.REVERSED), (HOLD, SettlementState.RELEASED)]
)
def test_a_reversal_drops_what_was_done(
    ledger: Ledger, platform: Platform, infno: str, gone: SettlementState
) -> None:
    info = ok(platform, message(infno, 1, WHOLE))["setlinfo"]
    assert ok(platform, message("2601", 2, undo(msgid(1), infno, "P0001"))) == {}
    assert (balances(ledger), state(ledger)) == (NOTHING, gone)
    refused(platform, message("2103", 3, back(info)), f"the settlement is {gone}")
    refused(platform, message("2102", 4, confirmation(info)), f"is {gone}")
    assert balances(ledger) == NOTHING


def test_a_reversal_of_a_confirmation_takes_the_whole_settlement_back(
    ledger: Ledger, platform: Platform
) -> None:
    info = ok(platform, message(HOLD, 1, WHOLE))["setlinfo"]
    ok(platform, message("2102", 2, confirmation(info)))
    refused(platform, message("2601", 3, undo(msgid(1), HOLD)), "the settlement is settled")
    ok(platform, message("2601", 4, undo(msgid(2), "2102")))
    assert (balances(ledger), state(ledger)) == (NOTHING, SettlementState.REVERSED)


def test_a_reversed_cancellation_lets_the_settlement_stand(
    ledger: Ledger, platform: Platform
) -> None:
    info = ok(platform, message("2102", 1, WHOLE))["setlinfo"]
    for number in (2, 4):
        ok(platform, message("2103", number, back(info)))
        ok(platform, message("2601", number + 1, undo(msgid(number), "2103")))
        assert (balances(ledger), state(ledger)) == (SETTLED, SettlementState.SETTLED)
    ok(platform, message("2103", 6, back(info)))
    assert balances(ledger) == NOTHING


def test_what_the_holder_has_spent_meanwhile_goes_to_suspense(
    ledger: Ledger, plain: Platform
) -> None:
    platform = plain
    info = ok(platform, message("2102", 1, bill("90.00")))["setlinfo"]
    ok(platform, message("2103", 2, back(info)))
    ok(platform, message("2102", 3, bill("70.00")))
    ok(platform, message("2601", 4, undo(msgid(2), "2103")))
    assert balances(ledger) == {"pharmacy": 16000, "suspense": -6000}
    ok(platform, message("2103", 5, back(info)))
    assert balances(ledger) == {"pharmacy": 7000, "personal": 3000}


# --- idempotency ---------------------------------------------------------------------------------


@pytest.mark.parametrize("infno", [HOLD, "2102"])
def test_the_same_id_and_content_get_the_first_answer_byte_for_byte(
    ledger: Ledger, platform: Platform, infno: str
) -> None:
    import json

    body = json.dumps(message(infno, 1, WHOLE)).encode()
    first = platform.handle_json(body)
    after = balances(ledger)
    later = message(infno, 1, WHOLE, inf_time="2026-03-15 10:19:00", sign_no="S2")
    assert platform.handle_json(body) == first
    assert open_platform(ledger).handle_json(json.dumps(later).encode()) == first
    assert balances(ledger) == after


def test_cancellations_and_reversals_are_repeated_safely(
    ledger: Ledger, platform: Platform
) -> None:
    info = ok(platform, message("2102", 1, WHOLE))["setlinfo"]
    cancellation = message("2103", 2, back(info))
    assert platform.handle(cancellation) == platform.handle(cancellation)
    assert balances(ledger) == NOTHING
    reversal = message("2601", 3, undo(msgid(2), "2103"))
    assert platform.handle(reversal) == platform.handle(reversal)
    assert balances(ledger) == SETTLED
    refused(platform, cancellation, "this msgid is reversed")
    reversal = message("2601", 4, undo(msgid(1), "2102"))
    assert platform.handle(reversal) == platform.handle(reversal)
    assert (balances(ledger), state(ledger)) == (NOTHING, SettlementState.REVERSED)


@pytest.mark.parametrize(
    "other",
    [
        message("2102", 1, bill("35.01")),
        message("2103", 1, {"data": {"psn_no": "a", "setl_id": "b", "mdtrt_id": "c"}}),
        message("2102", 1, WHOLE, mdtrtarea_admvs="510700"),
        message("2102", 1, WHOLE, opter="2"),
    ],
)
def test_the_same_id_with_another_content_is_refused(
    ledger: Ledger, platform: Platform, other: dict[str, Any]
) -> None:
    ok(platform, message("2102", 1, WHOLE))
    refused(platform, other, "this msgid was used for something else")
    assert balances(ledger) == SETTLED


def test_a_refusal_is_an_answer_too(ledger: Ledger, plain: Platform) -> None:
    platform = plain
    request = message(HOLD, 1, bill("100.01", extra='{"split": [10001, 0, 0]}'))
    first = platform.handle(request)
    assert first["err_msg"] == "the personal account has not enough money"
    assert platform.handle(request) == first
    assert (balances(ledger), state(ledger)) == (NOTHING, None)


def test_a_message_that_was_reversed_before_it_came_is_not_done(
    ledger: Ledger, platform: Platform
) -> None:
    assert ok(platform, message("2601", 2, undo(msgid(1), "2102"))) == {}
    refused(platform, message("2102", 1, WHOLE), "this msgid is reversed")
    refused(platform, message("2601", 3, undo(msgid(1), "2102")), "reversed already")
    assert balances(ledger) == NOTHING


def test_a_reversed_message_is_not_reversed_twice(ledger: Ledger, platform: Platform) -> None:
    ok(platform, message(HOLD, 1, WHOLE))
    ok(platform, message("2601", 2, undo(msgid(1), HOLD)))
    refused(platform, message("2601", 3, undo(msgid(1), HOLD)), "reversed already")
    refused(platform, message(HOLD, 1, WHOLE), "this msgid is reversed")
    assert balances(ledger) == NOTHING


def test_a_reversal_names_the_right_transaction_and_person(
    ledger: Ledger, platform: Platform
) -> None:
    ok(platform, message("2102", 1, WHOLE))
    refused(platform, message("2601", 2, undo(msgid(1), "2103")), "another number")
    refused(platform, message("2601", 3, undo(msgid(1), "2102", "P0002")), "psn_no")
    assert (balances(ledger), state(ledger)) == (SETTLED, SettlementState.SETTLED)
    ok(platform, message("2601", 4, undo(msgid(1), "2102")))


# --- who may pay ---------------------------------------------------------------------------------


def report(ledger: Ledger, service: CardService, time: str) -> None:
    def work(t: LedgerTransaction) -> bool:
        return change_status(t, find_card(t, "Z00000001"), service, time)

    ledger.run(work)


def test_a_lost_card_pays_nothing_more(ledger: Ledger, platform: Platform) -> None:
    held = ok(platform, message(HOLD, 1, WHOLE))["setlinfo"]
    report(ledger, CardService.TEMPORARY_LOSS, TIME)
    for number, infno in enumerate(("2101", HOLD, "2102"), 2):
        refused(platform, message(infno, number, WHOLE), "4 临时挂失")
    ok(platform, message("2102", 7, confirmation(held)))  # the card has paid
    assert balances(ledger) == SETTLED


def test_an_expired_card_pays_nothing(platform: Platform) -> None:
    request = message("2102", 1, WHOLE, inf_time="2031-01-01 00:00:00")
    refused(platform, request, "the card has expired")
    ok(platform, message("2102", 2, WHOLE, inf_time="2030-12-31 23:59:59"))


@pytest.mark.parametrize(
    ("policy", "node", "parts"),
    [
        (NO_POOL, bill("35.00"), ("35.00", "0.00", "0.00")),
        (NO_POOL, bill("130.00"), ("100.00", "30.00", "0.00")),
        (NO_POOL, bill("35.00", acct_used_flag="0"), ("0.00", "35.00", "0.00")),
        (SHARING, WHOLE, ("10.00", "5.00", "20.00")),
        # what the pooled fund pays is the centre's to say, whatever the till asks
        (NO_POOL, WHOLE, ("10.00", "25.00", "0.00")),
        (NO_POOL, bill("35.00", extra='{"split": [0, 0, 3500]}'), ("0.00", "35.00", "0.00")),
        (SHARING, bill("35.00", extra='{"split": [0, 0, 3500]}'), ("0.00", "15.00", "20.00")),
        (SHARING, bill("35.00", extra='{"split": [3500, 0, 0]}'), ("15.00", "0.00", "20.00")),
        (SHARING, bill("35.00"), ("15.00", "0.00", "20.00")),
        (SHARING, bill("35.00", med_type="14"), ("35.00", "0.00", "0.00")),
        (NO_POOL, bill("35.00", extra='{"split": [0, 3500, 0]}'), ("0.00", "35.00", "0.00")),
    ],
)
@pytest.mark.parametrize("infno", ["2101", "2102", HOLD])
def test_how_a_bill_is_shared_and_its_sums(
    ledger: Ledger, infno: str, policy: CentrePolicy, node: dict[str, Any], parts: tuple[str, ...]
) -> None:
    open_centre(ledger)
    output = ok(open_platform(ledger, policy=policy), message(infno, 1, node))
    info = output["setlinfo"]
    assert (info["acct_pay"], info["psn_cash_pay"], info["fund_pay_sumamt"]) == parts
    amount = {
        name: int(value.replace(".", ""))
        for name, value in info.items()
        if value.replace(".", "").isdecimal() and "." in value
    }
    funds = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay")
    fund = amount["fund_pay_sumamt"]
    assert fund == sum(amount[name] for name in funds)
    paid = {
        one["fund_pay_type"]: int(one["fund_payamt"].replace(".", ""))
        for one in output["setldetail"]
    }
    assert fund == paid.get("310100", 0)
    assert amount["acct_pay"] == paid.get("310200", 0)
    assert amount["psn_part_amt"] == amount["acct_pay"] + amount["psn_cash_pay"]
    assert amount["medfee_sumamt"] == fund + amount["psn_part_amt"] + amount["hosp_part_amt"]
    assert amount["balc"] == BALANCE - amount["acct_pay"]
    assert len(output["detlcutinfo"]) == 1


def test_holds_that_nobody_has_settled_are_found(ledger: Ledger, platform: Platform) -> None:
    ok(platform, message(HOLD, 1, WHOLE))
    ok(platform, message(HOLD, 2, WHOLE, inf_time="2026-03-16 10:00:00"))
    settled = ok(platform, message(HOLD, 3, WHOLE))["setlinfo"]
    ok(platform, message("2102", 4, confirmation(settled)))
    with ledger.reading() as t:
        assert [one.order.msgid for one in open_holds(t, "20260316000000")] == [msgid(1)]
        assert len(open_holds(t, "20260317000000")) == 2


def test_the_same_message_at_once(ledger: Ledger, platform: Platform) -> None:
    """Whoever comes second waits, and gets the answer of the first."""
    found: list[dict[str, Any]] = []
    start = threading.Barrier(4)

    def send() -> None:
        start.wait()
        found.append(platform.handle(message("2102", 1, WHOLE)))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(answer == found[0] for answer in found)
    assert balances(ledger) == SETTLED


def test_a_message_and_its_reversal_at_once(ledger: Ledger, platform: Platform) -> None:
    """Either the hold is released or it never happens; nothing stays held."""
    for number in range(1, 21, 2):
        threads = [
            threading.Thread(target=platform.handle, args=(message(HOLD, number, WHOLE),)),
            threading.Thread(
                target=platform.handle,
                args=(message("2601", number + 1, undo(msgid(number), HOLD)),),
            ),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert balances(ledger) == NOTHING
