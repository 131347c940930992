# SPDX-License-Identifier: Apache-2.0
"""Which keys a PSAM serves, under which type and identifier (PSAM guide, section 6, annex B)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sscard_chip.applications.psam.keys import KEY_FILES, KeyType
from sscard_chip.profile.build import H, M
from sscard_chip.profile.model import Confidence
from sscard_chip.standard.keys import BK, DPK, DSK, IRK, PUK, RKSSSE, STKSSSE, UKSSSE


@dataclass(frozen=True, slots=True)
class SamKeyRow:
    """One key that a PSAM serves: the root's name, its type and its identifier on the PSAM.

    A purchase key has its version in place of the identifier, and all ``versions`` are there.
    Of the others there is one, for a format 1 record names no version [L]. ``single`` keys, the
    STKs, are single DES on cards of the DES suite.
    """

    root: str
    type: KeyType
    identifier: int
    versions: int = 3
    confidence: Confidence = H
    single: bool = False


def _rows(
    key_type: KeyType,
    identifiers: Mapping[str, int],
    confidence: Confidence = H,
    versions: int = 3,
    *,
    single: bool = False,
) -> tuple[SamKeyRow, ...]:
    return tuple(
        SamKeyRow(root, key_type, identifier, versions, confidence, single)
        for root, identifier in identifiers.items()
    )


# National identifiers and types are printed (annex B, H); the provinces' own are those of one
# province's programs and of the terminal interface (M). STK is type 6 in the annex; type 8 lets
# a terminal reload a PIN through the PSAM as well, and that is what the field has.
KEYS: Final[tuple[SamKeyRow, ...]] = (
    *_rows(KeyType.PURCHASE, {DPK: 0x01}),
    *_rows(KeyType.ENCRYPTION, {IRK: 0x08, RKSSSE: 0x0A}),
    *_rows(
        KeyType.MAC_AND_ENCRYPTION,
        {STKSSSE: 0x09, "STKDF01": 0x20, "STKDF02": 0x21, "STKDF03": 0x22, "STKDF04": 0x23},
        versions=1,
        single=True,
    ),
    *_rows(KeyType.MAC_AND_ENCRYPTION, {"STKDF07": 0x3C}, M, 1, single=True),
    *_rows(KeyType.MAC_AND_ENCRYPTION, {PUK: 0x10, BK: 0x11}, M, 1),
    *_rows(KeyType.MAC_AND_ENCRYPTION, {"LKDF03": 0x40, "LKDF04": 0x41}, M, 1),
    *_rows(
        KeyType.ENCRYPTION,
        {
            "UK3DF01": 0x24,
            "UK4DF01": 0x25,
            "UK1DF02": 0x26,
            "UK4DF02": 0x27,
            "UK5DF02": 0x28,
            "UK2DF03": 0x29,
            "UK2DF04": 0x2A,
            "RK1DF03": 0x2B,
            "RK2DF03": 0x2C,
            "RK1DF04": 0x2D,
        },
    ),
    *_rows(
        KeyType.ENCRYPTION,
        {
            "RK1DF01": 0x2E,
            "UK6DF01": 0x2F,
            "UK7DF01": 0x30,
            "UK8DF01": 0x31,
            "UK9DF01": 0x32,
            "UKADF01": 0x33,
            "UKBDF01": 0x34,
            "RK1DF02": 0x35,
            "UK6DF02": 0x36,
            "UK4DF03": 0x37,
            "UK5DF03": 0x38,
            "UK6DF03": 0x39,
            "UK7DF03": 0x3A,
            "UK8DF03": 0x3B,
            "RK1DF07": 0x3D,
            "UK1DF07": 0x3E,
            "RK2DF07": 0x3F,
            "UK2DF07": 0xB0,
            "RK3DF07": 0xB1,
            "UK3DF07": 0xB2,
        },
        M,
    ),
    *_rows(
        KeyType.MAC_AND_ENCRYPTION,
        {
            UKSSSE: 0x12,
            "UK1DF01": 0x42,
            "UK2DF01": 0x43,
            "UK5DF01": 0x44,
            "UK2DF02": 0x45,
            "UK3DF02": 0x46,
            "UK1DF03": 0x47,
            "UK3DF03": 0x48,
            "UK1DF04": 0x49,
            DSK: 0x4A,
            "RK1DF06": 0x52,
        },
        M,
    ),
)

TRANSPORT_KEYS: Final[tuple[SamKeyRow, ...]] = (
    *_rows(KeyType.PURCHASE, {"TRANSIT_DPK": 0x01}, versions=1),
    *_rows(KeyType.MAINTENANCE, {"TRANSIT_DAMK": 0x02}, M, 1),
)
"""Of a transport PSAM: purchase, and the lock of a card (用途 45, identifier 02)."""


def key_file(row: SamKeyRow) -> int:
    """FID of the key file for a key, by the range of its identifier [L].

    08 to 0F, 20 to 3F and purchase keys: the country's; 10 to 17, 40 to 7F: a province's; 18 to
    1F and 80 to BF: a city's.
    """
    country, province, city = KEY_FILES
    identifier = row.identifier
    if row.type is KeyType.PURCHASE or identifier < 0x10 or 0x20 <= identifier < 0x40:
        return country
    return province if identifier < 0x18 or 0x40 <= identifier < 0x80 else city
