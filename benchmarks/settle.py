# SPDX-License-Identifier: Apache-2.0
"""Row 9: settlement of a day's files against its bulk cryptography alone.

A day of 400,000 debits of 40,000 cards at 600 pharmacies, with faults, as ``sscard settle
synthesize`` makes it; ``SSCARD_BENCH_DAY`` multiplies all three (5 is the day of the issue).
Settled into a SQLite ledger that has the card register, every card with an account. The
cryptography is what the run itself asks of it: derive the keys of the cards, compute and compare
the TACs. Both in processor time of one core; rows a second are by the clock.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.paired import one_core
from benchmarks.rows import Row, UnavailableError, no_garbage_collection

try:
    import numpy as np

    from issuance.roots import RootKeys, create_roots
    from sscard_chip.dayfile.hotlist import Hotlist
    from sscard_chip.dayfile.pharmacies import Pharmacies
    from sscard_chip.settlement import synthesize as s
    from sscard_chip.settlement.columnar import DayFileHead, survey
    from sscard_chip.settlement.judge.rules import Rules
    from sscard_chip.settlement.ledger import Ledger, read_cards, register_cards
    from sscard_chip.settlement.run import Run, SingleThread
    from sscard_chip.settlement.run.work import tac_columns
    from sscard_chip.settlement.tac import TacVerifier
except ImportError as error:
    raise UnavailableError(str(error)) from error

GOAL: Final = 4.0
ROUNDS: Final = 3


@dataclass(frozen=True)
class Day:
    """A day's files, and a ledger that has nothing but the register."""

    folder: Path
    heads: list[DayFileHead]
    rules: Rules

    @classmethod
    def make(cls, folder: Path, wanted: s.Wanted) -> Day:
        """The files that are wanted, and the ledger."""
        s.synthesize(folder / "day", keys(), wanted)
        with Ledger.open(folder / "ledger.db") as ledger:
            file = read_cards(folder / "day" / s.CARDS)
            ledger.run(lambda t: register_cards(t, file.cards, file.date, "cards"), exclusive=True)
        paths = [str(path) for path in (folder / "day" / s.DAYS).iterdir()]
        rules = Rules(
            hotlist=Hotlist.load(folder / "day" / s.HOTLIST),
            pharmacies=Pharmacies.load(folder / "day" / s.PHARMACIES),
        )
        return cls(folder, survey(paths)[0], rules)

    def settle(self, register: bool) -> tuple[float, float, int]:
        """Settle into a fresh ledger: seconds of the processor, of the clock, and rows."""
        place = self.folder / "round.db"
        if register:
            shutil.copyfile(self.folder / "ledger.db", place)
        with Ledger.open(place) as ledger:
            run = Run(keys, ledger, self.rules, SingleThread(), lambda _: None)
            started, clock = time.process_time(), time.perf_counter()
            heads, _ = survey([head.path for head in self.heads])
            run.batch(heads)
            taken = time.process_time() - started, time.perf_counter() - clock
            rows = run.summary.rows
        for left in self.folder.glob("round.db*"):
            left.unlink()
        return *taken, rows

    def cryptography(self) -> float:
        """Seconds of the processor for keys and TACs alone, the columns being there."""
        from sscard_chip.settlement.columnar import read_piece

        columns = read_piece(self.heads).columns
        rows = np.flatnonzero(columns.has_tac & ~columns.malformed)
        messages = tac_columns(columns, rows)
        del columns
        verifier = TacVerifier(keys())
        started = time.process_time()
        verifier.verify(messages)
        return time.process_time() - started


def keys() -> RootKeys:
    """Root keys, the same in each call."""
    return create_roots(random.Random(9).randbytes)


def measure(day: Day, register: bool) -> tuple[float, float, float]:
    """The ratio, rows a second by the clock, seconds of cryptography: medians."""
    ratios, rates, alone = [], [], []
    for _ in range(ROUNDS):
        cryptography = day.cryptography()
        processor, clock, rows = day.settle(register)
        ratios.append(processor / cryptography)
        rates.append(rows / clock)
        alone.append(cryptography)
    return median(ratios), median(rates), median(alone)


def rows() -> list[Row]:
    """Row 9."""
    factor = int(os.environ.get("SSCARD_BENCH_DAY", "1"))
    with tempfile.TemporaryDirectory() as name, one_core(), no_garbage_collection():
        wanted = s.Wanted(40_000 * factor, 600 * factor, 400_000 * factor, 0.001)
        day = Day.make(Path(name), wanted)
        ratio, rate, alone = measure(day, register=True)
        bare, bare_rate, _ = measure(day, register=False)
    count = sum(head.trailer.count for head in day.heads)
    detail = (
        f"{count:,} rows: {rate:,.0f} rows/s with accounts, {bare_rate:,.0f} rows/s"
        f" ({bare:.1f} times) without a register; cryptography {alone:.2f} s"
    )
    return [Row(9, "settlement of a day / its bulk cryptography", ratio, GOAL, "<=", detail)]
