# SPDX-License-Identifier: Apache-2.0
"""Read a card once, with all that it shows without PIN and keys, for :mod:`.recorded`.

Only what reads is sent: SELECT, READ RECORD, READ BINARY, GET CHALLENGE, and VERIFY without data,
which asks for the tries left. A file that has not been read leaves what is on the card as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sscard_chip.filesystem.tlv import flatten
from sscard_chip.profile.generations import generations, whole_profile
from sscard_chip.profile.purse import PURSE_DIRECTORY
from sscard_chip.profile.transit import TRANSIT_DIRECTORY
from sscard_chip.standard.commands import (
    GET_CHALLENGE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    VERIFY,
    StandardCommand,
)
from sscard_chip.standard.identifiers import (
    CASH_AID,
    CREDIT_AID,
    DEBIT_AID,
    MF,
    PPSE_NAME,
    PSE_NAME,
    QUASI_CREDIT_AID,
    SSSE_NAME,
    TRANSIT_AID,
    TRANSIT_CASH_AID,
)
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import Answer, ApduClient
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.recorded import (
    BY_NUMBER,
    BY_SFI,
    RecordedCardFile,
    RecordedDirectory,
    RecordedExchange,
    RecordedFile,
)

_BY_NAME: Final = 0x04
_AID: Final = 0x4F
_MOST_RECORDS: Final = 255
_MOST_BYTES: Final = 0x8000
_CHUNK: Final = 0xF0
_CHALLENGE: Final = 8
_END_BEFORE_LE: Final = 0x6282
_NAMES: Final = (
    PSE_NAME,
    PPSE_NAME,
    DEBIT_AID,
    CREDIT_AID,
    QUASI_CREDIT_AID,
    CASH_AID,
    TRANSIT_AID,
    TRANSIT_CASH_AID,
)
"""Names that cards of all kinds have: payment environments, bank, transport."""


def record_card(
    connection: Connection,
    *,
    report: Callable[[str], None] = lambda place: None,
) -> RecordedCardFile:
    """Power a card on and read it.

    :param report: told each directory that was entered.
    :raises TerminalConnectionError: the connection fails.
    """
    atr = connection.power_on()
    client = ApduClient(connection)
    places: list[RecordedDirectory] = []
    waiting = list(_places())
    seen: set[bytes] = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        selected = _select(client, name)
        if selected.sw != StatusWord.SUCCESS:
            continue
        report(name.hex().upper())
        place = _directory(client, name, selected)
        places.append(place)
        waiting += _entries(place)
    return RecordedCardFile(
        atr=atr.hex().upper(),
        contactless=len(atr) > 1 and bool(atr[1] >> 7),
        masked=False,
        directories=_joined(places),
    )


def _places() -> Iterator[bytes]:
    """FIDs and names of all directories that a card of ours may have, parents first."""
    yield MF.to_bytes(2)
    yield SSSE_NAME
    for generation in generations():
        for directory in whole_profile(generation.number).directories:
            yield directory.fid.to_bytes(2)
            if directory.df_name:
                yield directory.df_name
    yield from (one.df_name for one in (PURSE_DIRECTORY, TRANSIT_DIRECTORY) if one.df_name)
    yield from _NAMES


def _select(client: ApduClient, name: bytes) -> Answer:
    """Select by FID or by name; an ADF by its FID below SSSE, where terminals find it."""
    by_fid = len(name) == 2
    if by_fid and name != MF.to_bytes(2):
        client.send(SELECT, _BY_NAME, data=SSSE_NAME, le=0)
    return client.send(SELECT, 0 if by_fid else _BY_NAME, data=name, le=0)


def _directory(client: ApduClient, name: bytes, selected: Answer) -> RecordedDirectory:
    by_fid = len(name) == 2
    files = [file for sfi in range(1, 31) if (file := _file(client, sfi))]
    for file in list(files):
        answer = client.send(SELECT, 2, data=bytes((0xEF, file.sfi)), le=0)
        if answer.sw != StatusWord.SUCCESS:
            answer = client.send(SELECT, data=bytes((0xEF, file.sfi)), le=0)
        if answer.sw == StatusWord.SUCCESS:
            files[files.index(file)] = RecordedFile(
                sfi=file.sfi,
                selected=_hex(answer),
                records=file.records,
                content=file.content,
                refused=file.refused,
            )
    _select(client, name)
    exchanges = [
        RecordedExchange(command=command.apdu(le=le).hex().upper(), answer=_hex(answer))
        for command, le in ((GET_CHALLENGE, _CHALLENGE), (VERIFY, None))
        for answer in _asked(client, command, le)
    ]
    command = SELECT.apdu(0 if by_fid else _BY_NAME, data=name)
    return RecordedDirectory(
        select=[command.hex().upper()],
        answer=_hex(selected),
        files=files,
        exchanges=exchanges,
    )


def _asked(client: ApduClient, command: StandardCommand, le: int | None) -> Iterator[Answer]:
    """The answer, none where the card does not know the command."""
    answer = client.send(command, le=le)
    if answer.sw not in (StatusWord.INS_NOT_SUPPORTED, StatusWord.CLA_NOT_SUPPORTED):
        yield answer


def _file(client: ApduClient, sfi: int) -> RecordedFile | None:
    """A file as far as it can be read; None where there is none."""
    first = client.send(READ_RECORD, 1, sfi << 3 | BY_NUMBER, le=0)
    if first.sw == StatusWord.SUCCESS:
        records = [first.data]
        while len(records) < _MOST_RECORDS:
            more = client.send(READ_RECORD, len(records) + 1, sfi << 3 | BY_NUMBER, le=0)
            if more.sw != StatusWord.SUCCESS:
                break
            records.append(more.data)
        return RecordedFile(sfi=sfi, records=[record.hex().upper() for record in records])
    if first.sw == StatusWord.RECORD_NOT_FOUND:
        return RecordedFile(sfi=sfi, records=[])
    if first.sw == StatusWord.FILE_STRUCTURE_INCOMPATIBLE:
        return _binary(client, sfi)
    if first.sw in (StatusWord.FILE_NOT_FOUND, StatusWord.INS_NOT_SUPPORTED):
        return None
    return RecordedFile(sfi=sfi, refused=f"{first.sw:04X}")


def _binary(client: ApduClient, sfi: int) -> RecordedFile:
    content = b""
    answer = client.send(READ_BINARY, BY_SFI | sfi, 0, le=_CHUNK)
    if answer.sw == StatusWord.WRONG_LENGTH or (answer.sw >> 8) == 0x6B:
        answer = client.send(READ_BINARY, BY_SFI | sfi, 0, le=0)
    if answer.sw not in (StatusWord.SUCCESS, _END_BEFORE_LE):
        return RecordedFile(sfi=sfi, refused=f"{answer.sw:04X}")
    while answer.data and len(content) < _MOST_BYTES:
        content += answer.data
        if len(answer.data) < _CHUNK:
            break
        at = len(content)  # the file is the current one after its SFI was named
        answer = client.send(READ_BINARY, at >> 8, at & 0xFF, le=_CHUNK)
        if answer.sw not in (StatusWord.SUCCESS, _END_BEFORE_LE):
            answer = client.send(READ_BINARY, at >> 8, at & 0xFF, le=0)
            if answer.sw not in (StatusWord.SUCCESS, _END_BEFORE_LE):
                break
    return RecordedFile(sfi=sfi, content=content.hex().upper())


def _entries(place: RecordedDirectory) -> Iterator[bytes]:
    """Names of applications in the records of a directory, where they are data objects."""
    for file in place.files:
        for text in file.records or ():
            try:
                objects = flatten(bytes.fromhex(text))
            except ValueError:
                continue
            yield from (value for tag, value in objects if tag == _AID and 5 <= len(value) <= 16)


def _joined(places: Iterable[RecordedDirectory]) -> list[RecordedDirectory]:
    """Directories that two commands enter, once."""
    joined: list[RecordedDirectory] = []
    for place in places:
        same = next(
            (
                one
                for one in joined
                if (one.answer, one.files) == (place.answer, place.files) and place.files
            ),
            None,
        )
        if same is None:
            joined.append(place)
        else:
            same.select.extend(place.select)
    return joined


def _hex(answer: Answer) -> str:
    return f"{answer.data.hex().upper()}{answer.sw:04X}"
