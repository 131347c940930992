# SPDX-License-Identifier: Apache-2.0
"""What the driver takes and gives, before it becomes strings (LD/T 33)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import TypeAlias

from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.codes import DriverError, ReturnCode


class InterfaceType(IntEnum):
    """iType: which slot, or which first."""

    CONTACT = 1
    CONTACTLESS = 2
    CONTACT_FIRST = 3
    CONTACTLESS_FIRST = 4


class Authentication(IntEnum):
    """iAuthType: what opens a file whose rule is "PIN or key"."""

    PIN = 1
    KEY = 2


class PinPrompt(Enum):
    """What the person at the PIN pad is asked for."""

    CURRENT = auto()
    NEW = auto()
    REPEAT = auto()
    PAYMENT = auto()


PinPad: TypeAlias = Callable[[PinPrompt], str]
"""Gives the digits typed; raises :class:`PinCancelledError` or :class:`PinTimeoutError`."""


class PinCancelledError(DriverError):
    """The person pressed "cancel"; -31."""

    def __init__(self) -> None:
        super().__init__(ReturnCode.PIN_CANCELLED, "PIN entry was cancelled")


class PinTimeoutError(DriverError):
    """Nobody typed; -32."""

    def __init__(self) -> None:
        super().__init__(ReturnCode.PIN_TIMEOUT, "no PIN was typed in time")


@dataclass(frozen=True, slots=True)
class CardInfo:
    """pCardInfo: which card the caller means. ``identification`` is 卡识别码, 32 hex digits."""

    identification: str = field(repr=False)
    card_number: str = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class CardBasics:
    """What iReadCardBas shows, in the order of pOutInfo. Dates are YYYYMMDD as on the card.

    ``reset_information`` are the historical bytes, 26 hex digits; ``name`` is 09 with 4E.
    """

    division: str
    social_security_number: str
    card_number: str
    identification: str
    name: str
    reset_information: str
    version: str
    issue_date: str
    expiry_date: str
    terminal_id: str
    device_number: str

    @property
    def card_info(self) -> CardInfo:
        """The card as the other functions want it named."""
        return CardInfo(self.identification, self.card_number)


@dataclass(frozen=True, slots=True)
class BasicsRequest:
    """What iReadCardBas_HSM_Step1 asks an HSM. Factors and originals are 8 bytes, those of the
    external authentication None where the card needs none.
    """

    division: str
    reset_information: str
    algorithm_code: int
    identification: str
    internal_factor: bytes
    internal_original: bytes
    external_factor: bytes | None = None
    external_original: bytes | None = None


@dataclass(frozen=True, slots=True)
class AuthenticationData:
    """Half a pKey: 鉴别数据 and original, 8 bytes each."""

    data: bytes
    original: bytes


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """What Step 1 of reading, writing, PIN reload and unblock asks an HSM."""

    algorithm_code: int
    address: str
    factor: bytes
    original: bytes


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What Step 2 of PIN reload and unblock asks an HSM: a whole command under STK.

    ``header`` is CLA INS P1 P2 Lc; ``new_pin`` is empty for an unblock.
    """

    algorithm_code: int
    address: str
    challenge: bytes
    header: bytes
    new_pin: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class FileAddress:
    """One file of pFileAddr. ``items`` are tags in hex, ``40:2`` for the second record 40;
    of a cyclic file record numbers in decimal, 1 the newest. None: everything.
    """

    directory: int
    file: int
    items: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = "SSSE" if self.directory >> 8 != 0xDF else f"{self.directory:04X}"
        return f"{place}{self.file:04X}"


@dataclass(frozen=True, slots=True)
class FileValues:
    """Values of one file in the order of the items asked for."""

    address: FileAddress
    values: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DebitHsmRequest:
    """What iDoDebit_HSM_Step1 asks an HSM. ``random`` 4 bytes, ``number`` the card's 序号,
    ``time`` YYYYMMDDhhmmss, the terminal's local time.
    """

    algorithm_code: int
    address: str
    random: bytes
    number: int
    amounts: Split
    terminal_id: str
    time: str


@dataclass(frozen=True, slots=True)
class DebitResult:
    """A purchase that the card has made. ``tac`` and ``mac2`` are 4 bytes.

    ``mac2_right`` is what the PSAM says of MAC2, None when nobody was asked or the PSAM had left.
    """

    algorithm_code: int
    address: str
    number: int
    amounts: Split
    terminal_id: str
    terminal_number: int
    time: str
    tac: bytes
    mac2: bytes
    mac2_right: bool | None = None


@dataclass(frozen=True, slots=True)
class DebitRecord:
    """One purchase in DF04 EF08. ``total_fen`` is the whole bill, ``insured_fen`` what account
    and pool pay of it; ``time`` is the terminal's local time.
    """

    number: int
    terminal_id: str
    time: str
    total_fen: int
    insured_fen: int
