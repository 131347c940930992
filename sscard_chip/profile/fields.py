# SPDX-License-Identifier: Apache-2.0
"""The values in a file, each beside its declaration: TLVs, raw fields, templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sscard_chip.filesystem.files import CyclicFile, ElementaryFile, RecordFile, TransparentFile
from sscard_chip.profile.codec import decode_value
from sscard_chip.profile.contents import DecodedItem
from sscard_chip.profile.model import FileDeclaration, Format, Item, Profile
from sscard_chip.profile.reuse import later_item

_HEAD = 2
"""Bytes of tag and length before a value; one more where the tag has two."""


@dataclass(frozen=True, slots=True)
class FileField:
    """A value and its declaration, None for one that nobody declares.

    ``at`` is where ``raw`` begins in the record or the transparent file; ``tag`` in hex, empty for
    a field without one.
    """

    item: Item | None
    raw: bytes
    tag: str
    at: int

    @property
    def is_template(self) -> bool:
        """Whether it holds TLVs of its own."""
        return self.item is not None and self.item.format is Format.BTLV

    @property
    def parts(self) -> tuple[FileField, ...]:
        """The TLVs of a template; ``at`` counts in the record, as that of the template."""
        if self.item is None or not self.is_template:
            return ()
        return tuple(_templates(_split_tlvs(self.raw, self.at), self.item.items))


def file_fields(
    file: ElementaryFile,
    declared: FileDeclaration | None,
    directory: int,
    profile: Profile | None,
) -> list[tuple[FileField, ...]]:
    """The fields of each record; of a transparent file those of its content, if it has some.

    A record of TLVs is one field, a cyclic one has those that are declared.
    """
    items = declared.items if declared else ()
    if isinstance(file, TransparentFile):
        return [_raw_fields(file.read(0, file.size), items)] if items else []
    if not isinstance(file, RecordFile):
        return []
    raw = [file.record(number) for number in range(1, file.count + 1)]
    if isinstance(file, CyclicFile):
        return [_raw_fields(record, items) for record in raw]
    if file.tag_at:
        return [(_wide_value(record, items),) for record in raw]
    later = _reused(profile, directory, file.fid, raw) if profile else {}
    values = _templates([(record, 0) for record in raw], items)
    return [(later.get(record[0], value),) for record, value in zip(raw, values, strict=True)]


def decode_field(field: FileField) -> DecodedItem:
    """A field for people."""
    digits, item = field.raw.hex().upper(), field.item
    if item is None:
        return DecodedItem(field.tag, "", "", digits, digits)
    if field.is_template:
        nested = tuple(map(decode_field, field.parts))
        return DecodedItem(field.tag, item.name, item.english, digits, "", items=nested)
    text = decode_value(item, field.raw)
    meaning = item.codes.get(text, "")
    return DecodedItem(field.tag, item.name, item.english, digits, text, meaning)


def _templates(records: Iterable[tuple[bytes, int]], items: Iterable[Item]) -> Iterator[FileField]:
    """TLVs, each with its place, against their declaration; repeated tags take the declared items
    one after the other."""
    waiting = list(items)
    for record, at in records:
        item = next((item for item in waiting if item.tag == record[0]), None)
        if item:
            waiting.remove(item)
        yield FileField(item, record[_HEAD:], f"{record[0]:02X}", at + _HEAD)


def _wide_value(record: bytes, items: Iterable[Item]) -> FileField:
    """A record with an identifier of two bytes; one that is not declared as the first that is."""
    tag, declared = int.from_bytes(record[:2]), tuple(items)
    item = next((item for item in declared if item.tag == tag), next(iter(declared), None))
    return FileField(item, record[_HEAD + 1 :], f"{tag:04X}", _HEAD + 1)


def _reused(
    profile: Profile, directory: int, fid: int, raw: Iterable[bytes]
) -> dict[int, FileField]:
    """Records whose tag has its later meaning (letter 37, annex C); values stand on the left."""
    values = {record[0]: record[_HEAD:] for record in raw}
    later = {tag: later_item(profile, directory, fid, tag, values) for tag in values}
    return {tag: FileField(*found, f"{tag:02X}", _HEAD) for tag, found in later.items() if found}


def _raw_fields(record: bytes, items: Sequence[Item]) -> tuple[FileField, ...]:
    """Raw fields of a cyclic record or a transparent file; the whole as one value if nobody
    declares it."""
    if sum(item.length for item in items) != len(record):
        return (FileField(None, record, "", 0),)
    fields, start = [], 0
    for item in items:
        fields.append(FileField(item, record[start : start + item.length], "", start))
        start += item.length
    return tuple(fields)


def _split_tlvs(data: bytes, at: int) -> list[tuple[bytes, int]]:
    """The simple TLVs in ``data``, which begins at ``at``, each with tag and length and its place;
    what is cut short ends the list."""
    found, start = [], 0
    while start + _HEAD <= len(data) and start + _HEAD + data[start + 1] <= len(data):
        end = start + _HEAD + data[start + 1]
        found.append((data[start:end], at + start))
        start = end
    return found
