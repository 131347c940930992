# SPDX-License-Identifier: Apache-2.0
"""Fields of which a batch has few values: a right one is judged once, a wrong one each time."""

from __future__ import annotations

from typing import Annotated

import pytest

from sscard_chip.standard.models import Model, find, rule

JUDGED: list[str] = []


def _judged(value: str) -> str | None:
    JUDGED.append(value)
    return None if value == "right" else "must be right"


class Form(Model, frozen=True):
    """A form with one field of each kind."""

    few: Annotated[str, rule(check=_judged, few=True)]
    many: Annotated[str, rule(check=_judged)] = "right"


def test_only_right_texts_are_remembered() -> None:
    JUDGED.clear()
    for _ in range(3):
        assert find(Form, {"few": "right"}) == []
        assert [tuple(one)[:2] for one in find(Form, {"few": "wrong"})] == [
            ("few", "must be right")
        ]
        assert [one.item for one in find(Form, {"few": ["right"]})] == ["few"]
        assert [one.item for one in find(Form, {"few": None})] == ["few"]
        assert find(Form, {"few": "right", "many": "right"}) == []
    assert JUDGED.count("wrong") == 3
    assert JUDGED.count("right") == 1 + 3


def test_a_rule_with_context_is_not_remembered() -> None:
    with pytest.raises(ValueError, match="context"):
        rule(check=_judged, few=True, context=True)
