# SPDX-License-Identifier: Apache-2.0
"""The entries of on-line settlements: pay the pharmacy, take it back, pay it again."""

from __future__ import annotations

import sqlalchemy as sa

from sscard_chip.settlement.ledger.authorisation.settlement import (
    AuthorisationRefusedError,
    Settlement,
    SettlementOrder,
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
    account, cash, pool = order.split
    lines: dict[int, int] = {}
    _add(lines, payer, -account)
    _add(lines, t.account(AccountKind.PHARMACY, order.pharmacy), account + pool)
    if pool:
        _add(lines, t.account(AccountKind.FUND, order.insured_division), -pool)
    if cash:
        _add(lines, t.account(AccountKind.SELF_PAID, order.treatment_division), -cash)
        _add(lines, t.account(AccountKind.COLLECTED, order.pharmacy), cash)
    return _post(t, EntryKind.SETTLEMENT, time, f"settle:{msgid}", lines)


def post_counter_entry(
    t: LedgerTransaction, now: Settlement, kind: EntryKind, source: str, time: str
) -> int:
    """The counter-entry of a settlement; what was held comes back to the personal account."""
    if now.entry is None:
        raise AuthorisationRefusedError("the settlement has no entry")
    accounts, fen = t.lines(now.entry)
    held = held_account(t, now.order) if now.order.split.account_fen else -1
    lines: dict[int, int] = {}
    for account, amount in zip(accounts.tolist(), fen.tolist(), strict=True):
        _add(lines, now.order.account if account == held else account, -amount)
    return _post(t, kind, time, source, lines, reverses=now.entry)


def post_again(t: LedgerTransaction, now: Settlement, source: str, time: str) -> int:
    """The settlement again, after its cancellation was reversed.

    The holder may have spent what came back: what the account cannot pay goes to suspense.
    """
    if now.entry is None:
        raise AuthorisationRefusedError("the cancellation has no entry")
    accounts, fen = t.lines(now.entry)
    own = now.order.account
    lines: dict[int, int] = {}
    for account, amount in zip(accounts.tolist(), fen.tolist(), strict=True):
        _add(lines, account, -amount)
    missing = -lines.get(own, 0) - int(t.balances([own], for_update=True)[0])
    if missing > 0:
        _add(lines, own, missing)
        _add(lines, t.account(AccountKind.SUSPENSE, now.order.insured_division), -missing)
    return _post(t, EntryKind.REVERSAL, time, source, lines, reverses=now.entry)


def _add(lines: dict[int, int], account: int, fen: int) -> None:
    lines[account] = lines.get(account, 0) + fen


def _post(
    t: LedgerTransaction,
    kind: EntryKind,
    time: str,
    source: str,
    lines: dict[int, int],
    *,
    reverses: int | None = None,
) -> int:
    return t.post(kind, time[:8], source, list(lines), list(lines.values()), reverses=reverses)
