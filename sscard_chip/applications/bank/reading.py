# SPDX-License-Identifier: Apache-2.0
"""READ RECORD and GET DATA (EMV book 3, sections 6.5.11 and 6.5.7; payment page B4)."""

from __future__ import annotations

from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.application import LOG_SFI, BankApplication
from sscard_chip.applications.bank.data import BALANCE, BY_TAG
from sscard_chip.applications.bank.log import LOG_FORMAT
from sscard_chip.applications.bank.selection import entries, is_pse
from sscard_chip.applications.bank.states import SIGNATURE_RECORD, PaymentTransaction
from sscard_chip.filesystem.files import RecordFile
from sscard_chip.filesystem.tlv import encode_template, tlv
from sscard_chip.standard.status import StatusError, StatusWord

PSE_SFI: Final = 0x01
"""SFI of the directory file of PSE, tag 88 of its FCI."""

_BY_NUMBER: Final = 0x04
_RECORD: Final = 0x70
_SIGNATURE: Final = 0x9F4B
_PIN_TRIES, _LOG_FORMAT, _AVAILABLE = 0x9F17, 0x9F4F, 0x9F5D


def read_record(session: Session, command: Command) -> bytes:
    """READ RECORD 00 B2 number (SFI << 3 | 4): a template 70, a log record raw.

    In PSE the directory entries, one a record; after a signed contactless approval the signature
    in the last record. 6700, 6A86, 6A82 no such file, 6A83 no such record.
    """
    if command.data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    sfi, number = command.p2 >> 3, command.p1
    if command.p2 & 0x07 != _BY_NUMBER or not sfi:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if is_pse(session.df):
        return _entry(session, sfi, number)
    transaction = session.transaction
    signature = transaction.signature if isinstance(transaction, PaymentTransaction) else b""
    if signature and (sfi, number) == SIGNATURE_RECORD:
        return encode_template(_RECORD, [(_SIGNATURE, signature)])
    file = session.df.files_by_sfi.get(sfi)
    if not isinstance(file, RecordFile):
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    record = file.record(number)
    if not record[0] and sfi != LOG_SFI:  # a number that this card does not use
        raise StatusError(StatusWord.RECORD_NOT_FOUND)
    return record


def _entry(session: Session, sfi: int, number: int) -> bytes:
    if sfi != PSE_SFI:
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    listed = entries(session, contactless=False)
    if not 0 < number <= len(listed):
        raise StatusError(StatusWord.RECORD_NOT_FOUND)
    return tlv(_RECORD, listed[number - 1])


def get_data(session: Session, application: BankApplication, command: Command) -> bytes:
    """GET DATA 80 CA tag: the data object with tag and length. 6700, 6A88 no such object.

    9F17 is the PIN's own counter, 00 when none is set; 9F5D what can be spent offline [L].
    """
    if command.data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    tag = command.p1 << 8 | command.p2
    if tag == _PIN_TRIES:
        pin = application.pin
        return tlv(tag, bytes((pin.retry_counter if pin else 0,)))
    if tag == _LOG_FORMAT:
        return tlv(tag, LOG_FORMAT)
    if tag == _AVAILABLE:
        return tlv(tag, application.data.value(BALANCE))
    field = BY_TAG.get(tag)
    if field is None or not field.readable:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    return tlv(tag, application.data.value(tag))
