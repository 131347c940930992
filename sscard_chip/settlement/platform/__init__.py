# SPDX-License-Identifier: Apache-2.0
"""The national platform's interface for pharmacies, on a ledger: 1101, 2101, 2102, 2103, 2601.

::

    platform = Platform(ledger, keys=store)
    answer = platform.handle(request)            # or handle_json(bytes), behind a server
    if answer["infcode"] == 0: ...

A till speaks it through :class:`~sscard_chip.dayfile.centre.PlatformAuthoriser`;
:func:`ledger_authoriser` is one without a network between. What the region decides is a
:class:`~sscard_chip.settlement.policy.CentrePolicy`.
"""

from __future__ import annotations

from sscard_chip.dayfile.centre import PlatformAuthoriser
from sscard_chip.dayfile.envelope import HOLD, make_request
from sscard_chip.settlement.platform.authoriser import ledger_authoriser
from sscard_chip.settlement.platform.drugs import DrugBill
from sscard_chip.settlement.platform.envelope import Request, parse_request
from sscard_chip.settlement.platform.fields import MessageError
from sscard_chip.settlement.platform.platform import Platform
from sscard_chip.settlement.platform.sales import REVERSIBLE
from sscard_chip.settlement.platform.sharing import Share, share_by_account, share_by_policy
from sscard_chip.settlement.platform.tac import CheckTac, tac_checker
from sscard_chip.settlement.policy import CentrePolicy

__all__ = [
    "HOLD",
    "REVERSIBLE",
    "CentrePolicy",
    "CheckTac",
    "DrugBill",
    "MessageError",
    "Platform",
    "PlatformAuthoriser",
    "Request",
    "Share",
    "ledger_authoriser",
    "make_request",
    "parse_request",
    "share_by_account",
    "share_by_policy",
    "tac_checker",
]
