# SPDX-License-Identifier: Apache-2.0
"""Values of items: round trips, limits, and errors that never show a value."""

from __future__ import annotations

import traceback
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.profile import for_generation
from sscard_chip.profile.build import an, binary, btlv, cn
from sscard_chip.profile.codec import (
    ItemValueError,
    decode_template,
    decode_value,
    encode_value,
    join_name,
    split_name,
)
from sscard_chip.profile.model import Format, Item
from sscard_chip.standard.text import encode_text
from tests.profile.tables import WHOLE, files

NAME = an(0x09, 30, "姓名", "name")
DATE = cn(0x0D, 4, "出生日期", "date of birth")
DEGREE = WHOLE[2].directory(0xDF01).file(0xEF15).items[1]

HANZI = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)
ASCII = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="|^$")
GBK_TEXT = st.text(st.one_of(HANZI, ASCII))


@pytest.mark.parametrize(
    ("item", "text", "encoded"),
    [
        (DATE, "20010203", "20010203"),
        (DATE, "200102", "200102FF"),
        (DATE, "2001020", "2001020F"),
        (DATE, "", "FFFFFFFF"),
        (an(0x0A, 1, "性别", "sex"), "2", "32"),
        (an(0x03, 4, "规范版本", "version"), "2.0", "322E3000"),
        (an(0x09, 6, "姓名", "name"), "张三", "D5C5C8FD0000"),
        (an(0x09, 6, "姓名", "name"), "阿·李", "B0A2A1A4C0EE"),
        (binary(2, "交易序号", "number"), "00ff", "00FF"),
    ],
)
def test_encoding(item: Item, text: str, encoded: str) -> None:
    value = encode_value(item, text)
    assert value == bytes.fromhex(encoded)
    assert decode_value(item, value) == text.upper()


@pytest.mark.parametrize(
    ("item", "value", "rule"),
    [
        (DATE, "2001-2-3", "0D 出生日期: must be digits"),
        (DATE, "２００１", "0D 出生日期: must be digits"),
        (DATE, "200102031", "0D 出生日期: must be at most 8 digits"),
        (DATE, {"57": "1"}, "0D 出生日期: must be a text"),
        (NAME, "张" * 16, "09 姓名: must be at most 30 bytes in GB 18030"),
        (NAME, "张\n", "09 姓名: must not hold control characters"),
        (NAME, "\u200b张", "09 姓名: must not hold control characters"),
        (NAME, "\ue000", "09 姓名: must not hold private-use characters"),
        (NAME, "A|B", "09 姓名: must not hold |, which separates fields in the interfaces"),
        (NAME, "A^", "09 姓名: must not hold ^, which separates fields in the interfaces"),
        (NAME, "$", "09 姓名: must not hold $, which separates fields in the interfaces"),
        (NAME, "林\u00a0夏", "09 姓名: must not hold no-break blanks (U+00A0)"),
        (NAME, "林\u202f夏", "09 姓名: must not hold no-break blanks (U+202F)"),
        (
            NAME,
            "林\ufffd",
            "09 姓名: must not hold what is left of a failed conversion (\ufffd (U+FFFD))",
        ),
        (
            DEGREE,
            {"59": "大学|"},
            "59 毕业学校: must not hold |, which separates fields in the interfaces",
        ),
        (binary(2, "交易序号", "number"), "00F", "交易序号: must be 4 hex digits"),
        (binary(2, "交易序号", "number"), "0000 ", "交易序号: must be 4 hex digits"),
        (DEGREE, "博士", "40 学位信息: must be a mapping of sub tags"),
        (DEGREE, {"5A": "1"}, "40 学位信息: sub tags must be of 57, 58, 59"),
        (DEGREE, {"58": "x"}, "58 专业: must be digits"),
    ],
)
def test_errors_name_item_and_rule(item: Item, value: str | dict[str, str], rule: str) -> None:
    with pytest.raises(ItemValueError) as caught:
        encode_value(item, value)
    assert str(caught.value) == rule
    assert caught.value.item is item or item.format is Format.BTLV


def test_errors_never_show_the_value() -> None:
    secret = "秘密𠀀"
    for value in (f"{secret}|", f"{secret}\n", "13800001234567890"):
        with pytest.raises(ItemValueError) as caught:
            encode_value(an(0x28, 15, "联系电话", "telephone"), value)
        error = caught.value
        shown = repr(error) + str(error) + "".join(map(str, error.args))
        assert value[:3] not in shown
        assert error.__cause__ is None
        assert error.__context__ is None
        trace = traceback.TracebackException.from_exception(error)
        assert value[:3] not in "".join(trace.format_exception_only())


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("𠀀", "95328236"),
        ("𠮷小明", "9534B235D0A1C3F7"),
        ("䶮小明", "FE9FD0A1C3F7"),
        ("㛃", "8230B731"),
        ("〇", "A996"),
        ("\u3000路", "A1A1C2B7"),
        ("龴", "FE59"),  # GB 18030-2022; 82359037 in the edition of 2000
        ("ḿ", "A8BC"),  # since 2005
        ("︐", "A6D9"),
    ],
)
def test_text_is_gb_18030(text: str, encoded: str) -> None:
    value = encode_value(NAME, text)
    assert value == bytes.fromhex(encoded).ljust(30, b"\0")
    assert decode_value(NAME, value) == text


def test_codes_of_four_bytes_where_a_region_forbids_them() -> None:
    with pytest.raises(ItemValueError, match=r"must not hold codes of four bytes: 𠀀 \(U\+20000\)"):
        encode_value(NAME, "䶮𠀀", four_byte=False)
    assert encode_value(NAME, "䶮", four_byte=False)[:2] == b"\xfe\x9f"


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("CBC4B4A8A1A1A1A1B3C9", "四川\u3000\u3000成"),
        ("AAA1", "\ue000"),
        ("FE51", "\ue816"),
        ("FE59FEA0", "龴\u9fbb"),
        ("8130843241", "\u00a0A"),
        ("82359037", "\ue81e"),
    ],
)
def test_what_a_card_holds_is_read_as_it_is(encoded: str, text: str) -> None:
    """Blanks of all kinds, codes of the user's area and characters with moved codes."""
    assert decode_value(NAME, bytes.fromhex(encoded)) == text


@pytest.mark.parametrize("padding", [b"\0" * 8, b" " * 8, b"  \0\0\0\0\0\0"])
def test_old_cards_pad_with_blanks(padding: bytes) -> None:
    item = an(0x09, 12, "姓名", "name")
    assert decode_value(item, "张三".encode("gbk") + padding) == "张三"


def test_decoding_is_harmless() -> None:
    assert decode_value(NAME, b"\x1b[2J") == "\ufffd[2J"
    assert "\ufffd" in decode_value(NAME, b"\xff\xff\x41")
    assert decode_value(NAME, b"\xff" * 30) == ""
    assert decode_value(NAME, b"\xff" * 30, raw_text=True).encode("ascii", "surrogateescape") == (
        b"\xff" * 30
    )
    assert join_name(b"\xff" * 30, b"\xff" * 20) == ""
    assert join_name("张三".encode("gbk").ljust(30, b"\0"), b"\xff" * 20) == "张三"
    assert decode_value(DATE, b"\xff" * 4) == ""


def test_template() -> None:
    value = encode_value(DEGREE, {"57": "201", "59": "大学"})
    school = "大学".encode("gbk").ljust(0x28, b"\0")
    assert value == b"\x57\x03201\x58\x03\xff\xff\xff\x59\x28" + school
    assert len(value) == DEGREE.length
    assert decode_template(DEGREE, value) == {"57": "201", "58": "", "59": "大学"}
    assert decode_value(DEGREE, value) == "57=201; 58=; 59=大学"
    assert encode_value(DEGREE, {}) == DEGREE.initial_value()


@pytest.mark.parametrize("damaged", [b"\x57", b"\x57\x03AB", b"\x57\x03201\x58\x03\x00"])
def test_damaged_template(damaged: bytes) -> None:
    with pytest.raises(ItemValueError, match="40 学位信息: must be a sequence of whole TLVs"):
        decode_template(DEGREE, damaged)


def test_foreign_sub_tag_is_shown_in_hex() -> None:
    assert decode_template(DEGREE, b"\x01\x02\xab\xcd") == {"01": "ABCD"}


@given(GBK_TEXT)
def test_text_round_trip(text: str) -> None:
    item = an(0x21, max(len(text.encode("gbk")), 1) + 3, "地址", "address")
    assert decode_value(item, encode_value(item, text)) == text


@given(st.text("0123456789", max_size=24))
def test_digits_round_trip(digits: str) -> None:
    item = cn(0x04, 12, "编号", "number")
    value = encode_value(item, digits)
    assert len(value) == 12
    assert decode_value(item, value) == digits


@given(st.text())
def test_any_text_is_encoded_whole_or_refused(text: str) -> None:
    try:
        value = encode_value(NAME, text)
    except ItemValueError:
        return
    assert len(value) == NAME.length
    shown = decode_value(NAME, value)
    assert shown == text.rstrip(" ")
    assert not {"|", "^", "$", "\ufffd"} & set(shown)


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded(value: bytes) -> None:
    for item in (NAME, DATE, binary(1, "x", "x")):
        categories = set(map(unicodedata.category, decode_value(item, value)))
        assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.binary(max_size=30))
def test_raw_text_gives_the_bytes_back(value: bytes) -> None:
    text = decode_value(NAME, value, raw_text=True)
    assert encode_text(text) == value.rstrip(b"\0 ")


def test_every_item_takes_its_own_initial_value() -> None:
    for profile in WHOLE.values():
        for _, file in files(profile):
            for item in file.items:
                text = decode_value(item, item.initial_value())
                if item.format is Format.BTLV:
                    assert encode_value(item, decode_template(item, item.initial_value()))
                else:
                    assert encode_value(item, text) == item.initial_value()
                for code in item.codes:
                    assert decode_value(item, encode_value(item, code)) == code


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "first", "rest"),
    [
        ("张三", "张三", ""),
        ("张" * 15, "张" * 15, ""),
        ("张" * 16, "张" * 15, "张"),
        ("a" + "张" * 15, "a" + "张" * 14, "张"),
        ("张" * 14 + "abc", "张" * 14 + "ab", "c"),
        ("张" * 25, "张" * 15, "张" * 10),
        ("a" + "张" * 14 + "李b", "a" + "张" * 14, "李b"),
    ],
)
def test_name_is_split_between_characters(name: str, first: str, rest: str) -> None:
    head, tail = split_name(name)
    assert (len(head), len(tail)) == (30, 20)
    assert head.rstrip(b"\0").decode("gbk") == first
    assert tail.rstrip(b"\0").decode("gbk") == rest
    assert join_name(head, tail) == name


@pytest.mark.parametrize("name", ["张" * 26, "a" + "张" * 25, "a" * 51])
def test_name_too_long(name: str) -> None:
    with pytest.raises(ItemValueError, match="09 姓名: must be at most 50 bytes in GB 18030"):
        split_name(name)


def test_name_without_extension() -> None:
    assert split_name("张" * 15, extension=False)[1] == bytes(20)
    with pytest.raises(ItemValueError, match="09 姓名: must be at most 30 bytes in GB 18030"):
        split_name("张" * 16, extension=False)


def test_rare_character_in_a_name() -> None:
    with pytest.raises(ItemValueError, match="codes of four bytes"):
        split_name("李𠀀", four_byte=False)
    head, tail = split_name("李" * 14 + "𠀀")
    assert head == ("李" * 14).encode("gbk") + bytes(2)
    assert join_name(head, tail) == "李" * 14 + "𠀀"


@given(st.text(HANZI, max_size=25))
def test_names_round_trip(name: str) -> None:
    assert join_name(*split_name(name)) == name


LETTERS = st.characters(min_codepoint=0x41, max_codepoint=0x5A)
PARTS = st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=8)


@given(PARTS.map(" ".join).filter(lambda name: len(name) <= 48))
def test_foreign_names_round_trip(name: str) -> None:
    """Also where a blank would stand at the end of 09."""
    head, tail = split_name(name)
    assert not head.endswith(b" ")
    assert join_name(head, tail) == name


def test_a_blank_goes_with_the_letter_behind_it() -> None:
    name = "ABCDEFGHIJKLMNOPQRSTUVWXYZABC " + "LOPEZ"
    assert split_name(name) == (name[:29].encode() + b"\0", b" LOPEZ".ljust(20, b"\0"))
    # As cards of version 0.1.0 have it.
    assert join_name(name[:30].encode(), b"LOPEZ".ljust(20, b"\0")) == name
    # A name of an old card that is padded with blanks.
    assert join_name("张三".encode("gbk").ljust(30), "丰".encode("gbk")) == "张三丰"


def test_templates_nest() -> None:
    outer = btlv(0x70, "外", "outer", btlv(0x61, "内", "inner", an(0x4F, 2, "名", "name")))
    value = encode_value(outer, {"61": {"4F": "ab"}})
    assert value == bytes.fromhex("6104 4F02 6162")


def test_an_identification_that_ends_in_f_keeps_it() -> None:
    """卡识别码 ends in four bytes of MAC: one card in sixteen has an F there that is no padding."""
    item = for_generation(2).environment.file(0xEF05).items[0]
    assert (item.tag, item.format) == (0x01, Format.CN)
    for text in ("510100D1560000053054ECFC939F98BF", "510100D15600000530540000000000FF"):
        assert decode_value(item, bytes.fromhex(text)) == text
    assert decode_value(item, bytes.fromhex("1234" + "FF" * 14)) == "1234"
    assert decode_value(item, b"\xff" * 16) == ""
