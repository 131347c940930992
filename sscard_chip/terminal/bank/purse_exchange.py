# SPDX-License-Identifier: Apache-2.0
"""What card, terminal, PSAM and host tell one another of a transaction with deposit or purse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.applications.purse import inputs
from sscard_chip.applications.purse.kinds import KINDS, Course, Kind, PurseId, TransactionType
from sscard_chip.security.purse import PURSE_SUITE_OF_CODE, PurseSuite, card_factors
from sscard_chip.terminal.bank.errors import BankTerminalError, CardDataError

TERMINAL_LENGTH: Final = 6
TIME_LENGTH: Final = 7
_PUBLIC_LENGTH: Final = 30
_PARAMETERS: Final = {kind.type: parameters for parameters, kind in KINDS.items()}
_BY_TYPE: Final = {kind.type: kind for kind in KINDS.values()}


class PurseMacError(BankTerminalError):
    """A MAC or TAC that is not what the keys give for these data."""


@dataclass(frozen=True, slots=True, repr=False)
class PublicData:
    """File 0015: whose application it is. ``issuer`` 8 bytes, ``serial`` 10, dates YYYYMMDD."""

    issuer: bytes
    application_type: int
    version: int
    serial: bytes
    start: str
    expiry: str
    fci_data: bytes

    @classmethod
    def decode(cls, data: bytes) -> PublicData:
        """From 30 bytes. :raises CardDataError: it has another length."""
        if len(data) != _PUBLIC_LENGTH:
            raise CardDataError("0015: must be 30 bytes")
        dates = data[20:24].hex(), data[24:28].hex()
        return cls(data[:8], data[8], data[9], data[10:20], *dates, data[28:])

    def encode(self) -> bytes:
        """The 30 bytes."""
        head = self.issuer + bytes((self.application_type, self.version)) + self.serial
        return head + bytes.fromhex(self.start + self.expiry) + self.fci_data

    @property
    def factors(self) -> tuple[bytes, bytes]:
        """The factors from the bank's root to the card's keys, outermost first."""
        return card_factors(self.issuer, self.serial)


def kind_of(kind: TransactionType) -> Kind:
    """The row of a transaction type."""
    return _BY_TYPE[kind]


def parameters_of(kind: TransactionType) -> tuple[int, int]:
    """P1 and P2 of its INITIALIZE."""
    return _PARAMETERS[kind]


@dataclass(frozen=True, slots=True, repr=False)
class Initialized:
    """The answer to INITIALIZE with what was asked. ``terminal`` is 6 bytes, ``random`` 4.

    ``limit_fen`` is None in load and unload, ``mac1`` empty where a PSAM goes on.
    """

    public: PublicData
    kind: Kind
    key_index: int
    amount_fen: int
    terminal: bytes
    balance_fen: int
    number: int
    limit_fen: int | None
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes

    @classmethod
    def decode(
        cls,
        public: PublicData,
        kind: Kind,
        key_index: int,
        amount_fen: int,
        terminal: bytes,
        answer: bytes,
    ) -> Initialized:
        """Take an answer apart. :raises CardDataError: it has another length."""
        limited = kind.course in (Course.DEBIT, Course.OVERDRAFT)
        at = 9 if limited else 6
        if len(answer) != at + 6 + (0 if kind.course is Course.DEBIT else 4):
            raise CardDataError("INITIALIZE gave an answer of another length")
        return cls(
            public,
            kind,
            key_index,
            amount_fen,
            terminal,
            int.from_bytes(answer[:4]),
            int.from_bytes(answer[4:6]),
            int.from_bytes(answer[6:9]) if limited else None,
            answer[at],
            answer[at + 1],
            answer[at + 2 : at + 6],
            answer[at + 6 :],
        )

    @property
    def suite(self) -> PurseSuite:
        """The algorithm suite of the card. :raises CardDataError: its code is not known."""
        suite = PURSE_SUITE_OF_CODE.get(self.algorithm)
        if suite is None:
            raise CardDataError("INITIALIZE names an algorithm that is not known")
        return suite

    @property
    def amount(self) -> bytes:
        return self.amount_fen.to_bytes(4)

    @property
    def balance(self) -> bytes:
        return self.balance_fen.to_bytes(4)

    @property
    def number_bytes(self) -> bytes:
        return self.number.to_bytes(2)

    @property
    def what(self) -> bytes:
        """Amount, type, terminal."""
        return inputs.transaction(self.amount, self.kind.type, self.terminal)

    @property
    def purse(self) -> PurseId:
        return self.kind.purse


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """What the host lets the card do: its time (7 bytes of BCD) and MAC2, 4 bytes."""

    time: bytes
    mac2: bytes


@dataclass(frozen=True, slots=True)
class SamAnswer:
    """What the PSAM gives for a DEBIT: 终端交易序号 4 bytes and MAC1 4."""

    sequence: bytes
    mac1: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Debited:
    """A transaction that the PSAM's MAC1 let the card make, for settlement by its TAC."""

    initialized: Initialized
    sequence: bytes
    time: bytes
    tac: bytes
    mac2: bytes
