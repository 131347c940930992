# SPDX-License-Identifier: Apache-2.0
"""The ``files`` of a holder, turned into the bytes of a card's files by the card's profile.

``{"DF01": {"EF05": {"20": "10"}, ...}, "SSSE": {"EF08": {"path": "photo.jpg"}}}``: directory,
file, then by the structure of the file:

- linear files: an object of tags (two capital hex digits) and values. A tag that the file has
  several times takes a list, in the order of the records; ``null`` in it leaves one out.
- cyclic files: a list of records, the newest first, as READ RECORD numbers them. A record is a
  list of the values of its fields, or an object of field positions (``"1"``...) and values.
- transparent files: the content in hex, or ``{"path": FILE}``, a path that starts from the
  folder of the holder file and stays below it, links followed. Shorter content is filled up with
  00.

A value is a text for ``an`` items (GBK), digits for ``cn``, hex for ``b``, and an object of tags
for templates (B-TLV). A whole number fills a ``cn`` item from the right with leading zeros and a
``b`` item as a big-endian integer: so amounts are written in fen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from issuance.holder import Holder, HolderError
from sscard_chip.profile.codec import ItemValue, ItemValueError, encode_value
from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    Format,
    Item,
    Profile,
    Structure,
)
from sscard_chip.standard.documents import RuleFinding
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.identifiers import HOLDER_FILE, ISSUER_FILE, PHOTO_FILE
from sscard_chip.standard.inputfile import open_regular

PHOTO_MAX: Final = 4096
_PHOTO_MARKS: Final = (b"\xff\xd8\xff", b"BM")  # JPEG, BMP

# Files of SSSE that the holder's own fields fill.
OWN_FIDS: Final = (ISSUER_FILE, HOLDER_FILE)

_LINEAR: Final = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)
_TAG: Final = re.compile(r"[0-9A-F]{2}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_FILE_NAME: Final = re.compile(r"EF[0-9A-F]{2}")
_DIRECTORY_NAME: Final = re.compile(r"SSSE|DF[0-9A-F]{2}")


class ValueRuleError(InputError):
    """A value breaks a rule; ``item`` says where inside what was being encoded, if anywhere."""

    def __init__(self, rule: str, item: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.item = item


@dataclass(slots=True, repr=False)
class Contents:
    """What goes into a card's files.

    ``values`` holds record values without tag and length, padded to the item's length, by
    directory FID, file FID and record number from 1; ``transparent`` whole contents;
    ``cyclic`` raw records, the newest first.
    """

    values: dict[tuple[int, int, int], bytes] = field(default_factory=dict)
    transparent: dict[tuple[int, int], bytes] = field(default_factory=dict)
    cyclic: dict[tuple[int, int], tuple[bytes, ...]] = field(default_factory=dict)

    def set_item(self, place: tuple[int, int, int], item: Item, value: str | bytes) -> None:
        """Set the record at a place; bytes are taken as they are.

        :raises ValueRuleError:
        """
        if isinstance(value, bytes) and len(value) != item.length:
            raise ValueRuleError(f"must be {item.length} bytes")
        self.values[place] = value if isinstance(value, bytes) else encode_item_value(item, value)


def encode_item_value(item: Item, value: object) -> bytes:
    """The bytes of a value, padded to the length of ``item``. A coded item takes a code of its
    table, or nothing; where regions have more codes than the table, any.

    :raises ValueRuleError:
    """
    try:
        return encode_value(item, _written_out(item, value))
    except ItemValueError as error:
        inside = "" if error.item is item else f"{error.item.tag:02X}"
        raise ValueRuleError(error.rule, inside) from None


def _written_out(item: Item, value: object, inside: str = "") -> ItemValue:
    """A value as the codec takes it: whole numbers in full length, everything else a text."""
    text = _written_value(item, value, inside)
    closed = item.codes and not item.open_codes and isinstance(text, str)
    if closed and text not in ("", *item.codes, *map(str.lower, item.codes)):
        raise ValueRuleError(f"is no code of the table {item.name} ({item.english})", inside)
    return text


def _written_value(item: Item, value: object, inside: str) -> ItemValue:
    if item.format is Format.BTLV:
        if not isinstance(value, Mapping):
            raise ValueRuleError("must be an object of tags", inside)
        subs = {f"{sub.tag:02X}": sub for sub in item.items}
        for tag in value:
            if tag not in subs:
                raise ValueRuleError("is not a tag of this item", _shown(tag, _TAG, "a tag"))
        return {tag: _written_out(subs[tag], given, tag) for tag, given in value.items()}
    if type(value) is int:
        digits = 2 * item.length
        if item.format is Format.CN and 0 <= value < 10**digits:
            return f"{value:0{digits}d}"
        if item.format is Format.B and 0 <= value < 16**digits:
            return f"{value:0{digits}X}"
        if item.format is not Format.AN:
            raise ValueRuleError(f"must be a whole number that fits in {item.length} bytes", inside)
    if not isinstance(value, str):
        raise ValueRuleError("must be a text", inside)
    return value


def _shown(name: object, form: re.Pattern[str], instead: str) -> str:
    """A name for an error, unless it may be a value in the wrong place."""
    return name if isinstance(name, str) and form.fullmatch(name) else instead


def add_files(contents: Contents, profile: Profile, holder: Holder) -> None:
    """Encode all of the holder's ``files``.

    :raises HolderError: with every broken rule.
    """
    findings = encode_files(contents, profile, holder.files, holder.folder)
    if findings:
        raise HolderError.of(holder.source, findings)


def encode_files(
    contents: Contents,
    profile: Profile,
    given: Mapping[str, Mapping[str, object]],
    folder: Path,
) -> list[RuleFinding]:
    """Encode ``files`` and find every broken rule, by file and item. Paths are from ``folder``."""
    findings: list[RuleFinding] = []
    directories = {directory.short_name: directory for directory in profile.directories}
    for name, files in given.items():
        directory = directories.get(name)
        if directory is None:
            shown = _shown(name, _DIRECTORY_NAME, "files")
            findings.append(RuleFinding(shown, "is not a DF of this card's profile"))
            continue
        by_name = {f"{file.fid:04X}": file for file in directory.files}
        for file_name, value in files.items():
            file = by_name.get(file_name)
            where = f"{name} {_shown(file_name, _FILE_NAME, 'a file')}"
            if file is None:
                findings.append(RuleFinding(where, "is not a file of this card's profile"))
                continue
            parts = [value]
            if isinstance(value, Mapping) and file.structure in _LINEAR:
                parts = [{tag: one} for tag, one in value.items()]
            for part in parts:
                try:
                    _add_file(contents, profile, directory, file, part, folder)
                except ValueRuleError as error:
                    findings.append(RuleFinding(f"{where} {error.item}".strip(), error.rule))
    return list(dict.fromkeys(findings))


def _at(name: str, item: Item, value: object) -> bytes:
    """Encode, and say ``name`` in an error."""
    try:
        return encode_item_value(item, value)
    except ValueRuleError as error:
        raise ValueRuleError(error.rule, f"{name} {error.item}".strip()) from None


def _add_file(
    contents: Contents,
    profile: Profile,
    directory: DirectoryDeclaration,
    file: FileDeclaration,
    value: object,
    folder: Path,
) -> None:
    environment = directory is profile.environment
    if environment and file.fid in OWN_FIDS:
        raise ValueRuleError("comes from the holder's own fields")
    if file.structure is Structure.AMOUNT:
        raise ValueRuleError("comes from the holder's account")
    key = directory.fid, file.fid
    if file.structure is Structure.TRANSPARENT:
        content = _content(value, folder)
        if environment and file.fid == PHOTO_FILE:
            _check_photo(content)
        if len(content) > file.size:
            raise ValueRuleError(f"is longer than {file.size} bytes")
        contents.transparent[key] = content.ljust(file.size, b"\0")
    elif file.structure is Structure.CYCLIC:
        contents.cyclic[key] = _cyclic_records(file, value)
    else:
        for number, body in _linear_records(file, value).items():
            contents.values[*key, number] = body


def _linear_records(file: FileDeclaration, value: object) -> dict[int, bytes]:
    if not isinstance(value, Mapping):
        raise ValueRuleError("must be an object of tags")
    records: dict[int, bytes] = {}
    for tag, given in value.items():
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            raise ValueRuleError("a tag must be two capital hex digits")
        numbers = file.record_numbers(int(tag, 16))
        if not numbers:
            raise ValueRuleError("is not a tag of this file", tag)
        several = given if isinstance(given, list) else [given]
        if len(several) > len(numbers):
            raise ValueRuleError(f"the file has this tag {_times(len(numbers))}", tag)
        for position, (number, one) in enumerate(zip(numbers, several, strict=False), 1):
            name = f"{tag} ({position})" if isinstance(given, list) else tag
            if one is not None or not isinstance(given, list):
                records[number] = _at(name, file.items[number - 1], one)
    return records


def _times(count: int) -> str:
    return "once only" if count == 1 else f"{count} times only"


def _cyclic_records(file: FileDeclaration, value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise ValueRuleError("must be a list of records")
    if len(value) > file.records:
        raise ValueRuleError(f"has room for {file.records} records")
    return tuple(
        _cyclic_record(file.items, record, f"record {number}")
        for number, record in enumerate(value, 1)
    )


def _cyclic_record(items: Sequence[Item], record: object, where: str) -> bytes:
    positions = {str(position): position for position in range(1, len(items) + 1)}
    fields: dict[int, object] = {}
    if isinstance(record, list):
        if len(record) > len(items):
            raise ValueRuleError(f"has {len(items)} fields", where)
        fields = dict(enumerate(record, 1))
    elif isinstance(record, Mapping):
        for name, value in record.items():
            if name not in positions:
                raise ValueRuleError(f"fields are named 1 to {len(items)}", where)
            fields[positions[name]] = value
    else:
        raise ValueRuleError("must be a list or an object of fields", where)
    return b"".join(
        _at(f"{where} field {position}", item, fields[position])
        if position in fields
        else item.initial_value()
        for position, item in enumerate(items, 1)
    )


def _content(value: object, folder: Path) -> bytes:
    """Content of a transparent file; the errors leave out the path, it may be a person's number."""
    if isinstance(value, str):
        if not _HEX.fullmatch(value):
            raise ValueRuleError("must be pairs of hex digits")
        return bytes.fromhex(value)
    if not isinstance(value, Mapping) or set(value) != {"path"}:
        raise ValueRuleError('must be hex digits or an object with "path"')
    path = value["path"]
    if not isinstance(path, str) or "\0" in path:
        raise ValueRuleError("must be a text", "path")
    rule = "the file cannot be read"
    try:
        top = folder.resolve(strict=True)
        place = (top / path).resolve(strict=True)
        if place.is_relative_to(top):
            with open_regular(place) as stream:
                return stream.read(0x10000)
        rule = "must stay below the folder of the holder's file or table"
    except (OSError, RuntimeError):  # a circle of links is a RuntimeError
        pass
    raise ValueRuleError(rule, "path")


def _check_photo(content: bytes) -> None:
    """数字相片: JPEG or BMP, at most 4096 bytes (letter no. 37)."""
    if len(content) > PHOTO_MAX:
        raise ValueRuleError(f"the photo is longer than {PHOTO_MAX} bytes")
    if not content.startswith(_PHOTO_MARKS):
        raise ValueRuleError("the photo must be JPEG or BMP")
