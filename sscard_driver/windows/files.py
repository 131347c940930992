# SPDX-License-Identifier: Apache-2.0
"""The DLLs that ship with the package, checked by their sums before they are handed out."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import TerminalError
from sscard_chip.wholefile import whole_file
from sscard_driver.libraries import LIBRARIES

FOLDER: Final = Path(__file__).parent / "dll"
SUMS: Final = "SHA256SUMS"
SETTINGS: Final = "SSCardDriver.ini"

_LINE: Final = re.compile(r"([0-9a-f]{64})  ([a-z0-9-]+/[A-Za-z0-9]+\.dll)")
_SETTINGS_TEXT: Final = """\
; Where sscard driver-server is; variables SSCARD_DRIVER_SERVER, SSCARD_DRIVER_TOKEN, ... go before.
[driver]
server=127.0.0.1:33033
token=
connect_ms=3000
answer_ms=150000
"""


class DllError(TerminalError):
    """A DLL of the package that is missing or is not what was shipped; one line."""


def read_sums(folder: Path) -> tuple[str, dict[str, str]]:
    """The compiler, and the sum of each DLL by its path.

    :raises DllError: the file of the sums is missing or broken.
    """
    try:
        head, *lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        raise DllError(f"{SUMS}: cannot be read") from None
    found = [_LINE.fullmatch(line) for line in lines]
    if not all(found):
        raise DllError(f"{SUMS}: a line is no sum")
    return head.removeprefix("# "), {match[2]: match[1] for match in found if match}


def write_files(directory: Path) -> list[Path]:
    """Write DLLs, headers and settings into folders of ``directory``; their paths.

    Settings that are there already stay as they are.

    :raises DllError: a DLL is not what was shipped; nothing is written then.
    :raises OSError:
    """
    _, sums = read_sums(FOLDER)
    contents: dict[str, bytes] = {}
    for name, digest in sums.items():
        content = (FOLDER / name).read_bytes() if (FOLDER / name).exists() else b""
        if hashlib.sha256(content).hexdigest() != digest:
            raise DllError(f"{name}: is not the file that was shipped")
        contents[name] = content
    for folder in sorted({Path(name).parent.as_posix() for name in sums}):
        contents[f"{folder}/{SETTINGS}"] = _SETTINGS_TEXT.replace("\n", "\r\n").encode()
        for library in LIBRARIES.values():
            if library.exports:
                header = Path(__file__).parent.parent / library.header
                contents[f"{folder}/{library.header}"] = header.read_bytes()
    paths = []
    for name, content in sorted(contents.items()):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.name == SETTINGS and path.exists()):
            with whole_file(path) as beside:
                beside.write_bytes(content)
        paths.append(path)
    return paths
