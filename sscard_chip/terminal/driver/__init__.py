# SPDX-License-Identifier: Apache-2.0
"""The driver of a terminal (读写终端接口, LD/T 33): for Python, and its functions with strings."""

from __future__ import annotations

from sscard_chip.terminal.driver.context import Settings
from sscard_chip.terminal.driver.core import Driver
from sscard_chip.terminal.driver.functions import FUNCTIONS, Function, Parameter
from sscard_chip.terminal.driver.values import (
    Authentication,
    AuthenticationData,
    CardBasics,
    CardInfo,
    DebitRecord,
    DebitResult,
    FileAddress,
    FileValues,
    InterfaceType,
    PinCancelledError,
    PinPad,
    PinPrompt,
    PinTimeoutError,
)

__all__ = [
    "FUNCTIONS",
    "Authentication",
    "AuthenticationData",
    "CardBasics",
    "CardInfo",
    "DebitRecord",
    "DebitResult",
    "Driver",
    "FileAddress",
    "FileValues",
    "Function",
    "InterfaceType",
    "Parameter",
    "PinCancelledError",
    "PinPad",
    "PinPrompt",
    "PinTimeoutError",
    "Settings",
]
