# SPDX-License-Identifier: Apache-2.0
"""What an exception means to the person at the keyboard: one line and an exit code."""

from __future__ import annotations

import click

from sscard_chip.standard.errors import BAD_INPUT, REFUSED, SscardError, TerminalError
from sscard_chip.standard.escape import escape


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
    shown is one line without control characters, whatever a file or an argument is called.
    """
    message, code = _explain(error)
    return escape(message), code


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
    from sscard_chip.reader.faults import describe_fault

    return f"internal error, {describe_fault(error)} (sscard --debug shows more)", REFUSED
