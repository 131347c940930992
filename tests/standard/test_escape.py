# SPDX-License-Identifier: Apache-2.0
"""Text from outside: what people, terminals and spreadsheets are given of it."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.standard.escape import escape, escape_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("days/a.tsv", "days/a.tsv"),
        ("长生堂　大药房", "长生堂　大药房"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("a\u2028b", r"a\u2028b"),
        ("\udcff.tsv", r"\udcff.tsv"),
        ("\ue863\U00031350", "\ue863\U00031350"),
        ("=1+1", "=1+1"),
    ],
)
def test_is_one_line_that_can_be_seen(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
        ("+1+cmd", "'+1+cmd"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("  =1", "'  =1"),
        ('"=1"', '\'"=1"'),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        ("长生堂\t大药房\n\x1b", "长生堂 大药房 \\x1b"),
        ("-12.30", "-12.30"),
        ("-1,234.50", "-1,234.50"),
        ("+8613800000000", "+8613800000000"),
        ("-", "'-"),
        ("-1e5", "'-1e5"),
        ("null", "null"),
        ("", ""),
    ],
)
def test_a_cell_is_no_formula(text: str, shown: str) -> None:
    assert escape(text, cell=True) == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_is_harmless_and_escaping_again_changes_nothing(text: str) -> None:
    for cell in (False, True):
        once = escape(text, cell=cell)
        assert not [c for c in once if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
        assert escape(once, cell=cell) == once


@given(st.recursive(st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_says_the_same(value: object) -> None:
    for indent in (None, 2):
        document = escape_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(document) == value
        assert all(unicodedata.category(c) != "Cf" for c in document)


def test_json_of_half_a_pair_and_of_tags() -> None:
    value = ["\udc80", "\U000e0041", "\x9b"]
    document = escape_json(json.dumps(value, ensure_ascii=False))
    assert document == r'["\udc80", "\udb40\udc41", "\u009b"]'
    assert json.loads(document) == value
