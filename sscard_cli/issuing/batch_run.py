# SPDX-License-Identifier: Apache-2.0
"""Doing a batch before people's eyes: progress with rate and time left, one line when it stops."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from issuance.batch.clerks import written_table
from issuance.batch.errors import BatchStoppedError
from issuance.batch.pools import PASSPHRASE_VARIABLE, ChunkPool, cluster, processes, single_process
from issuance.batch.run import REJECTS_FILE, RETURN_FILE, BatchSummary, job_of, work
from issuance.stores import open_store
from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.workers import ClusterAccess
from sscard_cli.errors import RefusedError
from sscard_cli.progress import progress_bar
from sscard_cli.screen import facts, show
from sscard_cli.stores import AskedOnce, passphrase_source


def work_shown(
    folder: Path,
    passphrase_file: Path | None,
    workers: int,
    access: ClusterAccess | None,
    *,
    quiet: bool,
) -> BatchSummary:
    """Do the batch in ``folder``, with a progress bar on stderr if that is a terminal."""
    try:
        job = job_of(folder)
        pool = _pool(job.keys, passphrase_file, workers, access, folder)
        with progress_bar("cards", quiet=quiet, resumed=True) as update:
            return work(folder, pool, lambda done: update(done.holders, done.total))
    except BatchStoppedError as error:
        raise RefusedError(f"{error}; sscard batch resume {folder} goes on") from error


def _pool(
    location: str,
    passphrase_file: Path | None,
    workers: int,
    access: ClusterAccess | None,
    folder: Path,
) -> ChunkPool:
    """Who does the work. The keys are opened here first: what is wrong is reported at once."""
    if access is not None:
        return cluster(access)
    ask = AskedOnce(passphrase_source(passphrase_file, PASSPHRASE_VARIABLE))
    try:
        open_store(location, ask).close()
    except KeyStoreError as error:
        raise BatchStoppedError(str(error)) from None
    return single_process(ask.given) if workers == 1 else processes(workers, ask.given)


def print_batch_summary(summary: BatchSummary) -> None:
    """The summary for people."""
    grid = facts()
    total = f" of {summary.total}" if summary.total is not None else ""
    rows = {
        "state": summary.state,
        "cards": f"generation {summary.generation}, {summary.algorithm}",
        "holders read": f"{summary.holders}{total}",
        "cards made": str(summary.cards),
        "rows rejected": str(summary.rejected),
        "seconds of work": f"{summary.work_seconds:.1f}",
    }
    if summary.cards and summary.work_seconds:
        rows["cards a second and core"] = f"{summary.cards / summary.work_seconds:,.0f}"
    if summary.state == "finished":
        rows["return file"] = written_table(summary.folder, RETURN_FILE)
        if summary.rejected:
            rows["rejected rows"] = written_table(summary.folder, REJECTS_FILE)
    for name, value in rows.items():
        grid.add_row(name, value)
    show(Text(f"Batch {summary.batch}", "bold"), grid)
