# SPDX-License-Identifier: Apache-2.0
"""Electronic credentials: codes read once in a minute, dead with their card, by every program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sscard_chip.settlement.credential import (
    CredentialError,
    CredentialService,
    CredentialStore,
    serves_credentials,
)
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.ledger.card_status import CardService, change_status
from sscard_chip.settlement.schema.credentials import credential_code
from sscard_driver.library import DriverLibrary
from tests.bench.issued import HOLDER, Bench, roots
from tests.settlement.platform.centre import CARD, message, open_centre, open_platform, person
from tests.settlement.platform.insured import LIN, PERSONS, WU

QUERY = "/localcfc/api/hsecfc/localQrCodeQuery"
CHECK = "/localcfc/api/hsecfc/localEcTokenCheck"
ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 15, 10, 11, 12)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(ledger: Ledger, clock: Clock) -> CredentialStore:
    open_centre(ledger)
    return CredentialStore(ledger, now=clock)


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(store: CredentialStore) -> Ask:
    service = CredentialService(store, PERSONS)

    def answer(kind: str, path: str = QUERY, **data: Any) -> dict[str, Any]:
        request = {"orgId": "P1", "transType": kind, "data": data, "extra": ""}
        body = json.dumps(request, ensure_ascii=False).encode()
        found: dict[str, Any] = json.loads(service.answer(path, body))
        assert set(found) == {"code", "message", "data"}
        return found

    return answer


def test_a_token_and_a_code_have_their_forms(store: CredentialStore) -> None:
    token = store.token(CARD)
    assert token == store.token(CARD.lower())
    assert len(token) == 38
    assert token.startswith("510100ec")
    assert token[8:].isalnum()
    assert token.islower() or token[8:].isdigit()
    code = store.new_code(CARD)
    assert len(code.code) == 28
    assert code.code.isdecimal()
    assert code.code.endswith("510100")
    assert code.until == int(NOW.timestamp()) + 60
    assert store.new_code(CARD).code != code.code


def test_a_code_is_read_once_within_a_minute(store: CredentialStore, clock: Clock) -> None:
    first, second, third = (store.new_code(CARD).code for _ in range(3))
    assert store.read(first).card_sn == CARD
    with pytest.raises(CredentialError, match="was read already"):
        store.read(first)
    clock.pass_(59)
    assert store.read(second).card_sn == CARD
    clock.pass_(1)
    with pytest.raises(CredentialError, match="is over"):
        store.read(third)
    with pytest.raises(CredentialError, match="not one of this centre"):
        store.read("1" * 28)


def test_many_readers_of_one_code(store: CredentialStore) -> None:
    code = store.new_code(CARD).code

    def read(_: int) -> bool:
        try:
            store.read(code)
        except CredentialError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(read, range(16))) == 1


def test_all_are_dead_the_second_the_card_is(
    store: CredentialStore, ledger: Ledger, clock: Clock, ask: Ask
) -> None:
    token, code = store.token(CARD), store.new_code(CARD).code
    with ledger.transaction() as t:
        change_status(t, 1, CardService.TEMPORARY_LOSS, "20260315101112")
    with pytest.raises(CredentialError, match="the card's status is"):
        store.read(code)
    assert store.of_token(token) is None
    for make in (store.token, store.new_code):
        with pytest.raises(CredentialError, match="the card's status is"):
            make(CARD)
    checked = ask("", CHECK, ecToken=token, idNo=LIN.certno, userName=LIN.psn_name)
    assert checked["data"] == {"flag": "0"}


def test_codes_that_are_over_are_not_kept(
    store: CredentialStore, ledger: Ledger, clock: Clock
) -> None:
    for _ in range(5):
        store.new_code(CARD)
    clock.pass_(3_700)
    store.new_code(CARD)
    with ledger.reading() as t:
        assert len(t.connection.execute(credential_code.select()).all()) == 1


def test_cards_that_have_none(store: CredentialStore) -> None:
    for card_sn in ("", "zz", "51" * 16):
        with pytest.raises(CredentialError, match="not in the register"):
            store.token(card_sn)


@pytest.mark.parametrize("kind", ["ec.query", "cn.nhsa.qrcode.get", "iot.gain.ec.qrcode"])
def test_who_has_shown_a_code(store: CredentialStore, ask: Ask, kind: str) -> None:
    code = store.new_code(CARD).code
    answer = ask(kind, ecQrCode=code, businessType="01301")
    assert answer == {
        "code": 0,
        "message": "",
        "data": {
            "userName": "林知夏",
            "idNo": "990000200102030012",
            "idType": "01",
            "ecToken": store.token(CARD),
            "insuOrg": "510100",
            "ecIndexNo": "P0001",
            "gender": "2",
            "birthday": "2001.02.03",
            "nationality": "CHN",
            "email": "",
            "chnlId": "",
            "authNo": "",
            "ecQrCode": code,
        },
    }
    assert ask(kind, ecQrCode=code)["code"] == -1


def test_by_face_and_by_identity_card(ask: Ask, clock: Clock) -> None:
    shown = ask("cn.nhsa.ec.auth", extData=WU.certno, outBizNo="1")
    number = shown["data"]["authNo"]
    for _ in range(2):
        found = ask("cn.nhsa.auth.check", authNo=number, outBizNo="1")
        assert found["data"]["userName"] == "吴砚秋"
        assert found["data"]["authNo"] == number
    clock.pass_(600)
    assert ask("cn.nhsa.auth.check", authNo=number)["code"] == -1
    assert ask("cn.nhsa.cert.get", idNo=LIN.certno)["data"]["idNo"] == LIN.certno
    assert ask("cn.nhsa.ec.auth", extData="nobody")["code"] == -1
    assert ask("ec.query", ecQrCode=number)["code"] == -1  # an authorisation is no code


def test_whether_a_token_is_somebodys(store: CredentialStore, ask: Ask) -> None:
    token = store.token(CARD)
    right = {"ecToken": token, "idType": "01", "idNo": LIN.certno, "userName": LIN.psn_name}
    assert ask("", CHECK, **right)["data"] == {"flag": "1"}
    for name, value in (("ecToken", "x"), ("idNo", WU.certno), ("userName", "x"), ("idType", "2")):
        assert ask("", CHECK, **right | {name: value})["data"] == {"flag": "0"}


def test_settlements_are_notified(ask: Ask) -> None:
    for kind in ("cn.nhsa.settle.notify", "iot.medical.settle.notify"):
        assert ask(kind, outBizNo="H1", bizType="settle")["data"] == {"outBizNo": "H1"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b"[" * 60_000, "must be a JSON object"),
        ('{"data":"卡"}'.encode("gb18030"), "must be UTF-8"),
        ('{"data":"卡"}'.encode("utf-16"), "must be UTF-8"),
        (b"{}", "data: must be an object"),
        (b"\xef\xbb\xbf{}\0", "data: must be an object"),  # as .NET and C send it
        (b'{"data":"["}', "data: must be an object"),
        (b'{"data":{},"transType":7}', "transType: is not one that is served here"),
        (b'{"data":{},"transType":"hos.upload.fee"}', "transType: is not one"),
        (b'{"data":{"businessType":"99999"},"transType":"ec.query"}', "businessType"),
        (b'{"data":{"ecQrCode":"1"},"transType":"ec.query"}', "ecQrCode: must be 28 digits"),
        (b'{"data":{"ecQrCode":[]},"transType":"ec.query"}', "ecQrCode"),
        (b'{"data":{"authNo":"a\\u0000"},"transType":"cn.nhsa.auth.check"}', "authNo: must be"),
        (b" " * 70_000, "must be at most 65536 bytes"),
    ],
)
def test_what_is_no_request(store: CredentialStore, body: bytes, said: str) -> None:
    answer = json.loads(CredentialService(store, PERSONS).answer(QUERY, body))
    assert answer["code"] in (-1, -2)
    assert said in answer["message"]
    assert answer["data"] is None


def test_data_as_text_both_ways(store: CredentialStore) -> None:
    service = CredentialService(store, PERSONS, as_text=True)
    data = json.dumps({"ecQrCode": store.new_code(CARD).code})
    body = json.dumps({"transType": "ec.query", "data": data}).encode()
    answer = json.loads(service.answer(QUERY, body))
    assert json.loads(answer["data"])["userName"] == "林知夏"


def test_the_platform_believes_its_tokens(
    store: CredentialStore, ledger: Ledger, clock: Clock
) -> None:
    service = CredentialService(store, PERSONS)
    platform = open_platform(ledger, persons=PERSONS, tokens=service.certno_of)
    asked = {"mdtrt_cert_type": "01", "mdtrt_cert_no": store.token(CARD), "card_sn": ""}
    answer = platform.handle(message("1101", 1, person(**asked)))
    assert answer["infcode"] in (0, "0"), answer["err_msg"]
    assert answer["output"]["baseinfo"]["psn_name"] == "林知夏"
    with ledger.transaction() as t:
        change_status(t, 1, CardService.TEMPORARY_LOSS, "20260315101112")
    answer = platform.handle(message("1101", 2, person(**asked)))
    assert answer["infcode"] in (-1, "-1")


def test_paths() -> None:
    for path in (QUERY, CHECK, QUERY + "/", "/localcfc/api/hsecfc", "/localQrCodeQuery"):
        assert serves_credentials(path)
    for path in ("/", "/fsi/api/rsfComIfsService/callService", "/localQrCodeQuery/x", ""):
        assert not serves_credentials(path)


def command(folder: Path, *arguments: str) -> str:
    program = "import sys; from sscard_cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_over_http_with_the_code_of_a_card(tmp_path: Path) -> None:
    """As programs do: a QR code of a card image, the service, and 1101 with the token."""
    roots().save(tmp_path / "roots.json")
    Bench(3).card.save(tmp_path / "card.ssc")
    ledger = ("--ledger", "city.db")
    command(tmp_path, "settle", "card-list", "card.ssc", "--out", "cards.tsv")
    command(tmp_path, "settle", "cards", "cards.tsv", *ledger)
    command(tmp_path, "settle", "persons", "card.ssc", "--out", "persons.tsv")
    code = command(tmp_path, "settle", "qr", "card.ssc", *ledger).strip()
    program = "import sys; from sscard_cli.main import main; sys.exit(main(sys.argv[1:]))"
    serve = ("settle", "serve", "--keys", "roots.json", "--persons", "persons.tsv", *ledger)
    with subprocess.Popen(
        [sys.executable, "-c", program, *serve, "--test-clock", "--listen", "127.0.0.1:0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            driver = DriverLibrary({"SSCARD_DRIVER_QR": code})
            found, texts = driver.answer(
                "NationECCode",
                "NationEcTrans",
                [f"{url}{QUERY}".encode(), b'{"transType":"ec.query","data":{}}'],
                [8192],
            )
            answer = json.loads(texts[0].rstrip(b"\0").decode("gb18030"))
            assert (found, answer["code"]) == (0, 0), answer
            assert answer["data"]["idNo"] == HOLDER["social_security_number"]
            token = {"mdtrt_cert_type": "01", "mdtrt_cert_no": answer["data"]["ecToken"]}
            host = urlsplit(url)
            connection = HTTPConnection(host.hostname or "", host.port, timeout=30)
            body = json.dumps(message("1101", 1, {"data": token | {"card_sn": ""}}))
            connection.request("POST", "/fsi/api/rsfComIfsService/callService", body)
            said = json.loads(connection.getresponse().read())
            assert said["output"]["baseinfo"]["psn_name"] == HOLDER["name"], said
            connection.close()
        finally:
            process.terminate()
