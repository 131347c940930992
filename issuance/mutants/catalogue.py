# SPDX-License-Identifier: Apache-2.0
"""The mutants by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from issuance.mutants.answers import ANSWERS
from issuance.mutants.banks import BANKS
from issuance.mutants.careless import CARELESS
from issuance.mutants.making import MAKING
from issuance.mutants.psams import PSAMS
from issuance.mutants.regions import REGIONS
from issuance.mutants.subtle import SUBTLE
from issuance.mutants.third import THIRD
from issuance.mutants.tills import TILLS

MUTANTS: Final = MappingProxyType(
    {
        one.name: one
        for one in (*ANSWERS, *MAKING, *SUBTLE, *CARELESS, *THIRD, *PSAMS, *BANKS, *TILLS, *REGIONS)
    }
)
"""Every mutant by its name."""
