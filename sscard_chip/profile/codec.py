# SPDX-License-Identifier: Apache-2.0
"""Values of data items, between text and the bytes on the card (LD/T 32.6; letter 37, section 7).

``cn`` is BCD padded right with F nibbles, ``an`` GB 18030 text padded right with 00, ``b`` plain
bytes written in hex, ``B-TLV`` a template given as a mapping of sub tags (``{"57": "..."}``).

>>> from sscard_chip.profile.build import cn
>>> encode_value(cn(0x0D, 4, "出生日期", "date of birth"), "20010203").hex()
'20010203'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from sscard_chip.profile.model import Format, Item
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.text import decode_text, displayed, encode_text, text_rule

NAME_LENGTH: Final = 30
"""Bytes of tag 09 姓名."""
NAME_EXTENSION_LENGTH: Final = 20
"""Bytes of tag 4E 姓名扩展."""

ItemValue: TypeAlias = str | Mapping[str, "ItemValue"]
"""Text; for a template the values of its sub tags, two capital hex digits each."""

_DIGITS: Final = re.compile(r"[0-9]*")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_TAG: Final = re.compile(r"[0-9A-Fa-f]{2}")


class ItemValueError(InputError):
    """A value that an item cannot hold. The text names item and rule, never the value."""

    def __init__(self, item: Item, rule: str) -> None:
        super().__init__(
            f"{item.tag:02X} {item.name}: {rule}" if item.tag else f"{item.name}: {rule}"
        )
        self.item = item
        self.rule = rule


def encode_value(item: Item, value: ItemValue, *, four_byte: bool = True) -> bytes:
    """The bytes of ``value``, padded to the length of ``item``.

    ``four_byte`` False refuses characters that GB 18030 codes with four bytes. An odd number of
    cn digits ends in one F nibble. Sub tags that a template's mapping leaves out get their initial
    content.

    :raises ItemValueError:
    """
    if item.format is Format.BTLV:
        return _encode_template(item, value, four_byte=four_byte)
    if not isinstance(value, str):
        raise ItemValueError(item, "must be a text")
    if item.format is Format.AN:
        encoded = _encode_characters(item, value, four_byte=four_byte)
        if len(encoded) > item.length:
            raise ItemValueError(item, f"must be at most {item.length} bytes in GB 18030")
        return encoded.ljust(item.length, b"\0")
    if item.format is Format.CN:
        return _encode_digits(item, value)
    if not _HEX.fullmatch(value) or len(value) != 2 * item.length:
        raise ItemValueError(item, f"must be {2 * item.length} hex digits")
    return bytes.fromhex(value)


def decode_value(item: Item, value: bytes, *, raw_text: bool = False) -> str:
    """The text of a value read from a card; padding is cut off.

    Text loses 00 and blanks on its right, since old cards are padded with blanks; an erased item,
    all FF, is empty; what is no text, or would steer a terminal, becomes U+FFFD, unless
    ``raw_text`` wants it as :func:`~sscard_chip.standard.text.decode_text` gives it. A cn value of
    digits loses its F nibbles. A template reads ``57=...; 58=...``: :func:`decode_template` gives
    its parts.
    """
    if item.format is Format.BTLV:
        parts = decode_template(item, value, raw_text=raw_text)
        return "; ".join(f"{tag}={text}" for tag, text in parts.items())
    if item.format is Format.AN:
        return _decode_text(value, raw_text)
    if item.format is Format.CN:
        text = value.hex().upper()
        digits = text.rstrip("F")
        # 卡识别码 is a cn item that ends in four bytes of MAC: an F of theirs is no padding.
        return digits if digits.isdecimal() or not digits else text
    return value.hex().upper()


def decode_template(item: Item, value: bytes, *, raw_text: bool = False) -> dict[str, str]:
    """Texts of the sub items of a template, by sub tag. Undeclared ones are shown in hex.

    :raises ItemValueError: when the bytes are no sequence of simple TLVs.
    """
    declared = {sub.tag: sub for sub in item.items}
    texts: dict[str, str] = {}
    start = 0
    while start < len(value):
        end = start + 2 + value[start + 1] if start + 1 < len(value) else len(value) + 1
        if end > len(value):
            raise ItemValueError(item, "must be a sequence of whole TLVs")
        sub, content = declared.get(value[start]), value[start + 2 : end]
        text = decode_value(sub, content, raw_text=raw_text) if sub else content.hex().upper()
        texts[f"{value[start]:02X}"] = text
        start = end
    return texts


def split_name(name: str, *, extension: bool = True, four_byte: bool = True) -> tuple[bytes, bytes]:
    """A name as tags 09 (30 bytes) and 4E (20 bytes), both padded with 00.

    The name is split between characters, never inside one, so 09 may end in padding; a blank
    goes to 4E with the letter behind it, since readers take blanks at the end of 09 for padding.
    Without ``extension`` (generation 1) all must fit 09.

    :raises ItemValueError: for a name that is too long or holds what no text item holds.
    """
    encoded_name = _encode_characters(_NAME, name, four_byte=four_byte)
    if len(encoded_name) <= NAME_LENGTH:
        return encoded_name.ljust(NAME_LENGTH, b"\0"), bytes(NAME_EXTENSION_LENGTH)
    first = bytearray()
    rest = bytearray()
    for encoded in map(encode_text, name):
        part = rest if rest or len(first) + len(encoded) > NAME_LENGTH else first
        if not rest and part is rest and first.endswith(b" "):
            rest += first[-1:]
            del first[-1:]
        part += encoded
    limit = NAME_EXTENSION_LENGTH if extension else 0
    if len(rest) > limit:
        raise ItemValueError(_NAME, f"must be at most {NAME_LENGTH + limit} bytes in GB 18030")
    return bytes(first).ljust(NAME_LENGTH, b"\0"), bytes(rest).ljust(NAME_EXTENSION_LENGTH, b"\0")


_NAME: Final = Item(0x09, "姓名", "name", Format.AN, NAME_LENGTH)


def join_name(name: bytes, extension: bytes = b"", *, raw_text: bool = False) -> str:
    """The name that tags 09 and 4E hold together, without padding of either.

    A blank that is byte 30 of 09 is no padding where a letter goes on in 4E that would have had
    room in its place.
    """
    if not raw_text:
        name, extension = _written(name), _written(extension)
    start = name.rstrip(b"\0 ")
    if len(start) + 1 == len(name) and name.endswith(b" ") and extension[:1].isalpha():
        start = name
    return _decode_text(start + extension, raw_text)


def _encode_characters(item: Item, text: str, *, four_byte: bool) -> bytes:
    rule = text_rule(text, four_byte=four_byte)
    if rule:
        raise ItemValueError(item, rule)
    return encode_text(text)


def _decode_text(value: bytes, raw_text: bool) -> str:
    if raw_text:
        return decode_text(value.rstrip(b"\0 "))
    return displayed(decode_text(_written(value).rstrip(b"\0 ")))


def _written(value: bytes) -> bytes:
    """A text item, empty when it is erased: all FF."""
    return value if value.strip(b"\xff") else b""


def _encode_digits(item: Item, text: str) -> bytes:
    if not _DIGITS.fullmatch(text):
        raise ItemValueError(item, "must be digits")
    if len(text) > 2 * item.length:
        raise ItemValueError(item, f"must be at most {2 * item.length} digits")
    return bytes.fromhex(text.ljust(2 * item.length, "F"))


def _encode_template(item: Item, value: ItemValue, *, four_byte: bool) -> bytes:
    if isinstance(value, str):
        raise ItemValueError(item, "must be a mapping of sub tags")
    given: dict[int, ItemValue] = {}
    for tag, text in value.items():
        if not _TAG.fullmatch(tag) or int(tag, 16) not in {sub.tag for sub in item.items}:
            known = ", ".join(f"{sub.tag:02X}" for sub in item.items)
            raise ItemValueError(item, f"sub tags must be of {known}")
        given[int(tag, 16)] = text
    encoded = b""
    for sub in item.items:
        content = sub.initial_value()
        if sub.tag in given:
            content = encode_value(sub, given[sub.tag], four_byte=four_byte)
        encoded += bytes((sub.tag, sub.length)) + content
    return encoded
