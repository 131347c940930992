# SPDX-License-Identifier: Apache-2.0
"""Faulty cards that a conformance suite must catch: the proof that the suite can fail.

A mutant is an issued card with one fault of behaviour, put between card and reader, or of its
making. Each names the case that catches it, and so the clause that it breaks.

>>> from issuance.mutants import MUTANTS, run_mutant
>>> run_mutant(MUTANTS["pin-state-costs-a-try"], roots).caught
True
"""

from __future__ import annotations

from issuance.mutants.catalogue import MUTANTS
from issuance.mutants.model import Mutant, MutantRun, run_mutant

__all__ = ["MUTANTS", "Mutant", "MutantRun", "run_mutant"]
