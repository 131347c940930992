# SPDX-License-Identifier: Apache-2.0
"""``sscard batch`` as people type it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from issuance.plan.script import FORMAT as SCRIPT_FORMAT
from issuance.stores import create_file_store
from sscard_chip.card import Card
from sscard_cli.main import main
from tests.batch.conftest import CITY, people, rows_of, write_table
from tests.vectors.cards import roots


def test_from_holders_to_a_card(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, folder, card = tmp_path / "h.csv", tmp_path / "june", tmp_path / "c.ssc"
    assert main(["batch", "synthesize", "12", "--out", str(table), "--city", CITY]) == 0
    assert main(["batch", "synthesize", "12", "--out", str(table)]) == 1
    assert capsys.readouterr().err.endswith("exists already, --force replaces it\n")
    run = ["batch", "run", "--generation", "2", "--keys", str(keys), "--holders", str(table)]
    run += ["--out", str(folder), "--output", "images,scripts,data", "--workers", "2"]
    assert main([*run, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["cards"], summary["rejected"], summary["state"]) == (12, 0, "finished")
    assert main(["batch", "status", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert main(["batch", "status", str(folder)]) == 0
    assert "cards a second and core" in capsys.readouterr().out
    assert main(["batch", "resume", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert main(run) == 2
    assert "has a batch already; sscard batch resume" in capsys.readouterr().err
    number = people(12)[4]["card_number"]
    export = ["batch", "export", str(folder), "--card-number", number, "--out", str(card)]
    assert main(export) == 0
    with Card.open(card) as opened:
        atr = opened.atr.hex().upper()
    assert rows_of(folder / "return.csv")[4]["atr"] == atr
    printed = rows_of(folder / "print.csv")[4]
    assert (printed["card_number"], printed["name"]) == (number, people(12)[4]["name"])
    assert printed["barcode"].split()[0] == "104"
    scripts = folder / "scripts" / "000001.jsonl"
    lines = [json.loads(line) for line in scripts.read_text(encoding="utf-8").splitlines()]
    assert [line.get("format") for line in lines] == ["sscard-personalisation-batch/1"] + [
        None
    ] * 12
    assert lines[5]["historical_bytes"] == atr[8:]
    plan = tmp_path / "plan.json"
    assert main([*export[:5], "--script", str(plan)]) == 0
    script = json.loads(plan.read_text(encoding="utf-8"))
    assert (script["format"], script["historical_bytes"]) == (SCRIPT_FORMAT, atr[8:])
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert main(export[:5]) == 2
    assert "one of --out and --script" in capsys.readouterr().err
    assert main([*export[:3], "--card-number", "Z00000021", "--out", str(card), "--force"]) == 2
    assert "the batch has made no card of this number" in capsys.readouterr().err
    for path in folder.rglob("*"):
        forbidden = stat.S_IRWXG | stat.S_IRWXO
        assert not path.stat().st_mode & forbidden or path.name == "ledger.sqlite-shm", path


@pytest.mark.parametrize("workers", ["1", "2"])
def test_keys_in_an_encrypted_file(
    workers: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, secret = tmp_path / "roots.enc", tmp_path / "passphrase"
    secret.write_text("a long enough passphrase\n", encoding="utf-8")
    create_file_store(path, "encrypted", "a long enough passphrase").add(roots())
    monkeypatch.delenv("SSCARD_PASSPHRASE", raising=False)
    table = write_table(tmp_path / "h.csv", people(3))
    run = ["batch", "run", "--generation", "3", "--keys", str(path), "--holders", str(table)]
    run += ["--out", str(tmp_path / "out"), "--workers", workers, "--json"]
    assert main([*run, "--passphrase-file", str(secret)]) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["cards"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "images,films"], "output: must be of images, scripts, data, barcodes"),
        (["--algorithm", "sm4"], "algorithm: a card of generation 1 knows 3des"),
        (["--region", "missing.toml"], "missing.toml: No such file or directory"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(
    options: list[str],
    message: str,
    tmp_path: Path,
    keys: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = write_table(tmp_path / "h.csv", people(3))
    run = ["batch", "run", "--generation", "1", "--keys", str(keys), "--holders", str(table)]
    assert main([*run, "--out", str(tmp_path / "out"), *options]) == 2
    assert capsys.readouterr().err == f"sscard: error: {message}\n"
    assert not os.path.lexists(tmp_path / "out")


def test_status_of_a_folder_without_a_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", "status", str(tmp_path)]) == 2
    assert "has no batch" in capsys.readouterr().err


def test_a_batch_of_keys_that_are_not_there_is_not_begun(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, folder = tmp_path / "h.csv", tmp_path / "june"
    assert main(["batch", "synthesize", "2", "--out", str(table)]) == 0
    capsys.readouterr()
    run = ["batch", "run", "--generation", "2", "--holders", str(table), "--out", str(folder)]
    missing = tmp_path / "root.json"
    assert main([*run, "--keys", str(missing)]) == 2
    assert capsys.readouterr().err == (
        f"sscard: error: {missing}: cannot be read (No such file or directory)\n"
    )
    assert not folder.exists()
    assert main([*run, "--keys", str(keys)]) == 0
