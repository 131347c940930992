# SPDX-License-Identifier: Apache-2.0
"""Rows 13 and 14: on-line sales against what the database alone does.

Row 13: 2102A and 2102 at a platform on PostgreSQL, transactions a second, against pgbench's TPC-B
at scale 10 on the same server, with 1, 8 and 32 clients in turn; the clients are threads of one
process, as those of pgbench are, and of a serving centre. Row 14: the same from 32 tills, each a
process, over HTTP at ``sscard settle serve`` on SQLite, against a bare loop of BEGIN IMMEDIATE,
8 inserts, COMMIT in the same folder. Each sale is whole: envelope, policy, TAC, ledger, answer; its
card has a TAC of the right key.

What bounds row 13 is the processor: of a sale alone the server takes about twice as much as of a
transaction of pgbench, nearly all of it for beginning and ending statements; of sales that are
done in groups of 16 and of 32 each takes less than that. Then Python is the other half.

The server is started privately and waits for the disk at each commit, as PostgreSQL does by itself;
so does SQLite. Windows of both sides alternate.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.rows import Row, UnavailableError

try:
    import numpy as np

    from benchmarks.tills import CARDS, CITY, Ask, Client, Done, card_id_code
    from issuance.roots import RootKeys
    from issuance.stores import WorkingKeys, open_store
    from sscard_chip.settlement.ledger import CardColumns, Ledger, register_cards
    from sscard_chip.settlement.platform import Platform
    from sscard_chip.terminal.pos.online import HttpCentre
    from tests.settlement.postgres import PostgresServer
except ImportError as error:
    raise UnavailableError(str(error)) from error

GOAL: Final = 0.6
CLIENTS: Final = (1, 8, 32)
TILLS: Final = 32
SECONDS: Final = 4.0
ROUNDS: Final = 3
SCALE: Final = 10
LONGEST_MS: Final = 1000.0
TAIL: Final = 5.0
FOLDER: Final = Path(__file__).resolve().parent.parent / "build"
_CONNECTIONS: Final = 200
"""Each client has up to two, pgbench one for each of its own."""
_MONEY_FEN: Final = 10_000_000

_OWN: dict[str, Any] = {}
"""Of a process: its clients, and how they ask."""
_MOST_SALES: Final = 1500
"""In a second, of all clients; more are made while they sell."""


def _prepare(count: int) -> None:
    for client in _OWN["clients"]:
        client.prepare(count)


def _window(
    numbers: Sequence[int], url: str, roots: str, start: float, seconds: float
) -> list[Done]:
    """One window of the clients of a process, which keeps them; it begins at a time."""
    if not _OWN:
        if url.startswith("http"):
            ask: Ask = HttpCentre(url)  # type: ignore[assignment]
        else:
            ledger = Ledger.open(url, create=False)
            ask = Platform(ledger, keys=WorkingKeys(open_store(roots))).handle
        clients = [Client(number, roots) for number in numbers]
        for client in clients:
            client.sell(ask, 0.3 / len(clients))  # opens accounts, prepares statements
        _OWN.update(clients=clients, ask=ask)
    time.sleep(max(0.0, start - time.time()))
    with ThreadPoolExecutor(len(numbers)) as threads:
        return list(threads.map(lambda one: one.sell(_OWN["ask"], seconds), _OWN["clients"]))


@dataclass(frozen=True)
class Sold:
    """A window: transactions a second, what each waited in milliseconds, the clients' processor
    seconds."""

    rate: float
    waited_ms: list[float]
    processor: float


class Tills:
    """``count`` clients in so many ``processes``; a window of all of them begins at once."""

    def __init__(self, count: int, url: str, roots: str, first: int, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._clients = count
        self._pools = [ProcessPoolExecutor(1, context) for _ in range(processes)]
        self._asked = [
            (range(first + at, first + count, processes), url, roots) for at in range(processes)
        ]
        self._sell(0.1, 30.0 if processes > 8 else 10.0)

    def sell(self, seconds: float) -> Sold:
        """A window, of sales that are made before."""
        count = round(seconds * _MOST_SALES / self._clients)
        for made in [pool.submit(_prepare, count) for pool in self._pools]:
            made.result()
        return self._sell(seconds, 0.2)

    def _sell(self, seconds: float, later: float) -> Sold:
        start = time.time() + later
        futures = [
            pool.submit(_window, *asked, start, seconds)
            for pool, asked in zip(self._pools, self._asked, strict=True)
        ]
        done = [one for future in futures for one in future.result()]
        rate = sum(len(one.waited_ms) / one.seconds for one in done)
        waited = [ms for one in done for ms in one.waited_ms]
        return Sold(rate, waited, sum(one.processor for one in done))

    def close(self) -> None:
        """End the processes."""
        for pool in self._pools:
            pool.shutdown()


# --- the ledger of a city -----------------------------------------------------------------------


def make_city(url: str, clients: int) -> None:
    """A ledger with the cards of so many clients, each with money."""
    numbers = range(clients * CARDS)
    columns = CardColumns(
        card_number=np.array([f"Z{at:08d}" for at in numbers], "S9"),
        card_id_code=np.frombuffer(b"".join(map(card_id_code, numbers)), np.uint8).reshape(-1, 16),
        division=np.full(len(numbers), int(CITY)),
        psn_no=np.array([f"B{at}" for at in numbers], "S30"),
        factor=np.frombuffer(b"".join(at.to_bytes(8) for at in numbers), np.uint8).reshape(-1, 8),
        valid_to=np.zeros(len(numbers), np.int64),
        opening_fen=np.full(len(numbers), _MONEY_FEN),
    )
    with Ledger.open(url) as ledger, ledger.transaction() as t:
        register_cards(t, columns, "20260101", "cards:bench")


@contextmanager
def root_keys(folder: Path) -> Iterator[str]:
    """Invented root keys in a file."""
    import random

    from issuance.roots import create_roots

    keys: RootKeys = create_roots(random.Random(13).randbytes)
    path = folder / "roots.json"
    keys.save(path)
    yield str(path)


# --- rows ---------------------------------------------------------------------------------------


def rows(
    *, clients: tuple[int, ...] = CLIENTS, seconds: float = SECONDS, rounds: int = ROUNDS
) -> list[Row]:
    """Measure and return rows 13 (one for each number of clients) and 14."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name, root_keys(Path(name)) as roots:
        found = _postgresql(roots, clients, seconds, rounds)
        found.append(_sqlite(Path(name), roots, seconds, rounds))
    return found


def _postgresql(roots: str, clients: tuple[int, ...], seconds: float, rounds: int) -> list[Row]:
    try:
        server = PostgresServer(durable=True, connections=_CONNECTIONS)
    except (RuntimeError, OSError) as error:
        raise UnavailableError(str(error)) from None
    found = []
    with server:
        bench = Pgbench(server)
        url = server.new_url()
        make_city(url, sum(clients))
        first = 0
        for count in clients:
            tills = Tills(count, url, roots, first, 1)
            first += count
            try:
                pairs, waited, costs = [], [], []
                for _ in range(rounds):
                    begun = server.processor_seconds()
                    sold = tills.sell(seconds)
                    used = server.processor_seconds() - begun + sold.processor
                    rate, bare = bench.run(count, seconds)
                    pairs.append((sold.rate, rate))
                    costs.append((used / len(sold.waited_ms), bare))
                    waited += sold.waited_ms
            finally:
                tills.close()
            found.append(_row13(count, pairs, costs, sorted(waited)))
    return found


_Pairs = list[tuple[float, float]]
"""Of windows side by side: of sales, and of pgbench."""


def _row13(count: int, pairs: _Pairs, costs: _Pairs, waited: list[float]) -> Row:
    """``costs`` are the processor seconds of a transaction, server and clients together."""
    sales, bare = (median(one[at] for one in pairs) for at in (0, 1))
    own, other = (1e6 * median(one[at] for one in costs) for at in (0, 1))
    p50, p99 = (waited[int(part * (len(waited) - 1))] for part in (0.5, 0.99))
    detail = (
        f"{sales:.0f} and {bare:.0f} transactions/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms;"
        f" processor {own:.0f} and {other:.0f} µs a transaction"
    )
    ratio = median(first / second for first, second in pairs)
    what = f"on-line sales on PostgreSQL, {count} clients / pgbench TPC-B"
    tail = count < max(CLIENTS) or p99 <= TAIL * p50
    return Row(13, what, ratio, GOAL, ">=", detail, tail)


class Pgbench:
    """pgbench on a server, in a database of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._arguments = server.client_arguments()
        program = server.program("pgbench")
        if program is None:
            raise UnavailableError("pgbench is not installed (postgresql-contrib)")
        self._program = program
        self._call("-i", "-q", "-s", str(SCALE))

    def run(self, clients: int, seconds: float) -> tuple[float, float]:
        """Transactions a second, and the processor seconds of one."""
        threads = min(clients, os.cpu_count() or 1)
        begun = self._used()
        out = self._call(
            "-n", "-c", str(clients), "-j", str(threads), "-T", str(max(1, round(seconds)))
        )
        used = self._used() - begun
        found = re.search(r"processed: ([0-9]+).*tps = ([0-9.]+)", out, re.DOTALL)
        if found is None:
            raise UnavailableError("pgbench tells no tps")
        return float(found[2]), used / int(found[1])

    def _used(self) -> float:
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        return self._server.processor_seconds() + own.ru_utime + own.ru_stime

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._program), *arguments, *self._arguments],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout


def _sqlite(folder: Path, roots: str, seconds: float, rounds: int) -> Row:
    ledger = folder / "city.db"
    make_city(str(ledger), TILLS)
    with served(ledger, roots) as url:
        tills = Tills(TILLS, url, roots, 0, TILLS)
        try:
            pairs, waited = [], []
            for _ in range(rounds):
                sold = tills.sell(seconds)
                pairs.append((sold.rate, bare_loop(folder / "bare.db", seconds)))
                waited += sold.waited_ms
        finally:
            tills.close()
    waited.sort()
    sales, bare = (median(one[at] for one in pairs) for at in (0, 1))
    detail = (
        f"{sales:.0f} and {bare:.0f} transactions/s, p50 {waited[len(waited) // 2]:.0f} ms,"
        f" longest {waited[-1]:.0f} ms"
    )
    ratio = median(first / second for first, second in pairs)
    what = f"the same on SQLite by settle serve, {TILLS} tills / bare commits"
    return Row(14, what, ratio, GOAL, ">=", detail, waited[-1] <= LONGEST_MS)


@contextmanager
def served(ledger: Path, roots: str) -> Iterator[str]:
    """``sscard settle serve``; its URL."""
    program = "import sys; from sscard_cli.main import main; sys.exit(main(sys.argv[1:]))"
    listen = ["--listen", "127.0.0.1:0", "--keys", roots, "--ledger", str(ledger)]
    process = subprocess.Popen(
        [sys.executable, "-c", program, "settle", "serve", *listen],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        if process.stdout is None or not (line := process.stdout.readline()):
            raise UnavailableError("settle serve does not start")
        yield line.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def bare_loop(path: Path, seconds: float) -> float:
    """Transactions a second of BEGIN IMMEDIATE, 8 inserts and COMMIT, as durable as a ledger's."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    for number in range(8):
        connection.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, a TEXT, b INTEGER)")
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        connection.execute("BEGIN IMMEDIATE")
        for number in range(8):
            connection.execute(f"INSERT INTO t{number} (a, b) VALUES (?, ?)", ("x" * 40, done))
        connection.execute("COMMIT")
        done += 1
    connection.close()
    return done / seconds
