# SPDX-License-Identifier: Apache-2.0
"""The handlers of all transactions beside the sale itself, by number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.platform import catalogue, dictionaries, shift, stock
from sscard_chip.settlement.platform.enquiries import Enquiries
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.payer import PayerFinder
from sscard_chip.settlement.platform.transactions import TRANSACTIONS, Keeps
from sscard_chip.settlement.policy import CentrePolicy

ServiceHandler = Callable[[LedgerTransaction, Request], Mapping[str, Any]]
"""The output of a message; refuses by
:class:`~sscard_chip.settlement.ledger.authorisation.AuthorisationRefusedError` (which is kept) or
:class:`~.fields.MessageError` (which is not)."""


@dataclass(frozen=True, slots=True)
class Service:
    """A handler, and whether its message is kept with its first answer."""

    handler: ServiceHandler
    keeps: bool


def services(
    payers: PayerFinder, policy: CentrePolicy, extra: Mapping[str, ServiceHandler]
) -> dict[str, Service]:
    """All handlers by infno; ``extra`` are those of other rooms."""
    enquiries = Enquiries(payers, policy)
    handlers: dict[str, ServiceHandler] = {
        "9001": shift.sign_in,
        "9002": shift.sign_out,
        "2001": enquiries.entitlement,
        "5203": enquiries.settlement,
        "5204": enquiries.fees,
        "5301": enquiries.chronic,
        "1901": dictionaries.ask,
        **dict.fromkeys(("1301", "1302", "1306"), catalogue.download),
        **dict.fromkeys(("1312", "1317", "1318", "1319"), catalogue.page),
        **dict.fromkeys(("3501", "3502", "3503", "3504", "3505", "3506"), stock.change),
        "3507": stock.delete,
        **extra,
    }
    return {
        infno: Service(handler, TRANSACTIONS[infno].keeps is Keeps.MESSAGE)
        for infno, handler in handlers.items()
    }
