# SPDX-License-Identifier: Apache-2.0
"""Whether a value has the form of its item: length, padding, digits, text, code (LD/T 32.6; letter
37, section 7)."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from sscard_chip.profile.model import Format, Item
from sscard_chip.standard.identifiers import IDENTIFICATION_TAG
from sscard_chip.terminal.conformance.trial import Trial

_LATER_MEANING: Final = 0xEE
_DIGITS: Final = re.compile(r"[0-9]*F*")
_DATE: Final = 4


def check_value(trial: Trial, item: Item, value: bytes, *, unique: bool = True) -> None:
    """See that a value is one of its item. What is shown names the rule, never the value.

    ``unique``: the tag stands once in the card, so that 01 is 卡识别码.
    """
    if item.length and value[-1:] == bytes((_LATER_MEANING,)):
        return  # of generation 1: the later meaning of a tag that was used again
    if item.format is Format.BTLV:
        _check_template(trial, item, value)
    elif item.format is Format.AN:
        _check_text(trial, item, value)
    elif item.format is Format.CN and not (unique and item.tag == IDENTIFICATION_TAG):
        _check_digits(trial, item, value)


def _check_text(trial: Trial, item: Item, value: bytes) -> None:
    text = value.rstrip(b"\0")
    trial.check(b"\0" not in text, "text on the left, 00 on the right", "00 before text")
    trial.check(not text.endswith(b" "), "padding of 00", "padding of 20")
    trial.check(not text.endswith(b"\xff"), "padding of 00", "padding of FF")
    try:
        shown = text.decode("gb18030")
    except UnicodeDecodeError:
        shown = None
    trial.check(shown is not None, "text in GBK or GB 18030", "other bytes")
    trial.check(
        all(one.isprintable() for one in shown or ""), "printable text", "control characters"
    )
    if item.codes and not item.open_codes and text:
        trial.check(shown in item.codes, f"one of the {len(item.codes)} codes", "another value")


def _check_digits(trial: Trial, item: Item, value: bytes) -> None:
    text = value.hex().upper()
    trial.check(
        _DIGITS.fullmatch(text) is not None, "digits on the left, F on the right", "other nibbles"
    )
    digits = text.rstrip("F")
    if not digits:
        return
    if item.codes and not item.open_codes:
        trial.check(digits in item.codes, f"one of the {len(item.codes)} codes", "another value")
    if "日期" in item.name and item.length == _DATE and int(digits):
        trial.check(_is_day(digits), "a day as YYYYMMDD", "no day")


def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return len(digits) == 8


def _check_template(trial: Trial, item: Item, value: bytes) -> None:
    at = 0
    for sub in item.items:
        head = value[at : at + 2]
        trial.equal(head, bytes((sub.tag, sub.length)), f"sub tag {sub.tag:02X} and its length:")
        check_value(trial, sub, value[at + 2 : at + 2 + sub.length], unique=False)
        at += 2 + sub.length
    trial.equal(at, len(value), "bytes of the sub items")
