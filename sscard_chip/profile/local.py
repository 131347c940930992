# SPDX-License-Identifier: Apache-2.0
"""A region's own files (本地扩展), from a TOML file of the user: docs/profile-format.md.

Letter 37, section 6: local EFs count from EF0C, local DFs from DF0A; what the standard defines is
not used again, neither FIDs nor tags; the EFs of SSSE and cyclic EFs get no further items, others
may. Every error is one line ``FILE: FIELD: RULE``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sscard_chip.profile.build import L, external, maintenance
from sscard_chip.profile.generations import OPTIONAL, defined_files, defined_tags
from sscard_chip.profile.localtable import LocalFileError, Table
from sscard_chip.profile.model import (
    FREE,
    NEVER,
    PIN,
    Directory,
    ElementaryFile,
    Format,
    Item,
    Key,
    KeyUse,
    Profile,
    Rule,
    Structure,
    key,
)
from sscard_chip.standard.identifiers import AID_OF_DF, DIR_FILE, EF, FCI_FILE, HIGHEST_SFI, SSSE

__all__ = ["LocalFile", "LocalFileError", "load_local_file"]

FORMAT: Final = "sscard-local-files/1"

_FIRST_FILE, _LAST_FILE = 0xEF0C, EF | HIGHEST_SFI
_FIRST_OWN_FILE: Final = 0xEF01
_DIRECTORY_FILES: Final = (FCI_FILE, DIR_FILE)
_FIRST_DIRECTORY, _LAST_DIRECTORY = 0xDF0A, 0xDFFF
_MAX_CONTENT: Final = 0x7FFF  # what a 15-bit offset reaches
_MAX_RECORDS: Final = 254
_MAX_RECORD: Final = 255
_MAX_VALUE: Final = 253

_ROOT: Final = re.compile(r"[A-Z][A-Z0-9]{1,31}")
_RULE: Final = re.compile(r"(?:(PIN) (or|and) )?key ([0-9A-F]{2})")
_STRUCTURES: Final = {s.value: s for s in Structure if s is not Structure.AMOUNT}
_FORMATS: Final = {f.value: f for f in Format}
_PLAIN_RULES: Final = {"free": FREE, "never": NEVER, "PIN": PIN}


@dataclass(frozen=True, slots=True)
class LocalFile:
    """What one TOML file declares. FIDs are those of the directory each thing belongs to.

    ``directories`` are local DFs with their STK; ``items`` go behind the records of a defined
    file, given by FID of directory and file.
    """

    source: str
    optional: frozenset[int]
    directories: tuple[Directory, ...]
    files: tuple[tuple[int, ElementaryFile], ...]
    items: tuple[tuple[int, int, tuple[Item, ...]], ...]
    keys: tuple[tuple[int, Key], ...]

    def extend(self, profile: Profile) -> Profile:
        """``profile`` with these extensions.

        Raises :class:`LocalFileError` for a directory, file or key that the card does not have,
        for a key whose identifier is taken and for tags or files declared twice.
        """
        for directory in self.directories:
            for other in profile.directories:
                if directory.fid == other.fid or directory.df_name == other.df_name:
                    raise self._error(directory.short_name, "the card has this FID or name already")
            profile = replace(profile, applications=(*profile.applications, directory))
        for fid, _ in (*self.files, *self.keys):
            self._directory(profile, fid)
        for fid, own_fid, _ in self.items:
            self._file(self._directory(profile, fid), own_fid)
        extended = tuple(self._extend(d, profile.environment) for d in profile.directories)
        return replace(profile, environment=extended[0], applications=extended[1:])

    def _extend(self, directory: Directory, environment: Directory) -> Directory:
        where = directory.short_name
        added = tuple(f for fid, f in self.files if fid == directory.fid)
        fids = [file.fid for file in (*directory.files, *added)]
        for fid in fids:
            if fids.count(fid) > 1:
                raise self._error(f"file {where} {fid:04X}", "is declared twice")
        for fid, own_fid, items in self.items:
            if fid == directory.fid:
                file = directory.file(own_fid)
                added = (*added, replace(file, items=(*file.items, *items)))
        keys = (*directory.keys, *(k for fid, k in self.keys if fid == directory.fid))
        extended = replace(directory.with_files(*added), keys=keys)
        self._check_levels(extended)
        owners = {False: self._with_keys(environment), True: extended}
        for file in added:
            for field, rule in (("read", file.read), ("write", file.write)):
                if rule.kid is not None and not _has_key(owners[rule.kid >= 0x80], rule.kid):
                    label = f"file {where} {file.fid:04X}: {field}"
                    raise self._error(label, f"key {rule.kid:02X} is not declared")
        return extended

    def _with_keys(self, directory: Directory) -> Directory:
        keys = (k for fid, k in self.keys if fid == directory.fid)
        return replace(directory, keys=(*directory.keys, *keys))

    def _check_levels(self, directory: Directory) -> None:
        """No two keys of EXTERNAL AUTHENTICATE may grant one level, the low nibble."""
        levels: set[int] = set()
        for own in directory.keys:
            if own.use is KeyUse.EXTERNAL:
                if own.kid & 0x0F in levels:
                    label = f"key {directory.short_name} {own.kid:02X}"
                    raise self._error(label, "another key has this low digit")
                levels.add(own.kid & 0x0F)

    def _directory(self, profile: Profile, fid: int) -> Directory:
        try:
            return profile.directory(fid)
        except KeyError:
            rule = f"generation {profile.generation} does not have it, or it is not enabled"
            raise self._error(f"directory {fid:04X}", rule) from None

    def _file(self, directory: Directory, fid: int) -> ElementaryFile:
        label = f"extra {directory.short_name} {fid:04X}"
        try:
            file = directory.file(fid)
        except KeyError:
            raise self._error(label, "the card does not have this file") from None
        if file.structure is not Structure.LINEAR_VARIABLE:
            raise self._error(label, "only a file of variable records takes further items")
        return file

    def _error(self, field: str, rule: str) -> LocalFileError:
        return LocalFileError(self.source, field, rule)


def _has_key(directory: Directory, kid: int) -> bool:
    return any(k.use is KeyUse.EXTERNAL and k.kid == kid for k in directory.keys)


def load_local_file(path: str | os.PathLike[str]) -> LocalFile:
    """Read and check a TOML file of local extensions. Raises :class:`LocalFileError`."""
    source = os.fspath(path)
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalFileError(source, "", error.strerror or "cannot be read") from None
    except UnicodeDecodeError:
        raise LocalFileError(source, "", "must be UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise LocalFileError(source, "", f"is no TOML: {error}") from None
    return parse_local_file(document, source=source)


def parse_local_file(document: Mapping[str, object], *, source: str = "local files") -> LocalFile:
    """Check the object of such a file; ``source`` stands in errors."""
    top = Table(document, source, "")
    if top.text("format") != FORMAT:
        raise top.error("format", f'must be "{FORMAT}"')
    used: set[int] = set()
    local = LocalFile(
        source,
        frozenset(_optional(top)),
        tuple(_directory(table) for table in top.tables("directory")),
        tuple(_file(table, used) for table in top.tables("file")),
        tuple(_extra(table, used) for table in top.tables("extra")),
        tuple(_key(table) for table in top.tables("key")),
    )
    top.done()
    return local


def _optional(top: Table) -> list[int]:
    fids = [_directory_fid(top, "optional", name) for name in top.texts("optional")]
    if not set(fids) <= set(OPTIONAL):
        raise top.error("optional", "must be of DF05, DF06")
    return fids


def _directory_fid(table: Table, field: str, name: str) -> int:
    if name == "SSSE":
        return SSSE
    if not re.fullmatch(r"DF[0-9A-F]{2}", name):
        raise table.error(field, "must be SSSE or DF and two capital hex digits")
    return int(name, 16)


def _directory(table: Table) -> Directory:
    """A local DF. It gets an STK of its own, kid 82 as in all ADFs [L]."""
    fid = _directory_fid(table, "fid", table.text("fid"))
    if not _FIRST_DIRECTORY <= fid <= _LAST_DIRECTORY:
        raise table.error("fid", "a local directory counts from DF0A")
    df_name = table.hex("df_name", 5, 16)
    if df_name in AID_OF_DF.values():
        raise table.error("df_name", "is the name of a directory of the standard")
    label = table.text("label", "")
    try:
        too_long = len(label.encode("gbk")) > 16
    except UnicodeEncodeError:
        too_long = True
    if too_long:
        raise table.error("label", "must be at most 16 bytes in GBK")
    directory = Directory(
        fid,
        table.text("name"),
        table.text("english", ""),
        df_name,
        (),
        (maintenance(f"STKDF{fid & 0xFF:02X}", L),),
        label=label,
        clause=f"local: {table.source_name}",
    )
    table.done()
    return directory


def _file(table: Table, used: set[int]) -> tuple[int, ElementaryFile]:
    directory = _directory_fid(table, "directory", table.text("directory"))
    fid = _local_fid(table, directory)
    name = table.text("structure")
    if name not in _STRUCTURES:
        raise table.error("structure", f"must be of {', '.join(_STRUCTURES)}")
    structure = _STRUCTURES[name]
    raw = structure is Structure.CYCLIC
    linear = structure in (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)
    tags = None if raw or structure is Structure.TRANSPARENT else used
    items = _records(table, tags, raw=raw)
    file = ElementaryFile(
        fid,
        table.text("name"),
        table.text("english", ""),
        structure,
        _rule(table, "read", directory),
        _rule(table, "write", directory),
        items,
        records=table.number("records", 1, _MAX_RECORDS) if raw else len(items),
        size=0 if raw or linear else table.number("size", 1, _MAX_CONTENT),
        clause=f"local: {table.source_name}",
        secure_messaging=table.flag("secure_messaging"),
    )
    _check_shape(table, file)
    table.done()
    return directory, file


def _local_fid(table: Table, directory: int) -> int:
    text = table.text("fid")
    if not re.fullmatch(r"EF[0-9A-F]{2}", text):
        raise table.error("fid", "must be EF and two capital hex digits")
    fid = int(text, 16)
    first = _FIRST_OWN_FILE if directory >= _FIRST_DIRECTORY else _FIRST_FILE
    if not first <= fid <= _LAST_FILE:
        raise table.error("fid", f"must be from {first:04X} to {_LAST_FILE:04X}")
    taken = defined_files().get(directory, frozenset())
    if fid in taken or (directory == SSSE and fid in _DIRECTORY_FILES):
        raise table.error("fid", "the standard defines this file")
    return fid


def _check_shape(table: Table, file: ElementaryFile) -> None:
    if file.structure is Structure.TRANSPARENT:
        if file.items:
            raise table.error("item", "a transparent file has no items")
        return
    if not file.items:
        raise table.error("item", "at least one item is required")
    if file.structure is Structure.CYCLIC and file.record_length > _MAX_RECORD:
        raise table.error("item", f"the fields of a record must be at most {_MAX_RECORD} bytes")
    if file.structure is Structure.LINEAR_FIXED and len({i.length for i in file.items}) > 1:
        raise table.error("item", "the records of a fixed file must have one length")
    if file.content_size > _MAX_CONTENT:
        raise table.error("item", f"the file must be at most {_MAX_CONTENT} bytes")


def _records(table: Table, used: set[int] | None, *, raw: bool = False) -> tuple[Item, ...]:
    """The items of a file; ``repeat`` makes several records of one."""
    items: list[Item] = []
    for row in table.tables("item"):
        count = 1 if raw else row.number("repeat", 1, _MAX_RECORDS, default=1)
        items += [_item(row, used, raw=raw)] * count
    if len(items) > _MAX_RECORDS:
        raise table.error("item", f"a file has at most {_MAX_RECORDS} records")
    return tuple(items)


def _item(table: Table, used: set[int] | None, *, raw: bool = False) -> Item:
    """A record, a raw field (without tag) or a sub item; ``used`` collects tags."""
    tag = 0 if raw else _tag(table, used)
    name = table.text("format")
    if name not in _FORMATS or (raw and name == Format.BTLV.value):
        raise table.error("format", f"must be of {', '.join(f for f in _FORMATS)}")
    subs = tuple(_item(t, used) for t in table.tables("item"))
    template = _FORMATS[name] is Format.BTLV
    if template is not bool(subs):
        raise table.error("item", "a B-TLV item, and no other, has items")
    length = sum(2 + sub.length for sub in subs)
    if not template:
        length = table.number("length", 1, _MAX_VALUE)
    elif length > _MAX_VALUE:
        raise table.error("item", f"a template must be at most {_MAX_VALUE} bytes")
    codes = table.codes("codes")
    item = Item(
        tag, table.text("name"), table.text("english", ""), _FORMATS[name], length, subs, codes
    )
    table.done()
    return item


def _tag(table: Table, used: set[int] | None) -> int:
    tag = table.hex("tag", 1, 1)[0]
    if not 0 < tag < 0xFF:
        raise table.error("tag", "must be from 01 to FE")
    if tag in defined_tags():
        raise table.error("tag", "the standard defines this tag")
    if used is not None:
        if tag in used:
            raise table.error("tag", "is declared twice")
        used.add(tag)
    return tag


def _rule(table: Table, field: str, directory: int) -> Rule:
    text = table.text(field)
    if text in _PLAIN_RULES:
        return _PLAIN_RULES[text]
    match = _RULE.fullmatch(text)
    if match is None:
        raise table.error(field, "must be free, never, PIN, key NN, PIN or key NN, PIN and key NN")
    _, join, digits = match.groups()
    kid = int(digits, 16)
    _check_kid(table, field, kid)
    if kid >= 0x80 and directory == SSSE:
        raise table.error(field, "a key of SSSE is below 80")
    rule = key(kid)
    if join:
        return PIN | rule if join == "or" else PIN & rule
    return rule


def _check_kid(table: Table, field: str, kid: int) -> None:
    """Bits 5 to 7 of an identifier are not used; its low digit is the level, 1 to F."""
    if kid & 0x70 or not kid & 0x0F:
        raise table.error(field, "a key is 01 to 0F in SSSE, 81 to 8F in a DF")


def _extra(table: Table, used: set[int]) -> tuple[int, int, tuple[Item, ...]]:
    """Further items of a defined file."""
    directory = _directory_fid(table, "directory", table.text("directory"))
    if directory == SSSE:
        raise table.error("directory", "the files of SSSE get no further items")
    text = table.text("fid")
    fid = int(text, 16) if re.fullmatch(r"EF[0-9A-F]{2}", text) else 0
    if fid not in defined_files().get(directory, frozenset()):
        raise table.error("fid", "must be a file that the standard defines")
    items = _records(table, used)
    if not items:
        raise table.error("item", "at least one item is required")
    table.done()
    return directory, fid, items


def _key(table: Table) -> tuple[int, Key]:
    directory = _directory_fid(table, "directory", table.text("directory"))
    kid = table.hex("kid", 1, 1)[0]
    _check_kid(table, "kid", kid)
    if (kid < 0x80) is not (directory == SSSE):
        raise table.error("kid", "a key is 01 to 0F in SSSE, 81 to 8F in a DF")
    root = table.text("root")
    if not _ROOT.fullmatch(root):
        raise table.error("root", "must be 2 to 32 capital letters and digits")
    declared = external(
        root,
        table.text("purpose", "local files"),
        kid=kid,
        versions=table.number("versions", 1, 15, default=3),
        tries=table.number("tries", 0, 15, default=3),
        confidence=L,
    )
    table.done()
    return directory, declared
