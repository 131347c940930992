# SPDX-License-Identifier: Apache-2.0
"""Where a batch stands, from its ledger: running, finished or void, and what came of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from issuance.batch.errors import BatchError
from issuance.batch.job import Job
from issuance.batch.ledger import LEDGER, LOCK, BatchLedger, ChunkCount

RUNNING: Final = "running"
FINISHED: Final = "finished"
VOID: Final = "void"

_BEFORE_FACTS: Final = frozenset((LOCK, LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm"))
"""What lies in a folder before its ledger says what the batch is."""


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """Where a batch stands. ``total`` counts lines of the table, None when it does not say.

    ``state`` is "running", also for one that was stopped, "finished" or "void".
    """

    folder: str
    batch: str
    generation: int
    algorithm: str
    state: str
    chunks: int
    holders: int
    cards: int
    rejected: int
    total: int | None
    work_seconds: float
    max_rejects: int | None = None

    @property
    def fault(self) -> str:
        """Why a finished batch is none that one wanted; empty for one that is well."""
        if self.state != FINISHED:
            return ""
        if not self.cards:
            return f"no card was made, {self.rejected} rows are rejected"
        if self.max_rejects is not None and self.rejected > self.max_rejects:
            return f"{self.rejected} rows are rejected, more than {self.max_rejects}"
        return ""


def job_of(folder: Path) -> Job:
    """The job of the batch in a folder.

    :raises BatchError:
    """
    with BatchLedger(folder, lock=False) as ledger:
        return Job.from_facts(batch_facts(folder, ledger)["job"])


def batch_status(folder: Path) -> BatchSummary:
    """Where the batch in a folder stands.

    :raises BatchError:
    """
    with BatchLedger(folder, lock=False) as ledger:
        return summary_of(folder, batch_facts(folder, ledger), ledger.done())


def has_batch(folder: Path) -> bool:
    """Whether a batch was begun in a folder: its ledger says what it is.

    :raises BatchStoppedError: for a ledger that is none.
    """
    if not (folder / LEDGER).is_file():
        return False
    with BatchLedger(folder, lock=False) as ledger:
        return bool(ledger.facts())


def is_unused(folder: Path) -> bool:
    """Whether a folder is empty, or a batch was stopped there before it began.

    :raises OSError:
    """
    return _BEFORE_FACTS.issuperset(entry.name for entry in folder.iterdir())


def batch_facts(folder: Path, ledger: BatchLedger) -> dict[str, Any]:
    """All that the ledger of a batch says about it.

    :raises BatchError: for one that was stopped before it began.
    """
    facts = ledger.facts()
    if "job" not in facts:
        raise BatchError(f"{folder}: the batch was stopped before it began; start it anew")
    return facts


def summary_of(
    folder: Path, facts: Mapping[str, Any], done: Mapping[int, ChunkCount]
) -> BatchSummary:
    """What the facts of a batch and its finished chunks come to."""
    job = facts["job"]
    return BatchSummary(
        folder=str(folder),
        batch=job["batch"],
        generation=job["generation"],
        algorithm=job["algorithm"],
        state=facts["state"],
        chunks=len(done),
        holders=sum(count.holders for count in done.values()),
        cards=sum(count.cards for count in done.values()),
        rejected=sum(count.rejected for count in done.values()),
        total=facts["total"],
        work_seconds=round(sum(count.seconds for count in done.values()), 3),
        max_rejects=facts.get("max_rejects"),
    )
