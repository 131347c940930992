# SPDX-License-Identifier: Apache-2.0
"""``sscard blank`` and ``sscard personalise``."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from issuance.roots import RootKeys
from sscard_chip import Card
from sscard_cli.main import main

Capture = pytest.CaptureFixture[str]
KEY = "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"


@pytest.fixture
def folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sscard_roots: RootKeys,
    sscard_holder: dict[str, Any],
) -> Path:
    monkeypatch.chdir(tmp_path)
    sscard_roots.save(tmp_path / "roots.json")
    (tmp_path / "holder.json").write_text(json.dumps(sscard_holder), encoding="utf-8")
    (tmp_path / "transport.key").write_text(KEY + "\n")
    return tmp_path


def personalise(generation: int, *options: str) -> list[str]:
    command = ["personalise", "--generation", str(generation), "--keys", "roots.json"]
    return [*command, "--holder", "holder.json", *options]


def fails(arguments: list[str], code: int, capsys: Capture) -> str:
    assert main(arguments) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"sscard: error: [^\n]+\n", output.err)
    return output.err


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_blank_card_becomes_the_issued_one(
    folder: Path, capsys: Capture, generation: int
) -> None:
    own = ["--generation", str(generation), "--serial", "07A1B2C3"]
    issue = ["issue", *own, "--keys", "roots.json", "--holder", "holder.json"]
    assert main([*issue, "--out", "issued.ssc"]) == 0
    assert main(["blank", *own, "--out", "grown.ssc"]) == 0
    assert "transport key 16 bytes 00" in capsys.readouterr().out
    with Card.open("grown.ssc") as card:
        assert card.atr[-4:].hex().upper() == "07A1B2C3"
        assert card.contactless is (generation == 3)
        assert card.files.mf is None
    assert main(personalise(generation, "--blank", "grown.ssc")) == 0
    assert f"grown.ssc: generation {generation}, ATR 3B6D" in capsys.readouterr().out
    cells = []
    for name in ("grown.ssc", "issued.ssc"):
        with Card.open(name) as card:
            whole = bytearray(card.files.memory.cells)
        whole[8:21] = bytes(13)  # the maker's ATR
        cells.append(whole)
    assert cells[0] == cells[1]
    assert main(personalise(generation, "--blank", "grown.ssc")) == 0  # nothing happens


def test_keys_of_ones_own(folder: Path, capsys: Capture) -> None:
    with_key = ["--transport-key-file", "transport.key", "--transport-algorithm", "sm4"]
    assert main(["blank", "--out", "card.ssc", "--json", *with_key]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["card"] == "card.ssc"
    error = fails(personalise(3, "--blank", "card.ssc"), 1, capsys)
    assert "the transport key is refused, 2 tries are left" in error
    (folder / "project.key").write_text("B0" * 16)
    options = [*with_key, "--temporary-key-file", "project.key", "--json"]
    assert main(personalise(3, "--blank", "card.ssc", *options)) == 0
    assert json.loads(capsys.readouterr().out)["atr"][-8:] == shown["atr"][-8:]


def test_a_script_alone(folder: Path, capsys: Capture) -> None:
    options = ["--script", "plan.json", "--serial", "00C0FFEE"]
    assert main(personalise(2, *options)) == 0
    assert "plan.json: script of " in capsys.readouterr().out
    assert stat.S_IMODE(Path("plan.json").stat().st_mode) == 0o600
    document = json.loads(Path("plan.json").read_text(encoding="utf-8"))
    assert document["historical_bytes"].endswith("00C0FFEE")


def test_what_is_refused(folder: Path, capsys: Capture) -> None:
    assert "--blank and --reader" in fails(personalise(2), 2, capsys)
    both = personalise(2, "--blank", "a.ssc", "--reader", "x")
    assert "--blank and --reader" in fails(both, 2, capsys)
    assert "needs --serial" in fails(personalise(2, "--script", "s.json"), 2, capsys)
    assert "a.ssc" in fails(personalise(2, "--blank", "a.ssc"), 2, capsys)
    assert main(["blank", "--out", "a.ssc"]) == 0
    capsys.readouterr()
    assert "exists already" in fails(["blank", "--out", "a.ssc"], 1, capsys)
    for content in ("", "12", KEY + "00", "G" * 32, "Ａ" * 32):
        Path("bad.key").write_text(content, encoding="utf-8")
        error = fails(["blank", "--out", "b.ssc", "--transport-key-file", "bad.key"], 2, capsys)
        assert error == "sscard: error: bad.key: line 1 must be 32 hex digits\n"
    assert not Path("b.ssc").exists()


def test_a_finished_card_of_another_generation(folder: Path, capsys: Capture) -> None:
    assert main(["blank", "--out", "a.ssc", "--serial", "00000001"]) == 0
    assert main(personalise(1, "--blank", "a.ssc")) == 0
    capsys.readouterr()
    assert "another ATR" in fails(personalise(3, "--blank", "a.ssc"), 1, capsys)
