# SPDX-License-Identifier: Apache-2.0
"""A batch without its cards: everything that is wrong with a table, and nothing is given out.

It is the work of a batch on copies: an issuer's ledger that nobody sees, a folder that goes away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from issuance.batch.job import DATA, Job
from issuance.batch.ledger import (
    ISSUER_LEDGER,
    BatchLedger,
    IssuerLedger,
    Reject,
    copy_issuer_ledger,
)
from issuance.batch.run import start
from issuance.batch.status import batch_facts
from issuance.batch.tasks import TaskSource, opened_table
from issuance.batch.work import check_chunk
from issuance.holders.mapping import HolderMapping, parse_mapping


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """Rows that were read, of ``total`` lines, None when the table does not say."""

    rows: int
    total: int | None


@contextmanager
def checked_batch(
    *,
    generation: int,
    holders: Path,
    mapping: Path | None = None,
    ledger: Path | None = None,
    progress: Callable[[CheckProgress], None] | None = None,
    **options: Any,
) -> Iterator[Iterator[Reject]]:
    """The findings of a batch of these holders, by row, each as it is found.

    ``ledger`` is the issuer's, which is only read; without it no earlier batch is known.
    ``options`` are further ones of :func:`~issuance.batch.run.start`. No keys are needed.

    :raises BatchError:
    :raises BatchStoppedError:
    :raises HolderListError:
    :raises RegionError:
    :raises OSError:
    """
    with TemporaryDirectory(prefix="sscard-check-") as name:
        folder, copy = Path(name) / "batch", Path(name) / ISSUER_LEDGER
        if ledger is not None:
            copy_issuer_ledger(ledger, copy)
        start(
            folder,
            generation=generation,
            keys="",
            holders=holders,
            mapping=mapping,
            ledger=copy,
            outputs=(DATA,),
            only_check=True,
            **options,
        )
        columns_of = parse_mapping(mapping.read_bytes(), str(mapping)) if mapping else None
        with (
            BatchLedger(folder) as own,
            IssuerLedger(copy) as issuer,
            opened_table(
                holders, columns_of or HolderMapping(), assigned=bool(options.get("number_prefix"))
            ) as (table, columns),
        ):
            facts = batch_facts(folder, own)
            source = TaskSource(Job.from_facts(facts["job"]), facts, own, issuer)

            def findings() -> Iterator[Reject]:
                rows = 0
                for task in source.tasks(table, columns):
                    yield from check_chunk(task)
                    rows += len(task.rows)
                    if progress is not None:
                        progress(CheckProgress(rows, facts["total"]))

            yield findings()
