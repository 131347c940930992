# SPDX-License-Identifier: Apache-2.0
"""Every command under parameters and classes that it has not, one after the other (LD/T 32.5).

A value that a card does not look at is found by many values, not by one: each bit alone, and what
terminals send by mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.profile.model import Confidence, FileDeclaration
from sscard_chip.standard.identifiers import DF04, EF, ISSUER_FILE, SSSE, SSSE_NAME
from sscard_chip.terminal.conformance.cases.build import (
    KEYS_NEEDED,
    MEDICAL_PIN,
    Chapter,
    select_issuer,
)
from sscard_chip.terminal.conformance.cases.medical import enter_medical
from sscard_chip.terminal.conformance.groups import MESSAGE, PARAMETERS, WORDS
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import Trial

cases = Chapter(PARAMETERS)

_VALUES: Final = (
    0x00,
    0x01,
    0x02,
    0x03,
    0x04,
    0x08,
    0x0C,
    0x10,
    0x20,
    0x40,
    0x7F,
    0x80,
    0x81,
    0xFF,
)
"""Of P1 and P2: each bit alone, and usual mistakes."""
_CLASSES: Final = (
    0x00,
    0x04,
    0x08,
    0x10,
    0x20,
    0x40,
    0x80,
    0x84,
    0x90,
    0xA0,
    0xB0,
    0xB4,
    0xC0,
    0xF0,
)
_WRONG_PARAMETERS: Final = ("6A86", "6A81", "6B00")
_WRONG_LENGTH: Final = "6700"
_WRONG_CLASS: Final = ("6E00", "6D00", "6881", "6882", "6987", "6988")
_NAME: Final = f"0F{SSSE_NAME.hex()}"
_TERMINAL: Final = "990000000001"
_PURCHASE: Final = "1301" + "00" * 12 + _TERMINAL
_LOAD: Final = "0B01" + "00" * 4 + _TERMINAL


@dataclass(frozen=True, slots=True)
class _Swept:
    """A command: class and instruction, its right P1 and P2, data field or Le, what else is
    right, and where it is sent."""

    name: str
    number: int
    cla: int
    ins: int
    p1: int
    p2: int
    rest: str
    ready: Callable[[Trial], None] = Trial.enter
    also_p1: frozenset[int] = frozenset()
    also_p2: frozenset[int] = frozenset()
    more: tuple[tuple[str, Any], ...] = ()
    classes: bool = True

    def apdu(
        self, *, cla: int | None = None, p1: int | None = None, p2: int | None = None
    ) -> bytes:
        head = (
            self.cla if cla is None else cla, self.ins,
            self.p1 if p1 is None else p1, self.p2 if p2 is None else p2,
        )  # fmt: skip
        return bytes(head) + bytes.fromhex(self.rest)


def _sweep(swept: _Swept) -> None:
    more = dict(swept.more)

    @cases.command(swept.name, MESSAGE, swept.number, "Every other P1 and P2 is refused", **more)
    def _(trial: Trial) -> None:
        swept.ready(trial)
        for value in _VALUES:
            if value not in {swept.p1} | swept.also_p1:
                reply = trial.whole(swept.apdu(p1=value))
                trial.refused(reply, *_WRONG_PARAMETERS, _WRONG_LENGTH, what=f"to P1 {value:02X}")
            if value not in {swept.p2} | swept.also_p2:
                reply = trial.whole(swept.apdu(p2=value))
                trial.refused(reply, *_WRONG_PARAMETERS, what=f"to P2 {value:02X}")

    if not swept.classes:
        return

    @cases.command(
        swept.name, MESSAGE, swept.number + 1, "It is known under its own class alone", **more
    )
    def _(trial: Trial) -> None:
        swept.ready(trial)
        for value in _CLASSES:
            if value != swept.cla:
                reply = trial.whole(swept.apdu(cla=value))
                trial.refused(reply, *_WRONG_CLASS, what=f"to class {value:02X}")


_ACCOUNT: Final = (("level", Level.SESSION), ("needs", MEDICAL_PIN))
_WRITES: Final = (("level", Level.WRITE), ("needs", MEDICAL_PIN))
_BLOCKS: Final = (("level", Level.DESTRUCTIVE), ("lasting", 4))
_COMMANDS: Final = (
    _Swept("SELECT", 51, 0x00, 0xA4, 0x04, 0x00, _NAME, also_p1=frozenset({0x00, 0x01, 0x02, 0x03}),
           also_p2=frozenset({0x02})),
    _Swept("SELECT", 53, 0x00, 0xA4, 0x00, 0x00, "02DF01",
           also_p1=frozenset({0x01, 0x02, 0x03, 0x04}), classes=False),
    _Swept("SELECT", 54, 0x00, 0xA4, 0x02, 0x00, "02EF05",
           also_p1=frozenset({0x00, 0x01, 0x03, 0x04}), classes=False),
    _Swept("GET CHALLENGE", 51, 0x00, 0x84, 0x00, 0x00, "08"),
    _Swept("INTERNAL AUTHENTICATE", 51, 0x00, 0x88, 0x00, 0x00, "10" + "5A" * 16),
    _Swept("VERIFY", 51, 0x00, 0x20, 0x00, 0x00, "00"),
    _Swept("GET BALANCE", 51, 0xB0, 0x26, 0x00, 0x01, "04", ready=enter_medical,
           also_p2=frozenset({2, 3}), more=_ACCOUNT),
    _Swept("GET TRANSACTION PROOF", 51, 0xB0, 0x2E, 0x00, 0x32, "020001", ready=enter_medical,
           also_p2=frozenset({0x31}), more=_ACCOUNT),
    _Swept("GET STARTING DAY", 51, 0xB0, 0x56, 0x01, 0x00, "02", ready=enter_medical,
           also_p1=frozenset({0x00}), more=_ACCOUNT),
    _Swept("INITIALIZE FOR PURCHASE", 51, 0xB0, 0x28, 0x01, 0x01, _PURCHASE, ready=enter_medical,
           more=_ACCOUNT),
    _Swept("INITIALIZE FOR LOAD", 51, 0xB0, 0x28, 0x00, 0x01, _LOAD, ready=enter_medical,
           more=_ACCOUNT),
    _Swept("DEBIT FOR PURCHASE", 51, 0xB0, 0x2C, 0x01, 0x00, "0F" + "00" * 15, ready=enter_medical,
           more=_WRITES),
    _Swept("CREDIT FOR LOAD", 51, 0xB0, 0x2A, 0x00, 0x00, "0B" + "00" * 11, ready=enter_medical,
           more=_WRITES),
    _Swept("PIN CHANGE/UNBLOCK", 51, 0x84, 0x24, 0x00, 0x00, "04" + "00" * 4,
           also_p2=frozenset({0x01}), more=_BLOCKS),
    _Swept("APPLICATION BLOCK", 51, 0x84, 0x1E, 0x00, 0x01, "04" + "00" * 4,
           ready=lambda trial: trial.enter(DF04), more=_BLOCKS),
    _Swept("CARD BLOCK", 51, 0x84, 0x16, 0x00, 0x00, "04" + "00" * 4, more=_BLOCKS),
)  # fmt: skip

for _one in _COMMANDS:
    _sweep(_one)


@cases.command("READ RECORD", MESSAGE, 51, "It is known under its own class alone")
def _(trial: Trial) -> None:
    select_issuer(trial)
    for value in _CLASSES[1:]:
        reply = trial.whole(bytes((value, 0xB2, 0x01, 0x04, 0x12)))
        trial.refused(reply, *_WRONG_CLASS, what=f"to class {value:02X}")


@cases.command("READ BINARY", MESSAGE, 51, "It is known under its own class alone")
def _(trial: Trial) -> None:
    select_issuer(trial)
    for value in _CLASSES[1:]:
        reply = trial.whole(bytes((value, 0xB0, 0x00, 0x00, 0x01)))
        trial.refused(reply, *_WRONG_CLASS, what=f"to class {value:02X}")


# --- files that are not there --------------------------------------------------------------------


_FREE: Final = (*range(0x01, 0x05), *range(0x10, 0x1B), 0x1F)
"""SFIs below which SSSE has no file by the standard, and issuers put none of their own."""


def _free_sfis(trial: Trial) -> list[int]:
    """Those of them below which this card says that it has nothing."""
    free = []
    for sfi in _FREE:
        fid = (EF | sfi).to_bytes(2)
        if trial.whole(bytes((0x00, 0xA4, 0x02, 0x00, 0x02)) + fid).sw == 0x6A82:
            free.append(sfi)
    return free


@cases.command("READ RECORD", WORDS, 51, "Every SFI without file: 6A82")
def _(trial: Trial) -> None:
    trial.enter()
    for sfi in _free_sfis(trial):
        reply = trial.whole(bytes((0x00, 0xB2, 0x01, sfi << 3 | 4, 0x00)))
        trial.refused(reply, "6A82", what=f"to SFI {sfi:02X}")


@cases.command("READ BINARY", WORDS, 51, "Every SFI without file: 6A82")
def _(trial: Trial) -> None:
    trial.enter()
    for sfi in _free_sfis(trial):
        reply = trial.whole(bytes((0x00, 0xB0, 0x80 | sfi, 0x00, 0x01)))
        trial.refused(reply, "6A82", what=f"to SFI {sfi:02X}")


@cases.command("SELECT", WORDS, 51, "FIDs beside those that are there: 6A82")
def _(trial: Trial) -> None:
    trial.enter()
    for fid in (0x3F01, 0x3EFF, 0x7F00, 0xDF00, 0xDF0F, 0xDFFF, EF, 0xFFFF):
        reply = trial.whole(bytes((0x00, 0xA4, 0x00, 0x00, 0x02)) + fid.to_bytes(2))
        trial.refused(reply, "6A82", what=f"to FID {fid:04X}")


@cases.command("SELECT", WORDS, 52, "EFs are found in their own directory alone: 6A82")
def _(trial: Trial) -> None:
    own = trial.subject.profile.environment
    for directory in trial.subject.profile.applications:
        if trial.subject.statement.lacks(directory.short_name):
            continue
        trial.enter(directory.fid)
        here = {file.fid for file in directory.files}
        for fid in sorted({file.fid for file in own.files} - here):
            reply = trial.whole(bytes((0x00, 0xA4, 0x02, 0x00, 0x02)) + fid.to_bytes(2))
            trial.refused(reply, "6A82", what=f"to {fid:04X} in {directory.short_name}")


# --- secure messaging that was not sent ----------------------------------------------------------


@cases.command("UPDATE RECORD", WORDS, 51, "Class 04 without a MAC: refused, nothing is written",
               level=Level.WRITE, needs=KEYS_NEEDED, confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    file = _issuer_file(trial)
    select_issuer(trial)
    before = trial.given(trial.whole("00B2010400"), "READ RECORD").data
    trial.satisfy(file.write, SSSE)
    reply = trial.whole(bytes((0x04, 0xDC, 0x01, 0x04, len(before))) + before)
    trial.refused(reply, "6984", "6987", "6988", "6882", "6E00", "6700")
    select_issuer(trial)
    trial.same(trial.whole("00B2010400").data, before, "record 1 of SSSE EF05")


def _issuer_file(trial: Trial) -> FileDeclaration:
    return trial.file(SSSE, ISSUER_FILE)
