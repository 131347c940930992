# SPDX-License-Identifier: Apache-2.0
"""INIT SAM FOR PURCHASE and CREDIT SAM FOR PURCHASE: MAC1 for the card, MAC2 from it."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.psam.ciphering import split_factors
from sscard_chip.applications.psam.keys import MAX_STEPS, KeyType, SamKeys
from sscard_chip.applications.psam.numbers import PsamPurchase, next_number, stage_next, terminal_of
from sscard_chip.applications.psam.transport import TRANSPORT, init_sam_for_purse_purchase
from sscard_chip.security.diversify import FACTOR_LENGTH
from sscard_chip.security.suite import SUITE_OF_KEY_CODE
from sscard_chip.standard.status import StatusError, StatusWord

ANSWERS_63CF: Final = 0x01
"""Option in the header of DF01 (its application type): a wrong MAC2 is 63CF and not 9302.

The guide's text says one, its table the other; in both readings no counter goes down.
"""

_BASE_LENGTH: Final = 0x1C
_LENGTHS: Final = tuple(_BASE_LENGTH + FACTOR_LENGTH * n for n in range(1, MAX_STEPS + 1))
_NOT_COUNTED: Final = 0x0F


def init_sam_for_purchase(session: Session, command: Command) -> bytes:
    """INIT SAM FOR PURCHASE 80 70 01 00: card random 4, card number 2, amounts 4+4+4, type 1,
    date 4, time 3, key version 1, algorithm 1, factors 8 each, innermost first.

    Answers 终端交易序号 4, MAC1 4. The number is stored one higher in the same commit that lets
    the answer out, so none is used twice [L]. 6985 at FFFFFFFF [L], 6A88 no key of that version
    and algorithm, 6700 when the factors are not as many as the key wants [L].
    """
    if session.df.header.app_type & TRANSPORT:
        return init_sam_for_purse_purchase(session, command)
    command.require(1, 0, *_LENGTHS)
    keys, data = SamKeys.of(session), command.data
    file, number = next_number(session)
    version, algorithm = data[_BASE_LENGTH - 2 : _BASE_LENGTH]
    key = keys.find(KeyType.PURCHASE, version)
    if key is None or SUITE_OF_KEY_CODE.get(algorithm) is not key.suite:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    factors = split_factors(data[_BASE_LENGTH:])
    if len(factors) != key.steps:
        raise StatusError(StatusWord.WRONG_LENGTH)
    suite = key.suite
    card, amounts, kind, time = data[:6], data[6:18], data[18:19], data[19:26]
    secret = suite.session_key(suite.encryptor(key.derive(factors)), card + number[2:])
    cipher = suite.session(secret)
    terminal = terminal_of(session)
    mac1 = cipher.mac(amounts + kind + terminal + time)
    session.transaction = PsamPurchase(cipher.mac(amounts))
    stage_next(file, number)
    return number + mac1


def credit_sam_for_purchase(session: Session, command: Command) -> bytes:
    """CREDIT SAM FOR PURCHASE 80 72 00 00: MAC2 4 of the card.

    6901 unless INIT SAM was the command before; 9302 (by option 63CF) when it is wrong. Either
    way the session key is gone and nothing else is remembered.
    """
    command.require(0, 0, 4)
    purchase, session.transaction = session.transaction, None
    if not isinstance(purchase, PsamPurchase):
        raise StatusError(StatusWord.INVALID_STATE)
    if not compare_digest(purchase.mac2, command.data):
        if session.df.header.app_type & ANSWERS_63CF:
            raise StatusError(StatusWord.VERIFICATION_FAILED | _NOT_COUNTED)
        raise StatusError(StatusWord.MAC_INCORRECT)
    return b""
