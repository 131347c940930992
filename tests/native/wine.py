# SPDX-License-Identifier: Apache-2.0
"""Windows programs on this machine: mingw-w64 makes them, Wine runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

COMPILER = "x86_64-w64-mingw32-gcc-win32"
_WINE = "/usr/lib/wine/wine64"
_SOURCE = Path(__file__).with_name("caller.c")


@dataclass(frozen=True)
class Called:
    """A call: the result as 64 bits, the milliseconds, what is in each buffer."""

    code: int
    milliseconds: int
    buffers: list[str]


@dataclass(frozen=True)
class Wine:
    """A prefix with the calling program in it."""

    folder: Path
    program: Path

    def start(
        self, *arguments: str, options: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the calling program with variables SSCARD_DRIVER_… ."""
        variables = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "USER": "root",
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=;mshtml=",
            "WINEPREFIX": str(self.folder / "prefix"),
        }
        given = {f"SSCARD_DRIVER_{name.upper()}": text for name, text in (options or {}).items()}
        command = [_WINE, str(self.program), *arguments]
        return subprocess.Popen(command, env=variables | given, stdout=subprocess.PIPE)

    def output(self, *arguments: str, options: dict[str, str] | None = None) -> list[str]:
        """The lines that it prints; it must end with 0."""
        with self.start(*arguments, options=options) as process:
            try:
                content, _ = process.communicate(timeout=120)
            finally:
                process.kill()
        text = content.decode("gb18030")
        assert process.returncode == 0, text
        return text.replace("\r", "").split("\n")[:-1]

    def call(
        self,
        library: Path,
        function: str,
        *values: str,
        flags: tuple[str, ...] = (),
        **options: str,
    ) -> list[Called]:
        """Call a function of a DLL once, or as often as the flags say."""
        lines = self.output(*flags, windows_path(library), function, *values, options=options)
        buffers = sum(value[:2] == "b:" for value in values)
        calls = []
        for at in range(0, len(lines), 1 + buffers):
            code, time = lines[at].split()
            calls.append(Called(int(code), int(time), lines[at + 1 : at + 1 + buffers]))
        return calls


def windows_path(path: Path) -> str:
    """A path of this machine as Windows programs under Wine name it."""
    return "Z:" + str(path).replace("/", "\\")


def wine_or_skip(folder: Path) -> Wine:
    """A prefix; without mingw-w64 or Wine skip, or fail where nobody would ever run the tests."""
    if shutil.which(COMPILER) is None or not Path(_WINE).exists():
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("CI must have mingw-w64 and wine64", pytrace=False)
        pytest.skip("needs mingw-w64 and wine64")
    program = folder / "caller.exe"
    flags = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type")
    subprocess.run([COMPILER, *flags, str(_SOURCE), "-o", str(program), "-s"], check=True)
    return Wine(folder, program)
