# SPDX-License-Identifier: Apache-2.0
"""Faults that a tester orders: what goes wrong between a program and the centre, and when.

A TOML document (sscard-faults/1) of ``[[fault]]`` tables. A fault waits until ``after`` messages
of its ``infno`` (any where it names none) have gone by, and then happens ``times`` times (0:
always). Of several that are due the first of the document happens.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Annotated, Final, Literal

import msgspec

from sscard_chip.standard.documents import Document, DocumentError, Model, rule

FORMAT: Final = "sscard-faults/1"

FaultKind = Literal[
    "no-answer", "delay", "unauthorised", "failure", "error-page", "cut", "token-expired", "twice"
]


class FaultsError(DocumentError):
    """A document of faults that cannot be used."""


class GatewayFault(Model, frozen=True):
    """One fault.

    ``no-answer``: it is done, and the line breaks. ``delay``: the answer comes ``seconds`` later.
    ``unauthorised``: 401, as for a ``reason``. ``failure``: infcode −1 with ``message``, not done.
    ``error-page``: HTML of status 502, not done. ``cut``: done, and the answer ends in the middle.
    ``token-expired``: 401, and no token is good any more. ``twice``: done twice, as a proxy may.
    """

    kind: FaultKind
    infno: Annotated[
        str | None, rule("must be a number of a transaction", pattern="[0-9A-Z]{1,6}")
    ] = None
    after: Annotated[int, rule(ge=0, le=1_000_000)] = 0
    times: Annotated[int, rule(ge=0, le=1_000_000, title="0: always")] = 1
    seconds: Annotated[int, rule(ge=0, le=600, unit=" seconds", title="Of a delay")] = 0
    reason: Annotated[
        Literal["missing", "late", "unknown", "different"], rule(title="Of a 401")
    ] = "different"
    message: Annotated[
        str, rule("must be at most 200 characters", pattern=".{0,200}", title="Of a failure")
    ] = "系统繁忙，请稍后再试"


class FaultsDocument(Model, frozen=True):
    """All of them (sscard-faults/1)."""

    WHAT = "faults of a gateway"

    format: Annotated[Literal["sscard-faults/1"], rule(f'must be "{FORMAT}"')]
    fault: list[GatewayFault] = msgspec.field(default_factory=list)


def load_faults(path: str | os.PathLike[str]) -> FaultsDocument:
    """The faults in a TOML file.

    :raises FaultsError: one line with all fields that break a rule.
    :raises OSError: the file cannot be read.
    """
    return Document.load(path, FaultsError).to(FaultsDocument, separator=".")


class FaultPlan:
    """What is still to happen; every method may be called by any thread."""

    def __init__(self, document: FaultsDocument) -> None:
        self._turn = Lock()
        self._faults = document.fault
        self._seen = [0] * len(self._faults)
        self._done = [0] * len(self._faults)

    def next(self, infno: str) -> GatewayFault | None:
        """The fault of this message, if one is due."""
        due = None
        with self._turn:
            for at, one in enumerate(self._faults):
                if one.infno not in (None, infno):
                    continue
                self._seen[at] += 1
                if self._seen[at] <= one.after or (one.times and self._done[at] >= one.times):
                    continue
                if due is None:
                    due = at
            if due is None:
                return None
            self._done[due] += 1
            return self._faults[due]
