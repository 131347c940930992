# SPDX-License-Identifier: Apache-2.0
"""What is shown to people: identifiers and paths stand whole, however narrow the screen."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.text import Text

from sscard_cli.main import main
from sscard_cli.screen import facts, listing, show
from tests.cli.conftest import Issue

Capture = pytest.CaptureFixture[str]
MSGID = "P51010000001202603151011120100"
CARD_IDENTIFIER = "510100D156000005C0FFEE0102030405"
WIDTHS = ("40", "80", "200", None)
"""Of a screen or in a pipe; None for a pipe without COLUMNS."""

widths = pytest.mark.parametrize("columns", WIDTHS)


@pytest.fixture(autouse=True)
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = request.getfixturevalue("columns") if "columns" in request.fixturenames else None
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    else:
        monkeypatch.delenv("COLUMNS", raising=False)


def printed(*parts: Any) -> list[str]:
    stream = io.StringIO()
    show(*parts, file=stream)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@widths
def test_words_stand_whole_and_text_is_folded(columns: str | None) -> None:
    path = "/srv/" + "batch/" * 30 + "return.csv"
    table = listing("msgid", "card", "what", "yuan", right=("yuan",))
    why = "the card was reported lost before the sale, and the till had no list of that day"
    table.add_row(MSGID, CARD_IDENTIFIER, why, "12.00")
    grid = facts()
    grid.add_row("return file", path)
    lines = printed(table, grid, f"verdicts: {path}")
    text = "\n".join(lines)
    for word in (MSGID, CARD_IDENTIFIER, path, f"verdicts: {path}", "12.00", *why.split()):
        assert word in text
    # 30 and 32, the longest word of what (8 at least), 5 and three gaps of 2
    least = 30 + 32 + 8 + 5 + 3 * 2
    wide = max(map(cell_len, lines[: lines.index(next(x for x in lines if path in x))]))
    assert wide <= max(int(columns or 80), least)
    assert (len(lines) > 4) is (columns != "200")


@widths
def test_chinese_text_and_long_bodies_are_folded(columns: str | None) -> None:
    table = listing("item", "value")
    table.add_row("address", "四川省成都市虚构区样例路" * 10)
    table.add_row("body", "0123456789ABCDEF" * 12)
    lines = printed(table)
    assert max(map(cell_len, lines)) <= int(columns or 80)
    assert "".join("".join(lines).split()).count("四川省成都市虚构区样例路") >= 1


def test_brackets_are_text() -> None:
    table = listing("[name]")
    table.add_row("[bold]x[/bold]")
    assert printed(table, "[red]y") == ["[name]", "[bold]x[/bold]", "[red]y"]


def _texts(value: object) -> list[str]:
    """What a document of ``info`` has under ``text``."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if not isinstance(value, dict):
        return []
    here = [value["text"]] if isinstance(value.get("text"), str) else []
    return here + _texts(list(value.values()))


ADDRESS = "四川省成都市虚构区样例路1号"


@widths
def test_info(columns: str | None, issue: Issue, capsys: Capture) -> None:
    path = issue(3, files={"DF01": {"EF05": {"21": ADDRESS}}}, account={"balance_fen": 20000})
    assert main(["info", str(path), "--keys", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["info", str(path), "--keys"]) == 0
    text = capsys.readouterr().out
    found = [text for text in _texts(document) if re.fullmatch("[0-9A-Z]{6,64}", text)]
    assert {"Z00000013", "990000200102030012"} <= set(found)
    assert max(map(len, found)) >= 32
    for value in [document["atr"], *found]:
        assert value in text


@widths
def test_a_batch_tells_its_paths(
    columns: str | None, tmp_path: Path, roots_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / ("a-folder-with-a-long-name-" * 4)
    table = tmp_path / "holders.csv"
    assert main(["batch", "synthesize", "2", "--out", str(table)]) == 0
    order = ["--generation", "3", "--keys", str(roots_path), "--holders", str(table)]
    capsys.readouterr()
    assert main(["batch", "run", *order, "--out", str(folder)]) == 0
    assert f"{folder}/return.csv" in capsys.readouterr().out
    assert main(["batch", "status", str(folder)]) == 0
    assert f"{folder}/return.csv" in capsys.readouterr().out


def test_on_a_terminal_of_eighty_columns(issue: Issue) -> None:
    """In a process with a terminal of its own."""
    path = issue(3)
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        ["sh", "-c", f"stty cols 80; exec {sys.executable} -m sscard_cli info {path}"],
        stdin=theirs,
        stdout=theirs,
        env=environment | {"TERM": "xterm", "PYTHONPATH": os.getcwd()},
    ) as process:
        os.close(theirs)
        output = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # the other side has ended
                break
            if not block:
                break
            output += block
    os.close(ours)
    assert process.returncode == 0
    text = re.sub("\x1b\\[[0-9;]*m", "", output.decode())
    assert "990000200102030012" in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80


def test_text_from_outside_cannot_touch_the_screen() -> None:
    out = io.StringIO()
    table = listing("name", "what")
    table.add_row("a\nrefused: b", Text("\x1b[2Jred", "bold"))
    grid = facts()
    grid.add_row("path", "x\u202egpj\r")
    show(table, grid, "one\ntwo\x9b1m", Text("end\x1bc"), file=out)
    text = out.getvalue()
    assert r"a\nrefused: b" in text
    assert r"\x1b[2Jred" in text
    assert r"x\u202egpj\r" in text
    assert "one\ntwo\\x9b1m\nend\\x1bc\n" in text
    assert not set(text) & set("\x1b\x07\r\u202e\x9b")
