# SPDX-License-Identifier: Apache-2.0
"""Items of files as the driver's texts: tokens of pFileAddr, values both ways.

A template's parts, and the fields of a cyclic record, end with ``^`` each; a transparent file is
hex. LD/T 33 shows the strings of iReadCard by one example; the inner form is ours [L].
"""

from __future__ import annotations

import re
from typing import Final

from sscard_chip.profile.codec import (
    ItemValueError,
    decode_template,
    decode_value,
    encode_value,
)
from sscard_chip.profile.model import FileDeclaration, Format, Item
from sscard_chip.profile.reuse import REUSED, reuse_value, reused_value
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver.values import FileAddress

PART_END: Final = "^"
_TAG: Final = re.compile(r"([0-9A-Fa-f]{2})(?::([1-9][0-9]?))?")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,2}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")


# --- tokens --------------------------------------------------------------------------------------


def tag_and_occurrence(token: str) -> tuple[int, int]:
    """``40:2`` is the second record with tag 40.

    :raises DriverError: -14.
    """
    match = _TAG.fullmatch(token)
    if match is None:
        raise DriverError(
            ReturnCode.PARAMETER, "pFileAddr: an item must be a tag, or tag:occurrence"
        )
    return int(match[1], 16), int(match[2] or 1)


def record_number(token: str) -> int:
    """A record of a cyclic file, 1 the newest.

    :raises DriverError: -14.
    """
    if not _NUMBER.fullmatch(token) or int(token) > 254:
        raise DriverError(ReturnCode.PARAMETER, "pFileAddr: a record number must be 1 to 254")
    return int(token)


def require_none(address: FileAddress) -> None:
    """See that no items are named where the whole file, or a new record, is meant.

    :raises DriverError: -14 for items where the whole file, or a new record, is meant.
    """
    if address.items:
        raise DriverError(ReturnCode.PARAMETER, f"pFileAddr: {address} takes no items here")


def every_record(file: FileDeclaration) -> list[tuple[int, int]]:
    """Tag and occurrence of all records that the profile has in a linear file."""
    seen: dict[int, int] = {}
    tokens = []
    for item in file.items:
        seen[item.tag] = seen.get(item.tag, 0) + 1
        tokens.append((item.tag, seen[item.tag]))
    return tokens


def find_item(file: FileDeclaration | None, tag: int) -> Item | None:
    """What the profile knows of a tag."""
    return next((item for item in file.items if item.tag == tag), None) if file else None


def pairs(
    file: FileDeclaration, address: FileAddress, values: tuple[str, ...]
) -> list[tuple[tuple[int, int], str]]:
    """Items of a linear file with their values.

    :raises DriverError: -14 when they do not pair.
    """
    tokens = [tag_and_occurrence(token) for token in address.items] or every_record(file)
    if len(tokens) != len(values):
        raise DriverError(
            ReturnCode.PARAMETER,
            f"pWriteData: {address} needs {len(tokens)} values, has {len(values)}",
        )
    return list(zip(tokens, values, strict=True))


# --- from the card -------------------------------------------------------------------------------


def decode_item(item: Item | None, raw: bytes, *, raw_text: bool = False) -> str:
    """A value as text; hex when the profile does not know the item or its form is broken."""
    if item is None:
        return raw.hex().upper()
    if item.format is not Format.BTLV:
        return decode_value(item, raw, raw_text=raw_text)
    try:
        parts = decode_template(item, raw, raw_text=raw_text)
    except ItemValueError:
        return raw.hex().upper()
    return "".join(text + PART_END for text in parts.values())


def decode_record(file: FileDeclaration, raw: bytes, *, raw_text: bool = False) -> str:
    """A cyclic record; hex when it is not as long as its fields."""
    if len(raw) != file.record_length:
        return raw.hex().upper()
    texts, at = [], 0
    for item in file.items:
        field = raw[at : at + item.length]
        texts.append(decode_value(item, field, raw_text=raw_text) + PART_END)
        at += item.length
    return "".join(texts)


def judge(address: FileAddress, tag: int) -> int:
    """Tag of the record that shows the meaning of a reused tag, 0 when there is none."""
    reuse = REUSED.get((address.directory, address.file, tag))
    return reuse.judge if reuse else 0


def decode_reused(
    address: FileAddress, tag: int, values: dict[int, bytes], *, raw_text: bool = False
) -> str | None:
    """The new meaning of a value of a 1.0 card, None when it has its old one."""
    new = reused_value(address.directory, address.file, tag, values)
    if new is None:
        return None
    return decode_value(_new_item(address, tag), new, raw_text=raw_text)


def _new_item(address: FileAddress, tag: int) -> Item:
    reuse = REUSED[address.directory, address.file, tag]
    return Item(tag, f"{tag:02X}", "reused item", reuse.format, reuse.length)


# --- to the card ---------------------------------------------------------------------------------


def encode_item(item: Item, text: str) -> bytes:
    """The bytes of a value.

    :raises DriverError: -41, -42, of a template also -14.
    """
    if item.format is not Format.BTLV:
        return _encode(item, text)
    parts = _parts(text, len(item.items), f"pWriteData: {item.tag:02X}")
    content = [_encode(sub, part) for sub, part in zip(item.items, parts, strict=True)]
    heads = [bytes((sub.tag, sub.length)) for sub in item.items]
    return b"".join(head + value for head, value in zip(heads, content, strict=True))


def encode_item_record(file: FileDeclaration, text: str) -> bytes:
    """A new record of a cyclic file.

    :raises DriverError: -14, -41, -42.
    """
    parts = _parts(text, len(file.items), "pWriteData: a record")
    return b"".join(_encode(item, part) for item, part in zip(file.items, parts, strict=True))


def encode_reused(address: FileAddress, tag: int, text: str) -> bytes | None:
    """A value under its new meaning for a 1.0 card; None when the tag has no other meaning."""
    if (address.directory, address.file, tag) not in REUSED:
        return None
    value = _encode(_new_item(address, tag), text)
    return reuse_value(address.directory, address.file, tag, value)


def whole_binary(file: FileDeclaration, values: tuple[str, ...]) -> bytes:
    """The content of a transparent file.

    :raises DriverError: -14, -41, -42.
    """
    if len(values) != 1:
        raise DriverError(ReturnCode.PARAMETER, "pWriteData: a transparent file has one value")
    if not _HEX.fullmatch(values[0]):
        raise DriverError(ReturnCode.ILLEGAL_CHARACTER, "pWriteData: a transparent file is hex")
    if len(values[0]) > 2 * file.size:
        raise DriverError(ReturnCode.LENGTH, f"pWriteData: the file has {file.size} bytes")
    return bytes.fromhex(values[0])


def _parts(text: str, count: int, what: str) -> list[str]:
    parts = text.split(PART_END)
    if parts.pop() or len(parts) != count:
        raise DriverError(ReturnCode.PARAMETER, f"{what} needs {count} parts, each ending with ^")
    return parts


def _encode(item: Item, text: str) -> bytes:
    try:
        return encode_value(item, text)
    except ItemValueError as error:
        raise DriverError(_code(error), f"pWriteData: {error}") from None


def _code(error: ItemValueError) -> ReturnCode:
    """-42 for a rule about lengths, -41 for one about characters."""
    lengths = ("at most", "hex digits")
    return (
        ReturnCode.LENGTH
        if any(word in error.rule for word in lengths)
        else ReturnCode.ILLEGAL_CHARACTER
    )
