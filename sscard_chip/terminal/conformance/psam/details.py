# SPDX-License-Identifier: Apache-2.0
"""A PSAM in detail: names that lead to their own environment, classes, tries, files of keys (PSAM
guide, 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard import commands
from sscard_chip.standard.messages.directory import parse_fci
from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.psam.build import PsamChapter
from sscard_chip.terminal.conformance.psam.trial import PsamTrial
from sscard_chip.terminal.conformance.verdict import NotApplicableError
from sscard_chip.terminal.psam_client import ENVIRONMENTS

_SELECT: Final = PsamChapter("SELECT", "7 SELECT")
_FILES: Final = PsamChapter("FILES", "5 files")
_EXTERNAL: Final = PsamChapter("EXTERNAL", "7 EXTERNAL AUTHENTICATION")
_LOAD: Final = PsamChapter("LOAD", "7 CREATE KEY and CHANGE KEY")
_CLASS: Final = PsamChapter("CLASS", "7 commands")
_M: Final = {"confidence": Confidence.MEDIUM}
_HARM: Final[dict[str, Any]] = {
    "level": Level.DESTRUCTIVE,
    "lasting": 2,
    "needs": frozenset({Need.OWN_KEYS}),
}
_CLASSES: Final = (0x00, 0x04, 0x10, 0x20, 0x80, 0x84, 0xA0, 0xB0, 0xBF)
_WRONG_CLASS: Final = ("6E00", "6D00", "6881", "6882")


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_SELECT(), *_FILES(), *_CLASS(), *_EXTERNAL(), *_LOAD())


@_SELECT.case(9, "The name of an environment selects that one, or is not there: 6A82")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for name in ENVIRONMENTS.values():
        reply = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, name), "9000", "6A82")
        if reply.sw == 0x9000:
            trial.equal(parse_fci(reply.data).get(0x84), name, "tag 84 of the FCI")


@_SELECT.case(10, "The MF is selected by its FID", **_M)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.expect(trial.whole("00A40000023F00"), "9000")


@_FILES.case(18, "001A to 001C name a key index and a key version from 1 to 3", **_M)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for fid in (0x001A, 0x001B, 0x001C):
        data = trial.expect(trial.read(fid, 10), "9000").data
        for place, what in enumerate(("index", "version")):
            trial.check(1 <= data[place] <= 3, f"a key {what} from 1 to 3 in {fid:04X}",
                        f"{data[place]:02X}")  # fmt: skip


def _own_class(number: int, name: str, apdu: str, level: Level) -> None:
    @_CLASS.case(number, f"{name} is known under its own class alone", level=level)
    def _(trial: PsamTrial) -> None:
        trial.enter()
        command = bytes.fromhex(apdu)
        for value in _CLASSES:
            if value != command[0]:
                reply = trial.whole(bytes((value,)) + command[1:])
                trial.refused(reply, *_WRONG_CLASS, what=f"to class {value:02X}")


for _number, (_name, _apdu, _level) in enumerate(
    (
        ("GET CHALLENGE", "0084000008", Level.READ),
        ("DELIVERY SESSION KEY", "BFDE670808" + "00" * 8, Level.SESSION),
        ("CIPHER DATA", "80FA000008" + "00" * 8, Level.SESSION),
        ("INIT SAM FOR PURCHASE", "8070010024" + "00" * 36, Level.WRITE),
        ("CREDIT SAM FOR PURCHASE", "807200000400000000", Level.WRITE),
        ("EXTERNAL AUTHENTICATION", "0082000110" + "00" * 16, Level.WRITE),
        ("CREATE KEY", "84D4001124" + "00" * 36, Level.DESTRUCTIVE),
    ),
    1,
):
    _own_class(_number, _name, _apdu, _level)


@_EXTERNAL.case(32, "Every wrong proof costs a try, also through power-off",
                confidence=Confidence.LOW, **_HARM)  # fmt: skip
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.authenticate(1), "the proof of KID-01")
    left = []
    for _ in range(2):
        trial.reset(cold=True)
        trial.enter()
        left.append(trial.wrong_proof().sw & 0x0F)
        if left[0] < 2:
            raise NotApplicableError("the key has two tries")
    trial.expect(trial.authenticate(1), "9000", what="to the right proof")
    trial.equal(left[1], left[0] - 1, "tries after the second wrong proof")


@_LOAD.case(35, "What is no key file takes no key: refused", **_HARM)
def _(trial: PsamTrial) -> None:
    for file in (0x00, 0x10, 0x14, 0x19, 0x1A, 0xFF):
        trial.reset()
        trial.enter()
        trial.given(trial.authenticate(1), "the proof of KID-01")
        trial.challenge()
        for p1 in (0x00, 0x01):
            head = bytes((0x84, 0xD4, p1, file, 0x24))
            reply = trial.whole(head + bytes(0x24))
            trial.refused(reply, "6A82", "6A86", "6982", "6700", what=f"to file {file:02X}")
