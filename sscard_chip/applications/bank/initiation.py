# SPDX-License-Identifier: Apache-2.0
"""GET PROCESSING OPTIONS: the beginning of a transaction, of a contactless one the whole of it
(EMV book 3, section 6.5.8; JR/T 0025 part 12; payment page B2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.application import BankApplication
from sscard_chip.applications.bank.authentication import dynamic_signature, signs
from sscard_chip.applications.bank.cryptogram import (
    AMOUNT,
    CURRENCY,
    UNPREDICTABLE,
    amount_of,
    certify,
)
from sscard_chip.applications.bank.data import (
    INTERCHANGE_PROFILE,
    PRODUCT,
    QUALIFIERS,
    TransactionData,
    encode_n12,
)
from sscard_chip.applications.bank.log import stage_log
from sscard_chip.applications.bank.risk import (
    affordable,
    after_offline_approval,
    below_threshold,
    remembered,
    verification_results,
)
from sscard_chip.applications.bank.states import (
    SIGNATURE_RECORD,
    PaymentTransaction,
    TransactionState,
)
from sscard_chip.filesystem import tlv
from sscard_chip.filesystem.tlv import DataObjects
from sscard_chip.security.oda.model import fdda_input
from sscard_chip.standard.amounts import MAX_COUNTER
from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.standard.status import StatusError, StatusWord

_COMMAND_TEMPLATE, _FORMAT_1, _FORMAT_2 = 0x83, 0x80, 0x77
_CASH_TERMINAL, _TERMINAL_QUALIFIERS = 0x9F7A, 0x9F66
_TRACK_2, _NAME, _SEQUENCE = 0x57, 0x5F20, 0x5F34
_ATC, _AFL, _ISSUER_DATA, _CRYPTOGRAM = 0x9F36, 0x94, 0x9F10, 0x9F26
_REMAINING, _AVAILABLE = 0x9F50, 0x9F5D
_AUTHENTICATION_DATA: Final = 0x9F69
_FDDA_VERSION: Final = b"\x01"

# Terminal transaction qualifiers, bytes 1 and 2 [M].
_QPBOC, _OFFLINE_ONLY, _ONLINE_PIN, _SIGNS = 0x20, 0x08, 0x04, 0x02
_CRYPTOGRAM_REQUIRED, _HOLDER_REQUIRED = 0x80, 0x40
# Card transaction qualifiers, byte 1 [M].
_WANTS_PIN, _WANTS_SIGNATURE = 0x80, 0x40


def get_processing_options(
    session: Session, application: BankApplication, command: Command
) -> bytes:
    """GET PROCESSING OPTIONS 80 A8 00 00: 83 with what the PDOL asks for, ``83 00`` without.

    The ATC goes up with it. Contact: 80 {AIP 2, AFL}. Contactless: 77 with the cryptogram, see
    :func:`_contactless`. 6A86, 6700 without data, 6A80 data that are not of that form, 6985 when
    the ATC is at its end.
    """
    if command.p1 or command.p2:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if not command.data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    contactless = session.contactless
    values = _terminal_data(application, command.data, contactless=contactless)
    counters = application.data.read()
    if counters.atc == MAX_COUNTER:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    counters = counters._replace(atc=counters.atc + 1)
    if contactless:
        return _contactless(session, application, counters, values)
    application.data.stage(counters)
    session.transaction = PaymentTransaction(
        TransactionState.INITIATED,
        counters.atc.to_bytes(2),
        electronic_cash=values.get(_CASH_TERMINAL) == b"\x01",
        terminal=values,
    )
    profile = application.data.value(INTERCHANGE_PROFILE)
    return tlv.tlv(_FORMAT_1, profile + application.file_locator(contactless=False))


def _terminal_data(
    application: BankApplication, data: bytes, *, contactless: bool
) -> dict[int, bytes]:
    """What the terminal sent for the PDOL; 6A80 when it is not what the PDOL asks for."""
    dol = application.pdol(contactless=contactless)
    try:
        objects = tlv.parse_objects(data)
    except ValueError:
        objects = []
    if len(objects) != 1 or objects[0][0] != _COMMAND_TEMPLATE:
        raise StatusError(StatusWord.WRONG_DATA)
    if len(objects[0][1]) != tlv.dol_length(dol):
        raise StatusError(StatusWord.WRONG_DATA)
    return tlv.split_dol(dol, objects[0][1])


def _contactless(
    session: Session,
    application: BankApplication,
    counters: TransactionData,
    values: Mapping[int, bytes],
) -> bytes:
    """qPBOC: decide at once and answer with the cryptogram.

    The electronic cash pays (TC) when it can, the reader does not want a cryptogram for the
    issuer, and the balance stays at the reset threshold or above; below it only a reader that
    cannot go online is served. Else ARQC, from an offline reader AAC. 6985 for a reader that
    does not do qPBOC and for a blocked application.
    """
    first, second = _terminal_qualifiers(values)
    if not first & _QPBOC or application.suspended:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    amount, domestic = amount_of(application, values)
    pays = affordable(application, counters, amount, domestic=domestic)
    if first & _OFFLINE_ONLY:
        kind = CryptogramType.TC if pays else CryptogramType.AAC
    else:
        pays &= not second & _CRYPTOGRAM_REQUIRED
        pays &= not below_threshold(application, counters, amount)
        kind = CryptogramType.TC if pays else CryptogramType.ARQC
    atc = counters.atc.to_bytes(2)
    results = remembered(application, counters)
    if kind is CryptogramType.TC:
        counters = after_offline_approval(counters, amount, domestic=domestic, electronic_cash=True)
        stage_log(application, values, atc)
    application.data.stage(counters)
    cryptogram, issuer_data = certify(
        application,
        atc,
        values,
        verification_results(results, kind, None, counters.scripts),
        counters,
        contactless=True,
    )
    qualifiers = _qualifiers(application, values, kind)
    objects = [
        (INTERCHANGE_PROFILE, application.data.value(INTERCHANGE_PROFILE)),
        (_ATC, atc),
        *_from_records(application, _TRACK_2),
        (_ISSUER_DATA, issuer_data),
        (_CRYPTOGRAM, cryptogram),
    ]
    signature = b""
    if kind is CryptogramType.TC:
        signed, signature = _signature(session, application, values, qualifiers)
        objects += _approved(application, counters, qualifiers, signed)
    else:
        objects += _not_approved(application, counters, qualifiers)
    session.transaction = PaymentTransaction(TransactionState.FINISHED, atc, signature=signature)
    return tlv.encode_template(_FORMAT_2, objects)


def _approved(
    application: BankApplication, counters: TransactionData, qualifiers: bytes, signed: DataObjects
) -> DataObjects:
    """What an approval goes on with: the AFL, the balance as 9F5D [L], and 9F69 of a card that
    signs, whose signature is the last record that the AFL names."""
    locator = application.file_locator(contactless=True)
    if signed:
        sfi, number = SIGNATURE_RECORD
        locator += bytes((sfi << 3, number, number, 0))
    return [
        (_AFL, locator),
        *_from_records(application, _SEQUENCE),
        (QUALIFIERS, qualifiers),
        (_AVAILABLE, encode_n12(counters.balance_fen)),
        *signed,
    ]


def _not_approved(
    application: BankApplication, counters: TransactionData, qualifiers: bytes
) -> DataObjects:
    """What goes to the issuer, or nowhere: no records, the balance as 9F50."""
    return [
        (PRODUCT, application.data.value(PRODUCT)),
        *_from_records(application, _SEQUENCE),
        (QUALIFIERS, qualifiers),
        (_REMAINING, encode_n12(counters.balance_fen)),
        *_from_records(application, _NAME),
    ]


def _qualifiers(
    application: BankApplication, values: Mapping[int, bytes], kind: CryptogramType
) -> bytes:
    """The card's own, and how it wants the holder verified where the reader says one must be."""
    first, second = _terminal_qualifiers(values)
    qualifiers = bytearray(application.data.value(QUALIFIERS))
    if second & _HOLDER_REQUIRED and first & _ONLINE_PIN and kind is CryptogramType.ARQC:
        qualifiers[0] |= _WANTS_PIN
    elif second & _HOLDER_REQUIRED and first & _SIGNS:
        qualifiers[0] |= _WANTS_SIGNATURE
    return bytes(qualifiers)


def _terminal_qualifiers(values: Mapping[int, bytes]) -> tuple[int, int]:
    first, second = values.get(_TERMINAL_QUALIFIERS, b"").ljust(2, b"\0")[:2]
    return first, second


def _from_records(application: BankApplication, tag: int) -> list[tuple[int, bytes]]:
    value = application.record_value(tag)
    return [] if value is None else [(tag, value)]


def _signature(
    session: Session,
    application: BankApplication,
    values: Mapping[int, bytes],
    qualifiers: bytes,
) -> tuple[DataObjects, bytes]:
    """9F69 and the signature of fDDA, nothing from a card without key.

    9F69: version 1, a random of the card's 4, its qualifiers 2 [M].
    """
    if not signs(application):
        return [], b""
    card_data = _FDDA_VERSION + session.random.take(4) + qualifiers
    asked = fdda_input(values[UNPREDICTABLE], values[AMOUNT], values[CURRENCY], card_data)
    signature = dynamic_signature(session, application, asked)
    return [(_AUTHENTICATION_DATA, card_data)], signature
