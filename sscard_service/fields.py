# SPDX-License-Identifier: Apache-2.0
"""Kinds of fields that several documents of the service have."""

from __future__ import annotations

from typing import Annotated

from sscard_chip.standard.dates import date_rule
from sscard_chip.standard.documents import rule


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
NoteText = Annotated[str, rule("must be at most 200 characters", max_length=200)]
