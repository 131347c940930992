# SPDX-License-Identifier: Apache-2.0
"""Killed at any point of any change: never two live cards, none lost, nothing half done.

A card's life goes by step by step. Each step is done once undisturbed, and again on copies of the
ledger: there a child process that does it dies at its n-th point, or its connection or the whole
server of PostgreSQL does (:mod:`tests.service.killing`). Then the ledger is as before the step or
as after it, row by row; files are whole or absent; "done" was said of nothing else; and the same
request, asked again, is done once and gets the answer of the undisturbed one.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from issuance.batch.returnfile import RETURN_COLUMNS
from sscard_chip.settlement.ledger import CardStatus, Ledger, LedgerError, status_of
from sscard_chip.settlement.ledger.database import parse_url
from sscard_chip.settlement.schema import metadata
from sscard_chip.settlement.schema.books import card, card_status
from sscard_chip.settlement.schema.services import application, application_step, outbox
from sscard_service import Code, ServiceAnswer, ServiceRefusedError
from sscard_service.batches import allotted_number, report_batch, take_batch
from sscard_service.store.audit import verify_audit
from sscard_service.worker import deliver, write_message
from tests.service import killing
from tests.service.city import KEYS, VALID, City, code_of, photo
from tests.settlement.postgres import PostgresServer

EVERY: Final = int(os.environ.get("SSCARD_KILL_EVERY", "0"))
"""Each so many-th point of each step in each way; 1 by hand. Without it one point of each step is
tried, and two of a server that is killed."""
NEW: Final = "Z00000030"
LIVE: Final = frozenset({CardStatus.NORMAL, CardStatus.TEMPORARY_LOSS})
UNTOLD: Final = frozenset({"service_attempt", "service_audit", "service_audit_head"})
"""Tables in which also an attempt that came to nothing is seen."""
_COUNTS: Final = " UNION ALL ".join(
    f"SELECT '{name}' AS name, count(*) AS how_many FROM {name}"
    for name in sorted(metadata.tables)
    if name not in UNTOLD
)
PHOTO: Final = photo()


@dataclass(frozen=True)
class Place:
    """Where a step is done: on which city, for which application, beside which folder."""

    city: City
    receipt: str
    folder: Path


Step = Callable[[Place], Any]


def loss(at: Place) -> Any:
    return at.city.ask("loss", channel="ivr", card_number="000013", request="k-loss")


def lift(at: Place) -> Any:
    return at.city.ask("lift", request="k-lift")


def formal(at: Place) -> Any:
    return at.city.ask("formal", request="k-formal")


def tell(at: Place) -> Any:
    """Messages to the holder and a hotlist, as ``sscard service serve --outbox`` does."""
    deliver(at.city.centre, lambda one: write_message(at.folder, one))


def replace(at: Place) -> Any:
    details = {**VALID, "reason": "lost"}
    return at.city.ask("replace", details=details, photo=PHOTO, request="k-replace")


def review(at: Place) -> Any:
    accepted = {"accepted": True}
    number = f"k-review {at.receipt}"
    return at.city.ask("review", "", receipt=at.receipt, details=accepted, request=number)


def batch(at: Place) -> Any:
    details = {"batch": "june"}
    return at.city.ask("batch", "", receipt=at.receipt, details=details, request="k-batch")


def made(at: Place) -> Any:
    details = {"card_number": NEW, "card_id_code": code_of(9), "factor": "00" * 8}
    return at.city.ask("made", "", receipt=at.receipt, details=details, request="k-made")


def arrive(at: Place) -> Any:
    details = {"point": "1"}
    return at.city.ask("arrive", "", receipt=at.receipt, details=details, request="k-arrive")


def collect(at: Place) -> Any:
    return at.city.ask("collect", details={"receipt": at.receipt}, request="k-collect")


def cancel(at: Place) -> Any:
    return at.city.ask("cancel", request="k-cancel")


def apply(at: Place) -> Any:
    details = {**VALID, "delivery": "post", "address": "1 Lane"}
    return at.city.ask("apply", details=details, request="k-apply")


def take(at: Place) -> Any:
    """A batch with its list of holders."""
    take_batch(at.city.centre, "july", at.folder / "july.csv", "0017")


def report(at: Place) -> Any:
    """A return file."""
    path = at.folder.parent / f"return-{os.getpid()}.csv"
    row = dict.fromkeys(RETURN_COLUMNS, "") | {
        "card_number": allotted_number(2), "card_id_code": code_of(10), "result": "ok",
        "reset_code": "00" * 13, "expiry_date": "20361231",
    }  # fmt: skip
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, RETURN_COLUMNS)
        writer.writeheader()
        writer.writerow(row)
    report_batch(at.city.centre, "july", path, "0017")


def post(at: Place) -> Any:
    details = {"posted": True}
    return at.city.ask("arrive", "", receipt=at.receipt, details=details, request="k-post")


def activate(at: Place) -> Any:
    return at.city.ask("activate", request="k-activate")


LIFE: Final[tuple[Step, ...]] = (
    loss, lift, formal, tell, replace, review, batch, made, arrive, collect, cancel, apply, review,
    take, report, post, activate,
)  # fmt: skip
SHOT: Final = (formal, collect)
"""Steps in which a server is killed in CI."""


# --- what there is -------------------------------------------------------------------------------


def world(city: City) -> dict[str, Any]:
    """All that a step may change: how many rows each table has, and what matters of them; the
    ``cards`` are one person's."""
    now = (city.now + timedelta(hours=1)).strftime("%Y%m%d%H%M%S")
    with city.ledger.reading() as t:
        run = t.connection.execute
        states = sa.select(card_status.c.card, card_status.c.status, card_status.c.since)
        steps = sa.select(application_step.c.application, application_step.c.state)
        filed = run(sa.select(application.c.id).order_by(application.c.id)).scalars().all()
        told = sa.select(outbox.c.kind, outbox.c.state, outbox.c.tries).order_by(outbox.c.id)
        numbers = run(sa.select(card.c.id, card.c.psn_no).order_by(card.c.id)).all()
        named = {one.id: at for at, one in enumerate(numbers)}  # a number may be left out
        return {
            "rows": {one.name: one.how_many for one in t.connection.exec_driver_sql(_COUNTS)},
            "cards": [
                (named[one], status_of(t, one, now)) for one, own in numbers if own == "51000001"
            ],
            "changes": sorted((named[one.card], one.status, one.since) for one in run(states)),
            "steps": sorted((filed.index(one.application), one.state) for one in run(steps)),
            "outbox": [tuple(one) for one in run(told)],
        }


def files_of(folder: Path) -> dict[str, str]:
    """Whole files; what begins with a dot was being written."""
    return {
        one.name: one.read_text("utf-8") for one in folder.iterdir() if not one.name.startswith(".")
    }


def answered(answer: Any) -> str:
    """What was answered; numbers that are drawn are none of it."""
    if not isinstance(answer, ServiceAnswer):
        return ""
    shown = json.dumps([answer.operation, answer.level, answer.data], sort_keys=True)
    return re.sub(r'"(receipt|phone_keys)": "[^"]*"', "", shown)


# --- one step, disturbed --------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A way to die: what counts points of a ledger, and what happens at one."""

    name: str
    watch: Callable[[Ledger, killing.Points, Path], None]
    hit: killing.Hit
    dies: bool = True
    """Whether it is the process that dies; otherwise it says what came of its request."""
    mend: Callable[[], None] | None = None
    """Starts a server again that was killed."""


DONE, AWAY = 0, 3


def in_child(url: str, folder: Path, receipt: str, step: Step, way: Way, at: int) -> int | None:
    """Do a step in a process that is disturbed at a point: DONE or AWAY as it has said, -1 where
    it was killed; None where it has no such point."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ledger = Ledger.open(url, create=False)
            city = City(ledger, settled=True)
            city.now += timedelta(minutes=5)
            points = killing.Points(at, way.hit)
            way.watch(ledger, points, folder)
            status = DONE
            try:
                step(Place(city, receipt, folder))
            except ServiceRefusedError as error:
                status = AWAY if error.code is Code.DOWN else 1
            except LedgerError:
                status = AWAY
            if not points.reached:
                status += 10
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        assert way.dies
        return -1
    status = os.WEXITSTATUS(ended)
    assert status in (DONE, AWAY, 10)
    return None if status == 10 else status


@contextmanager
def opened(url: str) -> Iterator[City]:
    """The city on a ledger, five minutes after its begin."""
    with Ledger.open(url, create=False) as ledger:
        city = City(ledger, settled=True)
        city.now += timedelta(minutes=5)
        yield city


class Life:
    """Goes through a card's life, and disturbs copies of it in each way."""

    def __init__(self, url: str, tmp_path: Path, ways: tuple[Way, ...]) -> None:
        self.url = url
        self.ways = ways
        self.folder = tmp_path
        self.receipt = ""
        self.points: Counter[str] = Counter()
        create_schema(self.copied("first", ""))
        with Ledger.open(self.at("first")) as ledger:
            City(ledger)
        self.now = "first"

    def step(self, index: int) -> None:
        """One step: undisturbed, then in each way at its points."""
        step = LIFE[index]
        before, after = self.now, f"after_{index}"
        with opened(self.at(before)) as city:
            old = world(city)
        folder = self.new_folder(after)
        with opened(self.copied(after, before)) as city:
            counted = [killing.Points(0, killing.die) for _ in self.ways]
            for way, points in zip(self.ways, counted, strict=True):
                way.watch(city.ledger, points, folder)
            answer = step(Place(city, self.receipt, folder))
            passed = [points.passed for points in counted]
            new = world(city)
        assert old != new
        done = new, files_of(folder), answered(answer)
        for place, (way, last) in enumerate(zip(self.ways, passed, strict=True)):
            for at in self.wanted(index, place, last):
                if not self.disturb(step, way, before, at, old, done):
                    assert at > last  # all points have been
                    break
                self.points[way.name] += 1
        print(f"{step.__name__}: {passed}, by now {dict(self.points)}", flush=True)
        self.now = after
        if isinstance(answer, ServiceAnswer):
            self.receipt = answer.data.get("receipt", self.receipt)

    def wanted(self, index: int, place: int, last: int) -> list[int]:
        """The points that are tried in a way, by hand one more than there are."""
        if EVERY:
            return list(range(1 + index % EVERY, last + 2, EVERY))
        mine = LIFE[index] in SHOT if self.ways[place].mend else index % 2 == place
        return [1 + (7 * index + last // 2) % last] if mine else []

    def disturb(self, step: Step, way: Way, before: str, at: int, old: Any, done: Any) -> bool:
        """Die at a point, and look; whether there is such a point."""
        folder = self.new_folder(f"hit_{at}")
        url = self.copied("hit", before)
        said = in_child(url, folder, self.receipt, step, way, at)
        if said is None:
            return False
        if way.mend is not None:
            way.mend()
        new, files, answer = done
        with opened(url) as city:
            found = world(city)
            assert found in (old, new), at
            assert said != DONE or found == new, at  # never "done" without effect
            assert len([one for one, status in found["cards"] if status in LIVE]) <= 1, at
            assert files_of(folder).items() <= files.items(), at
            place = Place(city, self.receipt, folder)
            again = step(place)  # the same request: done now, or its first answer
            assert world(city) == new, at
            assert files_of(folder) == files, at
            assert answered(again) == answer, at
            if isinstance(again, ServiceAnswer):
                assert again.repeated is (found == new), at
                assert step(place).repeated is True, at
            with city.ledger.reading() as t:
                assert verify_audit(t, KEYS.audit).problems == (), at
            assert city.ledger.check().even, at
        shutil.rmtree(folder)
        return True

    # --- copies ----------------------------------------------------------------------------------

    def new_folder(self, name: str) -> Path:
        """A folder for files of a step."""
        folder = self.folder / name / "files"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def at(self, name: str) -> str:
        """The URL of a copy."""
        if self.url.startswith("postgresql"):
            return self.url.replace("/postgres?", f"/{name}?")
        return str(self.folder / f"{name}.db")

    def copied(self, name: str, original: str) -> str:
        """A copy of a ledger, of its file or of its database; or an empty one."""
        url = self.at(name)
        if self.url.startswith("postgresql"):
            create_database(self.url, name, original or "template0")
            return url
        for end in ("", "-wal", "-shm"):
            Path(f"{url}{end}").unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                if original:
                    shutil.copy(f"{self.at(original)}{end}", f"{url}{end}")
        return url


def create_database(url: str, name: str, template: str) -> None:
    """A database of the server of a URL, anew, as a copy of another one.

    A sequence is copied in the middle of the numbers that its original has logged in advance, and
    logs those numbers again only after a checkpoint: a server that is killed has to know them.
    """
    engine = sa.create_engine(parse_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()


def create_schema(url: str) -> None:
    """The schema that a URL of PostgreSQL names."""
    if url.startswith("postgresql"):
        engine = sa.create_engine(parse_url(url))
        with engine.begin() as connection:
            connection.exec_driver_sql(f'CREATE SCHEMA "{url.rpartition("%3D")[2]}"')
        engine.dispose()


def live(url: str, tmp_path: Path, *ways: Way) -> None:
    """A whole life, disturbed."""
    life = Life(url, tmp_path, ways)
    for index in range(len(LIFE)):
        life.step(index)
    print(f"{life.points.total()} points: {dict(life.points)}")
    assert life.points.keys() == {way.name for way in ways}


pytestmark = pytest.mark.timeout(0 if EVERY else 300)


def test_killed_on_sqlite(tmp_path: Path) -> None:
    with killing.sqlite_writes() as telling:
        live(
            str(tmp_path / "ledger.db"), tmp_path,
            Way("process at a statement or file", killing.at_statements, killing.die),
            Way("process at a write", lambda _, points, __: telling(points), killing.die),
        )  # fmt: skip


def test_killed_on_postgresql(tmp_path: Path) -> None:
    with PostgresServer(keeps=True) as server:
        watch = killing.at_connections
        live(
            server.new_url(), tmp_path,
            Way("process at a statement or file", killing.at_statements, killing.die),
            Way("connection", watch, killing.cut, False),
            Way("server", watch, killing.shoot(server), False, server.start_again),
        )  # fmt: skip
