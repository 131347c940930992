# SPDX-License-Identifier: Apache-2.0
"""Who pays: the card of a request in the ledger, and whether it may pay at that time.

| mdtrt_cert_type | mdtrt_cert_no | found by |
|---|---|---|
| 01 | token of the electronic credential | a resolver of tokens, else the register of persons |
| 02 | identity number | the register of persons |
| 03 | 卡号, or 卡号 ``|`` business string; card_sn beside it | the card |
| 04 | identity number ``|`` token (电子社保卡) | the register of persons |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.dayfile.business_string import BusinessStringError, BusinessStrings
from sscard_chip.dayfile.envelope import CARD
from sscard_chip.settlement.ledger import CardStatus, LedgerTransaction, status_of
from sscard_chip.settlement.ledger.authorisation import AuthorisationRefusedError
from sscard_chip.settlement.ledger.register import person_number
from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.persons import InsuredPerson, PersonRegister
from sscard_chip.settlement.schema.books import card

TOKEN: Final = "01"
IDENTITY: Final = "02"
ELECTRONIC_CARD: Final = "04"
"""mdtrt_cert_type [H; 04 M]."""
_OWN_NUMBER: Final = re.compile("C0{13}([0-9]{16})")
"""A number of the ledger has at most 16 digits."""

ResolveToken = Callable[[str], str | None]
"""The identity number behind a token that is valid now. It is asked for each message that carries
the token, and once more when a transaction is done again."""


@dataclass(frozen=True, slots=True, repr=False)
class Payer:
    """A card that may pay; ``card`` and ``account`` are numbers of the ledger.

    ``psn_no`` is by :func:`~sscard_chip.settlement.ledger.register.person_number`; ``shared``
    says that the account is a relative's (共济).
    """

    card: int
    account: int
    psn_no: str
    division: str
    person: InsuredPerson | None = None
    shared: bool = False


class PayerFinder:
    """Finds the card and the person of a request.

    ``business`` checks business strings, ``tokens`` knows electronic credentials; without them
    what messages bring of both is not believed, and a lenient centre says so.
    """

    def __init__(
        self,
        persons: PersonRegister | None = None,
        business: BusinessStrings | None = None,
        tokens: ResolveToken | None = None,
    ) -> None:
        self.persons: Final = persons or PersonRegister()
        self._business = business
        self._tokens = tokens

    def of_question(
        self, t: LedgerTransaction, request: Request, data: dict[str, str], time: str, at: int
    ) -> Payer:
        """The payer of a 1101. ``time`` is when the card is judged, ``at`` now in Unix time.

        :raises AuthorisationRefusedError: not here, lost, cancelled, expired, insured elsewhere.
        """
        return self._find(
            t, request, data["mdtrt_cert_type"], data["mdtrt_cert_no"], data["card_sn"], time, at
        )

    def of_bill(
        self, t: LedgerTransaction, request: Request, bill: DrugBill, time: str, at: int
    ) -> Payer:
        """The payer of a bill: its card as in 1101, and the person it names.

        :raises AuthorisationRefusedError: as :meth:`of_question`; psn_no is another's.
        """
        info = bill.info
        kind, number = info["mdtrt_cert_type"], info["mdtrt_cert_no"]
        if kind == CARD and bill.card_sn is None and "|" not in number:
            payer = self._by_person(t, request, info["psn_no"], number, time)
        else:
            payer = self._find(t, request, kind, number, bill.card_sn or "", time, at)
            if payer.psn_no != info["psn_no"]:
                raise AuthorisationRefusedError("psn_no: is not that of the card")
        if info["acct_used_flag"] != "2":
            return payer
        return self._sharing(t, payer, time)

    def person(
        self, t: LedgerTransaction, psn_no: str
    ) -> tuple[Payer | None, InsuredPerson | None]:
        """A card of a person by psn_no, whatever its status, and who it is."""
        rows = t.connection.execute(
            sa.select(card).where(_of_person(psn_no)).order_by(card.c.id)
        ).all()
        if not rows:
            return None, None
        payer = self._payer(t, rows[-1], "", None)
        return payer, payer.person

    # --- ways ----------------------------------------------------------------------------------

    def _find(
        self,
        t: LedgerTransaction,
        request: Request,
        kind: str,
        number: str,
        card_sn: str,
        time: str,
        at: int,
    ) -> Payer:
        if kind == CARD:
            return self._by_card(t, request, number, card_sn, time, at)
        if kind not in (TOKEN, IDENTITY, ELECTRONIC_CARD):
            raise AuthorisationRefusedError("mdtrt_cert_type: must be 01, 02, 03 or 04")
        if not len(self.persons):
            raise AuthorisationRefusedError(
                "mdtrt_cert_type: only cards (03) are known here: there is no register of persons"
            )
        person = self._person(request, kind, number, at)
        if person is None:
            raise AuthorisationRefusedError("mdtrt_cert_no: nobody in the register of persons")
        return self._of_person(t, request, person, time)

    def _person(self, request: Request, kind: str, number: str, at: int) -> InsuredPerson | None:
        if kind == IDENTITY:
            number, bar, text = number.partition("|")
            if bar:
                self._checked(request, number, "", text, at)
            return self.persons.by_certno(number)
        if kind == TOKEN:
            return self._of_token(number)
        certno, bar, token = number.partition("|")
        person = self.persons.by_certno(certno)
        if person is None:
            return None
        if not bar or self._of_token(token) is not person:
            if request.strict:
                raise AuthorisationRefusedError(
                    "mdtrt_cert_no: its token is not one of this centre"
                )
            request.notes.append("mdtrt_cert_no: its token is not one of this centre")
        return person

    def _of_token(self, token: str) -> InsuredPerson | None:
        certno = self._tokens(token) if self._tokens and token else None
        if certno is not None:
            return self.persons.by_certno(certno)
        return self.persons.by_token(token) if token else None

    def _by_card(
        self, t: LedgerTransaction, request: Request, number: str, card_sn: str, time: str, at: int
    ) -> Payer:
        number, bar, text = number.partition("|")
        if bar:
            card_sn = self._checked(request, number, card_sn, text, at)
        if not card_sn and not request.strict:
            found = t.connection.execute(sa.select(card).where(card.c.card_number == number)).all()
            if len(found) == 1:
                request.notes.append("card_sn: is missing")
                return self._payer(t, found[0], request.insured_division, time)
        if not re.fullmatch("[0-9A-Fa-f]{32}", card_sn):
            raise AuthorisationRefusedError("card_sn: must be the 卡识别码, 32 hex digits")
        row = t.connection.execute(
            sa.select(card).where(card.c.card_id_code == bytes.fromhex(card_sn))
        ).one_or_none()
        if row is None:
            raise AuthorisationRefusedError("the card is not in the register")
        if row.card_number != number:
            raise AuthorisationRefusedError("card_sn: is not that of the card")
        return self._payer(t, row, request.insured_division, time)

    def _checked(self, request: Request, number: str, card_sn: str, text: str, at: int) -> str:
        """The 卡识别码 that a business string proves, else the request's own."""
        if self._business is None:
            if request.strict:
                raise AuthorisationRefusedError(
                    "mdtrt_cert_no: the centre has no key for business strings"
                )
            request.notes.append("mdtrt_cert_no: its business string was not checked")
            return card_sn
        try:
            reading = self._business.check(text, at=at)
        except BusinessStringError as error:
            raise AuthorisationRefusedError(f"mdtrt_cert_no: business string: {error}") from None
        code = reading.card_id_code.hex().upper()
        if reading.card_number != number or card_sn.upper() not in ("", code):
            raise AuthorisationRefusedError("mdtrt_cert_no: business string: is another card's")
        return code

    def _by_person(
        self, t: LedgerTransaction, request: Request, psn_no: str, number: str, time: str
    ) -> Payer:
        """By person and card number, of which the last card counts."""
        rows = t.connection.execute(
            sa.select(card)
            .where(_of_person(psn_no), card.c.card_number == number)
            .order_by(card.c.id)
        ).all()
        if not rows:
            raise AuthorisationRefusedError("the card is not in the register")
        return self._payer(t, rows[-1], request.insured_division, time)

    def _of_person(
        self, t: LedgerTransaction, request: Request, person: InsuredPerson, time: str
    ) -> Payer:
        """A card of this person that may pay, the newest first; else why the oldest may not."""
        conditions: list[sa.ColumnElement[bool]] = []
        if person.psn_no:
            conditions.append(_of_person(person.psn_no))
        if person.card_id_codes:
            codes = [bytes.fromhex(code) for code in person.card_id_codes]
            conditions.append(card.c.card_id_code.in_(codes))
        wanted = sa.or_(sa.false(), *conditions)
        rows = t.connection.execute(
            sa.select(card).where(wanted).order_by(card.c.id.desc()).limit(20)
        ).all()
        if not rows:
            raise AuthorisationRefusedError("the person has no card in the register")
        for row in rows[:-1]:
            with suppress(AuthorisationRefusedError):
                return self._payer(t, row, request.insured_division, time)
        return self._payer(t, rows[-1], request.insured_division, time)

    def _sharing(self, t: LedgerTransaction, payer: Payer, time: str) -> Payer:
        """acct_used_flag 2: the account of the relative whom the register names, else the own."""
        relative = payer.person and self.persons.by_certno(payer.person.shared_with)
        if not relative:
            return payer
        rows = t.connection.execute(
            sa.select(card)
            .where(
                sa.or_(
                    _of_person(relative.psn_no),
                    card.c.card_id_code.in_([bytes.fromhex(one) for one in relative.card_id_codes]),
                )
            )
            .order_by(card.c.id.desc())
        ).all()
        if not rows:
            raise AuthorisationRefusedError("acct_used_flag: the relative has no account here")
        self._payer(t, rows[0], "", time)
        return replace(payer, account=rows[0].account, shared=True)

    def _payer(
        self, t: LedgerTransaction, row: Any, insured_division: str, time: str | None
    ) -> Payer:
        if time is not None:
            status = status_of(t, row.id, time)
            if status is not CardStatus.NORMAL:
                raise AuthorisationRefusedError(
                    f"the card's status is {int(status)} {status.chinese}"
                )
            if row.valid_to is not None and int(time[:8]) > row.valid_to:
                raise AuthorisationRefusedError("the card has expired")
        division = f"{row.division:06d}"
        if insured_division not in ("", division):
            raise AuthorisationRefusedError("insuplc_admdvs: the person is insured elsewhere")
        psn_no = person_number(row.id, row.psn_no)
        person = self.persons.holder(psn_no, bytes(row.card_id_code).hex())
        return Payer(row.id, row.account, psn_no, division, person)


def _of_person(psn_no: str) -> sa.ColumnElement[bool]:
    own = _OWN_NUMBER.fullmatch(psn_no)
    if own:
        return sa.and_(card.c.id == int(own[1]), card.c.psn_no.is_(None))
    return card.c.psn_no == psn_no
