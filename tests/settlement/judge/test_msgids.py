# SPDX-License-Identifier: Apache-2.0
"""Code 6 of a msgid that is none by its form: 12 letters and digits, a time, 4 of a sequence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sscard_chip.dayfile.msgid import has_form
from sscard_chip.settlement.judge.codes import codes_of
from sscard_chip.settlement.judge.fields import judge_fields
from sscard_chip.settlement.judge.msgids import wrong_msgids
from sscard_chip.settlement.judge.rules import Rules
from tests.pos.test_dayfile import HEADER, ROW
from tests.settlement.judge.rows import columns_of

GOOD = "P51010000001202603151011120100"


@pytest.mark.parametrize(
    ("msgid", "right"),
    [
        (GOOD, True),
        ("p5101000000120260315101112a100", True),
        ("P51010000001100002290000000100", False),  # 1000 was no leap year
        ("P51010000001100002280000000100", True),
        ("=HYPERLINK(A1)", False),
        ("=510100000012026031510111201 0", False),
        ("P51010000001202603151011120 00", False),
        ("P5101000000120260315101112010", False),
        ("P51010000001202613151011120100", False),
        ("P51010000001202602301011120100", False),
        ("P51010000001202603152411120100", False),
        ("P51010000001202603151061120100", False),
        ("P51010000001202603151011600100", False),
        ("P510100000012026031510111200R1", True),
        ("P5101000000120260315101112A-00", False),
        ("P5101000000120260315101112\u0661100", False),
        ("@", False),
    ],
)
def test_the_form(msgid: str, right: bool) -> None:
    rows = [ROW, replace(ROW, msgid=msgid), ROW]
    masks = judge_fields(columns_of(rows), [HEADER], Rules())
    assert [codes_of(mask) for mask in masks.tolist()] == [(0,), (0,) if right else (6,), (0,)]


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
            st.from_regex(r"\A[0-9A-Za-z]{12}[0-9]{14}[0-9A-Za-z]{4}\Z"),
            st.tuples(st.integers(0, 29), st.characters(min_codepoint=33, max_codepoint=126)).map(
                lambda cut: GOOD[: cut[0]] + cut[1] + GOOD[cut[0] + 1 :]
            ),
        ).filter(lambda text: text != "null"),
        min_size=1,
        max_size=5,
    )
)
@example([GOOD])
def test_many_at_once_and_one_by_one_are_the_same(msgids: list[str]) -> None:
    columns = columns_of([ROW] * len(msgids))
    columns.msgid[:] = [one.encode() for one in msgids]
    assert wrong_msgids(columns).tolist() == [not has_form(one) for one in msgids]
    columns.malformed[:] = True
    assert wrong_msgids(columns).tolist() == [False] * len(msgids)
    assert wrong_msgids(columns.rows(np.zeros(0, np.int64))).tolist() == []
