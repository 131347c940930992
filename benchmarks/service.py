# SPDX-License-Identifier: Apache-2.0
"""Rows 17 and 18: card services over HTTP on PostgreSQL.

Row 17: a balance enquiry in a session against an empty FastAPI answer of the same server, from 16
connections, in windows that alternate; p99 beside it. Row 18: loss reports one after another, each
of a person of its own. The enquiry is whole: session, person, cards, states, balance, audit row,
commit; the server waits for the disk at each commit. ``SSCARD_SERVICE_PERSONS=1000000`` for a
large region; 20,000 by itself.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from statistics import median
from typing import Final

from benchmarks.rows import Row, UnavailableError

try:
    import numpy as np
    import uvicorn

    from sscard_chip.settlement.ledger import CardColumns, Ledger, register_cards
    from sscard_chip.standard.dates import TIME
    from sscard_service import ServiceCentre, load_region
    from sscard_service.http import create_application
    from sscard_service.store.persons import PersonData, add_persons
    from sscard_service.store.proofs import open_session
    from sscard_service.store.secrets import ServiceKeys
    from tests.settlement.postgres import PostgresServer
except ImportError as error:
    raise UnavailableError(str(error)) from error

GOAL: Final = 0.5
LONGEST_MS: Final = 50.0
LOSS_MS: Final = 100.0
PERSONS: Final = int(os.environ.get("SSCARD_SERVICE_PERSONS", "20000"))
CONNECTIONS: Final = 16
SESSIONS: Final = 400
LOSSES: Final = 200
SECONDS: Final = 2.0
ROUNDS: Final = 5
_CHUNK: Final = 10_000
_KEYS: Final = ServiceKeys(bytes(range(32)))


def settle_in(ledger: Ledger, persons: int) -> list[str]:
    """Invented persons with a card each; sessions of the first and the last of them."""
    for first in range(0, persons, _CHUNK):
        numbers = range(first, min(first + _CHUNK, persons))
        codes = b"".join(bytes.fromhex("990100D156000005") + one.to_bytes(8) for one in numbers)
        cards = CardColumns(
            np.array([f"Z{one:08d}" for one in numbers], "S9"),
            np.frombuffer(codes, np.uint8).reshape(-1, 16),
            np.full(len(numbers), 990100, np.int64),
            np.array([f"5{one:07d}" for one in numbers], "S30"),
            np.zeros((len(numbers), 8), np.uint8),
            np.full(len(numbers), 20401231, np.int64),
            np.full(len(numbers), 12_345, np.int64),
        )
        known = [
            (f"5{one:07d}", "990100", PersonData("林知夏", f"99{one:016d}")) for one in numbers
        ]
        with ledger.transaction(exclusive=True) as t:
            add_persons(t, _KEYS, known, "20260101000000")
            register_cards(t, cards, "20260101", f"cards {first}")
    now = datetime.now()
    ends = (now + timedelta(days=1)).strftime(TIME)
    spread = [1 + at * (persons - 1) // (SESSIONS - 1) for at in range(SESSIONS)]
    with ledger.transaction() as t:
        return [open_session(t, one, "site", "", 3, now.strftime(TIME), ends) for one in spread]


def _serve(url: str, port: int) -> None:
    with Ledger.open(url, create=False) as ledger:
        centre = ServiceCentre(ledger, _KEYS, load_region())
        application = create_application(centre, per_minute=1_000_000_000)

        @application.get("/empty")
        async def empty() -> dict[str, str]:
            return {}

        uvicorn.run(application, port=port, log_level="error", access_log=False)


@contextmanager
def serving(url: str) -> Iterator[int]:
    """A server in a process of its own; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(url, port))
    server.start()
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.join()


@dataclass(frozen=True)
class Answered:
    """A window: answers a second, and what each waited in milliseconds."""

    rate: float
    waited_ms: list[float]


def request(method: str, path: str, token: str = "", key: str = "") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 0"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"Idempotency-Key: {key}"] if key else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _window(port: int, asked: Sequence[bytes], connections: int, seconds: float) -> Answered:
    """Ask from so many connections until the time is over, or each once where it is 0."""
    left = cycle(asked) if seconds else iter(asked)
    waited: list[float] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for sent in left:
            at = time.perf_counter()
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            content = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"not answered: {content.decode()}")
            waited.append(1e3 * (time.perf_counter() - at))
            if seconds and time.perf_counter() - begun >= seconds:
                break
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return Answered(len(waited) / (time.perf_counter() - begun), waited)


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def rows(
    *, persons: int = PERSONS, seconds: float = SECONDS, rounds: int = ROUNDS, losses: int = LOSSES
) -> list[Row]:
    """Measure and return rows 17 and 18."""
    with PostgresServer(durable=True) as server:
        url = server.new_url()
        with Ledger.open(url) as ledger:
            tokens = settle_in(ledger, persons)
        with serving(url) as port:
            empty = [request("GET", "/empty")]
            enquiry = [request("GET", "/v1/me/balance", one) for one in tokens]
            pairs = []
            asyncio.run(_window(port, enquiry, CONNECTIONS, seconds))
            for _ in range(rounds):
                least = asyncio.run(_window(port, empty, CONNECTIONS, seconds))
                whole = asyncio.run(_window(port, enquiry, CONNECTIONS, seconds))
                pairs.append((least.rate, whole.rate, whole.waited_ms))
            reports = [
                request("POST", "/v1/me/loss", one, f"loss-{at}")
                for at, one in enumerate(tokens[:losses])
            ]
            lost = asyncio.run(_window(port, reports, 1, 0)).waited_ms
    ratio = median(whole / least for least, whole, _ in pairs)
    longest = _p99([one for _, _, waited in pairs for one in waited])
    rate = median(whole for _, whole, _ in pairs)
    found = f"{rate:.0f}/s of {median(one for one, _, _ in pairs):.0f}/s; p99 {longest:.0f} ms"
    what = f"balance enquiry over HTTP, {persons:,} persons / an empty FastAPI answer"
    return [
        Row(17, what, ratio, GOAL, ">=", found, longest <= LONGEST_MS),
        Row(18, "a loss report over HTTP, p99, ms", _p99(lost), LOSS_MS, "<=",
            f"{len(lost)} reports, median {median(lost):.0f} ms"),
    ]  # fmt: skip
