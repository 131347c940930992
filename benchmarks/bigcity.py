# SPDX-License-Identifier: Apache-2.0
"""A large invented city behind the card services: its persons, its server, and who asks it."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from typing import Final

import numpy as np

from sscard_chip.settlement.ledger import CardColumns, Ledger, register_cards
from sscard_chip.settlement.serve import serve_application
from sscard_chip.standard.dates import TIME
from sscard_service import ServiceCentre, load_region
from sscard_service.http import create_application
from sscard_service.store.authority import new_test_authority
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.proofs import QUERY, hash_password, open_session, set_credential
from sscard_service.store.secrets import ServiceKeys

PASSWORD: Final = "lake-and-hill-7"
KEYS: Final = bytes(range(32))
"""The master key of the city's services."""
_CHUNK: Final = 20_000


def identity_of(number: int) -> str:
    """The identity number of a person, of a division that does not exist."""
    return f"99{number:016d}"


def settle_in(ledger: Ledger, persons: int) -> None:
    """Invented persons with a card each, the first of them number 1."""
    keys = ServiceKeys(KEYS)
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
            (f"5{one:07d}", "990100", PersonData("林知夏", identity_of(one))) for one in numbers
        ]
        with ledger.transaction(exclusive=True) as t:
            add_persons(t, keys, known, "20260101000000")
            register_cards(t, cards, "20260101", f"cards {first}")


def sign_in(ledger: Ledger, persons: int, sessions: int) -> list[str]:
    """Sessions of so many persons, from the first to the last, who all have :data:`PASSWORD`."""
    now = datetime.now()
    begun, ends = now.strftime(TIME), (now + timedelta(days=1)).strftime(TIME)
    hash_ = hash_password(PASSWORD)
    tokens = []
    with ledger.transaction() as t:
        for one in spread(persons, sessions):
            set_credential(t, one, QUERY, hash_, begun)
            tokens.append(open_session(t, one, "site", "", 3, begun, ends))
    return tokens


def spread(persons: int, count: int) -> list[int]:
    """The numbers of ``count`` different persons, from the first to the last."""
    return [1 + at * (persons - 1) // (count - 1) for at in range(count)]


def _serve(url: str, port: int) -> None:
    with Ledger.open(url, create=False) as ledger:
        keys = ServiceKeys(KEYS, new_test_authority())
        application = create_application(
            ServiceCentre(ledger, keys, load_region()), per_minute=1_000_000_000
        )

        @application.get("/empty")
        async def empty() -> dict[str, str]:
            return {}

        serve_application(application, "127.0.0.1", port, extra="service")


@contextmanager
def serving(url: str) -> Iterator[int]:
    """A server as ``sscard service serve`` runs it, and an empty answer at ``/empty``; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(url, port))
    server.start()
    try:
        for _ in range(1200):
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
    """What was asked in a while: answers a second, and what each waited in milliseconds."""

    rate: float
    waited_ms: list[float]
    bodies: list[bytes]


def request(method: str, path: str, token: str = "", key: str = "", body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"Idempotency-Key: {key}"] if key else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def asking(
    port: int,
    asked: Sequence[bytes],
    connections: int,
    seconds: float = 0,
    *,
    pause: float = 0,
    until: asyncio.Event | None = None,
) -> Answered:
    """Ask from so many connections: each request once, or round and round for some ``seconds``.

    ``pause`` is between two requests of a connection; ``until`` ends it early.
    """
    left = cycle(asked) if seconds else iter(asked)
    waited: list[float] = []
    bodies: list[bytes] = []

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
            if not seconds:
                bodies.append(content)
            if pause:
                await asyncio.sleep(pause)
            over = seconds and time.perf_counter() - begun >= seconds
            if over or (until is not None and until.is_set()):
                break
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return Answered(len(waited) / (time.perf_counter() - begun), waited, bodies)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]
