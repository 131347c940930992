# SPDX-License-Identifier: Apache-2.0
"""What READ RECORD and READ BINARY give (LD/T 32.5, 7.9 and 7.10; LD/T 32.3, structures)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import Confidence, FileDeclaration, Structure
from sscard_chip.standard.commands import READ_BINARY, SELECT
from sscard_chip.terminal.conformance.cases.build import Chapter, select_issuer
from sscard_chip.terminal.conformance.groups import ANSWER, FUNCTION, MESSAGE, WORDS
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, UndecidedError

_RECORD, _BINARY = "READ RECORD", "READ BINARY"
_RECORDS: Final = 7
_TAGS: Final = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07)

cases = Chapter(FUNCTION)


def _read(trial: Trial, p1: int, mode: int, sfi: int = 0) -> bytes:
    command = bytes((0x00, 0xB2, p1, sfi << 3 | mode, 0x00))
    reply = trial.whole(command)
    trial.expect(reply, "9000", what=f"to READ RECORD {p1:02X} {sfi << 3 | mode:02X}")
    return reply.data


def _all(trial: Trial) -> list[bytes]:
    """The records of SSSE EF05 by number; it is current afterwards."""
    select_issuer(trial)
    found = []
    for number in range(1, _RECORDS + 1):
        reply = trial.given(
            trial.whole(bytes((0x00, 0xB2, number, 0x04, 0x00))), f"READ RECORD {number}"
        )
        found.append(reply.data)
    return found


@cases.command(_RECORD, ANSWER, 1, "A record by number of the current EF comes as a TLV")
def _(trial: Trial) -> None:
    for number, (record, tag) in enumerate(zip(_all(trial), _TAGS, strict=True), 1):
        trial.equal(record[:1], bytes((tag,)), f"tag of record {number}")
        trial.equal(record[1:2], bytes((len(record) - 2,)), f"length of record {number}")


@cases.command(_RECORD, ANSWER, 2, "A record by number and SFI is the same")
def _(trial: Trial) -> None:
    records = _all(trial)
    trial.enter()
    for number, record in enumerate(records, 1):
        trial.same(_read(trial, number, 4, 5), record, f"record {number}")


@cases.command(_RECORD, ANSWER, 3, "A record by its identifier is whole, with tag and length")
def _(trial: Trial) -> None:
    records = _all(trial)
    for tag, record in zip(_TAGS, records, strict=True):
        trial.same(_read(trial, tag, 0), record, f"record of tag {tag:02X}")


@cases.command(_RECORD, ANSWER, 4, "A record by identifier and SFI is the same")
def _(trial: Trial) -> None:
    records = _all(trial)
    trial.enter()
    for tag, record in zip(_TAGS, records, strict=True):
        trial.same(_read(trial, tag, 0, 5), record, f"record of tag {tag:02X}")


@cases.command(_RECORD, ANSWER, 5, "The last instance of an identifier that stands once is it")
def _(trial: Trial) -> None:
    records = _all(trial)
    for tag, record in zip(_TAGS, records, strict=True):
        trial.same(_read(trial, tag, 1), record, f"last record of tag {tag:02X}")


@cases.command(_RECORD, ANSWER, 6, "P2 5: all records from P1 to the last, in their order")
def _(trial: Trial) -> None:
    records = _all(trial)
    for number in range(1, _RECORDS + 1):
        trial.same(_read(trial, number, 5), b"".join(records[number - 1 :]), f"from {number} on")


@cases.command(_RECORD, ANSWER, 7, "P2 6: all records from the last back to P1")
def _(trial: Trial) -> None:
    records = _all(trial)
    for number in (1, 4, 7):
        backwards = b"".join(reversed(records[number - 1 :]))
        trial.same(_read(trial, number, 6), backwards, f"from the last to {number}")


@cases.command(_RECORD, ANSWER, 8, "The whole SSSE EF05 is read in one answer of 64 bytes")
def _(trial: Trial) -> None:
    trial.enter()
    reply = trial.expect(trial.raw("00B2012D40"), "9000")
    trial.equal(len(reply.data), 0x40, "bytes of SSSE EF05")


@cases.command(_RECORD, ANSWER, 9, "Record number 00 is the record read before",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    records = _all(trial)
    trial.same(_read(trial, 3, 4), records[2], "record 3")
    trial.same(_read(trial, 0, 4), records[2], "the current record")


@cases.command(_RECORD, ANSWER, 10, "Next and previous go through the records",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    records = _all(trial)
    trial.same(_read(trial, 0, 0), records[0], "first record")
    trial.same(_read(trial, 0, 2), records[1], "next record")
    trial.same(_read(trial, 0, 2), records[2], "next record")
    trial.same(_read(trial, 0, 3), records[1], "previous record")
    trial.same(_read(trial, 0, 1), records[-1], "last record")


@cases.command(_RECORD, WORDS, 12, "After the last record next is 6A83",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    _all(trial)
    trial.refused(trial.whole("00B2000200"), "6A83")


@cases.command(_RECORD, WORDS, 13, "Of an identifier that stands once there is no next",
               confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    _all(trial)
    trial.given(trial.whole("00B2030000"), "READ RECORD of tag 03")
    trial.refused(trial.whole("00B2030200"), "6A83")


@cases.command(_RECORD, WORDS, 14, "A failed READ RECORD keeps the current EF")
def _(trial: Trial) -> None:
    records = _all(trial)
    for apdu in ("00B2FF0400", "00B201E400", "00B2010700"):
        trial.given_word(trial.whole(apdu), "6xxx")
        trial.same(_read(trial, 2, 4), records[1], "record 2 of the current EF")


@cases.command(_RECORD, ANSWER, 11, "The exact Le gives the record at once")
def _(trial: Trial) -> None:
    for number, record in enumerate(_all(trial), 1):
        reply = trial.raw(bytes((0x00, 0xB2, number, 0x04, len(record))))
        trial.expect(reply, "9000")
        trial.same(reply.data, record, f"record {number}")


@cases.command(_RECORD, ANSWER, 12, "Reading changes nothing: the same records again and after "
               "a reset")  # fmt: skip
def _(trial: Trial) -> None:
    records = _all(trial)
    trial.check(_all(trial) == records, "the same records")
    trial.reset(cold=True)
    trial.check(_all(trial) == records, "the same records after a reset")


@cases.command(_RECORD, ANSWER, 13, "A cyclic record has no tag and its declared length",
               needs=frozenset(), confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    for directory in trial.subject.profile.directories:
        for file in directory.files:
            if file.structure is Structure.CYCLIC and file.read.free:
                trial.enter(directory.fid)
                reply = trial.whole(bytes((0x00, 0xB2, 1, file.sfi << 3 | 4, 0x00)))
                trial.expect(reply, "9000", "6A83")
                if reply.sw == 0x9000:
                    trial.equal(len(reply.data), file.record_length, "bytes of the record")
                return
    raise NotApplicableError("no cyclic file is read free")


# --- READ BINARY ---------------------------------------------------------------------------------


def _free_binary(trial: Trial) -> FileDeclaration:
    """A transparent file that everybody may read; its directory is current."""
    for directory in trial.subject.profile.directories:
        if trial.subject.statement.lacks(directory.short_name):
            continue
        for file in directory.files:
            here = trial.subject.file(directory.fid, file.fid) is not None
            if here and file.structure is Structure.TRANSPARENT and file.read.free:
                trial.enter(directory.fid)
                return file
    raise NotApplicableError("no transparent file is read free")


def _selected(trial: Trial) -> FileDeclaration:
    file = _free_binary(trial)
    trial.given(trial.send(SELECT, 0x02, 0x00, file.fid.to_bytes(2)), "SELECT of the file")
    return file


def _bytes(trial: Trial, offset: int, le: int) -> bytes:
    reply = trial.send(READ_BINARY, offset >> 8, offset & 0xFF, le=le)
    trial.expect(reply, "9000", what=f"to READ BINARY at {offset:04X}")
    return reply.data


@cases.command(_BINARY, ANSWER, 1, "Le bytes from an offset")
def _(trial: Trial) -> None:
    _selected(trial)
    whole = _bytes(trial, 0, 0x80)
    trial.equal(len(whole), 0x80, "bytes at 0000")
    for offset, length in ((0, 1), (0, 16), (1, 16), (0x40, 0x40), (0x7F, 1)):
        trial.same(
            _bytes(trial, offset, length), whole[offset : offset + length], f"bytes at {offset:04X}"
        )


@cases.command(_BINARY, ANSWER, 2, "By SFI the same bytes, the offset in P2")
def _(trial: Trial) -> None:
    file = _selected(trial)
    whole = _bytes(trial, 0, 0x80)
    _free_binary(trial)
    for offset in (0, 1, 0x40):
        reply = trial.send(READ_BINARY, 0x80 | file.sfi, offset, le=0x20)
        trial.expect(reply, "9000")
        trial.same(reply.data, whole[offset : offset + 0x20], f"bytes at {offset:02X}")


@cases.command(_BINARY, ANSWER, 3, "Le 00 gives 256 bytes, or all to the end")
def _(trial: Trial) -> None:
    file = _selected(trial)
    reply = trial.raw("00B0000000")
    trial.expect(reply, "9000", "61xx", "6C00")
    if reply.sw == 0x9000:
        trial.equal(len(reply.data), min(256, file.size), "bytes for Le 00")


@cases.command(_BINARY, ANSWER, 4, "The whole file has its declared size")
def _(trial: Trial) -> None:
    file = _selected(trial)
    content = b""
    while len(content) < file.size:
        part = _bytes(trial, len(content), min(0xF0, file.size - len(content)))
        if not part:
            raise UndecidedError("READ BINARY gave nothing")
        content += part
    trial.equal(len(content), file.size, "bytes of the file")
    trial.refused(trial.send(READ_BINARY, file.size >> 8, file.size & 0xFF, le=1), "6B00", "6A86")


@cases.command(_BINARY, ANSWER, 5, "The last byte can be read")
def _(trial: Trial) -> None:
    file = _selected(trial)
    trial.equal(len(_bytes(trial, file.size - 1, 1)), 1, "bytes at the last offset")


@cases.command(_BINARY, ANSWER, 6, "Across the end: what is there, or 6Cxx with its length")
def _(trial: Trial) -> None:
    file = _selected(trial)
    at = file.size - 4
    reply = trial.raw(bytes((0x00, 0xB0, at >> 8, at & 0xFF, 0x10)))
    trial.expect(reply, "9000", "6C04", "6282", "6700")
    if reply.sw == 0x9000:
        trial.equal(len(reply.data), 4, "bytes before the end")


@cases.command(_BINARY, WORDS, 7, "An offset at the end or behind it: 6B00")
def _(trial: Trial) -> None:
    file = _selected(trial)
    for offset in (file.size, file.size + 1, 0x7FFF):
        trial.refused(trial.send(READ_BINARY, offset >> 8, offset & 0xFF, le=1), "6B00")


@cases.command(_BINARY, MESSAGE, 1, "By SFI the file becomes current")
def _(trial: Trial) -> None:
    file = _free_binary(trial)
    first = trial.expect(trial.send(READ_BINARY, 0x80 | file.sfi, 0, le=8), "9000").data
    trial.same(_bytes(trial, 0, 8), first, "bytes of the current file")


@cases.command(_BINARY, ANSWER, 7, "Reading changes nothing")
def _(trial: Trial) -> None:
    _selected(trial)
    first = _bytes(trial, 0, 0x40)
    trial.same(_bytes(trial, 0, 0x40), first, "the same bytes")
    trial.reset(cold=True)
    _selected(trial)
    trial.same(_bytes(trial, 0, 0x40), first, "the same bytes after a reset")
