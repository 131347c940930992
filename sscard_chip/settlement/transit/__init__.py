# SPDX-License-Identifier: Apache-2.0
"""Journeys of transport cards (交通联合) in the centre (extra ``settlement``).

:func:`book_day` verifies the TACs of a gate's day file in bulk and books each tap once, whatever
comes twice, in whatever file, from however many processes; :func:`operators` says what each
operator is owed.

>>> with Ledger.open("city.db") as ledger:
...     booked = book_day(ledger, read_transit_day("gate-1.trd"), store)
"""

from __future__ import annotations

from sscard_chip.settlement.transit.booking import BookedDay, book_day
from sscard_chip.settlement.transit.codes import TapVerdict
from sscard_chip.settlement.transit.statement import (
    OperatorStatement,
    operators,
    recompute_journeys,
)

__all__ = [
    "BookedDay",
    "OperatorStatement",
    "TapVerdict",
    "book_day",
    "operators",
    "recompute_journeys",
]
