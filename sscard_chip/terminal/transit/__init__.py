# SPDX-License-Identifier: Apache-2.0
"""Gates, buses and desks of 交通联合 (JT/T 978): they take cards with a transport application.

A region's document says what a journey costs and whom the gates take; a PSAM signs; a journal
keeps what the day file will have, and what a break has left open.
"""

from __future__ import annotations

from sscard_chip.terminal.transit.desk import NeededUpdate, ServiceDesk
from sscard_chip.terminal.transit.errors import (
    BlackListError,
    TransitRefusal,
    TransitRefusedError,
    TransitRegionError,
    UnfinishedTapError,
)
from sscard_chip.terminal.transit.fares import Fare, FareTable
from sscard_chip.terminal.transit.gate import Bus, MetroGate
from sscard_chip.terminal.transit.lists import BlackList
from sscard_chip.terminal.transit.region import TransitRegion
from sscard_chip.terminal.transit.sam import TransitSam
from sscard_chip.terminal.transit.taps import FileTapJournal, TapJournal
from sscard_chip.terminal.transit.validator import Passage

__all__ = [
    "BlackList",
    "BlackListError",
    "Bus",
    "Fare",
    "FareTable",
    "FileTapJournal",
    "MetroGate",
    "NeededUpdate",
    "Passage",
    "ServiceDesk",
    "TapJournal",
    "TransitRefusal",
    "TransitRefusedError",
    "TransitRegion",
    "TransitRegionError",
    "TransitSam",
    "UnfinishedTapError",
]
