# SPDX-License-Identifier: Apache-2.0
"""What 2101 and 2102 ask: the bill of a pharmacy sale, and what a card's till adds to it.

``exp_content`` carries what the national interface has no field for [ours]: JSON with any of
``card_sn`` (卡识别码), ``split`` (account, cash, pool in fen), ``setl_id`` of a hold, ``row`` (the
day file's); others belong to the content of the message and mean nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.settlement.platform.body import read_json
from sscard_chip.settlement.platform.fields import (
    MessageError,
    check_fields,
    parse_message_time,
)
from sscard_chip.settlement.platform.transactions.sales import DRUGDETAIL, DRUGINFO, MOST_LINES
from sscard_chip.standard.amounts import MAX_FEN, parse_yuan
from sscard_chip.standard.settlement_mode import Split


@dataclass(frozen=True, slots=True, repr=False)
class DrugBill:
    """A bill: ``info`` and ``details`` as they came, checked; the total; the till's additions."""

    info: Mapping[str, str]
    details: tuple[Mapping[str, str], ...]
    total_fen: int
    uses_account: bool
    split: Split | None
    card_sn: str | None
    setl_id: str | None
    row: str | None

    @property
    def asks_account(self) -> bool:
        """Whether the account is to pay any of it."""
        return self.uses_account if self.split is None else bool(self.split.account_fen)


def parse_bill(node: Mapping[str, Any]) -> DrugBill:
    """``druginfo`` and ``drugdetail``.

    :raises MessageError: a field is wrong, a line occurs twice, or the lines are not the total.
    """
    info = check_fields(node.get("druginfo"), "druginfo", DRUGINFO)
    parse_message_time(info["begntime"], "druginfo.begntime")
    lines = node.get("drugdetail")
    if not isinstance(lines, list) or not lines:
        raise MessageError("drugdetail: must be a list of lines")
    if len(lines) > MOST_LINES:
        raise MessageError(f"drugdetail: at most {MOST_LINES} lines")
    details = tuple(check_fields(line, "drugdetail", DRUGDETAIL) for line in lines)
    if len({line["feedetl_sn"] for line in details}) != len(details):
        raise MessageError("drugdetail.feedetl_sn: occurs twice")
    total = parse_yuan(info["medfee_sumamt"])
    if total <= 0:
        raise MessageError("druginfo.medfee_sumamt: must be above zero")
    if total > MAX_FEN:
        raise MessageError("druginfo.medfee_sumamt: is more than a card can pay")
    if sum(parse_yuan(line["det_item_fee_sumamt"]) for line in details) != total:
        raise MessageError("druginfo.medfee_sumamt: must be the sum of the lines")
    extra = _additions(info["exp_content"])
    if "row" in extra and "setl_id" not in extra:
        raise MessageError("druginfo.exp_content: row: goes with the setl_id of a hold")
    split = extra.get("split")
    if split is not None and sum(split) != total:
        raise MessageError("druginfo.exp_content: the parts must add up to medfee_sumamt")
    return DrugBill(
        info,
        details,
        total,
        info["acct_used_flag"] != "0",
        None if split is None else Split(*split),
        extra.get("card_sn") or info["card_sn"].upper() or None,
        extra.get("setl_id"),
        extra.get("row"),
    )


def follows(node: Mapping[str, Any]) -> bool:
    """Whether a 2102 names a hold, as far as it can be read."""
    info = node.get("druginfo")
    text = info.get("exp_content") if isinstance(info, Mapping) else None
    try:
        return "setl_id" in _additions(text if isinstance(text, str) else "")
    except MessageError:
        return False


def _additions(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        extra = read_json(text)
    except (ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise MessageError("druginfo.exp_content: must be a JSON object")
    for name, is_good in _ADDITIONS:
        if name in extra and not is_good(extra[name]):
            raise MessageError(f"druginfo.exp_content: {name}: is malformed")
    return extra


def _is_split(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(type(one) is int and 0 <= one < 10**16 for one in value)
    )


_CARD_SN: Final = re.compile("[0-9A-F]{32}")
_SETL_ID: Final = re.compile("[!-~]{1,30}")
_ADDITIONS: Final[tuple[tuple[str, Callable[[Any], object]], ...]] = (
    ("card_sn", lambda value: isinstance(value, str) and _CARD_SN.fullmatch(value)),
    ("split", _is_split),
    ("setl_id", lambda value: isinstance(value, str) and _SETL_ID.fullmatch(value)),
    ("row", lambda value: isinstance(value, str)),
)
