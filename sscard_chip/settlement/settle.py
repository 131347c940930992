# SPDX-License-Identifier: Apache-2.0
"""Settle day files: a run over them, and what it and clearing leave in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sscard_chip.settlement.clearing.files import WorkersOf
from sscard_chip.settlement.columnar import LIMITS, DayFileHead, DeliveryLimits, survey
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.ledger.register import register_is_empty
from sscard_chip.settlement.output import Output
from sscard_chip.settlement.run.pieces import post_what_is_left
from sscard_chip.settlement.run.pools import KeySource
from sscard_chip.settlement.run.run import BATCH_ROWS, Run
from sscard_chip.settlement.run.summary import RunProgressCallback, RunSummary
from sscard_chip.settlement.run.work import forget_keys
from sscard_chip.workers import Pool, SingleThread


def settle(
    paths: Sequence[str],
    *,
    keys: KeySource,
    ledger: Ledger,
    out: Path,
    rules: Rules,
    pool: Pool | None = None,
    statement_workers: WorkersOf | None = None,
    batch_rows: int = BATCH_ROWS,
    limits: DeliveryLimits = LIMITS,
    report_progress: RunProgressCallback = lambda progress: None,
) -> RunSummary:
    """Settle day files and write what came of them into the folder ``out``.

    :param keys: opens the root keys, here and in workers.
    :param pool: who works; this process alone without it.
    :param batch_rows: of whole files that are judged and posted together.
    :param statement_workers: starts processes for the statements of thousands of pharmacies.
    :param limits: of a file and a row; a file beyond them is refused.
    :raises KeyStoreError: the root keys cannot be used.
    :raises RunStoppedError: workers are gone; what is posted stays, and a further run goes on.
    :raises LedgerError: as :meth:`~sscard_chip.settlement.ledger.Ledger.run`.
    :raises OSError: ``out`` cannot be written.
    """
    post_what_is_left(ledger)
    run = Run(keys, ledger, rules, pool or SingleThread(), report_progress)
    heads, refused = survey(paths, limits)
    run.summary.refused_files += refused
    run.total = sum(head.trailer.count for head in heads)
    with ledger.reading() as t:
        run.summary.register = not register_is_empty(t)
    names = None if rules.pharmacies is None else rules.pharmacies.names()
    try:
        with Output(out, names, run.threads, statement_workers) as output:
            groups = list(_batches(heads, batch_rows))
            taken = [_settle(run, output, group, last=len(groups) == 1) for group in groups]
            if len(groups) > 1:  # what came later has changed what was found before
                with ledger.reading() as t:
                    for own in taken:
                        batch, masks = run.look_again(t, own)
                        run.summary.count(batch, masks)
                        output.add(batch.heads, batch.columns, masks)
            run.summary.refused_files.sort(key=lambda file: file.path)
            run.summary.anchor = ledger.anchor()
            output.finish(run.summary.document())
    finally:
        forget_keys()
    return run.summary


def _settle(
    run: Run, output: Output, group: Sequence[DayFileHead], *, last: bool
) -> tuple[DayFileHead, ...]:
    """Settle some files; those that were taken. What is alone is written while it is posted.

    A function of its own, so that a batch is gone before the next is read.
    """
    if last:
        run.summary.count(
            *run.batch(group, lambda own, found: output.start(own.heads, own.columns, found))
        )
        run.finish_batch()
        return ()
    batch, _ = run.batch(group)
    run.finish_batch()
    return batch.heads


def _batches(heads: Sequence[DayFileHead], most: int) -> Iterator[list[DayFileHead]]:
    batch: list[DayFileHead] = []
    rows = 0
    for head in heads:
        if batch and rows + head.trailer.count > most:
            yield batch
            batch, rows = [], 0
        batch.append(head)
        rows += head.trailer.count
    if batch:
        yield batch
