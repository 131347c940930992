# SPDX-License-Identifier: Apache-2.0
"""``sscard settle`` statement, claim, dispute and reconcile, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.reconciliation import unpack_result, unpack_upload
from sscard_chip.terminal.pos import DayRow
from sscard_cli.main import main
from tests.bench.shop import LATER, PHARMACY, TIME
from tests.settlement.town import Town, forged, rewrite, sell_day

ROOT: Final = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]
PERIOD = ("--pharmacy", PHARMACY, "--from", "20260301", "--to", "20260331")


@pytest.fixture
def town(ledger: Ledger, tmp_path: Path) -> Town:
    return Town(ledger, tmp_path)


@pytest.fixture
def run(
    town: Town,
    ledger_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run ``sscard settle`` where three sales are settled: posted, forged, grey."""
    monkeypatch.chdir(town.folder)
    monkeypatch.setenv("SSCARD_LEDGER", ledger_url)
    monkeypatch.setenv("COLUMNS", "120")
    shop = town.shop()
    town.register(shop)

    def spoil(rows: list[DayRow]) -> list[DayRow]:
        return [rows[0], forged(rows[1]), replace(rows[2], grey=True, tac=None)]

    day = rewrite(sell_day(shop, TIME, LATER, LATER), spoil, town.folder / "DAY.tsv")
    town.settle(day)
    shop.card.save("card.ssc")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["settle", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def document(result: tuple[int, str, str], code: int = 0) -> Any:
    assert (result[0], result[2]) == (code, "")
    return json.loads(result[1])


def test_a_statement_for_people_and_programs(run: Run) -> None:
    code, out, _ = run("statement", *PERIOD, "--name", "长生堂", "--page", "page.html")
    assert code == 0
    for words in ("长生堂  P51010000001", "职工基本医疗保险", "拒付 1 笔", "应付金额 30.00 元"):
        assert words in out
    assert "长生堂" in Path("page.html").read_text("utf-8")
    found = document(run("statement", *PERIOD, "--json"))
    assert found["payable_fen"] == 3000
    assert (found["refused"]["codes"], found["held"]["codes"]) == ({"1": 1}, {"104": 1})
    assert "exists already" in run("statement", *PERIOD, "--page", "page.html")[2]
    assert run("statement", *PERIOD, "--page", "page.html", "--force")[0] == 0
    code, _, err = run("statement", "--pharmacy", "P9", "--from", "20260301")
    assert (code, err) == (1, "sscard: error: P9: has no rows on these days\n")
    assert run("statement", "--pharmacy", "P9", "--from", "20260230")[0] == 2


def test_a_claim(run: Run) -> None:
    month = ("--pharmacy", PHARMACY, "--month", "202603")
    assert run("claim", "due", *month)[1] == (
        f"{PHARMACY} 202603: 1 visits, 35.00 yuan\nfund 20.00, account 10.00, cash 5.00\n"
    )
    assert document(run("claim", "due", *month, "--json"))["visits"] == 1
    code, out, _ = run("claim", "apply", *month)
    number = "510100202603410000000001"
    assert (code, out.splitlines()[0]) == (0, f"{number}: applied 已申请")
    assert document(run("claim", "apply", *month, "--json"))["clr_appy_evt_id"] == number
    paid = document(run("claim", "pay", number, "--date", "20260415", "--json"))
    assert (paid["state"], paid["payable_fen"]) == ("paid", 3000)
    assert run("claim", "status", number)[1].startswith(f"{number}: paid 已拨付")
    assert run("claim", "cancel", number) == (1, "", f"sscard: error: {number}: is paid\n")
    assert run("claim", "pay", number, "--date", "20261350")[0] == 2
    assert "no such claim" in run("claim", "status", "7")[2]


def test_disputes(run: Run) -> None:
    code, out, _ = run("dispute", "list")
    assert code == 0
    assert "1.1" in out
    assert "1.2" in out
    assert len(document(run("dispute", "list", "--pharmacy", PHARMACY, "--json"))) == 2
    why = ("--reason", "属实")
    appealed = run("dispute", "appeal", "1.2", "--by", "长生堂", *why)
    assert appealed[1].startswith("1.2: appealed 申诉中")
    decide = ("--operator", "王敏", *why)
    accepted = document(run("dispute", "accept", "1.2", *decide, "--date", "20260401", "--json"))
    assert (accepted["state"], accepted["payable_fen"]) == ("accepted", 3000)
    code, _, err = run("dispute", "reject", "1.1", *decide)
    assert (code, err) == (1, "sscard: error: dispute 1.1: is open, not appealed\n")
    run("dispute", "appeal", "1.1", "--by", "长生堂", *why)
    assert run("dispute", "reject", "1.1", *decide)[1].startswith("1.1: rejected 已驳回")
    assert run("dispute", "list", "--state", "open")[1] == "no disputes\n"
    assert document(run("statement", *PERIOD, "--json"))["payable_fen"] == 6000


def test_a_card_against_the_ledger(run: Run) -> None:
    code, out, _ = run("reconcile", "card", "card.ssc")
    assert code == 1
    assert "debit refused: purchase 1" in out
    assert "code 1: the centre did not accept the row" in out
    found = document(run("reconcile", "card", "card.ssc", "--json"), 1)
    assert [one["kind"] for one in found["differences"]] == ["refused", "held"]
    assert run("reconcile", "card")[0] == 2
    assert run("reconcile", "card", "card.ssc", "--reader", "x")[0] == 2
    assert run("reconcile", "card", "none.ssc")[0] == 2


def test_a_pharmacy_against_the_ledger(run: Run, town: Town) -> None:
    code, out, _ = run(
        "reconcile", "pharmacy", "DAY.tsv", "--details", "up.zip", "--result", "down.zip"
    )
    assert code == 1
    assert "2 differences" in out
    assert len(unpack_upload(Path("up.zip").read_bytes(), "up")) == 3
    answers = unpack_result(Path("down.zip").read_bytes(), "down")
    assert [int(row.result) for row in answers] == [0, 2, 2]
    good = rewrite(Path("DAY.tsv"), lambda rows: rows[:1], Path("GOOD.tsv"))
    even = document(run("reconcile", "pharmacy", str(good), "--json"))
    assert (even["even"], even["skipped"], even["stmt_rslt"]) == (True, False, 0)
    code, out, _ = run("reconcile", "pharmacy", str(good))
    assert (code, "even 对平" in out) == (0, True)
    assert document(run("reconcile", "pharmacy", str(good), "--json"))["skipped"] is True
    forced = document(run("reconcile", "pharmacy", str(good), "--force", "--json"))
    assert (forced["skipped"], forced["attempt"]) == (False, 3)
    assert run("reconcile", "pharmacy", str(good), "--date", "2026")[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["statement"],
        ["claim", "apply"],
        ["dispute", "list"],
        ["reconcile", "card"],
        ["reconcile", "pharmacy"],
    ],
)
def test_help_has_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settle", *arguments, "--help"]) == 0
    assert f"sscard settle {' '.join(arguments)}" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_identifiers_stand_whole_on_any_screen(
    columns: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    disputes = document(run("dispute", "list", "--json"))
    out = run("dispute", "list")[1]
    assert len(disputes) == 2
    for one in disputes:
        (row,) = [line for line in out.splitlines() if one["msgid"] in line]
        assert PHARMACY in row
        shown = run("show", one["msgid"])[1]
        assert shown.splitlines()[0] == one["msgid"]
        assert PHARMACY in shown
    statement = run("statement", *PERIOD)[1]
    assert [line.split() for line in statement.splitlines() if line.startswith("合计")] == [
        ["合计", "1", "0", "1", "35.00", "20.00", "10.00", "5.00", "30.00"]
    ]
    report = run("reconcile", "card", "card.ssc", "--json")
    found = run("reconcile", "card", "card.ssc")[1]
    for subject in json.loads(report[1])["subject"].split():
        assert subject in found


def test_without_jinja_the_extra_is_named() -> None:
    """In a process of its own, where the template engine cannot be imported."""
    arguments = ["settle", "statement", "--pharmacy", PHARMACY, "--from", "20260315"]
    code = (
        "import sys; sys.modules['jinja2'] = None; from sscard_cli.main import main;"
        f" sys.exit(main({[*arguments, '--ledger', 'city.db']!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "sscard: error: settlement needs jinja2, which is not installed:"
        " pip install '.[settlement]' in a clone of sscard-chip\n"
    )
