# SPDX-License-Identifier: Apache-2.0
"""The lines of former sessions, without those that hold a PIN or a key."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sscard_chip.terminal.shell.secrets import holds_secret

MOST_LINES: Final = 1000


class ShellHistory:
    """Lines in a text file that its owner alone can read.

    ``remember`` is informed of each line that is kept, also of those in the file: readline's.
    """

    def __init__(self, path: Path | None, remember: Callable[[str], None] = lambda _: None) -> None:
        """Without a ``path`` nothing outlives the session. A file that cannot be read is none."""
        self._path = path
        self._remember = remember
        self.lines: list[str] = []
        for line in self._read():
            self._keep(line)

    def add(self, line: str) -> None:
        """Keep a line, unless it is blank, holds a secret or repeats the last one."""
        if line.strip() and not holds_secret(line) and line not in self.lines[-1:]:
            self._keep(line)

    def save(self) -> None:
        """Write the file, the newest lines of it.

        :raises OSError:
        """
        if self._path is None or not self.lines:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{line}\n" for line in self.lines[-MOST_LINES:])

    def _keep(self, line: str) -> None:
        self.lines.append(line)
        self._remember(line)

    def _read(self) -> list[str]:
        if self._path is None:
            return []
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
