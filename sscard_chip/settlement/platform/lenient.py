# SPDX-License-Identifier: Apache-2.0
"""What real programs send, brought to the form of the interface; each deviation is said.

Numbers for text, amounts such as ``10`` and ``10.0000``, the text ``null``, times and days in
other forms, a node that is left out or is no list, fields of the envelope that test programs
leave out. What it cannot bring to form stays as it is, and is refused by the rules as ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sscard_chip.dayfile.envelope import compact
from sscard_chip.settlement.platform.fields import (
    ENVELOPE,
    NO_VALUE,
    FieldKind,
    FieldRule,
    FieldRules,
)
from sscard_chip.settlement.platform.transactions import TRANSACTIONS, NodeRule

MOST_DEVIATIONS: Final = 40
"""Deviations that are told of one message."""

_TIME: Final = re.compile(
    r"(\d{4})[-/]?(\d{2})[-/]?(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2}))?)?(?:\.\d{1,9})?Z?",
    re.ASCII,
)
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{0,16})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_PLACES: Final = {
    FieldKind.AMOUNT: 2,
    FieldKind.QUANTITY: 4,
    FieldKind.PRICE: 6,
    FieldKind.RATIO: 4,
    FieldKind.COUNT: 0,
}
_FLAGS: Final = ("[01]", "[012]")
_Deviations = dict[str, None]


def mend(message: Any) -> tuple[Any, tuple[str, ...]]:
    """The message in the form of the interface, and what was not: "field: deviation".

    The message itself is not changed. What is no object comes back as it is.
    """
    said: _Deviations = {}
    if not isinstance(message, Mapping):
        return message, ()
    mended = _fields(message, "", ENVELOPE, said)
    rule = TRANSACTIONS.get(str(mended.get("infno")))
    inside = mended.get("input")
    if isinstance(inside, str) and inside.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):
            inside = mended["input"] = json.loads(inside)
            said["input: JSON text, not an object"] = None
    if rule is not None and isinstance(inside, Mapping):
        mended["input"] = _nodes(inside, rule.input, "", said)
    return mended, tuple(said)[:MOST_DEVIATIONS]


def _nodes(
    holder: Mapping[str, Any], nodes: tuple[NodeRule, ...], path: str, said: _Deviations
) -> dict[str, Any]:
    found = dict(holder)
    if len(nodes) == 1 and not path and nodes[0].name not in found:
        (only,) = nodes
        if any(name in found for name in only.fields.names):
            said[f"input: has no node {only.name}"] = None
            found = {only.name: [found] if only.most else found}
    for one in nodes:
        if one.name not in found:
            continue
        value = found[one.name]
        where = f"{path}.{one.name}" if path else one.name
        if one.most and isinstance(value, Mapping):
            said[f"{where}: an object, not a list"] = None
            value = [value]
        elif not one.most and isinstance(value, list) and len(value) == 1:
            said[f"{where}: a list, not an object"] = None
            (value,) = value
        if isinstance(value, list):
            found[one.name] = [_node(row, one, where, said) for row in value[: one.most + 1]]
        else:
            found[one.name] = _node(value, one, where, said)
    return found


def _node(value: Any, rule: NodeRule, where: str, said: _Deviations) -> Any:
    if not isinstance(value, Mapping):
        return value
    return _nodes(_fields(value, where, rule.fields, said), rule.inner, where, said)


def _fields(
    holder: Mapping[str, Any], where: str, rules: FieldRules, said: _Deviations
) -> dict[str, Any]:
    found = dict(holder)
    for rule in rules:
        value, deviation = _field(found.get(rule.name), rule)
        if deviation:
            name = f"{where}.{rule.name}" if where else rule.name
            said[f"{name}: {deviation}"] = None
            found[rule.name] = value
    return found


def _field(value: Any, rule: FieldRule) -> tuple[Any, str]:
    """The value in form, and how it was out of it; empty where it was not, or cannot be mended."""
    if value is None or value == "":
        return (rule.otherwise, "is missing") if rule.must and rule.otherwise else (value, "")
    if value in NO_VALUE if isinstance(value, str) else False:
        return "", f'the text "{value}"'
    deviation = ""
    if isinstance(value, Mapping | list) and rule.name == "exp_content":
        try:
            return compact(value), "JSON, not its text"
        except (TypeError, ValueError, RecursionError):
            return value, ""
    if isinstance(value, bool) and rule.shape in _FLAGS:
        return str(int(value)), "true or false, not text"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, int) and rule.kind is FieldKind.TEXT:
            text: str | None = str(value)
        else:
            text = _plain(repr(value), _PLACES.get(rule.kind, 16))
        if text is None:
            return value, ""
        value, deviation = text, "a number, not text"
    if not isinstance(value, str):
        return value, ""
    if rule.name == "infno" and value != (plain := value.strip().upper()):
        return plain, "not in the form of the interface"
    if rule.kind in _PLACES:
        text = _plain(value, _PLACES[rule.kind])
        if text is not None and rule.kind is FieldKind.AMOUNT:
            text = f"{Decimal(text):.2f}"
            text = "0.00" if text == "-0.00" else text
        if text is not None and text != value and not re.fullmatch(rule.shape or "", value):
            return text, deviation or "not in the form of the interface"
        return value, deviation
    if rule.kind in (FieldKind.TIME, FieldKind.DAY):
        text = _date(value, rule.kind)
        if text != value:
            return text, "not in the form of the interface"
    return value, deviation


def _plain(text: str, places: int) -> str | None:
    """A number without exponent and trailing zeros; None where more places than these count."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        number = Decimal(text)
        if number != round(number, places) or number.adjusted() > 20:
            return None
    except (InvalidOperation, ValueError, OverflowError):
        return None
    plain = f"{number:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def _date(text: str, kind: FieldKind) -> str:
    found = _TIME.fullmatch(text)
    if found is None:
        return text
    year, month, day, *clock = found.groups()
    date = f"{year}-{month}-{day}"
    if kind is FieldKind.DAY:
        return date
    hour, minute, second = (one or "00" for one in clock)
    return f"{date} {hour}:{minute}:{second}"
