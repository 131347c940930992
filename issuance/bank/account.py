# SPDX-License-Identifier: Apache-2.0
"""The account of a holder file: the object ``bank``; also a file of its own.

::

    {"pan": "6239990000000012344", "expiry": "203612", "pan_sequence": "00", "pin": "135790",
     "service_code": "220", "state": "active", "variant": "debit", "pdol": false,
     "suite": "sm4", "oda": "sm2",
     "ecash": {"balance_fen": 0, "limit_fen": 100000, "single_limit_fen": 100000,
               "reset_threshold_fen": 0},
     "cryptogram_version": "01", "enciphered_pin": false,
     "offline_limits": {"lower_count": 0, "upper_count": 0,
                        "lower_amount_fen": 0, "upper_amount_fen": 0},
     "purse": {"balance_fen": 0, "deposit_fen": 0}}

``pan`` alone is required; what ``purse`` may hold is in :mod:`issuance.bank.purse`. Rules name
the item and never quote a value.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, get_args

from msgspec.structs import replace

from issuance.bank.purse import PurseOptions
from sscard_chip.standard.dates import written_day
from sscard_chip.standard.documents import Broken, Model, convert, rule
from sscard_chip.standard.identifiers import AlgorithmName
from sscard_chip.standard.pan import pan_rule

AccountVariant = Literal["debit", "credit", "quasi-credit", "electronic-cash"]
VARIANTS: Final[tuple[str, ...]] = get_args(AccountVariant)
MAX_ECASH_FEN: Final = 9_999_999_999
"""What the balance in 9F10 can say: ten digits."""
MAX_AMOUNT_FEN: Final = 999_999_999_999
"""What an amount of a transaction can say: twelve digits."""

_MONTH: Final = re.compile("20[0-9]{2}(0[1-9]|1[0-2])")
_EXPIRY_RULE: Final = "must be a month, YYYYMM, or a day, YYYYMMDD, of this century"


def _expiry_rule(value: str) -> str | None:
    if len(value) not in (6, 8) or not _MONTH.fullmatch(value[:6]):
        return _EXPIRY_RULE
    if len(value) == 8:
        days = calendar.monthrange(int(value[:4]), int(value[4:6]))[1]
        if not re.fullmatch("[0-9]{2}", value[6:]) or not 1 <= int(value[6:]) <= days:
            return _EXPIRY_RULE
    return None


CashFen = Annotated[int, rule(ge=0, le=MAX_ECASH_FEN, unit=" of fen")]


class InitialElectronicCash(Model, frozen=True):
    """Electronic cash (电子现金), amounts in fen; below the threshold it asks the issuer."""

    balance_fen: CashFen = 0
    limit_fen: CashFen = 100_000
    single_limit_fen: CashFen = 100_000
    reset_threshold_fen: CashFen = 0

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """No more money than the card may hold."""
        if good.get("balance_fen", 0) > good.get("limit_fen", MAX_ECASH_FEN):
            yield ("balance_fen",), "is above limit_fen"


class InitialOfflineLimits(Model, frozen=True):
    """What the card approves without its issuer, transactions in a row and amounts in all.

    Beyond a lower limit it asks the issuer, beyond an upper one it declines when that cannot be.
    """

    lower_count: Annotated[int, rule(ge=0, le=0xFF)] = 0
    upper_count: Annotated[int, rule(ge=0, le=0xFF)] = 0
    lower_amount_fen: Annotated[int, rule(ge=0, le=MAX_AMOUNT_FEN, unit=" of fen")] = 0
    upper_amount_fen: Annotated[int, rule(ge=0, le=MAX_AMOUNT_FEN, unit=" of fen")] = 0

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """The lower limits are not above the upper ones."""
        for unit in ("count", "amount_fen"):
            if good.get(f"lower_{unit}", 0) > good.get(f"upper_{unit}", 0):
                yield (f"lower_{unit}",), f"is above upper_{unit}"


class BankAccount(Model, frozen=True):
    """An account at a bank. Of a checked one, ``expiry`` is YYYYMMDD; ``suite`` None: the card's.

    ``pdol``: contact terminals are asked for data first; ``oda`` is the offline data
    authentication.
    """

    WHAT = "the account"

    pan: Annotated[str, rule(check=pan_rule, title="Card number at the bank, 12 to 19 digits")]
    expiry: Annotated[
        str,
        rule(_EXPIRY_RULE, check=_expiry_rule, title="YYYYMM or YYYYMMDD; else that of the card"),
    ] = ""
    pan_sequence: Annotated[
        str, rule("must be 2 digits", pattern="[0-9]{2}", title="PAN sequence number, 2 digits")
    ] = "00"
    pin: Annotated[
        str | None,
        rule(
            "must be 4 to 12 digits, or null for none",
            pattern="[0-9]{4,12}",
            title="PIN of the bank application, 4 to 12 digits",
        ),
    ] = None
    service_code: Annotated[
        str, rule("must be 3 digits", pattern="[0-9]{3}", title="Service code, 3 digits")
    ] = "220"
    state: Annotated[
        Literal["active", "dormant"], rule(title="A dormant one waits for its activation")
    ] = "active"
    variant: Annotated[AccountVariant, rule(title="Kind of account")] = "debit"
    pdol: Annotated[bool, rule(title="Asks terminals for data; electronic cash needs it")] = False
    suite: Annotated[
        AlgorithmName | None, rule(title="Algorithm of its keys; else that of the card")
    ] = None
    oda: Annotated[
        Literal["none", "sda", "dda", "sm2"], rule(title="Offline data authentication")
    ] = "none"
    ecash: Annotated[InitialElectronicCash, rule(title="Electronic cash (电子现金)")] = (
        InitialElectronicCash()
    )
    purse: Annotated[PurseOptions | None, rule(title="Deposit and purse (电子存折, 电子钱包)")] = (
        None
    )

    cryptogram_version: Annotated[
        Literal["01", "17"], rule(title="Version of contactless cryptograms")
    ] = "01"
    offline_limits: Annotated[
        InitialOfflineLimits, rule(title="What the card approves without its issuer")
    ] = InitialOfflineLimits()
    enciphered_pin: Annotated[
        bool, rule(title="Terminals encipher the PIN for the card; needs pin and oda dda")
    ] = False

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """An enciphered PIN needs a PIN, and the card's own RSA key."""
        if not good.get("enciphered_pin"):
            return
        if good.get("pin") is None:
            yield ("enciphered_pin",), "needs a pin"
        if good.get("oda", "none") != "dda":
            yield ("enciphered_pin",), "needs oda dda, the card's own RSA key"

    @classmethod
    def from_object(cls, value: Mapping[str, Any], *, card_expiry: str) -> BankAccount:
        """From an object in which nothing is wrong.

        ``card_expiry`` (YYYYMMDD) is the expiry of an account that names none.
        """
        account = convert(BankAccount, value)
        return replace(account, expiry=last_day(account.expiry or card_expiry))

    def __repr__(self) -> str:
        return f"<BankAccount, {self.variant}, {self.state}>"


class AccountFile(BankAccount, frozen=True):
    """An account in a file of its own, for sscard bank; checked for a day."""

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: date) -> Iterator[Broken]:
        """The account does not end before the day on which it is put onto a card."""
        yield from super().check_together(good, context)
        if good.get("expiry") and last_day(good["expiry"]) < written_day(context):
            yield ("expiry",), "is before the issue date of the card"


def last_day(text: str) -> str:
    """YYYYMM as its last day, YYYYMMDD as it is."""
    if len(text) != 6:
        return text
    return f"{text}{calendar.monthrange(int(text[:4]), int(text[4:]))[1]:02d}"
