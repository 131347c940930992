# SPDX-License-Identifier: Apache-2.0
"""Card risk management: whether a transaction is approved, declined or sent to the issuer, and
the card verification results (CVR) that show the issuer why.

JR/T 0025 part 5. The bits of CVR and of the application default action (9F52) and the order of
the checks are those of the scheme that PBOC followed [M]; CVR's lengths and first bits agree with
the published cryptograms.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final, NamedTuple

from sscard_chip.applications.bank.application import BankApplication
from sscard_chip.applications.bank.data import (
    APPLICATION_CURRENCY,
    BALANCE_LIMIT,
    DEFAULT_ACTION,
    ISSUER_AUTHENTICATION,
    LOWER_AMOUNT,
    LOWER_COUNT,
    RESET_THRESHOLD,
    SINGLE_LIMIT,
    UPPER_AMOUNT,
    UPPER_COUNT,
    Flags,
    TransactionData,
)
from sscard_chip.applications.bank.states import PaymentTransaction
from sscard_chip.standard.cryptograms import CryptogramType


class Cvr(IntFlag):
    """Card verification results, 3 bytes behind their length; the kinds of the cryptograms and
    the count of scripts are put in by :func:`verification_results`."""

    ISSUER_FAILED = 1 << 19
    PIN_PERFORMED = 1 << 18
    PIN_FAILED = 1 << 17
    UNABLE_ONLINE = 1 << 16
    ONLINE_PENDING = 1 << 15
    PIN_TRIES_EXCEEDED = 1 << 14
    VELOCITY_EXCEEDED = 1 << 13
    NEW_CARD = 1 << 12
    LAST_ISSUER_FAILED = 1 << 11
    ISSUER_NOT_PERFORMED = 1 << 10
    BLOCKED_BY_PIN = 1 << 9
    LAST_STATIC_FAILED = 1 << 8
    LAST_SCRIPT_FAILED = 1 << 3
    LAST_DYNAMIC_FAILED = 1 << 2
    DYNAMIC_PERFORMED = 1 << 1
    PIN_NOT_RECEIVED = 1 << 0


class Action(IntFlag):
    """Application default action, 9F52."""

    ISSUER_FAILED_ONLINE = 0x8000  # after a failed issuer authentication, the next goes online
    ISSUER_FAILED_DECLINE = 0x4000
    ISSUER_MISSING_DECLINE = 0x2000  # issuer authentication is mandatory, and was not performed
    NEW_ONLINE = 0x0200
    NEW_DECLINE = 0x0100  # a new card that cannot go online
    PIN_BLOCKS = 0x0080  # the last wrong PIN blocks the application
    PIN_DECLINE = 0x0040
    PIN_ONLINE = 0x0020
    PIN_OFFLINE_DECLINE = 0x0010  # tries exceeded, and it cannot go online
    SCRIPT_FAILED_ONLINE = 0x0008


MANDATORY: Final = 0x80
"""Bit of 9F56: the issuer must be authenticated."""

_SECOND_SHIFT: Final = 16
_FIRST_SHIFT: Final = 14
_NOT_REQUESTED: Final = 0x80
_SCRIPTS_SHIFT: Final = 4
_MAX_SCRIPTS: Final = 15

_OF_FLAGS: Final = (
    (Flags.ONLINE_PENDING, Cvr.ONLINE_PENDING),
    (Flags.ISSUER_FAILED, Cvr.LAST_ISSUER_FAILED),
    (Flags.SCRIPT_FAILED, Cvr.LAST_SCRIPT_FAILED),
    (Flags.STATIC_FAILED, Cvr.LAST_STATIC_FAILED),
    (Flags.DYNAMIC_FAILED, Cvr.LAST_DYNAMIC_FAILED),
)


class Judgement(NamedTuple):
    """What the card decides, and why. ``electronic_cash``: the amount comes out of the balance."""

    kind: CryptogramType
    results: Cvr
    electronic_cash: bool = False


def default_action(application: BankApplication) -> Action:
    """The application default action."""
    return Action(int.from_bytes(application.data.value(DEFAULT_ACTION)))


def verification_results(
    results: Cvr, first: CryptogramType, second: CryptogramType | None, scripts: int
) -> bytes:
    """The CVR: 03 and 3 bytes. ``second`` is None in the first GENERATE AC."""
    value = int(results) | first << _FIRST_SHIFT | min(scripts, _MAX_SCRIPTS) << _SCRIPTS_SHIFT
    value |= (_NOT_REQUESTED if second is None else second) << _SECOND_SHIFT
    return b"\x03" + value.to_bytes(3)


def judge_first(
    application: BankApplication,
    counters: TransactionData,
    transaction: PaymentTransaction,
    asked: CryptogramType,
    amount_fen: int,
    *,
    domestic: bool,
) -> Judgement:
    """The first GENERATE AC. A card answers with what was asked for, or less."""
    action = default_action(application)
    results = _common(application, counters, transaction)
    fast = transaction.electronic_cash and affordable(
        application, counters, amount_fen, domestic=domestic
    )
    online = declined = False
    if not fast:
        if _exceeds(application, counters, amount_fen, LOWER_COUNT, LOWER_AMOUNT, domestic):
            results |= Cvr.VELOCITY_EXCEEDED
        online = bool(results & (Cvr.VELOCITY_EXCEEDED | Cvr.ONLINE_PENDING))
        online |= bool(results & Cvr.NEW_CARD and action & Action.NEW_ONLINE)
        online |= bool(results & Cvr.LAST_ISSUER_FAILED and action & Action.ISSUER_FAILED_ONLINE)
        online |= bool(results & Cvr.LAST_SCRIPT_FAILED and action & Action.SCRIPT_FAILED_ONLINE)
        online |= bool(results & Cvr.PIN_TRIES_EXCEEDED and action & Action.PIN_ONLINE)
        declined = bool(results & Cvr.PIN_TRIES_EXCEEDED and action & Action.PIN_DECLINE)
    elif below_threshold(application, counters, amount_fen):
        online = True
    if application.suspended or declined or asked is CryptogramType.AAC:
        return Judgement(CryptogramType.AAC, results)
    if online or asked is CryptogramType.ARQC or (transaction.electronic_cash and not fast):
        return Judgement(CryptogramType.ARQC, results)
    return Judgement(CryptogramType.TC, results, electronic_cash=fast)


def judge_second(
    application: BankApplication,
    counters: TransactionData,
    transaction: PaymentTransaction,
    asked: CryptogramType,
    amount_fen: int,
    *,
    domestic: bool,
    online: bool,
) -> Judgement:
    """The second GENERATE AC; ``online`` says whether the issuer has answered."""
    action = default_action(application)
    results = _common(application, counters, transaction)
    approved = asked is CryptogramType.TC and not application.suspended
    if online:
        if transaction.issuer_failed:
            results |= Cvr.ISSUER_FAILED
            approved &= not action & Action.ISSUER_FAILED_DECLINE
        elif not transaction.issuer_checked:
            results |= Cvr.ISSUER_NOT_PERFORMED
            approved &= not (mandatory(application) and action & Action.ISSUER_MISSING_DECLINE)
        return Judgement(CryptogramType.TC if approved else CryptogramType.AAC, results)
    results |= Cvr.UNABLE_ONLINE
    fast = transaction.electronic_cash and affordable(
        application, counters, amount_fen, domestic=domestic
    )
    if not fast:
        if _exceeds(application, counters, amount_fen, UPPER_COUNT, UPPER_AMOUNT, domestic):
            results |= Cvr.VELOCITY_EXCEEDED
            approved = False
        approved &= not (results & Cvr.NEW_CARD and action & Action.NEW_DECLINE)
        approved &= not (results & Cvr.PIN_TRIES_EXCEEDED and action & Action.PIN_OFFLINE_DECLINE)
    kind = CryptogramType.TC if approved else CryptogramType.AAC
    return Judgement(kind, results, electronic_cash=fast and approved)


def _common(
    application: BankApplication, counters: TransactionData, transaction: PaymentTransaction
) -> Cvr:
    """What does not depend on the amount."""
    results = remembered(application, counters)
    if transaction.pin_received:
        results |= Cvr.PIN_PERFORMED
        if transaction.pin_failed:
            results |= Cvr.PIN_FAILED
    elif application.pin is not None:
        results |= Cvr.PIN_NOT_RECEIVED
    if transaction.blocked_by_pin:
        results |= Cvr.BLOCKED_BY_PIN
    if transaction.dynamic_signature:
        results |= Cvr.DYNAMIC_PERFORMED
    return results


def remembered(application: BankApplication, counters: TransactionData) -> Cvr:
    """What the card reports of before this transaction; of a contactless one it is all."""
    results = Cvr(0) if counters.last_online_atc else Cvr.NEW_CARD
    for flag, bit in _OF_FLAGS:
        if counters.flags & flag:
            results |= bit
    if application.pin_blocked:
        results |= Cvr.PIN_TRIES_EXCEEDED
    return results


def mandatory(application: BankApplication) -> bool:
    """Whether the issuer must be authenticated."""
    return bool(application.data.value(ISSUER_AUTHENTICATION)[0] & MANDATORY)


def is_domestic(application: BankApplication, currency: bytes) -> bool:
    """Whether an amount is in the currency of the application."""
    return currency == application.data.value(APPLICATION_CURRENCY)


def _exceeds(
    application: BankApplication,
    counters: TransactionData,
    amount_fen: int,
    count_limit: int,
    amount_limit: int,
    domestic: bool,
) -> bool:
    """Whether this would be one offline transaction too many, or too much.

    Amounts of another currency count as transactions only [L].
    """
    if counters.offline_count + 1 > application.data.value(count_limit)[0]:
        return True
    total = counters.offline_amount_fen + (amount_fen if domestic else 0)
    return total > application.data.amount(amount_limit)


# --- electronic cash ------------------------------------------------------------------------------


def affordable(
    application: BankApplication, counters: TransactionData, amount_fen: int, *, domestic: bool
) -> bool:
    """Whether the electronic cash can pay (payment page B4 [M]).

    The application has it (limit above 0), the amount is in its currency, not more than the
    balance and than the limit of one transaction; a limit of 0 is none [L].
    """
    data = application.data
    single = data.amount(SINGLE_LIMIT)
    return (
        domestic
        and data.amount(BALANCE_LIMIT) > 0
        and amount_fen <= counters.balance_fen
        and (not single or amount_fen <= single)
    )


def below_threshold(
    application: BankApplication, counters: TransactionData, amount_fen: int
) -> bool:
    """Whether the balance would fall below the reset threshold: then the card goes online."""
    return counters.balance_fen - amount_fen < application.data.amount(RESET_THRESHOLD)


def after_offline_approval(
    counters: TransactionData, amount_fen: int, *, domestic: bool, electronic_cash: bool
) -> TransactionData:
    """The counters after an approval without the issuer."""
    if electronic_cash:
        return counters._replace(balance_fen=counters.balance_fen - amount_fen)
    return counters._replace(
        offline_count=counters.offline_count + 1,
        offline_amount_fen=counters.offline_amount_fen + (amount_fen if domestic else 0),
    )


def after_issuer(
    application: BankApplication, counters: TransactionData, txn: PaymentTransaction
) -> TransactionData:
    """The counters after the issuer's answer.

    An issuer that has proven itself, or need not, puts an end to what was pending; else the
    transaction stays not completed and the next one shows.
    """
    failed = txn.issuer_failed or (not txn.issuer_checked and mandatory(application))
    if failed:
        kept = counters.flags | Flags.ONLINE_PENDING
        return counters._replace(flags=kept | Flags.ISSUER_FAILED if txn.issuer_failed else kept)
    return counters._replace(
        last_online_atc=counters.atc,
        flags=Flags(0),
        scripts=0,
        offline_count=0,
        offline_amount_fen=0,
    )
