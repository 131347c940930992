# SPDX-License-Identifier: Apache-2.0
"""Day files for trials, with everything that can be wrong with them (extra ``settlement``)."""

from __future__ import annotations

from sscard_chip.settlement.synthesize.generate import (
    CARDS,
    DAYS,
    EARLIER_DAYS,
    EARLIER_EXPECTED,
    EXPECTED,
    HOTLIST,
    PHARMACIES,
    Made,
    SynthesizeError,
    Wanted,
    synthesize,
)

__all__ = [
    "CARDS",
    "DAYS",
    "EARLIER_DAYS",
    "EARLIER_EXPECTED",
    "EXPECTED",
    "HOTLIST",
    "PHARMACIES",
    "Made",
    "SynthesizeError",
    "Wanted",
    "synthesize",
]
