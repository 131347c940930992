# SPDX-License-Identifier: Apache-2.0
"""Items of generation 1 whose tags letter 37 uses anew (annex C), on cards of generation 1.

A record keeps its 1.0 length. The new value stands on the left, the rest is nibbles E; a last
byte EE means "new meaning", for no old value ends so: cn ends in a digit or F, an in text or 00.
Records that the new value fills are judged by another record of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sscard_chip.profile.generations import find_generation, whole_profile
from sscard_chip.profile.model import Confidence, Format, Item, Profile
from sscard_chip.standard.identifiers import DF01, DF02, DF03, DF04

_MARK: Final = b"\xee"


@dataclass(frozen=True, slots=True)
class Reuse:
    """One reused tag: length of the 1.0 record, format and length in bytes of the new value.

    ``judge`` is the tag of the record that shows the meaning, 0 when it is this one. ``grows``
    marks the two records too short for their new value, whose length shows the meaning [L].
    """

    old_length: int
    format: Format
    length: int
    judge: int = 0
    grows: bool = False
    confidence: Confidence = Confidence.HIGH


_AN, _CN = Format.AN, Format.CN

REUSED: Final[Mapping[tuple[int, int, int], Reuse]] = {
    (DF01, 0xEF09, 0x32): Reuse(0x03, _AN, 0x02),
    (DF01, 0xEF0A, 0x37): Reuse(0x04, _AN, 0x03),
    (DF01, 0xEF0A, 0x38): Reuse(0x04, _AN, 0x02),
    (DF01, 0xEF0A, 0x39): Reuse(0x04, _CN, 0x04, judge=0x38),
    (DF02, 0xEF06, 0x4B): Reuse(0x04, _AN, 0x05, grows=True, confidence=Confidence.LOW),
    (DF02, 0xEF06, 0x4D): Reuse(0x04, _CN, 0x03),
    (DF02, 0xEF06, 0x4F): Reuse(0x04, _AN, 0x06, grows=True, confidence=Confidence.LOW),
    (DF02, 0xEF06, 0x50): Reuse(0x04, _CN, 0x03),
    # Annex C has 8 bytes of BCD here, table 9 16 characters for cards of generation 2 [M].
    (DF02, 0xEF09, 0x55): Reuse(0x0A, _CN, 0x08, confidence=Confidence.MEDIUM),
    (DF02, 0xEF09, 0x56): Reuse(0x46, _AN, 0x46, judge=0x55),
    (DF02, 0xEF09, 0x96): Reuse(0x04, _CN, 0x04, judge=0x55),
    (DF02, 0xEF09, 0x97): Reuse(0x04, _CN, 0x03),
    (DF03, 0xEF05, 0x61): Reuse(0x04, _CN, 0x03),
    (DF03, 0xEF07, 0x71): Reuse(0x04, _CN, 0x03),
    (DF03, 0xEF07, 0x6F): Reuse(0x04, _CN, 0x04, judge=0x71),
    (DF03, 0xEF07, 0x70): Reuse(0x03, _AN, 0x03, judge=0x71),
    (DF04, 0xEF05, 0x81): Reuse(0x46, _AN, 0x08),
    (DF04, 0xEF05, 0x84): Reuse(0x46, _CN, 0x03),
    (DF04, 0xEF05, 0x87): Reuse(0x46, _AN, 0x11),
    (DF04, 0xEF06, 0x90): Reuse(0x04, _AN, 0x01),
    (DF04, 0xEF06, 0x92): Reuse(0x04, _CN, 0x04, judge=0x90),
    (DF04, 0xEF06, 0x93): Reuse(0x04, _AN, 0x02),
}
"""By FID of the directory, FID of the file and tag."""


def reused_value(directory: int, file: int, tag: int, values: Mapping[int, bytes]) -> bytes | None:
    """The value that a record of a 1.0 card has under its new meaning, None under its old one.

    ``values`` holds the values of the file's records by tag, without tag and length; the record
    itself and, if it has one, its judge. The result is as long as the new item. None also for
    tags that are not reused.
    """
    reuse = REUSED.get((directory, file, tag))
    if reuse is None:
        return None
    value = values[tag]
    if reuse.grows:
        return value if len(value) == reuse.length else None
    judge = values.get(reuse.judge or tag, b"")
    return value[: reuse.length] if judge.endswith(_MARK) else None


def later_item(
    profile: Profile, directory: int, file: int, tag: int, values: Mapping[int, bytes]
) -> tuple[Item, bytes] | None:
    """Item and value of a record that has its later meaning on a card of ``profile``, else None;
    arguments as in :func:`reused_value`."""
    later = find_generation(profile.later_meanings.encode()) if profile.later_meanings else None
    value = reused_value(directory, file, tag, values) if later else None
    if later is None or value is None:
        return None
    items = whole_profile(later.number).directory(directory).file(file).items
    return next(item for item in items if item.tag == tag), value


def reuse_value(directory: int, file: int, tag: int, value: bytes) -> bytes:
    """The value to write to a 1.0 card for the new meaning ``value``.

    The record's own length, filled with EE; of the two records that grow the new length.

    :raises KeyError: for a tag that is not reused.
    :raises ValueError: for a value of another length.
    """
    reuse = REUSED[directory, file, tag]
    if len(value) != reuse.length:
        raise ValueError(f"{tag:02X}: must be {reuse.length} bytes")
    return value.ljust(reuse.old_length, _MARK)
