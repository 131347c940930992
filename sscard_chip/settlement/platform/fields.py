# SPDX-License-Identifier: Apache-2.0
"""Fields of the national platform's messages: names, lengths, shapes (conventions, A2 to A5).

All values are text; amounts are yuan with two decimals there and fen here. A rule that is broken
is reported by the field's name, never with its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from functools import lru_cache
from typing import Any, Final

from sscard_chip.standard.amounts import YUAN_RULE, YUAN_SHAPE
from sscard_chip.standard.errors import InputError

QUANTITY: Final = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?"
PRICE: Final = r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,6})?"
RATIO: Final = r"[01](\.[0-9]{1,4})?"
COUNT: Final = "-?(0|[1-9][0-9]{0,9})"
DIVISION: Final = "[1-9][0-9]{5}"
DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME: Final = DAY + " [0-9]{2}:[0-9]{2}:[0-9]{2}"

_CHARACTER: Final = "[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]"
_TEXT: Final = re.compile(f"{_CHARACTER}*")
_END: Final = "\x1f"
_TIME: Final = re.compile("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_RULES: Final = {
    YUAN_SHAPE: YUAN_RULE,
    QUANTITY: "must be a number with up to four decimals",
    PRICE: "must be a number with up to six decimals",
    RATIO: "must be a ratio with up to four decimals",
    COUNT: "must be a whole number",
    DIVISION: "must be 6 digits",
    DAY: "must be yyyy-MM-dd",
    TIME: "must be yyyy-MM-dd HH:mm:ss",
}
NO_VALUE: Final = ("null", "NULL")
"""What programs send as text for no value."""


class MessageError(InputError):
    """A message that is not as it must be; "field: rule"."""


@unique
class FieldKind(StrEnum):
    """What the text of a field is."""

    TEXT = "text"
    AMOUNT = "amount"
    QUANTITY = "quantity"
    PRICE = "price"
    RATIO = "ratio"
    COUNT = "count"
    DAY = "day"
    TIME = "time"


_KINDS: Final = {
    YUAN_SHAPE: FieldKind.AMOUNT,
    QUANTITY: FieldKind.QUANTITY,
    PRICE: FieldKind.PRICE,
    RATIO: FieldKind.RATIO,
    COUNT: FieldKind.COUNT,
    DAY: FieldKind.DAY,
    TIME: FieldKind.TIME,
}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field: most characters, whether it must be there, its shape (a regular expression).

    ``is_time`` is said of a time whose shape the message's own reader checks. ``dictionary`` is
    the name of its codes in 1901; ``otherwise`` what a lenient centre takes for it where a
    program leaves it out.
    """

    name: str
    length: int
    must: bool = False
    shape: str | None = None
    is_time: bool = False
    dictionary: str = ""
    otherwise: str = ""

    @property
    def kind(self) -> FieldKind:
        """What its text is, by its shape."""
        if self.is_time:
            return FieldKind.TIME
        return _KINDS.get(self.shape or "", FieldKind.TEXT)


class FieldRules(tuple[FieldRule, ...]):
    """The fields of a node, with what tells at one go that all are right."""

    def __init__(self, fields: Iterable[FieldRule]) -> None:
        """``fields`` are those of the tuple."""
        self.names: Final = tuple(field.name for field in self)
        self.all_right: Final = re.compile(_END.join(map(_pattern, self)))
        """Matches their values, joined by a control character."""


def _pattern(field: FieldRule) -> str:
    """What the value of a field is, between control characters, which no shape takes, or ends."""
    text = f"{_CHARACTER}{{{int(field.must)},{field.length}}}"
    if field.shape is None:
        return text
    end = f"(?={_END}|\\Z)"
    shape = field.shape.replace("$", end)
    return f"(?=(?:{shape}){'' if field.must else '?'}{end}){text}"


def check_fields(node: Any, name: str, fields: FieldRules) -> dict[str, str]:
    """The fields of a node, each as text, empty where it may be missing.

    Fields that are not listed are left to the region that uses them.

    :raises MessageError: "node.field: rule".
    """
    if type(node) is not dict and not isinstance(node, Mapping):
        raise MessageError(f"{name or 'body'}: must be an object")
    values = [node.get(field, "") for field in fields.names]
    try:
        right = fields.all_right.fullmatch(_END.join(values))
    except TypeError:  # null, or what is no text
        right = None
    if right and "null" not in values and "NULL" not in values:
        return dict(zip(fields.names, values, strict=True))
    return _check_each(node, name, fields)


def _check_each(node: Mapping[str, Any], name: str, fields: FieldRules) -> dict[str, str]:
    """The same, field by field: which one is wrong, and why."""
    found = {}
    for field in fields:
        value = node.get(field.name)
        value = "" if value is None else value
        where = f"{name}.{field.name}" if name else field.name
        if not isinstance(value, str):
            raise MessageError(f"{where}: must be text")
        if not _TEXT.fullmatch(value):
            raise MessageError(f"{where}: must be text without control characters")
        if len(value) > field.length:
            raise MessageError(f"{where}: at most {field.length} characters")
        if field.must and not value:
            raise MessageError(f"{where}: is missing")
        if value in NO_VALUE:
            raise MessageError(f'{where}: the text "{value}" is no value: leave it empty')
        if value and field.shape is not None and not re.fullmatch(field.shape, value):
            raise MessageError(f"{where}: {_RULES.get(field.shape, 'is malformed')}")
        found[field.name] = value
    return found


def parse_message_time(text: str, name: str) -> datetime:
    """A time ``yyyy-MM-dd HH:mm:ss``.

    :raises MessageError:
    """
    try:
        return _read_time(text)
    except ValueError:
        raise MessageError(f"{name}: must be yyyy-MM-dd HH:mm:ss") from None


@lru_cache(maxsize=256)
def _read_time(text: str) -> datetime:
    """Raises ValueError."""
    if not _TIME.fullmatch(text):
        raise ValueError
    return datetime.fromisoformat(text)


ENVELOPE: Final = FieldRules(
    (
        FieldRule("infno", 6, must=True),
        FieldRule("msgid", 30, must=True),
        FieldRule("mdtrtarea_admvs", 6, must=True, shape=DIVISION),
        FieldRule("insuplc_admdvs", 6, shape=DIVISION),
        FieldRule("recer_sys_code", 10, must=True, otherwise="99"),
        FieldRule("dev_no", 100),
        FieldRule("dev_safe_info", 2000),
        FieldRule("cainfo", 1024),
        FieldRule("signtype", 10),
        FieldRule("infver", 6, must=True, otherwise="V1.0"),
        FieldRule("opter_type", 3, must=True, shape="[1-3]", otherwise="1"),
        FieldRule("opter", 30, must=True, otherwise="-"),
        FieldRule("opter_name", 50, must=True, otherwise="-"),
        FieldRule("inf_time", 19, must=True, is_time=True),
        FieldRule("fixmedins_code", 12, must=True, shape="[0-9A-Za-z]{12}"),
        FieldRule("fixmedins_name", 200, must=True, otherwise="-"),
        FieldRule("sign_no", 30),
    )
)
MOST_INPUT: Final = 40_000
"""Characters of ``input`` and of ``output``."""
