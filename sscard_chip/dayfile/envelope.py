# SPDX-License-Identifier: Apache-2.0
"""The request envelope of the national platform, as a till and a centre both know it (A2, A3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sscard_chip.standard import dates

TIME: Final = "%Y-%m-%d %H:%M:%S"
"""How inf_time and begntime are written."""
SUCCESS: Final = 0
FAILURE: Final = -1
"""infcode."""
HOLD: Final = "2102A"
"""A hold: our use of the regional number for a pharmacy settlement in two steps [ours]. The 2102
with its setl_id settles it."""
CARD: Final = "03"
"""mdtrt_cert_type of a social security card [H]."""


def make_request(
    infno: str,
    msgid: str,
    time: str,
    treatment_division: str,
    insured_division: str,
    node: Mapping[str, Any],
    *,
    operator: str,
) -> dict[str, Any]:
    """A request of an institution, whose code begins the msgid. ``time`` is YYYYMMDDhhmmss.

    ``operator`` is the terminal's number (opter_type 2).
    """
    return {
        "infno": infno,
        "msgid": msgid,
        "mdtrtarea_admvs": treatment_division,
        "insuplc_admdvs": insured_division,
        "recer_sys_code": "SSCARD",
        "dev_no": operator,
        "dev_safe_info": "",
        "cainfo": "",
        "signtype": "",
        "infver": "V1.0",
        "opter_type": "2",
        "opter": operator,
        "opter_name": operator,
        "inf_time": datetime.strptime(time, dates.TIME).strftime(TIME),
        "fixmedins_code": msgid[:12],
        "fixmedins_name": msgid[:12],
        "sign_no": "",
        "input": node,
    }


_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def compact(value: Any) -> str:
    """JSON without blanks."""
    return _COMPACT.encode(value)
