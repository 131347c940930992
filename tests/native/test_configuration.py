# SPDX-License-Identifier: Apache-2.0
"""The configuration, from variables and file, and the PIN pad that it describes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.terminal.codes import DriverError
from sscard_chip.terminal.driver import PinPrompt
from sscard_driver.configuration import Configuration, ConfigurationError, load_configuration
from sscard_driver.pinpad import pin_pad

HEAD = 'format = "sscard-driver/1"\n'


def from_file(path: Path, text: str, **variables: str) -> Configuration:
    path.write_text(text, encoding="utf-8")
    given = {f"SSCARD_DRIVER_{name.upper()}": value for name, value in variables.items()}
    return load_configuration({"SSCARD_DRIVER_CONFIG": str(path), **given})


def test_paths_of_a_file_are_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "driver.toml"
    text = HEAD + 'card = "a.ssc"\npsam = "/b.ssc"\nkeys = "pkcs11:token=T"\nlog = "l"\n'
    assert from_file(path, text) == Configuration(
        card=str(tmp_path / "a.ssc"), psam="/b.ssc", keys="pkcs11:token=T", log=str(tmp_path / "l")
    )


def test_a_variable_replaces_a_row_and_what_excludes_it(tmp_path: Path) -> None:
    text = HEAD + 'card = "a.ssc"\npsam = "b.ssc"\npin = "135790"\n'
    path = tmp_path / "driver.toml"
    assert from_file(path, text, reader="R", psam="", pin_program="ask") == Configuration(
        reader="R", pin_program="ask"
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('card = "a"\n', "format: must be"),
        (HEAD, "must name the card"),
        (HEAD + 'card = "a"\nreader = "b"\n', "not both card and reader"),
        (HEAD + 'card = "a"\npin = "1"\npin_program = "b"\n', "not both pin and pin_program"),
        (HEAD + 'cards = "a"\n', "cards: there is no such option"),
        (HEAD + "pin = 135790\n", "pin: must be a string"),
        (HEAD + 'card = "a"\nencoding = "big5"\n', "encoding: must be one of gbk, utf-8"),
        (HEAD + 'card = "a"\ninterface = "usb"\n', "interface: must be one of"),
        ("card =\n", "line 1: is no TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(ConfigurationError, match=rule) as caught:
        from_file(tmp_path / "driver.toml", text)
    assert "\n" not in str(caught.value)
    assert "135790" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml: No such file"):
        load_configuration({"SSCARD_DRIVER_CONFIG": str(tmp_path / "none.toml")})


def test_a_pin_is_not_in_the_representation() -> None:
    text = repr(Configuration(card="a", pin="135790", new_pin="246802"))
    assert "135790" not in text
    assert "246802" not in text


def ask(line: str, prompt: PinPrompt, timeout_s: float = 20) -> str:
    return pin_pad(Configuration(card="a", pin_program=line), timeout_s)(prompt)


def test_a_program_is_told_what_to_ask_for(tmp_path: Path) -> None:
    script = tmp_path / "pad"
    script.write_text('#!/bin/sh\ncase $2 in new|repeat) echo 246802;; *) echo "$1";; esac\n')
    script.chmod(0o755)
    line = f"'{script}' 135790"
    assert [ask(line, prompt) for prompt in PinPrompt] == ["135790", "246802", "246802", "135790"]


@pytest.mark.parametrize(
    ("line", "code"), [("false", -31), ("/nowhere/pad", -12), ("sh -c 'exec sleep 5'", -32)]
)
def test_a_program_that_gives_no_pin(line: str, code: int) -> None:
    with pytest.raises(DriverError) as caught:
        ask(line, PinPrompt.CURRENT, 0.2 if code == -32 else 20)
    assert caught.value.code == code


@pytest.mark.parametrize("line", ["'open", " "])
def test_a_program_that_is_no_command_line(line: str) -> None:
    with pytest.raises(ConfigurationError, match="pin_program: must be a command line"):
        ask(line, PinPrompt.CURRENT)
