# SPDX-License-Identifier: Apache-2.0
"""What a terminal notes of a transaction: TVR, TSI, and how it ended (EMV book 3, annex C)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag, StrEnum


class Tvr(IntFlag):
    """Terminal verification results (95), 5 bytes."""

    ODA_NOT_PERFORMED = 0x80_00_00_00_00
    SDA_FAILED = 0x40_00_00_00_00
    DATA_MISSING = 0x20_00_00_00_00
    DDA_FAILED = 0x08_00_00_00_00
    SDA_SELECTED = 0x02_00_00_00_00
    VERSIONS_DIFFER = 0x80_00_00_00
    EXPIRED = 0x40_00_00_00
    NOT_YET_EFFECTIVE = 0x20_00_00_00
    SERVICE_NOT_ALLOWED = 0x10_00_00_00
    NEW_CARD = 0x08_00_00_00
    CARDHOLDER_NOT_VERIFIED = 0x80_00_00
    UNKNOWN_CVM = 0x40_00_00
    PIN_TRIES_EXCEEDED = 0x20_00_00
    NO_PIN_PAD = 0x10_00_00
    PIN_NOT_ENTERED = 0x08_00_00
    FLOOR_LIMIT_EXCEEDED = 0x80_00
    LOWER_LIMIT_EXCEEDED = 0x40_00
    UPPER_LIMIT_EXCEEDED = 0x20_00
    FORCED_ONLINE = 0x08_00
    ISSUER_AUTHENTICATION_FAILED = 0x40
    SCRIPT_FAILED_BEFORE = 0x20
    SCRIPT_FAILED_AFTER = 0x10

    @property
    def field(self) -> bytes:
        """Tag 95."""
        return int(self).to_bytes(5)


class Tsi(IntFlag):
    """Transaction status information (9B), 2 bytes: what has been done."""

    ODA = 0x80_00
    CARDHOLDER = 0x40_00
    CARD_RISK = 0x20_00
    ISSUER_AUTHENTICATION = 0x10_00
    TERMINAL_RISK = 0x08_00
    SCRIPT = 0x04_00

    @property
    def field(self) -> bytes:
        """Tag 9B."""
        return int(self).to_bytes(2)


class Decision(StrEnum):
    """How a transaction ended."""

    APPROVED_OFFLINE = "approved offline"
    APPROVED_ONLINE = "approved online"
    DECLINED_OFFLINE = "declined offline"
    DECLINED_ONLINE = "declined online"

    @property
    def approved(self) -> bool:
        return self in (Decision.APPROVED_OFFLINE, Decision.APPROVED_ONLINE)


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """A script's identifier and the status word of each command that was sent."""

    identifier: bytes
    status_words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """A transaction that came to its end.

    ``aid`` and ``label`` of the application, ``atc`` and ``cryptogram`` (8 bytes) of its last
    answer, ``response_code`` 8A of the issuer, None when it was not asked. ``tvr`` is as it was
    at the end, in ``data`` (values by tag, for settlement) as the last cryptogram covers it;
    ``data`` names the holder's account and stays out of the repr.
    """

    decision: Decision
    aid: bytes
    label: str
    tvr: Tvr
    tsi: Tsi
    atc: int
    cryptogram: bytes
    response_code: bytes | None
    scripts: tuple[ScriptResult, ...]
    pan: str = field(repr=False)
    data: dict[int, bytes] = field(repr=False)
