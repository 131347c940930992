# SPDX-License-Identifier: Apache-2.0
"""Settlement of day files: read, verify, judge, post, write (extra ``settlement``)."""

from __future__ import annotations

from sscard_chip.settlement.run.output import DISPUTES, SUMMARY, VERDICTS, VERDICTS_PARQUET
from sscard_chip.settlement.run.pools import (
    Alone,
    Cluster,
    KeySource,
    Pool,
    RunStoppedError,
    Threads,
)
from sscard_chip.settlement.run.run import BATCH_ROWS, Progress, Run, Summary, settle

__all__ = [
    "BATCH_ROWS",
    "DISPUTES",
    "SUMMARY",
    "VERDICTS",
    "VERDICTS_PARQUET",
    "Alone",
    "Cluster",
    "KeySource",
    "Pool",
    "Progress",
    "Run",
    "RunStoppedError",
    "Summary",
    "Threads",
    "settle",
]
