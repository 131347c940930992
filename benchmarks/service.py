# SPDX-License-Identifier: Apache-2.0
"""Rows 17, 18 and 22 to 25: card services over HTTP, served as ``sscard service serve`` does it.

17: a balance enquiry in a session against an empty FastAPI answer of the same server, from 16
connections, in windows that alternate; p99 beside it. The enquiry is whole: session, person,
cards, states, balance, audit row, and the server waits for the disk at each commit. 18: loss
reports one after another, each of a person of its own, when nothing else goes on and while a day
is settled into the same ledger. 22: the same on SQLite, the longest wait. 23: logins by password,
and how long empty answers beside them wait. 24: what changed in the hotlist, a thousand cards.
25: papers, made and signed.

Sizes: ``SSCARD_SERVICE_PERSONS`` (20,000; a large region has 1,000,000), ``SSCARD_SERVICE_DAY``
debits that are settled (20,000; 2,000,000), and the same for SQLite, ``SSCARD_SERVICE_SMALL``
persons and debits (5,000; 300,000).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.rows import Row, UnavailableError

try:
    import numpy as np

    from benchmarks.bigcity import (
        PASSWORD,
        Answered,
        asking,
        identity_of,
        percentile,
        request,
        serving,
        settle_in,
        sign_in,
        spread,
    )
    from sscard_chip.dayfile.hotlist import Hotlist
    from sscard_chip.settlement import synthesize as made
    from sscard_chip.settlement.arrays import Integers
    from sscard_chip.settlement.ledger import Ledger, LedgerTransaction
    from sscard_chip.settlement.ledger.hotlists import hotlist_delta, issue_hotlist
    from sscard_chip.settlement.schema.books import card_status
    from sscard_chip.standard.dates import TIME
    from tests.settlement.postgres import PostgresServer
except ImportError as error:
    raise UnavailableError(str(error)) from error

GOAL: Final = 0.5
LONGEST_MS: Final = 50.0
LOSS_MS: Final = 100.0
LOSS_BUSY_MS: Final = 200.0
SMALL_MS: Final = 1000.0
LOGIN_MS: Final = 150.0
DELTA_MS: Final = 20.0
WHOLE_MS: Final = 5000.0
LOAD_MS: Final = 2000.0
"""At 1,000,000 cards."""
PAPER_MS: Final = 2000.0
PERSONS: Final = int(os.environ.get("SSCARD_SERVICE_PERSONS", "20000"))
DAY: Final = int(os.environ.get("SSCARD_SERVICE_DAY", "20000"))
SMALL: Final = int(os.environ.get("SSCARD_SERVICE_SMALL", "5000"))
CONNECTIONS: Final = 16
SESSIONS: Final = 4000
LOSSES: Final = 200
LOGINS: Final = 60
PAPERS: Final = 20
CHANGED: Final = 1000
SECONDS: Final = 2.0
ROUNDS: Final = 5
_PAUSE: Final = 0.05
_SSCARD: Final = (sys.executable, "-m", "sscard_cli")


def enquiries(port: int, tokens: list[str], persons: int, seconds: float, rounds: int) -> Row:
    """Row 17."""
    empty = [request("GET", "/empty")]
    asked = [request("GET", "/v1/me/balance", one) for one in tokens]
    pairs = []
    asyncio.run(asking(port, asked, CONNECTIONS, seconds))
    for _ in range(rounds):
        least = asyncio.run(asking(port, empty, CONNECTIONS, seconds))
        whole = asyncio.run(asking(port, asked, CONNECTIONS, seconds))
        pairs.append((least, whole))
    longest, least_ms = (
        percentile([one for pair in pairs for one in pair[at].waited_ms], 99) for at in (1, 0)
    )
    rate, least_rate = (median(pair[at].rate for pair in pairs) for at in (1, 0))
    return Row(
        17, f"balance enquiry over HTTP, {persons:,} persons / an empty FastAPI answer",
        median(whole.rate / least.rate for least, whole in pairs), GOAL, ">=",
        f"{rate:.0f}/s of {least_rate:.0f}/s; p99 {longest:.0f} ms, of the empty one"
        f" {least_ms:.0f} ms", longest <= LONGEST_MS,
    )  # fmt: skip


def losses(port: int, tokens: list[str]) -> Row:
    """Row 18, when nothing else goes on."""
    lost = asyncio.run(asking(port, loss_reports(tokens), 1)).waited_ms
    return Row(18, "a loss report over HTTP, p99, ms", percentile(lost, 99), LOSS_MS, "<=",
               f"{len(lost)} reports, median {median(lost):.0f} ms")  # fmt: skip


def loss_reports(tokens: list[str]) -> list[bytes]:
    """A loss of each session's person."""
    return [request("POST", "/v1/me/loss", one, f"loss-{one[:20]}") for one in tokens]


class SettledDay:
    """A day of debits that is settled into a ledger by the command, in processes of its own."""

    def __init__(self, folder: Path, ledger: str, debits: int) -> None:
        self._folder, self._ledger = folder, ledger
        self.debits = debits
        self._sscard("keys", "create", folder / "roots.json")
        wanted = ("--cards", max(10, debits // 10), "--pharmacies", max(3, debits // 700))
        self._sscard("settle", "synthesize", "--keys", folder / "roots.json", "--out",
                     folder / "day", *wanted, "--debits", debits)  # fmt: skip
        self._sscard("settle", "cards", folder / "day" / made.CARDS, "--ledger", ledger)

    def _sscard(self, *arguments: object) -> None:
        subprocess.run([*_SSCARD, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def settle(self) -> None:
        """The command, with all its output."""
        day = self._folder / "day"
        lists = ("--hotlist", day / made.HOTLIST, "--pharmacies", day / made.PHARMACIES)
        keys = ("--keys", self._folder / "roots.json", "--ledger", self._ledger)
        self._sscard("settle", "run", day / made.DAYS, *keys, *lists, "--out", self._folder / "out")

    def beside(self, port: int, *asked: list[bytes]) -> tuple[float, list[Answered]]:
        """Settle it while others ask, each list from a connection of its own; how long it took."""

        async def all_of_it() -> tuple[float, list[Answered]]:
            over, begun = asyncio.Event(), time.perf_counter()
            asks = [
                asyncio.create_task(asking(port, one, 1, pause=_PAUSE, until=over)) for one in asked
            ]
            await asyncio.to_thread(self.settle)
            took = time.perf_counter() - begun
            over.set()
            return took, list(await asyncio.gather(*asks))

        return asyncio.run(all_of_it())


def losses_beside(port: int, tokens: list[str], day: SettledDay) -> Row:
    """Row 18, while a day is settled into the same ledger."""
    took, (answered,) = day.beside(port, loss_reports(tokens))
    lost = answered.waited_ms
    return Row(
        18, f"the same while {day.debits:,} debits are settled, p99, ms", percentile(lost, 99),
        LOSS_BUSY_MS, "<=",
        f"{len(lost)} reports in {took:.0f} s, median {median(lost):.0f} ms, longest"
        f" {max(lost):.0f} ms", max(lost) <= SMALL_MS,
    )  # fmt: skip


def small(folder: Path, size: int, seconds: float) -> Row:
    """Row 22: SQLite, nobody waits longer than a second, whatever goes on."""
    path = str(folder / "city.db")
    with Ledger.open(path) as ledger:
        settle_in(ledger, size)
        tokens = sign_in(ledger, size, min(size, 2000))
    day = SettledDay(folder, path, size)
    half = len(tokens) // 2
    views = [request("GET", "/v1/me/balance", one) for one in tokens[:half]]
    with serving(path) as port:
        whole = asyncio.run(asking(port, views, CONNECTIONS, seconds))
        lost = asyncio.run(asking(port, loss_reports(tokens[half : half + 100]), 1)).waited_ms
        took, beside = day.beside(port, loss_reports(tokens[half + 100 :]), views * 10)
    alone = max(*whole.waited_ms, *lost)
    busy = [max(one.waited_ms) for one in beside]
    found = (
        f"{whole.rate:.0f} enquiries/s from {CONNECTIONS}, a loss {median(lost):.0f} ms; while"
        f" {day.debits:,} debits are settled ({took:.0f} s) the longest loss {busy[0]:.0f} ms,"
        f" enquiry {busy[1]:.0f} ms"
    )
    what = f"SQLite, {size:,} persons: the longest wait of all, ms"
    return Row(22, what, max(alone, *busy), SMALL_MS, "<=", found)


def logins(port: int, persons: int) -> Row:
    """Row 23: the password is hashed beside the event loop, which answers others meanwhile."""
    asked = []
    for at, one in enumerate(spread(persons, SESSIONS)[:LOGINS], 1):
        content = {
            "subject": {"identity": identity_of(one - 1)}, "evidence": {"query_password": PASSWORD},
        }  # fmt: skip
        asked.append(
            request("POST", "/v1/sessions", "", f"login-{at}", json.dumps(content).encode())
        )

    async def both() -> tuple[Answered, Answered]:
        over = asyncio.Event()
        empty = asyncio.create_task(
            asking(port, [request("GET", "/empty")], 1, 3600, pause=0.002, until=over)
        )
        found = await asking(port, asked, 1)
        over.set()
        return found, await empty

    found, empty = asyncio.run(both())
    waited = percentile(found.waited_ms, 95)
    loop = percentile(empty.waited_ms, 99)
    return Row(23, "login with argon2id over HTTP, p95, ms", waited, LOGIN_MS, "<=",
               f"{len(found.waited_ms)} logins, median {median(found.waited_ms):.0f} ms; empty"
               f" answers beside them p99 {loop:.0f} ms", loop <= LONGEST_MS)  # fmt: skip


def hotlists(ledger: Ledger, folder: Path, persons: int) -> list[Row]:
    """Row 24: every card is on the list, then a thousand come off it."""
    now = datetime.now()
    earlier = int((now - timedelta(hours=2)).strftime(TIME))
    with ledger.transaction() as t:
        last = t.connection.exec_driver_sql(
            "SELECT c.id, coalesce(max(s.number), 0) FROM card c LEFT JOIN card_status s"
            " ON s.card = c.id WHERE c.card_number LIKE 'Z%%' GROUP BY c.id ORDER BY c.id"
        ).all()
        cards, numbers = np.array([tuple(one) for one in last], np.int64)[:persons].T
        report(t, cards, numbers + 1, 2, earlier)
    first = ledger.run(lambda t: issue_hotlist(t, (now - timedelta(minutes=30)).strftime(TIME)))
    with ledger.transaction() as t:
        some = slice(None, None, max(1, len(cards) // CHANGED))
        report(t, cards[some][:CHANGED], numbers[some][:CHANGED] + 2, 1,
               int((now - timedelta(minutes=20)).strftime(TIME)))  # fmt: skip
    begun = time.perf_counter()
    second = ledger.run(lambda t: issue_hotlist(t, now.strftime(TIME)))
    second.hotlist.save(folder / "list.tsv")
    whole = 1e3 * (time.perf_counter() - begun)
    one = second.hotlist.cards[0]
    begun = time.perf_counter()
    if not Hotlist.load(folder / "list.tsv").holds(
        one.card_id_code or b"", one.card_number or "", second.issued
    ):
        raise AssertionError("a card of the list is not on it")
    load = 1e3 * (time.perf_counter() - begun)
    taken = []
    for _ in range(20):
        begun = time.perf_counter()
        with ledger.reading() as t:
            found = hotlist_delta(t, first.version, second.version)
        found.save(folder / "delta.tsv")
        taken.append(1e3 * (time.perf_counter() - begun))
    count = len(found.cards) + len(found.removed)
    if count != min(CHANGED, len(cards)):
        raise AssertionError(f"{count} cards in the delta")
    return [
        Row(24, f"hotlist of {first.hotlist.count:,}: the file of {count:,} changes, ms",
            median(taken), DELTA_MS, "<=", f"longest {max(taken):.0f} ms"),
        Row(24, "the same list whole, worked out and written, ms", whole, WHOLE_MS, "<=",
            f"a till reads it and asks for a card in {load:.0f} ms", load <= LOAD_MS),
    ]  # fmt: skip


def report(
    t: LedgerTransaction, cards: Integers, numbers: Integers, status: int, since: int
) -> None:
    """A change of the status of many cards."""
    t.insert(card_status, {"card": cards, "number": numbers, "status": status, "since": since})


def papers(port: int, tokens: list[str]) -> Row:
    """Row 25: asked for and made, from the first request to the last byte of the PDF."""
    body = json.dumps({"details": {"kind": "participation"}}).encode()
    waited = []
    for at, one in enumerate(tokens[: PAPERS + 1]):
        asked = asyncio.run(
            asking(port, [request("POST", "/v1/me/papers", one, f"paper-{at}", body)], 1)
        )
        code = json.loads(asked.bodies[0])["data"]["code"]
        got = asyncio.run(asking(port, [request("GET", f"/v1/me/papers/{code}", one)], 1))
        if not got.bodies[0].startswith(b"%PDF-"):
            raise AssertionError("no paper")
        waited.append(asked.waited_ms[0] + got.waited_ms[0])
    warm = waited[1:]
    return Row(25, "a signed paper over HTTP, p95, ms", percentile(warm, 95), PAPER_MS, "<=",
               f"{len(warm)} papers, median {median(warm):.0f} ms, the first of the process"
               f" {waited[0]:.0f} ms")  # fmt: skip


def count_tables(ledger: Ledger) -> None:
    """Let PostgreSQL count its tables now; by itself it does so within a minute."""
    with ledger.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")


def rows(
    *,
    persons: int = PERSONS,
    debits: int = DAY,
    size: int = SMALL,
    seconds: float = SECONDS,
    rounds: int = ROUNDS,
) -> list[Row]:
    """Measure and return all rows."""
    build = Path(__file__).resolve().parent.parent / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name, PostgresServer(durable=True) as server:
        folder, url = Path(name), server.new_url()
        (folder / "small").mkdir()
        with Ledger.open(url) as ledger:
            settle_in(ledger, persons)
            tokens = sign_in(ledger, persons, min(SESSIONS, persons))
            count_tables(ledger)
        day = SettledDay(folder, url, debits)
        with serving(url) as port:
            found = [
                enquiries(port, tokens[:400], persons, seconds, rounds),
                losses(port, tokens[400 : 400 + LOSSES]),
                losses_beside(port, tokens[400 + LOSSES :], day),
                logins(port, persons),
            ]
            try:
                found.append(papers(port, tokens))
            except RuntimeError as error:
                raise UnavailableError(str(error)) from None
        found.append(small(folder / "small", size, seconds))
        with Ledger.open(url) as ledger:
            found += hotlists(ledger, folder, persons)
    return sorted(found, key=lambda row: row.number)
