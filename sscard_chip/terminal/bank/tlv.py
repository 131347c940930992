# SPDX-License-Identifier: Apache-2.0
"""BER-TLV and data object lists as a payment terminal reads them (EMV book 3, annex B and 5.4).

Reading is strict: a card whose data have a hole, a tail or a tag twice is told so, since other
people's terminals refuse it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sscard_chip.terminal.bank.errors import CardDataError

CONSTRUCTED: Final = 0x20
_MORE_TAG: Final = 0x1F
_LONG: Final = 0x80

_NUMERIC: Final = frozenset(
    {0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9A, 0x9C, 0x9F21, 0x5F25, 0x5F24, 0x5F34, 0x9F79}
)
"""Tags of format n: cut and filled on the left (EMV book 3, 5.4)."""
_COMPRESSED: Final = frozenset({0x5A, 0x9F20})
"""Tags of format cn: filled with F on the right."""


def tlvs(data: bytes, what: str = "data") -> Iterator[tuple[int, bytes]]:
    """Tag and value of each data object at the top of ``data``.

    00 between objects is passed over. :raises CardDataError: anything that is no BER-TLV.
    """
    at = 0
    while at < len(data):
        if data[at] == 0x00:
            at += 1
            continue
        tag, at = _tag(data, at, what)
        length, at = _length(data, at, what)
        if at + length > len(data):
            raise CardDataError(f"{what}: {tag:02X} is longer than what holds it")
        yield tag, data[at : at + length]
        at += length


def _tag(data: bytes, at: int, what: str) -> tuple[int, int]:
    first = data[at]
    at += 1
    if first & _MORE_TAG != _MORE_TAG:
        return first, at
    if at >= len(data) or data[at] & 0x80:
        raise CardDataError(f"{what}: has a tag that is none")
    return first << 8 | data[at], at + 1


def _length(data: bytes, at: int, what: str) -> tuple[int, int]:
    if at >= len(data):
        raise CardDataError(f"{what}: ends in a tag")
    first = data[at]
    at += 1
    if first < _LONG:
        return first, at
    size = first - _LONG
    if size not in (1, 2) or at + size > len(data):
        raise CardDataError(f"{what}: has a length that is none")
    return int.from_bytes(data[at : at + size]), at + size


def is_constructed(tag: int) -> bool:
    """Whether the value of ``tag`` is data objects again."""
    return bool((tag >> 8 if tag > 0xFF else tag) & CONSTRUCTED)


def template(tag: int, data: bytes, what: str) -> bytes:
    """The value of the one object in ``data``. :raises CardDataError: it is another."""
    objects = list(tlvs(data, what))
    if len(objects) != 1 or objects[0][0] != tag:
        raise CardDataError(f"{what}: is not one template {tag:02X}")
    return objects[0][1]


def primitives(data: bytes, what: str) -> Iterator[tuple[int, bytes]]:
    """All primitive objects of ``data``, those in templates too, in order."""
    for tag, value in tlvs(data, what):
        if is_constructed(tag):
            yield from primitives(value, what)
        else:
            yield tag, value


def find(data: bytes, tag: int, what: str) -> bytes | None:
    """The value of the first object with ``tag``, at any depth."""
    for own, value in tlvs(data, what):
        if own == tag:
            return value
        if is_constructed(own) and (inner := find(value, tag, what)) is not None:
            return inner
    return None


def tlv(tag: int, value: bytes) -> bytes:
    """One object; a length from 128 up takes two bytes or three."""
    size = len(value)
    if size < _LONG:
        length = bytes((size,))
    else:
        width = 1 if size <= 0xFF else 2
        length = bytes((_LONG | width,)) + size.to_bytes(width)
    return tag.to_bytes(2 if tag > 0xFF else 1) + length + value


def dol_entries(dol: bytes, what: str) -> list[tuple[int, int]]:
    """Tag and length of each entry of a data object list. :raises CardDataError: it is none."""
    entries, at = [], 0
    while at < len(dol):
        tag, at = _tag(dol, at, what)
        if at >= len(dol) or dol[at] >= _LONG:
            raise CardDataError(f"{what}: ends in a tag")
        entries.append((tag, dol[at]))
        at += 1
    return entries


def dol_data(dol: bytes, values: Mapping[int, bytes], what: str) -> bytes:
    """The values that ``dol`` asks for, by the rules for missing, long and short ones.

    A tag that is not known, or a template, gives 00; numeric values are cut and filled on the
    left, all others cut on the right and filled there, with F when they are compressed numbers,
    else with 00 (EMV book 3, 5.4).
    """
    return b"".join(
        _fit(tag, values.get(tag, b""), length) for tag, length in dol_entries(dol, what)
    )


def _fit(tag: int, value: bytes, length: int) -> bytes:
    if not value or is_constructed(tag):
        return bytes(length)
    if tag in _NUMERIC:
        return value[-length:].rjust(length, b"\0") if length else b""
    return value[:length].ljust(length, b"\xff" if tag in _COMPRESSED else b"\0")


def digits_of(value: bytes) -> str:
    """The digits of a compressed number, without its F at the end.

    :raises CardDataError: there is something else in it.
    """
    digits = value.hex().upper().rstrip("F")
    if not digits.isdecimal():
        raise CardDataError("a number holds other things than digits")
    return digits
