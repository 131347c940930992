# SPDX-License-Identifier: Apache-2.0
"""Environments, files and challenges of a PSAM (PSAM guide, 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import PSAM_AID, PSAM_COUNTRY
from sscard_chip.standard.messages.directory import parse_fci
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.psam.build import PsamChapter
from sscard_chip.terminal.conformance.psam.trial import PsamTrial
from sscard_chip.terminal.psam_client import ENVIRONMENTS

_FILES: Final = PsamChapter("FILES", "5 files")
_SELECT: Final = PsamChapter("SELECT", "7 SELECT")
_CHALLENGE: Final = PsamChapter("CHALLENGE", "7 GET CHALLENGE")
_KEY_FILES: Final = (0x0011, 0x0012, 0x0013)
_INFORMATION: Final = (0x001A, 0x001B, 0x001C)
_M: Final = {"confidence": Confidence.MEDIUM}


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_SELECT(), *_FILES(), *_CHALLENGE())


# --- SELECT --------------------------------------------------------------------------------------


@_SELECT.case(1, "the environment is selected by its name; its FCI has that name")
def _(trial: PsamTrial) -> None:
    name = ENVIRONMENTS[trial.algorithm]
    reply = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, name), "9000")
    trial.equal(parse_fci(reply.data).get(0x84), name, "tag 84 of the FCI")


@_SELECT.case(2, "DF01 is selected by its AID; its FCI is 6F with tag 84 alone")
def _(trial: PsamTrial) -> None:
    trial.enter(application=False)
    reply = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, PSAM_AID), "9000")
    trial.equal(reply.data, b"\x6f\x08\x84\x06" + PSAM_AID, "FCI of DF01")


@_SELECT.case(3, "DF01 is selected by its FID too")
def _(trial: PsamTrial) -> None:
    trial.enter(application=False)
    trial.expect(trial.whole("00A4000002DF01"), "9000")
    trial.expect(trial.read(0x0019, 4), "9000")


@_SELECT.case(4, "SELECT of a file answers no FCI")
def _(trial: PsamTrial) -> None:
    trial.enter()
    reply = trial.expect(trial.whole("00A40200020019"), "9000")
    trial.equal(len(reply.data), 0, "data bytes")


@_SELECT.case(5, "What is not there: 6A82")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for apdu in ("00A40200020FFF", "00A4000002DF09", "00A4040005A000000999"):
        trial.refused(trial.whole(apdu), "6A82")


@_SELECT.case(6, "Wrong P1 and P2: 6A86")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for apdu in ("00A4070002DF01", "00A4027F020019"):
        trial.refused(trial.whole(apdu), "6A86", "6A81")


@_SELECT.case(7, "The other environment and back", **_M)
def _(trial: PsamTrial) -> None:
    trial.enter()
    first = trial.expect(trial.read(0x0019, 4), "9000").data
    for other in trial.subject.environments:
        trial.given(trial.send(commands.SELECT, 0x04, 0x00, ENVIRONMENTS[other]), "SELECT")
    trial.enter()
    trial.equal(trial.expect(trial.read(0x0019, 4), "9000").data, first, "0019")


@_SELECT.case(8, "Unknown instructions and classes: 6D00 and 6E00")
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.refused(trial.whole("0002000000"), "6D00")
    trial.refused(trial.whole("0020000000"), "6D00")
    for apdu in ("E084000008", "A084000008"):
        trial.refused(trial.raw(apdu), "6E00", "6D00")


# --- files ---------------------------------------------------------------------------------------


def _length(number: int, fid: int, length: int, name: str, *, application: bool) -> None:
    @_FILES.case(number, f"{fid:04X} {name} is read free: {length} bytes and no more")
    def _(trial: PsamTrial) -> None:
        trial.enter(application=application)
        reply = trial.expect(trial.read(fid, length), "9000")
        trial.equal(len(reply.data), length, f"bytes of {fid:04X}")
        beyond = trial.whole(bytes((0x00, 0xB0, 0x00, length, 0x01)))
        trial.refused(beyond, "6B00", "6A86", "6700", what="behind the end")


for _number, (_fid, _size, _name, _inside) in enumerate(
    (
        (0x0015, 15, "卡片公共信息文件", False),
        (0x0016, 6, "终端信息文件", False),
        (0x0019, 4, "终端交易序号文件", True),
        (0x001A, 10, "国家级应用信息文件", True),
        (0x001B, 10, "省级应用信息文件", True),
        (0x001C, 10, "地市级应用信息文件", True),
    ),
    1,
):
    _length(_number, _fid, _size, _name, application=_inside)


@_FILES.case(11, "The terminal's number is 12 digits, the serial number 20")
def _(trial: PsamTrial) -> None:
    trial.enter(application=False)
    terminal = trial.expect(trial.read(0x0016, 6), "9000").data
    trial.check(terminal.hex().isdecimal(), "12 digits in 0016", "other nibbles")
    public = trial.expect(trial.read(0x0015, 15), "9000").data
    trial.check(public[1:11].hex().isdecimal(), "20 digits in 0015", "other nibbles")


@_FILES.case(12, "0015 and 0016 are read by SFI below the environment", **_M)
def _(trial: PsamTrial) -> None:
    trial.enter(application=False)
    terminal = trial.expect(trial.read(0x0016, 6), "9000").data
    trial.enter(application=False)
    trial.equal(trial.expect(trial.whole("00B0960006"), "9000").data, terminal, "0016 by SFI")
    trial.equal(len(trial.expect(trial.whole("00B095010A"), "9000").data), 10, "bytes by SFI")


@_FILES.case(13, "First and last day of 001A to 001C are days, the first before the last")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for fid in _INFORMATION:
        data = trial.expect(trial.read(fid, 10), "9000").data
        first, last = data[2:6].hex(), data[6:].hex()
        trial.check(
            first.isdecimal() and last.isdecimal() and first <= last,
            f"two days in {fid:04X}, the first before the last", "something else",
        )  # fmt: skip


@_FILES.case(14, "Keys are never read")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for fid in _KEY_FILES:
        trial.send(commands.SELECT, 0x02, 0x00, fid.to_bytes(2))
        for apdu in ("00B0000010", "00B2010400", "00B0000000", "00B2010500"):
            reply = trial.whole(apdu)
            trial.refused(reply, "69xx", "6Axx", what=f"to reading of {fid:04X}")
        for apdu in (f"00B0{0x80 | fid & 0x1F:02X}0010", f"00B201{(fid & 0x1F) << 3 | 4:02X}00"):
            trial.refused(trial.whole(apdu), "69xx", "6Axx", what=f"to reading of {fid:04X}")


@_FILES.case(15, "DIR names DF01", **_M)
def _(trial: PsamTrial) -> None:
    trial.enter(application=False)
    found = b""
    for number in range(1, 16):
        reply = trial.whole(bytes((0x00, 0xB2, number, 0x0C, 0x00)))
        if reply.sw != 0x9000:
            trial.refused(reply, "6A83")
            break
        found += reply.data
    trial.check(b"\x4f\x06" + PSAM_AID in found, "an entry with the AID of DF01", "none")


@_FILES.case(16, "0019 is never written from outside", level=Level.WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    before = trial.number()
    for apdu in ("00D6000004" + "00000009", "00D6990004" + "00000009"):
        trial.refused(trial.whole(apdu), "6982", "6985", "6900", "6D00", "6986")
    trial.equal(trial.number(), before, "终端交易序号")


@_FILES.case(17, "The public files are not written without their key", level=Level.WRITE)
def _(trial: PsamTrial) -> None:
    for fid, length, inside in ((0x0015, 15, False), (0x0016, 6, False), (PSAM_COUNTRY, 10, True)):
        trial.enter(application=inside)
        before = trial.given(trial.read(fid, length)).data
        reply = trial.whole(bytes((0x00, 0xD6, 0x00, 0x00, length)) + before)
        trial.refused(reply, "6982", "6985", "6900", "6D00", what=f"to writing {fid:04X}")
        trial.same(trial.given(trial.read(fid, length)).data, before, f"{fid:04X}")


# --- challenges ----------------------------------------------------------------------------------


@_CHALLENGE.case(1, "Challenges of 4 and 8 bytes, of 16 in the SM4 environment alone")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for length in (4, 8):
        reply = trial.expect(trial.whole(f"00840000{length:02X}"), "9000")
        trial.equal(len(reply.data), length, "bytes of the challenge")
    if trial.block == 16:
        trial.equal(len(trial.expect(trial.whole("0084000010"), "9000").data), 16, "bytes")
    else:
        trial.refused(trial.whole("0084000010"), "6700", "6Cxx")


@_CHALLENGE.case(2, "Other lengths: 6700")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for length in (0x01, 0x05, 0x0C, 0x20):
        trial.refused(trial.raw(f"00840000{length:02X}"), "6700", "6Cxx")


@_CHALLENGE.case(3, "P1 and P2 other than 00: 6A86")
def _(trial: PsamTrial) -> None:
    trial.enter()
    for header in ("00840100", "00840001"):
        trial.refused(trial.whole(header + "08"), "6A86")


@_CHALLENGE.case(4, "No two challenges are equal, also the first after a reset")
def _(trial: PsamTrial) -> None:
    found = []
    for _ in range(4):
        trial.reset()
        trial.enter()
        found += [trial.challenge() for _ in range(8)]
    trial.equal(len(set(found)), len(found), "different challenges")
    trial.equal(len({one[:4] for one in found}), len(found), "different first halves")
    trial.equal(len({one[4:] for one in found}), len(found), "different second halves")
