# SPDX-License-Identifier: Apache-2.0
"""``sscard settle synthesize``, ``run`` and ``show``: what people and programs get."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from sscard_cli.main import main
from tests.bench.issued import roots
from tests.settlement.run.trial import Trial


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with root keys, where everything happens."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    roots().save(tmp_path / "roots.json")
    return tmp_path


def run(*arguments: str, code: int = 0) -> None:
    assert main(["settle", *arguments]) == code


def test_the_printed_commands_settle_what_was_made(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("synthesize", "--keys", "roots.json", "--out", "trial", "--json")
    made = json.loads(capsys.readouterr().out)
    assert made["faults"]["forged TAC"] > 0
    *commands, compare = made["commands"]
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    shown = capsys.readouterr().out
    assert "posted 已入账" in shown
    assert "交易认证码（TAC）不符" in shown
    _, expected, verdicts = compare.split()
    assert Path(verdicts).read_bytes() == Path(expected).read_bytes()
    run("synthesize", "--keys", "roots.json", "--out", "trial", code=2)
    assert "must be a new or empty folder" in capsys.readouterr().err


def test_a_day_that_cannot_be_made_leaves_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted, or without a key that it needs; then it is made as if nothing had been."""

    def interrupt(*_: object) -> None:
        assert list((place / "trial").iterdir())
        raise KeyboardInterrupt

    synthesize = ("synthesize", "--out", "trial", "--cards", "20", "--debits", "20")
    assert main(["keys", "create", "bank.json", "--bank"]) == 0
    run(*synthesize, "--keys", "bank.json", code=2)
    assert not (place / "trial").exists()
    with monkeypatch.context() as patch:
        patch.setattr("sscard_chip.settlement.synthesize.generate.write_cards", interrupt)
        run(*synthesize, "--keys", "roots.json", code=130)
    assert not (place / "trial").exists()
    (place / "trial").mkdir()
    run(*synthesize, "--keys", "bank.json", code=2)
    assert list((place / "trial").iterdir()) == []
    run(*synthesize, "--keys", "roots.json")


def test_show_a_row_and_a_card(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial.make(place / "trial", cards=50, pharmacies=10, debits=400, faults=0.0)
    ledger = ("--ledger", "ledger.db")
    run("cards", "trial/cards.tsv", *ledger)
    run("run", "trial/days", "--keys", "roots.json", *ledger, "--out", "out", "--json")
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{") :])["files_refused"] == []
    row = Path(trial.files()[0]).read_text().splitlines()[1].split("\t")
    msgid, code, number = row[9], row[12], row[13]
    run("show", msgid, *ledger, "--json")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["codes"] == [0]
    assert (found["msgid"], found["time"], found["line"]) == (msgid, row[21], 2)
    assert found["total_fen"] == round(float(row[4]) * 100)
    for name in (code, number):
        run("show", "--card", name, *ledger, "--json")
        rows = json.loads(capsys.readouterr().out)
        assert msgid in {one["msgid"] for one in rows}
        wanted = sum(
            line.split("\t")[13] == number
            for path in trial.files()
            for line in Path(path).read_text().splitlines()[1:-1]
        )
        assert len(rows) == wanted
    run("show", msgid, *ledger)
    assert "posted 已入账" in capsys.readouterr().out
    run("show", "P" * 30, *ledger, code=1)
    assert capsys.readouterr().err == "sscard: error: no such row has been settled\n"


def test_a_refused_file_is_exit_code_1(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial.make(place / "trial", cards=50, pharmacies=10, debits=400, faults=0.0)
    bad = place / "bad.tsv"
    bad.write_bytes(Path(trial.files()[0]).read_bytes()[:-5])
    common = ("--keys", "roots.json", "--ledger", "ledger.db", "--out", "out")
    run("run", *trial.files(), str(bad), *common, code=1)
    shown = capsys.readouterr()
    assert f"refused: {bad}: row " in shown.out
    assert "does not end in LF" in shown.out
    assert (place / "out" / "verdicts.tsv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["run", "nothing.tsv", "--keys", "k", "--ledger", "l", "--out", "o"], 2, "nothing.tsv"),
        (["run", "--keys", "k", "--ledger", "l", "--out", "o"], 2, "DAY_FILE"),
        (["run", "roots.json", "--keys", "none.json", "--ledger", "l", "--out", "o"], 2, "none"),
        (["synthesize", "--keys", "roots.json", "--out", "o", "--debits", "0"], 2, "at least"),
        (["synthesize", "--keys", "roots.json", "--out", "o", "--faults", "2"], 2, "faults"),
        (["show", "X", "--ledger", "none.db"], 1, "none.db"),
    ],
)
def test_wrong_usage_is_one_line(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    text: str,
) -> None:
    run(*arguments, code=code)
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not (place / "out").exists()


def test_two_workers_with_sealed_keys(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial.make(place / "trial", cards=50, pharmacies=10, debits=400, faults=0.02)
    (place / "pass").write_text("a long passphrase\n")
    secret = ("--passphrase-file", "pass")
    assert (
        main(["keys", "convert", "roots.json", "sealed.keys", "--new-passphrase-file", "pass"]) == 0
    )
    run("cards", "trial/cards.tsv", "--ledger", "ledger.db")
    lists = ("--hotlist", "trial/hotlist.tsv", "--pharmacies", "trial/pharmacies.tsv")
    common = ("--keys", "sealed.keys", *secret, "--ledger", "ledger.db", "--workers", "2", *lists)
    run("run", "trial/earlier", *common, "--out", "earlier")
    run("run", "trial/days", *common, "--out", "out")
    assert (place / "out" / "verdicts.tsv").read_bytes() == trial.expected()


def test_folders_of_somebody_else_stay(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial.make(place / "trial", cards=20, pharmacies=4, debits=60, faults=0.0)
    orders = (*trial.files(), "--keys", "roots.json", "--ledger", "ledger.db", "--out", "out")
    mine = place / "out" / "statements" / "mine.html"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    run("run", *orders, code=2)
    assert "statements: is in the way, not of an earlier run" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    mine.unlink()
    run("run", *orders)
    run("run", *orders)  # its own are replaced


def test_a_folder_without_files_is_a_mistake(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "empty").mkdir()
    (place / "empty" / ".hidden").write_text("")
    run("run", "empty", "--keys", "roots.json", "--ledger", "l.db", "--out", "out", code=2)
    assert "empty: there is no file in the folder" in capsys.readouterr().err
    assert not (place / "l.db").exists()


def test_a_seed_is_not_negative(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("synthesize", "--keys", "roots.json", "--out", "trial", "--seed", "-1", code=2)
    assert "--seed" in capsys.readouterr().err
