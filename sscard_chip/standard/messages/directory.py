# SPDX-License-Identifier: Apache-2.0
"""FCI and records of DIR (LD/T 32.5; card page, section 2)."""

from __future__ import annotations

from typing import Final

from construct import GreedyBytes, Optional, Struct

from sscard_chip.standard.messages.fields import tagged, templates

DIR_ENTRY: Final = tagged(
    0x61,
    Struct(
        "name" / tagged(0x4F, GreedyBytes),
        "label" / Optional(tagged(0x50, GreedyBytes)),
    ),
)
"""A DIR record of a PSAM: name or AID 5 to 16 bytes, of an application its label in GBK."""
DIR_RECORD: Final = tagged(0x70, DIR_ENTRY)
"""A DIR record as issuers of cards store it."""


def parse_fci(answer: bytes) -> dict[int, bytes]:
    """What is in a FCI (6F) by tag: 84 the name, A5 what is proprietary; never raises."""
    return templates(templates(answer).get(0x6F, b""))


def fci_algorithm(objects: dict[int, bytes]) -> bytes:
    """Tag 86 of 9F0C in a :func:`parse_fci`: what cards of 3.0 announce, else empty."""
    return templates(templates(objects.get(0xA5, b"")).get(0x9F0C, b"")).get(0x86, b"")
