# SPDX-License-Identifier: Apache-2.0
"""A text that is longer or shorter than its field may hold is a finding, never another's error."""

from __future__ import annotations

from typing import Annotated

import pytest

from sscard_chip.standard.models import Model, RuleFinding, find, rule


class Notice(Model, frozen=True):
    """A notice."""

    plain: Annotated[str, rule(max_length=3)] = ""
    worded: Annotated[str, rule("must be two to three characters", min_length=2, max_length=3)] = (
        "ab"
    )
    checked: Annotated[
        str, rule(max_length=3, check=lambda text: "must be x" if text != "x" else None)
    ] = "x"
    optional: Annotated[str, rule(max_length=3)] | None = None


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"plain": "abcd"}, [("plain", "must be a text of at most 3 characters")]),
        ({"plain": "社会保"}, []),
        ({"worded": "a"}, [("worded", "must be two to three characters")]),
        ({"worded": "abcd"}, [("worded", "must be two to three characters")]),
        ({"checked": "xxxx"}, [("checked", "must be a text of at most 3 characters")]),
        ({"checked": "y"}, [("checked", "must be x")]),
        ({"optional": "abcd"}, [("optional", "must be a text of at most 3 characters")]),
        ({"optional": None}, []),
    ],
)
def test_a_text_has_its_length(document: dict[str, str], found: list[tuple[str, str]]) -> None:
    assert find(Notice, document) == [RuleFinding(item, text) for item, text in found]
