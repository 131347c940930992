# SPDX-License-Identifier: Apache-2.0
"""``sscard shell``: batches and their exit codes, and a session at the keyboard."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sscard_chip import Card
from sscard_chip.standard.commands import SELECT
from sscard_cli.main import main
from tests.bench.issued import GENERATIONS, Bench, roots

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.ssc"
    Bench(2).card.save(path)
    return path


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "roots.json"
    roots().save(path)
    return path


def script(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_batch_that_passes(generation: int, tmp_path: Path, keys: Path, capsys: Capture) -> None:
    path = tmp_path / "card.ssc"
    Bench(generation).card.save(path)
    lines = script(tmp_path, "# a check", "select SSSE =", "ea 04 =9000", "", "read EF05 7 =9000")
    assert main(["shell", "--card", str(path), "--keys", str(keys), "-c", lines]) == 0
    output = capsys.readouterr().out
    assert f"generation {generation}" in output
    assert "\n[5] read EF05 7 =9000\n> 00B2072C00  READ RECORD" in output
    assert output.endswith("  07 卡号 card number: Z00000013\n")


def test_a_status_word_that_was_not_expected_ends_the_batch(
    card: Path, tmp_path: Path, capsys: Capture
) -> None:
    lines = script(tmp_path, "select SSSE", "read EF09 1 =9000", "atr")
    assert main(["shell", "--card", str(card), "-c", lines]) == 1
    output = capsys.readouterr()
    assert output.err == "sscard: error: shell: line 2 failed\n"
    assert "! expected 9000, got 6A82 file or application not found" in output.out
    assert "[3]" not in output.out


def test_keep_going_runs_every_line(card: Path, tmp_path: Path, capsys: Capture) -> None:
    lines = script(tmp_path, "read 1 =9000", "read nothing", "select SSSE =9000")
    assert main(["shell", "--card", str(card), "-k", "-c", lines]) == 1
    output = capsys.readouterr()
    assert output.err == "sscard: error: shell: lines 1, 2 failed\n"
    assert "[3] select SSSE" in output.out


def test_a_wrong_line_is_found_before_anything_is_sent(
    card: Path, tmp_path: Path, capsys: Capture
) -> None:
    lines = script(tmp_path, "select SSSE", "verify 999999", "verfy 123456")
    assert main(["shell", "--card", str(card), "-c", lines]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"sscard: error: .*lines.txt line 3: unknown command .*\n", output.err)
    assert "123456" not in output.err
    assert not _tries_spent(card)


def _tries_spent(path: Path) -> bool:
    with Card.open(path) as card:
        card.power_on()
        name = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
        card.transmit(SELECT.apdu(0x04, data=name))
        return card.transmit(bytes.fromhex("0020000000")) != b"\x63\xc6"


def test_what_a_batch_changes_is_saved_and_its_pin_not_shown(
    card: Path, tmp_path: Path, capsys: Capture
) -> None:
    lines = script(tmp_path, "select SSSE", "verify 999999 =63C5", "quit", "verify 999999")
    assert main(["shell", "--card", str(card), "-c", lines]) == 0
    assert "999999" not in capsys.readouterr().out
    assert _tries_spent(card)


def test_lines_from_stdin(card: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    for arguments in (["-c", "-"], []):
        stdin = io.TextIOWrapper(io.BytesIO("select 社会保障系统环境 =9000\n".encode()), "utf-8")
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["shell", "--card", str(card), *arguments]) == 0
        assert "FCI of sx1.sh.社会保障" in capsys.readouterr().out


def test_record_and_replay(card: Path, keys: Path, tmp_path: Path, capsys: Capture) -> None:
    lines = script(tmp_path, "select SSSE", "verify 123456 =9000", "read EF05 7 =9000")
    tape = str(tmp_path / "tape.jsonl")
    assert main(["shell", "--card", str(card), "--record", tape, "-c", lines]) == 0
    first = capsys.readouterr().out
    assert "123456" not in Path(tape).read_text()
    assert main(["shell", "--replay", tape, "-c", lines]) == 0
    assert capsys.readouterr().out == first
    other = script(tmp_path, "select SSSE")
    assert main(["shell", "--replay", tape, "-c", other]) == 1
    assert "was not asked for" in capsys.readouterr().err
    assert main(["shell", "--card", str(card), "--record", tape, "-c", other]) == 2


def test_an_unsafe_recording_holds_what_was_sent(
    card: Path, tmp_path: Path, capsys: Capture
) -> None:
    lines = script(tmp_path, "select SSSE", "verify 123456 =9000")
    tape = tmp_path / "tape.jsonl"
    arguments = ["shell", "--card", str(card), "--record", str(tape), "--unsafe", "-c", lines]
    assert main(arguments) == 0
    assert "0020000003123456" in tape.read_text()
    assert "warning: PINs and keys are shown" in capsys.readouterr().err


def test_contactless(tmp_path: Path, card: Path, capsys: Capture) -> None:
    path = tmp_path / "card3.ssc"
    Bench(3).card.save(path)
    lines = script(tmp_path, "raw on", "select SSSE =9000")
    arguments = ["--interface", "contactless", "-c", lines]
    assert main(["shell", "--card", str(path), *arguments]) == 0
    assert "ATR 3B8D8001" in capsys.readouterr().out
    assert main(["shell", "--card", str(card), *arguments]) == 2
    assert "contactless" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "one of --card, --reader and --replay"),
        (["--card", "a", "--reader", "b"], "one of --card, --reader and --replay"),
        (["--reader", "b", "--interface", "contact"], "--interface goes with --card"),
        (["--card", "a", "-c", "nothere.txt"], "nothere.txt: No such file"),
    ],
)
def test_wrong_usage(arguments: list[str], part: str, capsys: Capture) -> None:
    assert main(["shell", *arguments]) == 2
    assert part in capsys.readouterr().err


def test_a_script_that_is_no_text(card: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe")
    assert main(["shell", "--card", str(card), "-c", str(path)]) == 2
    assert "is not UTF-8" in capsys.readouterr().err


# --- at the keyboard ----------------------------------------------------------------------------


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _typing(*lines: str | type[BaseException]) -> Callable[[str], str]:
    """In place of input(): prints the prompt, returns or raises one after the other."""
    waiting: Iterator[str | type[BaseException]] = iter(lines)

    def read(prompt: str = "") -> str:
        print(prompt, end="")
        line = next(waiting)
        if isinstance(line, str):
            return line
        raise line

    return read


def test_a_session_at_the_keyboard(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr("getpass.getpass", lambda question: "123456")
    typed = ("select SSSE", KeyboardInterrupt, "verify ask", "verify 888888", "bogus", EOFError)
    monkeypatch.setattr("builtins.input", _typing(*typed))
    assert main(["shell", "--card", str(card)]) == 0
    output = capsys.readouterr().out
    assert "sscard MF> " in output
    assert "sscard SSSE> " in output
    assert "! unknown command 'bogus': try help" in output
    history = tmp_path / "state" / "sscard" / "shell_history"
    assert history.read_text().splitlines() == ["select SSSE", "verify ask", "bogus"]


def test_without_readline_the_session_works(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "readline", None)
    (tmp_path / "sscard").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr("builtins.input", _typing("atr", "quit", "atr"))
    assert main(["shell", "--card", str(card)]) == 0
    output = capsys.readouterr()
    assert output.out.count("分散因子") == 1
    assert "the history is not kept" in output.err


def test_readline_keeps_no_pin_and_completes(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    import readline

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", _Terminal())
    seen: list[str | None] = []

    def complete() -> None:
        monkeypatch.setattr(readline, "get_line_buffer", lambda: "select DF")
        monkeypatch.setattr(readline, "get_endidx", lambda: 9)
        completer = readline.get_completer()
        assert completer is not None
        seen.extend(completer("DF", state) for state in (0, 1, 99))
        monkeypatch.setattr(readline, "get_line_buffer", lambda: "select ps")
        seen.append(completer("ps", 0))

    read = _typing("atr", "verify 123456", "quit")

    def typing(prompt: str = "") -> str:
        if not seen:
            complete()
        return read(prompt)

    readline.clear_history()
    monkeypatch.setattr("builtins.input", typing)
    assert main(["shell", "--card", str(card)]) == 0
    capsys.readouterr()
    kept = [readline.get_history_item(n + 1) for n in range(readline.get_current_history_length())]
    assert kept == ["atr", "quit"]
    assert seen == ["DF01", "DF02", None, "PSAM "]
