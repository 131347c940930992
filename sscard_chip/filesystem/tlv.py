# SPDX-License-Identifier: Apache-2.0
"""BER-TLV data objects and data object lists, as far as payment cards use them.

Tags of one or two bytes, lengths up to 255: ``xx`` or ``81 xx`` (ISO/IEC 7816-4 section 5.2.2,
EMV book 3, annex B). A tag is an integer: 0x57, 0x9F36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

DataObjects: TypeAlias = list[tuple[int, bytes]]
"""Data objects in order: tag and value."""

_CONSTRUCTED: Final = 0x20
_MORE_TAG: Final = 0x1F
_LONG: Final = 0x81


def tlv(tag: int, value: bytes) -> bytes:
    """One data object.

    :raises ValueError: when ``value`` is longer than 255 bytes.
    """
    if len(value) > 0xFF:
        raise ValueError(f"tag {tag:X}: {len(value)} bytes are more than a data object may have")
    head = tag.to_bytes(1 if tag <= 0xFF else 2)
    length = bytes((len(value),)) if len(value) < 0x80 else bytes((_LONG, len(value)))
    return head + length + value


def encode_template(tag: int, objects: Iterable[tuple[int, bytes]]) -> bytes:
    """A constructed data object of primitive ones, in order."""
    return tlv(tag, b"".join(tlv(*item) for item in objects))


def read_header(data: bytes | bytearray | memoryview, start: int = 0) -> tuple[int, int, int]:
    """Tag, length of the value, and where the value begins.

    :raises ValueError:
    """
    try:
        tag, at = data[start], start + 1
        if tag & _MORE_TAG == _MORE_TAG:
            tag, at = tag << 8 | data[at], at + 1
        length, at = data[at], at + 1
        if length == _LONG:
            length, at = data[at], at + 1
        elif length > 0x7F:
            raise ValueError("a length that payment cards do not use")
    except IndexError:
        raise ValueError("a data object that ends too early") from None
    return tag, length, at


def parse_objects(data: bytes) -> list[tuple[int, bytes]]:
    """The data objects of ``data``, one behind the other.

    :raises ValueError:
    """
    objects, at = [], 0
    while at < len(data):
        tag, length, start = read_header(data, at)
        at = start + length
        if at > len(data):
            raise ValueError("a data object that ends too early")
        objects.append((tag, data[start:at]))
    return objects


def flatten(data: bytes) -> list[tuple[int, bytes]]:
    """The primitive data objects of ``data``, in order, out of all templates.

    :raises ValueError:
    """
    found = []
    for tag, value in parse_objects(data):
        found += flatten(value) if is_constructed(tag) else [(tag, value)]
    return found


def is_constructed(tag: int) -> bool:
    """Whether the value of ``tag`` is data objects again."""
    return bool((tag if tag <= 0xFF else tag >> 8) & _CONSTRUCTED)


def find_primitive(data: bytes, tag: int) -> bytes | None:
    """The value of the first primitive ``tag`` in ``data``.

    :raises ValueError:
    """
    return next((value for found, value in flatten(data) if found == tag), None)


# --- data object lists ----------------------------------------------------------------------------

Dol = tuple[tuple[int, int], ...]
"""Tags and lengths that a card wants, in order (EMV book 3, section 5.4)."""


def parse_dol(data: bytes) -> Dol:
    """A data object list.

    :raises ValueError:
    """
    entries, at = [], 0
    while at < len(data):
        tag, length, at = read_header(data, at)
        entries.append((tag, length))
    return tuple(entries)


def dol_length(dol: Dol) -> int:
    """Bytes of data that a list asks for."""
    return sum(length for _, length in dol)


def split_dol(dol: Dol, data: bytes) -> dict[int, bytes]:
    """What a terminal sent for ``dol``, by tag; ``data`` has the length that it asks for."""
    values, at = {}, 0
    for tag, length in dol:
        values[tag] = data[at : at + length]
        at += length
    return values


def fill_dol(dol: Dol, values: Mapping[int, bytes]) -> bytes:
    """What a terminal sends for ``dol``: too long values cut, missing ones 00.

    Numbers (tags of amounts, codes, dates) are expected in their own length already; a value of
    another length is cut or filled on the right (EMV book 3, section 5.4).
    """
    return b"".join(values.get(tag, b"")[:length].ljust(length, b"\0") for tag, length in dol)
