# SPDX-License-Identifier: Apache-2.0
"""Rows 9: the whole ``sscard settle run`` as users run it, against what reading a day and storing
it costs.

The day is the issue's: 2,000,000 debits of 200,000 cards at 3,000 pharmacies with faults, as
``sscard settle synthesize`` makes it, hotlist and list of pharmacies, a SQLite ledger with the card
register; ``SSCARD_BENCH_DAY`` multiplies all three numbers (0.1 is a tenth). The run is the
command with all its output, in processor time of all its processes, start-up included.

Its peer reads the same files in one thread: SHA-256 of each, pyarrow.csv of all cells into
typed columns, and binary COPY of the rows that the run kept, nine narrow columns each, into a
PostgreSQL of its own. The processor time of the server counts too, from BEGIN to COMMIT: SQLite
stores in the process of the run, which counts as a whole. What the server has still to write of
earlier work it writes before.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.rows import Row, UnavailableError

try:
    import numpy as np
    import psycopg
    import pyarrow as pa
    import pyarrow.csv as pcsv

    from sscard_chip.dayfile.rows import COLUMNS
    from sscard_chip.settlement import synthesize as s
    from tests.settlement.postgres import PostgresServer
except ImportError as error:
    raise UnavailableError(str(error)) from error

GOAL: Final = 3.0
WALL_GOAL: Final = 0.6
MEMORY_GOAL_MIB: Final = 1024
ROUNDS: Final = 3
CARDS, PHARMACIES, DEBITS = 200_000, 3_000, 2_000_000

_SSCARD: Final = (sys.executable, "-m", "sscard_cli")
_UNCOMPILED: Final = "PYTHONDONTWRITEBYTECODE"
_PIECE: Final = 16 << 20
_COPIED: Final = 1 << 16
_NUMBERS: Final = (
    "key_version",
    "transaction_number",
    "terminal_transaction_number",
    "account_amount_fen",
    "self_paid_amount_fen",
    "pooled_amount_fen",
    "mdtrtarea_admvs",
    "time",
    "terminal_id",
    "refd_setl_flag",
    "grey",
)
_YUAN: Final = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay", "psn_cash_pay")


@dataclass(frozen=True)
class Taken:
    """Seconds of the processor and of the clock, the largest memory of a process in MiB."""

    processor: float
    clock: float
    memory_mib: float


@dataclass(frozen=True)
class Peer:
    """Seconds of the processor: pyarrow.csv of the files, SHA-256, the COPY here and in the
    server."""

    reading: float
    hashing: float
    copying: float
    storing: float

    @property
    def processor(self) -> float:
        """All of it."""
        return self.reading + self.hashing + self.copying + self.storing


def command(*arguments: str | Path) -> Taken:
    """Run ``sscard`` with arguments, and see what it and all its processes take.

    Its modules are compiled once and kept, as those of an installed program are.
    """
    program = (sys.executable, "-m", "benchmarks.measured", *_SSCARD, *map(str, arguments))
    own = {name: value for name, value in os.environ.items() if name != _UNCOMPILED}
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE, env=own)
    return Taken(**json.loads(done.stdout))


@dataclass
class Day:
    """A day's files, and a ledger that has the register and what was settled before."""

    folder: Path
    runs: int = 0

    @property
    def out(self) -> Path:
        """The folder of the last run. Each has its own: new files are dearer to make where
        thousands have been deleted a moment ago."""
        return self.folder / f"out{self.runs}"

    @classmethod
    def make(cls, folder: Path, cards: int, pharmacies: int, debits: int) -> Day:
        """The files, and the ledger."""
        day = cls(folder)
        roots = folder / "roots.json"
        command("keys", "create", roots)
        wanted = ("--cards", cards, "--pharmacies", pharmacies, "--debits", debits)
        faults = ("--faults", "0.001")
        out = folder / "day"
        command("settle", "synthesize", "--keys", roots, "--out", out, *map(str, wanted), *faults)
        command("settle", "cards", out / s.CARDS, "--ledger", folder / "ledger.db")
        day._run("earlier", folder / "ledger.db")
        return day

    def _run(self, days: str, ledger: Path) -> Taken:
        self.runs += 1
        day, out = self.folder / "day", self.out
        lists = ("--hotlist", day / s.HOTLIST, "--pharmacies", day / s.PHARMACIES)
        keys = ("--keys", self.folder / "roots.json", "--ledger", ledger)
        return command("settle", "run", day / days, *keys, *lists, "--out", out)

    def settle(self) -> Taken:
        """The command, into a fresh copy of the ledger and a folder that is not there yet."""
        ledger = self.folder / "round.db"
        shutil.copyfile(self.folder / "ledger.db", ledger)
        taken = self._run(s.DAYS, ledger)
        for left in self.folder.glob("round.db*"):
            left.unlink()
        return taken

    def verdicts_are_right(self) -> bool:
        """Whether the last settlement found what the day was made with."""
        found = (self.out / "verdicts.tsv").read_bytes()
        return found == (self.folder / "day" / "expected.tsv").read_bytes()

    @property
    def rows(self) -> int:
        """Rows of the day."""
        return (self.folder / "day" / "expected.tsv").read_bytes().count(b"\n") - 1

    def peer(self, server: PostgresServer, connection: psycopg.Connection) -> Peer:
        """What reading, hashing and storing the day takes, here and in the server."""
        pa.set_cpu_count(1)
        begun = time.process_time()
        tables, held, size = [], [], 0
        hashing = 0.0
        for path in sorted((self.folder / "day" / s.DAYS).iterdir()):
            content = path.read_bytes()
            before = time.process_time()
            sha256(content).digest()
            hashing += time.process_time() - before
            first = content.index(b"\n") + 1
            held.append(content[first : content.rindex(b"\n", 0, -1) + 1])
            size += len(held[-1])
            if size > _PIECE:
                tables.append(_parse(b"".join(held)))
                held, size = [], 0
        tables.append(_parse(b"".join(held)))
        rows = sum(table.num_rows for table in tables)
        reading = time.process_time() - begun - hashing
        return Peer(reading, hashing, *seconds_to_store(server, connection, np.arange(rows)))


def _parse(rows: bytes) -> Any:
    """The cells of rows as typed columns; broken rows are left out."""
    types = {column.name: pa.string() for column in COLUMNS}
    types |= dict.fromkeys(_NUMBERS, pa.int64()) | dict.fromkeys(_YUAN, pa.float64())
    return pcsv.read_csv(
        pa.BufferReader(rows),
        read_options=pcsv.ReadOptions(
            column_names=["letter", *types], use_threads=False, block_size=2 << 20
        ),
        parse_options=pcsv.ParseOptions(
            delimiter="\t", quote_char=False, invalid_row_handler=lambda row: "skip"
        ),
        convert_options=pcsv.ConvertOptions(
            column_types={"letter": pa.string(), **types},
            null_values=["null"],
            strings_can_be_null=True,
        ),
    )


def seconds_to_store(
    server: PostgresServer, connection: psycopg.Connection, numbers: Any
) -> tuple[float, float]:
    """Store a row for each number: seconds of the processor here, and in the server."""
    prepare(connection)
    begun, before = time.process_time(), server.processor_seconds()
    store(connection, numbers)
    return time.process_time() - begun, server.processor_seconds() - before


def prepare(connection: psycopg.Connection) -> None:
    """An empty table, and a server that has nothing more to write."""
    columns = ", ".join(f"v{at} bigint" for at in range(1, 9))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS kept")
        cursor.execute(f"CREATE TABLE kept (v0 bytea, {columns})")
    connection.commit()
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    connection.commit()


def store(connection: psycopg.Connection, numbers: Any) -> None:
    """Binary COPY of a row for each number into the table that :func:`prepare` makes: a text of
    30 bytes and eight integers."""
    layout = [("fields", ">i2"), ("l0", ">i4"), ("v0", "S30")]
    for at in range(1, 9):
        layout += [(f"l{at}", ">i4"), (f"v{at}", ">i8")]
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY kept FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for at in range(0, len(numbers), _COPIED):
            some = numbers[at : at + _COPIED]
            rows = np.zeros(len(some), np.dtype(layout))
            rows["fields"], rows["l0"], rows["v0"] = 9, 30, b"P51010000000202603150800000000"
            for field in range(1, 9):
                rows[f"l{field}"], rows[f"v{field}"] = 8, some
            copy.write(rows.tobytes())
        copy.write(b"\xff\xff")
    connection.commit()


def rows() -> list[Row]:
    """Rows 9 and 9b."""
    factor = float(os.environ.get("SSCARD_BENCH_DAY", "1"))
    cards, pharmacies, debits = (round(one * factor) for one in (CARDS, PHARMACIES, DEBITS))
    build = Path(__file__).resolve().parent.parent / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name, PostgresServer() as server:
        day = Day.make(Path(name), cards, pharmacies, debits)
        count = day.rows
        with psycopg.connect(server.new_url()) as connection:
            peers, taken = [], []
            for _ in range(ROUNDS):
                peers.append(day.peer(server, connection))
                taken.append(day.settle())
                if not day.verdicts_are_right():
                    raise AssertionError("the verdicts are not those that the day was made with")
    ratio = median(one.processor / peer.processor for one, peer in zip(taken, peers, strict=True))
    processor, clock = median(one.processor for one in taken), median(one.clock for one in taken)
    peer = sorted(peers, key=lambda one: one.processor)[len(peers) // 2]
    wall = median(one.clock / one.processor for one in taken)
    memory = max(one.memory_mib for one in taken)
    detail = (
        f"{count:,} rows: {processor:.1f} s of the processor, peer"
        f" {peer.processor:.1f} s (CSV {peer.reading:.1f}, SHA-256 {peer.hashing:.1f}, COPY"
        f" {peer.copying:.1f} and {peer.storing:.1f} in the server);"
        f" {count / processor:,.0f} rows/s and core"
    )
    beside = f"{clock:.1f} s by the clock, peak memory {memory:,.0f} MiB, goal {MEMORY_GOAL_MIB:,}"
    return [
        Row(
            9,
            "settle run, all output / pyarrow.csv + SHA-256 + binary COPY, processor",
            ratio,
            GOAL,
            "<=",
            detail,
        ),
        Row(
            9,
            "settle run on two cores, by the clock / its own processor time",
            wall,
            WALL_GOAL,
            "<=",
            beside,
            extra=memory <= MEMORY_GOAL_MIB,
        ),
    ]
