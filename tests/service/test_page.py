# SPDX-License-Identifier: Apache-2.0
"""docs/services.md as it is pasted: a city of one citizen, a lost card, and the new one pays."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Final

import pytest

from sscard_cli.main import main

ROOT: Final = Path(__file__).resolve().parents[2]


def test_the_city_and_the_lost_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    page = (ROOT / "docs" / "services.md").read_text("utf-8")
    city, card = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[:2]
    receipt = ""
    done: list[str] = []
    for line in (city + card).splitlines():
        if line.startswith("export "):
            for one in line.split()[1:]:
                monkeypatch.setenv(*one.split("="))
        elif line.startswith("RECEIPT="):
            (receipt,) = re.findall("^receipt: ([0-9A-Z]{16})$", done[-1], re.MULTILINE)
        else:
            command = line.partition(" | ")[0].replace("$RECEIPT", receipt)
            words = shlex.split(command, comments=True)
            assert words[0] == "sscard"
            assert main(words[1:]) == 0, (line, capsys.readouterr().err)
            done.append(capsys.readouterr().out)
    assert len(done) == 17
    new = (tmp_path / "june.csv").read_text("utf-8").splitlines()[1].split(",")[0]
    for number, status in (("Z00000013", 9), (new, 1)):
        assert main(["settle", "card-status", number, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["status"] == status
