# SPDX-License-Identifier: Apache-2.0
"""BER-TLV (ISO/IEC 7816-4 section 5.2.2), as templates of a directory have it."""

from __future__ import annotations


def tlv(tag: int, value: bytes) -> bytes:
    """Tag of one or two bytes, length up to 255, value. Raises ValueError for a longer value."""
    size = len(value)
    if size > 0xFF:
        raise ValueError("a template holds at most 255 bytes")
    length = bytes((size,)) if size < 0x80 else bytes((0x81, size))
    return tag.to_bytes(2 if tag > 0xFF else 1) + length + value
