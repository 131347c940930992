# SPDX-License-Identifier: Apache-2.0
"""Texts as Arrow arrays against the same texts, one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.settlement.arrow import (
    cell_texts,
    division_texts,
    hex_texts,
    joined,
    text_lines,
    texts,
    texts_of,
    yuan_column,
)
from sscard_chip.settlement.columns import constant
from sscard_chip.standard.amounts import yuan

WORDS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))


@given(st.lists(st.integers(0, 0xFFFF)))
def test_texts_of_numbers(numbers: list[int]) -> None:
    found = texts_of(np.array(numbers, np.uint16), str)
    assert found.to_pylist() == [str(one) for one in numbers]


@given(WORDS)
def test_texts_and_null_for_none(words: list[str]) -> None:
    found = texts(np.array([word.encode() for word in words], "S30"))
    assert found.to_pylist() == [word or None for word in words]


@pytest.mark.parametrize("value", [b"", b"S1", b"x" * 30])
def test_one_text_in_all_rows(value: bytes) -> None:
    assert texts(constant(value, 3)).to_pylist() == [value.decode() or None] * 3
    assert texts(constant(value, 0)).to_pylist() == []


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_amounts_are_written_as_in_a_day_file(fen: list[int]) -> None:
    column = yuan_column(np.array(fen, np.int64))
    assert list(map(str, column.to_pylist())) == list(map(yuan, fen))


def test_hex_and_divisions() -> None:
    assert hex_texts(np.array([[0, 171], [1, 2]], np.uint8)).to_pylist() == ["00ab", "0102"]
    assert division_texts(np.array([510100, 7, 510100])).to_pylist() == [
        "510100",
        "000007",
        "510100",
    ]


def test_joined_says_where_each_text_begins() -> None:
    lines = texts(np.array([b"aa", b"b", b"ccc"], "S30")).slice(1)
    content, begins = joined(lines)
    assert [content[a:b].tobytes() for a, b in pairwise(begins)] == [
        b"b",
        b"ccc",
    ]


def test_cells_are_no_formulas() -> None:
    words = [b"=1+1", b"P1", b"", b"@A", b"-5", b" =2", b"+1+x", b'"=']
    found = cell_texts(np.array(words, "S30")).to_pylist()
    assert found == ["'=1+1", "P1", None, "'@A", "-5", "' =2", "'+1+x", "'\"="]
    assert cell_texts(constant(b"=x", 2)).to_pylist() == ["'=x", "'=x"]
    assert cell_texts(constant(b"", 2)).to_pylist() == [None, None]
    assert cell_texts(np.zeros(0, "S30")).to_pylist() == []


@pytest.mark.parametrize("mark", ["a", '"', 'a"b"', "'"])
def test_lines_are_the_cells_with_tabs_whatever_marks_are_in_them(mark: str) -> None:
    column = pa.chunked_array([pa.array([mark]), pa.array(["x", "null"])])
    amounts = yuan_column(np.array([-5, 0, 123456], np.int64))
    lines = text_lines([column, pa.array([7, 0, -1]), amounts])
    assert bytes(lines) == f"{mark}\t7\t-0.05\nx\t0\t0.00\nnull\t-1\t1234.56\n".encode()


def test_no_rows_are_no_lines() -> None:
    assert bytes(text_lines([pa.array([], pa.string()), pa.array([], pa.int64())])) == b""
