# SPDX-License-Identifier: Apache-2.0
"""The WebSocket of port 12342 as the field's pages use it, their faults included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip.card import Card
from tests.bank.bank import PAN
from tests.bank.bank import issue as issue_linked
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import PIN
from tests.browser.served import Served, ask, images, serving
from tests.native.test_medical import IDENTITY

CARD3 = (
    "510100|990000200102030012|Z00000013|510100D15600000507A1B2C3E6D3161D|林知夏|"
    "00990100038699510107A1B2C3|3.00|20250102|20350102|510100000001|000000000000|"
)
NAMES = "SSSEEF06|08|0A|$"
CARD_INFO = "510100D15600000507A1B2C3E6D3161D|Z00000013|"


@pytest.fixture
def with_hsm(tmp_path: Path) -> Iterator[Served]:
    """No PSAM: root keys of a bench."""
    cards, _ = images(tmp_path)
    roots().save(tmp_path / "roots.json")
    environment = {
        "SSCARD_DRIVER_CARD": str(cards[0]),
        "SSCARD_DRIVER_KEYS": str(tmp_path / "roots.json"),
        "SSCARD_DRIVER_TERMINAL_ID": "510100000077",
    }
    with serving(environment, cards) as one:
        yield one


def test_a_page_reads_a_card(served: Served) -> None:
    with served.page() as page:
        page.send('{"function":"iReadCardBas","iType":3}')
        text = page.recv(timeout=20)
    assert json.loads(text) == {"functionName": "iReadCardBas", "success": 1, "pOutInfo": CARD3}
    assert '"success":1,' in str(text)  # a number: pages compare with a strict switch


def test_codes_are_numbers(served: Served) -> None:
    served.control("remove")
    with served.page() as page:
        page.send('{"function":"iReadCardBas","iType":"3"}')
        assert '"success":-2,' in str(page.recv(timeout=20))
        assert ask(page, "iReadCardBas", iType=9)["success"] == -14
        assert ask(page, "iReadDebitRecord")["pOutInfo"] == "iType: is missing"


def test_every_function_by_its_parameters(served: Served) -> None:
    pay = "10.00|8.00|20260315101112|"
    with served.page() as page:
        served.control("pin", {"digits": PIN})
        assert ask(page, "iVerifyPIN", iType=1)["success"] == 1
        served.control("pin", {"digits": PIN})
        paid = ask(page, "iDoDebit", iType=1, pCardInfo=CARD_INFO, pPayInfo=pay)
        assert (paid["functionName"], paid["success"]) == ("iDoDebit", 1), paid
        served.control("pin", {"digits": PIN})
        records = ask(page, "iReadDebitRecord", iType=1)
        assert "^510100000001^20260315101112^18.00^8.00^|" in records["pOutInfo"]
        files = ask(page, "iReadCard", iType=1, iAuthType=1, pCardInfo=CARD_INFO, pFileAddr=NAMES)
        assert files["success"] == 1
        assert "990000200102030012" in files["pOutInfo"]


def hsm(page: Any, step: str, request: str) -> str:
    answer = ask(page, "iHSM_Answer", pFunction=step, pRequest=request)
    assert answer["success"] == 1, answer
    return str(answer["pOutInfo"])


def test_steps_with_an_hsm(with_hsm: Served) -> None:
    """As the public page does: a ninth field for the HSM, a bar behind its answer, step 2 by the
    name that it sends."""
    with with_hsm.page() as page:
        assert ask(page, "iReadCardBas", iType=3)["success"] == -2201
        first = ask(page, "iReadCardBas_HSM_Step1", iType=3)
        fields = first["pOutInfo"].split("|")
        assert (len(fields), fields[8], fields[9]) == (10, "510100000077", "")
        key = hsm(page, "iReadCardBas_HSM_Step1", first["pOutInfo"])
        for sent in ("ReadCard_HSM_Step2", "iReadCardBas_HSM_Step2"):
            second = ask(page, sent, pKey=key.removesuffix("|") + "|")
            if sent == "ReadCard_HSM_Step2":
                assert second["functionName"] == "iReadCardBas_HSM_Step2"
                assert second["pOutInfo"].startswith("510100|990000200102030012|Z00000013|")
            assert second["success"] == (1 if sent == "ReadCard_HSM_Step2" else -3)


@pytest.mark.parametrize("bar", ["", "|"])
def test_general_reading_by_the_pages_names(with_hsm: Served, bar: str) -> None:
    """Step 1 is iReadCard without iAuthType, step 2 ReadCard_HSM_Step2, pkey small."""
    with with_hsm.page() as page:
        first = ask(page, "iReadCard", iType=1, pCardInfo=CARD_INFO, pFileAddr=NAMES)
        assert (first["functionName"], first["success"]) == ("iReadCard_HSM_Step1", 1), first
        key = hsm(page, "iReadCard_HSM_Step1", first["pOutInfo"]).removesuffix("|")
        second = ask(page, "ReadCard_HSM_Step2", pkey=key + bar)
        assert (second["functionName"], second["success"]) == ("iReadCard_HSM_Step2", 1), second
        assert "990000200102030012" in second["pOutInfo"]


def test_unblock_with_small_pkey(with_hsm: Served) -> None:
    with with_hsm.page() as page:
        first = ask(page, "iUnblockPIN_HSM_Step1", iType=1, pCardInfo=CARD_INFO)
        key = hsm(page, "iUnblockPIN_HSM_Step1", first["pOutInfo"])
        second = ask(page, "iUnblockPIN_HSM_Step2", pkey=key)
        key = hsm(page, "iUnblockPIN_HSM_Step2", second["pOutInfo"])
        assert ask(page, "iUnblockPIN_HSM_Step3", pkey=key) == {
            "functionName": "iUnblockPIN_HSM_Step3",
            "success": 1,
            "pOutInfo": "",
        }


def test_steps_belong_to_their_page(with_hsm: Served) -> None:
    """Another page waits until the one that began has ended, or has gone."""
    with with_hsm.page() as one, with_hsm.page() as other:
        first = ask(one, "iReadCardBas_HSM_Step1", iType=3)
        other.send('{"function":"iReadCardBas","iType":1}')
        with pytest.raises(TimeoutError):
            other.recv(timeout=0.3)
        key = hsm(one, "iReadCardBas_HSM_Step1", first["pOutInfo"])
        assert ask(one, "ReadCard_HSM_Step2", pKey=key)["success"] == 1
        assert json.loads(other.recv(timeout=20))["success"] == -2201
        ask(one, "iReadCardBas_HSM_Step1", iType=3)
        other.send('{"function":"iReadCardBas","iType":1}')
        one.close()
        assert json.loads(other.recv(timeout=20))["success"] == -2201


def test_card_pulled_between_the_steps(with_hsm: Served) -> None:
    with with_hsm.page() as page:
        first = ask(page, "iReadCardBas_HSM_Step1", iType=3)
        with_hsm.control("remove")
        key = hsm(page, "iReadCardBas_HSM_Step1", first["pOutInfo"])
        assert ask(page, "ReadCard_HSM_Step2", pKey=key)["success"] < 0


def test_bank_number_and_identity_number(tmp_path: Path) -> None:
    issue_linked(3).save(tmp_path / "linked.ssc")
    (tmp_path / "sfz.json").write_text(json.dumps(IDENTITY), encoding="utf-8")
    environment = {
        "SSCARD_DRIVER_CARD": str(tmp_path / "linked.ssc"),
        "SSCARD_DRIVER_IDENTITY_CARD": str(tmp_path / "sfz.json"),
    }
    with serving(environment, [tmp_path / "linked.ssc"]) as served, served.page() as page:
        assert ask(page, "iReadIdentityCard")["pOutInfo"] == "990000200102030012"
        found = ask(page, "iReadICCardNum")
        assert (found["functionName"], found["pOutInfo"]) == ("iReadICCardNum", PAN), found


def wait_for_pin_pad(served: Served) -> None:
    """Until the call that asks has come to the pad."""
    until = time.monotonic() + 60
    while served.control("state")["pin_asked"] is None:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_pin_is_waited_for(served: Served) -> None:
    with served.page() as page:
        page.send('{"function":"iVerifyPIN","iType":1}')
        wait_for_pin_pad(served)
        assert served.control("state")["pin_asked"] == "current"
        state = served.control("pin", {"digits": "000000"})
        assert "000000" not in json.dumps(state)
        assert json.loads(page.recv(timeout=20))["success"] == -51
        page.send('{"function":"iVerifyPIN","iType":1}')
        wait_for_pin_pad(served)
        served.control("cancel")
        assert json.loads(page.recv(timeout=20))["success"] == -31


def test_the_next_fault(served: Served) -> None:
    state = served.control("fault", {"line": "mute"})
    assert state["faults"]
    with served.page() as page:
        assert ask(page, "iReadCardBas", iType=1)["success"] != 1
        assert served.control("state")["faults"] == []
        assert ask(page, "iReadCardBas", iType=1)["success"] == 1
        served.control("fault", {"line": "mute"})
        assert served.control("clear")["faults"] == []
        assert ask(page, "iReadCardBas", iType=1)["success"] == 1


def test_swap_and_insert(served: Served) -> None:
    versions = []
    with served.page() as page:
        for step in (None, "swap", "swap"):
            if step:
                served.control(step)
            versions.append(ask(page, "iReadCardBas", iType=3)["pOutInfo"].split("|")[6])
        assert versions == ["3.00", "2.00", "3.00"]
        served.control("insert", {"card": 2})
        served.control("remove")
        assert served.control("insert")["card"] == 2  # the one that was there
    assert served.control("insert", {"card": 3}) == {"error": "card: must be 1 to 2"}
    assert [one["code"] for one in served.control("state")["calls"]] == [0, 0, 0]


def test_the_bridge_ends_while_a_pin_is_waited_for(tmp_path: Path) -> None:
    cards, _ = images(tmp_path)
    begun = time.monotonic()
    with serving({"SSCARD_DRIVER_CARD": str(cards[0])}, cards) as served:
        page = served.page(legacy=True)
        page.send('{"function":"iVerifyPIN","iType":1}')
        wait_for_pin_pad(served)
    page.close()
    assert time.monotonic() - begun < 40  # the pad would wait for a minute
    Card.open(cards[0]).close()  # the image is free again
    assert threading.active_count() < 50


def test_names_of_all_generations(tmp_path: Path) -> None:
    """A rare name arrives as text, not as the card's bytes."""
    holder = Holder.from_object({**HOLDER, "name": "王㐱𠮷"})
    Card(issue_card(3, roots(), holder)).save(tmp_path / "rare.ssc")
    roots().save(tmp_path / "roots.json")
    environment = {
        "SSCARD_DRIVER_CARD": str(tmp_path / "rare.ssc"),
        "SSCARD_DRIVER_KEYS": str(tmp_path / "roots.json"),
    }
    with serving(environment, [tmp_path / "rare.ssc"]) as served, served.page("/readCard") as page:
        page.send("读卡")
        assert "|王㐱𠮷|" in str(page.recv(timeout=20))
