# SPDX-License-Identifier: Apache-2.0
"""No PIN and no key in history, output and recordings."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.recording import DeviationError, Recording, Replay
from sscard_chip.terminal.shell import (
    MaskedConnection,
    Shell,
    ShellHistory,
    holds_secret,
    recorded_without_secrets,
    without_secret,
)
from tests.bench.issued import Bench
from tests.bench.shell import ShellBench

SECRET = (
    "verify 123456",
    "VERIFY  123456  =9000",
    "change pin 123456 654321",
    "change 123456 654321",
    "0020000003123456",
    "00 20 00 00 03 12 34 56",
    "20 0000 123456 =9000",
    "805E 0100 123456FF654321",
    "80D40001 000102030405060708090A0B0C0D0E0F",
    "123456",
    " 1234 ",
    "verfy 123456",
    "verify 12 34 56",
    "verify123456",
    'verify "123456',
)
HARMLESS = (
    "verify",
    "verify ask",
    "verify =63Cx",
    "change pin ask",
    "select SSSE/EF05",
    "read EF05 7 =9000",
    "00B2072C00",
    "0020000000",
    "0084000008",
    "selct DF04",
    "20 0000",
)


@pytest.mark.parametrize("line", SECRET)
def test_lines_with_a_pin_or_a_key_are_known(line: str) -> None:
    assert holds_secret(line)
    assert not any(character.isdecimal() for character in without_secret(line))


@pytest.mark.parametrize("line", HARMLESS)
def test_other_lines_are_kept(line: str) -> None:
    assert not holds_secret(line)
    assert without_secret(line) == line


@given(st.text())
def test_any_line_can_be_judged(line: str) -> None:
    assert isinstance(holds_secret(line), bool)


def test_history_keeps_lines_but_no_pins(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history"
    kept: list[str] = []
    history = ShellHistory(path, kept.append)
    for line in (*SECRET, *HARMLESS, HARMLESS[-1], "  "):
        history.add(line)
    history.save()
    assert path.read_text(encoding="utf-8").splitlines() == list(HARMLESS)
    assert kept == list(HARMLESS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again: list[str] = []
    ShellHistory(path, again.append)
    assert again == list(HARMLESS)


def test_history_without_a_file(tmp_path: Path) -> None:
    history = ShellHistory(None)
    history.add("read 1")
    history.save()
    assert history.lines == ["read 1"]
    assert ShellHistory(tmp_path).lines == []


@pytest.mark.parametrize(
    "line", ["verify 123456", "0020000003123456", "change pin 123456 123456", "20 0000 123456"]
)
def test_output_holds_no_pin_unless_unsafe(line: str) -> None:
    bench = ShellBench(2)
    bench.run("select SSSE")
    assert "123456" not in "\n".join(bench.run(f"{line} =9000"))
    unsafe = ShellBench(2, unsafe=True)
    unsafe.run("select SSSE")
    assert "123456" in "\n".join(unsafe.run(f"{line} =9000"))


def test_a_recording_holds_no_pin_and_replays(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    lines = ("select SSSE", "verify 123456 =9000", "read EF05 7 =9000", "change 123456 888888 =")
    with Recording(path) as recording:
        shell = Shell(recorded_without_secrets(recording, connect_card(Bench(2).card)))
        first = [shell.start(), *(shell.run_line(line) for line in lines)]
    assert all(reply.passed for reply in first)
    text = path.read_text()
    assert "123456" not in text
    assert "888888" not in text
    replayed = Replay(path).connection()
    shell = Shell(MaskedConnection(replayed))
    assert [shell.start(), *(shell.run_line(line) for line in lines)] == first
    replayed.require_finished()


def test_a_replay_that_goes_elsewhere_is_told(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with Recording(path) as recording:
        shell = Shell(recorded_without_secrets(recording, connect_card(Bench(2).card)))
        shell.start(identify=False)
        shell.run_line("select SSSE")
    replayed = Replay(path).connection()
    shell = Shell(MaskedConnection(replayed))
    shell.start(identify=False)
    assert "expected command 00A40400" in shell.run_line("select DF04").lines[-1]
    with pytest.raises(DeviationError):
        replayed.require_finished()
