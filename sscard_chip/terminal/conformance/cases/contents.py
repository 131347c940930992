# SPDX-License-Identifier: Apache-2.0
"""What stands in the issuer's file: form of 卡识别码, version, dates, number (LD/T 32.6, SSSE
EF05)."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from sscard_chip.profile.model import Confidence, KeyUse
from sscard_chip.standard.identifiers import ISSUER_FILE, RID, SSSE
from sscard_chip.terminal.conformance.cases.build import KEYS_NEEDED, Chapter
from sscard_chip.terminal.conformance.groups import record_group
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import UndecidedError

_CLAUSE: Final = "LD/T 32.6, SSSE EF05"
_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_INITIALISER: Final = bytes.fromhex("9156000002")

cases = Chapter(record_group("SSSE"))


def _value(trial: Trial, tag: int, length: int) -> bytes:
    trial.file(SSSE, ISSUER_FILE)
    trial.enter()
    reply = trial.given(trial.whole(bytes((0x00, 0xB2, tag, 0x28, 0x00))), f"reading tag {tag:02X}")
    if len(reply.data) != length + 2:
        raise UndecidedError(f"tag {tag:02X} has another length")
    return reply.data[2:]


def _case(number: int) -> str:
    return f"SSC-32.6-CARD-{number:02}"


def _day(value: bytes) -> date | None:
    text = value.hex()
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _blank(value: bytes) -> bool:
    return not value.strip(b"\xff") or not value.strip(b"\0 ")


@cases.case(_case(1), "卡识别码 begins with six digits of a city", _CLAUSE)
def _(trial: Trial) -> None:
    city = _value(trial, 0x01, 16)[:3].hex()
    trial.check(city.isdecimal() and int(city[:2]) >= 11, "six digits of a division")


@cases.case(_case(2), "卡识别码 has D156000005 in its bytes 4 to 8", _CLAUSE)
def _(trial: Trial) -> None:
    trial.equal(_value(trial, 0x01, 16)[3:8], RID, "bytes 4 to 8")


@cases.case(_case(3), "The serial number in 卡识别码 is not blank", _CLAUSE)
def _(trial: Trial) -> None:
    trial.check(not _blank(_value(trial, 0x01, 16)[8:12]), "a serial number", "a blank one")


@cases.case(_case(4), "卡识别码 has a 认证码: it is not FFFFFFFF", _CLAUSE)
def _(trial: Trial) -> None:
    code = _value(trial, 0x01, 16)[12:]
    trial.check(code.strip(b"\xff") != b"", "a 认证码", "FFFFFFFF")


@cases.case(_case(5), "规范版本 is that of the generation", _CLAUSE)
def _(trial: Trial) -> None:
    version, number = _value(trial, 0x03, 4), str(trial.subject.generation).encode()
    if trial.subject.generation == 1 and _blank(version):
        return
    trial.check(
        version[:2] == number + b".", f"a version {trial.subject.generation}.x",
        "another one" if not version.isascii() else version.decode("ascii"),
    )  # fmt: skip


@cases.case(_case(6), "卡类别 is 1, 2, 3 or 4", _CLAUSE)
def _(trial: Trial) -> None:
    trial.check(_value(trial, 0x02, 1) in (b"1", b"2", b"3", b"4"), "a code of 卡类别")


@cases.case(_case(7), "初始化机构编号 begins with 9156000002", _CLAUSE)
def _(trial: Trial) -> None:
    number = _value(trial, 0x04, 12)
    trial.check(_blank(number) or number[:5] == _INITIALISER, "9156000002", number[:5].hex())


@cases.case(_case(8), "发卡日期 is a day", _CLAUSE)
def _(trial: Trial) -> None:
    value = _value(trial, 0x05, 4)
    trial.check(_blank(value) or _day(value) is not None, "a day as YYYYMMDD")


@cases.case(_case(9), "卡有效期 is a day", _CLAUSE)
def _(trial: Trial) -> None:
    value = _value(trial, 0x06, 4)
    trial.check(_blank(value) or _day(value) is not None, "a day as YYYYMMDD")


@cases.case(_case(10), "卡有效期 is not before 发卡日期", _CLAUSE)
def _(trial: Trial) -> None:
    issued, expiry = _day(_value(trial, 0x05, 4)), _day(_value(trial, 0x06, 4))
    if issued and expiry:
        trial.check(issued < expiry, "the expiry behind the issue", "before it")


@cases.case(_case(11), "卡号 has nine characters, the last one the check character", _CLAUSE)
def _(trial: Trial) -> None:
    value = _value(trial, 0x07, 9)
    if _blank(value):
        return
    trial.check(re.fullmatch(rb"[A-Z0-9]{8}[0-9X]", value) is not None, "nine characters")
    text = value.decode("ascii")
    total = sum(int(one, 36) * w for one, w in zip(text[:8], _WEIGHTS, strict=True))
    check = {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))
    trial.check(text[8] == check, "the right check character", "another one")


@cases.case(_case(12), "The 认证码 of 卡识别码 is a MAC with the card's IRK", _CLAUSE,
            "LD/T 32.4", level=Level.SESSION, needs=KEYS_NEEDED,
            confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    value = _value(trial, 0x01, 16)
    secrets, key = trial.secrets, trial.key_of(KeyUse.INTERNAL, SSSE)
    expected = secrets.suite.key_mac(secrets.secret(key), b"", value[:12])
    trial.check(value[12:] == expected, "the MAC of its first 12 bytes", "another value")
