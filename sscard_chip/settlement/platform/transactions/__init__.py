# SPDX-License-Identifier: Apache-2.0
"""All transactions of the platform as declarations: what a message has, by number.

They are what messages are checked by, what a lenient centre mends by, and what the page
``docs/transactions.md`` is written from.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.settlement.platform.transactions.catalogue import CATALOGUES
from sscard_chip.settlement.platform.transactions.clearing import CLEARING
from sscard_chip.settlement.platform.transactions.enquiries import ENQUIRIES
from sscard_chip.settlement.platform.transactions.filings import FILINGS
from sscard_chip.settlement.platform.transactions.rules import Keeps, NodeRule, TransactionRule
from sscard_chip.settlement.platform.transactions.sales import SALES
from sscard_chip.settlement.platform.transactions.stock import STOCK

__all__ = ["TRANSACTIONS", "Keeps", "NodeRule", "TransactionRule"]

TRANSACTIONS: Final = {
    one.infno: one for one in (*SALES, *ENQUIRIES, *FILINGS, *CLEARING, *STOCK, *CATALOGUES)
}
"""By infno."""
