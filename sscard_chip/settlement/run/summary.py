# SPDX-License-Identifier: Apache-2.0
"""What a run did, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sscard_chip.settlement.columnar import RefusedFile
from sscard_chip.settlement.judge.codes import FINDINGS, Masks, held, posted, rows_with
from sscard_chip.settlement.run.batch import Batch

_SUMS: Final = ("total_fen", "fund_fen", "account_fen", "cash_fen")


@dataclass(slots=True)
class RunSummary:
    """What a run did. ``files`` are those whose rows have verdicts.

    ``anchor`` proves what is posted by then (:mod:`sscard_chip.settlement.ledger.chain`).
    """

    files: int = 0
    rows: int = 0
    posted: int = 0
    refused: int = 0
    held: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    posted_fen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SUMS, 0))
    settled_before: int = 0
    given_twice: list[str] = field(default_factory=list)
    refused_files: list[RefusedFile] = field(default_factory=list)
    without_key: list[str] = field(default_factory=list)
    register: bool = False
    anchor: str = ""

    def count(self, batch: Batch, masks: Masks) -> None:
        """Add the verdicts of files to the self."""
        columns = batch.columns
        good, waits = posted(masks), held(masks)
        self.files += len(batch.heads)
        self.rows += len(masks)
        self.posted += int(good.sum())
        self.held += int(waits.sum())
        self.refused += int((~good & ~waits).sum())
        for one in FINDINGS:
            count = rows_with(masks, one.code)
            if count:
                name = str(int(one.code))
                self.codes[name] = self.codes.get(name, 0) + count
        for name in _SUMS:
            self.posted_fen[name] += int(getattr(columns, name)[good].sum())

    def document(self) -> dict[str, Any]:
        """As ``summary.json`` has it."""
        return {
            "format": "sscard-settlement/1",
            "files": self.files,
            "files_settled_before": self.settled_before,
            "files_given_twice": sorted(self.given_twice),
            "files_refused": [
                {"file": Path(one.path).name, "reason": one.reason} for one in self.refused_files
            ],
            "rows": self.rows,
            "posted": self.posted,
            "refused": self.refused,
            "held": self.held,
            "codes": {code: self.codes[code] for code in sorted(self.codes, key=int)},
            "posted_fen": self.posted_fen,
            "without_key": self.without_key,
            "card_register": self.register,
            "anchor": self.anchor,
        }


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is: what it does, and as if ``rows`` of ``total`` rows were finished.

    A batch counts in parts, by what its steps have been measured to take.
    """

    step: str
    rows: int
    total: int


RunProgressCallback = Callable[[RunProgress], None]
