# SPDX-License-Identifier: Apache-2.0
"""A transport PSAM (交通联合): the purse's INIT SAM FOR PURCHASE, and MACs that lock a card.

It lies on the same engine with the transport issuer's keys in an application of its own; CREDIT
SAM FOR PURCHASE, CIPHER DATA and GET CHALLENGE are those of the social security PSAM.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.psam.ciphering import MaintenanceKey, split_factors
from sscard_chip.applications.psam.keys import KeyType, SamKeys
from sscard_chip.applications.psam.numbers import (
    PsamPurchase,
    next_number,
    stage_next,
    terminal_of,
)
from sscard_chip.security.diversify import FACTOR_LENGTH
from sscard_chip.security.purse import PURSE_SUITE_OF_CODE, purchase_factor
from sscard_chip.standard.status import StatusError, StatusWord

TRANSPORT: Final = 0x02
"""Option in the header of an application (its application type): keys of a transport issuer."""

_LENGTH: Final = 0x24
_FACTORS_AT: Final = _LENGTH - 2 * FACTOR_LENGTH


def init_sam_for_purse_purchase(session: Session, command: Command) -> bytes:
    """INIT SAM FOR PURCHASE 80 70 00 00 24: card random 4, card number 2, amount 4, type 1, date
    4, time 3, key version 1, algorithm 1, serial number 8, issuer 8.

    Answers 终端交易序号 4, MAC1 4. 6A88: no key of that version and algorithm (00 3DES, 04 SM4);
    the number is stored one higher in the same commit.
    """
    command.require(0, 0, _LENGTH)
    keys, data = SamKeys.of(session), command.data
    file, number = next_number(session)
    version, algorithm = data[_FACTORS_AT - 2 : _FACTORS_AT]
    key, purse = keys.find(KeyType.PURCHASE, version), PURSE_SUITE_OF_CODE.get(algorithm)
    if key is None or purse is None or purse.suite is not key.suite:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    secret = key.derive(split_factors(data[_FACTORS_AT:]))
    cipher = purse.session(
        purse.suite.encryptor(secret), purchase_factor(data[:4], data[4:6], number)
    )
    amount, kind, time = data[6:10], data[10:11], data[11:18]
    mac1 = cipher.mac(amount + kind + terminal_of(session) + time)
    session.transaction = PsamPurchase(cipher.mac(amount))
    stage_next(file, number)
    return number + mac1


def init_for_descrypt(session: Session, command: Command) -> bytes:
    """INIT FOR DESCRYPT 80 1A 用途 id: serial number 8, issuer 8. The card's maintenance key comes
    into the register, for one MAC by CIPHER DATA [M].

    6A88 no such key, 6A80 the steps in P1 are not those of the key; 6D00 in any other PSAM.
    """
    if not session.df.header.app_type & TRANSPORT:
        raise StatusError(StatusWord.INS_NOT_SUPPORTED)
    command.require(command.p1, command.p2, 2 * FACTOR_LENGTH)
    key = SamKeys.of(session).find(KeyType.MAINTENANCE, command.p2)
    if key is None or command.p1 & 0x1F != KeyType.MAINTENANCE:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    if key.steps != command.p1 >> 5:
        raise StatusError(StatusWord.WRONG_DATA)
    secret = key.derive(split_factors(command.data))
    session.transaction = MaintenanceKey(key.suite, secret)
    return b""
