# SPDX-License-Identifier: Apache-2.0
"""Broken cards whose files hold what they should not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from issuance.broken.edit import BrokenCard, CardEditor
from issuance.validity import card_check_character
from sscard_chip.standard.identifiers import (
    DF01,
    HOLDER_FILE,
    HOUSEHOLD_FILE,
    ISSUER_FILE,
    PHOTO_FILE,
)
from sscard_chip.standard.text import encode_text

_IDENTIFICATION, _CLASS, _VERSION, _INITIALISER, _ISSUED, _EXPIRES, _NUMBER = range(1, 8)
_CITIZEN, _NAME, _SEX, _NATION, _BIRTHPLACE, _BORN = range(0x08, 0x0E)
_NAME_REST: Final = 0x4E
_ADDRESS: Final = 0x21
_LATER: Final = frozenset({2, 3})

_Edit = Callable[[CardEditor], None]


def _holder(tag: int, value: bytes) -> _Edit:
    return lambda card: card.item(HOLDER_FILE, tag, value)


def _issuer(tag: int, value: bytes) -> _Edit:
    return lambda card: card.item(ISSUER_FILE, tag, value)


def _name(start: bytes) -> _Edit:
    """Tag 09 with these bytes, padded as the standard has it."""

    def edit(card: CardEditor) -> None:
        length = len(card.value(HOLDER_FILE, _NAME))
        card.item(HOLDER_FILE, _NAME, start.ljust(length, b"\0"))

    return edit


def _wrong_card_number(card: CardEditor) -> None:
    number = card.value(ISSUER_FILE, _NUMBER).decode("ascii")
    right = card_check_character(number[:8])
    wrong = "0" if right != "0" else "1"
    card.item(ISSUER_FILE, _NUMBER, (number[:8] + wrong).encode("ascii"))


def _wrong_citizen_number(card: CardEditor) -> None:
    number = card.value(HOLDER_FILE, _CITIZEN)
    wrong = b"1" if number[-1:] != b"1" else b"2"
    card.item(HOLDER_FILE, _CITIZEN, number[:-1] + wrong)


def _wrong_authentication_code(card: CardEditor) -> None:
    own = card.value(ISSUER_FILE, _IDENTIFICATION)
    card.item(ISSUER_FILE, _IDENTIFICATION, own[:-4] + bytes(byte ^ 0xFF for byte in own[-4:]))


def _other_city(card: CardEditor) -> None:
    own = card.value(ISSUER_FILE, _IDENTIFICATION)
    city = b"\x11\x01\x00" if own[:3] != b"\x11\x01\x00" else b"\x31\x01\x00"
    card.item(ISSUER_FILE, _IDENTIFICATION, city + own[3:])


def _blank_padding(card: CardEditor) -> None:
    own = card.value(HOLDER_FILE, _NAME)
    card.item(HOLDER_FILE, _NAME, own.rstrip(b"\0").ljust(len(own), b" "))


def _half_character(card: CardEditor) -> None:
    _name(encode_text("阿卜杜热")[:-1])(card)


def _remove(fid: int, tag: int) -> _Edit:
    def edit(card: CardEditor) -> None:
        card.value(fid, tag)
        card.records(fid, lambda records: [one for one in records if one[0] != tag])

    return edit


def _turned(records: list[bytes]) -> list[bytes]:
    return records[::-1]


def _address(card: CardEditor) -> None:
    length = len(card.value(HOUSEHOLD_FILE, _ADDRESS, DF01))
    text = encode_text("虚构路1号|2单元^3室$")
    card.item(HOUSEHOLD_FILE, _ADDRESS, text.ljust(length, b"\0"), DF01)


CONTENTS: Final = (
    BrokenCard(
        "expired",
        "卡片已过有效期",
        "The expiry date was 2019-12-31.",
        "Say that the card is out of date; do not debit.",
        _issuer(_EXPIRES, bytes.fromhex("20191231")),
    ),
    BrokenCard(
        "issued-in-future",
        "发卡日期在未来",
        "The issue date is 2098-01-01.",
        "Doubt the terminal's clock first; ask the centre.",
        _issuer(_ISSUED, bytes.fromhex("20980101")),
    ),
    BrokenCard(
        "no-expiry",
        "卡有效期为空",
        "The expiry date is erased: FF in every byte.",
        'Say "not given"; it is no date in the year 16665.',
        lambda card: card.fill(ISSUER_FILE, _EXPIRES, 0xFF),
    ),
    BrokenCard(
        "date-impossible",
        "日期无效",
        "The date of birth is 2001-02-31.",
        "Show it as it is and do not compute an age from it.",
        _holder(_BORN, bytes.fromhex("20010231")),
    ),
    BrokenCard(
        "date-not-decimal",
        "日期非BCD",
        "The date of birth has hexadecimal digits: 20AB0CDE.",
        "Treat it as not given.",
        _holder(_BORN, bytes.fromhex("20AB0CDE")),
    ),
    BrokenCard(
        "card-number-check",
        "卡号校验码错误",
        "The check character of the card number is wrong (annex A).",
        "Ask the centre by the identification code; do not correct the number.",
        _wrong_card_number,
    ),
    BrokenCard(
        "citizen-number-check",
        "公民身份号码校验码错误",
        "The check digit of the citizen number is wrong (GB 11643).",
        "Do not register anybody by it.",
        _wrong_citizen_number,
    ),
    BrokenCard(
        "identification-erased",
        "卡识别码为空",
        "The identification code is erased: FF in every byte.",
        "Refuse the card: without it no key can be diversified and no TAC belongs to it.",
        lambda card: card.fill(ISSUER_FILE, _IDENTIFICATION, 0xFF),
    ),
    BrokenCard(
        "identification-forged",
        "卡识别码认证码错误",
        "The authentication code inside the identification code is wrong.",
        "A terminal without the key cannot see it; with a key or the centre it must.",
        _wrong_authentication_code,
    ),
    BrokenCard(
        "city-mismatch",
        "发卡城市不符",
        "The city in the identification code is not the one of the ATR.",
        "Take the city of the identification code for routing, and report the card.",
        _other_city,
    ),
    BrokenCard(
        "version-erased",
        "规范版本为空",
        "The version of the specification is erased: FF in every byte.",
        "Report it; do not take the card for one of the first generation.",
        lambda card: card.fill(ISSUER_FILE, _VERSION, 0xFF),
    ),
    BrokenCard(
        "version-unknown",
        "规范版本未知",
        "The version says 9.00.",
        "Read what can be read by name, and refuse what depends on the version.",
        _issuer(_VERSION, b"9.00"),
    ),
    BrokenCard(
        "version-of-generation-3",
        "二代卡标为3.00",
        "A card of generation 2 whose version says 3.00.",
        "Do not trust the version alone: files and algorithms are those of generation 2.",
        _issuer(_VERSION, b"3.00"),
        generations=frozenset({1, 2}),
    ),
    BrokenCard(
        "class-unknown",
        "卡类别未知",
        "The card class is 9, which no table has.",
        "Show the code itself.",
        _issuer(_CLASS, b"9"),
    ),
    BrokenCard(
        "initialiser-blank",
        "初始化机构编号为空",
        "The number of the initialising institution is all 00.",
        "Go on: no terminal function needs it.",
        lambda card: card.fill(ISSUER_FILE, _INITIALISER, 0x00),
    ),
    BrokenCard(
        "name-erased",
        "姓名为空",
        "The name is erased: FF in every byte.",
        'Show "not given", not the characters that FF FF decodes to.',
        lambda card: card.fill(HOLDER_FILE, _NAME, 0xFF),
    ),
    BrokenCard(
        "name-blank-padded",
        "姓名以空格填充",
        "The name is padded with blanks (20) in place of 00.",
        "Cut both off.",
        _blank_padding,
    ),
    BrokenCard(
        "name-cut",
        "姓名截断半个汉字",
        "The name ends in the first byte of a character.",
        "Show the characters before it; do not fail.",
        _half_character,
    ),
    BrokenCard(
        "name-not-text",
        "姓名编码非法",
        "The name has bytes that are no character of GB 18030.",
        "Show what can be shown, mark the rest, send the bytes as they are.",
        _name(bytes.fromhex("C1D6FFFFFE80D6AA")),
    ),
    BrokenCard(
        "name-control-characters",
        "姓名含控制字符",
        "The name has ESC, LF and TAB in it.",
        "Escape them on screens, receipts and in files.",
        _name(b"\xc1\xd6\x1b[2J\n\t\xd6\xaa"),
    ),
    BrokenCard(
        "name-ideographic-blank",
        "姓名含全角空格",
        "The name has an ideographic blank (A1A1) in the middle.",
        "Keep it: it is a character of GBK.",
        _name(bytes.fromhex("C1D6A1A1D6AA")),
    ),
    BrokenCard(
        "name-in-gb18030",
        "姓名含四字节汉字",
        "The name is 𠮷小明, whose first character takes four bytes of GB 18030.",
        "Decode GB 18030, not GBK.",
        _name(encode_text("𠮷小明")),
    ),
    BrokenCard(
        "name-rest-missing",
        "缺少姓名扩展项",
        "Item 4E 姓名扩展 is missing, which came with generation 2.",
        "Take the name of item 09 alone.",
        _remove(HOLDER_FILE, _NAME_REST),
        generations=_LATER,
    ),
    BrokenCard(
        "sex-unknown",
        "性别代码未知",
        "The sex is 7, which GB/T 2261 has not.",
        "Show the code itself.",
        _holder(_SEX, b"7"),
    ),
    BrokenCard(
        "nation-unknown",
        "民族代码未知",
        "The nation is 88, which GB/T 3304 has not.",
        "Show the code itself.",
        _holder(_NATION, b"\x88"),
    ),
    BrokenCard(
        "birthplace-unknown",
        "出生地代码未知",
        "The birthplace is 009900, of no province.",
        "Show the code itself.",
        _holder(_BIRTHPLACE, bytes.fromhex("009900")),
    ),
    BrokenCard(
        "items-missing",
        "持卡人信息缺项",
        "The holder's file ends behind the name: sex, nation, birthplace and birth are missing.",
        'Say "not given" for each; 6A83 is no reader\'s fault.',
        lambda card: card.records(
            HOLDER_FILE, lambda records: [one for one in records if one[0] in (_CITIZEN, _NAME)]
        ),
    ),
    BrokenCard(
        "items-turned",
        "数据项顺序颠倒",
        "The holder's items stand in the opposite order.",
        "Read by tag, not by record number.",
        lambda card: card.records(HOLDER_FILE, _turned),
    ),
    BrokenCard(
        "address-with-separators",
        "地址含分隔符",
        "The address has the separators of the driver interface in it: | ^ $.",
        "Do not cut the driver's output blindly; count the fields.",
        _address,
    ),
    BrokenCard(
        "photo-damaged",
        "照片损坏",
        "The photo begins like a JPEG and is noise.",
        "Show no photo; do not crash in the decoder.",
        lambda card: card.binary(
            PHOTO_FILE, lambda own: (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 32)[: len(own)]
        ),
        generations=_LATER,
    ),
)
