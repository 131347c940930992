# SPDX-License-Identifier: Apache-2.0
"""The cases of a terminal."""

from __future__ import annotations

from functools import cache

from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.tills import beginning, online, pins, recovery, selling


@cache
def terminal_catalogue() -> tuple[Case, ...]:
    """Every case of a terminal."""
    return tuple(
        case for module in (beginning, pins, selling, online, recovery) for case in module.cases()
    )
