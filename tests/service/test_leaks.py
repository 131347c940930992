# SPDX-License-Identifier: Apache-2.0
"""Values that were planted are found nowhere: not in the database, errors, logs, audit, answers."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.schema.services import audit
from sscard_chip.standard.errors import SscardError
from sscard_service import (
    CardProof,
    OtherPerson,
    SeenDocument,
    ServiceActor,
    ServiceEvidence,
    ServiceRefusedError,
    ServiceSubject,
)
from sscard_service.http import ROUTES
from sscard_service.operations.access import NewEcardPassword, NewPassword
from sscard_service.operations.ecard import EcardReading
from sscard_service.operations.family import FamilyDetails
from sscard_service.operations.own_data import ContactDetails, RenameDetails
from sscard_service.records import PersonLine
from sscard_service.store.persons import PersonData
from sscard_service.store.secrets import ServiceKeyFile, ServiceKeys
from sscard_service.worker import deliver
from tests.service.city import KEYS, LIN, NOBODY, PHONE, VALID, City, photo
from tests.service.test_http import Api

MARKS = (LIN, "林知夏", PHONE, "own-word-7", "planted street 4711", "483920")


def test_planted_values_are_in_no_file_log_error_or_view(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with Ledger.open(tmp_path / "city.db") as ledger:
        city = City(ledger)
        site = {"channel": "site", "card_number": "000013"}
        for operation, details in (
            ("password", {"password": "own-word-7"}),
            ("ecard_password", {"password": "483920"}),
            ("contact", {"address": "planted street 4711"}),
            ("formal", {}),
            ("replace", {**VALID, "address": "planted street 4711"}),
        ):
            answer = city.ask(operation, details=details, photo=photo())
            said.append(str(answer.document()))
            said.append(repr(answer))
        said.append(str(city.ask("balance", **site).document()))  # type: ignore[arg-type]
        for wrong in ("999999", "000014"):
            try:
                city.ask("balance", channel="site", card_number=wrong, name="林知夏")
            except ServiceRefusedError as error:
                said.append(f"{error} {error!r} {error.problem()}")
        deliver(city.centre, lambda one: not said.append(repr(one)))  # type: ignore[func-returns-value]
    said.append(caplog.text)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for mark in MARKS:
        assert mark.encode() not in kept, mark
        assert all(mark not in text for text in said), mark


# --- over HTTP ------------------------------------------------------------------------------------

PLANTED = {
    "name": "林知夏", "identity": LIN, "phone": PHONE, "card": "Z00000013", "tail": "918273",
    "password": "planted-word-9", "digits": "716253", "street": "planted street 4711",
    "reason": "planted reason 4712", "other": NOBODY, "token": "planted-token-000000000001",
    "balance": "12345",
}  # fmt: skip


def test_values_that_are_sent_stand_in_no_answer_log_file_or_audit(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every address, with planted values in every place, mostly refused; then everything there is
    is looked through: bodies, headers, log, what was printed, temporary files, the database."""
    caplog.set_level(logging.DEBUG)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for room in ("proving", "http.clerks"):  # all are wrong, and argon2 takes its time
        monkeypatch.setattr(f"sscard_service.{room}.check_password", lambda *_: False)
    said: list[str] = []
    with Ledger.open(tmp_path / "city.db") as ledger:
        api = Api(City(ledger))
        evidence = {
            "name": PLANTED["name"], "card_number": PLANTED["tail"],
            "query_password": PLANTED["password"], "phone_code": PLANTED["digits"],
            "ecard_password": PLANTED["digits"],
            "proxy": {"name": PLANTED["name"], "identity": PLANTED["other"],
                      "phone": PLANTED["phone"]},
        }  # fmt: skip
        details: tuple[dict[str, str], ...] = (
            {}, {"reason": PLANTED["reason"]}, {"password": PLANTED["password"]},
            {"address": PLANTED["street"], "phone": PLANTED["phone"]},
            {"name": PLANTED["name"], "identity": PLANTED["other"], "reason": PLANTED["reason"]},
            {"relation": "spouse", "identity": PLANTED["other"], "name": PLANTED["name"]},
            {PLANTED["password"]: PLANTED["name"]},
        )  # fmt: skip
        seen = {"document": {"identity": LIN, "copy": True, "name": PLANTED["name"]}}
        for route in ROUTES:
            path = route.path.replace("{receipt}", "0" * 16)
            for one in details:
                for subject in (LIN, NOBODY):
                    body = {"subject": {"identity": subject}, "evidence": evidence, "details": one}
                    sent = None if route.method in ("GET", "DELETE") else body
                    bearer = {"Authorization": f"Bearer {PLANTED['token']}"}
                    api.city.later(minutes=1)
                    said.append(_answer(api.ask(route.method, path, sent, headers=bearer)))
                if sent is not None:
                    body = {"subject": {"identity": LIN}, "evidence": seen, "details": one}
                    desk = {"X-Clerk": "0017", "X-Clerk-Password": PLANTED["password"]}
                    said.append(_answer(api.signed(route.method, path, body, client="desk",
                                                   headers=desk)))  # fmt: skip
        for content in (
            LIN.encode(),
            f'{{"{LIN}": 1}}'.encode(),
            b'{"subject":"' + LIN.encode(),
        ):
            headers = {"Idempotency-Key": "k"}
            said.append(_answer(api.client.post("/v1/me/loss", content=content, headers=headers)))
        for _ in range(3):  # waits and locks as well
            api.ask("POST", "/v1/enquiries/balance", {"subject": {"identity": LIN},
                                                      "evidence": evidence})  # fmt: skip
        with ledger.reading() as t:
            said.append(str(t.connection.execute(sa.select(audit)).all()))
    printed = capsys.readouterr()
    said += [caplog.text, printed.out, printed.err]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    cards_and_money = {"card", "balance"}  # are the ledger's own
    for kind, mark in PLANTED.items():
        assert kind in cards_and_money or mark.encode() not in kept, kind
        assert all(mark not in text for text in said), kind


def _answer(answer: httpx.Response) -> str:
    return f"{answer.text} {answer.headers}"


def test_a_database_error_shows_no_value_in_its_whole_chain(tmp_path: Path) -> None:
    """As a traceback with all contexts, also those that are not shown."""
    with Ledger.open(tmp_path / "city.db") as ledger:
        city = City(ledger)
        with ledger.transaction() as t:
            t.connection.exec_driver_sql("ALTER TABLE service_request RENAME TO elsewhere")
        details = {"reason": PLANTED["reason"]}
        for operation, evidence in (
            ("loss", {"channel": "site", "card_number": "000013"}),
            ("formal", {}),
            ("contact", {}),
        ):
            given = {"phone": PHONE} if operation == "contact" else details
            asked: dict[str, object] = {"details": given, **evidence}
            with pytest.raises((SscardError, ServiceRefusedError)) as caught:
                city.ask(operation, **asked)  # type: ignore[arg-type]
            shown = _whole_chain(caught.value)
            for kind, mark in PLANTED.items():
                assert mark not in shown, (operation, kind)


def _whole_chain(error: BaseException | None) -> str:
    """What the error says, and all that hang on it."""
    found = []
    while error is not None:
        found.append(f"{error} {error!r} {error.args} {error.__dict__}")
        error = error.__cause__ or error.__context__
    return "\n".join(found)


def test_no_model_of_a_persons_data_shows_it_as_text() -> None:
    """Whatever prints variables: the text of each model names no value."""
    evidence = ServiceEvidence(
        session="planted-token-000000000001", name="林知夏", card_number="918273",
        query_password="planted-word-9", card=CardProof("AB" * 16),
        document=SeenDocument(LIN, "林知夏"), proxy=OtherPerson("林知夏", LIN, phone=PHONE),
    )  # fmt: skip
    data = PersonData("林知夏", LIN, phone=PHONE, address="planted street 4711")
    models = [
        evidence, data, ServiceSubject(identity=LIN, card="Z00000013"), evidence.document,
        evidence.proxy, ServiceActor(source="192.0.2.77"), PersonLine("51000001", "990100", data),
        NewPassword("planted-word-9"), NewEcardPassword("716253"), EcardReading("9" * 28),
        FamilyDetails("spouse", LIN, "林知夏"), ContactDetails(PHONE, "planted street 4711"),
        RenameDetails("林知夏", LIN), KEYS,
        ServiceKeyFile("sscard-service-keys/1", "AB" * 32, KEYS.papers),
    ]  # fmt: skip
    marks = (*PLANTED.values(), "192.0.2.77", "AB" * 16, "9" * 28, "PRIVATE")
    for model in models:
        for text in (repr(model), str(model), f"{[model]}", repr(getattr(model, "__dict__", ""))):
            assert not [mark for mark in marks if mark in text], type(model)


def test_what_is_enciphered_opens_under_its_key_and_in_its_place() -> None:
    sealed = KEYS.seal("person:1", b"key of a person")
    assert KEYS.open("person:1", sealed) == b"key of a person"
    for keys, place, content in (
        (KEYS, "person:2", sealed),
        (ServiceKeys(bytes(32)), "person:1", sealed),
        (KEYS, "person:1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (KEYS, "person:1", b""),
    ):
        with pytest.raises(ValueError, match="not of this key file, or changed"):
            keys.open(place, content)
