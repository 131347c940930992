# SPDX-License-Identifier: Apache-2.0
"""What is particular to one bank application, and the values that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from sscard_chip.standard.identifiers import (
    ALGORITHM_3DES,
    CASH_AID,
    CREDIT_AID,
    DEBIT_AID,
    QUASI_CREDIT_AID,
)


class Variant(Enum):
    """Kind of the account: its AID, and its label."""

    DEBIT = (DEBIT_AID, "PBOC DEBIT")
    CREDIT = (CREDIT_AID, "PBOC CREDIT")
    QUASI_CREDIT = (QUASI_CREDIT_AID, "PBOC QUASI")
    ELECTRONIC_CASH = (CASH_AID, "PBOC ECASH")  # [L]

    @property
    def aid(self) -> bytes:
        """The application identifier, 8 bytes."""
        return self.value[0]

    @property
    def label(self) -> str:
        """The application label (tag 50)."""
        return self.value[1]


@dataclass(frozen=True, slots=True, repr=False)
class BankKeys:
    """The card keys (UDK), 16 bytes each: of MDK_AC, MDK_MAC and MDK_ENC."""

    cryptogram: bytes
    script_mac: bytes
    script_cipher: bytes
    derivation_key_index: int = 1


@dataclass(frozen=True, slots=True)
class ElectronicCash:
    """Electronic cash (电子现金). A single limit or a threshold of 0 is none."""

    balance_fen: int = 0
    limit_fen: int = 100000
    single_limit_fen: int = 0
    reset_threshold_fen: int = 0


@dataclass(frozen=True, slots=True)
class OfflineLimits:
    """What the card approves without the issuer, in a row and in all; by default nothing.

    The lower limits send a transaction online, the upper ones decline it when that cannot be.
    """

    lower_count: int = 0
    upper_count: int = 0
    lower_amount_fen: int = 0
    upper_amount_fen: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class OfflineData:
    """Offline data authentication: ``scheme`` is ``"rsa"`` or ``"sm2"``.

    ``tags``: 8F, 90, 93 and, as there are, 92, 9F32, 9F46, 9F47, 9F48. ``private_key`` is that
    of the card as the scheme encodes it, empty where only static data are signed.
    """

    scheme: str
    tags: Mapping[int, bytes]
    private_key: bytes = b""

    @property
    def dynamic(self) -> bool:
        """Whether the card signs too."""
        return bool(self.private_key)


@dataclass(frozen=True, slots=True, repr=False)
class BankContents:
    """One debit/credit application.

    ``pan`` 12 to 19 digits, ``sequence`` 2, ``effective`` and ``expiry`` YYMMDD, ``service_code``
    3, ``discretionary`` the digits at the end of track 2; ``pin`` 4 to 12 digits or None.
    ``suite`` is ``"3des"`` or ``"sm4"``. ``pdol``: contact terminals are asked for data with GET
    PROCESSING OPTIONS, as real cards do and electronic cash needs; contactless ones always are.
    ``enciphered_pin``: the list of CVMs begins with the enciphered offline PIN, which needs an RSA
    key for dynamic data.
    ``dormant``: not to be found until it is activated.
    """

    pan: str
    expiry: str
    keys: BankKeys
    variant: Variant = Variant.DEBIT
    suite: str = ALGORITHM_3DES
    sequence: str = "00"
    effective: str = "250101"
    service_code: str = "220"
    discretionary: str = ""
    pin: str | None = None
    pin_tries: int = 3
    pdol: bool = False
    enciphered_pin: bool = False
    cash: ElectronicCash | None = None
    limits: OfflineLimits = field(default_factory=OfflineLimits)
    offline: OfflineData | None = None
    contactless_cryptogram_version: int = 0x01
    dormant: bool = False

    def __repr__(self) -> str:
        return f"<BankContents, {self.variant.name}, {self.suite}>"


COUNTRY = CURRENCY = bytes.fromhex("0156")

CDOL1: Final = bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14")
CDOL2: Final = bytes.fromhex("8A029F02069F03069F1A0295055F2A029A039C019F37049F2103")
PDOL: Final = bytes.fromhex("9F66049F02069F03069F1A0295055F2A029A039C019F3704")
CASH_PDOL: Final = bytes.fromhex("9F7A01")
"""Behind the PDOL of contact terminals where there is electronic cash [M]."""
DDOL: Final = bytes.fromhex("9F3704")

USAGE_CONTROL: Final = bytes.fromhex("FF00")
VERSION: Final = bytes.fromhex("0030")
ACTION_DEFAULT: Final = bytes.fromhex("D8609CA800")
ACTION_DENIAL: Final = bytes.fromhex("0010000000")
ACTION_ONLINE: Final = bytes.fromhex("D8689CF800")
CVM_ONLINE: Final = bytes.fromhex("000000000000000042031E031F00")
CVM_OFFLINE: Final = bytes.fromhex("0000000000000000410342031E031F00")
"""With a PIN on the card: plain offline PIN first [M]."""
CVM_ENCIPHERED: Final = bytes.fromhex("00000000000000004403410342031E031F00")
"""The same, enciphered before plain [M]."""
CASH_AUTHORISATION: Final = b"ECC001"
"""9F74, issuer authorisation code of electronic cash [L]."""
STATIC_TAGS: Final = bytes.fromhex("82")
LANGUAGE: Final = b"zh"

DEFAULT_ACTION: Final = bytes.fromhex("C338")
"""9F52: after a failed issuer authentication online, and declined; new cards online, else
declined; PIN tries exceeded online, else declined; a failed script online [L]."""
PRODUCT: Final = bytes(16)
QUALIFIERS: Final = bytes.fromhex("0000")
LOG_ENTRY: Final = bytes.fromhex("0B0A")
