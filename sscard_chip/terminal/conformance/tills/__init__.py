# SPDX-License-Identifier: Apache-2.0
"""The suite for a terminal: it plays card, PSAM and holder, watches what a terminal does in a sale,
and judges it.

A terminal is judged by way of a function that is given a :class:`Workplace` and gives an object
with the method ``sell``. It is called anew for every case.

>>> run = run_terminal_suite(my_terminal, IssuedWorkshop(roots))
>>> run.passed
True
"""

from __future__ import annotations

from sscard_chip.terminal.conformance.tills.catalogue import terminal_catalogue
from sscard_chip.terminal.conformance.tills.command import CommandTerminal
from sscard_chip.terminal.conformance.tills.program import ProgramError
from sscard_chip.terminal.conformance.tills.run import run_terminal_suite
from sscard_chip.terminal.conformance.tills.workplace import (
    CAP_FEN,
    CAP_TIMES,
    CardWish,
    JudgedTerminal,
    SaleAnswer,
    SaleCentre,
    SaleOrder,
    TerminalMaker,
    Workplace,
    Workshop,
)

__all__ = [
    "CAP_FEN",
    "CAP_TIMES",
    "CardWish",
    "CommandTerminal",
    "JudgedTerminal",
    "ProgramError",
    "SaleAnswer",
    "SaleCentre",
    "SaleOrder",
    "TerminalMaker",
    "Workplace",
    "Workshop",
    "run_terminal_suite",
    "terminal_catalogue",
]
