# SPDX-License-Identifier: Apache-2.0
"""The cases of the suite, in modules by what they are about."""

from __future__ import annotations

from functools import cache

from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.cases import (
    answers,
    authentication,
    certificates,
    contents,
    counting,
    files,
    journeys,
    keeping,
    loading,
    medical,
    parameters,
    pins,
    pullout,
    reading,
    selection,
    signing,
    sweeps,
    transit,
    transport,
    updating,
    writing,
    wrong,
)

__all__ = ["catalogue"]

_MODULES = (
    answers,
    transport,
    selection,
    sweeps,
    parameters,
    reading,
    contents,
    files,
    pins,
    authentication,
    certificates,
    signing,
    writing,
    medical,
    loading,
    transit,
    journeys,
    counting,
    updating,
    wrong,
    keeping,
    pullout,
)


@cache
def catalogue() -> tuple[Case, ...]:
    """Every case, those that belong together side by side."""
    found: dict[str, Case] = {}
    for module in _MODULES:
        for case in module.cases():
            if case.identifier in found:
                raise ValueError(f"two cases are called {case.identifier}")
            found[case.identifier] = case
    return tuple(found.values())
