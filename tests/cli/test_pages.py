# SPDX-License-Identifier: Apache-2.0
"""Command lines on the pages and in the helps, as they are pasted: they are lines of the program.

Those of ``console`` blocks run in ``tests/test_project.py``; here are those for people alone too.
They are read, not run: each option is there, none is missing, values are of their kinds.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from sscard_cli.main import cli
from tests.cli.test_usage import ALL

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.md"))]
ENDS: Final = frozenset(("|", "||", "&", "&&", ";", ";;", "<", ">", ">>", ">&", "(", ")", ");"))
NOT_A_LINE: Final = re.compile(r"…|\$\(cat ")
"""Part of a line that stands for the rest of another, or has options out of a file."""
_FENCE: Final = re.compile(r"^```(sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INNER: Final = re.compile(r"\$\(([^()]*)\)")
_NO_FILE: Final = re.compile("(is no file|No such file or directory)$")
"""Files of the reader's own are not there."""
_SET: Final = re.compile(r"""^(?:\$ )?(?:export )?([A-Z_]+)=("[^"]*"|'[^']*'|\S+)""", re.MULTILINE)


def lines_of(page: Path) -> Iterator[str]:
    for kind, block in _FENCE.findall(page.read_text("utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if kind == "sh" or line.startswith("$ "):
                yield line.removeprefix("$ ")


def calls(line: str, known: dict[str, str]) -> Iterator[list[str]]:
    """The arguments of each ``sscard`` in a line of a shell."""
    for name, value in known.items():
        line = re.sub(rf"\$(?:{name}\b|\{{{name}\}})", value.replace("\\", r"\\"), line)
    while inner := _INNER.search(line):
        yield from calls(inner[1], known)
        line = f"{line[: inner.start()]}0{line[inner.end() :]}"
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = list(lexer)
    for at, word in enumerate(words):
        before = words[at - 1] if at else ";"
        if word == "sscard" and (before in ENDS or "=" in before):
            rest = words[at + 1 :]
            end = next((number for number, one in enumerate(rest) if one in ENDS), len(rest))
            if end < len(rest) and rest[end] in (">", ">>", ">&") and rest[end - 1] in ("1", "2"):
                end -= 1
            yield rest[:end]


def refusal(arguments: list[str]) -> str:
    """What click says of a command line, before anything is done; nothing of a good one."""
    command: click.Command = cli
    context: click.Context | None = None
    name: str | None = "sscard"
    rest = arguments
    try:
        while True:
            context = command.make_context(name, list(rest), parent=context)
            if not isinstance(command, click.Group):
                return ""
            rest = [*context._protected_args, *context.args]
            if not rest:
                return "no command"
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command = found
    except click.exceptions.Exit:
        return ""  # --help and the like
    except click.UsageError as error:
        rule = error.format_message()
        return "" if _NO_FILE.search(rule) else rule


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_of_a_page(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text("utf-8")
    known = {name: value.strip("\"'") for name, value in _SET.findall(text)}
    known |= {"RECEIPT": "0" * 16, "PWD": "."}
    for name in re.findall(r"\bSSCARD_[A-Z_]+", text):
        monkeypatch.delenv(name, raising=False)
    for name, value in re.findall(r"\b(SSCARD_[A-Z_]+)=(\S+)", text):
        monkeypatch.setenv(name, value)
    wrong = {}
    for line in lines_of(page):
        if NOT_A_LINE.search(line):
            continue
        for arguments in calls(line, known):
            rule = refusal(arguments)
            if rule:
                wrong[shlex.join(arguments)] = rule
    assert wrong == {}


@pytest.mark.parametrize("name", ALL)
def test_examples_of_a_help(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    text = ALL[name].help or ""
    _, _, examples = text.partition("Example:")
    found = [line.strip() for line in examples.replace("\\\n", " ").splitlines()]
    found = [line for line in found if line.startswith("sscard ") and not NOT_A_LINE.search(line)]
    assert found
    assert {line: rule for line in found for one in calls(line, {}) if (rule := refusal(one))} == {}
