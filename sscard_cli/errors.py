# SPDX-License-Identifier: Apache-2.0
"""What an exception means to the person at the keyboard: one line and an exit code."""

from __future__ import annotations

from typing import Final

import click

from sscard_chip.standard.errors import BAD_INPUT, REFUSED, SscardError

_OURS: Final = ("sscard_chip", "issuance", "sscard_cli")
_SETTLEMENT: Final = "sscard_chip.settlement."


class RefusedError(SscardError):
    """An operation that was understood and not done. The message is one line."""


def explain(error: Exception) -> tuple[str, int]:
    """Message and exit code of an error.

    Only messages that this project wrote are shown. Those of other libraries may quote what
    they choked on, a name or a PIN, so of them the type and the place are told.
    """
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, SscardError):
        return str(error), error.exit_code
    from sscard_chip.memory import CardInUseError, CardMemoryError

    if isinstance(error, (CardInUseError, CardMemoryError)):
        return str(error), REFUSED
    if isinstance(error, OSError):
        wrong_name = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
        code = BAD_INPUT if isinstance(error, (*wrong_name, PermissionError)) else REFUSED
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or type(error).__name__}", code
    if isinstance(error, ValueError) and type(error).__module__.startswith(_OURS):
        from issuance.stores.token import SessionLostError

        return str(error), REFUSED if isinstance(error, SessionLostError) else BAD_INPUT
    if type(error).__module__.startswith(_SETTLEMENT):  # what a centre refuses has a line for it
        return str(error), REFUSED
    from sscard_chip.reader.faults import describe_fault
    from sscard_chip.terminal.connection import TerminalConnectionError

    if isinstance(error, TerminalConnectionError):
        return str(error), REFUSED
    return f"internal error, {describe_fault(error)} (sscard --debug shows more)", REFUSED
