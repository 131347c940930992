# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document of the platform against its answers; what schemathesis sends by it.

``SSCARD_API_EXAMPLES=1000`` by hand; fewer here.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.reconciliation.messages import file_services
from sscard_chip.settlement.serve import CentreApplication, MessageQueue
from tests.settlement.platform.centre import (
    NO_POOL,
    back,
    bill,
    message,
    open_centre,
    open_platform,
    person,
)
from tests.settlement.platform.insured import PERSONS

EXAMPLES: Final = int(os.environ.get("SSCARD_API_EXAMPLES", "0"))
SHORT: Final = ("1101", "2102", "2601", "9001")
"""What is asked of in every run, three times; by hand all."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    response_schema_conformance,
    content_type_conformance,
]
PATH: Final = "/fsi/api/rsfComIfsService/callService/"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[CentreApplication]:
    with Ledger.open(tmp_path / "city.db") as ledger:
        open_centre(ledger)
        platform = open_platform(
            ledger, strict=False, policy=NO_POOL, persons=PERSONS, extra=file_services()
        )
        with MessageQueue(platform) as queue:
            yield CentreApplication(queue)
        assert ledger.check().problems == ()


def ask(application: CentreApplication, method: str, path: str, body: bytes = b"") -> list[Any]:
    events: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(event: Any) -> None:
        events.append(event)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    asyncio.run(application(scope, receive, send))
    return [events[0]["status"], events[1]["body"]]


def test_the_document_and_the_answers_agree(served: CentreApplication) -> None:
    status, content = ask(served, "GET", "/openapi.json")
    document = json.loads(content)
    assert status == 200
    assert document["openapi"] == "3.1.0"
    assert {"1101", "2102", "2102A", "2601", "3201", "3507", "9102", "1319"} <= {
        path.removeprefix(PATH) for path in document["paths"]
    }
    assert ask(served, "GET", "/")[0] == 405
    assert ask(served, "PUT", "/openapi.json")[0] == 405

    def checked(infno: str, number: int, node: dict[str, Any]) -> dict[str, Any]:
        operation = document["paths"][PATH + infno]["post"]
        request = message(infno, number, node)
        asked = operation["requestBody"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate(asked, request)
        status, body = ask(served, "POST", PATH + infno, json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(body)
        said = operation["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate(said | {"components": document["components"]}, answer)
        assert (status, answer["infcode"], answer["err_msg"]) == (200, 0, "")
        return dict(answer["output"])

    checked("9001", 1, {"signIn": {"opter_no": "001", "mac": "00", "ip": "10.0.0.1"}})
    checked("1101", 2, person())
    checked("2101", 3, bill("10.00"))
    sold = checked("2102", 4, bill("10.00"))["setlinfo"]
    of_it = {"data": {name: sold[name] for name in ("psn_no", "setl_id", "mdtrt_id")}}
    checked("5203", 5, of_it)
    checked("5204", 6, of_it)
    checked("5301", 7, {"data": {"psn_no": "P0001"}})
    checked("2103", 8, back(sold))
    checked("1901", 9, {"data": {"type": "INSUTYPE"}})
    file = checked("1301", 10, {"data": {"ver": "v0000"}})
    named = {name: file[name] for name in ("file_qury_no", "filename")}
    page = {"updt_time": "2020-01-01 00:00:00", "page_num": "1", "page_size": "2"}
    for number, infno in enumerate(("1312", "1317", "1318", "1319"), 20):
        checked(infno, number, {"data": page})
    whole = message("9102", 11, {"fsDownloadIn": named | {"fixmedins_code": "plc"}})
    assert ask(served, "POST", PATH + "9102", json.dumps(whole).encode())[1][:2] == b"PK"
    broken = document["paths"][PATH + "1101"]["post"]["requestBody"]["content"]
    validator = jsonschema_rs.validator_for(broken["application/json"]["schema"])
    wrong: list[dict[str, Any]] = [
        {"msgid": "x"}, {"opter_type": "9"}, {"inf_time": "20260315"}, {"input": {}},
    ]  # fmt: skip
    for one in wrong:
        assert not validator.is_valid(message("1101", 1, person()) | one)


@pytest.mark.timeout(0)
def test_no_request_gets_an_answer_that_is_not_described(served: CentreApplication) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", served)
    asked = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if not EXAMPLES and not operation.path.endswith(SHORT):
            continue

        @settings(
            max_examples=EXAMPLES or 3,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.validate_response(case.call(), checks=CHECKS)

        send()
    assert asked >= len(SHORT)
