# SPDX-License-Identifier: Apache-2.0
"""Which lines and commands hold a PIN or a key, and must not be kept or shown."""

from __future__ import annotations

import re
from typing import Final

from sscard_chip.standard.commands import CHANGE_PIN, VERIFY, WRITE_KEY
from sscard_chip.terminal.shell import commands
from sscard_chip.terminal.shell.grammar import GrammarError, parse_line
from sscard_chip.trace.layouts import hidden

_SECRET_INS: Final = frozenset((VERIFY.ins, CHANGE_PIN.ins, WRITE_KEY.ins))
"""VERIFY, CHANGE PIN, CREATE and CHANGE KEY, whose data may be in the clear."""
_HEADER: Final = 5
_FEWEST_DIGITS: Final = 4
_ONLY_DIGITS: Final = re.compile(r"\s*[0-9]{4,8}\s*")


def holds_secret(text: str) -> bool:
    """Whether a line may hold a PIN or a key, so that it stays out of history and output.

    A line that is no command holds one as soon as it has four digits or more: ``verfy 1234``.
    So does a line of four to eight digits only, which may be a PIN at the wrong prompt.
    """
    if _ONLY_DIGITS.fullmatch(text):
        return True
    try:
        command = parse_line(text).command
    except GrammarError:
        return sum(map(str.isdecimal, text)) >= _FEWEST_DIGITS
    match command:
        case commands.Verify(pin):
            return bool(pin)
        case commands.ChangePin(pins):
            return pins is not None
        case commands.Apdu(apdu):
            return apdu[1] in _SECRET_INS and len(apdu) > _HEADER
        case commands.Composed(_, ins, _, data, _):
            return ins in _SECRET_INS and bool(data)
    return False


def without_secret(text: str) -> str:
    """A line for output: of one that holds a secret the first word, if it is one."""
    if not holds_secret(text):
        return text
    first, *rest = text.split()
    return f"{first if first.isalpha() else ''} …".strip() if rest or first.isdecimal() else "…"


def masked_apdu(apdu: bytes) -> bytes:
    """A command with FF in place of each byte of a PIN or a key; others as they are."""
    if len(apdu) <= _HEADER or apdu[1] not in _SECRET_INS:
        return apdu
    return apdu[:_HEADER] + b"\xff" * (len(apdu) - _HEADER)


def shown_apdu(apdu: bytes, *, unsafe: bool) -> str:
    """A command in hexadecimal, of a PIN or a key its length only."""
    if unsafe or masked_apdu(apdu) is apdu:
        return apdu.hex().upper()
    return f"{apdu[:_HEADER].hex().upper()} {hidden(apdu[_HEADER:])}"
