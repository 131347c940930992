# SPDX-License-Identifier: Apache-2.0
"""The interface over HTTP: who may ask as what, answers, problems, signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final

import httpx
import pytest
from fastapi.testclient import TestClient

from sscard_chip.security.sm2 import Sm2PrivateKey
from sscard_chip.settlement.ledger import LedgerUnavailableError
from sscard_service.http import HttpCaller, create_application
from sscard_service.store.clients import CLERK, HMAC, SM2, Client, put_client
from sscard_service.store.proofs import QUERY, hash_password, set_credential
from tests.service.city import KEYS, LIN, NOBODY, VALID, City, photo

SECRET: Final = bytes(range(100, 132))
NOW: Final = 1_772_413_200
ME: Final = {"subject": {"identity": LIN}, "evidence": {"card_number": "000013"}}


class Api:
    """The interface, asked as a program would."""

    def __init__(self, city: City) -> None:
        self.city = city
        caller = HttpCaller(city.centre, lambda: NOW)
        self.client = TestClient(create_application(city.centre, per_minute=100_000, caller=caller))
        self.numbers = 0
        self.sm2 = Sm2PrivateKey.generate()
        with city.ledger.transaction() as t:
            for one in (
                Client("mini", "app", HMAC, SECRET),
                Client("desk", "office", HMAC, SECRET),
                Client("till-7", "till", SM2, self.sm2.public.value),
                Client("0017", "office", CLERK, hash_password("counter-0017").encode()),
                Client("0018", "office", CLERK, hash_password("counter-0018").encode()),
            ):
                put_client(t, KEYS, one, "20260302000000")

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        self.numbers += 1
        sent = dict(headers or {})
        if method != "GET":
            sent["Idempotency-Key"] = key if key is not None else f"key-{self.numbers}"
        content = b"" if body is None else json.dumps(body).encode()
        found: httpx.Response = self.client.request(method, path, content=content, headers=sent)
        return found

    def signed(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        client: str = "mini",
        time: int = NOW,
        nonce: str = "",
        key: str = "",
        change: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        self.numbers += 1
        content = b"" if body is None else json.dumps(body).encode()
        nonce = nonce or f"nonce-{self.numbers:012d}"
        key = key or (f"key-{self.numbers}" if method != "GET" else "")
        token = (headers or {}).get("Authorization", "").removeprefix("Bearer ")
        text = "\n".join(
            (method, path, str(time), nonce, key, token, hashlib.sha256(content).hexdigest())
        ).encode()
        signature = (
            self.sm2.sign(text) if client == "till-7" else hmac.digest(SECRET, text, "sha256")
        )
        sent = (headers or {}) | {
            "X-Client": client,
            "X-Time": str(time),
            "X-Nonce": nonce,
            "X-Signature": signature.hex(),
        }
        if key:
            sent["Idempotency-Key"] = key
        found: httpx.Response = self.client.request(
            method, path, content=content + change, headers=sent
        )
        return found


@pytest.fixture
def city(one_city: City) -> City:
    """The embedded default alone: what HTTP adds is the same on both."""
    return one_city


@pytest.fixture
def api(city: City) -> Api:
    """The interface on a city."""
    return Api(city)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json()["code"]


def test_a_loss_by_the_site_is_done_once(api: Api) -> None:
    first = api.ask("POST", "/v1/me/loss", ME, key="once")
    assert code(first) == (200, "DONE")
    assert first.json()["data"]["status"] == 4
    again = api.ask("POST", "/v1/me/loss", ME, key="once")
    assert (again.json()["repeated"], again.json()["data"]) == (True, first.json()["data"])
    other = {**ME, "details": {"reason": "another"}}
    assert code(api.ask("POST", "/v1/me/loss", other, key="once")) == (409, "KEY_REUSED")
    assert code(api.ask("POST", "/v1/me/loss", ME, key="")) == (422, "FORMAT")


def test_a_session_shows_what_its_level_allows(api: Api) -> None:
    city = api.city
    with city.ledger.transaction() as t:
        set_credential(t, 1, QUERY, hash_password("own-word"), "20260302000000")
    proof = {"subject": {"identity": LIN}, "evidence": {"query_password": "own-word"}}
    token = api.ask("POST", "/v1/sessions", proof).json()["data"]["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert api.ask("GET", "/v1/me/balance", headers=bearer).json()["data"] == {
        "balance_fen": 12_345, "time": "20260302090000",
    }  # fmt: skip
    assert code(api.ask("GET", "/v1/me", headers=bearer)) == (403, "LEVEL_TOO_LOW")
    assert code(api.ask("DELETE", "/v1/sessions", headers=bearer)) == (200, "DONE")
    assert code(api.ask("GET", "/v1/me/balance", headers=bearer)) == (409, "STALE")


def test_unknown_and_wrong_are_one_answer(api: Api) -> None:
    answers = set()
    for identity, tail in ((LIN, "000014"), (NOBODY, "000013")):
        body = {"subject": {"identity": identity}, "evidence": {"card_number": tail}}
        found = api.ask("POST", "/v1/enquiries/balance", body)
        answers.add((found.status_code, json.dumps(found.json() | {"request": ""})))
    assert len(answers) == 1
    assert '"WRONG_PROOF"' in answers.pop()[1]


def test_nobody_is_a_clerk_or_has_a_face_by_saying_so(api: Api) -> None:
    said = {"document": {"identity": LIN, "copy": True}, "face": True, "second_clerk": "0018"}
    body = {"subject": {"identity": LIN}, "evidence": said}
    assert code(api.ask("POST", "/v1/me/lift", body)) == (403, "LEVEL_TOO_LOW")
    assert code(api.ask("POST", "/v1/me/lift", body, headers={"X-Clerk": "0017"})) == (
        401,
        "WRONG_PROOF",
    )
    right = {"X-Clerk": "0017", "X-Clerk-Password": "counter-0017"}
    assert code(api.ask("POST", "/v1/me/lift", body, headers=right)) == (401, "WRONG_PROOF")
    assert code(api.signed("POST", "/v1/me/loss", body, client="desk", headers=right)) == (
        200,
        "DONE",
    )
    assert code(api.signed("POST", "/v1/me/lift", body, client="desk", headers=right)) == (
        200,
        "DONE",
    )
    wrong = {"X-Clerk": "0017", "X-Clerk-Password": "counter-0018"}
    assert code(api.signed("POST", "/v1/me/loss", body, client="desk", headers=wrong)) == (
        401, "WRONG_PROOF",
    )  # fmt: skip


def test_a_signature_is_of_this_body_this_time_and_once(api: Api) -> None:
    body = {"subject": {"identity": LIN}, "evidence": {"face": True}}
    path = "/v1/enquiries/balance"
    assert code(api.signed("POST", path, body, nonce="n" * 16)) == (200, "DONE")
    assert code(api.signed("POST", path, body, nonce="n" * 16)) == (409, "STALE")
    assert code(api.signed("POST", path, body, time=NOW + 301)) == (409, "STALE")
    assert code(api.signed("POST", path, body, time=NOW - 300)) == (200, "DONE")
    assert code(api.signed("POST", path, body, change=b" ")) == (401, "SIGNATURE")
    assert code(api.signed("POST", path, body, client="nobody")) == (401, "SIGNATURE")


def test_a_till_signs_with_sm2_and_gets_the_hotlist(api: Api) -> None:
    assert code(api.ask("GET", "/v1/hotlist")) == (401, "SIGNATURE")
    empty = api.signed("GET", "/v1/hotlist", client="till-7")
    assert empty.status_code == 200
    version = empty.text.splitlines()[0].split("\t")[2]
    api.ask("POST", "/v1/me/loss", ME)
    api.city.later(seconds=1)
    delta = api.signed("GET", f"/v1/hotlist?after={version}", client="till-7").text
    assert "Z00000013" in delta
    assert code(api.signed("GET", "/v1/hotlist?after=19990101000000", client="till-7")) == (
        404, "NOT_FOUND",
    )  # fmt: skip


def test_a_till_asks_whether_a_card_pays(api: Api) -> None:
    body = {"subject": {"card": "Z00000013"}}
    shown = api.signed("POST", "/v1/status", body, client="till-7").json()["data"]
    assert (shown["status"], shown["pays"]) == (1, True)
    api.ask("POST", "/v1/me/loss", ME)
    shown = api.signed("POST", "/v1/status", body, client="till-7").json()["data"]
    assert (shown["status"], shown["pays"]) == (4, False)
    assert code(api.ask("POST", "/v1/status", body)) == (403, "CHANNEL")


def test_a_database_that_is_away_is_down_and_never_done(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> object:
        raise LedgerUnavailableError("city: cannot be reached, or has gone away")

    monkeypatch.setattr(api.city.ledger, "run", gone)
    answer = api.ask("POST", "/v1/me/loss", ME, key="down")
    assert code(answer) == (503, "DOWN")
    assert answer.json()["request"] == "down"
    assert "12333" in answer.json()["title_en"]


def test_every_problem_is_an_object_in_two_languages(api: Api) -> None:
    for answer in (
        api.ask("POST", "/v1/me/loss", {"subject": {"identity": "1"}}),
        api.ask("POST", "/v1/me/loss", ["no object"]),
        api.ask("GET", "/v1/nothing"),
        api.ask("PUT", "/v1/me/loss", ME),
        api.ask("POST", "/v1/me/loss", {"subject": {"identity": "x" * 70_000}}),
    ):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() == {"code", "title", "title_en", "detail", "request"}
        assert 400 <= answer.status_code < 500


def test_an_application_with_a_photo_goes_through_the_counter(api: Api) -> None:
    right = {"X-Clerk": "0017", "X-Clerk-Password": "counter-0017"}
    seen = {"document": {"identity": LIN, "copy": True}}
    body = {"subject": {"identity": LIN}, "evidence": seen}
    api.signed("POST", "/v1/me/formal-loss", body, client="desk", headers=right)
    body = {**body, "evidence": {**seen, "photo": photo()}, "details": VALID}
    filed = api.signed("POST", "/v1/me/replacement", body, client="desk", headers=right)
    assert code(filed) == (200, "DONE")
    receipt = filed.json()["data"]["receipt"]
    shown = api.ask("GET", f"/v1/applications/{receipt}")
    assert shown.json()["data"]["state"] == "applied"
    assert code(api.ask("GET", "/v1/applications/0123456789ABCDEF")) == (404, "NOT_FOUND")


def test_the_description_names_every_address(api: Api) -> None:
    document = api.client.get("/v1/openapi.json").json()
    assert "/v1/me/loss" in document["paths"]
    assert document["paths"]["/v1/me/loss"]["post"]["requestBody"]["content"]


def test_a_paper_over_http_and_its_public_page(api: Api) -> None:
    desk = {"X-Clerk": "0017", "X-Clerk-Password": "counter-0017"}
    seen = {"subject": {"identity": LIN}, "evidence": {"document": {"identity": LIN}}}
    body = seen | {"details": {"kind": "participation"}}
    made = api.signed("POST", "/v1/me/papers", body, client="desk", headers=desk)
    assert made.status_code == 200, made.text
    number = made.json()["data"]["code"]
    shown = api.ask("GET", f"/verify/{number[:5]}-{number[5:].lower()}")
    assert shown.status_code == 200
    assert "**夏" in shown.text
    assert "林知夏" not in shown.text
    assert LIN not in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert api.ask("GET", f"/v1/papers/{number}").json()["data"]["views"] == 2
    for other in ("0" * 20, "%3Cscript%3E", "x" * 500):
        refused = api.ask("GET", f"/verify/{other}")
        assert refused.status_code == 404
        assert "<script>" not in refused.text
    assert api.ask("GET", f"/v1/me/papers/{number}").status_code == 401
    session = api.ask("POST", "/v1/sessions", ME).json()["data"]["token"]
    headers = {"Authorization": f"Bearer {session}"}
    low = api.ask("GET", f"/v1/me/papers/{number}", headers=headers)
    assert low.json()["code"] == "LEVEL_TOO_LOW"
    face = {"subject": {"identity": LIN}, "evidence": {"face": True}}
    session = api.signed("POST", "/v1/sessions", face).json()["data"]["token"]
    headers = {"Authorization": f"Bearer {session}"}
    got = api.signed("GET", f"/v1/me/papers/{number}", headers=headers)
    assert (got.status_code, got.headers["content-type"]) == (200, "application/pdf")
    assert got.content.startswith(b"%PDF-")
    (shown,) = api.signed("GET", "/v1/me/papers", headers=headers).json()["data"]["papers"]
    assert [one["event"] for one in shown["prints"]] == ["made"]
