# SPDX-License-Identifier: Apache-2.0
"""Names instead of hexadecimal: what words mean on the card that is in the reader.

Names are looked up in the profile of the card's generation, from where the card stands: an EF
and a key of an application are those of the selected directory.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sscard_chip.profile.codec import ItemValue, ItemValueError, encode_value
from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    Format,
    Item,
    Key,
    KeyUse,
)
from sscard_chip.profile.pki import CERTIFICATE_DIRECTORY
from sscard_chip.profile.transit import TRANSIT_DIRECTORY
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.identifiers import (
    CERTIFICATE_NAME,
    HIGHEST_SFI,
    MF,
    PKI_NAME,
    PPSE_NAME,
    PSAM_AID,
    PSE_NAME,
    SX1_NAME,
    SX2_NAME,
    SX3_NAME,
    TRANSIT_AID,
)
from sscard_chip.standard.text import encode_text
from sscard_chip.terminal.shell.commands import Word
from sscard_chip.terminal.shell.grammar import is_file_name, is_hex
from sscard_chip.trace.selection import Selection

DF_NAMES: Final = tuple(
    name.decode("gbk")
    for name in (
        SX1_NAME,
        SX2_NAME,
        SX3_NAME,
        PKI_NAME,
        CERTIFICATE_NAME,
        PSE_NAME,
        PPSE_NAME,
    )
)
_BY_FID, _EF, _BY_NAME = 0, 2, 4
_TRANSIT_NAMES: Final = ("transit", "交通联合")
_PKI_WORDS: Final = {"pki": PKI_NAME, "cert": CERTIFICATE_NAME, "证书应用": CERTIFICATE_NAME}
_WITH_SFI: Final = (TRANSIT_DIRECTORY, CERTIFICATE_DIRECTORY)
_NAME_LENGTHS: Final = range(5, 17)
_MOST_DATA: Final = 255


class UnknownNameError(InputError):
    """A name that means nothing here; one line of text."""


class Target(NamedTuple):
    """P1 and data of a SELECT."""

    p1: int
    data: bytes


class PlacedKey(NamedTuple):
    """A key and the directory that holds it."""

    key: Key
    directory: DirectoryDeclaration


class Names:
    """Looks words up from where ``selection`` stands."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    # --- files ----------------------------------------------------------------------------------

    @property
    def directories(self) -> tuple[DirectoryDeclaration, ...]:
        return self._selection.profile.directories

    @property
    def environment(self) -> DirectoryDeclaration:
        """社会保障系统环境, whose keys have kids below 80."""
        return self._selection.profile.environment

    @property
    def here(self) -> DirectoryDeclaration | None:
        """The selected directory, if the profile knows it."""
        return self._selection.directory

    @property
    def files(self) -> tuple[FileDeclaration, ...]:
        """The files of the selected directory."""
        return self.here.files if self.here else ()

    def target(self, word: Word) -> Target:
        """What SELECT sends for a directory, a file, a FID or a DF name."""
        text = word.text
        if not word.quoted:
            if text.casefold() == "mf":
                return Target(_BY_FID, MF.to_bytes(2))
            if text.casefold() == "psam":
                return Target(_BY_NAME, PSAM_AID)
            if text.casefold() in _TRANSIT_NAMES:
                return Target(_BY_NAME, TRANSIT_AID)
            if text.casefold() in _PKI_WORDS:
                return Target(_BY_NAME, _PKI_WORDS[text.casefold()])
            if is_file_name(text):
                return Target(_EF, bytes.fromhex(text))
            if is_hex(text):
                data = bytes.fromhex(text)
                return Target(_BY_FID, data) if len(data) == 2 else _named_target(data)
        for directory in self.directories:
            names = directory.short_name, directory.name, directory.english, directory.label
            if _is_called(text, names):
                # SSSE is found by its name, the applications below it by their FID.
                if directory is self.environment:
                    return Target(_BY_NAME, directory.df_name)
                return Target(_BY_FID, directory.fid.to_bytes(2))
        for file in self.files:
            if _is_called(text, (file.name, file.english)):
                return Target(_EF, file.fid.to_bytes(2))
        name = next((name for name in DF_NAMES if name.casefold() == text.casefold()), None)
        if name is None and not word.quoted:
            raise self._unknown("a file or directory", word, self.target_names())
        return _named_target(_text(name or text))

    def target_names(self) -> list[str]:
        """Words that ``select`` takes here."""
        directories = [directory.short_name for directory in self.directories]
        named = [d.name for d in self.directories] + [file.name for file in self.files]
        return ["MF", "PSAM", *directories, *self.file_names(), *named, *DF_NAMES]

    def file_names(self) -> list[str]:
        """EF05, EF06... of the selected directory."""
        return [f"{file.fid:04X}" for file in self.files if _has_sfi(file.fid)]

    def file(self, word: Word | None) -> tuple[int, FileDeclaration | None]:
        """SFI and declaration of a file of the selected directory; None is the current one."""
        if word is None:
            return 0, self._selection.file
        found = self.find_file(word)
        if found:
            return self.sfi(found), found
        if is_file_name(word.text) and not word.quoted:
            return _sfi(int(word.text, 16)), None
        raise self._unknown("a file of this directory", word, self.file_words())

    def sfi(self, file: FileDeclaration) -> int:
        """The SFI of a declared file; UnknownNameError when it has none."""
        return file.sfi if self.here in _WITH_SFI else _sfi(file.fid)

    @property
    def current(self) -> FileDeclaration | None:
        """The selected file, if the profile knows it."""
        return self._selection.file

    def find_file(self, word: Word) -> FileDeclaration | None:
        """The declared file of this name in the selected directory."""
        for file in self.files:
            if _is_called(word.text, (f"{file.fid:04X}", file.name, file.english)):
                return file
        return None

    def file_words(self) -> list[str]:
        """The files of the selected directory by FID and by name."""
        return [*self.file_names(), *(file.name for file in self.files)]

    # --- items ----------------------------------------------------------------------------------

    def item(self, file: FileDeclaration, word: Word) -> Item:
        """The item (数据项) of a file by Chinese or English name, or by tag."""
        for item in file.items:
            if _is_called(word.text, (item.name, item.english, f"{item.tag:02X}")):
                return item
        raise self._unknown(f"an item of {file.fid:04X}", word, self.item_names(file))

    def item_names(self, file: FileDeclaration) -> list[str]:
        """Chinese names of a file's items."""
        return list(dict.fromkeys(item.name for item in file.items if item.tag))

    def find_item(self, word: Word) -> tuple[FileDeclaration, Item]:
        """An item by name only: of the current file, else of any of this directory."""
        current = self._selection.file
        for file in ((current,) if current else ()) + self.files:
            for item in file.items:
                if item.tag and _is_called(word.text, (item.name, item.english)):
                    return file, item
        known = [name for file in self.files for name in self.item_names(file)]
        raise self._unknown("an item of this directory", word, [*self.file_words(), *known])

    # --- keys -----------------------------------------------------------------------------------

    def external_key(self, word: Word) -> PlacedKey:
        """The key of EXTERNAL AUTHENTICATE by its name or by kid, two hexadecimal digits.

        Bit 8 of kid means the selected application, as in the command.
        """
        keys = self._external_keys()
        if is_hex(word.text) and len(word.text) == 2:
            kid = int(word.text, 16)
            at = self.here if kid & 0x80 else self.environment
            for placed in keys:
                if placed.key.kid == kid and placed.directory is at:
                    return placed
            raise UnknownNameError(f"no key {kid:02X} here: try help keys")
        placed = self._key(word, keys)
        if placed.key.kid & 0x80 and placed.directory is not self.here:
            where = placed.directory.short_name
            raise UnknownNameError(f"{placed.key.root} is a key of {where}: select {where} first")
        return placed

    def internal_key(self) -> PlacedKey:
        """The key of INTERNAL AUTHENTICATE in the selected directory."""
        for key in self.here.keys if self.here else ():
            if key.use is KeyUse.INTERNAL and self.here:
                return PlacedKey(key, self.here)
        raise UnknownNameError("no key for INTERNAL AUTHENTICATE here: select SSSE first")

    def key_names(self) -> list[str]:
        """Names of the keys that EXTERNAL AUTHENTICATE takes here."""
        reachable = (self.here, self.environment)
        return [p.key.root for p in self._external_keys() if p.directory in reachable]

    def key_place(self, word: Word) -> bytes:
        """P1 P2 for a key's name: 00 and its kid."""
        everything = [PlacedKey(k, d) for d in self.directories for k in d.keys]
        return bytes((0, self._key(word, everything).key.kid))

    def _external_keys(self) -> list[PlacedKey]:
        return [
            PlacedKey(key, directory)
            for directory in self.directories
            for key in directory.keys
            if key.use is KeyUse.EXTERNAL
        ]

    def _key(self, word: Word, keys: Sequence[PlacedKey]) -> PlacedKey:
        for placed in keys:
            if _is_called(word.text, (placed.key.root,)):
                return placed
        raise self._unknown("a key", word, [placed.key.root for placed in keys])

    # --- data -----------------------------------------------------------------------------------

    def data(self, words: Iterable[Word]) -> bytes:
        """Data of a command: hexadecimal, text in quotes (GB 18030), names of files and DFs."""
        data = b"".join(self._datum(word) for word in words)
        if len(data) > _MOST_DATA:
            raise UnknownNameError(f"{len(data)} bytes of data, Lc counts {_MOST_DATA} at most")
        return data

    def _datum(self, word: Word) -> bytes:
        if word.quoted:
            return _text(word.text)
        return bytes.fromhex(word.text) if is_hex(word.text) else self.target(word).data

    def _unknown(self, what: str, word: Word, known: Iterable[str]) -> UnknownNameError:
        """Names what was asked for if it cannot be a PIN or data, and what comes near it."""
        similar = difflib.get_close_matches(word.text, list(known), n=3, cutoff=0.6)
        hint = f"; like {', '.join(similar)}" if similar else ""
        shown = word.text if word.text.isalpha() and word.text.isprintable() else "this"
        return UnknownNameError(f"{shown[:20]} is not the name of {what}{hint}")


# --- values of items ----------------------------------------------------------------------------


def encode_record_value(item: Item, text: str) -> bytes:
    """A TLV record with the value ``text``; of a template ``57=...; 58=...``.

    :raises ItemValueError:
    """
    value = encode_value(item, _template(item, text) if item.format is Format.BTLV else text)
    return bytes((item.tag, len(value))) + value


def field_values(items: Sequence[Item], words: Sequence[Word]) -> bytes:
    """A record of a cyclic file, one word for each field.

    :raises UnknownNameError:
    :raises ItemValueError:
    """
    if len(items) != len(words):
        names = ", ".join(item.name for item in items)
        raise UnknownNameError(f"{len(items)} values are needed: {names}")
    return b"".join(encode_value(item, word.text) for item, word in zip(items, words, strict=True))


def _template(item: Item, text: str) -> dict[str, ItemValue]:
    values: dict[str, ItemValue] = {}
    for part in text.split(";"):
        tag, equals, value = part.partition("=")
        if not equals:
            raise ItemValueError(item, "must be written tag=value; tag=value")
        values[tag.strip().upper()] = value.strip()
    return values


# --- names --------------------------------------------------------------------------------------


def _is_called(text: str, names: Iterable[str]) -> bool:
    wanted = text.casefold()
    return any(wanted == name.casefold() for name in names if name)


def _has_sfi(fid: int) -> bool:
    return fid >> 8 == 0xEF and 0 < fid & 0xFF <= HIGHEST_SFI


def _sfi(fid: int) -> int:
    if not _has_sfi(fid):
        raise UnknownNameError(f"{fid:04X} has no SFI: select it, then leave its name out")
    return fid & 0x1F


def _named_target(data: bytes) -> Target:
    if len(data) not in _NAME_LENGTHS:
        raise UnknownNameError("SELECT takes a FID of 2 bytes or a name of 5 to 16")
    return Target(_BY_NAME, data)


def _text(text: str) -> bytes:
    try:
        return encode_text(text)
    except UnicodeEncodeError:
        pass
    # Outside the handler: the codec's error carries the text.
    raise UnknownNameError("a text holds half of a surrogate pair")
