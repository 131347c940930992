# SPDX-License-Identifier: Apache-2.0
"""What is a person's stands in no report, on no screen and in no log, whatever goes wrong."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from issuance.mutants import MUTANTS
from sscard_chip.terminal.conformance import ImageTarget, Level, SuiteRun, run_suite
from sscard_chip.terminal.conformance.document import document_of, to_json, to_junit
from sscard_chip.terminal.conformance.page import render_report
from tests.bench.issued import roots
from tests.bench.shop import card_memory

NAME, NUMBER, CARD, PIN = "王小明测试", "110101199001011237", "ZQ7654321", "864209"
PLANTED = (
    NAME, NUMBER, CARD, PIN, "张三路七号", "19900101",
    NAME.encode("gbk").hex(), NUMBER.encode().hex(), CARD.encode().hex(),
)  # fmt: skip


def run(wrap: object = None) -> SuiteRun:
    import json

    changes = json.dumps(
        {"name": NAME, "social_security_number": NUMBER, "birth_date": "19900101", "pin": PIN}
    )
    memory = card_memory(2, "3des", changes=changes)
    return run_suite(
        ImageTarget(memory, wrap=wrap),  # type: ignore[arg-type]
        generation=2,
        pin=PIN,
        store=roots(),
        level=Level.DESTRUCTIVE,
    )


@pytest.mark.parametrize("fault", ["", "record-last-byte", "total-without-year"])
def test_nothing_of_a_person_is_told(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG, "sscard_chip"):
        found = run(MUTANTS[fault].wrap if fault else None)
    assert bool(fault) != found.passed
    document = document_of(found, "0")
    texts = {
        "html": render_report(document),
        "json": to_json(document).decode(),
        "junit": to_junit(document).decode(),
        "log": caplog.text,
        "screen": "".join(capsys.readouterr()),
        "reasons": "".join(one.reason for one in found.results),
    }
    for where, text in texts.items():
        for value in PLANTED:
            assert value not in text, (where, value)
            assert value.upper() not in text, (where, value)
