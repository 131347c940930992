# SPDX-License-Identifier: Apache-2.0
"""Row 15: a day of 5,000 rows where a million cards are registered.

The whole command ``sscard settle run`` as users run it, into a SQLite ledger, in processor time:
with the register of the day's own cards and a million others against none. Beside it, net of what
the command takes for a day without sales: the million against a register of the day's own cards
alone. ``SSCARD_BENCH_CARDS`` is the number of the others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.rows import Row, UnavailableError

try:
    import numpy as np

    from sscard_chip.dayfile.rows import DayHeader, DayTrailer
    from sscard_chip.settlement import synthesize as s
    from sscard_chip.settlement.ledger import CardColumns, Ledger, read_cards, register_cards
except ImportError as error:
    raise UnavailableError(str(error)) from error

GOAL: Final = 1.5
ROUNDS: Final = 5
CARDS: Final = 1_000_000
NONE, OWN, ALL = "none", "own", "all"


def others(count: int) -> CardColumns:
    """Cards that nobody uses on this day, of persons of their own."""
    numbers = np.arange(count, dtype=np.uint64)
    digits = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    prefix = np.frombuffer(bytes.fromhex("510100D15600A000"), np.uint8)
    return CardColumns(
        card_number=np.array([f"Y{one:08d}" for one in range(count)], "S9"),
        card_id_code=np.concatenate((np.tile(prefix, (count, 1)), digits), axis=1),
        division=np.full(count, 510100),
        psn_no=np.array([f"9{one:019d}" for one in range(count)], "S30"),
        factor=digits,
        valid_to=np.zeros(count, np.int64),
        opening_fen=np.zeros(count, np.int64),
    )


def make(folder: Path, count: int) -> None:
    """The day, a day without sales, and the three ledgers."""
    keys = folder / "roots.json"
    subprocess.run([*_SSCARD, "keys", "create", str(keys)], check=True, stdout=subprocess.DEVNULL)
    wanted = ["--cards", "4000", "--pharmacies", "20", "--debits", "5000", "--faults", "0.002"]
    made = ["settle", "synthesize", "--keys", str(keys), "--out", str(folder / "day"), *wanted]
    subprocess.run([*_SSCARD, *made], check=True, stdout=subprocess.DEVNULL)
    header = DayHeader("P51010000001", "510100000001", "20260315", None, "1" * 20)
    before = f"{header.encode()}\n".encode()
    trailer = DayTrailer(0, (0, 0, 0, 0), sha256(before).digest())
    (folder / "empty.tsv").write_bytes(before + f"{trailer.encode()}\n".encode())
    own = read_cards(folder / "day" / s.CARDS)
    registers = {NONE: [], OWN: [own.cards], ALL: [own.cards, others(count)]}
    for name, cards in registers.items():
        with Ledger.open(folder / f"{name}.db") as ledger:
            for at, some in enumerate(cards):
                with ledger.transaction(exclusive=True) as t:
                    register_cards(t, some, own.date, f"cards {at}")


_SSCARD: Final = (sys.executable, "-m", "sscard_cli")


def settle(folder: Path, name: str, days: str) -> float:
    """Seconds of the processor that the command takes for a fresh copy of a ledger."""
    ledger, out = folder / "round.db", folder / "out"
    shutil.copyfile(folder / f"{name}.db", ledger)
    arguments = ["settle", "run", str(folder / days), "--keys", str(folder / "roots.json")]
    arguments += ["--ledger", str(ledger), "--out", str(out)]
    process = subprocess.Popen([*_SSCARD, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    for left in folder.glob("round.db*"):
        left.unlink()
    shutil.rmtree(out)
    return usage.ru_utime + usage.ru_stime


def rows() -> list[Row]:
    """Row 15."""
    count = int(os.environ.get("SSCARD_BENCH_CARDS", str(CARDS)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, count)
        taken: dict[tuple[str, str], list[float]] = {}
        for _ in range(ROUNDS):
            for register in (NONE, OWN, ALL):
                for days in ("empty.tsv", f"day/{s.DAYS}"):
                    seconds = settle(folder, register, days)
                    taken.setdefault((register, days), []).append(seconds)
    whole = {register: median(taken[register, f"day/{s.DAYS}"]) for register in (NONE, OWN, ALL)}
    net = {one: whole[one] - median(taken[one, "empty.tsv"]) for one in (OWN, ALL)}
    ratio, beside = whole[ALL] / whole[NONE], net[ALL] / net[OWN]
    detail = (
        f"{whole[ALL]:.2f} s with {count:,} cards, {whole[OWN]:.2f} s with the day's own,"
        f" {whole[NONE]:.2f} s with none; net of start-up {net[ALL]:.2f} s / {net[OWN]:.2f} s"
        f" = {beside:.2f}, goal {GOAL}"
    )
    what = "a day of 5,000 rows at a million registered cards / at none"
    return [Row(15, what, ratio, GOAL, "<=", detail, extra=beside <= GOAL)]
