# SPDX-License-Identifier: Apache-2.0
"""Reports: whole, readable by other programs, and without anything of a person."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sscard_chip.standard.documents import find
from sscard_chip.terminal.conformance import CaseVerdict, Level, SuiteRun
from sscard_chip.terminal.conformance.document import (
    SuiteDocument,
    document_of,
    to_json,
    to_junit,
)
from sscard_chip.terminal.conformance.page import render_report
from sscard_cli.main import main
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import PIN
from tests.terminal.conformance.judged import Heard, issued, judge


def _wrong(command: bytes, answer: bytes) -> bytes:
    """A card that answers a wrong word to INTERNAL AUTHENTICATE."""
    return b"\x6f\x00" if command[1] == 0x88 else answer


@pytest.fixture(scope="module")
def run() -> SuiteRun:
    only = ("SSC-32.2", "SSC-32.5-7.7", "SSC-32.5-7.14", "SSC-32.6-SSSE.EF06", "SSC-6001.3-9.1")
    return judge(2, Level.SESSION, only=only, wrap=lambda one: Heard(one, _wrong))


def test_json_is_of_its_model(run: SuiteRun) -> None:
    document = json.loads(to_json(document_of(run, "1.2.3")))
    assert find(SuiteDocument, document) == []
    assert document["format"] == "sscard-conformance/1"
    assert document["version"] == "1.2.3"
    assert document["card"]["generation"] == 2
    assert document["passed"] is False
    assert sum(document["counts"].values()) == len(document["cases"]) == len(run.results)
    failed = [case for case in document["cases"] if case["verdict"] == "fail"]
    assert "SSC-32.5-7.7.4-01" in [case["id"] for case in failed]
    assert failed[0]["clauses"][0].startswith("LD/T 32")
    assert failed[0]["exchanges"]


def test_junit_counts_what_failed(run: SuiteRun) -> None:
    root = ElementTree.fromstring(to_junit(document_of(run, "1.2.3")))
    suites = list(root)
    assert sum(int(one.get("tests", "0")) for one in suites) == len(run.results)
    assert sum(int(one.get("failures", "0")) for one in suites) == run.counts[CaseVerdict.FAIL]
    assert len(root.findall(".//failure")) == run.counts[CaseVerdict.FAIL]
    failure = root.find(".//failure")
    assert failure is not None
    assert "expected" in failure.get("message", "")


class Page(HTMLParser):
    """What a page loads from elsewhere, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_is_whole_and_loads_nothing(run: SuiteRun) -> None:
    text = render_report(document_of(run, "1.2.3"))
    page = Page()
    page.feed(text)
    assert all(one.startswith("#SSC-") for one in page.loads)
    assert "script" not in page.tags
    assert page.tags.count("table") >= 4
    assert "LD/T 6001.3, 7.1: SSSE_RECORD" in text
    assert "VERIFY 校验个人密码" in text
    assert "not passed" in text


def test_what_a_card_says_is_escaped() -> None:
    run = judge(2, only=["SSC-32.2-ATR-01"])
    object.__setattr__(run, "target", "<script>alert(1)</script>")
    assert "<script>" not in render_report(document_of(run, "1"))


def test_no_report_has_pin_key_or_citizen(run: SuiteRun) -> None:
    document = document_of(run, "1.2.3")
    texts = [to_json(document).decode(), to_junit(document).decode(), render_report(document)]
    secrets = [PIN, "07A1B2C3", str(HOLDER["social_security_number"]), str(HOLDER["name"])]
    secrets += [str(value).encode("gbk").hex() for value in HOLDER.values() if len(str(value)) > 3]
    for text in texts:
        for secret in secrets:
            assert not re.search(rf"(?<![0-9A-Fa-f]){re.escape(secret)}", text, re.I), secret


def test_equal_values_have_equal_digests_that_no_table_has(run: SuiteRun) -> None:
    first, second = (
        to_json(document_of(judge(2, only=["SSC-32.2-T0-06"]), "1")).decode() for _ in range(2)
    )
    digests = [re.findall(r"\[18 bytes, ([0-9A-F]{8})\]", text) for text in (first, second)]
    assert digests[0]
    assert digests[0] != digests[1]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from sscard_chip.card import Card

    monkeypatch.chdir(tmp_path)
    Card(issued(2).copy()).save(tmp_path / "card.ssc")
    roots().save(tmp_path / "roots.json")
    (tmp_path / "mycard.py").write_text(
        "from sscard_chip import Card\n"
        "from sscard_chip.reader import ContactInterface\n"
        "def connect():\n    return ContactInterface(Card.open('card.ssc'))\n"
        "def nothing():\n    return 7\n",
        encoding="utf-8",
    )
    return tmp_path


def test_the_command_writes_all_reports(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "conformance run --card card.ssc --level session --keys roots.json --pin"
    reports = "--out r.html --junit r.xml --json-out r.json --only SSC-32.5-7.14"
    assert main([*line.split(), PIN, *reports.split()]) == 0
    assert "passed" in capsys.readouterr().out
    assert find(SuiteDocument, json.loads((world / "r.json").read_text(encoding="utf-8"))) == []
    assert (world / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    ElementTree.parse(world / "r.xml")
    assert main([*line.split(), PIN, *reports.split()]) == 1  # they are there already
    assert "exists already" in capsys.readouterr().err


def test_the_command_fails_with_the_card(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "conformance run --card card.ssc --generation 3 --only SSC-32.5-7.11.4"
    assert main(line.split()) == 1
    assert "fail: SSC-32.5-7.11.4-02: " in capsys.readouterr().err
    assert main([*line.split(), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_a_python_connection_is_judged(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "run", "--python", "mycard:connect", "--only", "SSC-32.2"]) == 0
    assert main(["conformance", "run", "--python", "mycard:nothing"]) == 1
    assert "gives no atr" in capsys.readouterr().err
    assert main(["conformance", "run", "--python", "nowhere:connect"]) == 1
    assert main(["conformance", "run", "--python", "mycard"]) == 2


def test_wrong_usage(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line, said in {
        "run": "one of --card, --reader and --python",
        "run --card card.ssc --python a:b": "one of --card, --reader and --python",
        "run --card card.ssc --only SSC-77": "there is no such case",
        "run --card card.ssc --pin 12": "--pin: must be 4 to 16 digits",
        "run --python mycard:connect --level destructive": "name the last 8 historical bytes",
        "run --card none.ssc": "none.ssc",
    }.items():
        assert main(["conformance", *line.split()]) != 0
        assert said in capsys.readouterr().err, line


def test_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "list", "--clause", "32.5-7.3", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["cases"]
    assert all(case["id"].startswith("SSC-32.5-7.3.") for case in listed)
    line = "conformance list --clause 32.6-DF04 --level session --json"
    assert main(line.split()) == 0
    listed = json.loads(capsys.readouterr().out)["cases"]
    assert {case["level"] for case in listed} == {"session"}
    assert "SSC-32.6-DF04.EF06-item-90" in [case["id"] for case in listed]
