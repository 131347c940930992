# SPDX-License-Identifier: Apache-2.0
"""Doing a batch before people's eyes: progress with rate and time left, one line when it stops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from issuance.batch.errors import BatchStoppedError
from issuance.batch.pools import PASSPHRASE_VARIABLE, Pool, alone, cluster, processes
from issuance.batch.run import REJECTS_FILE, RETURN_FILE, Summary, job_of, work
from issuance.stores import open_store
from sscard_chip.security.keystore import KeyStoreError
from sscard_cli.errors import RefusedError
from sscard_cli.screen import facts, show
from sscard_cli.stores import passphrase_source


@contextmanager
def stopped_as_refused(folder: Path | None) -> Iterator[None]:
    """What stops a batch, as a refused operation; with ``folder`` how to go on."""
    try:
        yield
    except BatchStoppedError as error:
        hint = f"; sscard batch resume {folder} goes on" if folder else ""
        raise RefusedError(f"{error}{hint}") from error


def work_shown(
    folder: Path,
    passphrase_file: Path | None,
    workers: int,
    address: str | None,
    *,
    quiet: bool,
) -> Summary:
    """Do the batch in ``folder``, with a progress bar on stderr if that is a terminal."""
    with stopped_as_refused(folder):
        job = job_of(folder)
        pool = _pool(job.keys, passphrase_file, workers, address, folder)
        console = Console(stderr=True)
        shown = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        with shown:
            bar = shown.add_task("cards", total=None, rate="")
            started, before = time.monotonic(), -1

            def progress(summary: Summary) -> None:
                nonlocal before
                if before < 0:  # what an earlier run did is not this one's speed
                    before = summary.holders
                seconds = time.monotonic() - started
                rate = (summary.holders - before) / seconds if seconds > 0 else 0.0
                total = summary.total
                shown.update(
                    bar, completed=summary.holders, total=total, rate=f"{rate:,.0f} a second"
                )

            return work(folder, pool, progress)


def _pool(
    location: str, passphrase_file: Path | None, workers: int, address: str | None, folder: Path
) -> Pool:
    """Who does the work. The keys are opened here first: what is wrong is told at once."""
    if address is not None:
        return cluster(address)
    ask = passphrase_source(passphrase_file, PASSPHRASE_VARIABLE)
    given: list[str] = []

    def answer(purpose: str) -> str:
        if not given:
            given.append(ask(purpose))
        return given[0]

    try:
        open_store(location, answer).close()
    except KeyStoreError as error:
        raise BatchStoppedError(str(error)) from None
    passphrase = given[0] if given else None
    return alone(passphrase) if workers == 1 else processes(workers, passphrase)


def print_summary(summary: Summary) -> None:
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
        rows["return file"] = f"{summary.folder}/{RETURN_FILE}"
        if summary.rejected:
            rows["rejected rows"] = f"{summary.folder}/{REJECTS_FILE}"
    for name, value in rows.items():
        grid.add_row(name, value)
    show(Text(f"Batch {summary.batch}", "bold"), grid)
