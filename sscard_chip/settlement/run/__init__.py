# SPDX-License-Identifier: Apache-2.0
"""A run over day files: read, verify, judge, post (extra ``settlement``)."""

from __future__ import annotations

from sscard_chip.settlement.run.pools import KeySource, RunStoppedError, SettlementCluster
from sscard_chip.settlement.run.run import BATCH_ROWS, Run
from sscard_chip.settlement.run.summary import RunProgress, RunSummary
from sscard_chip.workers import Pool, SingleThread, Threads

__all__ = [
    "BATCH_ROWS",
    "KeySource",
    "Pool",
    "Run",
    "RunProgress",
    "RunStoppedError",
    "RunSummary",
    "SettlementCluster",
    "SingleThread",
    "Threads",
]
