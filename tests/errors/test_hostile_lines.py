# SPDX-License-Identifier: Apache-2.0
"""Every command with something wrong in each place of its line: one line, its code, nothing left.

Each file of a line, and of an option that it could have, is missing, a folder, empty, of another
kind, cut; each number is no number, below zero, beyond all bounds, no date; each text is no text,
or acts on a terminal. Every third place gets one of these here, another for each, and all places
get all of them with ``SSCARD_HOSTILE=1`` (ten minutes and more).
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from sscard_cli.main import cli
from tests.errors.test_extras import LINES, ROOT
from tests.errors.test_extras import world as world

ALL: Final = bool(os.environ.get("SSCARD_HOSTILE"))
CUT: Final = "cut of {}"
FILES: Final = (
    "not there",
    "a folder",
    "empty",
    "garbage",
    CUT,
    "list.json",
    "gbk.csv",
    "card.ssc",
    "roots.json",
    "city.db",
    "DAY.tsv",
    "a\n\x1b[2J\u202e.x",
    "no/such/folder/x",
    "x" * 300,
)
DATE: Final = "20260230"
NUMBERS: Final = ("9" * 40, "-1", "NaN", "1e9", DATE, "", "1\n2")
TEXTS: Final = ("\udcff", "\u202e\x1b[2J", " ", "x" * 3000, "card.ssc/x", "no/such/folder/x", "NaN")
SLOW: Final = ("demo", "conformance mutants", "conformance terminal")
"""These make cards for all that they are asked for, and read no file."""
ANSWERS: Final = re.compile(
    r"doctor|driver |conformance |settle (run|explain|reconcile) |batch (check|run) |shell "
)
"""These answer with code 1 what they have found, and may leave what they tell of."""
BEGINS: Final = re.compile(r"pos |service serve ")
"""These begin a day or a folder of messages, in which a refused sale or call has its place."""
DEAD: Final = "--cluster"
pytestmark = pytest.mark.timeout(7200 if ALL else 300)


def wrong_lines(folder: Path) -> Iterator[list[str]]:
    """The lines with one place changed, and with an option more that is wrong."""
    commands = dict(leaves(cli))
    turn = 0
    for line in LINES:
        if line.startswith(SLOW) or DEAD in line:
            continue
        words = shlex.split(line)
        name = max((one for one in commands if f"{line} ".startswith(f"{one} ")), key=len)
        places = [
            (words[:at], word, words[at + 1 :], _kinds_of(folder, word))
            for at, word in enumerate(words[name.count(" ") + 1 :], name.count(" ") + 1)
            if not word.startswith("-")
        ]
        places += [
            ([*words, option], "", [], kinds)
            for option, kinds in _further(commands[name])
            if option not in words
        ]
        for before, word, after, kinds in places:
            turn += 1
            if turn % 3 and not ALL:
                continue
            for kind in kinds if ALL else (kinds[turn // 3 % len(kinds)],):
                other = kind.format(word or "card.ssc")
                if kind == CUT:
                    content = (folder / (word or "card.ssc")).read_bytes()
                    (folder / other).write_bytes(content[: len(content) // 2])
                yield [*before, other, *after]


def _kinds_of(folder: Path, word: str) -> tuple[str, ...]:
    if (folder / word).exists():
        return FILES
    if word.isdigit():
        return NUMBERS if len(word) >= 6 else tuple(one for one in NUMBERS if one != DATE)
    return TEXTS


def _further(command: click.Command) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The options of a command that take a value, and what is wrong for each."""
    for one in command.params:
        if isinstance(one, click.Option) and not one.is_flag:
            numbers = isinstance(one.type, click.types.IntParamType)
            files = isinstance(one.type, click.Path)
            yield one.opts[0], FILES if files else NUMBERS if numbers else TEXTS


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """The commands below a group, with their words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        elif command is not None:
            yield f"{path}{name}", command


def spoiled(folder: Path) -> Path:
    """The world, with files that are wrong in it."""
    (folder / "a folder").mkdir()
    (folder / "empty").touch()
    (folder / "garbage").write_bytes(random.Random(1).randbytes(5000))
    (folder / "list.json").write_text("[1, 2]")
    (folder / "gbk.csv").write_bytes("姓名,号码\n林知夏,1\n".encode("gbk"))
    return folder


@pytest.fixture(scope="module")
def done(world: Path) -> list[tuple[list[str], tuple[int, str, str, list[str]]]]:
    """What each wrong line did, in a process of its own."""
    folder = world.with_name("hostile")
    shutil.copytree(world, folder)
    lines = list(wrong_lines(spoiled(folder)))
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("hostile.py")), str(folder)],
        input=json.dumps(lines), capture_output=True, check=True, encoding="utf-8",
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "SSCARD_PASSPHRASE": "0" * 12,
             "SSCARD_NEW_PASSPHRASE": "0" * 12}, start_new_session=True,
    )  # fmt: skip
    return list(zip(lines, json.loads(ran.stdout), strict=True))


def test_most_mistakes_are_refused(
    done: list[tuple[list[str], tuple[int, str, str, list[str]]]],
) -> None:
    refused = sum(code != 0 for _, (code, *_) in done)
    assert refused > 250
    assert len(done) - refused < refused / 2


def test_a_mistake_is_one_line_that_can_be_seen_and_leaves_nothing(
    done: list[tuple[list[str], tuple[int, str, str, list[str]]]],
) -> None:
    wrong = []
    for line, (code, output, error, new) in done:
        said = [one for one in error.splitlines() if one.startswith("sscard: error: ")]
        whole = len(said) == 1 and error == f"{said[0]}\n"
        answers = ANSWERS.match(" ".join(line))
        faults = {
            "code": code not in (0, 1, 2),
            "internal": "internal error" in error or "Traceback" in error,
            "not one line": code and not whole and not (answers and output),
            "unseen": not error.replace("\n", "").isprintable()
            or not re.sub("[\n\t\u3000]", "", output).isprintable(),
            "long": len(error) > 2200,
            "left": code and new and not ((answers or BEGINS.match(" ".join(line))) and code == 1),
        }
        found = [name for name, true in faults.items() if true]
        if found:
            wrong.append(f"{found} {line!r}: {code} {error[:300]!r} {new}")
    assert not wrong, "\n".join(wrong)
