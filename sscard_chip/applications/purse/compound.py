# SPDX-License-Identifier: Apache-2.0
"""UPDATE CAPP DATA CACHE: what a compound purchase (复合应用消费) writes besides the debit.

The records of the compound application wait in the open transaction; DEBIT writes them together
with balance, number, proof and log.
"""

from __future__ import annotations

from dataclasses import replace
from hmac import compare_digest

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.messaging import CLA_SECURE
from sscard_chip.apdu.records import addressed_file
from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse.accounts import maintenance_key
from sscard_chip.applications.purse.transactions import CachedRecord, Pending
from sscard_chip.filesystem.files import CyclicFile, Occurrence, RecordFile
from sscard_chip.security.purse import MAC_LENGTH, command_mac
from sscard_chip.standard.purse_transactions import TransactionType
from sscard_chip.standard.status import StatusError, StatusWord

_BY_IDENTIFIER, _BY_NUMBER = 0, 4


def update_capp_data_cache(session: Session, command: Command) -> bytes:
    """UPDATE CAPP DATA CACHE 80/84 DC: P1 the record's identifier (P2 low bits 0) or number (4),
    P2 the SFI in its high five bits; the record, with CLA 84 its MAC 4.

    P1 00 on a cyclic file appends. 6985 unless INITIALIZE FOR CAPP PURCHASE was before; 6A82,
    6981, 6A83 for file and record, 6982 where nobody may write, 6700 for another length than
    the record has. The same record again takes the place of the one before [L].
    """
    pending = session.transaction
    if not (
        isinstance(pending, Pending) and pending.kind.type is TransactionType.COMPOUND_PURCHASE
    ):
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    mode = command.p2 & 0x07
    if mode not in (_BY_IDENTIFIER, _BY_NUMBER):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    file = addressed_file(session, command.p2)
    session.require(file.write_rule)
    data = _data(pending, command)
    if not data:
        raise StatusError(StatusWord.WRONG_LENGTH)
    cached = CachedRecord(file, _number(file, command.p1, mode), data)
    cached.stage()  # a rehearsal: what does not fit is refused now
    session.memory.discard()
    others = [c for c in pending.cache if (c.file, c.number) != (cached.file, cached.number)]
    session.transaction = replace(pending, cache=(*others, cached))
    return b""


def _number(file: RecordFile, p1: int, mode: int) -> int:
    """The record that is meant, 0 for a new one of a cyclic file; 6A83 when there is none."""
    if isinstance(file, CyclicFile) and not p1:
        return 0
    if mode == _BY_NUMBER:
        file.record(p1)
        return p1
    return file.find(p1, Occurrence.FIRST, 0)


def _data(pending: Pending, command: Command) -> bytes:
    """The record; with CLA 84 behind a MAC that is right (6987, 6988)."""
    if not command.cla & CLA_SECURE:
        return command.data
    if len(command.data) < MAC_LENGTH:
        raise StatusError(StatusWord.SECURE_MESSAGING_MISSING)
    data, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if not compare_digest(cache_mac(pending, command.header + data), mac):
        raise StatusError(StatusWord.SECURE_MESSAGING_INCORRECT)
    return data


def cache_mac(pending: Pending, message: bytes) -> bytes:
    """MAC of 4 bytes of UPDATE CAPP DATA CACHE: that of other commands with DAMK, and the random
    of INITIALIZE in place of the challenge, which would have ended the transaction [L]."""
    key, purse = maintenance_key(pending.directory)
    return command_mac(purse, key.secret, pending.random, message)
