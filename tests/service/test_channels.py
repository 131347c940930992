# SPDX-License-Identifier: Apache-2.0
"""Channels that sign over HTTP and have no page of ours: bank, agent, e-banking, till."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_service.store.clients import CLERK, HMAC, Client, put_client
from sscard_service.store.proofs import hash_password
from tests.service.city import KEYS, LIN, VALID, City, code_of, photo
from tests.service.test_http import SECRET, Api, code

ME = {"identity": LIN}
CLERK_OF_THE_BANK = {"X-Clerk": "B031", "X-Clerk-Password": "counter-B031"}
SEEN = {"subject": ME, "evidence": {"document": {"identity": LIN}}}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with Ledger.open(tmp_path / "city.db") as ledger:
        city = City(ledger)
        found = Api(city)
        with city.ledger.transaction() as t:
            for one in (
                Client("branch", "bank", HMAC, SECRET),
                Client("hotline", "agent", HMAC, SECRET),
                Client("ebank-1", "ebank", HMAC, SECRET),
                Client("B031", "bank", CLERK, hash_password("counter-B031").encode()),
            ):
                put_client(t, KEYS, one, "20260302000000")
        yield found


def test_a_bank_counter_from_the_loss_to_the_collection(api: Api) -> None:
    def bank(path: str, body: dict[str, Any] | None = None) -> Any:
        sent = SEEN | (body or {})
        return api.signed("POST", path, sent, client="branch", headers=CLERK_OF_THE_BANK)

    assert bank("/v1/enquiries/balance").json()["data"]["balance_fen"] == 12_345
    assert bank("/v1/me/loss").json()["data"]["status"] == 4
    assert bank("/v1/me/lift").json()["data"]["status"] == 1
    assert bank("/v1/me/formal-loss").json()["data"]["status"] == 2
    applied = bank(
        "/v1/me/replacement",
        {"evidence": {"document": {"identity": LIN}, "photo": photo()}, "details": VALID},
    )
    receipt = applied.json()["data"]["receipt"]
    assert code(bank("/v1/me/papers", {"details": {"kind": "rights"}})) == (403, "CHANNEL")
    api.city.ask("review", "", receipt=receipt, details={"accepted": True})
    api.city.ask("batch", "", receipt=receipt, details={"batch": "june"})
    made = {"card_number": "Z00000030", "card_id_code": code_of(9), "factor": "00" * 8}
    api.city.ask("made", "", receipt=receipt, details=made | {"valid_to": "20361231"})
    api.city.ask("arrive", "", receipt=receipt, details={"point": "B031"})
    assert bank("/v1/counter/collection", {"details": {"receipt": receipt}}).status_code == 200
    cards = bank("/v1/enquiries/status").json()["data"]["cards"]
    assert [one["pays"] for one in cards] == [False, True]


def test_a_bank_counter_without_its_clerk_is_nobody(api: Api) -> None:
    wrong = CLERK_OF_THE_BANK | {"X-Clerk-Password": "guess"}
    assert code(api.signed("POST", "/v1/me/loss", SEEN, client="branch", headers=wrong)) == (
        401, "WRONG_PROOF",
    )  # fmt: skip
    assert code(api.signed("POST", "/v1/me/loss", SEEN, client="branch"))[0] in (401, 403)


def test_an_agent_of_the_hotline_tells_the_balance_and_stops_the_card(api: Api) -> None:
    told = {"subject": ME, "evidence": {"card_number": "000013", "name": "林知夏"}}
    balance = api.signed("POST", "/v1/enquiries/balance", told, client="hotline").json()["data"]
    assert balance["balance_fen"] == 12_345
    assert api.signed("POST", "/v1/me/loss", told, client="hotline").json()["data"]["status"] == 4
    assert code(api.signed("POST", "/v1/me/lift", told, client="hotline")) == (403, "CHANNEL")
    assert code(api.signed("POST", "/v1/enquiries/person", told, client="hotline"))[1] == "CHANNEL"


def test_e_banking_shows_the_sub_account_and_stops_the_card(api: Api) -> None:
    inside = {"subject": ME, "evidence": {"face": True}}
    balance = api.signed("POST", "/v1/enquiries/balance", inside, client="ebank-1").json()["data"]
    assert balance["balance_fen"] == 12_345
    assert code(api.signed("POST", "/v1/enquiries/status", inside, client="ebank-1"))[1] == (
        "CHANNEL"
    )
    assert api.signed("POST", "/v1/me/loss", inside, client="ebank-1").json()["data"]["status"] == 4


def test_a_pharmacy_shows_the_balance_with_card_and_pin(api: Api) -> None:
    card = {"card_id_code": code_of(1), "authenticated": True, "pin_verified": True}
    shown = {"subject": {}, "evidence": {"card": card}}
    balance = api.signed("POST", "/v1/enquiries/balance", shown, client="till-7").json()["data"]
    assert balance["balance_fen"] == 12_345
    no_pin = {"subject": {}, "evidence": {"card": card | {"pin_verified": False}}}
    refused = api.signed("POST", "/v1/enquiries/balance", no_pin, client="till-7")
    assert code(refused) == (403, "LEVEL_TOO_LOW")
