# SPDX-License-Identifier: Apache-2.0
"""Requests that schemathesis makes of the OpenAPI document: no answer but the described ones.

``SSCARD_API_EXAMPLES=30000`` by hand; fewer here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

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
from sscard_service.http import ROUTES, create_application
from tests.service.city import City

EXAMPLES: Final = int(os.environ.get("SSCARD_API_EXAMPLES", "2"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    response_schema_conformance,
    content_type_conformance,
]


@pytest.mark.timeout(0)
def test_no_request_gets_an_answer_that_is_not_described(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "city.db") as ledger:
        application = create_application(City(ledger).centre, per_minute=100_000_000)
        schema = schemathesis.openapi.from_asgi("/v1/openapi.json", application)
        asked: set[str] = set()
        for result in schema.get_all_operations():
            operation: Any = result.ok()  # type: ignore[union-attr]

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate,),
            )
            @given(case=operation.as_strategy())
            def ask(case: Any) -> None:
                answer = case.call()
                asked.add(f"{case.method.upper()} {case.path}")
                case.validate_response(answer, checks=CHECKS)

            ask()
        assert {f"{one.method} {one.path}" for one in ROUTES} <= asked
        assert ledger.check().even
