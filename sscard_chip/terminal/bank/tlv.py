# SPDX-License-Identifier: Apache-2.0
"""Data objects and data object lists as a payment terminal reads them (EMV book 3, 5.4, annex B).

A terminal takes what ISO/IEC 7816-4 section 5.2.2 allows: tags of one to three bytes, lengths
``xx``, ``81 xx`` to ``84`` and four bytes, and bytes 00 or FF before, between and behind
data objects, which are left over from erased ones. What is no BER-TLV ends the transaction: every
function here raises :class:`CardDataError` for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sscard_chip.filesystem import tlv as ber
from sscard_chip.filesystem.tlv import is_constructed, tlv
from sscard_chip.terminal.bank.errors import CardDataError

__all__ = ["digits_of", "dol_data", "find_object", "open_template", "primitives", "tlv", "tlvs"]

_ERASED: Final = (0x00, 0xFF)
_MORE: Final = 0x1F
_CONSTRUCTED: Final = 0x20
_LENGTH_BYTES: Final = 4
_NUMERIC: Final = frozenset(
    {0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9A, 0x9C, 0x9F21, 0x5F25, 0x5F24, 0x5F34, 0x9F79}
)
"""Tags of format n: cut and filled on the left."""
_COMPRESSED: Final = frozenset({0x5A, 0x9F20})
"""Tags of format cn: filled with F on the right."""


def tlvs(data: bytes, what: str) -> list[tuple[int, bytes]]:
    """Tag and value of each data object at the top of ``data``; ``what`` it is, for errors."""
    found, at = [], 0
    try:
        while at < len(data):
            if data[at] in _ERASED:
                at += 1
                continue
            tag, length, start = _header(data, at)
            at = start + length
            if at > len(data):
                raise ValueError
            found.append((tag, data[start:at]))
    except (IndexError, ValueError):
        raise CardDataError(f"{what}: is no BER-TLV") from None
    return found


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, length and start of the value at ``at``. Raises IndexError or ValueError."""
    tag, at = data[at], at + 1
    if tag & _MORE == _MORE:
        for _ in range(2):
            tag, at = tag << 8 | data[at], at + 1
            if not tag & 0x80:
                break
        else:
            raise ValueError
    length, at = data[at], at + 1
    if length > 0x7F:
        width = length & 0x7F
        if not 1 <= width <= _LENGTH_BYTES or at + width > len(data):
            raise ValueError
        length, at = int.from_bytes(data[at : at + width]), at + width
    return tag, length, at


def open_template(tag: int, data: bytes, what: str) -> bytes:
    """The value of the one object in ``data``, which must be ``tag``."""
    objects = tlvs(data, what)
    if len(objects) != 1 or objects[0][0] != tag:
        raise CardDataError(f"{what}: is not one template {tag:02X}")
    return objects[0][1]


def primitives(data: bytes, what: str) -> list[tuple[int, bytes]]:
    """All primitive objects of ``data``, those in templates too, in order."""
    return [(tag, value) for tag, value in objects(data, what) if not _constructed(tag)]


def objects(data: bytes, what: str) -> Iterator[tuple[int, bytes]]:
    """All objects of ``data`` at any depth, templates before what they hold."""
    for tag, value in tlvs(data, what):
        yield tag, value
        if _constructed(tag):
            yield from objects(value, what)


def _constructed(tag: int) -> bool:
    return bool(tag.to_bytes(3).lstrip(b"\0")[0] & _CONSTRUCTED)


def find_object(data: bytes, tag: int, what: str) -> bytes | None:
    """The value of the first object with ``tag``, at any depth."""
    return next((value for own, value in objects(data, what) if own == tag), None)


def dol_data(dol: bytes, values: Mapping[int, bytes], what: str) -> bytes:
    """The values that ``dol`` asks for, by the rules for missing, long and short ones.

    A tag that is not known, or a template, gives 00; numeric values are cut and filled on the
    left, all others cut on the right and filled there, with F when they are compressed numbers,
    else with 00.
    """
    try:
        entries = ber.parse_dol(dol)
    except ValueError:
        raise CardDataError(f"{what}: is no data object list") from None
    return b"".join(_fit(tag, values.get(tag, b""), length) for tag, length in entries)


def _fit(tag: int, value: bytes, length: int) -> bytes:
    if not value or is_constructed(tag):
        return bytes(length)
    if tag in _NUMERIC:
        return value[-length:].rjust(length, b"\0") if length else b""
    return value[:length].ljust(length, b"\xff" if tag in _COMPRESSED else b"\0")


def digits_of(value: bytes) -> str:
    """The digits of a compressed number, without its F at the end."""
    digits = value.hex().upper().rstrip("F")
    if not digits.isdecimal():
        raise CardDataError("a number holds other things than digits")
    return digits
