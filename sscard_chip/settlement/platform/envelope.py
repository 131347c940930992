# SPDX-License-Identifier: Apache-2.0
"""Request and response envelopes of the national platform (conventions, A2, A3)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from sscard_chip.dayfile.envelope import FAILURE, HOLD, SUCCESS, compact
from sscard_chip.dayfile.msgid import is_msgid
from sscard_chip.settlement.platform.fields import (
    ENVELOPE,
    MOST_INPUT,
    MessageError,
    check_fields,
    parse_message_time,
)
from sscard_chip.settlement.platform.transactions.clearing import MOST_FILE
from sscard_chip.standard import dates

_MOST_TEXT: Final = 200
_MOST_WARNING: Final = 2000
_LOOSE_MSGID: Final = re.compile("[!-~]{1,30}")
_MOST_GROWTH: Final = 8
"""How often as long as its bytes JSON can be when it is written anew: 1e15 is 18 characters."""
_MSGID_RULE: Final = "msgid: must be institution 12, yyyyMMddHHmmss, sequence 4"
_CHANGING: Final = frozenset({"inf_time", "sign_no", "dev_safe_info", "cainfo", "signtype"})
"""Fields of the envelope that may differ when a message is sent again: they are of the sending,
not of what is asked [ours]."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A request whose envelope is as it must be; ``input`` is for the transaction to check.

    ``time`` is inf_time as YYYYMMDDhhmmss; ``digest`` is of all that makes its content. Of a
    centre that is not ``strict``, ``notes`` are the deviations that the answer lists in warn_msg;
    ``loose`` says that its msgid has a form of its own.
    """

    infno: str
    msgid: str
    treatment_division: str
    insured_division: str
    institution: str
    time: str
    input: Mapping[str, Any]
    digest: bytes
    sign_no: str = ""
    fixmedins_name: str = ""
    strict: bool = True
    loose: bool = False
    notes: list[str] = field(default_factory=list)


def parse_request(message: Any, *, strict: bool = True, size: int | None = None) -> Request:
    """Check an envelope; a centre that is not ``strict`` takes a msgid of any form.

    ``size`` is of the bytes that ``message`` was read from, where it was.

    :raises MessageError: a field is missing, too long or malformed; the msgid is not one of the
        sender's.
    """
    found = check_fields(message, "", ENVELOPE)
    node = message.get("input")
    if not isinstance(node, Mapping):
        raise MessageError("input: must be an object")
    if size is None or size * _MOST_GROWTH > MOST_INPUT:
        try:
            text = compact(node)
        except (TypeError, ValueError, RecursionError):
            raise MessageError("input: must be JSON") from None
        most = MOST_INPUT if found["infno"] != "9101" else MOST_FILE + MOST_INPUT
        if len(text) > most:
            raise MessageError(f"input: at most {most} characters")
    msgid, notes = found["msgid"], []
    loose = not is_msgid(msgid, found["fixmedins_code"])
    if loose:
        if strict or found["infno"] == HOLD or not _LOOSE_MSGID.fullmatch(msgid):
            raise MessageError(_MSGID_RULE)
        notes.append(_MSGID_RULE)
    time = found["inf_time"]
    parse_message_time(time, "inf_time")
    content = {name: value for name, value in found.items() if name not in _CHANGING}
    whole = json.dumps(content | {"input": node}, sort_keys=True)
    digest = sha256(whole.encode()).digest()
    return Request(
        found["infno"],
        found["msgid"],
        found["mdtrtarea_admvs"],
        found["insuplc_admdvs"],
        found["fixmedins_code"],
        f"{time[:4]}{time[5:7]}{time[8:10]}{time[11:13]}{time[14:16]}{time[17:]}",
        node,
        digest,
        found["sign_no"],
        found["fixmedins_name"],
        strict,
        loose,
        notes,
    )


def make_answer(
    refmsgid: str,
    received: datetime,
    answered: datetime,
    *,
    output: Mapping[str, Any] | None = None,
    error: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """A response: with ``error`` a failure, else a success; ``notes`` are its warn_msg."""
    answer = {
        "infcode": SUCCESS if error is None else FAILURE,
        "inf_refmsgid": refmsgid,
        "refmsg_time": stamp(received),
        "respond_time": stamp(answered),
        "err_msg": (error or "")[:_MOST_TEXT],
        "output": dict(output or {}),
    }
    if notes:
        answer["warn_msg"] = "; ".join(dict.fromkeys(notes))[:_MOST_WARNING]
    return answer


@lru_cache(maxsize=32)
def stamp(time: datetime) -> str:
    """A time of an answer: yyyyMMddHHmmssSSS."""
    return f"{time.strftime(dates.TIME)}{time.microsecond // 1000:03d}"
