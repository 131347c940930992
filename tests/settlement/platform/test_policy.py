# SPDX-License-Identifier: Apache-2.0
"""A hostile till before the centre's policy: clocks, caps, shares, rows; and the policy's file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sscard_chip.settlement.ledger import CardService, Ledger, change_status, find_card
from sscard_chip.settlement.platform import HOLD, Platform, make_request
from sscard_chip.settlement.policy import (
    CentrePolicy,
    PolicyError,
    PoolShare,
    SaleCaps,
    load_policy,
    parse_policy,
)
from tests.settlement.platform.centre import (
    BALANCE,
    back,
    balances,
    bill,
    confirmation,
    msgid,
    open_centre,
    open_platform,
    person,
    row_of,
    undo,
)

NOW = datetime(2026, 3, 15, 10, 11, 12)
NOTHING = {"personal": BALANCE}


class Clock:
    """The centre's clock, which a test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def platform(ledger: Ledger, clock: Clock) -> Platform:
    open_centre(ledger)
    return open_platform(ledger, policy=CentrePolicy(), test_clock=False, now=clock)


def ask(
    platform: Platform, infno: str, number: int | str, node: dict[str, Any], at: datetime = NOW
) -> dict[str, Any]:
    whole = msgid(number) if isinstance(number, int) else number
    request = make_request(
        infno, whole, at.strftime("%Y%m%d%H%M%S"), "510100", "510100", node,
        operator="510100000001",
    )  # fmt: skip
    return platform.handle(request)


def held(platform: Platform, number: int = 1, node: dict[str, Any] | None = None) -> dict[str, str]:
    answer = ask(platform, HOLD, number, node or bill("30.00", extra='{"split": [3000, 0, 0]}'))
    assert answer["err_msg"] == ""
    info: dict[str, str] = answer["output"]["setlinfo"]
    return info


# --- the share -----------------------------------------------------------------------------------


def test_a_till_cannot_draw_the_pooled_fund(ledger: Ledger, platform: Platform) -> None:
    huge = bill("9999999999999.99", extra='{"split": [0, 0, 999999999999999]}')
    answer = ask(platform, HOLD, 1, huge)
    assert answer["infcode"] == -1
    info = held(platform, 2, bill("5000.00", extra='{"split": [0, 0, 500000]}'))
    assert (info["fund_pay_sumamt"], info["psn_cash_pay"]) == ("0.00", "5000.00")
    ask(platform, "2102", 3, confirmation(info))
    assert "fund" not in balances(ledger)
    assert "pharmacy" not in balances(ledger)


def test_a_share_with_its_deductible_and_its_cap() -> None:
    share = PoolShare(percent=60, deductible_fen=10_000, cap_fen=50_000)
    assert [share.of(fen) for fen in (9_999, 10_001, 10_005, 30_000, 999_999)] == [
        0, 0, 3, 12_000, 50_000,
    ]  # fmt: skip


def test_a_share_of_ones_own_that_does_not_add_up(ledger: Ledger) -> None:
    from sscard_chip.standard.settlement_mode import Split

    open_centre(ledger)
    for split in (Split(0, 0, 3001), Split(3001, -1, 0)):
        own = open_platform(ledger, share=lambda _bill, _fen, split=split: split)
        answer = ask(own, "2101", 1, bill("30.00"))
        assert answer["err_msg"] == "the centre cannot share this bill"


# --- the TAC -------------------------------------------------------------------------------------


def test_without_its_row_or_its_tac_nothing_is_confirmed(
    ledger: Ledger, platform: Platform
) -> None:
    info = held(platform)
    still = {"personal": BALANCE - 3000, "held": 3000}
    bare = bill("30.00", extra=f'{{"setl_id": "{info["setl_id"]}"}}')
    answer = ask(platform, "2102", 2, bare)
    assert answer["err_msg"] == "a confirmation needs the row of the day file"
    right = row_of(info).tac
    assert right is not None
    wrong = bytes([right[0] ^ 1]) + right[1:]
    forgeries: tuple[dict[str, Any], ...] = (
        {"tac": wrong},
        {"tac": None, "grey": True},
        {"key_version": 0},
        {"key_version": 77},
    )
    for number, changes in enumerate(forgeries, 3):
        answer = ask(platform, "2102", number, confirmation(info, **{"tac": right} | changes))
        assert answer["infcode"] == -1
        assert "TAC" in answer["err_msg"]
    answer = ask(platform, "2102", 7, confirmation(info, card_id_code=b"\xff" * 16))
    assert answer["infcode"] == -1
    assert balances(ledger) == still
    assert ask(platform, "2102", 8, confirmation(info))["infcode"] == 0


def test_a_centre_without_keys_confirms_nothing(ledger: Ledger, clock: Clock) -> None:
    open_centre(ledger)
    blind = Platform(ledger, now=clock)
    info = held(blind)
    answer = ask(blind, "2102", 2, confirmation(info))
    assert answer["err_msg"] == "the centre has no keys to check the TAC with"
    seeing = open_platform(ledger, policy=CentrePolicy(), test_clock=False, now=clock)
    assert ask(seeing, "2102", 2, confirmation(info))["infcode"] == 0  # it had not used its id up


def test_nothing_is_settled_at_once_without_a_tac(ledger: Ledger, platform: Platform) -> None:
    answer = ask(platform, "2102", 1, bill("30.00"))
    assert "settle_at_once" in answer["err_msg"]
    assert balances(ledger) == NOTHING


# --- the clock -----------------------------------------------------------------------------------


@pytest.mark.parametrize("infno", ["1101", "2101", HOLD])
def test_a_sale_is_of_now(ledger: Ledger, platform: Platform, infno: str) -> None:
    node = person() if infno == "1101" else bill("30.00")
    for number, off in enumerate((-301, 301, -86_400, 86_400), 1):
        answer = ask(platform, infno, number, node, NOW + timedelta(seconds=off))
        which = "behind" if off < 0 else "ahead of"
        assert answer["err_msg"].startswith(f"inf_time: is {which} the centre's clock")
    answer = ask(platform, infno, 9, node, datetime(2000, 1, 1))
    assert answer["infcode"] == -1
    assert balances(ledger) == NOTHING
    for number, off in enumerate((-300, 300), 10):
        assert ask(platform, infno, number, node, NOW + timedelta(seconds=off))["infcode"] == 0


def test_a_known_message_is_answered_the_same_later(platform: Platform, clock: Clock) -> None:
    first = ask(platform, HOLD, 1, bill("30.00"))
    clock.at += timedelta(days=1)
    assert ask(platform, HOLD, 1, bill("30.00")) == first
    assert ask(platform, HOLD, 2, bill("30.00"))["infcode"] == -1


def test_what_follows_on_a_sale_may_come_late(
    ledger: Ledger, platform: Platform, clock: Clock
) -> None:
    first, second = held(platform, 1), held(platform, 2)
    clock.at += timedelta(days=3)
    assert ask(platform, "2102", 3, confirmation(first))["infcode"] == 0
    assert ask(platform, "2103", 4, back(first))["infcode"] == 0
    assert ask(platform, "2601", 5, undo(msgid(2), HOLD))["infcode"] == 0
    assert second["setl_id"] != first["setl_id"]
    assert balances(ledger) == NOTHING
    ahead = clock.at + timedelta(minutes=6)
    answer = ask(platform, "2601", 6, undo(msgid(9), HOLD), ahead)
    assert answer["err_msg"].startswith("inf_time: is ahead of the centre's clock")


def report(ledger: Ledger, at: str) -> None:
    with ledger.transaction() as t:
        change_status(t, find_card(t, "Z00000001"), CardService.TEMPORARY_LOSS, at)


@pytest.mark.parametrize("infno", ["1101", "2101", HOLD])
def test_status_is_judged_by_the_later_of_both_clocks(
    ledger: Ledger, platform: Platform, infno: str
) -> None:
    """The till's clock is four minutes behind: a loss of three minutes ago counts all the same."""
    node = person() if infno == "1101" else bill("30.00")
    report(ledger, "20260315100812")
    behind = ask(platform, infno, 1, node, NOW - timedelta(minutes=4))
    assert "4 临时挂失" in behind["err_msg"]
    assert balances(ledger) == NOTHING


def test_a_till_that_is_ahead_meets_a_loss_of_its_own_time(
    ledger: Ledger, platform: Platform
) -> None:
    report(ledger, "20260315101312")
    assert ask(platform, "2101", 1, bill("30.00"))["infcode"] == 0
    ahead = ask(platform, "2101", 2, bill("30.00"), NOW + timedelta(minutes=4))
    assert "4 临时挂失" in ahead["err_msg"]


# --- the caps ------------------------------------------------------------------------------------


def capped(ledger: Ledger, clock: Clock, **caps: int) -> Platform:
    open_centre(ledger)
    policy = CentrePolicy(caps=SaleCaps(**caps))
    return open_platform(ledger, policy=policy, test_clock=False, now=clock)


def test_a_sale_has_a_cap(ledger: Ledger, clock: Clock) -> None:
    platform = capped(ledger, clock, sale_fen=3000)
    for infno, number in (("2101", 1), (HOLD, 2)):
        over = ask(platform, infno, number, bill("30.01", extra='{"split": [0, 3001, 0]}'))
        assert over["err_msg"] == "the bill is over the cap of a sale"
    assert held(platform, 3)["acct_pay"] == "30.00"


def test_the_caps_of_a_policy_that_says_nothing(platform: Platform) -> None:
    over = ask(platform, HOLD, 1, bill("10000.01", extra='{"split": [0, 1000001, 0]}'))
    assert over["err_msg"] == "the bill is over the cap of a sale"
    assert SaleCaps() == SaleCaps(
        sale_fen=1_000_000, card_day_fen=2_000_000, pharmacy_day_fen=100_000_000
    )


@pytest.mark.parametrize(
    ("cap", "text"), [("card_day_fen", "the card"), ("pharmacy_day_fen", "the pharmacy")]
)
def test_a_day_has_a_cap(ledger: Ledger, clock: Clock, cap: str, text: str) -> None:
    """What was taken back leaves room; cash is nobody's; another day begins anew."""
    platform = capped(ledger, clock, **{cap: 5000})
    info = held(platform, 1)
    over = bill("20.01", extra='{"split": [2001, 0, 0]}')
    assert ask(platform, HOLD, 2, over)["err_msg"] == f"{text} is over its cap of a day"
    cash = bill("90.00", extra='{"split": [0, 9000, 0]}')
    assert ask(platform, HOLD, 3, cash)["infcode"] == 0
    assert ask(platform, HOLD, 4, bill("20.00", extra='{"split": [2000, 0, 0]}'))["infcode"] == 0
    assert ask(platform, HOLD, 5, bill("0.01", extra='{"split": [1, 0, 0]}'))["infcode"] == -1
    assert ask(platform, "2601", 6, undo(msgid(4), HOLD))["infcode"] == 0
    assert ask(platform, HOLD, 7, bill("20.00", extra='{"split": [2000, 0, 0]}'))["infcode"] == 0
    ask(platform, "2102", 8, confirmation(info))
    assert ask(platform, "2103", 9, back(info))["infcode"] == 0
    assert ask(platform, HOLD, 10, bill("30.00", extra='{"split": [3000, 0, 0]}'))["infcode"] == 0
    assert ask(platform, HOLD, 11, bill("0.01", extra='{"split": [1, 0, 0]}'))["infcode"] == -1
    clock.at += timedelta(days=1)
    next_day = ask(platform, HOLD, 12, bill("30.00", extra='{"split": [3000, 0, 0]}'), clock.at)
    assert next_day["infcode"] == 0


# --- its file ------------------------------------------------------------------------------------

POLICY = """\
format = "sscard-policy/1"
clock_minutes = 2

[caps]
sale_fen = 50000

[pool.41]
percent = 60
deductible_fen = 1500
cap_fen = 20000
"""


def test_a_policy_from_its_file(tmp_path: Any) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    policy = load_policy(path)
    assert policy == CentrePolicy(
        clock_minutes=2,
        caps=SaleCaps(sale_fen=50_000),
        pool={"41": PoolShare(percent=60, deductible_fen=1500, cap_fen=20_000)},
    )
    assert policy.pooled_fen("41", 11_500) == 6000
    assert policy.settle_at_once is False


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", 'p.toml: format: must be "sscard-policy/1"'),
        ('format = "sscard-policy/2"', 'p.toml: line 1: format: must be "sscard-policy/1"'),
        (POLICY.replace("60", "101"), "percent: must be a whole number from 0"),
        (POLICY.replace("pool.41", "pool.drugs"), "p.toml: pool: is of a med_type"),
        (POLICY.replace("2", "61", 1), "p.toml: line 2: clock_minutes: must be a whole number"),
        (POLICY + "[limits]\n", "line 11: limits: is not a field of a centre's policy"),
        (POLICY.replace("50000", "-1"), "caps.sale_fen: must be a whole number of fen from 0"),
    ],
)
def test_what_is_wrong_with_a_policy(text: str, error: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text.encode(), "p.toml")
    assert error.removeprefix("p.toml: ") in str(caught.value)
