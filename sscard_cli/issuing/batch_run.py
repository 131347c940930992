# SPDX-License-Identifier: Apache-2.0
"""Doing a batch before people's eyes: progress with rate and time left, one line when it stops."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from issuance.batch.clerks import written_table
from issuance.batch.errors import BatchStoppedError
from issuance.batch.job import Job
from issuance.batch.pools import (
    BANK_PASSPHRASE_VARIABLE,
    PASSPHRASE_VARIABLE,
    ChunkPool,
    cluster,
    processes,
    single_process,
)
from issuance.batch.run import REJECTS_FILE, RETURN_FILE, work
from issuance.batch.status import BatchSummary, has_batch, job_of
from issuance.stores import open_store
from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.workers import ClusterAccess
from sscard_cli.errors import RefusedError, interrupted
from sscard_cli.issuing.transport import TRANSPORT_PASSPHRASE_VARIABLE
from sscard_cli.progress import progress_bar
from sscard_cli.screen import facts, show
from sscard_cli.stores import AskedOnce, passphrase_source

Passphrases = tuple[str | None, str | None, str | None]
"""Of the root keys, the bank's and those of transport; None for a store that has none."""


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who makes the cards of a batch, and where the passphrases of its stores are."""

    workers: int
    cluster: ClusterAccess | None
    passphrase_file: Path | None
    bank_passphrase_file: Path | None
    transport_passphrase_file: Path | None

    def passphrases(self, keys: str, bank_keys: str, transport_keys: str) -> Passphrases:
        """Those that the stores at these places were opened with, which are opened to see.

        :raises KeyStoreError: one cannot be opened.
        """
        if self.cluster is not None:  # its machines have stores of their own at these places
            return (None, None, None)
        return (
            _tried(keys, self.passphrase_file, PASSPHRASE_VARIABLE),
            _tried(bank_keys, self.bank_passphrase_file, BANK_PASSPHRASE_VARIABLE),
            _tried(transport_keys, self.transport_passphrase_file, TRANSPORT_PASSPHRASE_VARIABLE),
        )

    def pool(self, job: Job, given: Passphrases | None = None) -> ChunkPool:
        """The pool for a job. The keys are opened here first: a fault is reported at once.

        :raises BatchStoppedError:
        """
        if self.cluster is not None:
            return cluster(self.cluster)
        if given is None:
            try:
                given = self.passphrases(job.keys, job.bank_keys, job.transport_keys)
            except KeyStoreError as error:
                raise BatchStoppedError(str(error)) from None
        return single_process(*given) if self.workers == 1 else processes(self.workers, *given)


def _tried(location: str, passphrase_file: Path | None, variable: str) -> str | None:
    """The passphrase that a store was opened with, if it needs one."""
    if not location:
        return None
    ask = AskedOnce(passphrase_source(passphrase_file, variable))
    open_store(location, ask).close()
    return ask.given


def work_shown(
    folder: Path, workforce: Workforce, *, quiet: bool, given: Passphrases | None = None
) -> BatchSummary:
    """Do the batch in ``folder``, with a progress bar on stderr if that is a terminal."""
    try:
        pool = workforce.pool(job_of(folder), given)
        with progress_bar("cards", quiet=quiet, resumed=True) as update:
            return work(folder, pool, lambda done: update(done.holders, done.total))
    except BatchStoppedError as error:
        raise RefusedError(f"{error}; {_goes_on(folder)}") from error


@contextmanager
def interruptible(folder: Path) -> Iterator[None]:
    """A block that begins or does a batch; interrupted, it says by which command that goes on."""
    try:
        with _end_is_interrupt():
            yield
    except KeyboardInterrupt:
        if not has_batch(folder):
            raise
        raise interrupted(_goes_on(folder)) from None


def _goes_on(folder: Path) -> str:
    return f"sscard batch resume {shlex.quote(str(folder))} goes on"


@contextmanager
def _end_is_interrupt() -> Iterator[None]:
    """A request to end (SIGTERM) stops the batch as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
