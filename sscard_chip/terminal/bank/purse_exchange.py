# SPDX-License-Identifier: Apache-2.0
"""What card, terminal, PSAM and host exchange about a transaction with deposit or purse."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from sscard_chip.security.purse import PURSE_SUITE_OF_CODE, PurseSuite, card_factors
from sscard_chip.standard.messages import purse as messages
from sscard_chip.standard.purse_transactions import Course, PurseId, PurseTransactionKind
from sscard_chip.terminal.bank.errors import BankTerminalError, CardDataError

_ANSWERS: Final = {
    Course.LOAD: messages.ONLINE_ANSWER,
    Course.UNLOAD: messages.ONLINE_ANSWER,
    Course.DEBIT: messages.OFFLINE_ANSWER,
    Course.OVERDRAFT: messages.OVERDRAFT_ANSWER,
}


def _fields_of(one: PublicData | PurseInitialization) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in fields(one)}


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
        if len(data) != messages.PUBLIC.sizeof():
            raise CardDataError("0015: must be 30 bytes")
        found = messages.PUBLIC.parse(data)
        dates = {"start": found.start.hex(), "expiry": found.expiry.hex()}
        return cls(**{field.name: found[field.name] for field in fields(cls)} | dates)

    def encode(self) -> bytes:
        """The 30 bytes."""
        dates = {"start": bytes.fromhex(self.start), "expiry": bytes.fromhex(self.expiry)}
        data: bytes = messages.PUBLIC.build({**_fields_of(self), **dates})
        return data

    @property
    def factors(self) -> tuple[bytes, bytes]:
        """The factors from the bank's root to the card's keys, outermost first."""
        return card_factors(self.issuer, self.serial)


@dataclass(frozen=True, slots=True, repr=False)
class PurseInitialization:
    """The answer to INITIALIZE with what was asked. ``terminal`` is 6 bytes, ``random`` 4.

    ``limit_fen`` is None in load and unload, ``mac1`` empty where a PSAM goes on.
    """

    public: PublicData
    kind: PurseTransactionKind
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
        kind: PurseTransactionKind,
        key_index: int,
        amount_fen: int,
        terminal: bytes,
        answer: bytes,
    ) -> PurseInitialization:
        """Take an answer apart. :raises CardDataError: it has another length."""
        layout = _ANSWERS[kind.course]
        if len(answer) != layout.sizeof():
            raise CardDataError("INITIALIZE gave an answer of another length")
        found = layout.parse(answer)
        return cls(
            public,
            kind,
            key_index,
            amount_fen,
            terminal,
            found.balance_fen,
            found.number,
            found.get("limit_fen"),
            found.key_version,
            found.algorithm,
            found.random,
            found.get("MAC1", b""),
        )

    @property
    def suite(self) -> PurseSuite:
        """The algorithm suite of the card. :raises CardDataError: its code is not known."""
        suite = PURSE_SUITE_OF_CODE.get(self.algorithm)
        if suite is None:
            raise CardDataError("INITIALIZE names an algorithm that is not known")
        return suite

    @property
    def fields(self) -> dict[str, Any]:
        """What MAC and TAC inputs and the PSAM's command take from it, by field."""
        return {**_fields_of(self), "transaction_type": self.kind.type}

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

    initialized: PurseInitialization
    sequence: bytes
    time: bytes
    tac: bytes
    mac2: bytes
