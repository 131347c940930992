# SPDX-License-Identifier: Apache-2.0
"""Answers in words: items with their names and values, by the profile of the card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sscard_chip.filesystem import tlv
from sscard_chip.profile.codec import ItemValueError, decode_value
from sscard_chip.profile.model import FileDeclaration, Format, Item, Structure
from sscard_chip.profile.reuse import later_item
from sscard_chip.standard.commands import INITIALIZE, READ_BINARY, READ_RECORD
from sscard_chip.standard.identifiers import TRANSIT_JOURNEY
from sscard_chip.standard.messages import transit
from sscard_chip.standard.transit import STATUSES
from sscard_chip.trace.commands import entry_of
from sscard_chip.trace.selection import Selection, TracedCommand, addressed_sfi

_TEMPLATE: Final = b"\x70"
_LONGEST_NUMBER: Final = 4
_INDENT: Final = "  "


def describe_command(selection: Selection, command: TracedCommand) -> str:
    """``READ RECORD 读记录: EF05 发卡机构数据, record 7 (07 卡号)``.

    Amounts are shown; PIN blocks, cryptograms and values that are written as their length.
    """
    entry = entry_of(command, selection)
    parameters = entry.parameters(selection, command, command.cla == INITIALIZE.cla)
    return f"{entry.name}: {parameters}" if parameters else entry.name


def describe_answer(selection: Selection, command: TracedCommand, data: bytes) -> list[str]:
    """The lines for the data of a command that succeeded; none for no data."""
    if not data:
        return []
    if command.cla == 0 and command.ins == READ_RECORD.ins:
        if selection.bank:
            return [_INDENT + line for line in _objects(data)]
        return [_INDENT + line for line in _records(selection, command, data)]
    if command.cla == 0 and command.ins == READ_BINARY.ins:
        return [_INDENT + _bytes(data)]
    detail = entry_of(command, selection).answer(data, True)
    return [] if detail == data.hex().upper() else [_INDENT + detail]


def _bytes(data: bytes) -> str:
    if not data.strip(b"\0"):
        return f"{len(data)} bytes 00"
    used = len(data.rstrip(b"\0"))
    return f"{len(data)} bytes" if used == len(data) else f"{len(data)} bytes, {used} in use"


def _objects(data: bytes) -> Iterator[str]:
    """The data objects of a record of the bank application; a log record is none."""
    try:
        objects = tlv.flatten(data) if data[:1] == _TEMPLATE else []
    except ValueError:
        objects = []
    if not objects:
        yield _bytes(data)
    for tag, value in objects:
        yield f"{tag:02X}: {value.hex().upper()}"


def _records(selection: Selection, command: TracedCommand, data: bytes) -> Iterator[str]:
    file = selection.target(addressed_sfi(command))[1]
    if file and file.structure is Structure.CYCLIC:
        yield from _fields(file, data)
        return
    if file and file.fid == TRANSIT_JOURNEY and len(data) == transit.JOURNEY.sizeof():
        yield _journey(file, data)
        return
    records = _split(data)
    if records is None:
        yield _bytes(data)
        return
    values = dict(reversed(records))
    waiting = list(_numbered(file, command)) + list(file.items if file else ())
    for tag, value in records:
        item, value = _meaning(selection, file, tag, value, values) or (
            next((item for item in waiting if item.tag == tag), None),
            value,
        )
        yield from _item(item, tag, value)


def _journey(file: FileDeclaration, data: bytes) -> str:
    """A journey of a transport application in one line: identifier, status, bytes."""
    tag, status = int.from_bytes(data[:2]), f"{data[transit.STATUS_AT]:02X}"
    name = next((item.name for item in file.items if item.tag == tag), "")
    shown = f"{tag:04X} {name}".rstrip()
    return f"{shown}: status {status} {STATUSES.get(status, '')}".rstrip() + f", {_bytes(data)}"


def _numbered(file: FileDeclaration | None, command: TracedCommand) -> Sequence[Item]:
    """The item that stands in the record of this number, where tags are not unique."""
    if file is None or command.p2 & 0x07 != 4 or not 0 < command.p1 <= len(file.items):
        return ()
    return (file.items[command.p1 - 1],)


def _split(data: bytes) -> list[tuple[int, bytes]] | None:
    """Tags and values of simple TLVs; None when the bytes are something else."""
    found, start = [], 0
    while start < len(data):
        end = start + 2 + data[start + 1] if start + 1 < len(data) else len(data) + 1
        if end > len(data):
            return None
        found.append((data[start], data[start + 2 : end]))
        start = end
    return found


def _meaning(
    selection: Selection,
    file: FileDeclaration | None,
    tag: int,
    value: bytes,
    values: Mapping[int, bytes],
) -> tuple[Item, bytes] | None:
    """Item and value of a record that has its later meaning (letter 37, annex C).

    What tells the meaning may stand in another record; alone such a record keeps its old one.
    """
    directory = selection.directory
    if directory is None or file is None:
        return None
    return later_item(selection.profile, directory.fid, file.fid, tag, {**values, tag: value})


def _item(item: Item | None, tag: int, value: bytes) -> Iterator[str]:
    """One line for an item, one more for each part of a template."""
    if item is None:
        yield f"{tag:02X} ?: {value.hex().upper()}"
        return
    name = f"{tag:02X} {item.name} {item.english}"
    parts = _split(value) if item.format is Format.BTLV else None
    if parts is None:
        yield f"{name}: {_text(item, value)}"
        return
    yield name
    declared = {part.tag: part for part in item.items}
    for part_tag, part in parts:
        for line in _item(declared.get(part_tag), part_tag, part):
            yield _INDENT + line


def _text(item: Item, value: bytes) -> str:
    """The value for people, with the meaning of a code; ``-`` when it is empty."""
    try:
        text = decode_value(item, value)
    except ItemValueError:
        return value.hex().upper()
    meaning = item.codes.get(text)
    if item.format is Format.B and len(value) <= _LONGEST_NUMBER:
        meaning = str(int.from_bytes(value))
    return f"{text} ({meaning})" if meaning else text or "-"


def _fields(file: FileDeclaration, data: bytes) -> Iterator[str]:
    """The raw fields of one record of a cyclic file, or of several in one answer."""
    whole = file.record_length > 0 and len(data) % file.record_length == 0
    # A record with the account alone lacks the last two amounts (LD/T 32.7).
    items = file.items if whole else _fitting(file.items, len(data))
    if items is None:
        yield _bytes(data)
        return
    for start in range(0, len(data), sum(item.length for item in items)):
        position = start
        for item in items:
            value = data[position : position + item.length]
            position += item.length
            yield f"{item.name} {item.english}: {_text(item, value)}"


def _fitting(items: Sequence[Item], length: int) -> Sequence[Item] | None:
    """The first items that fill ``length`` bytes exactly, None if there are none such."""
    for count in range(1, len(items)):
        if sum(item.length for item in items[:count]) == length:
            return items[:count]
    return None
