# SPDX-License-Identifier: Apache-2.0
"""What the purse application keeps: deposit, purse, the proof of the last transaction, the log.

::

    0001  电子存折 ED, 0002 电子钱包 EP:
          balance 4, overdraft limit 3, online number 2, offline number 2, grey-locked 1
    0001  behind it: the card's last transaction: type 1 (00: none), number 2, MAC 4, TAC 4
          (a transport application has no deposit and so no 0001: there it stands behind 0002)
    0018  交易明细: number 2, overdraft limit 3, amount 4, type 1, terminal 6, date 4, time 3

0001 and 0002 are internal files, which no command reaches; no public paper gives their layout,
which is the emulator's own [L] and known here only. A number is that of the next transaction.

The balance of the deposit includes its overdraft limit, as the commands show it [L]: at a
balance equal to the limit nothing of it is used.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from sscard_chip.filesystem.files import CyclicFile
from sscard_chip.filesystem.layout import ApplicationType
from sscard_chip.filesystem.tree import Directory
from sscard_chip.memory import Memory
from sscard_chip.security.keys import KeyRecord
from sscard_chip.security.purse import PURSE_SUITES, PurseSession, PurseSuite
from sscard_chip.standard.identifiers import DEPOSIT_FILE, PURSE_FILE, PURSE_LOG
from sscard_chip.standard.keys import USE_MAINTENANCE, USE_TAC
from sscard_chip.standard.purse_transactions import PurseId, PurseTransactionKind
from sscard_chip.standard.status import StatusError, StatusWord

LOG_RECORD_LENGTH: Final = 23

_STATE: Final = struct.Struct(">I3sHH?")
_PROOF: Final = struct.Struct(">BH4s4s")
_LOG: Final = struct.Struct(">H3sIB6s7s")
_PROOF_AT: Final = _STATE.size
DEPOSIT_SIZE: Final = _STATE.size + _PROOF.size
PURSE_SIZE: Final = _STATE.size
SINGLE_PURSE_SIZE: Final = _STATE.size + _PROOF.size
"""Of 0002 where there is no 0001."""
_FIDS: Final = {PurseId.DEPOSIT: DEPOSIT_FILE, PurseId.PURSE: PURSE_FILE}
_PURSES: Final = {
    ApplicationType.PURSE: (PurseId.DEPOSIT, PurseId.PURSE),
    ApplicationType.TRANSIT: (PurseId.PURSE,),
}
"""What an application has; the proof stands behind the first."""


class Purse(NamedTuple):
    """Deposit or purse. Amounts in fen; the numbers are those of the next transactions."""

    balance_fen: int = 0
    limit_fen: int = 0
    online_number: int = 0
    offline_number: int = 0
    grey_locked: bool = False

    def number(self, kind: PurseTransactionKind) -> int:
        """The number of the next transaction of ``kind``."""
        return self.online_number if kind.online else self.offline_number

    def after(self, kind: PurseTransactionKind, balance_fen: int, limit_fen: int) -> Purse:
        """As it is after a transaction of ``kind`` that leaves balance and limit so."""
        online = kind.online
        return self._replace(
            balance_fen=balance_fen,
            limit_fen=limit_fen,
            online_number=self.online_number + online,
            offline_number=self.offline_number + (not online),
        )

    def encode(self) -> bytes:
        """The fields as they lie in the file: the content of a new 0001 or 0002."""
        limit = self.limit_fen.to_bytes(3)
        numbers = self.online_number, self.offline_number
        return _STATE.pack(self.balance_fen, limit, *numbers, self.grey_locked)

    @classmethod
    def decode(cls, data: bytes) -> Purse:
        """The fields from the file's content."""
        balance, limit, online, offline, locked = _STATE.unpack_from(data)
        return cls(balance, int.from_bytes(limit), online, offline, locked)


class LogRecord(NamedTuple):
    """A record of 0018: ``terminal`` 6 bytes, ``time`` YYYYMMDDhhmmss in BCD 7."""

    number: int
    limit_fen: int
    amount_fen: int
    type: int
    terminal: bytes
    time: bytes

    def encode(self) -> bytes:
        """The 23 bytes."""
        number, limit, *rest = self
        return _LOG.pack(number, limit.to_bytes(3), *rest)

    @classmethod
    def decode(cls, record: bytes) -> LogRecord:
        """From 23 bytes."""
        number, limit, *rest = _LOG.unpack(record)
        return cls(number, int.from_bytes(limit), *rest)


class TransactionProof(NamedTuple):
    """What GET TRANSACTION PROVE gives of the last transaction: MAC and TAC, 4 bytes each."""

    type: int
    number: int
    mac: bytes
    tac: bytes


class PurseKeys(NamedTuple):
    """The key of one index with the DTK beside it."""

    key: KeyRecord
    tac_key: KeyRecord
    suite: PurseSuite

    @property
    def answer(self) -> bytes:
        """密钥版本号 and 算法标识, as INITIALIZE answers them."""
        return bytes((self.key.version, self.suite.algorithm_code))

    def session(self, factor: bytes) -> PurseSession:
        """The session of a transaction, by its factor of 8 bytes."""
        return self.suite.session(self.key.encrypt, factor)

    def tac(self, message: bytes) -> bytes:
        """TAC of 4 bytes."""
        return self.suite.tac(self.tac_key.secret, message)


class PurseAccounts:
    """Deposit, purse, proof and log of a directory, read and staged together."""

    __slots__ = ("_bodies", "_directory", "_log", "_memory", "_proof_at")

    def __init__(self, directory: Directory, bodies: dict[PurseId, int], log: CyclicFile) -> None:
        self._directory = directory
        self._memory: Memory = directory.memory
        self._bodies = bodies
        self._log = log
        self._proof_at = next(iter(bodies.values())) + _PROOF_AT

    @classmethod
    def of(cls, directory: Directory) -> PurseAccounts:
        """Those of a directory of deposit and purse, or of a transport application, made once
        while it is mounted; 6985 if files lack."""
        accounts = directory.application
        if isinstance(accounts, cls):
            return accounts
        purses = _PURSES.get(ApplicationType(directory.application_type), ())
        files = {purse: directory.internal.get(_FIDS[purse]) for purse in purses}
        bodies = {purse: file.body for purse, file in files.items() if file}
        log = directory.files.get(PURSE_LOG)
        if not bodies or len(bodies) < len(purses) or not isinstance(log, CyclicFile):
            raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
        directory.application = accounts = cls(directory, bodies, log)
        return accounts

    def read(self, purse: PurseId) -> Purse:
        """Deposit or purse as it is."""
        body = self._bodies[purse]
        return Purse.decode(bytes(self._memory.cells[body : body + _STATE.size]))

    def proof(self) -> TransactionProof | None:
        """That of the last transaction, None when there was none yet."""
        proof = TransactionProof._make(_PROOF.unpack_from(self._memory.cells, self._proof_at))
        return proof if proof.type else None

    def log(self) -> list[LogRecord]:
        """The log, newest first, without the empty records (type 00) that it may begin with."""
        records = (self._log.record(number) for number in range(1, self._log.count + 1))
        return [record for record in map(LogRecord.decode, records) if record.type]

    def stage(
        self, purse: PurseId, state: Purse, proof: TransactionProof, record: LogRecord
    ) -> None:
        """Stage everything that a transaction changes."""
        self._memory.write(self._bodies[purse], state.encode())
        self._memory.write(self._proof_at, _PROOF.pack(*proof))
        self._log.stage_append(record.encode())

    # --- keys -----------------------------------------------------------------------------------

    def transaction_keys(self, use: int, index: int) -> PurseKeys:
        """The key of a use and index, and the DTK of that index; 9403 when one is missing."""
        key, tac_key = self._key(use, index), self._key(USE_TAC, index)
        if key is None or tac_key is None:
            raise StatusError(StatusWord.KEY_INDEX_NOT_SUPPORTED)
        return PurseKeys(key, tac_key, PURSE_SUITES[key.suite.name])

    def _key(self, use: int, index: int) -> KeyRecord | None:
        return self._directory.key(use, index, index)


def issuer_key(directory: Directory, use: int, kid: int = 1) -> tuple[KeyRecord, PurseSuite]:
    """A key of the issuer's commands (DAMK, DPUK, DRPK) with its suite; 6A88 without one."""
    key = directory.key(use, kid)
    if key is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    return key, PURSE_SUITES[key.suite.name]


def maintenance_key(directory: Directory) -> tuple[KeyRecord, PurseSuite]:
    """应用维护密钥 DAMK."""
    return issuer_key(directory, USE_MAINTENANCE)
