# SPDX-License-Identifier: Apache-2.0
"""Who pays: the card of a request in the register, and whether it may pay at that time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.dayfile.envelope import CARD
from sscard_chip.settlement.ledger import CardStatus, LedgerTransaction, status_of
from sscard_chip.settlement.ledger.authorisation import AuthorisationRefusedError
from sscard_chip.settlement.ledger.register import person_number
from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.settlement.schema.books import card

_OWN_NUMBER: Final = re.compile("C0{13}([0-9]{16})")
"""A number of the ledger has at most 16 digits."""


@dataclass(frozen=True, slots=True, repr=False)
class Payer:
    """A card that may pay; ``card`` and ``account`` are numbers of the ledger.

    ``psn_no`` is by :func:`~sscard_chip.settlement.ledger.register.person_number`.
    """

    card: int
    account: int
    psn_no: str
    division: str


def find_by_card(
    t: LedgerTransaction,
    cert_type: str,
    card_number: str,
    card_sn: str,
    insured_division: str,
    time: str | None,
) -> Payer:
    """The card with this 卡号 and 卡识别码 (hex), if it may pay at ``time`` (None: not asked).

    :raises AuthorisationRefusedError: it is not here, lost, cancelled, expired, or insured
        elsewhere than the request says.
    """
    if cert_type != CARD:
        raise AuthorisationRefusedError("mdtrt_cert_type: only cards (03) are known here")
    if not re.fullmatch("[0-9A-Fa-f]{32}", card_sn):
        raise AuthorisationRefusedError("card_sn: must be the 卡识别码, 32 hex digits")
    found = card.c.card_id_code == bytes.fromhex(card_sn)
    row = t.connection.execute(sa.select(card).where(found)).one_or_none()
    if row is None:
        raise AuthorisationRefusedError("the card is not in the register")
    if row.card_number != card_number:
        raise AuthorisationRefusedError("card_sn: is not that of the card")
    return _payer(t, row, insured_division, time)


def find_payer(t: LedgerTransaction, bill: DrugBill, insured_division: str, time: str) -> Payer:
    """The card that a bill names: by person and card number, or by card_sn too.

    :raises AuthorisationRefusedError: as :func:`find_by_card`.
    """
    if bill.info["mdtrt_cert_type"] != CARD:
        raise AuthorisationRefusedError("mdtrt_cert_type: only cards (03) are known here")
    psn_no, number = bill.info["psn_no"], bill.info["mdtrt_cert_no"]
    if bill.card_sn is not None:
        payer = find_by_card(t, CARD, number, bill.card_sn, insured_division, time)
        if payer.psn_no != psn_no:
            raise AuthorisationRefusedError("psn_no: is not that of the card")
        return payer
    own = _OWN_NUMBER.fullmatch(psn_no)
    person = card.c.psn_no == psn_no
    if own:
        person = sa.and_(card.c.id == int(own[1]), card.c.psn_no.is_(None))
    rows = t.connection.execute(
        sa.select(card).where(person, card.c.card_number == number).order_by(card.c.id)
    ).all()
    if not rows:
        raise AuthorisationRefusedError("the card is not in the register")
    return _payer(t, rows[-1], insured_division, time)


def _payer(t: LedgerTransaction, row: Any, insured_division: str, time: str | None) -> Payer:
    if time is not None:
        status = status_of(t, row.id, time)
        if status is not CardStatus.NORMAL:
            raise AuthorisationRefusedError(f"the card's status is {int(status)} {status.chinese}")
        if row.valid_to is not None and int(time[:8]) > row.valid_to:
            raise AuthorisationRefusedError("the card has expired")
    division = f"{row.division:06d}"
    if insured_division not in ("", division):
        raise AuthorisationRefusedError("insuplc_admdvs: the person is insured elsewhere")
    return Payer(row.id, row.account, person_number(row.id, row.psn_no), division)
