# SPDX-License-Identifier: Apache-2.0
"""Tokens and codes of cards, kept beside the ledger, and dead the second the card is.

A token (ecToken) is division 6, ``ec``, 30 lower-case letters and digits [H]. A code is 28 digits
whose last six are the division [L]; it is shown for 60 s and read once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal, Self, TypeAlias

import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardStatus, Ledger
from sscard_chip.settlement.ledger.card_status import status_of
from sscard_chip.settlement.ledger.register import person_number
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema.books import card
from sscard_chip.settlement.schema.credentials import credential, credential_code
from sscard_chip.standard.dates import TIME, written_day
from sscard_chip.standard.errors import LedgerError

SECONDS: Final = 60
"""How long a code is shown."""
AUTHORISED_SECONDS: Final = 600
"""How long an authorisation (authNo) may be checked."""
KEPT_SECONDS: Final = 3_600
"""When a code that is over is deleted."""
CODE_DIGITS: Final = 28
_TOKEN_TAIL: Final = 30
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"

CodeKind: TypeAlias = Literal["code", "auth"]


class CredentialError(LedgerError):
    """A credential that is not to be had or not to be believed: why, in a few words.

    ``why``: ``unknown``, ``over`` or ``used`` for a code, ``card`` for a card that may not pay.
    """

    why = "card"

    @classmethod
    def of(cls, why: str, text: str) -> Self:
        """The error of a code."""
        error = cls(text)
        error.why = why
        return error


@dataclass(frozen=True, slots=True, repr=False)
class ShownCode:
    """A code, and until when it may be read (Unix time)."""

    code: str
    until: int


@dataclass(frozen=True, slots=True, repr=False)
class CredentialCard:
    """The card behind a credential, as it is at this second."""

    card_sn: str
    card_number: str
    psn_no: str
    division: str
    token: str


class CredentialStore:
    """The credentials of a ledger's cards. ``now`` is the centre's clock, local time."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime] = datetime.now) -> None:
        self._ledger = ledger
        self._now = now

    def token(self, card_sn: str) -> str:
        """The token of a card (卡识别码, 32 hex), given out with the first question.

        :raises CredentialError: no such card, or it may not pay.
        """
        at = self._now()
        return self._ledger.run(lambda t: self.token_in(t, card_sn, at).token)

    def new_code(self, card_sn: str, kind: CodeKind = "code") -> ShownCode:
        """A code of a card that has not been there before.

        :raises CredentialError: no such card, or it may not pay.
        """
        at = self._now()
        return self._ledger.run(lambda t: self.new_code_in(t, card_sn, at, kind))

    def read(self, code: str, kind: CodeKind = "code") -> CredentialCard:
        """Whose code it is. A code is over with its first reading, an authorisation with its time.

        :raises CredentialError: none of this centre, over, read already, or its card may not pay.
        """
        at = self._now()
        # A code that was shown of a lost card is over as well.
        found = self._ledger.run(lambda t: self.read_in(t, code, at, kind))
        if isinstance(found, CredentialError):
            raise found
        return found

    @classmethod
    def token_in(cls, t: LedgerTransaction, card_sn: str, at: datetime) -> CredentialCard:
        """:meth:`token` within a transaction: the card with its token.

        :raises CredentialError: no such card, or it may not pay.
        """
        return cls._of_card(t, card_sn, at)

    @classmethod
    def new_code_in(
        cls, t: LedgerTransaction, card_sn: str, at: datetime, kind: CodeKind = "code"
    ) -> ShownCode:
        """:meth:`new_code` within a transaction.

        :raises CredentialError: no such card, or it may not pay.
        """
        until = int(at.timestamp()) + (SECONDS if kind == "code" else AUTHORISED_SECONDS)
        found = cls._of_card(t, card_sn, at)
        code = _random_code(kind, found.division)
        old = int(at.timestamp()) - KEPT_SECONDS
        t.connection.execute(sa.delete(credential_code).where(credential_code.c.until < old))
        row = {"digest": _digest(code), "until": until, "used": 0, "kind": kind}
        row["card"] = t.connection.execute(
            sa.select(credential.c.card).where(credential.c.token == found.token)
        ).scalar_one()
        t.connection.execute(sa.insert(credential_code).values(row))
        return ShownCode(code, until)

    @classmethod
    def read_in(
        cls, t: LedgerTransaction, code: str, at: datetime, kind: CodeKind = "code"
    ) -> CredentialCard | CredentialError:
        """:meth:`read` within a transaction; the error is returned, for the code is over then."""
        wanted = sa.and_(credential_code.c.digest == _digest(code), credential_code.c.kind == kind)
        row = t.connection.execute(sa.select(credential_code).where(wanted)).one_or_none()
        if row is None:
            return CredentialError.of("unknown", "the code is not one of this centre")
        if int(at.timestamp()) >= row.until:
            return CredentialError.of("over", "the code is over: show a new one")
        if kind == "code":
            once = t.connection.execute(
                sa.update(credential_code).where(wanted, credential_code.c.used == 0).values(used=1)
            )
            if once.rowcount != 1:
                return CredentialError.of("used", "the code was read already: show a new one")
        found = t.connection.execute(sa.select(card).where(card.c.id == row.card)).one()
        good = cls._good(t, found, at)
        return CredentialError(good) if isinstance(good, str) else good

    def of_token(self, token: str) -> CredentialCard | None:
        """The card of a token, or None: of another centre, or its card may not pay."""
        at = self._now()
        with self._ledger.reading() as t:
            row = t.connection.execute(
                sa.select(card).join(credential).where(credential.c.token == token)
            ).one_or_none()
            found = None if row is None else self._good(t, row, at)
        return found if isinstance(found, CredentialCard) else None

    def cards_of(self, psn_no: str, card_id_codes: Iterable[str]) -> list[str]:
        """卡识别码 of a person's cards that may pay, the newest first."""
        at = self._now()
        codes = [bytes.fromhex(code) for code in card_id_codes]
        wanted = sa.or_(card.c.card_id_code.in_(codes), card.c.psn_no == (psn_no or None))
        with self._ledger.reading() as t:
            rows = t.connection.execute(
                sa.select(card).where(wanted).order_by(card.c.id.desc()).limit(20)
            ).all()
            found = [self._good(t, row, at) for row in rows]
        return [one.card_sn for one in found if isinstance(one, CredentialCard)]

    @classmethod
    def _of_card(cls, t: LedgerTransaction, card_sn: str, at: datetime) -> CredentialCard:
        try:
            code = bytes.fromhex(card_sn)
        except ValueError:
            code = b""
        row = t.connection.execute(sa.select(card).where(card.c.card_id_code == code)).one_or_none()
        if row is None:
            raise CredentialError("the card is not in the register")
        found = cls._good(t, row, at)
        if isinstance(found, str):
            raise CredentialError(found)
        if found.token:
            return found
        token = f"{found.division}ec" + "".join(
            secrets.choice(_LETTERS) for _ in range(_TOKEN_TAIL)
        )
        t.connection.execute(
            sa.insert(credential).values(card=row.id, token=token, issued=at.strftime(TIME))
        )
        return CredentialCard(found.card_sn, found.card_number, found.psn_no, found.division, token)

    @staticmethod
    def _good(t: LedgerTransaction, row: Any, at: datetime) -> CredentialCard | str:
        """The card if it may pay at this second, else why not."""
        status = status_of(t, row.id, at.strftime(TIME))
        if status is not CardStatus.NORMAL:
            return f"the card's status is {int(status)} {status.chinese}"
        if row.valid_to is not None and int(written_day(at)) > row.valid_to:
            return "the card has expired"
        token = t.connection.execute(
            sa.select(credential.c.token).where(credential.c.card == row.id)
        ).scalar_one_or_none()
        return CredentialCard(
            bytes(row.card_id_code).hex().upper(),
            row.card_number,
            person_number(row.id, row.psn_no),
            f"{row.division:06d}",
            token or "",
        )


def _random_code(kind: CodeKind, division: str) -> str:
    if kind == "auth":
        return secrets.token_hex(16)
    digits = CODE_DIGITS - len(division)
    return f"{secrets.randbelow(10**digits):0{digits}d}{division}"


def _digest(code: str) -> bytes:
    return sha256(code.encode("utf-8", "replace")).digest()
