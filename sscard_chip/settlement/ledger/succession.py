# SPDX-License-Identifier: Apache-2.0
"""A card before it is used, and the change from one card to its successor (启用, 换卡).

A card that was made and not handed out is registered as not activated: nothing is paid with it.
Activating it cancels the card that it replaces in the same transaction, so that a person never
has two cards that pay, and never none because something stopped in between.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.ledger.card_status import (
    ReportClock,
    StatusReport,
    check_report,
    lock_history,
)
from sscard_chip.settlement.ledger.errors import CardRefusedError, CardRegisterError
from sscard_chip.settlement.ledger.register import (
    CardColumns,
    CardStatus,
    insert_cards,
    register_cards,
)
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema.books import card

_ALIVE: Final = frozenset({CardStatus.NORMAL, CardStatus.TEMPORARY_LOSS})
_GIVES_WAY: Final = frozenset(
    {CardStatus.NORMAL, CardStatus.FORMAL_LOSS, CardStatus.CANCELLED, CardStatus.NOT_ACTIVATED}
)
"""What a predecessor may be: a damaged card still pays, a lost one was reported formally."""


def register_inactive(
    t: LedgerTransaction,
    new: CardColumns,
    time: str,
    *,
    predecessor: int | None = None,
    report: StatusReport | None = None,
) -> int:
    """Register one card that is not activated, from ``time`` (YYYYMMDDhhmmss, local) on.

    It charges the account of its ``predecessor``, else that of its psn_no. The card's number;
    one that is registered with the same data already is left as it is.

    :raises CardRegisterError: ``new`` is not one card without opening balance, is registered
        with other data or another account, or ``time`` is no time.
    """
    if len(new) != 1 or new.opening_fen[0]:
        raise CardRegisterError("new card: must be one, without an opening balance")
    code = new.card_id_code[0].tobytes()
    known = t.connection.execute(sa.select(card).where(card.c.card_id_code == code)).one_or_none()
    account = None
    if predecessor is not None:
        old = t.connection.execute(sa.select(card).where(card.c.id == predecessor)).one()
        if (old.psn_no or "") != new.psn_no[0].decode():
            raise CardRegisterError("new card: psn_no: is another person's")
        account = int(old.account)
    if known is not None:
        if account is not None and known.account != account:
            raise CardRegisterError("new card: is registered with another account")
        register_cards(t, new, "", "")  # that it is the same card in all else
        return int(known.id)
    if account is None:
        register_cards(t, new, "", "")
        found = t.connection.execute(sa.select(card.c.id).where(card.c.card_id_code == code))
        number = int(found.scalar_one())
    else:
        place = np.zeros(1, np.int64)
        number = int(insert_cards(t, new, place, np.array([account], np.int64))[0])
    lock_history(t, number).append(
        t, CardStatus.NOT_ACTIVATED, time, None, report or StatusReport()
    )
    return number


def activate_card(
    t: LedgerTransaction,
    number: int,
    time: str,
    *,
    predecessor: int | None = None,
    report: StatusReport | None = None,
    clock: ReportClock | None = None,
) -> bool:
    """Activate a card (启用) and cancel its ``predecessor``, both or none.

    False when the card is active already. ``report`` and ``clock`` as of
    :func:`~sscard_chip.settlement.ledger.change_status`.

    :raises CardRefusedError: the card cannot be activated, the predecessor was not reported
        formally, or another card of the account pays.
    :raises CardRegisterError: ``time`` is no time.
    """
    report = report or StatusReport()
    check_report(time, report, clock)
    account = t.connection.execute(sa.select(card.c.account).where(card.c.id == number)).scalar()
    all_of_it = sa.select(card.c.id).where(card.c.account == account).order_by(card.c.id)
    others = {
        int(one): lock_history(t, int(one)) for one in t.connection.execute(all_of_it).scalars()
    }
    own = others.pop(number)
    now = own.status(time)
    if now is CardStatus.NORMAL:
        return False
    if now is not CardStatus.NOT_ACTIVATED:
        raise CardRefusedError(f"card: {now.chinese} ({now.name.lower()}): is not activated so")
    if predecessor is not None and predecessor not in others:
        raise CardRefusedError("card: the card that it replaces is of another account")
    for one, history in others.items():
        state = history.status(time)
        if one == predecessor:
            if state not in _GIVES_WAY:
                raise CardRefusedError("card: a lost card is reported formally before")
            if state is not CardStatus.CANCELLED:
                history.require_last(time, clock)
                history.append(t, CardStatus.CANCELLED, time, None, report)
        elif state in _ALIVE:
            raise CardRefusedError("card: another card of this account is in use")
    own.require_last(time, clock)
    own.require_not_over(clock)
    own.append(t, CardStatus.NORMAL, time, None, report)
    return True
