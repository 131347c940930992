# SPDX-License-Identifier: Apache-2.0
"""Rows 10 and 11: cards of a batch against their key derivation, workers, memory."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.paired import processor_paired
from benchmarks.rows import Row, UnavailableError
from issuance.batch.cards import CardOrder, make_cards
from issuance.batch.container import encode_container
from issuance.batch.pools import processes, single_process
from issuance.batch.run import start, work
from issuance.batch.synthesize import COLUMNS, DEFAULT_CITY, synthesize_holders, write_holders
from issuance.batch.template import template_of
from issuance.holder import Holder
from issuance.personalise import make_historical_bytes
from issuance.roots import create_roots
from issuance.stores import WorkingKeys
from issuance.values import Contents
from sscard_chip.profile import for_generation
from sscard_chip.security.diversify import Chains, card_chain
from sscard_chip.standard.keys import MF_MASTER_KEY

CARDS: Final = 1000
PAIRS: Final = 7
WORKER_CARDS: Final = 100_000
WORKER_PAIRS: Final = 3
SMALL, LARGE = 4_000, 40_000
MORE_MEMORY: Final = 1.10
MORE_PROCESSOR: Final = 1.05
_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER


def rows() -> list[Row]:
    """Row 10 for the suites of generations 2 and 3; row 11."""
    found = [_derivation_row(generation, suite) for generation, suite in ((2, "3des"), (3, "sm4"))]
    return [*found, _workers_row()]


def _derivation_row(generation: int, suite: str) -> Row:
    """Checked holders become a container, against the derivation of the same keys alone."""
    profile = for_generation(generation)
    store = WorkingKeys(create_roots())
    template = template_of(profile, suite)
    holders = [
        Holder.from_object(dict(zip(COLUMNS, values, strict=True)))
        for values in synthesize_holders(CARDS)
    ]
    serials = [number.to_bytes(4) for number in range(1, CARDS + 1)]
    orders = [
        CardOrder(holder, serial, Contents())
        for holder, serial in zip(holders, serials, strict=True)
    ]
    names = [
        (key.root, version)
        for directory in profile.directories
        for key in directory.keys
        for version in range(1, key.versions + 1)
    ]
    names += [(MF_MASTER_KEY, 1), *((directory.master_key, 1) for directory in profile.directories)]

    def personalise() -> None:
        encode_container(template, make_cards(template, store, orders))

    def derive() -> None:
        chains = Chains(
            card_chain(DEFAULT_CITY, make_historical_bytes(profile, DEFAULT_CITY, serial))
            for serial in serials
        )
        for name, version in dict.fromkeys(names):
            store.diversify(suite, name, version, chains)

    times = processor_paired(personalise, derive, pairs=PAIRS)
    each = times.first / CARDS / 1000
    return Row(
        10,
        f"personalise a card of generation {generation} in a batch, {suite} / its keys alone",
        times.ratio,
        2.0,
        "<=",
        f"{each:.0f} µs a card, {1e6 / each:,.0f} cards/s and core, {len(set(names))} keys each",
    )


def _workers_row() -> Row:
    if len(os.sched_getaffinity(0)) < 2:
        raise UnavailableError("two processor cores, for two workers")
    with _folder() as folder:
        roots = folder / "roots.json"
        create_roots().save(roots)
        ratios, speeds, more = [], [], []
        for number in range(WORKER_PAIRS):
            one, two = (
                _measured(folder, roots, f"{number}-{workers}", WORKER_CARDS, workers)
                for workers in (1, 2)
            )
            ratios.append(one.wall / two.wall)
            more.append(two.processor / one.processor)
            speeds.append(WORKER_CARDS / one.wall)
        peaks = [_peak(folder, roots, count) for count in (SMALL, LARGE)]
    growth = peaks[1] / peaks[0]
    return Row(
        11,
        f"{WORKER_CARDS:,} cards on two workers / on one; processor; memory at ten times the size",
        median(ratios),
        1.85,
        ">=",
        f"{median(speeds):,.0f} cards/s with one, whole batch;"
        f" processor of all processes × {median(more):.3f};"
        f" memory {peaks[0] // 1024} → {peaks[1] // 1024} MiB, × {growth:.2f}",
        extra=growth <= MORE_MEMORY and median(more) <= MORE_PROCESSOR,
    )


class Measured(NamedTuple):
    """Seconds of a batch: of the clock, and of all its processes together."""

    wall: float
    processor: float


def _measured(folder: Path, roots: Path, name: str, count: int, workers: int) -> Measured:
    """A batch in a process of its own.

    The processes that it leaves, such as the server of its workers, become this one's children,
    so that what they used counts.
    """
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    program = (
        "import sys, time; from pathlib import Path; from benchmarks.batch import _run;"
        "before = time.process_time();"
        "folder, roots, name, *numbers = sys.argv[1:];"
        "wall = _run(Path(folder), Path(roots), name, *map(int, numbers));"
        "print(before, wall)"
    )
    command = [sys.executable, "-c", program, str(folder), str(roots), name, str(count)]
    begun = _of_children()
    done = subprocess.run([*command, str(workers)], check=True, capture_output=True, text=True)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    before, wall = map(float, done.stdout.split())
    return Measured(wall, _of_children() - begun - before)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(folder: Path, roots: Path, name: str, count: int, workers: int) -> float:
    table = folder / f"{count}.csv"
    if not table.exists():
        with table.open("w", encoding="utf-8", newline="") as stream:
            write_holders(stream, count)
    out = folder / name
    start(
        out,
        generation=3,
        keys=str(roots),
        holders=table,
        ledger=folder / f"{name}.sqlite",
        today=date(2026, 7, 1),
    )
    pool = single_process(None) if workers == 1 else processes(workers, None)
    begun = time.perf_counter()
    work(out, pool)
    return time.perf_counter() - begun


def _peak(folder: Path, roots: Path, count: int) -> int:
    """Most memory, KiB, of a process that makes a batch of this size."""
    program = (
        "import sys; from pathlib import Path; from benchmarks.batch import _run, own_peak;"
        "_run(Path(sys.argv[1]), Path(sys.argv[2]), f'peak-{sys.argv[3]}', int(sys.argv[3]), 1);"
        "print(own_peak())"
    )
    command = [sys.executable, "-c", program, str(folder), str(roots), str(count)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(result.stdout)


def own_peak() -> int:
    """Most memory of this process so far, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sscard-bench-") as name:
        yield Path(name)
