# SPDX-License-Identifier: Apache-2.0
"""A run over day files: read, verify, judge, post (extra ``settlement``)."""

from __future__ import annotations

from sscard_chip.settlement.run.pools import Cluster, KeySource, RunStoppedError
from sscard_chip.settlement.run.run import BATCH_ROWS, Progress, Run, Summary
from sscard_chip.workers import Alone, Pool, Threads

__all__ = [
    "BATCH_ROWS",
    "Alone",
    "Cluster",
    "KeySource",
    "Pool",
    "Progress",
    "Run",
    "RunStoppedError",
    "Summary",
    "Threads",
]
