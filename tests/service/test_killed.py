# SPDX-License-Identifier: Apache-2.0
"""Killed at any statement of any change: never two live cards, none lost, nothing half done.

A child process does one operation and kills itself with SIGKILL before or after its k-th
statement or commit. Then the world is looked at, and the same request is asked again.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from sscard_chip.settlement.ledger import CardStatus, Ledger, status_of
from sscard_chip.settlement.ledger.database import parse_url
from sscard_chip.settlement.schema.books import card
from sscard_service.store.audit import verify_audit
from tests.service.city import KEYS, VALID, City, code_of, photo

EVERY: Final = int(os.environ.get("SSCARD_KILL_EVERY", "53"))
"""Each so many-th point is tried, on PostgreSQL one of each step; 1 by hand: every point of both
databases, more than a thousand."""
NEW: Final = "Z00000030"
PAYS: Final = frozenset({CardStatus.NORMAL, CardStatus.TEMPORARY_LOSS})
HEALTHY: Final = {"loss": {4}, "lift": {1}, "formal": {2}, "cancel": {9}}

Step = Callable[[City, str], Any]


def loss(city: City, _: str) -> Any:
    return city.ask("loss", channel="ivr", card_number="000013", request="k-loss")


def lift(city: City, _: str) -> Any:
    return city.ask("lift", request="k-lift")


def formal(city: City, _: str) -> Any:
    return city.ask("formal", request="k-formal")


def replace(city: City, _: str) -> Any:
    details = {**VALID, "reason": "lost"}
    return city.ask("replace", details=details, photo=PHOTO, request="k-replace")


def review(city: City, receipt: str) -> Any:
    return city.ask("review", "", receipt=receipt, details={"accepted": True}, request="k-review")


def batch(city: City, receipt: str) -> Any:
    return city.ask("batch", "", receipt=receipt, details={"batch": "june"}, request="k-batch")


def made(city: City, receipt: str) -> Any:
    details = {"card_number": NEW, "card_id_code": code_of(9), "factor": "00" * 8}
    return city.ask("made", "", receipt=receipt, details=details, request="k-made")


def arrive(city: City, receipt: str) -> Any:
    return city.ask("arrive", "", receipt=receipt, details={"point": "1"}, request="k-arrive")


def collect(city: City, receipt: str) -> Any:
    return city.ask("collect", details={"receipt": receipt}, request="k-collect")


def cancel(city: City, _: str) -> Any:
    return city.ask("cancel", request="k-cancel")


PHOTO: Final = photo()
STEPS: Final[tuple[Step, ...]] = (
    loss, lift, formal, replace, review, batch, made, arrive, collect, cancel,
)  # fmt: skip


def watch(ledger: Ledger, point: int) -> Callable[[], int]:
    """Count statements and commits of a ledger's engine; at ``point`` die (0: never)."""
    passed = 0

    def pass_one(*_: object, **__: object) -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = ledger.database.engine
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, pass_one)
    return lambda: passed


def in_child(url: str, work: Callable[[City], object], point: int) -> int:
    """Do ``work`` in a process of its own that dies at ``point``; 0, or the signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ledger = Ledger.open(url, create=False)
            city = City(ledger, settled=True)
            city.now += timedelta(minutes=5)
            watch(ledger, point)
            work(city)
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        return os.WTERMSIG(ended)
    assert os.WEXITSTATUS(ended) == 0
    return 0


def live_cards(city: City) -> list[int]:
    """Cards that pay now or may again."""
    now = (city.now + timedelta(hours=1)).strftime("%Y%m%d%H%M%S")
    with city.ledger.reading() as t:
        mine = sa.select(card.c.id).where(card.c.psn_no == "51000001").order_by(card.c.id)
        numbers = t.connection.execute(mine).scalars().all()
        return [one for one in numbers if status_of(t, one, now) in PAYS]


@pytest.mark.timeout(0 if EVERY == 1 else 300)
@pytest.mark.parametrize("which", range(len(STEPS)), ids=[step.__name__ for step in STEPS])
def test_killed_at_any_point(which: int, ledger_url: str, tmp_path: Path) -> None:
    step = STEPS[which]
    densely = EVERY == 1 or not ledger_url.startswith("postgresql")
    points, at = 0, 1 + which % EVERY if densely else 11 + 3 * which
    while True:
        url, receipt = before_step(ledger_url, tmp_path, which, at)
        died = in_child(url, lambda city, receipt=receipt: step(city, receipt), at)  # type: ignore[misc]
        with Ledger.open(url, create=False) as ledger:
            city = City(ledger, settled=True)
            city.now += timedelta(minutes=5)
            assert len(live_cards(city)) <= 1
            answer = step(city, receipt)  # the same request: done now, or its first answer
            live = live_cards(city)
            lives = [1] if step in (loss, lift) else [max_card(city)] if step is collect else []
            assert live == lives
            if "status" in answer.data and step.__name__ in HEALTHY:
                assert answer.data["status"] in HEALTHY[step.__name__]
            with ledger.reading() as t:
                assert verify_audit(t, KEYS.audit).problems == ()
            assert ledger.check().even
        if not died:
            break
        points += 1
        if not densely:
            break
        at += EVERY
    print(f"{step.__name__}: {points} points")
    assert points >= 1


def max_card(city: City) -> int:
    """The newest card."""
    with city.ledger.reading() as t:
        return int(t.connection.execute(sa.select(sa.func.max(card.c.id))).scalar_one())


def before_step(url: str, tmp_path: Path, which: int, at: int) -> tuple[str, str]:
    """A ledger on which all steps before one are done, and the receipt; a copy of the first one,
    of its file or of its database."""
    noted = tmp_path / "receipt"
    if url.startswith("postgresql"):
        first, copy = (url.replace("/postgres?", f"/{name}?") for name in ("first", "copy"))
        if not noted.exists():
            create_database(url, "first", "template0")
            create_schema(first)
            noted.write_text(walk_to(first, which))
        create_database(url, "copy", "first")
        return copy, noted.read_text()
    if not noted.exists():
        noted.write_text(walk_to(str(tmp_path / "first.db"), which))
    shutil.copy(tmp_path / "first.db", tmp_path / f"city-{at}.db")
    return str(tmp_path / f"city-{at}.db"), noted.read_text()


def walk_to(url: str, which: int) -> str:
    """Do the steps before one; the receipt of the application."""
    receipt = ""
    with Ledger.open(url) as ledger:
        city = City(ledger)
        for before in STEPS[:which]:
            receipt = before(city, receipt).data.get("receipt", receipt)
    return receipt


def create_database(url: str, name: str, template: str) -> None:
    """A database of the server of a URL, anew, as a copy of another one."""
    engine = sa.create_engine(parse_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    engine.dispose()


def create_schema(url: str) -> None:
    """The schema that a URL names."""
    engine = sa.create_engine(parse_url(url))
    with engine.begin() as connection:
        name = url.rpartition("%3D")[2]
        connection.exec_driver_sql(f'CREATE SCHEMA "{name}"')
    engine.dispose()
