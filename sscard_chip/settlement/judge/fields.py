# SPDX-License-Identifier: Apache-2.0
"""Findings that a row and the header of its file show by themselves: codes 5, 6, 7, 102 to 104."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrays import Mask
from sscard_chip.settlement.columns import DebitColumns, given
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.msgids import wrong_msgids
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.judge.times import IMPOSSIBLE, clock_is_right, days, days_of
from sscard_chip.standard.amounts import MAX_COUNTER
from sscard_chip.standard.identifiers import PURCHASE


def late(columns: DebitColumns, headers: Sequence[DayHeader], rules: Rules) -> Mask:
    """5: made more than ``late_days`` before the business date of its file."""
    made = days_of(columns.time)
    found: Mask = made < (_business_days(headers) - rules.late_days)[columns.file]
    found &= made != IMPOSSIBLE
    return found


def wrong_bill(columns: DebitColumns) -> Mask:
    """6: the bill's parts do not sum to its total, or have the wrong sign."""
    parts = (columns.fund_fen, columns.account_fen, columns.cash_fen)
    found: Mask = columns.total_fen != parts[0] + parts[1] + parts[2]
    lowest = np.minimum(np.minimum(parts[0], parts[1]), parts[2])
    wrong_sale = (lowest < 0) | (columns.total_fen <= 0)
    if columns.refund.any():
        highest = np.maximum(np.maximum(parts[0], parts[1]), parts[2])
        wrong_refund = (highest > 0) | (columns.total_fen >= 0)
        wrong_sale = np.where(columns.refund, wrong_refund, wrong_sale)
    found |= wrong_sale
    return found


def wrong_card_amounts(columns: DebitColumns) -> Mask:
    """6: the card was given other amounts than a mode allows for the bill of a sale.

    Mode 3: the bill's own. Modes 1 and 2 on-line: 0, total, account and pooled together.
    Temporary off-line in mode 2: 0, total, total, with account money alone
    (:meth:`~sscard_chip.standard.settlement_mode.SettlementRegion.amounts`). Of these two the first
    has a setl_id. A refund repeats the amounts of its debit, and is seen beside it.
    """
    account, paid, pooled = (
        columns.card_account_fen,
        columns.card_self_paid_fen,
        columns.card_pooled_fen,
    )
    offline: Mask = (
        (account == columns.account_fen) & (paid == columns.cash_fen) & (pooled == columns.fund_fen)
    )
    if offline.all():
        return ~offline
    share = columns.account_fen + columns.fund_fen
    online = (account == 0) & (paid == columns.total_fen) & (pooled == share)
    online &= given(columns.setl_id) | (columns.account_fen == columns.total_fen)
    found: Mask = ~(online | offline | columns.refund)
    return found


def wrong_time(columns: DebitColumns, headers: Sequence[DayHeader]) -> Mask:
    """6: no time of the calendar, or later than the night after the business date."""
    made = days_of(columns.time)
    found: Mask = made == IMPOSSIBLE
    found |= ~clock_is_right(columns.time)
    found |= made > (_business_days(headers) + 1)[columns.file]
    return found


def wrong_cells(columns: DebitColumns) -> Mask:
    """6: malformed; no purchase; a counter that no card has; neither TAC nor grey; no msgid."""
    found: Mask = columns.malformed | (columns.transaction_type != PURCHASE)
    found |= columns.transaction_number > MAX_COUNTER
    found |= ~columns.has_tac & ~columns.grey
    found |= wrong_msgids(columns)
    return found


def over_cap(columns: DebitColumns, rules: Rules) -> Mask:
    """7: the bill of a single debit is over the cap."""
    if not rules.cap_fen:
        return np.zeros(len(columns), np.bool_)
    found: Mask = columns.total_fen > rules.cap_fen
    return found


def not_of_pharmacy(columns: DebitColumns, headers: Sequence[DayHeader], rules: Rules) -> Mask:
    """102: the row's terminal is not its file's, or terminal or PSAM not the pharmacy's."""
    own = np.array([list(bytes.fromhex(one.terminal_id)) for one in headers], np.uint8)
    found: Mask = (columns.terminal != own.reshape(-1, 6)[columns.file]).any(axis=1)
    if rules.pharmacies is not None:
        owns = rules.pharmacies.owns
        foreign = np.array(
            [not owns(one.pharmacy_code, one.terminal_id, one.psam_number) for one in headers],
            np.bool_,
        )
        found |= foreign[columns.file]
    return found


def stale_hotlist(columns: DebitColumns, headers: Sequence[DayHeader], rules: Rules) -> Mask:
    """103: the terminal did not have the current hotlist."""
    if rules.hotlist_version is None:
        return np.zeros(len(columns), np.bool_)
    stale = np.array([one.hotlist_version != rules.hotlist_version for one in headers], np.bool_)
    return stale[columns.file]


def unproven(columns: DebitColumns) -> Mask:
    """104: grey, and without the TAC that would prove the debit."""
    found: Mask = columns.grey & ~columns.has_tac
    return found


def judge_fields(columns: DebitColumns, headers: Sequence[DayHeader], rules: Rules) -> Masks:
    """All findings of this page. ``columns.file`` are places in ``headers``."""
    masks = np.zeros(len(columns), np.uint16)
    if not len(columns):
        return masks
    wrong = wrong_cells(columns) | wrong_bill(columns) | wrong_card_amounts(columns)
    wrong |= wrong_time(columns, headers)
    add(masks, FindingCode.FIELD, wrong)
    add(masks, FindingCode.LATE, late(columns, headers, rules))
    add(masks, FindingCode.CAP, over_cap(columns, rules))
    add(masks, FindingCode.NOT_OF_PHARMACY, not_of_pharmacy(columns, headers, rules))
    add(masks, FindingCode.STALE_HOTLIST, stale_hotlist(columns, headers, rules))
    add(masks, FindingCode.GREY, unproven(columns))
    if columns.malformed.any():  # what cannot be read has nothing else to find
        masks[columns.malformed] = FindingCode.FIELD.bit
    return masks


def add(masks: Masks, code: FindingCode, found: Mask) -> None:
    """Note a finding at the rows that have it."""
    if found.any():
        masks[found] |= code.bit


def _business_days(headers: Sequence[DayHeader]) -> NDArray[np.int32]:
    return days(np.array([int(one.business_date) for one in headers], np.uint32))
