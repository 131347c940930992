# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/field.md that load a library: compiled, and run on a card.

C# and Java with ``SSCARD_LANGUAGES=1``, for mono-mcs, libmono-i18n-cjk4.0-cil, libjna-java, a JDK.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.bench.desk import NAME, Desk
from tests.native.native import Images, Native, environment

PAGE: Final = (Path(__file__).parents[2] / "docs" / "field.md").read_text("utf-8")
JNA: Final = "/usr/share/java/jna.jar"
# How an example is compiled and run in its folder; F is that of the libraries.
RUNS: Final[dict[str, tuple[str, list[list[str]]]]] = {
    "c": ("program.c", [
        ["cc", "program.c", "-Wall", "-Wextra", "-Werror", "-IF", "-LF", "-lHeaSecReadInfo"],
        ["./a.out"],
    ]),
    "pascal": ("program.pas", [["fpc", "-v0", "-FlF", "program.pas"], ["./program"]]),
    "python3": ("program.py", [[sys.executable, "program.py"]]),
    "csharp": ("program.cs", [["mcs", "program.cs"], ["mono", "program.exe"]]),
    "java": ("ReadCard.java", [
        ["javac", "-cp", JNA, "ReadCard.java"],
        ["java", "-Dfile.encoding=UTF-8", "-Djna.library.path=F", "-cp", f"{JNA}:.", "ReadCard"],
    ]),
}  # fmt: skip
BY_HAND: Final = ("csharp", "java")
EXAMPLES: Final = [
    (language, code)
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if language in RUNS and "ReadCardBas(" in code
]


def test_every_language_has_an_example() -> None:
    assert {language for language, _ in EXAMPLES} == set(RUNS)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        one
        for one in EXAMPLES
        if one[0] not in BY_HAND or os.environ.get("SSCARD_LANGUAGES") is not None
    ],
    ids=lambda value: value if value in RUNS else "",
)
def test_an_example(native: Native, tmp_path: Path, language: str, code: str) -> None:
    folder, images = str(native.directory), Images.of(Desk(2), tmp_path)
    name, commands = RUNS[language]
    if shutil.which(commands[0][0]) is None:
        assert os.environ.get("CI", "").lower() not in ("1", "true"), f"CI needs {commands[0][0]}"
        pytest.skip(f"needs {commands[0][0]}")
    (tmp_path / name).write_text(code, "utf-8")
    variables = environment(images.options) | {"LD_LIBRARY_PATH": folder, "HOME": str(tmp_path)}
    output = b""
    for command in commands:
        words = [re.sub(r"^(-I|-L|-Fl|.*=|)F$", rf"\g<1>{folder}", word) for word in command]
        done = subprocess.run(
            words, env=variables, cwd=tmp_path, capture_output=True, timeout=120, check=False
        )
        output = done.stdout
        assert done.returncode == 0, output + done.stderr
    codec = "gb18030" if language in ("c", "pascal") else "utf-8"
    lines = output.decode(codec).splitlines()
    number, name_of_holder = "Z00000013", NAME
    assert lines
    for line in lines:
        assert line.split("|")[2] == number
        assert line.split("|")[4] == name_of_holder
