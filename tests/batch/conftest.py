# SPDX-License-Identifier: Apache-2.0
"""Batches in a scratch folder, of invented holders, with the vectors' root keys."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from issuance.batch.pools import ChunkPool, single_process
from issuance.batch.run import BatchSummary, start, work
from issuance.batch.synthesize import COLUMNS, synthesize_holders
from tests.vectors.cards import roots

CITY = "639900"
TODAY = date(2026, 7, 1)
Person = dict[str, str]
RunBatch = Callable[..., BatchSummary]


def people(count: int, *, seed: int = 0) -> list[Person]:
    """Invented holders by column."""
    return [
        dict(zip(COLUMNS, values, strict=True))
        for values in synthesize_holders(count, seed=seed, city=CITY)
    ]


def write_table(path: Path, persons: Sequence[Person]) -> Path:
    """A CSV table with the columns of all persons."""
    columns = list(dict.fromkeys(name for person in persons for name in person))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(persons)
    return path


def rows_of(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    """The rows of a CSV table."""
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "roots.json"
    roots().save(path)
    return path


@pytest.fixture
def run_batch(tmp_path: Path, keys: Path) -> RunBatch:
    """Run a batch of persons or of a table in ``tmp_path / name``."""

    def run(
        holders: Sequence[Person] | Path,
        *,
        generation: int = 3,
        name: str = "out",
        pool: ChunkPool | None = None,
        **options: Any,
    ) -> BatchSummary:
        table = holders if isinstance(holders, Path) else tmp_path / f"{name}.csv"
        if not isinstance(holders, Path):
            write_table(table, holders)
        folder = tmp_path / name
        start(
            folder,
            generation=generation,
            keys=str(keys),
            holders=table,
            **{"today": TODAY, **options},
        )
        return work(folder, pool or single_process(None))

    return run
