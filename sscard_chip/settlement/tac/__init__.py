# SPDX-License-Identifier: Apache-2.0
"""Bulk verification of the TACs (交易认证码) of medical purchases (extra ``settlement``).

:class:`TacVerifier` takes columns of debits and says which are genuine: it derives the DTK of
each card once, below a root that a key store keeps, and computes all TACs in lanes.

>>> from sscard_chip.settlement.tac import TacColumns, TacVerifier
"""

from __future__ import annotations

from sscard_chip.settlement.tac.bulk import BulkMacs
from sscard_chip.settlement.tac.columns import PURSE_TAC, TacColumns
from sscard_chip.settlement.tac.keys import KeyGroup
from sscard_chip.settlement.tac.verifier import TacVerifier

__all__ = ["PURSE_TAC", "BulkMacs", "KeyGroup", "TacColumns", "TacVerifier"]
