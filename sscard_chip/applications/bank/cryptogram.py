# SPDX-License-Identifier: Apache-2.0
"""GENERATE AC, the application cryptogram and the issuer application data (payment page B3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.application import BankApplication, bcd_number, current
from sscard_chip.applications.bank.data import (
    CONTACTLESS_CRYPTOGRAM_VERSION,
    CRYPTOGRAM_VERSION,
    DERIVATION_KEY_INDEX,
    INTERCHANGE_PROFILE,
    SUITE,
    Flags,
    TransactionData,
    encode_n12,
)
from sscard_chip.applications.bank.log import stage_log
from sscard_chip.applications.bank.risk import (
    Judgement,
    after_issuer,
    after_offline_approval,
    is_domestic,
    judge_first,
    judge_second,
    verification_results,
)
from sscard_chip.applications.bank.states import PaymentTransaction, TransactionState
from sscard_chip.filesystem.tlv import dol_length, parse_dol, split_dol, tlv
from sscard_chip.security.emv import CVN_17, cvn01_input, cvn17_input, issuer_data_mac
from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.standard.keys import USE_CRYPTOGRAM, USE_SCRIPT_MAC
from sscard_chip.standard.status import StatusError, StatusWord

AMOUNT, OTHER_AMOUNT, COUNTRY = 0x9F02, 0x9F03, 0x9F1A
RESULTS, CURRENCY, DATE, KIND, UNPREDICTABLE = 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37
_RESPONSE_CODE: Final = 0x8A
_CDOL1, _CDOL2 = 0x8C, 0x8D
_FORMAT_1: Final = 0x80

_INPUT: Final = (
    (AMOUNT, 6),
    (OTHER_AMOUNT, 6),
    (COUNTRY, 2),
    (RESULTS, 5),
    (CURRENCY, 2),
    (DATE, 3),
    (KIND, 1),
    (UNPREDICTABLE, 4),
)
"""The terminal's part of a cryptogram's input."""
_CASH_BALANCE: Final = b"\x0a\x01"
"""Head of the second part of 9F10: 10 bytes, of kind 01, the electronic cash balance."""
_UNABLE_ONLINE: Final = (b"Y3", b"Z3")
_STATIC_FAILED, _DYNAMIC_FAILED = 0x40, 0x08  # byte 1 of the terminal verification results


def generate_ac(session: Session, application: BankApplication, command: Command) -> bytes:
    """GENERATE AC 80 AE kind 00: data of CDOL1, the second time of CDOL2.

    Answers 80 {CID 1, ATC 2, AC 8, 9F10}. 6A86 for another kind (CDA is not offered), 6700,
    6A80 an amount that is no number, 6985 an ARQC the second time.
    """
    if command.p2 or command.p1 not in set(CryptogramType):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    transaction = current(session)
    first = transaction.state is TransactionState.INITIATED
    asked = CryptogramType(command.p1)
    if not first and asked is CryptogramType.ARQC:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    dol = parse_dol(application.record_value(_CDOL1 if first else _CDOL2) or b"")
    if len(command.data) != dol_length(dol):
        raise StatusError(StatusWord.WRONG_LENGTH)
    values = split_dol(dol, command.data)
    step = _first if first else _second
    return step(session, application, transaction, asked, values)


def _first(
    session: Session,
    application: BankApplication,
    transaction: PaymentTransaction,
    asked: CryptogramType,
    values: Mapping[int, bytes],
) -> bytes:
    amount, domestic = amount_of(application, values)
    counters = application.data.read()
    judgement = judge_first(application, counters, transaction, asked, amount, domestic=domestic)
    kind = judgement.kind
    after = counters
    if kind is CryptogramType.TC:
        after = after_offline_approval(
            counters, amount, domestic=domestic, electronic_cash=judgement.electronic_cash
        )
        stage_log(application, {**transaction.terminal, **values}, transaction.atc)
    elif kind is CryptogramType.ARQC:
        after = counters._replace(flags=counters.flags | Flags.ONLINE_PENDING)
    else:
        after = counters._replace(flags=counters.flags | _failed_authentication(values))
    if after != counters:
        application.data.stage(after)
    results = verification_results(judgement.results, kind, None, counters.scripts)
    cryptogram, issuer_data = certify(application, transaction.atc, values, results, after)
    session.transaction = replace(
        transaction,
        state=TransactionState.ONLINE
        if kind is CryptogramType.ARQC
        else TransactionState.COMPLETED,
        cryptogram=cryptogram,
        terminal={**transaction.terminal, **values},
    )
    return _answer(kind, transaction.atc, cryptogram, issuer_data)


def _second(
    session: Session,
    application: BankApplication,
    transaction: PaymentTransaction,
    asked: CryptogramType,
    values: Mapping[int, bytes],
) -> bytes:
    amount, domestic = amount_of(application, values)
    counters = application.data.read()
    online = values.get(_RESPONSE_CODE) not in _UNABLE_ONLINE
    judgement = judge_second(
        application, counters, transaction, asked, amount, domestic=domestic, online=online
    )
    kind = judgement.kind
    after = _after_second(application, counters, transaction, judgement, amount, domestic, online)
    if after != counters:
        application.data.stage(after)
    terminal = {**transaction.terminal, **values}
    if kind is CryptogramType.TC:
        stage_log(application, terminal, transaction.atc)
    results = verification_results(judgement.results, CryptogramType.ARQC, kind, counters.scripts)
    cryptogram, issuer_data = certify(application, transaction.atc, terminal, results, after)
    session.transaction = replace(transaction, state=TransactionState.COMPLETED, terminal=terminal)
    return _answer(kind, transaction.atc, cryptogram, issuer_data)


def _after_second(
    application: BankApplication,
    counters: TransactionData,
    transaction: PaymentTransaction,
    judgement: Judgement,
    amount_fen: int,
    domestic: bool,
    online: bool,
) -> TransactionData:
    if online:
        return after_issuer(application, counters, transaction)
    if judgement.kind is CryptogramType.TC:
        return after_offline_approval(
            counters, amount_fen, domestic=domestic, electronic_cash=judgement.electronic_cash
        )
    return counters


def amount_of(application: BankApplication, values: Mapping[int, bytes]) -> tuple[int, bool]:
    """The amount in fen, and whether it is in the application's currency; 6A80."""
    amount = bcd_number(values.get(AMOUNT, b"\0"))
    bcd_number(values.get(OTHER_AMOUNT, b"\0"))
    return amount, is_domestic(application, values.get(CURRENCY, b""))


def certify(
    application: BankApplication,
    atc: bytes,
    values: Mapping[int, bytes],
    results: bytes,
    counters: TransactionData,
    *,
    contactless: bool = False,
) -> tuple[bytes, bytes]:
    """The application cryptogram, 8 bytes, and the issuer application data (9F10), 19.

    9F10: 07 DKI CVN CVR(4) algorithm, 0A 01 low five bytes of the balance, MAC 4 under
    the MAC key over ATC, balance and 00 [M]. ``counters`` are those that the command leaves behind.
    """
    data = application.data
    session = application.session(USE_CRYPTOGRAM, atc)
    version = CONTACTLESS_CRYPTOGRAM_VERSION if contactless else CRYPTOGRAM_VERSION
    number = data.value(version)
    if number[0] == CVN_17:
        amount = values.get(AMOUNT, b"").rjust(6, b"\0")
        unpredictable = values.get(UNPREDICTABLE, b"").rjust(4, b"\0")
        message = cvn17_input(amount, unpredictable, atc, results)
    else:
        terminal = b"".join(
            values.get(tag, b"")[:length].rjust(length, b"\0") for tag, length in _INPUT
        )
        message = cvn01_input(terminal, data.value(INTERCHANGE_PROFILE), atc, results)
    balance = encode_n12(counters.balance_fen)[1:]
    head = data.value(DERIVATION_KEY_INDEX) + number + results + data.value(SUITE)
    mac = issuer_data_mac(application.session(USE_SCRIPT_MAC, atc), atc, balance)
    issuer_data = bytes((len(head),)) + head + _CASH_BALANCE + balance + mac
    return session.cryptogram(message), issuer_data


def _failed_authentication(values: Mapping[int, bytes]) -> Flags:
    """What a declined transaction leaves to be reported: offline data authentication failed."""
    first = values.get(RESULTS, b"\0")[0]
    flags = Flags(0)
    if first & _STATIC_FAILED:
        flags |= Flags.STATIC_FAILED
    if first & _DYNAMIC_FAILED:
        flags |= Flags.DYNAMIC_FAILED
    return flags


def _answer(kind: CryptogramType, atc: bytes, cryptogram: bytes, issuer_data: bytes) -> bytes:
    return tlv(_FORMAT_1, bytes((kind,)) + atc + cryptogram + issuer_data)
