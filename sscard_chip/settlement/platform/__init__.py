# SPDX-License-Identifier: Apache-2.0
"""The national platform's interface for pharmacies, on a ledger: 1101, 2101, 2102, 2103, 2601.

::

    platform = Platform(ledger)
    answer = platform.handle(request)            # or handle_json(bytes), behind a server
    if answer["infcode"] == 0: ...

A till speaks it through :class:`PlatformAuthoriser`; :func:`ledger_authoriser` is one without a
network between.
"""

from __future__ import annotations

from sscard_chip.settlement.platform.authoriser import PlatformAuthoriser, ledger_authoriser
from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.settlement.platform.envelope import Request, make_request, parse_request
from sscard_chip.settlement.platform.fields import MessageError
from sscard_chip.settlement.platform.platform import (
    HOLD,
    REVERSIBLE,
    Platform,
    share_by_account,
)

__all__ = [
    "HOLD",
    "REVERSIBLE",
    "DrugBill",
    "MessageError",
    "Platform",
    "PlatformAuthoriser",
    "Request",
    "ledger_authoriser",
    "make_request",
    "parse_request",
    "share_by_account",
]
