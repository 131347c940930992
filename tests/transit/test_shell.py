# SPDX-License-Identifier: Apache-2.0
"""The shell knows the files of the transport application by FID and by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_cli.main import main
from tests.bench.transit_cards import new_memory


def test_files_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "card.ssc"
    Card(new_memory()).save(path)
    lines = ("select transit =9000", "read 0017 =9000", "read 0018 1 =9000", "read 001A =9000")
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["shell", "--card", str(path), "--interface", "contactless"]
    assert main([*command, "-c", str(tmp_path / "lines.txt")]) == 0
    shown = capsys.readouterr().out
    for text in (
        "> 00A4040008A000000632010105",
        "in 1005 交通联合 transport application",
        "> 00B0970000",
        "> 00B201C400",
        "终端机编号 terminal: 000000000000",
        "> 00B201D400",
        "2701 轨道交通: status 00 无 none, 128 bytes",
    ):
        assert text in shown
