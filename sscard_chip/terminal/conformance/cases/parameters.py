# SPDX-License-Identifier: Apache-2.0
"""Commands with wrong parameters, lengths and classes, which a card must refuse (LD/T 32.5)."""

from __future__ import annotations

from itertools import pairwise

from sscard_chip.profile.model import Confidence
from sscard_chip.terminal.conformance.cases.build import (
    Chapter,
    RefusedCommand,
    refusals,
    select_issuer,
)
from sscard_chip.terminal.conformance.groups import (
    ANSWER,
    DATA,
    FUNCTION,
    MESSAGE,
    PARAMETERS,
    WORDS,
)
from sscard_chip.terminal.conformance.trial import Trial

cases = Chapter(PARAMETERS)

_CHALLENGE, _INTERNAL, _EXTERNAL, _VERIFY = (
    "GET CHALLENGE",
    "INTERNAL AUTHENTICATE",
    "EXTERNAL AUTHENTICATE",
    "VERIFY",
)
_SAMPLE = "0102030405060708"
_P1P2 = ("6A86", "6A81", "6B00")

refusals(
    cases,
    _CHALLENGE,
    MESSAGE,
    1,
    RefusedCommand("P1 01: 6A86", "0084010008", _P1P2),
    RefusedCommand("P1 80: 6A86", "0084800008", _P1P2),
    RefusedCommand("P2 01: 6A86", "0084000108", _P1P2),
    RefusedCommand("P2 FF: 6A86", "008400FF08", _P1P2),
)
refusals(
    cases,
    _CHALLENGE,
    WORDS,
    1,
    *(
        RefusedCommand(
            f"Le {le:02X} is no length of a challenge: 6700", f"00840000{le:02X}", ("6700", "6Cxx")
        )
        for le in (0x01, 0x03, 0x07, 0x09, 0x20, 0xFF)
    ),
)


@cases.command(_CHALLENGE, DATA, 1, "A data field: refused, no challenge", group=PARAMETERS)
def _(trial: Trial) -> None:
    trial.enter()
    trial.refused(trial.whole("00840000020102"), "6700", "6A80", "6Cxx")


def _challenge(number: int, length: int) -> None:
    @cases.command(_CHALLENGE, ANSWER, number, f"Le {length:02X} gives {length} bytes",
                   group=FUNCTION)  # fmt: skip
    def _(trial: Trial) -> None:
        trial.enter()
        reply = trial.expect(trial.whole(f"00840000{length:02X}"), "9000")
        trial.equal(len(reply.data), length, "bytes of the challenge")


for _number, _length in enumerate((4, 8, 16), 1):
    _challenge(_number, _length)


def _collect(trial: Trial, count: int, length: int = 8) -> list[bytes]:
    trial.enter()
    return [trial.challenge(length) for _ in range(count)]


@cases.command(_CHALLENGE, ANSWER, 4, "40 challenges are 40 values", group=FUNCTION)
def _(trial: Trial) -> None:
    found = _collect(trial, 40)
    trial.equal(len(set(found)), 40, "different challenges")


@cases.command(_CHALLENGE, ANSWER, 5, "No byte of a challenge always stays the same",
               group=FUNCTION)  # fmt: skip
def _(trial: Trial) -> None:
    for length in (4, 8, 16):
        columns = list(zip(*_collect(trial, 12, length), strict=True))
        for number, column in enumerate(columns, 1):
            trial.check(len(set(column)) > 1, f"byte {number} to change", "12 times the same")


@cases.command(_CHALLENGE, ANSWER, 6, "A challenge is no counter", group=FUNCTION)
def _(trial: Trial) -> None:
    numbers = [int.from_bytes(value) for value in _collect(trial, 8)]
    steps = {(after - before) % 2**64 for before, after in pairwise(numbers)}
    trial.check(len(steps) > 1, "steps of different size", "the same step each time")


@cases.command(_CHALLENGE, ANSWER, 7, "Challenges are not the same again after a reset",
               group=FUNCTION)  # fmt: skip
def _(trial: Trial) -> None:
    found = []
    for cold in (False, True, False, True):
        trial.reset(cold=cold)
        found += _collect(trial, 3)
    trial.equal(len(set(found)), len(found), "different challenges")


@cases.command(_CHALLENGE, ANSWER, 8, "Every application gives challenges", group=FUNCTION)
def _(trial: Trial) -> None:
    for directory in trial.subject.profile.directories:
        if not trial.subject.statement.lacks(directory.short_name):
            trial.enter(directory.fid)
            trial.expect(trial.whole("0084000008"), "9000")


@cases.command(_CHALLENGE, ANSWER, 9, "The two halves of a challenge differ", group=FUNCTION)
def _(trial: Trial) -> None:
    found = _collect(trial, 4, 16)
    trial.check(any(one[:8] != one[8:] for one in found), "different halves", "equal ones")


refusals(
    cases,
    _INTERNAL,
    MESSAGE,
    1,
    RefusedCommand("P1 01: 6A86", "0088010010" + _SAMPLE * 2, _P1P2),
    RefusedCommand("P2 01: 6A86", "0088000110" + _SAMPLE * 2, (*_P1P2, "6A88")),
    RefusedCommand("P1 FF P2 FF: 6A86", "0088FFFF10" + _SAMPLE * 2, (*_P1P2, "6A88")),
)
refusals(
    cases,
    _INTERNAL,
    WORDS,
    1,
    RefusedCommand("8 bytes: 6700", "0088000008" + _SAMPLE, ("6700", "6A80")),
    RefusedCommand("15 bytes: 6700", "008800000F" + (_SAMPLE * 2)[:30], ("6700", "6A80")),
    RefusedCommand("18 bytes: 6700", "0088000012" + _SAMPLE * 2 + "0101", ("6700", "6A80")),
    RefusedCommand("No data: 6700", "0088000000", ("6700", "6A80")),
    RefusedCommand(
        "A key version that is not there: 6A88",
        "0088000011" + _SAMPLE * 2 + "09",
        ("6A88", "9403", "6A80"),
    ),
    RefusedCommand(
        "Key version 00: 6A88",
        "0088000011" + _SAMPLE * 2 + "00",
        ("6A88", "9403", "6A80"),
    ),
)


@cases.command(_INTERNAL, ANSWER, 1, "16 bytes give 鉴别数据 of 8 bytes", group=FUNCTION)
def _(trial: Trial) -> None:
    trial.enter()
    reply = trial.expect(trial.whole("0088000010" + _SAMPLE * 2), "9000")
    trial.equal(len(reply.data), 8, "bytes of 鉴别数据")


@cases.command(_INTERNAL, ANSWER, 2, "17 bytes, a key version behind, give 8 bytes", group=FUNCTION)
def _(trial: Trial) -> None:
    trial.enter()
    for version in (1, 2, 3):
        reply = trial.expect(trial.whole(f"0088000011{_SAMPLE * 2}0{version}"), "9000")
        trial.equal(len(reply.data), 8, "bytes of 鉴别数据")


def _internal(trial: Trial, data: str) -> bytes:
    return trial.given(trial.whole(f"00880000{len(data) // 2:02X}{data}"), "INTERNAL").data


@cases.command(_INTERNAL, ANSWER, 3, "The same input gives the same 鉴别数据", group=FUNCTION)
def _(trial: Trial) -> None:
    trial.enter()
    first = _internal(trial, _SAMPLE * 2)
    trial.equal(_internal(trial, _SAMPLE * 2), first, "鉴别数据 of the same input")
    trial.reset(cold=True)
    trial.enter()
    trial.equal(_internal(trial, _SAMPLE * 2), first, "鉴别数据 of the same input after reset")


@cases.command(_INTERNAL, ANSWER, 4, "Another 过程因子 or original gives other 鉴别数据",
               group=FUNCTION)  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    other = "1112131415161718"
    inputs = (_SAMPLE + _SAMPLE, other + _SAMPLE, _SAMPLE + other, other + other)
    found = {_internal(trial, data) for data in inputs}
    trial.equal(len(found), 4, "different 鉴别数据")


@cases.command(_INTERNAL, ANSWER, 5, "The three key versions give different 鉴别数据",
               group="6001.3-9.2")  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    found = {_internal(trial, f"{_SAMPLE * 2}0{version}") for version in (1, 2, 3)}
    trial.equal(len(found), 3, "different 鉴别数据")


@cases.command(_INTERNAL, ANSWER, 6, "Without a version key version 1 is used", group="6001.3-9.1")
def _(trial: Trial) -> None:
    trial.enter()
    trial.equal(_internal(trial, _SAMPLE * 2), _internal(trial, _SAMPLE * 2 + "01"), "鉴别数据")


@cases.command(_INTERNAL, WORDS, 7, "In an application there is no IRK: 6A88",
               confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter(trial.subject.profile.applications[0].fid)
    trial.refused(trial.whole("0088000010" + _SAMPLE * 2), "6A88", "6985", "6D00")


@cases.command(_INTERNAL, ANSWER, 7, "A challenge before it is not needed and makes no difference",
               group=FUNCTION)  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    first = _internal(trial, _SAMPLE * 2)
    trial.challenge()
    trial.equal(_internal(trial, _SAMPLE * 2), first, "鉴别数据 after a challenge")


# VERIFY and EXTERNAL AUTHENTICATE without data change nothing; with data see pins.py and
# authentication.py.
refusals(
    cases,
    _VERIFY,
    MESSAGE,
    1,
    RefusedCommand("P1 01: 6A86", "0020010000", (*_P1P2, "6A88")),
    RefusedCommand("P2 01: 6A86", "0020000100", (*_P1P2, "6A88")),
    RefusedCommand("P1 FF P2 FF: 6A86", "0020FFFF00", (*_P1P2, "6A88")),
)
refusals(
    cases,
    _EXTERNAL,
    WORDS,
    1,
    RefusedCommand("No data: 6700", "0082000A00", ("6700", "6A80", "6A88")),
    RefusedCommand("No data and kid 00: 6700", "0082000000", ("6700", "6A80", "6A88")),
)

_BINARY, _RECORD = "READ BINARY", "READ RECORD"
refusals(
    cases,
    _BINARY,
    WORDS,
    1,
    RefusedCommand("No EF is current: 6986", "00B0000008", ("6986", "6A82")),
    RefusedCommand("A record file: 6981", "00B0850008", ("6981",)),
    RefusedCommand("The record file that is current: 6981", "00B0000008", ("6981",), select_issuer),
    RefusedCommand("An SFI without file: 6A82", "00B09C0008", ("6A82",)),
    RefusedCommand(
        "P1 bits 7 and 6 behind bit 8: 6A86", "00B0C50008", ("6A86", "6A81", "6B00", "6A82")
    ),
    RefusedCommand("P1 bit 6 behind bit 8: 6A86", "00B0A50008", ("6A86", "6A81", "6B00", "6A82")),
)
refusals(
    cases,
    _RECORD,
    WORDS,
    1,
    RefusedCommand("No EF is current: 6986", "00B2010400", ("6986", "6A82")),
    RefusedCommand("An SFI without file: 6A82", "00B201E400", ("6A82",)),
    RefusedCommand("Low bits 7 of P2: 6A86", "00B2012F00", ("6A86", "6A81")),
    RefusedCommand("Record FF: 6A83", "00B2FF2C00", ("6A83", "6A86")),
    RefusedCommand("Record 08 of the seven of SSSE EF05: 6A83", "00B2082C00", ("6A83",)),
    RefusedCommand("Record 09 of the seven of SSSE EF05: 6A83", "00B2092C00", ("6A83",)),
    RefusedCommand("All records from 08 on: 6A83", "00B2082D00", ("6A83",)),
    RefusedCommand("An identifier that is not there: 6A83", "00B27F2800", ("6A83",)),
    RefusedCommand("The last of an identifier that is not there: 6A83", "00B27F2900", ("6A83",)),
    RefusedCommand("A data field: 6700", "00B2012C020102", ("6700", "6A80", "6A86")),
)


@cases.command(_RECORD, WORDS, 11, "READ RECORD of a transparent file: 6981")
def _(trial: Trial) -> None:
    for directory in trial.subject.profile.directories:
        for file in directory.files:
            if file.structure.value == "transparent" and file.read.free:
                trial.file(directory.fid, file.fid)
                trial.enter(directory.fid)
                read = bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 4, 0x00))
                trial.refused(trial.whole(read), "6981")


_BALANCE, _DAY, _PROOF = "GET BALANCE", "GET STARTING DAY", "GET TRANSACTION PROOF"
refusals(
    cases,
    _BALANCE,
    WORDS,
    1,
    RefusedCommand(
        "Outside the medical application: refused",
        "B026000104",
        ("6985", "6A81", "6D00", "6E00", "6982", "6A82"),
    ),
)
