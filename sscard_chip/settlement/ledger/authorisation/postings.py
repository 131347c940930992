# SPDX-License-Identifier: Apache-2.0
"""The entries of on-line settlements: pay the pharmacy, take it back, pay it again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.ledger.authorisation.settlement import (
    Settlement,
    SettlementOrder,
)
from sscard_chip.settlement.ledger.suspense import (
    home_divisions,
    keep_shares,
    repay,
    suspense_of,
)
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema import books as schema
from sscard_chip.settlement.schema.kinds import AccountKind, EntryKind


def held_account(t: LedgerTransaction, order: SettlementOrder) -> int:
    """The account of what is held of the order's personal account."""
    key = sa.select(schema.account.c.key).where(schema.account.c.id == order.account)
    return t.account(AccountKind.HELD, str(t.connection.execute(key).scalar_one()))


def post_settlement(
    t: LedgerTransaction, order: SettlementOrder, msgid: str, time: str, payer: int
) -> int:
    """Pay the pharmacy; ``payer`` is the account with the personal share."""
    lines = _of_bill(t, order)
    _add(lines, payer, -order.split.account_fen)
    return _post(t, EntryKind.SETTLEMENT, time, f"settle:{msgid}", lines)


def post_counter_entry(
    t: LedgerTransaction, now: Settlement, kind: EntryKind, source: str, time: str
) -> int:
    """The counter-entry of a settlement."""
    lines = {account: -fen for account, fen in _of_bill(t, now.order).items()}
    return _give_back(t, now, kind, source, time, lines)


def post_release(t: LedgerTransaction, now: Settlement, source: str, time: str) -> int:
    """The counter-entry of a hold."""
    lines = {held_account(t, now.order): -now.order.split.account_fen}
    return _give_back(t, now, EntryKind.RELEASE, source, time, lines)


def post_again(t: LedgerTransaction, now: Settlement, source: str, time: str) -> int:
    """The settlement again, after its cancellation was reversed.

    The holder may have spent what came back: what the account cannot pay goes to the suspense of
    the division that keeps it, as that of a debit in a day file does.
    """
    own, asked = now.order.account, now.order.split.account_fen
    lines = _of_bill(t, now.order)
    missing = max(0, asked - int(t.balances([own], for_update=True)[0]))
    _add(lines, own, missing - asked)
    shares = {_home(t, now.order): missing} if missing else {}
    return _post(t, EntryKind.REVERSAL, time, source, lines, now, shares)


def _of_bill(t: LedgerTransaction, order: SettlementOrder) -> dict[int, int]:
    """The lines of a settlement beside that of the personal share."""
    account, cash, pool = order.split
    lines: dict[int, int] = {}
    _add(lines, t.account(AccountKind.PHARMACY, order.pharmacy), account + pool)
    if pool:
        _add(lines, t.account(AccountKind.FUND, order.insured_division), -pool)
    if cash:
        _add(lines, t.account(AccountKind.SELF_PAID, order.treatment_division), -cash)
        _add(lines, t.account(AccountKind.COLLECTED, order.pharmacy), cash)
    return lines


def _give_back(
    t: LedgerTransaction,
    now: Settlement,
    kind: EntryKind,
    source: str,
    time: str,
    lines: dict[int, int],
) -> int:
    """Post ``lines`` and the personal share back, which first repays what the account has in
    suspense, as a refund of a day file does."""
    own, fen = now.order.account, now.order.split.account_fen
    shares: dict[int, int] = {}
    if fen:
        t.balances([own], for_update=True)
        there = suspense_of(t, [own])[own]
        for division, amount in repay(there, _home(t, now.order), fen):
            shares[division] = -amount
    _add(lines, own, fen + sum(shares.values()))
    return _post(t, kind, time, source, lines, now, shares)


def _home(t: LedgerTransaction, order: SettlementOrder) -> int:
    """The division that keeps the order's personal account, whatever card was debited."""
    return home_divisions(t, [order.account]).get(order.account, int(order.insured_division))


def _add(lines: dict[int, int], account: int, fen: int) -> None:
    lines[account] = lines.get(account, 0) + fen


def _post(
    t: LedgerTransaction,
    kind: EntryKind,
    time: str,
    source: str,
    lines: dict[int, int],
    now: Settlement | None = None,
    shares: Mapping[int, int] | None = None,
) -> int:
    """``now`` is what is taken back, or done again; ``shares`` what goes into each division's
    suspense for its account."""
    moved = {division: fen for division, fen in (shares or {}).items() if fen}
    for division, fen in moved.items():
        _add(lines, t.account(AccountKind.SUSPENSE, f"{division:06d}"), -fen)
    reverses = None if now is None else now.entry
    entry = t.post(kind, time[:8], source, list(lines), list(lines.values()), reverses=reverses)
    if now is not None and moved:
        owners = np.full(len(moved), now.order.account, np.int64)
        divisions = np.array(list(moved), np.uint32)
        keep_shares(t, entry, owners, divisions, np.array(list(moved.values()), np.int64))
    return entry
