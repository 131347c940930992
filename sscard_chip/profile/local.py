# SPDX-License-Identifier: Apache-2.0
"""A region's own files (本地扩展), from a TOML file of the user: docs/profile-format.md.

Letter 37, section 6: local EFs count from EF0C, local DFs from DF0A; what the standard defines is
not used again, neither FIDs nor tags; the EFs of SSSE and cyclic EFs get no further items, others
may. Every error is one line ``FILE: line N: FIELD: RULE``, with all findings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sscard_chip.profile.build import L, external, maintenance
from sscard_chip.profile.localmodel import (
    MAX_CONTENT,
    MAX_RECORDS,
    LocalDirectory,
    LocalElementaryFile,
    LocalFiles,
    LocalItem,
    LocalKey,
    LocalTables,
    directory_fid,
    parse_access,
)
from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    Format,
    Item,
    Key,
    KeyUse,
    Profile,
    Structure,
)
from sscard_chip.standard.documents import (
    Document,
    DocumentError,
    RuleFinding,
)

__all__ = ["LocalFile", "LocalFileError", "load_local_file"]

_MAX_RECORD: Final = 255


class LocalFileError(DocumentError):
    """Local files that cannot be used: one line with file, field and rule."""

    @property
    def field(self) -> str:
        """The field of the first finding."""
        return self.item


@dataclass(frozen=True, slots=True)
class LocalFile:
    """What one TOML file declares. FIDs are those of the directory each thing belongs to.

    ``directories`` are local DFs with their STK; ``items`` go behind the records of a defined
    file, given by FID of directory and file.
    """

    source: str
    optional: frozenset[int]
    directories: tuple[DirectoryDeclaration, ...]
    files: tuple[tuple[int, FileDeclaration], ...]
    items: tuple[tuple[int, int, tuple[Item, ...]], ...]
    keys: tuple[tuple[int, Key], ...]

    def extend(self, profile: Profile) -> Profile:
        """``profile`` with these extensions.

        :raises LocalFileError: for a directory, file or key that the card does not have, for a key
            whose identifier is taken and for tags or files declared twice.
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

    def _extend(
        self, directory: DirectoryDeclaration, environment: DirectoryDeclaration
    ) -> DirectoryDeclaration:
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
            for field, access in (("read", file.read), ("write", file.write)):
                if access.kid is not None and not _has_key(owners[access.kid >= 0x80], access.kid):
                    label = f"file {where} {file.fid:04X}: {field}"
                    raise self._error(label, f"key {access.kid:02X} is not declared")
        return extended

    def _with_keys(self, directory: DirectoryDeclaration) -> DirectoryDeclaration:
        keys = (k for fid, k in self.keys if fid == directory.fid)
        return replace(directory, keys=(*directory.keys, *keys))

    def _check_levels(self, directory: DirectoryDeclaration) -> None:
        """No two keys of EXTERNAL AUTHENTICATE may grant one level, the low nibble."""
        levels: set[int] = set()
        for own in directory.keys:
            if own.use is KeyUse.EXTERNAL:
                if own.kid & 0x0F in levels:
                    label = f"key {directory.short_name} {own.kid:02X}"
                    raise self._error(label, "another key has this low digit")
                levels.add(own.kid & 0x0F)

    def _directory(self, profile: Profile, fid: int) -> DirectoryDeclaration:
        try:
            return profile.directory(fid)
        except KeyError:
            rule = f"generation {profile.generation} does not have it, or it is not enabled"
            raise self._error(f"directory {fid:04X}", rule) from None

    def _file(self, directory: DirectoryDeclaration, fid: int) -> FileDeclaration:
        label = f"extra {directory.short_name} {fid:04X}"
        try:
            file = directory.file(fid)
        except KeyError:
            raise self._error(label, "the card does not have this file") from None
        if file.structure is not Structure.LINEAR_VARIABLE:
            raise self._error(label, "only a file of variable records takes further items")
        return file

    def _error(self, field: str, text: str) -> LocalFileError:
        return LocalFileError(self.source, field, text)


def _has_key(directory: DirectoryDeclaration, kid: int) -> bool:
    return any(k.use is KeyUse.EXTERNAL and k.kid == kid for k in directory.keys)


def load_local_file(path: str | os.PathLike[str]) -> LocalFile:
    """Read and check a TOML file of local extensions.

    :raises LocalFileError:
    """
    source = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise LocalFileError(source, "", error.strerror or "cannot be read") from None
    return _checked(Document.toml(content, source, LocalFileError))


def parse_local_file(document: Mapping[str, object], *, source: str = "local files") -> LocalFile:
    """Check the object of such a file; ``source`` stands in errors."""
    return _checked(Document(source, document, LocalFileError))


def _checked(document: Document) -> LocalFile:
    tables = document.to(LocalFiles)
    try:
        return build_local(tables, document.source)
    except LocalFileError as error:
        raise document.refused(error.findings) from None


def build_local(tables: LocalTables, source: str) -> LocalFile:
    """What checked tables declare.

    :raises LocalFileError: for items that do not fit.
    """
    file_name = re.split(r"[/\\]", source)[-1]
    clause = f"local: {file_name}"
    findings: list[RuleFinding] = []
    used: set[str] = set()
    files, extras = [], []
    for number, table in enumerate(tables.file, 1):
        if table.structure != "cyclic":
            findings += _tags_twice(table.item, f"file {number}", used)
        file = _file(table, clause)
        findings += _shape_findings(file, f"file {number} item")
        files.append((directory_fid(table.directory), file))
    for number, extra in enumerate(tables.extra, 1):
        findings += _tags_twice(extra.item, f"extra {number}", used)
        extras.append((directory_fid(extra.directory), int(extra.fid, 16), _records(extra.item)))
    if findings:
        raise LocalFileError.of(source, findings)
    return LocalFile(
        source,
        frozenset(int(name, 16) for name in tables.optional),
        tuple(_directory(table, clause) for table in tables.directory),
        tuple(files),
        tuple(extras),
        tuple(_key(table) for table in tables.key),
    )


def _tags_twice(items: Sequence[LocalItem], path: str, used: set[str]) -> list[RuleFinding]:
    """Tags that a region declares for the second time; ``used`` collects them."""
    found = []
    for number, item in enumerate(items, 1):
        place = f"{path} item {number}"
        if item.tag in used:
            found.append(RuleFinding(f"{place} tag", "is declared twice"))
        used.add(item.tag or "")
        found += _tags_twice(item.item, place, used)
    return found


def _shape_findings(file: FileDeclaration, place: str) -> list[RuleFinding]:
    if file.structure is Structure.TRANSPARENT:
        return []
    rules = {
        f"a file has at most {MAX_RECORDS} records": len(file.items) <= MAX_RECORDS,
        f"the fields of a record must be at most {_MAX_RECORD} bytes": file.structure
        is not Structure.CYCLIC
        or file.record_length <= _MAX_RECORD,
        "the records of a fixed file must have one length": file.structure
        is not Structure.LINEAR_FIXED
        or len({item.length for item in file.items}) == 1,
        f"the file must be at most {MAX_CONTENT} bytes": file.content_size <= MAX_CONTENT,
    }
    return [RuleFinding(place, text) for text, right in rules.items() if not right]


def _directory(table: LocalDirectory, clause: str) -> DirectoryDeclaration:
    """A local DF. It gets an STK of its own, kid 82 as in all ADFs [L]."""
    fid = directory_fid(table.fid)
    return DirectoryDeclaration(
        fid,
        table.name,
        table.english,
        bytes.fromhex(table.df_name),
        (),
        (maintenance(f"STKDF{fid & 0xFF:02X}", L),),
        label=table.label,
        clause=clause,
    )


def _file(table: LocalElementaryFile, clause: str) -> FileDeclaration:
    items = _records(table.item)
    return FileDeclaration(
        int(table.fid, 16),
        table.name,
        table.english,
        Structure(table.structure),
        parse_access(table.read),
        parse_access(table.write),
        items,
        records=table.records or len(items),
        size=table.size or 0,
        clause=clause,
        secure_messaging=table.secure_messaging,
    )


def _records(items: Sequence[LocalItem]) -> tuple[Item, ...]:
    """The items of a file; ``repeat`` makes several records of one."""
    return tuple(item for table in items for item in [_item(table)] * table.repeat)


def _item(table: LocalItem) -> Item:
    parts = tuple(map(_item, table.item))
    length = table.length or sum(2 + part.length for part in parts)
    tag = int(table.tag or "00", 16)
    return Item(tag, table.name, table.english, Format(table.format), length, parts, table.codes)


def _key(table: LocalKey) -> tuple[int, Key]:
    declared = external(
        table.root,
        table.purpose,
        kid=int(table.kid, 16),
        versions=table.versions,
        tries=table.tries,
        confidence=L,
    )
    return directory_fid(table.directory), declared
