# SPDX-License-Identifier: Apache-2.0
"""How the centre shares a bill, and how much a card and a pharmacy come to in a day."""

from __future__ import annotations

from collections.abc import Callable

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    SettlementOrder,
    spent_at_pharmacy,
    spent_by_card,
)
from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.settlement.policy import CentrePolicy, SaleCaps
from sscard_chip.standard.settlement_mode import Split

Share = Callable[[DrugBill, int], Split]
"""The parts of a bill; the second argument is what the personal account has, in fen."""


def share_by_policy(policy: CentrePolicy) -> Share:
    """The pooled fund pays what the policy says, whatever the till asks; see :func:`share_bill`."""

    def share(bill: DrugBill, available_fen: int) -> Split:
        pooled = policy.pooled_fen(bill.info["med_type"], bill.total_fen)
        return share_bill(bill, available_fen, pooled)

    return share


def share_by_account(bill: DrugBill, available_fen: int) -> Split:
    """An ordinary purchase, of which the pooled fund pays nothing; as :func:`share_bill`."""
    return share_bill(bill, available_fen, 0)


def share_bill(bill: DrugBill, available_fen: int, pooled_fen: int) -> Split:
    """What the pooled fund leaves of a bill, shared between account and cash.

    The account pays what the till asks of it, never more; without its wish all that it has. Cash
    is the rest.

    :raises AuthorisationRefusedError: the till asks more of the account than there is.
    """
    own = bill.total_fen - pooled_fen
    if bill.split is not None:
        account = min(bill.split.account_fen, own)
        if account > available_fen:
            raise AuthorisationRefusedError("the personal account has not enough money")
    else:
        account = min(own, available_fen) if bill.uses_account else 0
    return Split(account, own - account, pooled_fen)


def check_caps(t: LedgerTransaction, caps: SaleCaps, order: SettlementOrder) -> None:
    """That the day's sums stay under their caps with this order. Its account is locked.

    :raises AuthorisationRefusedError:
    """
    day, fen = order.time[:8], order.split.account_fen + order.split.pooled_fen
    if caps.card_day_fen and spent_by_card(t, order.card, day) + fen > caps.card_day_fen:
        raise AuthorisationRefusedError("the card is over its cap of a day")
    most = caps.pharmacy_day_fen
    if most and spent_at_pharmacy(t, order.pharmacy, day, most - fen) + fen > most:
        raise AuthorisationRefusedError("the pharmacy is over its cap of a day")
