# SPDX-License-Identifier: Apache-2.0
"""``sscard driver`` on card and PSAM images."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sscard_cli.main import main
from tests.cli.conftest import Issue

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def psam_path(tmp_path: Path, roots_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "psam.ssc"
    arguments = ["psam", "--keys", str(roots_path), "--level", "3"]
    assert main([*arguments, "--terminal-id", "510100000001", "--out", str(path)]) == 0
    capsys.readouterr()
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code and lines on stdout, or stderr when the code is 2."""

    def command(*arguments: object) -> tuple[int, list[str]]:
        code = main(["driver", *map(str, arguments)])
        output = capsys.readouterr()
        return code, (output.err if code == 2 else output.out).splitlines()

    return command


def info(run: Run, card: Path, psam: Path) -> str:
    _, (_, text) = run("iReadCardBas", 1, "--card", card, "--psam", psam)
    fields = text.split("|")
    return f"{fields[3]}|{fields[2]}|"


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_day_at_the_counter(generation: int, issue: Issue, psam_path: Path, run: Run) -> None:
    card = issue(generation, pin="135790", account={"balance_fen": 1000})
    both = ("--card", card, "--psam", psam_path)
    code, lines = run("iReadCardBas", 3, *both)
    assert (code, lines[0]) == (0, "0")
    assert lines[1].startswith("510100|990000200102030012|Z00000013|510100D156000005")
    named = info(run, card, psam_path)
    assert run("iVerifyPIN", 1, *both, "--pin", "000000") == (
        1,
        ["-51", "the PIN is wrong, 5 tries left"],
    )
    assert run("iChangePIN", 1, *both, "--pin", "135790", "--new-pin", "2468") == (0, ["0"])
    pay = "1.00|0.50|20260102030405|"
    code, lines = run("iDoDebit", 1, named, pay, *both, "--pin", "2468")
    assert (code, lines[0], lines[1].count("|")) == (0, "0", 8)
    record = "0^510100000001^20260102030405^1.00^0.50^|"
    assert run("iReadDebitRecord", 1, *both, "--pin", "2468") == (0, ["0", record])


def test_json(issue: Issue, run: Run) -> None:
    code, lines = run("iReadCardBas", 1, "--card", issue(3), "--json")
    (step,) = json.loads("\n".join(lines))
    assert (code, step["function"], step["code"]) == (1, "iReadCardBas", -2201)
    assert step["output"].startswith("510100|||")


def test_all_steps_with_an_hsm(issue: Issue, roots_path: Path, run: Run) -> None:
    card = issue(3)
    code, lines = run("iReadCardBas_HSM", 1, "--card", card, "--keys", roots_path)
    assert code == 0
    assert [lines[0], lines[2]] == ["iReadCardBas_HSM_Step1 0", "iReadCardBas_HSM_Step2 0"]
    assert "|林知夏|" in lines[3]
    named = "|".join((lines[3].split("|")[3], "Z00000013", ""))
    given = ("DF01EF05|21|$", "示例路|$", "--card", card, "--keys", roots_path)
    assert run("iWriteCard_HSM", 1, named, *given)[0] == 0
    code, lines = run("iReadCard_HSM", 1, named, given[0], *given[2:])
    assert (code, lines[3]) == (0, "DF01EF05|示例路|$")
    code, lines = run("iReadCard_HSM", 1, named, "SSSEEF05|07|$", *given[2:])
    assert (code, lines[0]) == (1, "-2204")


def test_an_issuers_addresses(issue: Issue, roots_path: Path, tmp_path: Path, run: Run) -> None:
    table = tmp_path / "hsm.json"
    rows = {"0A0B": "RKSSSE"}
    table.write_text(json.dumps({"format": "sscard-key-addresses/1", "addresses": rows}))
    given = ("--card", issue(3), "--keys", roots_path)
    _, lines = run("iReadCardBas_HSM", 1, *given)
    named = "|".join((lines[3].split("|")[3], "Z00000013", ""))
    _, lines = run("iReadCard_HSM", 1, named, "SSSEEF06|0A|$", *given, "--addresses", table)
    assert lines[1].startswith("03|0A0B|")
    assert lines[3] == "SSSEEF06|1|$"


@pytest.mark.parametrize(
    ("interface", "kind", "code"),
    [("contact", 1, 0), ("contact", 2, -12), ("contactless", 2, 0), ("contactless", 1, -12)],
)
def test_interfaces(
    interface: str, kind: int, code: int, issue: Issue, psam_path: Path, run: Run
) -> None:
    given = ("--card", issue(3), "--psam", psam_path, "--interface", interface)
    _, lines = run("iReadCardBas", kind, *given, "--device-number", "T-1")
    assert lines[0] == str(code)
    assert code or lines[1].endswith("|510100000001|T-1|")


def test_a_pin_is_asked_for_where_a_person_sits(
    issue: Issue, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import click

    card = issue(2, pin="135790")
    assert run("iVerifyPIN", 1, "--card", card) == (1, ["-31", "PIN entry was cancelled"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[str] = []

    def prompt(text: str, **options: object) -> str:
        assert options["hide_input"]
        asked.append(text)
        if len(asked) > 1:
            raise click.Abort
        return "135790"

    monkeypatch.setattr(click, "prompt", prompt)
    assert run("iVerifyPIN", 1, "--card", card) == (0, ["0"])
    assert run("iChangePIN", 1, "--card", card)[1][0] == "-31"
    assert asked == ["PIN", "PIN"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["iReadCardBas", "1"], "one of --card and --reader"),
        (["iReadCardBas", "1", "--card", "a", "--reader", "b"], "one of --card and --reader"),
        (["iReadCardBas", "1", "--card", "a", "--psam", "b", "--psam-reader", "c"], "at most one"),
        (["iReadBas", "1", "--card", "a"], "no such function; there are iReadCardBas, "),
        (["iReadCardBas", "--card", "a"], "iReadCardBas takes 1 arguments: iType"),
        (["iReadCardBas", "x", "--card", "a"], "iType must be a number"),
        (["iReadCardBas", "1", "--card", "nothere.ssc"], "nothere.ssc: No such file"),
    ],
)
def test_wrong_usage(arguments: list[str], part: str, run: Run) -> None:
    code, (line,) = run(*arguments)
    assert code == 2
    assert part in line


def test_an_hsm_function_needs_keys(issue: Issue, run: Run) -> None:
    code, (line,) = run("iReadCardBas_HSM", 1, "--card", issue(3))
    assert (code, line.endswith("iReadCardBas_HSM needs --keys for the HSM")) == (2, True)


def test_a_reader_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    assert main(["driver", "iReadCardBas", "1", "--reader", "Virtual"]) == 1
    assert "pip install '.[pcsc]' in a clone of sscard-chip" in capsys.readouterr().err


def test_completion_knows_the_functions() -> None:
    import click

    from sscard_cli.card.driver import driver

    context = click.Context(driver)
    (argument,) = (p for p in driver.params if p.name == "function")
    found = [item.value for item in argument.shell_complete(context, "iDoDebit")]
    assert found == ["iDoDebit", "iDoDebit_HSM_Step1", "iDoDebit_HSM_Step2", "iDoDebit_HSM"]
