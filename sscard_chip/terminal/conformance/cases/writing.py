# SPDX-License-Identifier: Apache-2.0
"""Who may write every file, and that what was written is there; everything is put back (LD/T 32.5,
7.12 and 7.13; LD/T 6001.3, 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sscard_chip.profile.model import FileDeclaration, KeyUse, Structure
from sscard_chip.standard.commands import READ_BINARY, UPDATE_BINARY, UPDATE_RECORD
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.terminal.conformance.case import Case, Judge
from sscard_chip.terminal.conformance.cases.build import KEYS_NEEDED
from sscard_chip.terminal.conformance.cases.files import SweptFile, swept_files
from sscard_chip.terminal.conformance.groups import safety_group
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_PIECE = 16


def _content(trial: Trial, directory: int, file: FileDeclaration) -> bytes:
    """The first record or bytes as they are, read with the right to; the card is reset after."""
    if file.structure is not Structure.TRANSPARENT and not file.items:
        raise NotApplicableError("the file has no records")
    trial.enter(directory)
    if not file.read.free:
        trial.satisfy(file.read, directory, prefer_pin=bool(trial.subject.pin))
    content = trial.given(_read(trial, file), "reading what is there").data
    trial.reset()
    trial.enter(directory)
    return content


def _read(trial: Trial, file: FileDeclaration) -> CardReply:
    if file.structure is Structure.TRANSPARENT:
        return trial.send(READ_BINARY, 0x80 | file.sfi, 0, le=_PIECE)
    return trial.whole(bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 4, 0x00)))


def _write(trial: Trial, file: FileDeclaration, content: bytes) -> CardReply:
    if file.structure is Structure.TRANSPARENT:
        return trial.send(UPDATE_BINARY, 0x80 | file.sfi, 0, content)
    return trial.send(UPDATE_RECORD, 0x01, file.sfi << 3 | 4, content)


def _writable(trial: Trial, directory: int, fid: int) -> FileDeclaration:
    file = trial.file(directory, fid)
    if file.structure is Structure.CYCLIC:
        raise NotApplicableError("what is written to a cyclic file cannot be put back")
    return file


def judge_closed(directory: int, fid: int) -> Judge:
    """Without a right nobody writes, not even what is there already."""

    def judge(trial: Trial) -> None:
        file = _writable(trial, directory, fid)
        content = _content(trial, directory, file)
        trial.refused(_write(trial, file, content), "6982", what="to writing without a right")
        if trial.subject.pin and trial.subject.tries is not None:
            trial.given(trial.verify_pin(), "VERIFY of the given PIN")
            trial.refused(_write(trial, file, content), "6982", what="to writing with the PIN")

    return judge


def judge_other_keys(directory: int, fid: int) -> Judge:
    """No key but that of the rule opens a file for writing."""

    def judge(trial: Trial) -> None:
        file = _writable(trial, directory, fid)
        content = _content(trial, directory, file)
        keys = [*trial.directory(directory).keys]
        if directory != SSSE:
            keys += trial.subject.profile.environment.keys
        for key in keys:
            if key.use is not KeyUse.EXTERNAL or key.kid == file.write.kid:
                continue
            trial.reset()
            trial.enter(directory)
            trial.given(trial.authenticate(key), f"the proof of {key.root}")
            trial.refused(_write(trial, file, content), "6982", what=f"to writing with {key.root}")

    return judge


def judge_key(directory: int, fid: int) -> Judge:
    """With its key a file is written; the new bytes are there, also after a power-off."""

    def judge(trial: Trial) -> None:
        file = _writable(trial, directory, fid)
        if file.write.never:
            raise NotApplicableError("nobody writes it")
        before = _content(trial, directory, file)
        head = 0 if file.structure is Structure.TRANSPARENT else 2
        changed = before[:head] + bytes(byte ^ 0x01 for byte in before[head:])

        def put(content: bytes) -> CardReply:
            trial.reset()
            trial.enter(directory)
            trial.satisfy(file.write, directory)
            return _write(trial, file, content)

        trial.afterwards(lambda: _put_back(trial, put, before))
        trial.expect(put(changed), "9000", what="to writing with the key")
        for cold in (False, True):
            trial.reset(cold=cold)
            trial.enter(directory)
            if not file.read.free:
                trial.satisfy(file.read, directory, prefer_pin=bool(trial.subject.pin))
            found = trial.expect(_read(trial, file), "9000", what="to reading what was written")
            trial.same(found.data, changed, "what was written")

    return judge


def _put_back(trial: Trial, put: Callable[[bytes], CardReply], before: bytes) -> None:
    trial.expect(put(before), "9000", what="to writing the old bytes back")


def judge_form(directory: int, fid: int) -> Judge:
    """A record of wrong form is refused and changes nothing."""

    def judge(trial: Trial) -> None:
        file = _writable(trial, directory, fid)
        if file.write.never or file.structure is Structure.TRANSPARENT:
            raise NotApplicableError("it has no records to write")
        before = _content(trial, directory, file)
        words = ("6A85", "6700", "6A80", "6A84")
        for record in (
            before[:1] + bytes((before[1] ^ 1,)) + before[2:],
            before[:-1],
            bytes((before[0] ^ 0x40,)) + before[1:],
        ):
            trial.reset()
            trial.enter(directory)
            trial.satisfy(file.write, directory)
            trial.refused(_write(trial, file, record), *words, what="to a record of wrong form")
        trial.reset()
        trial.enter(directory)
        if not file.read.free:
            trial.satisfy(file.read, directory, prefer_pin=bool(trial.subject.pin))
        trial.same(trial.given(_read(trial, file)).data, before, "the record as it was")

    return judge


_Maker = Callable[[int, int], Judge]


def _of_file(swept: SweptFile) -> Iterator[Case]:
    if swept.of(Structure.AMOUNT, Structure.CYCLIC):
        return

    def case(kind: str, title: str, make: _Maker, **more: Any) -> Case:
        group = safety_group(swept.directory.short_name)
        return Case(
            identifier=f"SSC-32.6-{swept.name}-{kind}",
            title=f"{swept.name}: {title}",
            clauses=(swept.clause, f"LD/T {group}"),
            group=group,
            judge=make(swept.directory.fid, swept.fid),
            confidence=swept.confidence,
            generations=swept.generations,
            level=Level.WRITE,
            **more,
        )

    yield case("write-closed", "nobody writes without a right, or with the PIN", judge_closed)
    keys = {"needs": KEYS_NEEDED}
    yield case("write-other-keys", "no other key writes it", judge_other_keys, **keys)
    yield case("write-key", "its key writes it, and it stays", judge_key, **keys)
    if not swept.of(Structure.TRANSPARENT):
        yield case("write-form", "a record of wrong form changes nothing", judge_form, **keys)


def cases() -> Iterator[Case]:
    """Cases of every file that can be written and put back."""
    for swept in swept_files():
        yield from _of_file(swept)
