# SPDX-License-Identifier: Apache-2.0
"""Load, purchase, cash withdrawal, unload, overdraft limit, compound purchase (JR/T 0025).

INITIALIZE 80 50 opens a transaction that only its own continuation may follow: CREDIT FOR LOAD
80 52, DEBIT 80 54, UPDATE OVERDRAW LIMIT 80 58, and before the DEBIT of a compound purchase
UPDATE CAPP DATA CACHE (:mod:`~sscard_chip.applications.purse.compound`). Anything else, and any
failure, goes back to idle; a continuation without its INITIALIZE answers 6985.

Of every transaction balance, number, proof, log and, of a compound one, the records of its
application change in one commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.purse import inputs
from sscard_chip.applications.purse.accounts import (
    LogRecord,
    Purse,
    PurseAccounts,
    PurseKeys,
    TransactionProof,
)
from sscard_chip.applications.purse.errors import refuse_mac
from sscard_chip.filesystem.files import RecordFile
from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.purse import (
    RANDOM_LENGTH,
    PurseSession,
    online_factor,
    purchase_factor,
)
from sscard_chip.standard.amounts import MAX_COUNTER, MAX_FEN
from sscard_chip.standard.purse_transactions import (
    KINDS,
    Course,
    PurseTransactionKind,
    TransactionType,
)
from sscard_chip.standard.status import StatusError, StatusWord

_INIT_LENGTH: Final = 11
_INIT_OVERDRAFT_LENGTH: Final = 7
_CREDIT_LENGTH: Final = 11
_DEBIT_LENGTH: Final = 15
_OVERDRAFT_LENGTH: Final = 14
_NO_TAC: Final = bytes(4)


@dataclass(frozen=True, slots=True)
class CachedRecord:
    """A record that UPDATE CAPP DATA CACHE has left for the DEBIT: number 0 appends it."""

    file: RecordFile
    number: int
    data: bytes

    def stage(self) -> None:
        """Stage it; status words as its file has them."""
        if self.number:
            self.file.stage_update(self.number, self.data)
        else:
            self.file.stage_append(self.data)


@dataclass(frozen=True, slots=True)
class Pending:
    """An INITIALIZE that waits for its continuation."""

    kind: PurseTransactionKind
    directory: Directory
    keys: PurseKeys
    state: Purse
    amount: bytes  # 4; of an overdraft update nothing
    terminal: bytes  # 6
    random: bytes
    cache: tuple[CachedRecord, ...] = ()

    @property
    def number(self) -> bytes:
        return self.state.number(self.kind).to_bytes(2)

    @property
    def what(self) -> bytes:
        return inputs.transaction(self.amount, self.kind.type, self.terminal)

    def online_session(self) -> PurseSession:
        """SESLK, SESULK or SESUK."""
        return self.keys.session(online_factor(self.random, self.number))


def initialize(
    session: Session,
    command: Command,
    kinds: Mapping[tuple[int, int], PurseTransactionKind] = KINDS,
) -> bytes:
    """INITIALIZE 80 50, P1 P2 as in ``kinds``: key index 1, amount 4, terminal 6; of the
    overdraft limit no amount.

    Answers balance 4, number 2, [limit 3 but for load and unload], key version 1, algorithm 1,
    random 4, [MAC1 4 of on-line transactions]. Checks in order: PIN 6982, key index 9403, grey
    lock 9408, amount 9401, number 9402.
    """
    kind = kinds.get((command.p1, command.p2))
    if kind is None:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    overdraft = kind.course is Course.OVERDRAFT
    length = _INIT_OVERDRAFT_LENGTH if overdraft else _INIT_LENGTH
    command.require(command.p1, command.p2, length)
    accounts = PurseAccounts.of(session.df)
    if kind.pin and not session.pin_satisfied:
        raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
    keys = accounts.transaction_keys(kind.key_use, command.data[0])
    state = accounts.read(kind.purse)
    amount, terminal = command.data[1:-6], command.data[-6:]
    if state.grey_locked:
        raise StatusError(StatusWord.PURSE_GREY_LOCKED)
    if int.from_bytes(amount) > _most(kind, state):
        raise StatusError(StatusWord.INSUFFICIENT_AMOUNT)
    if state.number(kind) == MAX_COUNTER:
        raise StatusError(StatusWord.COUNTER_AT_MAXIMUM)
    random = session.random.take(RANDOM_LENGTH)
    pending = Pending(kind, session.df, keys, state, amount, terminal, random)
    session.transaction = pending
    balance, limit = state.balance_fen.to_bytes(4), state.limit_fen.to_bytes(3)
    head, tail = balance + pending.number, keys.answer + random
    if kind.course is Course.DEBIT:
        return head + limit + tail
    if overdraft:
        message = inputs.overdraft_mac1(balance, limit, kind.type, terminal)
        return head + limit + tail + pending.online_session().mac(message)
    return head + tail + pending.online_session().mac(inputs.online_mac1(balance, pending.what))


def _most(kind: PurseTransactionKind, state: Purse) -> int:
    """The largest amount of a transaction.

    What the overdraft limit lends can be spent and drawn, but not unloaded [L]. A balance beyond
    its four bytes answers 9401 as well [L].
    """
    if kind.course is Course.LOAD:
        return MAX_FEN - state.balance_fen
    if kind.course is Course.UNLOAD:
        return max(state.balance_fen - state.limit_fen, 0)
    return state.balance_fen


# --- continuations ------------------------------------------------------------------------------


def _continue(session: Session, course: Course) -> Pending:
    """Take the open transaction; 6985 unless it goes on this way."""
    pending, session.transaction = session.transaction, None
    if not isinstance(pending, Pending) or pending.kind.course is not course:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    return pending


def _verify(session: Session, pending: Pending, computed: bytes, mac: bytes, time: bytes) -> None:
    """9302 for a wrong MAC, which may cost a try; then 6A80 for a time that is no BCD [L]."""
    session.require_counters()
    if not compare_digest(computed, mac):
        raise refuse_mac(pending.directory, pending.keys.key, StatusWord.MAC_INCORRECT)
    if not time.hex().isdecimal():
        raise StatusError(StatusWord.WRONG_DATA)


def _stage(
    pending: Pending, balance_fen: int, limit_fen: int, mac: bytes, tac: bytes, time: bytes
) -> None:
    """Stage the end of a transaction; the log has its limit as it is afterwards."""
    kind, state = pending.kind, pending.state
    number = state.number(kind)
    amount = int.from_bytes(pending.amount)
    record = LogRecord(number, limit_fen, amount, kind.type, pending.terminal, time)
    for cached in pending.cache:
        cached.stage()
    pending.keys.key.stage_retry_counter(pending.keys.key.retry_limit)
    PurseAccounts.of(pending.directory).stage(
        kind.purse,
        state.after(kind, balance_fen, limit_fen),
        TransactionProof(kind.type, number, mac, tac),
        record,
    )


def credit_for_load(session: Session, command: Command) -> bytes:
    """CREDIT FOR LOAD 80 52 00 00: host date 4, time 3, MAC2 4. Answers TAC 4, over the new
    balance and the number before it counts up. The proof has the MAC2 that was accepted [L].
    """
    command.require(0, 0, _CREDIT_LENGTH)
    pending = _continue(session, Course.LOAD)
    time, mac2 = command.data[:7], command.data[7:]
    computed = pending.online_session().mac(inputs.timed(pending.what, time))
    _verify(session, pending, computed, mac2, time)
    state = pending.state
    balance = state.balance_fen + int.from_bytes(pending.amount)
    message = inputs.online_tac(balance.to_bytes(4), pending.number, pending.what, time)
    tac = pending.keys.tac(message)
    _stage(pending, balance, state.limit_fen, mac2, tac, time)
    return tac


def debit(session: Session, command: Command) -> bytes:
    """DEBIT 80 54: P1 01 for purchase, cash withdrawal and compound purchase, 03 for unload."""
    if command.p1 == Course.UNLOAD & 0xFF:
        command.require(command.p1, 0, _CREDIT_LENGTH)
        return _debit_for_unload(session, command.data)
    command.require(Course.DEBIT & 0xFF, 0, _DEBIT_LENGTH)
    return _debit_for_purchase(session, command.data)


def _debit_for_purchase(session: Session, data: bytes) -> bytes:
    """终端交易序号 4, date 4, time 3, MAC1 4. Answers TAC 4, MAC2 4.

    A compound purchase without a cached record answers 6985.
    """
    pending = _continue(session, Course.DEBIT)
    if pending.kind.type is TransactionType.COMPOUND_PURCHASE and not pending.cache:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    sequence, time, mac1 = data[:4], data[4:11], data[11:]
    cipher = pending.keys.session(purchase_factor(pending.random, pending.number, sequence))
    _verify(session, pending, cipher.mac(inputs.timed(pending.what, time)), mac1, time)
    mac2 = cipher.mac(pending.amount)
    tac = pending.keys.tac(inputs.purchase_tac(pending.what, sequence, time))
    state = pending.state
    balance = state.balance_fen - int.from_bytes(pending.amount)
    _stage(pending, balance, state.limit_fen, mac2, tac, time)
    return tac + mac2


def _debit_for_unload(session: Session, data: bytes) -> bytes:
    """Host date 4, time 3, MAC2 4. Answers MAC3 4, over what a load has its TAC over, under the
    session key. There is no TAC: the proof has 00 in its place [L].
    """
    pending = _continue(session, Course.UNLOAD)
    time, mac2 = data[:7], data[7:]
    cipher = pending.online_session()
    _verify(session, pending, cipher.mac(inputs.timed(pending.what, time)), mac2, time)
    state = pending.state
    balance = state.balance_fen - int.from_bytes(pending.amount)
    message = inputs.online_tac(balance.to_bytes(4), pending.number, pending.what, time)
    mac3 = cipher.mac(message)
    _stage(pending, balance, state.limit_fen, mac3, _NO_TAC, time)
    return mac3


def update_overdraw_limit(session: Session, command: Command) -> bytes:
    """UPDATE OVERDRAW LIMIT 80 58 00 00: new limit 3, date 4, time 3, MAC2 4. Answers TAC 4.

    The balance moves by what the limit moves, since it includes it; 9401 when that leaves it
    below 0 (more is used than the new limit lends) or above four bytes [L]. The log has the new
    limit and no amount [L], the proof the MAC2 that was accepted [L].
    """
    command.require(0, 0, _OVERDRAFT_LENGTH)
    pending = _continue(session, Course.OVERDRAFT)
    limit, time, mac2 = command.data[:3], command.data[3:10], command.data[10:]
    kind, terminal = pending.kind.type, pending.terminal
    message = inputs.overdraft_mac2(limit, kind, terminal, time)
    computed = pending.online_session().mac(message)
    _verify(session, pending, computed, mac2, time)
    state = pending.state
    new_limit = int.from_bytes(limit)
    balance = state.balance_fen - state.limit_fen + new_limit
    if not 0 <= balance <= MAX_FEN:
        raise StatusError(StatusWord.INSUFFICIENT_AMOUNT)
    after = balance.to_bytes(4)
    tac = pending.keys.tac(inputs.overdraft_tac(after, pending.number, limit, kind, terminal, time))
    _stage(pending, balance, new_limit, mac2, tac, time)
    return tac
