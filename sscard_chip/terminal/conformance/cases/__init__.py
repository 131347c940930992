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
    loading,
    medical,
    parameters,
    pins,
    pullout,
    reading,
    selection,
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
    parameters,
    reading,
    contents,
    files,
    pins,
    authentication,
    certificates,
    writing,
    medical,
    loading,
    transit,
    counting,
    updating,
    wrong,
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
