# SPDX-License-Identifier: Apache-2.0
"""Issuer scripts: commands that the issuer sends with a transaction, under secure messaging (EMV
book 3, section 6.5; payment page B4).

Each ends with a MAC of 4 bytes over header, ATC, the transaction's first cryptogram and data,
chained from command to command. 6987 without one, 6988 when it is wrong. Whatever fails is reported
to the issuer in the next transaction.
"""

from __future__ import annotations

from dataclasses import replace
from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.activation import stage_purses
from sscard_chip.applications.bank.application import (
    LAST_TEMPLATE_SFI,
    BankApplication,
    BankHandler,
    bcd_number,
    current,
)
from sscard_chip.applications.bank.data import BALANCE, BALANCE_LIMIT, BY_TAG, Flags
from sscard_chip.applications.bank.states import TransactionState
from sscard_chip.filesystem.files import LinearFile
from sscard_chip.filesystem.layout import STATE_AT, ApplicationState, LifeCycle
from sscard_chip.security.emv import MAC_LENGTH, pin_of_block, script_mac
from sscard_chip.security.keys import PinRecord
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.keys import USE_SCRIPT_CIPHER, USE_SCRIPT_MAC
from sscard_chip.standard.status import StatusError, StatusWord

_BY_NUMBER: Final = 0x04
_MAX_SCRIPTS: Final = 15
_PIN_CRYPTOGRAM: Final = 16
"""LD and a block of 8 bytes, padded: 16 bytes in both suites."""
_UNBLOCK, _CHANGE_KNOWING, _CHANGE = 0x00, 0x01, 0x02


def issuer_script_command(handler: BankHandler) -> BankHandler:
    """A command of a script: a failure is kept for the issuer, and nothing else of it."""

    def handle(session: Session, application: BankApplication, command: Command) -> bytes:
        try:
            return handler(session, application, command)
        except StatusError as error:
            session.memory.discard()
            counters = application.data.read()
            application.data.stage(counters._replace(flags=counters.flags | Flags.SCRIPT_FAILED))
            raise StatusError(error.sw, keep_writes=True) from None

    return handle


def open_script(session: Session, application: BankApplication, command: Command) -> bytes:
    """The data before the MAC, which is checked; 6987, 6988, 6A88."""
    if len(command.data) < MAC_LENGTH:
        raise StatusError(StatusWord.SECURE_MESSAGING_MISSING)
    transaction = current(session)
    data, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    cipher = application.session(USE_SCRIPT_MAC, transaction.atc)
    block = script_mac(
        cipher, command.header, transaction.atc, transaction.cryptogram, data, transaction.chain
    )
    if not compare_digest(block[:MAC_LENGTH], mac):
        raise StatusError(StatusWord.SECURE_MESSAGING_INCORRECT)
    session.transaction = replace(transaction, chain=block)
    if transaction.state is TransactionState.COMPLETED:
        counters = application.data.read()
        if counters.scripts < _MAX_SCRIPTS:
            application.data.stage(counters._replace(scripts=counters.scripts + 1))
    return data


def _bare(session: Session, application: BankApplication, command: Command) -> None:
    """A command with no data but its MAC: 6A86, 6987, 6700, 6988."""
    if command.p1 or command.p2:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if len(command.data) > MAC_LENGTH:
        raise StatusError(StatusWord.WRONG_LENGTH)
    open_script(session, application, command)


def block_application(session: Session, application: BankApplication, command: Command) -> bytes:
    """APPLICATION BLOCK 84 1E 00 00 with MAC: SELECT answers 6283, cryptograms only decline."""
    _bare(session, application, command)
    application.directory.stage_state(ApplicationState.SUSPENDED)
    return b""


def unblock_application(session: Session, application: BankApplication, command: Command) -> bytes:
    """APPLICATION UNBLOCK 84 18 00 00 with MAC; 6985 when it is not blocked."""
    _bare(session, application, command)
    if application.directory.state != ApplicationState.SUSPENDED:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    application.directory.stage_state(ApplicationState.WORKING)
    return b""


def deactivate_application(
    session: Session, application: BankApplication, command: Command
) -> bytes:
    """DEACTIVATE APPLICATION 84 04 00 00 with MAC: dormant again, 6A82 from the next SELECT [L].

    The counterpart of ACTIVATE APPLICATION; the card keeps data and keys. Deposit and purse
    sleep with it.
    """
    _bare(session, application, command)
    application.directory.stage_state(ApplicationState.DORMANT)
    stage_purses(session, ApplicationState.WORKING, ApplicationState.DORMANT)
    return b""


def block_card(session: Session, application: BankApplication, command: Command) -> bytes:
    """CARD BLOCK 84 16 00 00 with MAC: every later command of the card answers 6A81."""
    _bare(session, application, command)
    session.memory.write(STATE_AT, bytes((LifeCycle.BLOCKED,)))
    return b""


def change_or_unblock_pin(
    session: Session, application: BankApplication, command: Command
) -> bytes:
    """PIN CHANGE/UNBLOCK 84 24 00: P2 00 gives back the tries, 01 and 02 set a new PIN too.

    The new PIN stands in an enciphered block of 16 bytes before the MAC; with P2 01 the current
    PIN is worked into it. 6984 when the card has no PIN record, 6A80 a block that holds no PIN.
    """
    if command.p1 or command.p2 > _CHANGE:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    length = MAC_LENGTH + (_PIN_CRYPTOGRAM if command.p2 else 0)
    if len(command.data) not in (length, *range(MAC_LENGTH)):
        raise StatusError(StatusWord.WRONG_LENGTH)
    cryptogram = open_script(session, application, command)
    pin = application.directory.pin
    if pin is None or not (pin.is_set or command.p2 == _CHANGE):
        raise StatusError(StatusWord.REFERENCE_DATA_INVALID)
    if command.p2 == _UNBLOCK:
        pin.stage_retry_counter(pin.retry_limit)
    else:
        known = _digits_of(pin) if command.p2 == _CHANGE_KNOWING else None
        pin.stage_value(bcd(_new_pin(session, application, cryptogram, known)))
    return b""


def _digits_of(pin: PinRecord) -> str:
    return pin.value.hex().rstrip("f")


def _new_pin(
    session: Session, application: BankApplication, cryptogram: bytes, known: str | None
) -> str:
    cipher = application.session(USE_SCRIPT_CIPHER, current(session).atc)
    block = cipher.decipher(cryptogram)
    new = pin_of_block(block, application.cryptogram_key, known) if block else None
    if new is None:
        raise StatusError(StatusWord.WRONG_DATA)
    return new


def put_data(session: Session, application: BankApplication, command: Command) -> bytes:
    """PUT DATA 04 DA tag: the new value with MAC. 9F79 loads the electronic cash.

    6A88 for a data object that cannot be written, 6700, 6A80 an amount that is no number, or a
    balance above the limit 9F77 [L].
    """
    field = BY_TAG.get(command.p1 << 8 | command.p2)
    if field is None or not field.writable:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    if len(command.data) not in (field.length + MAC_LENGTH, *range(MAC_LENGTH)):
        raise StatusError(StatusWord.WRONG_LENGTH)
    value = open_script(session, application, command)
    if field.number:
        amount = bcd_number(value)
        if field.tag == BALANCE and amount > application.data.amount(BALANCE_LIMIT):
            raise StatusError(StatusWord.WRONG_DATA)
    application.data.stage_value(field.tag, value)
    return b""


def update_record(session: Session, application: BankApplication, command: Command) -> bytes:
    """UPDATE RECORD 04 DC number (SFI << 3 | 4): a record of SFI 1 to 10 with MAC.

    The record keeps its length and its tag. 6A86, 6A82 (the log too), 6A83, 6700, 6A85 a record
    that is no data object, 6A80 another tag.
    """
    sfi, number = command.p2 >> 3, command.p1
    if command.p2 & 0x07 != _BY_NUMBER or not sfi:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    file = application.directory.files_by_sfi.get(sfi)
    if sfi > LAST_TEMPLATE_SFI or not isinstance(file, LinearFile):
        raise StatusError(StatusWord.FILE_NOT_FOUND)
    record = open_script(session, application, command)
    if not file.record(number)[0]:
        raise StatusError(StatusWord.RECORD_NOT_FOUND)
    file.stage_update(number, record)
    return b""
