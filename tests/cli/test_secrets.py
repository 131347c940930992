# SPDX-License-Identifier: Apache-2.0
"""PINs from a file or standard input; files that would keep a command waiting."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sscard_cli.main import main
from sscard_cli.options import pin_option

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


@click.command()
@pin_option("What is typed.")
@pin_option("The new one.", "--new-pin", "246802")
def typed(pin: str | None, new_pin: str | None) -> None:
    click.echo(f"{pin} {new_pin}")


def shown(*options: str) -> str:
    result = ""
    try:
        typed.main(list(options), standalone_mode=False)
    except click.UsageError as error:
        result = error.format_message()
    return result


@pytest.mark.parametrize(
    "content", ["135790\n", "135790", "\ufeff135790\r\n999999\n", " 135790 \n"]
)
def test_a_pin_from_a_file(tmp_path: Path, capsys: Capture, content: str) -> None:
    path = tmp_path / "pin"
    path.write_bytes(content.encode())
    assert shown("--pin-file", str(path), "--new-pin", "2468") == ""
    assert capsys.readouterr().out == "135790 2468\n"


def test_two_pins_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("135790\n246802\n"))
    assert shown("--pin-file", "-", "--new-pin-file", "-") == ""
    assert capsys.readouterr().out == "135790 246802\n"


def test_without_a_file_as_ever(capsys: Capture) -> None:
    assert shown("--pin", "135790") == ""
    assert shown() == ""
    assert capsys.readouterr().out == "135790 None\nNone None\n"


def test_one_source_and_a_line_in_it(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("135790")
    (tmp_path / "empty").write_text("\n135790\n")
    for options in (("--pin", "1", "--pin-file"), ("--pin-file",)):
        path = tmp_path / ("pin" if len(options) > 1 else "empty")
        message = shown(*options, str(path))
        assert message in (
            "one of --pin and --pin-file",
            "--pin-file: the first line is empty",
        )
        assert "135790" not in message


def test_a_sale_with_the_pin_from_a_file(tmp_path: Path, capsys: Capture) -> None:
    """The command takes it: a PIN of letters is refused by the rule for PINs, unquoted."""
    (tmp_path / "pin").write_text("secret\n")
    sale = ["pos", "sale", "--card", "c.ssc", "--psam", "p.ssc", "--day-file", "d.tsv"]
    sale += ["--account-fen", "1", "--self-fen", "0", "--pool-fen", "0"]
    assert main([*sale, "--pin-file", str(tmp_path / "pin")]) == 2
    assert capsys.readouterr().err == "sscard: error: --pin: must be 4 to 12 digits\n"


PIPES = [
    "issue --generation 3 --keys PIPE --holder h.json --out c.ssc",
    "issue --generation 3 --keys roots.json --holder PIPE --out c.ssc",
    "issue --generation 3 --keys roots.json --passphrase-file PIPE --holder h.json --out c.ssc",
    "keys show PIPE",
    "batch run --generation 3 --keys roots.json --holders PIPE --out june",
    "batch run --generation 3 --keys roots.json --holders h.csv --mapping PIPE --out june",
    "blank --transport-key-file PIPE --out b.ssc",
    "info PIPE",
    "pos sale --card PIPE --psam p --day-file d --account-fen 1 --self-fen 0 --pool-fen 0",
    "pos sale --card c --psam p --day-file d --account-fen 1 --self-fen 0 --pool-fen 0"
    " --pin-file PIPE",
]


@pytest.mark.parametrize("line", PIPES)
def test_a_named_pipe_ends_at_once(tmp_path: Path, line: str) -> None:
    """Nobody writes into it: a command that opened it would wait for ever."""
    os.mkfifo(tmp_path / "PIPE")
    shutil.copy(ROOT / "examples/holder.json", tmp_path / "h.json")
    (tmp_path / "h.csv").write_text("card_number\n")
    command = [sys.executable, "-m", "sscard_cli", *line.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode in (1, 2)
    assert done.stderr.count("\n") == 1
    assert "PIPE" in done.stderr


def test_a_pipe_of_the_shell_is_read(tmp_path: Path) -> None:
    """``--holder <(command)`` has its writer already."""
    script = (
        "python -m sscard_cli keys create roots.json >/dev/null &&"
        " python -m sscard_cli issue --generation 3 --keys roots.json"
        " --holder <(echo '{}') --out c.ssc"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "-c", script]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "social_security_number" in done.stderr
