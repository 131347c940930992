# SPDX-License-Identifier: Apache-2.0
"""Fields of the national platform's messages: names, lengths, shapes (conventions, A2 to A5).

All values are text; amounts are yuan with two decimals there and fen here. A rule that is broken
is told by the field's name, never with its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sscard_chip.standard.amounts import YUAN_RULE, YUAN_SHAPE
from sscard_chip.standard.errors import InputError

QUANTITY: Final = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?"
PRICE: Final = r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,6})?"
DIVISION: Final = "[1-9][0-9]{5}"
TIME: Final = "%Y-%m-%d %H:%M:%S"

_TEXT: Final = re.compile("[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]*")
_RULES: Final = {
    YUAN_SHAPE: YUAN_RULE,
    QUANTITY: "must be a number with up to four decimals",
    PRICE: "must be a number with up to six decimals",
    DIVISION: "must be 6 digits",
}


class MessageError(InputError):
    """A message that is not as it must be; "field: rule"."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: most characters, whether it must be there, its shape (a regular expression)."""

    name: str
    length: int
    must: bool = False
    shape: str | None = None


def check(node: Any, name: str, fields: Sequence[Field]) -> dict[str, str]:
    """The fields of a node, each as text, empty where it may be missing.

    Fields that are not listed are left to the region that uses them.

    :raises MessageError: "node.field: rule".
    """
    if not isinstance(node, Mapping):
        raise MessageError(f"{name}: must be an object")
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
    """A time ``yyyy-MM-dd HH:mm:ss``. Raises MessageError."""
    try:
        if len(text) != 19:
            raise ValueError
        return datetime.strptime(text, TIME)
    except ValueError:
        raise MessageError(f"{name}: must be yyyy-MM-dd HH:mm:ss") from None


ENVELOPE: Final = (
    Field("infno", 6, must=True),
    Field("msgid", 30, must=True),
    Field("mdtrtarea_admvs", 6, must=True, shape=DIVISION),
    Field("insuplc_admdvs", 6, shape=DIVISION),
    Field("recer_sys_code", 10, must=True),
    Field("dev_no", 100),
    Field("dev_safe_info", 2000),
    Field("cainfo", 1024),
    Field("signtype", 10),
    Field("infver", 6, must=True),
    Field("opter_type", 3, must=True, shape="[1-3]"),
    Field("opter", 30, must=True),
    Field("opter_name", 50, must=True),
    Field("inf_time", 19, must=True),
    Field("fixmedins_code", 12, must=True, shape="[0-9A-Za-z]{12}"),
    Field("fixmedins_name", 200, must=True),
    Field("sign_no", 30),
)
MOST_INPUT: Final = 40_000
"""Characters of ``input`` and of ``output``."""

PERSON: Final = (  # 1101
    Field("mdtrt_cert_type", 3, must=True),
    Field("mdtrt_cert_no", 50, must=True),
    Field("card_sn", 32),
    Field("begntime", 19),
    Field("psn_cert_type", 6),
    Field("certno", 50),
    Field("psn_name", 50),
)
DRUGINFO: Final = (  # 2101, 2102
    Field("psn_no", 30, must=True),
    Field("mdtrt_cert_type", 3, must=True),
    Field("mdtrt_cert_no", 50, must=True),
    Field("begntime", 19, must=True),
    Field("medfee_sumamt", 17, must=True, shape=YUAN_SHAPE),
    Field("invono", 20),
    Field("insutype", 6, must=True),
    Field("dise_codg", 30),
    Field("dise_name", 500),
    Field("acct_used_flag", 3, must=True, shape="[01]"),
    Field("med_type", 6, must=True),
    Field("exp_content", 4000),
)
DRUGDETAIL: Final = (
    Field("feedetl_sn", 30, must=True),
    Field("rxno", 30),
    Field("rx_circ_flag", 3),
    Field("fee_ocur_time", 19, must=True),
    Field("med_list_codg", 50, must=True),
    Field("medins_list_codg", 150, must=True),
    Field("det_item_fee_sumamt", 17, must=True, shape=YUAN_SHAPE),
    Field("cnt", 17, must=True, shape=QUANTITY),
    Field("pric", 17, must=True, shape=PRICE),
    Field("sin_dos_dscr", 200),
    Field("used_frqu_dscr", 200),
    Field("prd_days", 5),
    Field("medc_way_dscr", 200),
    Field("bilg_dr_codg", 30),
    Field("bilg_dr_name", 50),
    Field("tcmdrug_used_way", 6),
)
CANCELLATION: Final = (  # 2103
    Field("psn_no", 30, must=True),
    Field("setl_id", 30, must=True),
    Field("mdtrt_id", 30, must=True),
)
REVERSAL: Final = (  # 2601
    Field("psn_no", 30),
    Field("omsgid", 30, must=True),
    Field("oinfno", 6, must=True),
)
