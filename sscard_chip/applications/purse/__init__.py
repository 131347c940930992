# SPDX-License-Identifier: Apache-2.0
"""Electronic deposit and purse (电子存折/电子钱包, JR/T 0025 parts 1 and 2) of a bank-linked card.

Optional: a directory of its own, with its own keys and PIN. It is not the medical account.
"""

from sscard_chip.applications.purse.administration import enter as enter_purse
from sscard_chip.applications.purse.instructions import PURSE

__all__ = ["PURSE", "enter_purse"]
