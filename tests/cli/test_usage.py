# SPDX-License-Identifier: Apache-2.0
"""What the command line says before any card is touched: help, usage errors, exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sscard_cli.main import COMMANDS, cli, main


def _all_commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from _all_commands(command, f"{prefix}{name} ")


ALL = dict(_all_commands(cli))


@pytest.mark.parametrize("name", ALL)
def test_help_has_an_example_that_names_the_command(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example:" in text
    assert f"sscard {name}" in text


@pytest.mark.parametrize("name", ALL)
def test_every_option_has_help(name: str) -> None:
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            if not parameter.is_flag:
                assert "Example: --" in parameter.help, parameter.name


def test_main_help_lists_every_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    text = capsys.readouterr().out
    for name, (_, _, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", text, re.MULTILINE)


def test_no_command_shows_help_and_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["bogus"], "No such command"),
        (["issue"], "Missing option"),
        (["issue", "--generation", "4"], "--generation"),
        (["info"], "CARD.ssc"),
        (["info", "."], "is a directory"),
        (["info", "nothere.ssc"], "nothere.ssc: No such file or directory"),
        (["apdu", "card.ssc"], "HEX"),
        (["apdu", "card.ssc", "00A4", "0"], "not hexadecimal"),
        (["apdu", "card.ssc", "00", "--interface", "usb"], "--interface"),
        (["serve", "card.ssc", "--vpcd", "host"], "is not HOST:PORT"),
        (["serve", "card.ssc", "--vpcd", "host:70000"], "is not HOST:PORT"),
        (["completion", "tcsh"], "tcsh"),
        (["keys", "create"], "ROOTS"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"sscard: error: [^\n]+\n", output.err)
    assert part in output.err


def test_a_bad_command_is_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    """It may hold a PIN."""
    assert main(["apdu", "card.ssc", "0020000003123456Z"]) == 2
    assert "123456" not in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_for_the_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"{shell}_complete" in capsys.readouterr().out


def test_completion_completes_commands_and_options() -> None:
    def complete(words: str) -> str:
        environment = {
            **os.environ,
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
            "_SSCARD_COMPLETE": "bash_complete",
        }
        command = [sys.executable, "-m", "sscard_cli"]
        return subprocess.run(command, env=environment, capture_output=True, text=True).stdout

    assert complete("sscard ser") == "plain,serve\nplain,service\n"
    assert "plain,--durability" in complete("sscard serve x.ssc --")


def test_help_imports_click_and_nothing_else_of_weight() -> None:
    program = (
        "import sys; from sscard_cli.main import main; main(['--help']);"
        "print(*(set(sys.modules) & {'rich', 'cryptography', 'construct', 'json', 'sscard_chip'}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == ""


def test_an_error_names_a_file_in_characters_that_can_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a\nsscard: done \x1b[2J\udcff.json"
    assert main(["keys", "show", str(path)]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("sscard: error: ")
    assert shown.count("\n") == 1
    assert r"a\nsscard: done \x1b[2J\udcff.json" in shown


@pytest.mark.parametrize(
    "line",
    [
        ["keys", "create", ""],
        ["keys", "create", "  "],
        ["keys", "show", ""],
        ["keys", "create", "", "--bank"],
        ["psam", "--keys", "", "--level", "3", "--terminal-id", "510100000001", "--out", "p.ssc"],
        ["info", ""],
        ["settle", "run", "", "--keys", "r.json", "--ledger", "l.db", "--out", "o"],
    ],
)
def test_an_empty_name_is_refused_and_said_to_be_empty(
    line: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line) == 2
    assert "is empty: must be a name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        "settle show X --ledger none.db",
        "settle claim due --pharmacy X --month 202603 --ledger n.db",
    ],
)
def test_a_text_of_bytes_that_are_none_is_named(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a shell of another encoding types it; a file may be called so."""
    assert main([one.replace("X", "\udcb3\udca4") for one in line.split()]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"sscard: error: Invalid value for '[^']+': is not UTF-8\n", error)


def test_what_is_made_is_named_in_characters_that_can_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["keys", "create", "a\tb\n\x1b[2J\u202e.json"]) == 0
    assert capsys.readouterr().out == (
        "a\\tb\\n\\x1b[2J\\u202e.json: random root keys for 3des and sm4, for tests only\n"
    )
    assert [one.name for one in tmp_path.iterdir()] == ["a\tb\n\x1b[2J\u202e.json"]


def test_an_error_is_not_longer_than_anybody_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["issue", "--generation", "9" * 100_000]) == 2
    error = capsys.readouterr().err
    assert len(error) < 2100
    assert error.startswith("sscard: error: Invalid value for '--generation': '999")
    assert error.endswith("999' is not one of 1, 2, 3.\n")


@pytest.mark.parametrize(
    ("encoding", "shown"), [("latin-1", rb"\u793e\u4f1a"), ("gbk", "社会".encode("gbk"))]
)
def test_a_screen_of_another_encoding_lacks_no_line(encoding: str, shown: bytes) -> None:
    """What it cannot show stands there by its number."""
    run = subprocess.run(
        [sys.executable, "-m", "sscard_cli", "--help"],
        env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, b"")
    assert shown in run.stdout
