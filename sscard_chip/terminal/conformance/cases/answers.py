# SPDX-License-Identifier: Apache-2.0
"""Answer to reset (LD/T 32.2; LD/T 6001.3, 6.2)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard.commands import SELECT
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.terminal.conformance.case import CONTACT, CONTACTLESS
from sscard_chip.terminal.conformance.cases.build import (
    KEYS_NEEDED,
    PIN_NEEDED,
    Chapter,
    select_issuer,
)
from sscard_chip.terminal.conformance.groups import RESET
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, UndecidedError

_CLAUSE: Final = "LD/T 32.2, answer to reset"
_TEST: Final = "LD/T 6001.3, 6.2"
_CONTACT: Final = frozenset({CONTACT})
_CONTACTLESS: Final = frozenset({CONTACTLESS})
_T0_FORMS: Final = (0x2, 0x3, 0x6, 0x7, 0x8, 0x9, 0xC, 0xD)
_MOST: Final = 33

cases = Chapter(RESET)


def _case(number: int) -> str:
    return f"SSC-32.2-ATR-{number:02}"


def _interface_bytes(atr: bytes) -> tuple[int, list[int], bool]:
    """Where historical bytes begin, the protocols of TD1, TD2..., and whether all is there."""
    present, at = atr[1] >> 4, 2
    protocols: list[int] = []
    while True:
        at += (present & 0x7).bit_count()
        if not present & 0x8:
            return at, protocols, at <= len(atr)
        if at >= len(atr):
            return at, protocols, False
        protocols.append(atr[at] & 0x0F)
        present = atr[at] >> 4
        at += 1


@cases.case(_case(1), "TS is 3B: direct convention", _CLAUSE, _TEST)
def _(trial: Trial) -> None:
    trial.equal(trial.reset()[:1], b"\x3b", "TS")


@cases.case(_case(2), "The ATR has at most 33 bytes", _CLAUSE, _TEST)
def _(trial: Trial) -> None:
    atr = trial.reset()
    trial.check(4 <= len(atr) <= _MOST, "4 to 33 bytes", f"{len(atr)}")


@cases.case(_case(3), "T0 announces 13 historical bytes", _CLAUSE, _TEST)
def _(trial: Trial) -> None:
    trial.equal(trial.reset()[1] & 0x0F, 13, "historical bytes of T0")


@cases.case(
    _case(4), "T0 has one of the allowed forms 2x 3x 6x 7x 8x 9x Cx Dx", _CLAUSE, _TEST,
    interfaces=_CONTACT,
)  # fmt: skip
def _(trial: Trial) -> None:
    form = trial.reset()[1] >> 4
    trial.check(form in _T0_FORMS, "an allowed T0", f"{form:X}x")


@cases.case(
    _case(5), "The ATR is as long as its own bytes say, TCK only where it must be", _CLAUSE, _TEST
)
def _(trial: Trial) -> None:
    atr = trial.reset()
    start, protocols, whole = _interface_bytes(atr)
    trial.check(whole, "all interface bytes that are announced", "an end before")
    check = any(protocol != 0 for protocol in protocols)
    trial.equal(len(atr), start + (atr[1] & 0x0F) + check, "bytes of the ATR")


@cases.case(_case(6), "TB1 is 00 or absent: no programming voltage", _CLAUSE, _TEST,
            interfaces=_CONTACT)  # fmt: skip
def _(trial: Trial) -> None:
    atr = trial.reset()
    if atr[1] & 0x20:
        trial.equal(atr[2 + bool(atr[1] & 0x10)], 0, "TB1")


@cases.case(_case(7), "TC1 is sent", _CLAUSE, _TEST, interfaces=_CONTACT,
            confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    form = trial.reset()[1] >> 4
    trial.check(
        bool(form & 0x4) or form in (0x2, 0x3, 0x8, 0x9), "TC1 in T0 6x or 7x", f"T0 {form:X}x"
    )


@cases.case(_case(8), "Only T=0 is offered", _CLAUSE, _TEST, interfaces=_CONTACT)
def _(trial: Trial) -> None:
    _, protocols, _ = _interface_bytes(trial.reset())
    trial.check(all(one in (0, 15) for one in protocols), "T=0 alone", f"{protocols}")


@cases.case(_case(9), "TA2 and TC2 are not sent", _CLAUSE, _TEST, interfaces=_CONTACT)
def _(trial: Trial) -> None:
    atr = trial.reset()
    if atr[1] & 0x80:
        at = 2 + (atr[1] >> 4 & 0x7).bit_count()
        trial.check(not atr[at] >> 4 & 0x5, "neither TA2 nor TC2", f"TD1 {atr[at]:02X}")


@cases.case(_case(10), "The check byte, where there is one, is right", _CLAUSE)
def _(trial: Trial) -> None:
    atr = trial.reset()
    _, protocols, _ = _interface_bytes(atr)
    if not any(protocols):
        return
    check = 0
    for byte in atr[1:]:
        check ^= byte
    trial.equal(check, 0, "XOR of T0 to TCK")


@cases.case(_case(11), "T6 is 86: the maker's registration number", _CLAUSE, _TEST)
def _(trial: Trial) -> None:
    trial.reset()
    trial.equal(trial.subject.historical[5:6], b"\x86", "T6")


@cases.case(_case(12), "T1 T2, the supplier's registration number, is not blank", _CLAUSE, _TEST,
            confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    number = trial.subject.historical[:2]
    trial.check(number not in (b"\0\0", b"\xff\xff"), "a registration number", number.hex())


@cases.case(_case(13), "T8 T9 are the first four digits of the city in 卡识别码", _CLAUSE, _TEST,
            confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    if len(trial.subject.identification) != 16:
        raise UndecidedError("卡识别码 could not be read")
    trial.equal(trial.subject.historical[7:9], trial.subject.identification[:2], "T8 T9")


@cases.case(_case(14), "TA to TD are the serial number in 卡识别码", _CLAUSE, _TEST,
            confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    if len(trial.subject.identification) != 16:
        raise UndecidedError("卡识别码 could not be read")
    trial.same(trial.subject.historical[-4:], trial.subject.identification[8:12], "TA to TD")


@cases.case(_case(15), "TA to TD, the serial number, is not blank", _CLAUSE, _TEST)
def _(trial: Trial) -> None:
    serial = trial.subject.historical[-4:]
    trial.check(serial not in (b"\0" * 4, b"\xff" * 4), "a serial number", "a blank one")


@cases.case(_case(16), "The ATR is the same at every warm reset", _CLAUSE, _TEST)
def _(trial: Trial) -> None:
    for _ in range(3):
        trial.same(trial.reset(), trial.subject.atr, "the first ATR")


@cases.case(_case(17), "The ATR is the same at every cold reset", _CLAUSE, _TEST)
def _(trial: Trial) -> None:
    for _ in range(3):
        trial.same(trial.reset(cold=True), trial.subject.atr, "the first ATR")


@cases.case(_case(18), "A reader without contacts makes 3B 8n 80 01 of it", "PC/SC part 3, 3.1.3",
            interfaces=_CONTACTLESS)  # fmt: skip
def _(trial: Trial) -> None:
    trial.equal(trial.reset()[:4], bytes.fromhex("3B8D8001"), "head of the ATR")


@cases.case(_case(19), "A card answers a command right after its reset", _CLAUSE)
def _(trial: Trial) -> None:
    for cold in (False, True):
        trial.reset(cold=cold)
        trial.expect(trial.send(SELECT, 0x04, 0x00, _name(trial), 0), "9000")


def _name(trial: Trial) -> bytes:
    return trial.directory(SSSE).df_name


def _forgets_selection(cold: bool) -> None:
    kind = "cold" if cold else "warm"

    @cases.case(
        f"SSC-32.2-RESET-{1 + cold:02}",
        f"A {kind} reset forgets the current EF",
        "LD/T 32.2, reset",
    )
    def _(trial: Trial) -> None:
        select_issuer(trial)
        trial.reset(cold=cold)
        trial.refused(trial.whole("00B2010400"), "6986", "6A82", "6981", "6985")

    @cases.case(
        f"SSC-32.2-RESET-{3 + cold:02}",
        f"A {kind} reset forgets the current directory",
        "LD/T 32.2, reset",
    )
    def _(trial: Trial) -> None:
        applications = trial.subject.profile.applications
        trial.enter(applications[0].fid)
        trial.reset(cold=cold)
        fid = applications[0].files[1].fid.to_bytes(2)
        found = trial.whole(b"\x00\xa4\x02\x00\x02" + fid)
        trial.check(found.sw != 0x9000 or applications[0].fid == SSSE, "no DF01", "its EF06")


_forgets_selection(False)
_forgets_selection(True)


def _forgets_rights(cold: bool) -> None:
    kind = "cold" if cold else "warm"

    @cases.case(
        f"SSC-32.4-RESET-{1 + cold:02}",
        f"A {kind} reset forgets the PIN that was verified",
        "LD/T 32.4, PIN",
        level=Level.SESSION,
        needs=PIN_NEEDED,
    )
    def _(trial: Trial) -> None:
        for directory in trial.subject.profile.applications:
            for file in directory.files:
                if file.read.pin and file.items and not file.read.both:
                    trial.enter(directory.fid)
                    trial.satisfy(file.read, directory.fid)
                    read = bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 4, 0x00))
                    trial.given(trial.whole(read), "reading with the PIN")
                    trial.reset(cold=cold)
                    trial.enter(directory.fid)
                    if trial.subject.tries is not None:
                        trial.refused(trial.whole(read), "6982")
                    return
        raise NotApplicableError("no file is read with the PIN")

    @cases.case(
        f"SSC-32.4-RESET-{3 + cold:02}",
        f"A {kind} reset forgets the rights of keys",
        "LD/T 32.4, security status",
        level=Level.SESSION,
        needs=KEYS_NEEDED,
    )
    def _(trial: Trial) -> None:
        for directory in trial.subject.profile.directories:
            for file in directory.files:
                if file.read.kid is not None and not file.read.both and file.items:
                    trial.enter(directory.fid)
                    trial.satisfy(file.read, directory.fid, prefer_pin=False)
                    read = bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 4, 0x00))
                    trial.given(trial.whole(read), "reading with the key")
                    trial.reset(cold=cold)
                    trial.enter(directory.fid)
                    if not (file.read.pin and trial.subject.tries is None):
                        trial.refused(trial.whole(read), "6982")
                    return
        raise NotApplicableError("no file is read with a key")

    @cases.case(
        f"SSC-32.4-RESET-{5 + cold:02}",
        f"A {kind} reset forgets the challenge",
        "LD/T 32.5, 7.5 GET CHALLENGE",
        level=Level.SESSION,
        needs=KEYS_NEEDED,
    )
    def _(trial: Trial) -> None:
        key = trial.key(0x04, SSSE)
        trial.enter()
        proof = trial.proof(key, trial.challenge())
        trial.reset(cold=cold)
        trial.enter()
        command = bytes((0x00, 0x82, 0x00, key.kid, len(proof))) + proof
        trial.refused(trial.whole(command), "6984")


_forgets_rights(False)
_forgets_rights(True)
