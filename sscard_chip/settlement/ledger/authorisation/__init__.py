# SPDX-License-Identifier: Apache-2.0
"""On-line authorisation on the ledger: a hold, its settlement, and the two ways back.

| state | reached from | by |
|---|---|---|
| held | nothing | a hold: from the personal account to what is held of it |
| settled | nothing, held, cancelled | a settlement, a confirmation, reversal of a cancellation |
| released | held | reversal of the hold |
| cancelled | settled | a cancellation (2103): counter-entry |
| reversed | settled | reversal of the settlement (2601): counter-entry |

Cancelling needs the numbers of a known settlement; reversing needs the msgid only, and works for
a message that has not arrived: it will be refused when it does (conventions, A7).
"""

from __future__ import annotations

from sscard_chip.dayfile.msgid import (
    confirmation_msgid,
    person_msgid,
    reversal_msgid,
    trial_msgid,
)
from sscard_chip.settlement.ledger.authorisation.books import (
    available_fen,
    cancel_settlement,
    confirm_settlement,
    find_by_mdtrt_id,
    find_by_msgid,
    find_by_setl_id,
    find_cancelled_as,
    find_done_by,
    hold_settlement,
    is_reversed,
    open_holds,
    release,
    reverse,
    reversed_msgids,
    settle_bill,
    settled_online,
    spent_msgids,
)
from sscard_chip.settlement.ledger.authorisation.caps import spent_at_pharmacy, spent_by_card
from sscard_chip.settlement.ledger.authorisation.debits import (
    DebitNumbers,
    check_row,
    debit_numbers,
    take_debit,
)
from sscard_chip.settlement.ledger.authorisation.settlement import (
    AuthorisationRefusedError,
    Settlement,
    SettlementOrder,
    SettlementState,
)
from sscard_chip.settlement.ledger.authorisation.straight import (
    Question,
    StraightConfirmation,
    StraightHold,
    fill,
    sell_together,
)
from sscard_chip.settlement.ledger.authorisation.straight_group import sell_group

__all__ = [
    "AuthorisationRefusedError",
    "DebitNumbers",
    "Question",
    "Settlement",
    "SettlementOrder",
    "SettlementState",
    "StraightConfirmation",
    "StraightHold",
    "available_fen",
    "cancel_settlement",
    "check_row",
    "confirm_settlement",
    "confirmation_msgid",
    "debit_numbers",
    "fill",
    "find_by_mdtrt_id",
    "find_by_msgid",
    "find_by_setl_id",
    "find_cancelled_as",
    "find_done_by",
    "hold_settlement",
    "is_reversed",
    "open_holds",
    "person_msgid",
    "release",
    "reversal_msgid",
    "reverse",
    "reversed_msgids",
    "sell_group",
    "sell_together",
    "settle_bill",
    "settled_online",
    "spent_at_pharmacy",
    "spent_by_card",
    "spent_msgids",
    "take_debit",
    "trial_msgid",
]
