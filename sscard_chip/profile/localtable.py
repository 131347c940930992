# SPDX-License-Identifier: Apache-2.0
"""A table of a user's TOML file, read field by field; what nobody reads is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sscard_chip.standard.errors import InputError

_HEX: Final = re.compile(r"(?:[0-9A-F]{2})+")


class LocalFileError(InputError):
    """Local files that cannot be used: one line with file, field and rule."""

    def __init__(self, source: str, field: str, rule: str) -> None:
        super().__init__(source, field, rule)
        self.source = source
        self.field = field
        self.rule = rule

    def __str__(self) -> str:
        return ": ".join(part for part in self.args if part)


class Table:
    """One table. ``path`` says where it stands: ``file 1``, ``file 1 item 2``."""

    def __init__(self, fields: Mapping[str, object], source: str, path: str) -> None:
        self._fields = fields
        self._source = source
        self._path = path
        self._read: set[str] = set()

    @property
    def source_name(self) -> str:
        """The file's name without its folders."""
        return re.split(r"[/\\]", self._source)[-1]

    def error(self, field: str, rule: str) -> LocalFileError:
        """The error for a field of this table."""
        return LocalFileError(self._source, f"{self._path} {field}".strip(), rule)

    def done(self) -> None:
        """All fields were read, or one of them is unknown."""
        for field in self._fields:
            if field not in self._read:
                raise self.error(field, "is not a field of this table")

    def _take(self, field: str, default: object = None) -> object:
        self._read.add(field)
        value = self._fields.get(field, default)
        if value is None:
            raise self.error(field, "is required")
        return value

    def text(self, field: str, default: str | None = None) -> str:
        """A text of one printable line; required without ``default``."""
        value = self._take(field, default)
        if not isinstance(value, str) or not value.isprintable():
            raise self.error(field, "must be a text of one line")
        if not value and default is None:
            raise self.error(field, "must not be empty")
        return value

    def texts(self, field: str) -> list[str]:
        """A list of texts, empty by default."""
        value = self._take(field, [])
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise self.error(field, "must be a list of texts")
        return value

    def hex(self, field: str, shortest: int, longest: int) -> bytes:
        """Bytes as capital hex digits, within these lengths."""
        text = self.text(field)
        if not _HEX.fullmatch(text) or not shortest <= len(text) // 2 <= longest:
            size = f"{2 * shortest}" if shortest == longest else f"{2 * shortest} to {2 * longest}"
            raise self.error(field, f"must be {size} capital hex digits")
        return bytes.fromhex(text)

    def number(self, field: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number within these limits."""
        value = self._take(field, default)
        if type(value) is not int or not low <= value <= high:
            raise self.error(field, f"must be a whole number from {low} to {high}")
        return value

    def flag(self, field: str) -> bool:
        """true or false, false by default."""
        value = self._take(field, False)
        if not isinstance(value, bool):
            raise self.error(field, "must be true or false")
        return value

    def codes(self, field: str) -> dict[str, str]:
        """A table of codes and meanings, empty by default."""
        value = self._take(field, {})
        if not isinstance(value, dict) or not all(isinstance(m, str) for m in value.values()):
            raise self.error(field, "must be a table of texts")
        return value

    def tables(self, field: str) -> list[Table]:
        """An array of tables, empty by default."""
        value = self._take(field, [])
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            raise self.error(field, f"must be an array of tables, [[{field}]]")
        return [
            Table(table, self._source, f"{self._path} {field} {number}".strip())
            for number, table in enumerate(value, 1)
        ]
