# SPDX-License-Identifier: Apache-2.0
"""Errors that nobody thought of, of every family: the channel answers that nothing is confirmed,
goes on, and no text of them is shown or logged, for it may quote what they choked on."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from sscard_chip.settlement.ledger import LedgerRefusedError
from sscard_service import Code, ServiceRefusedError
from sscard_service.http import create_application
from sscard_service.pages import Site
from sscard_service.pages.visitors import Visitors
from sscard_service.work import ServiceView, Work
from sscard_service.worker import OutboxWorker
from tests.service.city import LIN, City
from tests.service.test_ivr import BALANCE, Asterisk, serving

PLANTED: Final = "planted-4711"


def families() -> list[Exception]:
    """One error of each family that Python has, and some of libraries, with a planted text."""
    found: list[Exception] = []
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                found.append(kind(PLANTED))
            except TypeError:  # those of Unicode want more
                continue
    found.append(UnicodeDecodeError("utf-8", PLANTED.encode(), 0, 1, PLANTED))
    found.append(UnicodeEncodeError("utf-8", PLANTED, 0, 1, PLANTED))
    found.append(sa.exc.StatementError(PLANTED, PLANTED, {"name": PLANTED}, ValueError(PLANTED)))
    found.append(LedgerRefusedError(PLANTED))
    return found


@pytest.fixture
def city(one_city: City) -> City:
    """On SQLite alone, where the database makes no difference."""
    return one_city


@pytest.fixture
def break_down(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let balance and loss fail with an error."""

    def use(error: Exception) -> None:
        def fail(*_: object) -> Any:
            raise error

        monkeypatch.setattr(ServiceView, "card_to_show", fail)
        monkeypatch.setattr(Work, "card", fail)

    return use


def test_no_error_of_any_family_is_shown_or_logged_over_http(
    city: City, break_down: Callable[[Exception], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    application = create_application(city.centre, per_minute=100_000)
    application.router.routes.extend(Site(city.centre, per_minute=100_000).routes)
    client = TestClient(application)  # raises what leaves the application
    body = {"subject": {"identity": LIN}, "evidence": {"card_number": "000013"}}
    signed_in = {"identity": LIN, "card_number": "000013"}
    token = client.post("/v1/sessions", json=body, headers={"Idempotency-Key": "s"}).json()
    bearer = {"Authorization": f"Bearer {token['data']['token']}"}
    assert client.post("/sign-in", data=signed_in).status_code == 200
    errors = families()
    assert len(errors) > 60
    for number, error in enumerate(errors):
        break_down(error)
        for answer in (
            client.post("/v1/me/loss", json={}, headers=bearer | {"Idempotency-Key": f"{number}"}),
            client.get("/v1/me/balance", headers=bearer),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "DOWN"), repr(error)
            assert PLANTED not in answer.text
        shown = client.get("/do/balance")
        assert PLANTED not in shown.text
        assert "12333" in shown.text
    assert PLANTED not in caplog.text
    assert "StopIteration at test_faults.py" in caplog.text  # what it was and where is told


def test_the_hotline_goes_on_after_an_error(
    city: City, break_down: Callable[[Exception], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    break_down(ValueError(PLANTED))

    async def play(host: str, port: int) -> None:
        for _ in range(2):
            await Asterisk([*BALANCE, "9"]).call(host, port)

    serving(city, play)
    assert PLANTED not in caplog.text
    assert "hotline: an operation has no answer: ValueError at test_faults.py" in caplog.text


def test_the_outbox_goes_on_after_an_error(
    city: City,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import sscard_service.worker as room

    done = asyncio.Event()
    deliver, rounds = room.deliver, []

    def failing(*given: Any) -> Any:
        rounds.append(1)
        if len(rounds) == 1:
            raise UnicodeEncodeError("utf-8", PLANTED, 0, 1, PLANTED)
        found = deliver(*given)
        done.set()
        return found

    monkeypatch.setattr(room, "deliver", failing)
    city.ask("loss")
    with OutboxWorker(city.centre, tmp_path / "outbox", seconds=0.01) as worker:
        worker._thread.join(0.01)
        while not done.is_set():
            assert worker._thread.is_alive()
    assert list((tmp_path / "outbox").glob("holder-*.json"))
    assert "outbox: UnicodeEncodeError at test_faults.py" in caplog.text
    assert PLANTED not in caplog.text


def test_what_the_ledger_refuses_is_down(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise LedgerRefusedError("pk_service_outbox")

    monkeypatch.setattr(city.ledger, "run", refuse)
    with pytest.raises(ServiceRefusedError) as refused:
        city.ask("loss")
    assert refused.value.code is Code.DOWN


def test_visitors_of_many_threads() -> None:
    """Whoever ends, in any thread, ends once, and nobody else is disturbed."""
    from concurrent.futures import ThreadPoolExecutor

    now, ended = [0.0], []
    visitors = Visitors(lambda: now[0], 5, ended=lambda one: ended.append(one.cookie))

    def visit(at: int) -> str:
        now[0] += 0.01
        one = visitors.begin("zh")
        visitors.touch(one)
        visitors.find(one.cookie)
        visitors.all()
        if at % 3 == 0:
            visitors.end(one)
        visitors.touch(one)
        return one.cookie

    with ThreadPoolExecutor(16) as pool:
        begun = list(pool.map(visit, range(4000)))
    visitors.end_all()
    assert sorted(ended) == sorted(begun)


def test_a_broken_upload_is_quoted_in_no_log(city: City, caplog: pytest.LogCaptureFixture) -> None:
    application = create_application(city.centre)
    application.router.routes.extend(Site(city.centre).routes)
    client = TestClient(application)
    client.post("/sign-in", data={"way": "public"})
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/do/progress", content=PLANTED.encode(), headers=kind).status_code == 400
    assert "boundary" not in caplog.text
