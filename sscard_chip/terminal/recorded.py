# SPDX-License-Identifier: Apache-2.0
"""A card that was read once, and answers the same for ever: ``sscard-recorded-card/1``.

The file is JSON: the ATR, and for each directory that was entered how it was selected, what it
answered, and its files with their records or bytes as they were read. Records are found by number
and by tag, bytes at any offset; what was refused is refused again. Random numbers are drawn anew.
What was not read answers 6D00 for an instruction that was never sent, else 6F00.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from sscard_chip.reader.interface import ContactInterface, ContactlessInterface
from sscard_chip.standard.commands import (
    GET_CHALLENGE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
)
from sscard_chip.standard.documents import Broken, Document, DocumentError, Model, rule
from sscard_chip.standard.identifiers import MF, SFI_MASK
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.placeholders import historical_bytes

RECORDED_FORMAT: Final = "sscard-recorded-card/1"
MAX_FILES: Final = 32
BY_NUMBER, BY_TAG = 0x04, 0x00
"""Lower three bits of P2 in READ RECORD: P1 is a number, or a tag of which the first is meant."""
BY_SFI: Final = 0x80
"""In P1 of READ BINARY: the lower bits are an SFI, P2 the offset."""
_MF_COMMAND: Final = SELECT.apdu(data=MF.to_bytes(2)).hex().upper()
_MOST_DATA: Final = 256
_EF, _BY_NAME = 0xEF, 0x04
_NUMBER_BITS: Final = 0x07

_Hex = Annotated[str, rule("must be hexadecimal", pattern="(?:[0-9A-Fa-f]{2})*")]
_Word = Annotated[str, rule("must be 4 hex digits", pattern="[0-9A-Fa-f]{4}")]


class RecordedCardError(DocumentError):
    """A recorded card that cannot be read; file, places and rules."""


class RecordedFile(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A file: its records, or its bytes, or what it refused to be read with."""

    WHAT = "a file"

    sfi: Annotated[int, rule(ge=1, le=30)]
    selected: Annotated[_Hex | None, rule(title="Answer to SELECT by its FID")] = None
    records: list[_Hex] | None = None
    content: _Hex | None = None
    refused: Annotated[_Word | None, rule(title="Status word of READ")] = None

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """One of the three."""
        three = [good.get(name, "") is not None for name in ("records", "content", "refused")]
        if all(name in good for name in ("records", "content", "refused")) and sum(three) != 1:
            yield (), "must have one of records, content and refused"


class RecordedExchange(Model, frozen=True, kw_only=True):
    """Another command, and the whole answer."""

    WHAT = "an exchange"

    command: Annotated[str, rule("must be 8 hex digits or more", pattern="(?:[0-9A-Fa-f]{2}){4,}")]
    answer: Annotated[str, rule("must be 4 hex digits or more", pattern="(?:[0-9A-Fa-f]{2}){2,}")]


class RecordedDirectory(Model, frozen=True, kw_only=True):
    """A directory: the commands that enter it, their answer, and what is in it."""

    WHAT = "a directory"

    select: list[_Hex]
    answer: Annotated[str, rule("must be 4 hex digits or more", pattern="(?:[0-9A-Fa-f]{2}){2,}")]
    files: list[RecordedFile] = []
    exchanges: list[RecordedExchange] = []

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """A way in, and bounds."""
        if not good.get("select", True):
            yield ("select",), "must have a command"
        if len(good.get("files", ())) > MAX_FILES:
            yield ("files",), f"must be at most {MAX_FILES}"


class RecordedCardFile(Model, frozen=True, kw_only=True):
    """A card that was read once (sscard-recorded-card/1)."""

    NOT_OBJECT = f"format: must be {RECORDED_FORMAT}"

    format: Annotated[Literal["sscard-recorded-card/1"], rule(f"must be {RECORDED_FORMAT}")] = (
        "sscard-recorded-card/1"
    )
    atr: Annotated[str, rule("must be 2 to 33 bytes in hex", pattern="(?:[0-9A-Fa-f]{2}){2,33}")]
    contactless: bool = False
    masked: Annotated[bool, rule(title="Whether the holder's data are invented ones")] = True
    directories: list[RecordedDirectory]


class RecordedCard:
    """The card itself: whole commands in, whole answers out; for the interfaces of a reader."""

    def __init__(self, recorded: RecordedCardFile) -> None:
        self.atr = bytes.fromhex(recorded.atr)
        self.contactless = recorded.contactless
        self._places = {
            _key(bytes.fromhex(command)): place
            for place in reversed(recorded.directories)
            for command in place.select
        }
        self._known = {
            bytes.fromhex(one.command)[1]
            for place in recorded.directories
            for one in place.exchanges
        } | {SELECT.ins, READ_RECORD.ins, READ_BINARY.ins}
        first = recorded.directories[0] if recorded.directories else None
        self._first = self._places.get(_key(bytes.fromhex(_MF_COMMAND)), first)
        self._place = self._first
        self._file: RecordedFile | None = None

    @property
    def historical_bytes(self) -> bytes:
        """Those of the ATR."""
        return historical_bytes(self.atr)

    def power_on(self) -> bytes:
        """Start again at the MF."""
        self._place, self._file = self._first, None
        return self.atr

    def reset(self) -> bytes:
        """The same."""
        return self.power_on()

    def power_off(self) -> None:
        """Forget what is selected."""
        self._place, self._file = self._first, None

    def transmit(self, apdu: bytes) -> bytes:
        """The answer that was recorded."""
        if len(apdu) < 4:
            return _word(StatusWord.WRONG_LENGTH)
        cla, ins, p1, p2 = apdu[:4]
        if (cla, ins) == (SELECT.cla, SELECT.ins):
            return self._select(apdu)
        if (cla, ins) == (READ_RECORD.cla, READ_RECORD.ins):
            return self._read_record(p1, p2)
        if (cla, ins) == (READ_BINARY.cla, READ_BINARY.ins):
            return self._read_binary(p1, p2, _le(apdu))
        for one in self._place.exchanges if self._place else ():
            if _key(bytes.fromhex(one.command)) == _key(apdu):
                answer = bytes.fromhex(one.answer)
                if (cla, ins) == (GET_CHALLENGE.cla, GET_CHALLENGE.ins):
                    return os.urandom(_le(apdu)) + answer[-2:]
                return answer
        unknown = ins not in self._known
        return _word(StatusWord.INS_NOT_SUPPORTED) if unknown else b"\x6f\x00"

    def _select(self, apdu: bytes) -> bytes:
        place = self._places.get(_key(apdu))
        if place is not None:
            answer = bytes.fromhex(place.answer)
            if answer[-2:] == b"\x90\x00":
                self._place, self._file = place, None
            return answer
        data = apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""
        if len(data) == 2 and data[0] == _EF and apdu[2] != _BY_NAME:
            file = self._by_sfi(data[1] & SFI_MASK)
            if file is not None and file.selected is not None:
                self._file = file
                return bytes.fromhex(file.selected)
        return _word(StatusWord.FILE_NOT_FOUND)

    def _read_record(self, p1: int, p2: int) -> bytes:
        file = self._by_sfi(p2 >> 3) if p2 >> 3 else self._file
        if file is None:
            return _word(StatusWord.FILE_NOT_FOUND)
        self._file = file
        if file.refused:
            return bytes.fromhex(file.refused)
        if file.records is None:
            return _word(StatusWord.FILE_STRUCTURE_INCOMPATIBLE)
        how = p2 & _NUMBER_BITS
        for number, text in enumerate(file.records, 1):
            record = bytes.fromhex(text)
            if number == p1 if how == BY_NUMBER else how == BY_TAG and record[:1] == bytes((p1,)):
                return record + b"\x90\x00"
        return _word(StatusWord.RECORD_NOT_FOUND)

    def _read_binary(self, p1: int, p2: int, length: int) -> bytes:
        named = p1 & BY_SFI
        file = self._by_sfi(p1 & SFI_MASK) if named else self._file
        if file is None:
            return _word(StatusWord.FILE_NOT_FOUND)
        self._file = file
        if file.refused:
            return bytes.fromhex(file.refused)
        if file.content is None:
            return _word(StatusWord.FILE_STRUCTURE_INCOMPATIBLE)
        offset = p2 if named else p1 << 8 | p2
        content = bytes.fromhex(file.content)
        if offset >= len(content):
            return _word(StatusWord.WRONG_OFFSET)
        return content[offset : offset + length] + b"\x90\x00"

    def _by_sfi(self, sfi: int) -> RecordedFile | None:
        files = self._place.files if self._place else []
        return next((file for file in files if file.sfi == sfi), None)


def load_recorded(path: str | os.PathLike[str]) -> RecordedCardFile:
    """A recorded card's file.

    :raises RecordedCardError: all that is wrong with it.
    """
    return Document.load(path, RecordedCardError).to(RecordedCardFile)


def connect_recorded(recorded: RecordedCardFile) -> Connection:
    """A recorded card as a reader shows it: over T=0, or without contacts as it was read."""
    card = RecordedCard(recorded)
    return ContactlessInterface(card) if recorded.contactless else ContactInterface(card)


def _key(apdu: bytes) -> bytes:
    """A command without Le."""
    if len(apdu) <= 5:
        return apdu[:4]
    return apdu[: 5 + apdu[4]]


def _le(apdu: bytes) -> int:
    given = apdu[4] if len(apdu) == 5 else 0
    return given or _MOST_DATA


def _word(status: StatusWord) -> bytes:
    return int(status).to_bytes(2)
