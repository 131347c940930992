# SPDX-License-Identifier: Apache-2.0
"""The three settlement modes of letter no. 38, and that the card takes what they send."""

from __future__ import annotations

import pytest

from sscard_chip.standard.settlement_mode import (
    OfflineUse,
    SettlementMode,
    SettlementRefusedError,
    SettlementRegion,
    Split,
)
from tests.medical.conftest import NewAccount

ONLINE = SettlementRegion("510100", SettlementMode.ONLINE)
TEMPORARY = SettlementRegion(
    "510100", SettlementMode.TEMPORARY_OFFLINE, offline_cap_fen=10_000, offline_cap_times=3
)
OFFLINE = SettlementRegion("510100", SettlementMode.OFFLINE)
BILL = Split(account_fen=700, self_paid_fen=200, pooled_fen=100)
FROM_ACCOUNT = Split(account_fen=700, self_paid_fen=0, pooled_fen=0)


@pytest.mark.parametrize(
    ("region", "online", "bill", "sent"),
    [
        (ONLINE, True, BILL, (0, 1_000, 800)),
        (TEMPORARY, True, BILL, (0, 1_000, 800)),
        (TEMPORARY, False, FROM_ACCOUNT, (0, 700, 700)),
        (OFFLINE, True, BILL, (700, 200, 100)),
        (OFFLINE, False, BILL, (700, 200, 100)),
        (ONLINE, True, Split(0, 0, 0), (0, 0, 0)),
    ],
)
def test_amounts_that_the_card_gets(
    new_account: NewAccount,
    region: SettlementRegion,
    online: bool,
    bill: Split,
    sent: tuple[int, int, int],
) -> None:
    amounts = region.amounts(bill, online=online)
    assert amounts == sent
    terminal = new_account(balance_fen=1_000).terminal
    terminal.buy(*amounts)
    assert terminal.balance() == 1_000 - sent[0]
    assert (terminal.total(2)[0], terminal.total(3)[0]) == sent[1:]


@pytest.mark.parametrize(
    ("region", "bill", "rule"),
    [
        (ONLINE, FROM_ACCOUNT, "mode 1 settles on-line alone"),
        (TEMPORARY, BILL, "only the personal account may pay"),
        (TEMPORARY, Split(700, 0, 1), "only the personal account may pay"),
        (TEMPORARY, Split(-1, 0, 0), "an amount is negative"),
        (OFFLINE, Split(0, -1, 0), "an amount is negative"),
    ],
)
def test_what_a_mode_does_not_allow(region: SettlementRegion, bill: Split, rule: str) -> None:
    with pytest.raises(SettlementRefusedError, match=rule):
        region.amounts(bill, online=False)


@pytest.mark.parametrize(
    ("use", "amount", "then"),
    [
        (OfflineUse(True, 0, 0), 9_999, OfflineUse(True, 9_999, 1)),
        (OfflineUse(True, 9_000, 1), 999, OfflineUse(True, 9_999, 2)),
    ],
)
def test_temporary_offline_use_up_to_the_caps(
    use: OfflineUse, amount: int, then: OfflineUse
) -> None:
    assert TEMPORARY.check_offline("510100", use, amount) == then


@pytest.mark.parametrize(
    ("region", "division", "use", "amount", "rule"),
    [
        (ONLINE, "510100", OfflineUse(True, 0, 0), 1, "no temporary off-line"),
        (OFFLINE, "510100", OfflineUse(True, 0, 0), 1, "no temporary off-line"),
        (TEMPORARY, "510104", OfflineUse(True, 0, 0), 1, "only cards of the region"),
        (TEMPORARY, "510100", OfflineUse(False, 0, 0), 1, "not allowed to pay off-line"),
        (TEMPORARY, "510100", OfflineUse(True, 0, 0), 10_000, "cap of the off-line amount"),
        (TEMPORARY, "510100", OfflineUse(True, 9_999, 0), 1, "cap of the off-line amount"),
        (TEMPORARY, "510100", OfflineUse(True, 0, 2), 1, "cap of the off-line times"),
    ],
)
def test_temporary_offline_use_that_is_refused(
    region: SettlementRegion, division: str, use: OfflineUse, amount: int, rule: str
) -> None:
    with pytest.raises(SettlementRefusedError, match=rule):
        region.check_offline(division, use, amount)


def test_card_usage_tag() -> None:
    assert [mode.card_usage for mode in SettlementMode] == ["1", "1", "2"]
