# SPDX-License-Identifier: Apache-2.0
"""Views that are answered together: the same answers, each audited before it is given."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerUnavailableError
from sscard_chip.settlement.schema.services import audit
from sscard_service import Code, ServiceActor, ServiceEvidence, ServiceRefusedError
from sscard_service.http import create_application, together
from sscard_service.store.audit import AuditEntry, AuditRun, append_audit, verify_audit
from sscard_service.store.persons import find_person
from sscard_service.store.proofs import close_session, open_session
from sscard_service.viewing import AskedView
from sscard_service.work import OPERATIONS
from tests.service.city import KEYS, LIN, WANG, City

BEGUN, ENDS = "20260302090000", "20260302100000"


def sign_in(city: City, identity: str, level: int = 3, device: str = "") -> str:
    with city.ledger.transaction() as t:
        person = find_person(t, KEYS, identity)
        assert person is not None
        return open_session(t, person.id, "site", device, level, BEGUN, ENDS)


def asked(city: City, token: str, operation: str = "balance", device: str = "") -> AskedView:
    found = city.centre.asked_view(
        OPERATIONS[operation], "site", ServiceActor(device=device), token, f"v-{token[:8]}"
    )
    assert found is not None
    return found


def audited(city: City) -> Counter[tuple[str, str, int]]:
    with city.ledger.reading() as t:
        assert verify_audit(t, KEYS.audit).problems == ()
        return Counter(
            (one.operation, one.result, int(one.level))
            for one in t.connection.execute(sa.select(audit))
        )


def test_a_lot_has_everybodys_own_answer_and_leaves_what_is_unusual(city: City) -> None:
    lin, wang, low = sign_in(city, LIN), sign_in(city, WANG), sign_in(city, WANG, 1)
    other, gone = sign_in(city, LIN, device="terminal"), sign_in(city, LIN)
    with city.ledger.transaction() as t:
        assert close_session(t, gone)
    lot = [
        asked(city, lin), asked(city, wang), asked(city, lin, "status"), asked(city, gone),
        asked(city, low, "person"), asked(city, low), asked(city, other), asked(city, lin),
    ]  # fmt: skip
    answers = city.centre.views.answer(lot)
    shown = [None if one is None else one.data.get("balance_fen", "cards") for one in answers]
    assert shown == [12_345, 500, "cards", None, None, 500, None, 12_345]
    assert [None if one is None else one.level for one in answers] == [
        3,
        3,
        3,
        None,
        None,
        1,
        None,
        3,
    ]
    assert audited(city) == {
        ("balance", "DONE", 3): 3, ("status", "DONE", 3): 1, ("balance", "DONE", 1): 1,
    }  # fmt: skip
    city.later(hours=1)
    assert city.centre.views.answer([asked(city, lin)]) == [None]  # it has ended this second


def test_the_straight_way_shows_what_the_long_one_shows(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.ask("loss", channel="ivr", card_number="000013")
    token = sign_in(city, LIN)

    def views() -> list[dict[str, Any]]:
        names = ("balance", "status", "person")
        return [city.ask(one, "", "site", session=token).data for one in names]

    straight = views()
    monkeypatch.setattr(city.centre.views, "takes", lambda _: False)
    assert straight == views()
    assert straight[1]["cards"][0]["status"] == 4
    assert audited(city) == {
        ("loss", "DONE", 1): 1, ("balance", "DONE", 3): 2, ("status", "DONE", 3): 2,
        ("person", "DONE", 3): 2,
    }  # fmt: skip


def test_who_has_died_or_has_too_low_a_level_is_refused_and_that_is_audited(city: City) -> None:
    token = sign_in(city, LIN, 1)
    for refused in ("person", "contributions"):
        assert city.refused(refused, "", "site", session=token) is Code.LEVEL_TOO_LOW
    city.ask("seal", details={"died": "20260301"})
    token = sign_in(city, LIN)
    assert city.refused("balance", "", "site", session=token) is Code.DEAD
    assert audited(city)["balance", "DEAD", 3] == 1


def test_processes_that_share_a_chain_lose_no_row(city: City) -> None:
    runs = [AuditRun(city.ledger, KEYS.audit) for _ in range(3)]  # one process: the same chains
    for at in range(9):
        entries = [
            AuditEntry(
                20260302090000, f"r{at}-{one}", "site", "", "holder", 1, bytes(16), "balance"
            )
            for one in range(at + 1)
        ]
        runs[at % 3].add(entries)
    with city.ledger.transaction() as t:
        append_audit(t, KEYS.audit, *entries)
    with city.ledger.reading() as t:
        found = verify_audit(t, KEYS.audit)
    assert (found.problems, found.rows) == ((), 45 + 9)


def test_nothing_is_answered_before_its_row_is_kept(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sign_in(city, LIN)

    def away(*_: object) -> None:
        raise LedgerUnavailableError("the database is away")

    monkeypatch.setattr(AuditRun, "add", away)
    with pytest.raises(ServiceRefusedError) as refused:
        city.centre.perform(
            "balance", None, ServiceActor(), "site", ServiceEvidence(session=token), "v-1"
        )
    assert refused.value.code is Code.DOWN
    answers = ask_together(city, [token])
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(503, "DOWN")]


def test_many_at_once_over_http_get_their_own(city: City) -> None:
    tokens = [sign_in(city, LIN if at % 2 else WANG) for at in range(20)]
    answers = ask_together(city, tokens)
    assert [one.json()["data"]["balance_fen"] for one in answers] == [500, 12_345] * 10
    assert all(one.headers["Cache-Control"] == "no-store" for one in answers)
    assert audited(city) == {("balance", "DONE", 3): 20}


def test_a_request_that_goes_the_long_way_counts_once(city: City) -> None:
    answers = ask_together(city, ["A" * 43] * 3, per_minute=8)  # two at once
    assert sorted(one.json()["code"] for one in answers) == ["RATE", "STALE", "STALE"]


_NO_PLAIN_VIEWS: Final[tuple[tuple[dict[str, str], str, str], ...]] = (
    ({"Authorization": "Bearer short"}, "", "FORMAT"),
    ({"Authorization": "Basic abc"}, "", "WRONG_PROOF"),
    ({"X-Device": "x" * 65}, "", "FORMAT"),
    ({"X-Client": "nobody"}, "", "STALE"),
    ({"X-Clerk": "0017", "X-Clerk-Password": "guess"}, "", "WRONG_PROOF"),
    ({"X-Device": "another"}, "", "STALE"),
    ({}, "?page=1", "FORMAT"),
    ({}, "", "DONE"),
)
"""What is sent beside a session, and what comes of it."""


def test_what_is_no_plain_view_is_refused_as_ever(city: City) -> None:
    token = sign_in(city, LIN)
    application = create_application(city.centre)

    async def ask() -> list[str]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            found = []
            for headers, query, _ in _NO_PLAIN_VIEWS:
                sent = {"Authorization": f"Bearer {token}"} | headers
                answer = await client.get(f"/v1/me/balance{query}", headers=sent)
                found.append(answer.json()["code"])
            return found

    assert asyncio.run(ask()) == [code for _, _, code in _NO_PLAIN_VIEWS]


def ask_together(city: City, tokens: list[str], per_minute: int = 100_000) -> list[httpx.Response]:
    """The balance of each session, all at the same time."""
    application = create_application(city.centre, per_minute=per_minute)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            return await asyncio.gather(*(
                client.get("/v1/me/balance", headers={"Authorization": f"Bearer {one}"})
                for one in tokens
            ))  # fmt: skip

    return asyncio.run(ask())


def test_who_asks_again_as_soon_as_a_lot_ends_is_answered(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "_LOTS", 1)
    token = sign_in(city, LIN)

    async def ask_often() -> list[bool]:
        views = together.ViewsTogether(city.centre)
        async with asyncio.timeout(60):
            return [await views.answer(asked(city, token)) is not None for _ in range(5)]

    assert asyncio.run(ask_often()) == [True] * 5
