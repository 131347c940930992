# SPDX-License-Identifier: Apache-2.0
"""Names: what they are made of, and that a rule names the character and never the name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuance.holder import Holder
from issuance.names import check_name

RIGHT = [
    "张三",
    "欧阳娜娜",
    "阿布都·热合曼",
    "阿卜杜热合曼·阿卜杜克热木·买买提明",
    "〇小明",
    "佐々木希",
    "䶮小明",
    "㛃小明",
    "邱㑇",
    "𠮷小明",
    "𪚥𫠝𬺰𮯰𰻝𱍐",  # extensions B to G
    "\U000323af\U00033479",  # H and J, newer than Python's tables
    "龴丽",
    "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27\ufa28\ufa29",
    "ANNA MARIA SMITH",
    "J. R. Smith",
    "O'NEIL-SMITH",
    "'t Hooft",
    "José Muñoz",
    "Øystein Ås",
    "Nguyễn Văn",
    "Анна Петрова",
    "JEAN·PAUL",
    "SMITH JR.",
    "阿" * 24,
    "𠮷" * 12,
    "A" * 48,
]
WRONG = [
    ("", "must not be empty"),
    ("　 ", "must not be empty"),
    ("张 三", "blanks (foreign names: a plain one between parts): U+0020"),
    ("张\u3000三", "blanks (foreign names: a plain one between parts): U+3000"),
    ("LI\u3000MING", "U+3000"),
    ("LI\u00a0MING", "U+00A0"),
    ("LI\u2003MING", "U+2003"),
    ("张\t三", "control characters: U+0009"),
    ("张\u200b三", "control characters: U+200B"),
    ("张\u202e三", "control characters: U+202E"),
    ("张\u00ad三", "control characters: U+00AD"),
    ("张|三", "separator of the interfaces (| , ^ $): | (U+007C)"),
    ("SMITH, ANNA", "(U+002C)"),
    ("张$", "(U+0024)"),
    ("张\ue000", "private-use characters: U+E000"),
    ("张\U000f0000", "private-use characters: U+F0000"),
    ("\u2f00小明", "radicals, compatibility or full-width characters: \u2f00 (U+2F00)"),
    ("⽊村", "(U+2F4A)"),
    ("\u2e80明", "no letters of names: \u2e80 (U+2E80)"),
    ("\u31c0明", "(U+31C0)"),
    ("\uf900明", "compatibility or full-width characters: \uf900 (U+F900)"),
    ("\ufa10明", "(U+FA10)"),
    ("\ufa30明", "(U+FA30)"),
    ("\U0002f800明", "(U+2F800)"),
    ("葛\ufe00明", "variation selectors: U+FE00"),
    ("葛\U000e0100明", "variation selectors: U+E0100"),
    ("Jose\u0301", "combining marks or variation selectors: U+0301"),
    ("明\u302a", "U+302A"),
    ("\u212bs", "(U+212B)"),
    ("ＬＩ", "(U+FF2C)"),
    ("ﬁn", "(U+FB01)"),
    ("李?明", "no letters of names: ? (U+003F)"),
    ("李？明", "？ (U+FF1F)"),
    ("李□明", "□ (U+25A1)"),
    ("李■明", "■ (U+25A0)"),
    ("李〓明", "〓 (U+3013)"),
    ("李�明", "\ufffd (U+FFFD)"),
    ("李*明", "* (U+002A)"),
    ("李_明", "_ (U+005F)"),
    ("李✕", "(U+2715)"),
    ("李〇〡", "(U+3021)"),
    ("⿰亻月明", "(U+2FF0)"),
    ("李1", "1 (U+0031)"),
    ("李(小)明", "( (U+0028)"),
    ("锟斤拷", "what a failed conversion leaves: 锟 (U+951F)"),
    ("李锟斤拷", "锟 (U+951F)"),
    ("烫烫烫", "烫 (U+70EB)"),
    ("ÕÅÈý", "Õ (U+00D5)"),  # 张三 in GBK, read as Latin 1
    ("林A明", "must not mix hanzi with other letters: A (U+0041)"),
    ("鈴木ゆき", "ゆ (U+3086)"),
    ("阿布都・热合曼", "the middle dot U+00B7, not: ・ (U+30FB)"),
    ("阿布都•热合曼", "(U+2022)"),
    ("阿布都．热合曼", "(U+FF0E)"),
    ("阿布都.热合曼", "(U+002E)"),
    ("阿布都‧热合曼", "(U+2027)"),
    ("阿布都\u0387热合曼", "(U+0387)"),
    ("阿布都··热合曼", "one middle dot between two parts: · (U+00B7)"),
    ("·阿布都", "one middle dot between two parts: · (U+00B7)"),
    ("阿布都·", "one middle dot between two parts: · (U+00B7)"),
    ("J.. SMITH", "a mark twice in a row: . (U+002E)"),
    ("J.·SMITH", "a mark twice in a row: . (U+002E)"),
    ("ANNA  MARIA", "a mark twice in a row: U+0020"),
    ("O''NEIL", "a mark twice in a row: ' (U+0027)"),
    ("-SMITH", "must begin and end with a part: - (U+002D)"),
    ("SMITH·", "must begin and end with a part: · (U+00B7)"),
    ("...", "must have letters, not only . (U+002E)"),
    ("ANNA’S", "(U+2019)"),
    ("阿" * 25, "must be at most 48 bytes in GB 18030"),
    ("𠮷" * 13, "must be at most 48 bytes in GB 18030"),
    ("A" * 49, "must be at most 48 bytes in GB 18030"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_names(name: str) -> None:
    assert check_name(name) is None


@pytest.mark.parametrize(("name", "part"), WRONG)
def test_wrong_names(name: str, part: str) -> None:
    rule = check_name(name)
    assert rule is not None
    assert part in rule
    assert len(name) < 2 or name not in rule


@given(st.text(max_size=20))
def test_a_rule_never_shows_more_than_a_character(name: str) -> None:
    rule = check_name("秘密" + name)
    assert rule is None or "秘密" not in rule


@pytest.mark.parametrize("name", [" 林知夏", "林知夏　", "\u00a0林知夏 "])
def test_blanks_at_the_ends_are_cut_off(name: str) -> None:
    person = {
        "social_security_number": "990000200102030012",
        "name": name,
        "sex": "1",
        "nation": "01",
        "birthplace": "510104",
        "birth_date": "20010203",
        "card_number": "Z00000013",
        "city": "510100",
    }
    assert Holder.from_object(person).name == "林知夏"
