# SPDX-License-Identifier: Apache-2.0
"""The cases of a PSAM, once for each environment."""

from __future__ import annotations

from functools import cache

from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.psam import ciphering, details, files, loading, purchase


@cache
def psam_catalogue() -> tuple[Case, ...]:
    """Every case of a PSAM."""
    return tuple(
        case for module in (files, ciphering, purchase, loading, details) for case in module.cases()
    )
