# SPDX-License-Identifier: Apache-2.0
"""The one family of errors: a base, and a branch for each part of the house.

Every error of this project is a :class:`SscardError`; its text is one line and holds no PIN, key
or citizen's data. ``exit_code`` is what the command line ends with. Where callers of the standard
library's types must find them, ValueError or OSError is mixed in.
"""

from __future__ import annotations

from typing import ClassVar, Final

REFUSED: Final = 1
"""Exit code of an operation that was understood and not done."""
BAD_INPUT: Final = 2
"""Exit code of wrong usage or bad input."""


class SscardError(Exception):
    """Whatever this project tells its caller."""

    exit_code: ClassVar[int] = REFUSED


class ExtraMissingError(SscardError, ImportError):
    """An optional package is not installed; the text names the extra that brings it."""

    exit_code = BAD_INPUT

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        """``purpose`` needs ``package``, which ``pip install 'sscard-chip[extra]'`` installs."""
        super().__init__(
            f"{purpose} needs {package}, which is not installed: pip install 'sscard-chip[{extra}]'"
        )
        self.extra = extra
