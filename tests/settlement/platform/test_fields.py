# SPDX-License-Identifier: Apache-2.0
"""Fields of a node: all right at one go, or the first that is wrong by its name and rule."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from sscard_chip.settlement.platform.fields import (
    FieldKind,
    FieldRule,
    FieldRules,
    MessageError,
    check_fields,
    parse_message_time,
)
from sscard_chip.settlement.platform.transactions import TRANSACTIONS

GOOD: Final = {
    FieldKind.AMOUNT: "10.00", FieldKind.QUANTITY: "1", FieldKind.PRICE: "1", FieldKind.RATIO: "0",
    FieldKind.COUNT: "1", FieldKind.DAY: "2026-03-15", FieldKind.TIME: "2026-03-15 10:11:12",
}  # fmt: skip

RULES = FieldRules(
    (FieldRule("a", 3, must=True), FieldRule("b", 2), FieldRule("c", 6, shape="[1-9][0-9]{5}"))
)


def test_what_is_right() -> None:
    node = {"a": "医保卡", "b": None, "other": 5}
    assert check_fields(node, "n", RULES) == {"a": "医保卡", "b": "", "c": ""}
    assert check_fields({"a": "x\ty", "c": "510100"}, "", RULES) == {
        "a": "x\ty",
        "b": "",
        "c": "510100",
    }


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ([], "n: must be an object"),
        ({}, "n.a: is missing"),
        ({"a": "1", "b": 0}, "n.b: must be text"),
        ({"a": "1", "b": False}, "n.b: must be text"),
        ({"a": "1", "b": ["x"]}, "n.b: must be text"),
        ({"a": "1234"}, "n.a: at most 3 characters"),
        ({"a": "1\x1f"}, "n.a: must be text without control characters"),
        ({"a": "1", "b": "\x1f"}, "n.b: must be text without control characters"),
        ({"a": "\ud800"}, "n.a: must be text without control characters"),
        ({"a": "1", "c": "010100"}, "n.c: must be 6 digits"),
        ({"a": "1", "c": "510100\n"}, "n.c: at most 6 characters"),
        ({"a": "1", "c": "51010\n"}, "n.c: must be 6 digits"),
    ],
)
def test_what_is_wrong(node: Any, text: str) -> None:
    with pytest.raises(MessageError) as raised:
        check_fields(node, "n", RULES)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    "text",
    ["2026-3-150 10:00:00", "2026-03-15T10:00:00", "2026-02-30 10:00:00", "2026-03-15 24:00:00",
     "２０２６-03-15 10:00:00", "2026-03-15 10:00:60", "2026-03-15 10:00:00\n", ""],
)  # fmt: skip
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(MessageError, match=r"^t: must be yyyy-MM-dd HH:mm:ss$"):
        parse_message_time(text, "t")


@pytest.mark.parametrize("infno", sorted(TRANSACTIONS))
def test_all_at_one_go_are_as_each_by_itself(infno: str) -> None:
    """Of every node of every message: a shape is looked at within its own field."""
    values = (
        *("", "1", "0.00", "-0.00", "-1.00", "12.5", "2026-03-15", "2026-03-15 10:11:12"),
        *("510100", "5101001", "2", "x\x1fy", "1\n", "医保", "0.001", "P51010000001"),
    )
    for rule in TRANSACTIONS[infno].input:
        fields = FieldRules(rule.fields)
        good = {one.name: GOOD.get(one.kind, "1") for one in fields}
        for field in fields:
            for value in values:
                node = good | {field.name: value}
                right = (
                    int(field.must) <= len(value) <= field.length
                    and "\x1f" not in value
                    and (not value or not field.shape or bool(re.fullmatch(field.shape, value)))
                )
                joined = "\x1f".join(node[one.name] for one in fields)
                others = all(
                    not one.shape or one is field or re.fullmatch(one.shape, node[one.name])
                    for one in fields
                )
                assert bool(fields.all_right.fullmatch(joined)) is (right and others), field.name
