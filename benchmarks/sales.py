# SPDX-License-Identifier: Apache-2.0
"""Rows 13 and 14: on-line sales against what the database alone does.

Row 13: 2102A and 2102 at a platform on PostgreSQL, transactions a second, against pgbench's TPC-B
at scale 10 on the same server, with 1, 8 and 32 clients in turn; every client is a process of its
own with its own connection. Row 14: the same from 32 tills over HTTP at ``sscard settle serve`` on
SQLite, against a bare loop of BEGIN IMMEDIATE, 8 inserts, COMMIT in the same folder. Each sale is
whole: envelope, policy, TAC, ledger, answer; its card has a TAC of the right key.

The server is started privately and waits for the disk at each commit, as PostgreSQL does by itself;
so does SQLite. Windows of both sides alternate.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.rows import Row, UnavailableError

try:
    import numpy as np

    from issuance.roots import RootKeys
    from issuance.stores import WorkingKeys, open_store
    from sscard_chip.dayfile.envelope import HOLD, compact, make_request
    from sscard_chip.dayfile.msgid import confirmation_msgid
    from sscard_chip.dayfile.rows import DayRow
    from sscard_chip.security.diversify import city_factor, province_factor
    from sscard_chip.security.suite import SUITES, pad
    from sscard_chip.settlement.ledger import CardColumns, Ledger, register_cards
    from sscard_chip.settlement.platform import Platform
    from sscard_chip.standard.keys import DTK
    from sscard_chip.terminal.pos.online import HttpCentre
    from tests.settlement.postgres import PostgresServer
except ImportError as error:
    raise UnavailableError(str(error)) from error

GOAL: Final = 0.6
CLIENTS: Final = (1, 8, 32)
TILLS: Final = 32
SECONDS: Final = 4.0
ROUNDS: Final = 3
PHARMACIES: Final = 300
SCALE: Final = 10
LONGEST_MS: Final = 1000.0
TAIL: Final = 5.0
FOLDER: Final = Path(__file__).resolve().parent.parent / "build"
_CITY: Final = "510100"
_CARDS_OF_A_CLIENT: Final = 200
_CONNECTIONS: Final = 200
"""Each client has up to two, pgbench one for each of its own."""
_MONEY_FEN: Final = 10_000_000

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """What a client did: the milliseconds of each message, and how long it took in seconds."""

    waited_ms: list[float]
    seconds: float


# --- a client: in a process of its own -----------------------------------------------------------


class Client:
    """Sells until its time is over, with its own cards and terminal."""

    def __init__(self, number: int, roots: str) -> None:
        self.number = number
        self.sales = 0
        self.terminal = f"{_CITY}{number:06d}"
        self._pharmacy = f"P{_CITY}{number % PHARMACIES:05d}"
        self._store = open_store(roots)

    def sell(self, ask: Ask, seconds: float) -> Done:
        """Hold and confirm; every answer must be a success."""
        waited: list[float] = []
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            self.sales += 1
            hold, row = self._sale()
            at = time.perf_counter()
            info = _good(ask(hold))
            held = time.perf_counter()
            confirmation = self._confirmation(hold, row, info)
            asked = time.perf_counter()
            _good(ask(confirmation))
            waited += [1e3 * (held - at), 1e3 * (time.perf_counter() - asked)]
        return Done(waited, time.perf_counter() - begun)

    def _sale(self) -> tuple[dict[str, Any], dict[str, Any]]:
        card = self.number * _CARDS_OF_A_CLIENT + self.sales % _CARDS_OF_A_CLIENT
        now = datetime.now().strftime("%Y%m%d%H%M%S")
        msgid = f"{self._pharmacy}{now}{self.sales % 10000:04d}"
        code = card_id_code(card)
        extra = {"card_sn": code.hex().upper(), "split": [500, 300, 0]}
        node = _bill(card, now, extra)
        row = {"card": card, "msgid": msgid, "time": now, "code": code}
        return make_request(HOLD, msgid, now, _CITY, _CITY, node, operator=self.terminal), row

    def _confirmation(
        self, hold: dict[str, Any], sale: dict[str, Any], info: dict[str, str]
    ) -> dict[str, Any]:
        row = DayRow(
            info["setl_id"], info["mdtrt_id"], info["psn_no"], 800, 0, 500, 300, False,
            sale["msgid"], _CITY, _CITY, sale["code"], f"Z{sale['card']:08d}",
            sale["card"].to_bytes(8), "3des", 1, self.sales % 60000, 0x32, self.terminal,
            self.sales, sale["time"], 0, 800, 500, None, False,
        )  # fmt: skip
        row = _replace(row, self._tac(row))
        extra = {"setl_id": row.setl_id, "row": row.encode()}
        node = _bill(sale["card"], sale["time"], extra)
        msgid = confirmation_msgid(sale["msgid"])
        return make_request("2102", msgid, sale["time"], _CITY, _CITY, node, operator=self.terminal)

    def _tac(self, row: DayRow) -> bytes:
        store: Any = self._store
        key = _card_key(store, row.diversification_factor)
        amounts = (row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen)
        message = b"".join(amount.to_bytes(4) for amount in amounts) + b"\x32"
        message += bytes.fromhex(row.terminal_id) + row.terminal_transaction_number.to_bytes(4)
        suite = SUITES["3des"]
        return suite.tac_mac(key)(pad(message + bytes.fromhex(row.time), suite.block))


@lru_cache(maxsize=100_000)
def _card_key(store: Any, factor: bytes) -> bytes:
    chain = (province_factor(_CITY), city_factor(_CITY), factor)
    key: bytes = store.diversify("3des", DTK, 1, [chain])[0]
    return key


def _replace(row: DayRow, tac: bytes) -> DayRow:
    from dataclasses import replace

    return replace(row, tac=tac)


def _bill(card: int, now: str, extra: dict[str, Any]) -> dict[str, Any]:
    at = f"{now[:4]}-{now[4:6]}-{now[6:8]} {now[8:10]}:{now[10:12]}:{now[12:]}"
    info = {
        "psn_no": f"B{card}", "mdtrt_cert_type": "03", "mdtrt_cert_no": f"Z{card:08d}",
        "begntime": at, "medfee_sumamt": "8.00", "insutype": "310", "acct_used_flag": "1",
        "med_type": "41", "exp_content": compact(extra),
    }  # fmt: skip
    line = {
        "feedetl_sn": "1", "fee_ocur_time": at, "med_list_codg": "0", "medins_list_codg": "0",
        "det_item_fee_sumamt": "8.00", "cnt": "1", "pric": "8.00",
    }  # fmt: skip
    return {"druginfo": info, "drugdetail": [line]}


def _good(answer: dict[str, Any]) -> dict[str, str]:
    if answer["infcode"] != 0:
        raise RuntimeError(f"a sale was refused: {answer['err_msg']}")
    info: dict[str, str] = answer["output"]["setlinfo"]
    return info


_OWN: dict[str, Any] = {}
"""Of a client's process: the client, and how it asks."""


def _window(number: int, url: str, roots: str, start: float, seconds: float) -> Done:
    """One window of a client, which begins at a time of the clock; a process keeps its client."""
    if not _OWN:
        client = Client(number, roots)
        if url.startswith("http"):
            ask: Ask = HttpCentre(url)  # type: ignore[assignment]
        else:
            ledger = Ledger.open(url, create=False)
            ask = Platform(ledger, keys=WorkingKeys(open_store(roots))).handle
        client.sell(ask, 0.3)  # opens accounts, prepares statements
        _OWN.update(client=client, ask=ask)
    time.sleep(max(0.0, start - time.time()))
    done: Done = _OWN["client"].sell(_OWN["ask"], seconds)
    return done


class Tills:
    """``count`` processes, each a client; a window of all of them begins at once."""

    def __init__(self, count: int, url: str, roots: str, first: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pools = [ProcessPoolExecutor(1, context) for _ in range(count)]
        self._asked = [(first + at, url, roots) for at in range(count)]
        self.sell(0.1, 30.0 if count > 8 else 10.0)

    def sell(self, seconds: float, later: float = 0.2) -> tuple[float, list[float]]:
        """Transactions a second, and what each waited in milliseconds."""
        start = time.time() + later
        futures: list[Future[Done]] = [
            pool.submit(_window, *asked, start, seconds)
            for pool, asked in zip(self._pools, self._asked, strict=True)
        ]
        done = [future.result() for future in futures]
        rate = sum(len(one.waited_ms) / one.seconds for one in done)
        return rate, [ms for one in done for ms in one.waited_ms]

    def close(self) -> None:
        """End the processes."""
        for pool in self._pools:
            pool.shutdown()


# --- the ledger of a city -----------------------------------------------------------------------


def card_id_code(card: int) -> bytes:
    """Of an invented card."""
    return bytes.fromhex(_CITY) + card.to_bytes(13)


def make_city(url: str, clients: int) -> None:
    """A ledger with the cards of so many clients, each with money."""
    numbers = range(clients * _CARDS_OF_A_CLIENT)
    columns = CardColumns(
        card_number=np.array([f"Z{at:08d}" for at in numbers], "S9"),
        card_id_code=np.frombuffer(b"".join(map(card_id_code, numbers)), np.uint8).reshape(-1, 16),
        division=np.full(len(numbers), int(_CITY)),
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
            tills = Tills(count, url, roots, first)
            first += count
            try:
                pairs, waited = [], []
                for _ in range(rounds):
                    rate, ms = tills.sell(seconds)
                    pairs.append((rate, bench.run(count, seconds)))
                    waited += ms
            finally:
                tills.close()
            found.append(_row13(count, pairs, sorted(waited)))
    return found


def _row13(count: int, pairs: list[tuple[float, float]], waited: list[float]) -> Row:
    sales, bare = (median(one[at] for one in pairs) for at in (0, 1))
    p50, p99 = (waited[int(part * (len(waited) - 1))] for part in (0.5, 0.99))
    detail = f"{sales:.0f} and {bare:.0f} transactions/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    ratio = median(first / second for first, second in pairs)
    what = f"on-line sales on PostgreSQL, {count} clients / pgbench TPC-B"
    tail = count < max(CLIENTS) or p99 <= TAIL * p50
    return Row(13, what, ratio, GOAL, ">=", detail, tail)


class Pgbench:
    """pgbench on a server, in a database of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._arguments = server.client_arguments()
        program = server.program("pgbench")
        if program is None:
            raise UnavailableError("pgbench is not installed (postgresql-contrib)")
        self._program = program
        self._call("-i", "-q", "-s", str(SCALE))

    def run(self, clients: int, seconds: float) -> float:
        """Transactions a second."""
        threads = min(clients, os.cpu_count() or 1)
        out = self._call(
            "-n", "-c", str(clients), "-j", str(threads), "-T", str(max(1, round(seconds)))
        )
        found = re.search(r"tps = ([0-9.]+)", out)
        if found is None:
            raise UnavailableError("pgbench tells no tps")
        return float(found[1])

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
        tills = Tills(TILLS, url, roots, 0)
        try:
            pairs, waited = [], []
            for _ in range(rounds):
                rate, ms = tills.sell(seconds)
                pairs.append((rate, bare_loop(folder / "bare.db", seconds)))
                waited += ms
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
