# SPDX-License-Identifier: Apache-2.0
"""Kinds of fields that several documents of the service have."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from sscard_chip.standard.dates import date_rule
from sscard_chip.standard.documents import Model, rule


class PrivateModel(Model, frozen=True):
    """A model that may hold what is a person's or a secret: its text names the class alone, so that
    no log, traceback or debugger's list of variables shows a value."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


def plain(most: int) -> msgspec.Meta:
    """The rule of a text for people: so many characters at most, and none that is not printed
    (line feeds, zero, marks that turn the direction of text)."""
    said = f"must be at most {most} printable characters"
    return rule(said, max_length=most, check=lambda text: None if text.isprintable() else said)


def _day_rule(text: str) -> str | None:
    return date_rule(text) if text else None


DayText = Annotated[str, rule(check=date_rule)]
"""A real day, YYYYMMDD."""
OptionalDay = Annotated[str, rule(check=_day_rule)]
"""A real day, YYYYMMDD, or empty."""
MonthText = Annotated[str, rule("must be YYYYMM", pattern="[0-9]{4}(0[1-9]|1[0-2])")]
OptionalMonth = Annotated[str, rule("must be YYYYMM", pattern="[0-9]{4}(0[1-9]|1[0-2])|")]
ReceiptNumber = Annotated[str, rule("must be the number of a receipt", pattern="[0-9A-Z]{10,26}")]
OptionalReceipt = Annotated[
    str, rule("must be the number of a receipt", pattern="[0-9A-Z]{10,26}|")
]
NoteText = Annotated[str, plain(200)]
