# SPDX-License-Identifier: Apache-2.0
"""What an exception means to the person at the keyboard: one line and an exit code."""

from __future__ import annotations

from typing import Final

import click

from sscard_chip.standard.errors import BAD_INPUT, REFUSED, SscardError, TerminalError
from sscard_chip.standard.escape import escape

_LONGEST: Final = 2000
"""Characters of a message. Two paths that are as long as Linux opens one are rare."""


class RefusedError(TerminalError):
    """An operation that was understood and not done. The message is one line."""


class _InterruptedError(click.ClickException):
    exit_code = 130


def interrupted(goes_on: str) -> click.ClickException:
    """Long work that was interrupted; ``goes_on`` says by which command it goes on."""
    return _InterruptedError(f"interrupted; {goes_on}")


def explain(error: Exception) -> tuple[str, int]:
    """Message and exit code of an error.

    Only messages that this project wrote are shown. Those of other libraries may quote what
    they choked on, a name or a PIN, so of them the type and the place are reported. What is
    shown is one line without control characters, whatever a file or an argument is called, and
    not the whole of an argument that nobody would read.
    """
    message, code = _explain(error)
    message = escape(message)
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
    return message, code


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, click.ClickException):
        return " ".join(error.format_message().split()), error.exit_code
    if isinstance(error, SscardError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        wrong_name = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
        code = BAD_INPUT if isinstance(error, (*wrong_name, PermissionError)) else REFUSED
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or type(error).__name__}", code
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return "the name of a file or folder is not UTF-8, which this needs", BAD_INPUT
    from sscard_chip.faults import describe_fault

    return f"internal error, {describe_fault(error)} (sscard --debug shows more)", REFUSED
