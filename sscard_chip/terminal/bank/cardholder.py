# SPDX-License-Identifier: Apache-2.0
"""Cardholder verification: the card's CVM list and the PIN (EMV book 3, 10.5)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sscard_chip.security.emv import plain_pin_block
from sscard_chip.standard.commands import VERIFY
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.results import Tsi, Tvr
from sscard_chip.terminal.bank.transaction import TerminalTransaction
from sscard_chip.terminal.client import PinEntry

SUPPORTED: Final = 0x10  # of the AIP
_GO_ON: Final = 0x40
_METHOD: Final = 0x3F
_PIN_TRIES: Final = 0x9F17


class Method(IntEnum):
    """Methods of a CVM list that a terminal with a PIN pad and a clerk knows."""

    FAIL = 0x00
    PLAIN_PIN = 0x01
    ONLINE_PIN = 0x02
    PLAIN_PIN_AND_SIGNATURE = 0x03
    SIGNATURE = 0x1E
    NONE = 0x1F
    IDENTITY_DOCUMENT = 0x20


_PINS: Final = (Method.PLAIN_PIN, Method.PLAIN_PIN_AND_SIGNATURE)
# An online PIN travels to the issuer under keys of the terminal's, which this one has not.
_KNOWN: Final = frozenset(Method) - {Method.ONLINE_PIN}
_FAILED, _SUCCESS, _UNKNOWN = 1, 2, 0


def verify_cardholder(transaction: TerminalTransaction, pin_entry: PinEntry | None) -> None:
    """Go through the CVM list until a method succeeds or the list ends; sets 9F34, TVR, TSI.

    :raises CardDataError: 8E is none.
    """
    supported, rules = transaction.value(0x82)[0] & SUPPORTED, transaction.data.get(0x8E)
    if not supported or rules is None:
        if supported:
            transaction.tvr |= Tvr.DATA_MISSING
        transaction.data[0x9F34] = bytes((0x3F, 0x00, _UNKNOWN))
        return
    if len(rules) < 10 or len(rules) % 2:
        raise CardDataError("8E: has another length")
    transaction.tsi |= Tsi.CARDHOLDER
    limits = int.from_bytes(rules[:4]), int.from_bytes(rules[4:8])
    last = bytes((0x3F, 0x00))
    for at in range(8, len(rules), 2):
        code, condition = rules[at], rules[at + 1]
        method = code & _METHOD
        if not _applies(transaction, condition, method, limits):
            continue
        last = rules[at : at + 2]
        if method not in _KNOWN:
            if method != Method.ONLINE_PIN:
                transaction.tvr |= Tvr.UNKNOWN_CVM
        elif _performed(transaction, Method(method), pin_entry):
            result = (
                _UNKNOWN if method in (Method.SIGNATURE, Method.IDENTITY_DOCUMENT) else _SUCCESS
            )
            transaction.data[0x9F34] = last + bytes((result,))
            return
        if not code & _GO_ON:
            break
    transaction.tvr |= Tvr.CARDHOLDER_NOT_VERIFIED
    transaction.data[0x9F34] = last + bytes((_FAILED,))


def _applies(
    transaction: TerminalTransaction, condition: int, method: int, limits: tuple[int, int]
) -> bool:
    amount = transaction.purchase.amount_fen
    in_currency = transaction.data.get(0x9F42, transaction.data[0x5F2A]) == transaction.data[0x5F2A]
    match condition:
        case 0x00 | 0x02:  # always; no cash
            return True
        case 0x03:  # the terminal has the method
            return method in _KNOWN and (method not in _PINS or transaction.terminal.pin_pad)
        case 0x06 | 0x08:
            return in_currency and amount < limits[condition == 0x08]
        case 0x07 | 0x09:
            return in_currency and amount > limits[condition == 0x09]
    return False


def _performed(
    transaction: TerminalTransaction, method: Method, pin_entry: PinEntry | None
) -> bool:
    if method is Method.FAIL:
        return False
    if method not in _PINS:
        return True  # the clerk looks at signature or document
    if not transaction.terminal.pin_pad or pin_entry is None:
        transaction.tvr |= Tvr.NO_PIN_PAD
        return False
    return _verify_pin(transaction, pin_entry)


def _verify_pin(transaction: TerminalTransaction, pin_entry: PinEntry) -> bool:
    """VERIFY until it is right, the holder gives up, or no try is left."""
    counter = transaction.get_data(_PIN_TRIES)
    remaining = counter[-1] if counter else 1
    while remaining:
        digits = pin_entry(remaining)
        if digits is None:
            transaction.tvr |= Tvr.PIN_NOT_ENTERED
            return False
        answer = transaction.client.send(VERIFY, 0x00, 0x80, plain_pin_block(digits))
        if answer.ok:
            return True
        error = answer.refusal
        blocked = answer.sw in (
            StatusWord.AUTHENTICATION_BLOCKED,
            StatusWord.REFERENCE_DATA_INVALID,
        )
        remaining = 0 if blocked else error.remaining_tries or 0
        if not blocked and error.remaining_tries is None:
            raise error
    transaction.tvr |= Tvr.PIN_TRIES_EXCEEDED
    return False
