# SPDX-License-Identifier: Apache-2.0
"""The pharmacy POS: a sale from the card in the reader to its receipt and its row in a day file."""

from __future__ import annotations

from sscard_chip.dayfile.authoriser import (
    Authoriser,
    CentreError,
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
    Hold,
    HoldRequest,
)
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.hotlist import HotCard, Hotlist, HotlistDelta, HotRange
from sscard_chip.dayfile.loads import LoadCentre, LoadDue, LoadGrant, LoadRequest
from sscard_chip.dayfile.rows import COLUMNS, DayHeader, DayRow, DayTrailer
from sscard_chip.dayfile.text import DayContents, read_day
from sscard_chip.terminal.client import PinEntry
from sscard_chip.terminal.pos.account import (
    BalanceOutcome,
    LoadOutcome,
    UnfinishedLoadError,
    load_card,
    show_balance,
)
from sscard_chip.terminal.pos.authoriser import LocalAuthoriser
from sscard_chip.terminal.pos.dayfile import DayFile
from sscard_chip.terminal.pos.errors import PosError, Refusal, SaleRefusedError, UnfinishedSaleError
from sscard_chip.terminal.pos.hotlist import HotlistFile
from sscard_chip.terminal.pos.receipt import Receipt
from sscard_chip.terminal.pos.slips import AccountSlip
from sscard_chip.terminal.pos.station import Bill, Desk, SaleOutcome, TillSettings
from sscard_chip.terminal.pos.till import Till

__all__ = [
    "COLUMNS",
    "AccountSlip",
    "Authoriser",
    "BalanceOutcome",
    "Bill",
    "CentreError",
    "CentreNoAnswerError",
    "CentreRefusedError",
    "CentreUnreachableError",
    "DayContents",
    "DayFile",
    "DayFileError",
    "DayHeader",
    "DayRow",
    "DayTrailer",
    "Desk",
    "Hold",
    "HoldRequest",
    "HotCard",
    "HotRange",
    "Hotlist",
    "HotlistDelta",
    "HotlistFile",
    "LoadCentre",
    "LoadDue",
    "LoadGrant",
    "LoadOutcome",
    "LoadRequest",
    "LocalAuthoriser",
    "PinEntry",
    "PosError",
    "Receipt",
    "Refusal",
    "SaleOutcome",
    "SaleRefusedError",
    "Till",
    "TillSettings",
    "UnfinishedLoadError",
    "UnfinishedSaleError",
    "load_card",
    "read_day",
    "show_balance",
]
