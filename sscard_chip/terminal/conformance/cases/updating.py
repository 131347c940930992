# SPDX-License-Identifier: Apache-2.0
"""UPDATE BINARY and UPDATE RECORD write what they name and nothing else; a PIN that is set anew
(LD/T 32.5, 7.8, 7.12 and 7.13)."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from sscard_chip.profile.model import Confidence, FileDeclaration, KeyUse, Structure
from sscard_chip.standard import commands
from sscard_chip.standard.commands import before_mac
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.standard.keys import PUK_KID, STK_KID
from sscard_chip.terminal.conformance.cases.build import KEYS_NEEDED, PIN_AND_KEYS, Chapter
from sscard_chip.terminal.conformance.cases.wrong import other_pin
from sscard_chip.terminal.conformance.groups import ANSWER, FUNCTION, WORDS
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_BINARY, _RECORD, _UNBLOCK = "UPDATE BINARY", "UPDATE RECORD", "PIN CHANGE/UNBLOCK"
_WRITE: Final[dict[str, Any]] = {"level": Level.WRITE, "needs": KEYS_NEEDED}
_PIECE: Final = 64
_LINEAR: Final = (Structure.LINEAR_VARIABLE, Structure.LINEAR_FIXED)

cases = Chapter(FUNCTION)


class _Open:
    """A file that a key writes, with the rights to read and to write it."""

    def __init__(self, trial: Trial, *structures: Structure) -> None:
        self.trial = trial
        self.directory, self.file = self._find(structures)

    def _find(self, structures: tuple[Structure, ...]) -> tuple[int, FileDeclaration]:
        for directory in self.trial.subject.profile.directories:
            for file in directory.files:
                here = self.trial.subject.file(directory.fid, file.fid) is not None
                fit = file.structure in structures and file.write.kid is not None
                many = len(file.items) > 2 or file.structure is Structure.TRANSPARENT
                closed = file.read.never or file.secure_messaging
                if here and fit and many and not closed and file.read.kid != file.write.kid:
                    return directory.fid, file
        raise NotApplicableError("a terminal writes no such file")

    def read(self) -> list[bytes]:
        """Every record, or the first bytes."""
        trial, file = self.trial, self.file
        trial.reset()
        trial.enter(self.directory)
        if not file.read.free:
            trial.satisfy(file.read, self.directory, prefer_pin=bool(trial.subject.pin))
        if file.structure is Structure.TRANSPARENT:
            reply = trial.send(commands.READ_BINARY, 0x80 | file.sfi, 0, le=_PIECE)
            return [trial.given(reply, "READ BINARY").data]
        found: list[bytes] = []
        while len(found) < len(file.items) + 1:
            number = len(found) + 1
            reply = trial.whole(bytes((0x00, 0xB2, number, file.sfi << 3 | 4, 0x00)))
            if reply.sw != 0x9000:
                break
            found.append(reply.data)
        return found

    def write(self, p1: int, p2: int, data: bytes) -> CardReply:
        """The command, with the right to write."""
        trial = self.trial
        trial.reset()
        trial.enter(self.directory)
        trial.satisfy(self.file.write, self.directory)
        transparent = self.file.structure is Structure.TRANSPARENT
        command = commands.UPDATE_BINARY if transparent else commands.UPDATE_RECORD
        return trial.send(command, p1, p2, data)


def _restored(opened: _Open, p1: int, p2: int, before: bytes) -> None:
    reply = opened.write(p1, p2, before)
    opened.trial.expect(reply, "9000", what="to writing the old bytes back")


@cases.command(_BINARY, ANSWER, 1, "At an offset the bytes there are written, and no others",
               **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    opened = _Open(trial, Structure.TRANSPARENT)
    before = opened.read()[0]
    first = 0x80 | opened.file.sfi
    for offset, length in ((0x11, 8), (0x01, 1), (0x20, 16)):
        new = bytes(one ^ 0x5A for one in before[offset : offset + length])
        old = before[offset : offset + length]
        trial.afterwards(partial(_restored, opened, first, offset, old))
        trial.expect(opened.write(first, offset, new), "9000")
        expected = before[:offset] + new + before[offset + length :]
        trial.same(opened.read()[0], expected, f"bytes after writing {length} at {offset:02X}")
        trial.expect(opened.write(first, offset, old), "9000")
        trial.same(opened.read()[0], before, "bytes after writing the old ones")


@cases.command(_BINARY, WORDS, 1, "Behind the end and across it: refused, nothing written",
               confidence=Confidence.MEDIUM, **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    opened = _Open(trial, Structure.TRANSPARENT)
    before = opened.read()[0]
    size = opened.file.size
    for at, length in ((size, 1), (size - 2, 8)):
        opened.write(0x80 | opened.file.sfi, 0, before[:1])
        reply = trial.send(commands.UPDATE_BINARY, at >> 8, at & 0xFF, bytes(length))
        trial.refused(reply, "6B00", "6A84", "6700", "6A86")
    trial.same(opened.read()[0], before, "the first bytes")


@cases.command(_BINARY, WORDS, 2, "UPDATE BINARY of a file of records: 6981", **_WRITE)
def _(trial: Trial) -> None:
    opened = _Open(trial, *_LINEAR)
    before = opened.read()
    opened.write(0x01, opened.file.sfi << 3 | 4, before[0])
    reply = trial.send(commands.UPDATE_BINARY, 0x80 | opened.file.sfi, 0, b"\x00")
    trial.refused(reply, "6981")
    trial.check(opened.read() == before, "the same records", "others")


@cases.command(_RECORD, ANSWER, 2, "A number names the record that is written, no other changes",
               **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _one_record(trial, by_tag=False)


@cases.command(_RECORD, ANSWER, 3, "An identifier names the record that is written",
               confidence=Confidence.MEDIUM, **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _one_record(trial, by_tag=True)


def _one_record(trial: Trial, *, by_tag: bool) -> None:
    opened = _Open(trial, *_LINEAR)
    before = opened.read()
    tags = [one[:1] for one in before]
    for place in (2, len(before)):
        old = before[place - 1]
        if by_tag and tags.count(old[:1]) > 1:
            continue
        new = old[:2] + bytes(one ^ 0x01 for one in old[2:])
        p1 = old[0] if by_tag else place
        p2 = opened.file.sfi << 3 | (0 if by_tag else 4)
        trial.afterwards(partial(_restored, opened, p1, p2, old))
        trial.expect(opened.write(p1, p2, new), "9000")
        expected = [*before[: place - 1], new, *before[place:]]
        trial.check(opened.read() == expected, f"record {place} changed, no other", "others")
        trial.expect(opened.write(p1, p2, old), "9000")
        trial.check(opened.read() == before, "the records as they were", "others")


@cases.command(_RECORD, WORDS, 1, "UPDATE RECORD of a transparent file: 6981", **_WRITE)
def _(trial: Trial) -> None:
    opened = _Open(trial, Structure.TRANSPARENT)
    before = opened.read()
    opened.write(0x80 | opened.file.sfi, 0, before[0][:1])
    reply = trial.send(commands.UPDATE_RECORD, 0x01, opened.file.sfi << 3 | 4, b"\x01\x01\x00")
    trial.refused(reply, "6981")
    trial.check(opened.read() == before, "the same bytes", "others")


# --- a PIN that is set anew ----------------------------------------------------------------------

_RELOAD: Final[dict[str, Any]] = {
    "level": Level.DESTRUCTIVE,
    "needs": PIN_AND_KEYS,
    "lasting": 2,
}


def _set_pin(trial: Trial, pin: bytes) -> bytes:
    """PIN CHANGE/UNBLOCK with a new PIN, after PUK and a challenge."""
    trial.enter()
    trial.given(trial.authenticate(trial.key(PUK_KID, SSSE)), "the proof of PUK")
    stk = trial.key(STK_KID, SSSE, KeyUse.MAINTENANCE)
    session = trial.secrets.session(stk, trial.challenge())
    head = commands.PIN_CHANGE_UNBLOCK.header(0x00, 0x01)
    message = before_mac(head, session.encipher(pin))
    return message + session.mac(message)


def _ready(trial: Trial) -> tuple[bytes, bytes]:
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")
    trial.enter()
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    trial.spare_tries()
    return trial.subject.pin, other_pin(trial.subject.pin)


@cases.command(_UNBLOCK, ANSWER, 1, "With PUK and STK a new PIN is set; the old one is wrong then",
               **_RELOAD)  # fmt: skip
def _(trial: Trial) -> None:
    old, new = _ready(trial)
    tries = trial.pin_tries()
    trial.afterwards(
        lambda: _see(trial, trial.whole(_set_pin(trial, old)), "to setting the old PIN again")
    )
    trial.expect(trial.whole(_set_pin(trial, new)), "9000")
    trial.reset(cold=True)
    trial.enter()
    trial.equal(trial.pin_tries(), tries, "tries of the new PIN")
    trial.expect(trial.wrong(commands.VERIFY.apdu(data=old)), "63Cx", what="to the old PIN")
    trial.expect(trial.wrong(commands.VERIFY.apdu(data=new)), "9000", what="to the new PIN")


def _see(trial: Trial, reply: CardReply, what: str) -> None:
    trial.expect(reply, "9000", what=what)


@cases.command(_UNBLOCK, WORDS, 2, "A new PIN with a wrong MAC: 6988, the old one stays",
               **_RELOAD)  # fmt: skip
def _(trial: Trial) -> None:
    _, new = _ready(trial)
    apdu = _set_pin(trial, new)
    trial.refused(trial.whole(apdu[:-2] + bytes((apdu[-2] ^ 4, apdu[-1]))), "6988")
    trial.refused(trial.whole(apdu), "6984", "6985", what="to a second MAC of one challenge")
    trial.expect(trial.verify_pin(), "9000", what="to the old PIN")
