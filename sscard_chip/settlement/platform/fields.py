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
from typing import Any, Final

from sscard_chip.standard.amounts import YUAN_RULE, YUAN_SHAPE
from sscard_chip.standard.errors import InputError

QUANTITY: Final = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?"
PRICE: Final = r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,6})?"
DIVISION: Final = "[1-9][0-9]{5}"

_CHARACTER: Final = "[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]"
_TEXT: Final = re.compile(f"{_CHARACTER}*")
_END: Final = "\x1f"
_TIME: Final = re.compile("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_RULES: Final = {
    YUAN_SHAPE: YUAN_RULE,
    QUANTITY: "must be a number with up to four decimals",
    PRICE: "must be a number with up to six decimals",
    DIVISION: "must be 6 digits",
}


class MessageError(InputError):
    """A message that is not as it must be; "field: rule"."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field: most characters, whether it must be there, its shape (a regular expression)."""

    name: str
    length: int
    must: bool = False
    shape: str | None = None


class FieldRules(tuple[FieldRule, ...]):
    """The fields of a node, with what tells at one go that all are right."""

    def __init__(self, fields: Iterable[FieldRule]) -> None:
        """``fields`` are those of the tuple."""
        self.names: Final = tuple(field.name for field in self)
        self.all_right: Final = re.compile(
            _END.join(f"{_CHARACTER}{{{int(field.must)},{field.length}}}" for field in self)
        )
        """Matches their values, joined by a control character."""
        self.shaped: Final = tuple(
            (field.name, re.compile(field.shape)) for field in self if field.shape is not None
        )


def check_fields(node: Any, name: str, fields: FieldRules) -> dict[str, str]:
    """The fields of a node, each as text, empty where it may be missing.

    Fields that are not listed are left to the region that uses them.

    :raises MessageError: "node.field: rule".
    """
    if not isinstance(node, Mapping):
        raise MessageError(f"{name}: must be an object")
    values = [node.get(field, "") for field in fields.names]
    try:
        right = fields.all_right.fullmatch(_END.join(values))
    except TypeError:  # null, or what is no text
        right = None
    if right:
        found = dict(zip(fields.names, values, strict=True))
        if all(not found[one] or shape.fullmatch(found[one]) for one, shape in fields.shaped):
            return found
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
        if value and field.shape is not None and not re.fullmatch(field.shape, value):
            raise MessageError(f"{where}: {_RULES.get(field.shape, 'is malformed')}")
        found[field.name] = value
    return found


def parse_message_time(text: str, name: str) -> datetime:
    """A time ``yyyy-MM-dd HH:mm:ss``.

    :raises MessageError:
    """
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text)
    except ValueError:
        raise MessageError(f"{name}: must be yyyy-MM-dd HH:mm:ss") from None


ENVELOPE: Final = FieldRules(
    (
        FieldRule("infno", 6, must=True),
        FieldRule("msgid", 30, must=True),
        FieldRule("mdtrtarea_admvs", 6, must=True, shape=DIVISION),
        FieldRule("insuplc_admdvs", 6, shape=DIVISION),
        FieldRule("recer_sys_code", 10, must=True),
        FieldRule("dev_no", 100),
        FieldRule("dev_safe_info", 2000),
        FieldRule("cainfo", 1024),
        FieldRule("signtype", 10),
        FieldRule("infver", 6, must=True),
        FieldRule("opter_type", 3, must=True, shape="[1-3]"),
        FieldRule("opter", 30, must=True),
        FieldRule("opter_name", 50, must=True),
        FieldRule("inf_time", 19, must=True),
        FieldRule("fixmedins_code", 12, must=True, shape="[0-9A-Za-z]{12}"),
        FieldRule("fixmedins_name", 200, must=True),
        FieldRule("sign_no", 30),
    )
)
MOST_INPUT: Final = 40_000
"""Characters of ``input`` and of ``output``."""

PERSON: Final = FieldRules(
    (  # 1101
        FieldRule("mdtrt_cert_type", 3, must=True),
        FieldRule("mdtrt_cert_no", 50, must=True),
        FieldRule("card_sn", 32),
        FieldRule("begntime", 19),
        FieldRule("psn_cert_type", 6),
        FieldRule("certno", 50),
        FieldRule("psn_name", 50),
    )
)
DRUGINFO: Final = FieldRules(
    (  # 2101, 2102
        FieldRule("psn_no", 30, must=True),
        FieldRule("mdtrt_cert_type", 3, must=True),
        FieldRule("mdtrt_cert_no", 50, must=True),
        FieldRule("begntime", 19, must=True),
        FieldRule("medfee_sumamt", 17, must=True, shape=YUAN_SHAPE),
        FieldRule("invono", 20),
        FieldRule("insutype", 6, must=True),
        FieldRule("dise_codg", 30),
        FieldRule("dise_name", 500),
        FieldRule("acct_used_flag", 3, must=True, shape="[01]"),
        FieldRule("med_type", 6, must=True),
        FieldRule("exp_content", 4000),
    )
)
DRUGDETAIL: Final = FieldRules(
    (
        FieldRule("feedetl_sn", 30, must=True),
        FieldRule("rxno", 30),
        FieldRule("rx_circ_flag", 3),
        FieldRule("fee_ocur_time", 19, must=True),
        FieldRule("med_list_codg", 50, must=True),
        FieldRule("medins_list_codg", 150, must=True),
        FieldRule("det_item_fee_sumamt", 17, must=True, shape=YUAN_SHAPE),
        FieldRule("cnt", 17, must=True, shape=QUANTITY),
        FieldRule("pric", 17, must=True, shape=PRICE),
        FieldRule("sin_dos_dscr", 200),
        FieldRule("used_frqu_dscr", 200),
        FieldRule("prd_days", 5),
        FieldRule("medc_way_dscr", 200),
        FieldRule("bilg_dr_codg", 30),
        FieldRule("bilg_dr_name", 50),
        FieldRule("tcmdrug_used_way", 6),
    )
)
CANCELLATION: Final = FieldRules(
    (  # 2103
        FieldRule("psn_no", 30, must=True),
        FieldRule("setl_id", 30, must=True),
        FieldRule("mdtrt_id", 30, must=True),
    )
)
REVERSAL: Final = FieldRules(
    (  # 2601
        FieldRule("psn_no", 30),
        FieldRule("omsgid", 30, must=True),
        FieldRule("oinfno", 6, must=True),
    )
)
