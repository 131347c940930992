# SPDX-License-Identifier: Apache-2.0
"""What hostile programs send over HTTP: never a 5xx, never done twice, never without an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.schema.services import audit
from sscard_chip.standard.documents import DocumentError, parse_json
from sscard_service import Code
from sscard_service.http import ROUTES, RateLimit, create_application
from sscard_service.work import OPERATIONS
from tests.service.city import LIN, City, code_of
from tests.service.test_http import ME, Api, code

HALF: Final = "\ud800"
CLERK: Final = {"X-Clerk": "0017", "X-Clerk-Password": "counter-0017"}
SEEN: Final = {"subject": {"identity": LIN}, "evidence": {"document": {"identity": LIN}}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One interface for all of these: nothing that is refused changes it."""
    with Ledger.open(tmp_path_factory.mktemp("city") / "city.db") as ledger:
        yield Api(City(ledger))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (rb'{"a": "\ud800"}', "has half a character"),
        (rb'{"\uDFFF": 1}', "has half a character"),
        (rb'["\udc00\ud800"]', "has half a character"),
        (rb'{"a": 1, "a": 2}', "an object has the same name twice"),
    ],
)
def test_json_that_is_no_text_is_refused(text: bytes, rule: str) -> None:
    with pytest.raises(DocumentError, match=rule):
        parse_json(text)


def test_json_with_whole_characters_is_taken() -> None:
    assert parse_json(rb'{"a": "\ud83d\ude00", "b": "\\ud800"}') == {"a": "😀", "b": "\\ud800"}


def test_half_a_character_in_any_text_is_a_bad_body(api: Api) -> None:
    """Of subject, evidence and details of every operation: what json.dumps writes as \\ud800."""
    for route in ROUTES:
        if route.method in ("GET", "DELETE"):
            continue
        path = route.path.replace("{receipt}", "0" * 16)
        fields = msgspec.structs.fields(OPERATIONS[route.operation].details)
        bodies = [{"details": {one.encode_name: HALF}} for one in fields]
        bodies += [{"evidence": {"query_password": HALF}}, {"subject": {"identity": HALF}}]
        for body in bodies:
            assert code(api.ask(route.method, path, body)) == (422, "FORMAT"), (path, body)


def test_a_text_for_people_is_printable(city: City) -> None:
    """On both databases: PostgreSQL takes no zero in a text."""
    for text in ("a\0b", "a\nb", "a\u202eb", "x" * 201):
        rejected = {"accepted": False, "reason": text}
        for operation, identity, given in (
            ("loss", LIN, {"details": {"reason": text}}),
            ("cancel", LIN, {"bank_reference": text}),
            ("review", "", {"details": rejected, "receipt": "0" * 16}),
            ("arrive", "", {"details": {"point": text}, "receipt": "0" * 16}),
            ("apply", LIN, {"details": {"point": text}}),
        ):
            asked: dict[str, Any] = given
            assert city.refused(operation, identity, **asked) is Code.FORMAT, (operation, text)


DEEP: Final = (
    b"[" * 50_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"subject":{"identity":"1"},"subject":{}}',
    b'{"subject":{"identity":"1","identity":"2"}}',
    b"NaN",
    b'{"subject":{"identity":1e999}}',
    b'{"details":{"time":' + b"9" * 5000 + b"}}",
    b"\xff\xfe{\x00}\x00",
    b"\xed\xa0\x80",
    b'{"evidence":{"papers":{"../../etc/passwd":"AA=="}}}',
    b'{"subject":{"__class__":"x"}}',
    b'{"other":{}}',
    b"[]",
    b"null",
)


@pytest.mark.parametrize("content", DEEP, ids=range(len(DEEP)))
def test_bodies_that_are_none(api: Api, content: bytes) -> None:
    for path in ("/v1/me/loss", "/v1/sessions", "/v1/enquiries/balance"):
        api.numbers += 1
        headers = {"Idempotency-Key": f"deep-{api.numbers}"}
        answer = api.client.post(path, content=content, headers=headers)
        assert code(answer) == (422, "FORMAT")


def test_headers_that_are_none(api: Api) -> None:
    signed = {"X-Client": "mini", "X-Time": "1772413200", "X-Nonce": "n" * 20}
    for headers, expected in (
        ({"Idempotency-Key": "x" * 65}, (422, "FORMAT")),
        ({"Idempotency-Key": "\xff\xfe"}, (422, "FORMAT")),
        ({"Idempotency-Key": "k-1", "Authorization": "Bearer " + "x" * 300}, (422, "FORMAT")),
        ({"Idempotency-Key": "k-2", "Authorization": "Bearer x"}, (422, "FORMAT")),
        ({"Idempotency-Key": "k-3", "X-Client": "x" * 21}, (422, "FORMAT")),
        ({"Idempotency-Key": "k-4", **signed, "X-Signature": "zz"}, (401, "SIGNATURE")),
        ({"Idempotency-Key": "k-5", **signed, "X-Signature": ""}, (401, "SIGNATURE")),
        ({"Idempotency-Key": "k-6", **signed, "X-Time": "99999999999999"}, (422, "FORMAT")),
        ({"Idempotency-Key": "k-7", **signed, "X-Time": "²³"}, (422, "FORMAT")),
        ({"Idempotency-Key": "k-8", **signed, "X-Nonce": "short"}, (401, "SIGNATURE")),
        ({"Idempotency-Key": "k-9", "X-Client": "nobody", "X-Time": "1772413200",
          "X-Nonce": "n" * 20, "X-Signature": "00"}, (401, "SIGNATURE")),
    ):  # fmt: skip
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = api.client.post("/v1/me/loss", content=json.dumps(ME), headers=sent)
        assert code(answer) == expected, headers


def test_no_program_asks_in_another_channel(api: Api) -> None:
    """The channel is that of the program, whatever the address: what it has not is not offered."""
    for client, path in (
        ("till-7", "/v1/me/loss"), ("till-7", "/v1/me/lift"), ("mini", "/v1/counter/cancellation"),
        ("mini", "/v1/counter/rename"), ("till-7", "/v1/me/papers"),
    ):  # fmt: skip
        answer = api.signed("POST", path, {"subject": {"identity": LIN}, "details": {}},
                            client=client)  # fmt: skip
        assert code(answer) in ((403, "CHANNEL"), (422, "FORMAT")), path


def test_sixteen_threads_with_one_key_report_once(city: City) -> None:
    api = Api(city)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: api.ask("POST", "/v1/me/loss", ME, key="one"), range(16)))
    assert {code(one) for one in answers} == {(200, "DONE")}
    assert sorted(one.json()["repeated"] for one in answers) == [False] + [True] * 15
    assert len({str(one.json()["data"]) for one in answers}) == 1
    with city.ledger.reading() as t:
        assert t.connection.exec_driver_sql("SELECT count(*) FROM card_status").scalar_one() == 1


def test_guesses_at_a_clerks_password_are_counted_and_audited(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "city.db") as ledger:
        api = Api(City(ledger))

        def ask(name: str, password: str) -> tuple[int, str]:
            headers = {"X-Clerk": name, "X-Clerk-Password": password}
            return code(api.signed("POST", "/v1/me/loss", SEEN, client="desk", headers=headers))

        for name in ("0017", "9999"):  # who is a clerk is not told either
            found = [ask(name, "wrong") for _ in range(7)]
            assert found == [(401, "WRONG_PROOF")] * 5 + [(429, "LOCKED")] * 2
        assert ask("0017", "counter-0017") == (429, "LOCKED")
        assert ask("0018", "counter-0018") == (200, "DONE")
        api.city.later(minutes=2)
        assert ask("0017", "counter-0017") == (200, "DONE")
        with ledger.reading() as t:
            rows = t.connection.execute(
                sa.select(audit.c.actor, audit.c.result).where(audit.c.operation == "clerk")
            ).all()
        assert [tuple(one) for one in rows].count(("0017", "WRONG_PROOF")) == 5
        assert [tuple(one) for one in rows].count(("0017", "LOCKED")) == 3


def test_where_no_clerks_are_no_password_is_looked_at(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sscard_service.http.clerks.check_password", None)
    assert code(api.ask("POST", "/v1/me/loss", ME, headers=CLERK)) == (401, "WRONG_PROOF")


def raw(api: Api, body: Any, *, seconds: float = 0.05, headers: Any = ()) -> list[Any]:
    """What the application answers to a request that comes in pieces; ``body`` gives them."""
    application = create_application(api.city.centre, per_minute=100_000, body_seconds=seconds)
    sent: list[Any] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": "/v1/me/loss", "raw_path": b"/v1/me/loss", "query_string": b"", "root_path": "",
        "scheme": "http", "client": ("192.0.2.9", 1), "server": ("127.0.0.1", 80),
        "headers": [(b"idempotency-key", b"raw"), *headers],
    }  # fmt: skip

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(application(scope, body, send), 20))
    return sent


def test_a_body_that_comes_too_slowly_ends(api: Api) -> None:
    async def drip() -> Any:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def silence() -> Any:
        await asyncio.Event().wait()

    for body in (drip, silence):
        sent = raw(api, body)
        assert sent[0]["status"] == 422
        assert b"must come within" in sent[1]["body"]


def test_a_body_that_is_too_large_is_not_read_to_its_end(api: Api) -> None:
    read = 0

    async def flood() -> Any:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    sent = raw(api, flood, seconds=10)
    assert (sent[0]["status"], read) == (422, 2)
    read = 0
    declared = [(b"content-length", b"99999999999")]
    assert raw(api, flood, seconds=10, headers=declared)[0]["status"] == 422
    assert read <= 1


def test_who_hangs_up_in_the_middle_changes_nothing(api: Api) -> None:
    pieces = [
        {"type": "http.request", "body": json.dumps(ME).encode()[:20], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def gone() -> Any:
        return pieces.pop(0) if len(pieces) > 1 else pieces[0]

    raw(api, gone)
    shown = api.city.ask("card_state", "", card=code_of(1), document=None)
    assert shown.data["status"] == 1


def test_a_source_that_asks_too_often_waits_and_others_do_not() -> None:
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    assert [limit.wait("a") for _ in range(16)] == [0] * 15 + [1]
    assert limit.wait("b") == 0
    now[0] = 1.01
    assert limit.wait("a") == 0
    for one in range(100_001):  # many sources do not take memory without an end
        limit.wait(str(one))
    assert len(limit._buckets) == 100_000


def test_too_many_requests_are_told_when_to_come_again(api: Api) -> None:
    from fastapi.testclient import TestClient

    client = TestClient(create_application(api.city.centre, per_minute=4))
    assert client.get("/v1/policy").status_code == 200
    late = client.get("/v1/policy")
    assert (late.status_code, late.json()["code"]) == (429, "RATE")
    assert int(late.headers["retry-after"]) == late.json()["detail"]["retry"] > 0
