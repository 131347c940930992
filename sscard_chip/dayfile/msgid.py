# SPDX-License-Identifier: Apache-2.0
"""Message ids: institution code 12, yyyyMMddHHmmss 14, sequence 4 (conventions, A2).

A till has one id for a sale. The other messages about it need ids of their own, and the same ones
whenever they are sent again: the first digit of the sequence becomes a letter, A to J in a
confirmation, K to T in a reversal, a to j in the question for the person, k to t in a trial [ours].
"""

from __future__ import annotations

import re
from typing import Final

from sscard_chip.standard.dates import parse_time

LENGTH: Final = 30
_FORM: Final = re.compile("[0-9A-Za-z]{12}[0-9]{14}[0-9A-Za-z]{4}")
_SHAPE: Final = re.compile("[0-9A-Za-z]{12}[0-9]{14}[0-9A-Za-z][0-9]{3}")
_SEQUENCE: Final = 26


def has_form(text: str) -> bool:
    """Whether ``text`` has the parts of a message id; the sequence of 4 letters or digits, as day
    files have it."""
    return bool(_FORM.fullmatch(text)) and parse_time(text[12:_SEQUENCE]) is not None


def is_msgid(text: str, institution: str | None = None) -> bool:
    """Whether ``text`` is a message id, and one of ``institution``."""
    if not _SHAPE.fullmatch(text) or (institution is not None and text[:12] != institution):
        return False
    return parse_time(text[12:_SEQUENCE]) is not None


def confirmation_msgid(msgid: str) -> str:
    """The id of the confirmation of what ``msgid`` holds."""
    return _derived(msgid, "A")


def reversal_msgid(msgid: str) -> str:
    """The id of the reversal of ``msgid``."""
    return _derived(msgid, "K")


def person_msgid(msgid: str) -> str:
    """The id of the question who pays for what ``msgid`` will hold."""
    return _derived(msgid, "a")


def trial_msgid(msgid: str) -> str:
    """The id of the trial of what ``msgid`` will hold."""
    return _derived(msgid, "k")


def is_trial_of(msgid: str) -> str | None:
    """The id of the question for the person of the same sale, if ``msgid`` is that of a trial."""
    letter = msgid[_SEQUENCE : _SEQUENCE + 1]
    if not "k" <= letter <= "t":
        return None
    return f"{msgid[:_SEQUENCE]}{chr(ord(letter) - ord('k') + ord('a'))}{msgid[_SEQUENCE + 1 :]}"


def _derived(msgid: str, first: str) -> str:
    if len(msgid) != LENGTH or msgid[_SEQUENCE] not in "0123456789":
        raise ValueError("msgid: must end in 4 digits")
    letter = chr(ord(first) + int(msgid[_SEQUENCE]))
    return f"{msgid[:_SEQUENCE]}{letter}{msgid[_SEQUENCE + 1 :]}"
