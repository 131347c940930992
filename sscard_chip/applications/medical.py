# SPDX-License-Identifier: Apache-2.0
"""The medical account of DF04: purchase, load, balance, proof, starting day (LD/T 32.5, 32.7).

Every command needs the amount file, so it answers 6985 in any other directory. INITIALIZE opens
a transaction that only GET BALANCE and GET TRANSACTION PROOF may come between; anything else,
and any failure, goes back to idle.
"""

from __future__ import annotations

import calendar
import struct
from hmac import compare_digest
from typing import Final, NamedTuple

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.dispatch import Instruction
from sscard_chip.apdu.session import Session
from sscard_chip.applications.amounts import MedicalAccount, MedicalKeys
from sscard_chip.security.suite import SessionCipher, pad
from sscard_chip.standard import commands
from sscard_chip.standard.amounts import MAX_COUNTER, MAX_FEN
from sscard_chip.standard.identifiers import LOAD, PURCHASE
from sscard_chip.standard.keys import DSK_KID, LOCAL_KEY, USE_LOAD, USE_PURCHASE
from sscard_chip.standard.status import StatusError, StatusWord

_DSK_LEVEL: Final = 1 << (DSK_KID & ~LOCAL_KEY)
_MAX_COUNTER: Final = MAX_COUNTER.to_bytes(2)

_PURCHASE_LENGTH: Final = 19
_DEBIT_LENGTH: Final = 15
_LOAD_LENGTH: Final = 11
_CREDIT_LENGTH: Final = 11
# What INITIALIZE FOR PURCHASE keeps: CIA, SPIP, SPFP, year and counter as they were, then
# account, self-paid and pooled amount, type and terminal.
_STATE: Final = struct.Struct(">III2sHIII7s")
_DEBIT: Final = struct.Struct(">5x4s7s4s")  # header, 终端交易序号, time, MAC1
_DETAIL: Final = struct.Struct(">H7s7s12s")
_LOAD_TYPE: Final = bytes((LOAD,))
_PURCHASE_TYPE: Final = bytes((PURCHASE,))

# The two MACs and the TAC of a purchase are over 26, 12 and 30 bytes; 80 00.. makes them 32, 16
# and 32, whole blocks of both suites.
_PAD26: Final = b"\x80" + bytes(5)
_PAD12: Final = b"\x80" + bytes(3)
_PAD30: Final = b"\x80\x00"

PendingPurchase = tuple[MedicalAccount, MedicalKeys, bytes, bytes]
"""An INITIALIZE FOR PURCHASE that waits for its DEBIT: account, keys, ``_STATE``, random 4.
A bare tuple because it is the fast path."""


class Load(NamedTuple):
    """An INITIALIZE FOR LOAD that waits for its CREDIT."""

    account: MedicalAccount
    keys: MedicalKeys
    what: bytes  # amount 4 || type 1 || terminal 6
    random: bytes

    def cipher(self, number: int) -> SessionCipher:
        """The session of load ``number``: random 4 || number 2 || 8000 (LD/T 32.4)."""
        return self.keys.key.session(self.random + number.to_bytes(2) + b"\x80\x00")


def _account(session: Session) -> MedicalAccount:
    """The account of the current DF: 6985 when it has none."""
    account = MedicalAccount.of(session.df)
    if account is None:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    return account


def _holder_account(session: Session) -> MedicalAccount:
    """The account, with the holder known: 6985, then 6982."""
    account = _account(session)
    if not session.pin_satisfied:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    return account


def _initialize(session: Session, command: Command) -> bytes:
    """INITIALIZE B0 28: P1 P2 01 01 for purchase, 00 01 for load."""
    if command.p1 == 1:
        command.require(1, 1, _PURCHASE_LENGTH)
        return initialize_for_purchase(session, command.header + command.data)
    command.require(0, 1, _LOAD_LENGTH)
    return initialize_for_load(session, command.data)


def _debit(session: Session, command: Command) -> bytes:
    command.require(1, 0, _DEBIT_LENGTH)
    return debit_for_purchase(session, command.header + command.data)


def initialize_for_purchase(session: Session, apdu: bytes) -> bytes:
    """INITIALIZE FOR PURCHASE 医疗消费初始化 B0 28 01 01 13: key index 1, amounts 4+4+4,
    terminal 6; ``apdu`` is of that form, without Le.

    Answers CIA 4, SPIP 4, SPFP 4, year 2, 序号 2, key version 1, algorithm 1, random 4.

    Order of the refusals of a purchase: PIN 6982, key index 9403, account amount beyond the
    balance 9401, counter at its end 9402, all four here; then, of DEBIT FOR PURCHASE, wrong MAC1
    9302. A load asks for the counter before the amount: 9403, 9402, 9401, then MAC2 9302.
    """
    account = session.df.application
    if type(account) is not MedicalAccount:
        account = _account(session)
    if session.status.verified_pin != account.pin_offset and not session.pin_satisfied:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    index = apdu[5]
    keys = account.purchase_keys.get(index) or account.find_keys(USE_PURCHASE, index)
    head = account.head()
    if apdu[6:10] > head[:4]:  # big-endian numbers of one length compare as bytes
        raise StatusError(StatusWord.INSUFFICIENT_AMOUNT)
    if head[14:] == _MAX_COUNTER:
        raise StatusError(StatusWord.COUNTER_AT_MAXIMUM)
    random = session.random.take(4)
    state = head + apdu[6:18] + _PURCHASE_TYPE + apdu[18:]
    session.transaction = (account, keys, state, random)
    if account.account_only:
        head = head[:4] + bytes(10) + head[14:]
    return head + keys.answer + random


def debit_for_purchase(session: Session, apdu: bytes) -> bytes:
    """DEBIT FOR PURCHASE 医疗消费 B0 2C 01 00 0F: 终端交易序号 4, time 7, MAC1 4; ``apdu`` is of
    that form, without Le.

    Answers TAC 4, MAC2 4. 6901 without INITIALIZE, 9302 wrong MAC1, 6A80 a time that is no BCD,
    9401 a yearly total that would not fit its four bytes [L].

    The TAC of a purchase is over 30 bytes: amounts of account, self-paid and pool 4+4+4, type
    32 1, terminal 6, 终端交易序号 4, time 7; with the DTK of the key index itself and no session
    key. MAC1 is over amounts, type, terminal and time, MAC2 over the amounts.
    """
    purchase = session.transaction
    session.transaction = None
    if type(purchase) is not tuple:
        raise StatusError(StatusWord.INVALID_STATE)
    account: MedicalAccount
    keys: MedicalKeys
    account, keys, state, random = purchase
    sequence, time, expected = _DEBIT.unpack(apdu)
    what = state[16:]
    amounts = what[:12]
    mac1, mac2 = keys.two_macs(
        random + state[14:16] + sequence[2:], what + time + _PAD26, amounts + _PAD12
    )
    if not compare_digest(mac1, expected):
        raise StatusError(StatusWord.MAC_INCORRECT)
    if not time.hex().isdecimal():
        raise StatusError(StatusWord.WRONG_DATA)
    (balance, self_paid, pooled, year, number, paid, self_amount, pool_amount, terminal) = (
        _STATE.unpack(state)
    )
    if not account.account_only:
        if time >= (account.next_years.get(year) or account.next_year_begins(year)):
            year = account.settlement_year(time[:4])
            self_paid = pooled = 0
        self_paid += self_amount
        pooled += pool_amount
        if self_paid > MAX_FEN or pooled > MAX_FEN:
            raise StatusError(StatusWord.INSUFFICIENT_AMOUNT)
    tac = keys.tac(what + sequence + time + _PAD30)
    account.stage_purchase(
        number,
        balance - paid,
        self_paid,
        pooled,
        year,
        mac2,
        tac,
        _DETAIL.pack(number, terminal, time, amounts),
    )
    return tac + mac2


def initialize_for_load(session: Session, data: bytes) -> bytes:
    """INITIALIZE FOR LOAD 划入初始化: key index 1, amount 4, terminal 6.

    Answers CIA 4, 序号 2, key version 1, algorithm 1, random 4, MAC1 4. Checks in order: PIN
    6982, key index 9403, counter 9402, and 9401 for a balance beyond four bytes [L].
    """
    account = _holder_account(session)
    keys = account.load_keys.get(data[0]) or account.find_keys(USE_LOAD, data[0])
    amount, terminal = data[1:5], data[5:]
    state = account.read()
    number, balance = state.load_counter.to_bytes(2), state.balance_fen.to_bytes(4)
    if number == _MAX_COUNTER:
        raise StatusError(StatusWord.COUNTER_AT_MAXIMUM)
    if state.balance_fen + int.from_bytes(amount) > MAX_FEN:
        raise StatusError(StatusWord.INSUFFICIENT_AMOUNT)
    random = session.random.take(4)
    load = Load(account, keys, amount + _LOAD_TYPE + terminal, random)
    mac1 = load.cipher(state.load_counter).mac(balance + load.what)
    session.transaction = load
    return balance + number + keys.answer + random + mac1


def credit_for_load(session: Session, command: Command) -> bytes:
    """CREDIT FOR LOAD 账户划入 B0 2A 00 00: host time 7, MAC2 4. Answers TAC 4.

    The TAC of a load is over 24 bytes: new balance 4 [M], 序号 2, amount 4, type 31 1, terminal 6,
    host time 7. 6901 without INITIALIZE, 9302 wrong MAC2, 6A80 a time
    that is no BCD.
    """
    command.require(0, 0, _CREDIT_LENGTH)
    load, session.transaction = session.transaction, None
    if not isinstance(load, Load):
        raise StatusError(StatusWord.INVALID_STATE)
    time, mac2 = command.data[:7], command.data[7:]
    state = load.account.read()
    if not compare_digest(load.cipher(state.load_counter).mac(load.what + time), mac2):
        raise StatusError(StatusWord.MAC_INCORRECT)
    if not time.hex().isdecimal():
        raise StatusError(StatusWord.WRONG_DATA)
    amount = load.what[:4]
    balance = state.balance_fen + int.from_bytes(amount)
    number = state.load_counter.to_bytes(2)
    what = balance.to_bytes(4) + number + load.what + time
    tac = load.keys.tac(pad(what, load.keys.key.suite.block))
    detail = number + load.what[4:] + time + amount
    load.account.stage_load(state.load_counter, balance, mac2, tac, detail)
    return tac


def get_balance(session: Session, command: Command) -> bytes:
    """GET BALANCE 读余额 B0 26 00 kind: 01 CIA 4; 02 SPIP 4, year 2; 03 SPFP 4, year 2."""
    if command.p1 or not 1 <= command.p2 <= 3:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    command.require(0, command.p2, 0)
    account = _holder_account(session)
    state = account.read()
    if command.p2 == 1:
        return state.balance_fen.to_bytes(4)
    if account.account_only:
        return bytes(6)
    total = state.self_paid_total_fen if command.p2 == 2 else state.pooled_total_fen
    return total.to_bytes(4) + state.year


def get_transaction_proof(session: Session, command: Command) -> bytes:
    """GET TRANSACTION PROOF 取交易认证 B0 2E 00 type (31 load, 32 purchase [M]): number 2.

    Answers MAC2 4, TAC 4 of the last transaction of that type; 9406 for any other number. The
    number is the one that INITIALIZE answered [L]; by an option of the profile it is that
    plus 1, as the purse has it. For a load the MAC2 is the one that was accepted [L]. 6581 when a
    write has failed: the medium may hold a transaction that the card does not show, and 9406 would
    say that it was not made.
    """
    if command.p2 not in (LOAD, PURCHASE):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    command.require(0, command.p2, 2)
    account = _account(session)
    if session.memory.failed:
        raise StatusError(StatusWord.MEMORY_FAILURE)
    proof = account.proof(command.p2, int.from_bytes(command.data))
    if proof is None:
        raise StatusError(StatusWord.PROOF_NOT_AVAILABLE)
    return proof


def starting_day(session: Session, command: Command) -> bytes:
    """UPDATE STARTING DAY B0 56 00 00 with mmdd 2, after DSK; GET STARTING DAY B0 56 01 00.

    6A80 for a day that no year has; 29 February is one.
    """
    if command.p1 == 1:
        command.require(1, 0, 0)
        account = _account(session)
        return bytes(2) if account.account_only else account.read().starting_day
    command.require(0, 0, 2)
    account = _account(session)
    if not session.status.local_levels & _DSK_LEVEL:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    digits = command.data.hex()
    if not digits.isdecimal():
        raise StatusError(StatusWord.WRONG_DATA)
    month, day = int(digits[:2]), int(digits[2:])
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(2000, month)[1]):
        raise StatusError(StatusWord.WRONG_DATA)
    account.stage_starting_day(command.data)
    return b""


MEDICAL: Final = (
    Instruction(commands.INITIALIZE, _initialize, in_transaction=True),
    Instruction(commands.DEBIT_FOR_PURCHASE, _debit, in_transaction=True),
    Instruction(commands.CREDIT_FOR_LOAD, credit_for_load, in_transaction=True),
    Instruction(commands.GET_BALANCE, get_balance, in_transaction=True),
    Instruction(commands.GET_TRANSACTION_PROOF, get_transaction_proof, in_transaction=True),
    Instruction(commands.STARTING_DAY, starting_day),
)

_PURCHASE_FORM: Final = bytes((1, 1, _PURCHASE_LENGTH))
_DEBIT_FORM: Final = bytes((1, 0, _DEBIT_LENGTH))


def _initialize_quickly(session: Session, apdu: bytes) -> bytes | None:
    if apdu[2:5] != _PURCHASE_FORM or len(apdu) != 5 + _PURCHASE_LENGTH:
        return None
    return initialize_for_purchase(session, apdu)


def _debit_quickly(session: Session, apdu: bytes) -> bytes | None:
    if apdu[2:5] != _DEBIT_FORM or len(apdu) != 5 + _DEBIT_LENGTH:
        return None
    return debit_for_purchase(session, apdu)


MEDICAL_SHORTCUTS: Final = {
    commands.INITIALIZE.code: _initialize_quickly,
    commands.DEBIT_FOR_PURCHASE.code: _debit_quickly,
}
