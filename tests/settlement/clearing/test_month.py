# SPDX-License-Identifier: Apache-2.0
"""The end of a month: claims of all pharmacies, what is unpaid, statements as PDF, lists."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.settlement.clearing.claims import apply_all, apply_claim, cancel_claim, due
from sscard_chip.settlement.clearing.period import all_statements, period_statement
from sscard_chip.settlement.ledger import AccountKind, Ledger, read_allocations
from sscard_cli.main import main
from tests.settlement.run.trial import ROOT, Trial

MONTH = "202603"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def city(ledger: Ledger, tmp_path: Path) -> list[str]:
    """A ledger with a day of twelve pharmacies; their codes."""
    trial = Trial.make(tmp_path / "day", cards=60, pharmacies=12, debits=400, faults=0.05, seed=3)
    trial.begin(ledger, tmp_path / "earlier")
    trial.settle(ledger, tmp_path / "out", trial.files())
    with ledger.reading() as t:
        return sorted(t.balances_of(AccountKind.PHARMACY))


@pytest.fixture
def run(
    ledger_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCARD_LEDGER", ledger_url)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["settle", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def document(result: tuple[int, str, str]) -> Any:
    assert (result[0], result[2]) == (0, "")
    return json.loads(result[1])


def test_all_at_once_are_those_one_by_one(ledger: Ledger, city: list[str]) -> None:
    with ledger.reading() as t:
        expected = [due(t, pharmacy, MONTH) for pharmacy in city]
        assert len([one for one in expected if one.total_fen]) >= 10
    first, second = city[:2]
    ledger.run(lambda t: apply_claim(t, expected[0]), exclusive=True)
    cancelled = ledger.run(lambda t: apply_claim(t, expected[1]), exclusive=True)
    ledger.run(lambda t: cancel_claim(t, cancelled.number), exclusive=True)
    made = ledger.run(lambda t: apply_all(t, MONTH), exclusive=True)
    assert [one.request for one in made] == [one for one in expected[1:] if one.visits]
    assert len({one.number for one in made}) == len(made)
    assert first not in {one.request.pharmacy for one in made}
    assert second in {one.request.pharmacy for one in made}
    assert ledger.run(lambda t: apply_all(t, MONTH), exclusive=True) == []
    assert ledger.run(lambda t: apply_all(t, "202604"), exclusive=True) == []


def test_the_life_of_a_month(run: Run, ledger: Ledger, city: list[str]) -> None:
    with ledger.reading() as t:
        owed = sum(t.balances_of(AccountKind.PHARMACY).values())
    before = document(run("claim", "list", "--json"))
    assert before == {
        "claims": [],
        "owed": {"claimed_fen": 0, "unclaimed_fen": owed, "total_fen": owed},
    }
    assert run("claim", "apply", "--month", MONTH)[0] == 2
    made = document(run("claim", "apply", "--all", "--month", MONTH, "--json"))
    assert {one["fixmedins_code"] for one in made} == set(city)
    found = document(run("claim", "list", "--month", MONTH, "--json"))
    assert found["owed"] == {"claimed_fen": owed, "unclaimed_fen": 0, "total_fen": owed}
    assert sum(one["unpaid_fen"] for one in found["claims"]) == owed
    one = made[0]
    assert run("claim", "pay", one["clr_appy_evt_id"], "--date", "20260415")[0] == 0
    left = document(run("claim", "list", "--unpaid", "--json"))
    assert one["clr_appy_evt_id"] not in {each["clr_appy_evt_id"] for each in left["claims"]}
    assert left["owed"]["claimed_fen"] == owed - one["payable_fen"]
    code, out, _ = run("claim", "list", "--pharmacy", city[1])
    assert (code, "applied 已申请" in out, city[0] in out) == (0, True, False)
    code, out, _ = run("claim", "pay", "--month", MONTH, "--date", "20260415")
    assert (code, out.splitlines()[-1].startswith(f"{len(made) - 1} claims paid")) == (0, True)
    after = document(run("claim", "list", "--json"))
    assert after["owed"] == {"claimed_fen": 0, "unclaimed_fen": 0, "total_fen": 0}
    assert "no claims" in run("claim", "list", "--unpaid")[1]
    assert run("claim", "pay", "--month", MONTH, "1")[0] == 2


def test_statements_of_all_are_those_of_each(ledger: Ledger, city: list[str]) -> None:
    with ledger.reading() as t:
        found = all_statements(t, "20260301", "20260331", {city[0]: "长生堂"})
        each = [
            period_statement(t, code, "20260301", "20260331", "长生堂" if not at else None)
            for at, code in enumerate(city)
        ]
    assert found == each


def test_statements_as_files(run: Run, city: list[str], tmp_path: Path) -> None:
    made = document(run("statements", "--month", MONTH, "--out", "new/march", "--json"))
    assert made["pharmacies"].keys() == set(city)
    files = sorted((tmp_path / "new" / "march").iterdir())
    assert [path.name for path in files] == [f"{code}.pdf" for code in city]
    assert all(path.read_bytes().startswith(b"%PDF-") for path in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    code, _, err = run("statements", "--month", MONTH, "--out", "new/march")
    assert (code, "must be a new or empty folder" in err) == (2, True)
    lists = ("--pharmacies", "day/pharmacies.tsv", "--format", "html")
    assert run("statements", "--month", MONTH, "--out", "html", *lists)[0] == 0
    assert len(list((tmp_path / "html").glob("*.html"))) == len(city)
    period = ("--pharmacy", city[0], "--from", "20260301", "--to", "20260331")
    assert run("statement", *period, "--page", "one.pdf")[0] == 0
    assert Path("one.pdf").read_bytes().startswith(b"%PDF-")


# --- lists ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("psn_no,yuan\n51000000000000000001,123.45\n2,0.01\n", (12345, 1)),
        ("﻿name,fen,psn_no\r\n李,7,1\r\n\u5f20,8,2\r\n", (7, 8)),
        ("card_id_code,fen\n" + "A" * 32 + ",5\n", (5,)),
    ],
)
def test_an_allocation_file(run: Run, table: str, rows: tuple[int, ...]) -> None:
    Path("a.csv").write_text(table, "utf-8", newline="")
    options = ("--month", MONTH, "--date", "20260401", "--batch", "1", "--out", "a.tsv")
    assert document(run("allocation-list", "a.csv", *options, "--json"))["fen"] == sum(rows)
    found = read_allocations("a.tsv")
    assert (found.month, found.business_date, found.batch) == (MONTH, "20260401", "1")
    assert tuple(found.fen.tolist()) == rows
    content = Path("a.tsv").read_bytes()
    *before, trailer = content.splitlines(keepends=True)
    digest = sha256(b"".join(before)).hexdigest().upper()
    assert trailer.decode() == f"T\t{len(rows)}\t{digest}\n"
    assert "exists already" in run("allocation-list", "a.csv", *options)[2]


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ("psn_no,yuan\n1,1.5\n", "a.csv: row 2: yuan: must be"),
        ("psn_no,fen\n1,1\n2,-5\n", "a.csv: row 3: fen: must be a number of fen above 0"),
        ("psn_no,fen\n1,x\n", "a.csv: row 2: fen: must be a whole number"),
        ("psn_no\n1\n", "a.csv: row 1: must have one column fen or yuan"),
        ("psn_no,card_id_code,fen\n1,2,3\n", "must have one column psn_no or card_id_code"),
        ("psn_no,fen\n1,1,1\n", "a.csv: row 2: must have 2 cells"),
        ('psn_no,fen\n"1\n2",1\n', "a.csv: row 2: a cell must be one line"),
        ("psn_no,fen\n", "has no rows"),
        ("", "is empty"),
    ],
)
def test_a_table_that_is_wrong(run: Run, table: str, rule: str) -> None:
    Path("a.csv").write_text(table, "utf-8", newline="")
    options = ("--month", MONTH, "--date", "20260401", "--batch", "1", "--out", "a.tsv")
    code, _, err = run("allocation-list", "a.csv", *options)
    assert (code, rule in err) == (2, True), err
    assert not Path("a.tsv").exists()


def test_a_pharmacy_list(run: Run) -> None:
    head = "fixmedins_code,name,division,terminals,psams\n"
    one = "P51010000001,长生堂,510100,510100000001 510100000002,51010000000100000001\n"
    Path("p.csv").write_text(f"{head}{one}P2,=1+1,510104,,\n", "utf-8")
    assert run("pharmacy-list", "p.csv", "--out", "p.tsv")[1] == "p.tsv: 2 rows\n"
    found = Pharmacies.load("p.tsv")
    assert found.names() == {"P51010000001": "长生堂", "P2": "=1+1"}
    assert found.owns("P51010000001", "510100000002", "51010000000100000001")
    Path("p.csv").write_text(f"{head}{one}{one}", "utf-8")
    code, _, err = run("pharmacy-list", "p.csv", "--out", "q.tsv")
    assert (code, "p.csv: row 3: fixmedins_code: stands in an earlier row" in err) == (2, True)
    other = "P2,药房,510104,510100000003 510100000002,\n"
    Path("p.csv").write_text(f"{head}{one}{other}", "utf-8")
    code, _, err = run("pharmacy-list", "p.csv", "--out", "q.tsv")
    rule = "row 3: terminal ids: 510100000002 stands in an earlier row"
    assert (code, rule in err, Path("q.tsv").exists()) == (2, True, False)
    assert stat.S_IMODE(Path("p.tsv").stat().st_mode) == 0o600


KILLED: Final = """
import os, signal, sys
from sscard_chip.settlement.clearing import claims
from sscard_cli.main import main
real, steps = claims._step, []
def step(*values, **more):
    steps.append(1)
    if len(steps) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*values, **more)
claims._step = step
sys.exit(main(["settle", *sys.argv[2:]]))
"""


def killed_at(step: int, *command: str) -> bool:
    """Run a command of ``settle`` in a process that is killed (-9) at a step of a claim."""
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(step), *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    return process.returncode == -signal.SIGKILL


def test_killed_in_the_middle_of_a_month(run: Run, ledger: Ledger, city: list[str]) -> None:
    """Each pharmacy has one claim in the end, and is paid once."""
    apply = ("claim", "apply", "--all", "--month", MONTH)
    pay = ("claim", "pay", "--month", MONTH, "--date", "20260415")
    assert killed_at(4, *apply)
    made = document(run("claim", "list", "--json"))["claims"]
    assert len(made) in (0, 3)
    document(run(*apply, "--json"))
    made = document(run("claim", "list", "--json"))["claims"]
    assert sorted(one["fixmedins_code"] for one in made) == sorted(city)
    assert document(run(*apply, "--json")) == []
    assert killed_at(5, *pay)
    owed = document(run("claim", "list", "--json"))["owed"]
    unpaid = document(run("claim", "list", "--unpaid", "--json"))["claims"]
    assert owed["claimed_fen"] == sum(one["unpaid_fen"] for one in unpaid) > 0
    assert run(*pay)[0] == 0
    after = document(run("claim", "list", "--json"))
    assert after["owed"] == {"claimed_fen": 0, "unclaimed_fen": 0, "total_fen": 0}
    assert {one["state"] for one in after["claims"]} == {"paid"}
    assert len(after["claims"]) == len(city)
    assert ledger.check().problems == ()
