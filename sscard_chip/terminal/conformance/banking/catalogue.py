# SPDX-License-Identifier: Apache-2.0
"""The cases of a bank application."""

from __future__ import annotations

from functools import cache

from sscard_chip.terminal.conformance.banking import details, fieldside, offline, paying, reading
from sscard_chip.terminal.conformance.case import Case


@cache
def bank_catalogue() -> tuple[Case, ...]:
    """Every case of a bank application."""
    modules = (reading, offline, paying, fieldside, details)
    return tuple(case for module in modules for case in module.cases())
