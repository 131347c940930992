# SPDX-License-Identifier: Apache-2.0
"""A file with one key in hexadecimal: transport keys and temporary master keys."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import KeyStoreError
from sscard_chip.standard.inputfile import open_input

KEY_LENGTH: Final = 16
_MAX_SIZE: Final = 4096


def read_key_file(path: Path) -> bytes:
    """The key of 16 bytes in the first line of ``path``: 32 hex digits, blanks allowed.

    :raises KeyStoreError:
    :raises OSError: when the file cannot be read.
    """
    with open_input(path) as stream:
        content = stream.read(_MAX_SIZE)
    line = content.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    key = None
    with contextlib.suppress(ValueError):  # raised below: no cause with the text hangs on it
        key = bytes.fromhex(line.decode("ascii"))
    if key is None or len(key) != KEY_LENGTH:
        raise KeyStoreError(f"{path}: line 1 must be {2 * KEY_LENGTH} hex digits")
    return key
