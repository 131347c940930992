# SPDX-License-Identifier: Apache-2.0
"""New values in the place of those in a file, as long as these."""

from __future__ import annotations

import re
from typing import Any, Final

from sscard_chip.filesystem.files import CyclicFile, ElementaryFile, RecordFile, TransparentFile
from sscard_chip.profile.codec import ItemValueError, encode_value
from sscard_chip.profile.fields import FileField
from sscard_chip.profile.model import Format
from sscard_chip.standard.errors import InputError

HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")


class ValueRefusedError(InputError):
    """A value that cannot stand there; the text is the rule."""


class EditedFile:
    """The records of a file, or the content of a transparent one, with changes in them."""

    def __init__(self, file: ElementaryFile) -> None:
        self._file = file
        self._new: dict[int, bytearray] = {}

    @property
    def changed(self) -> int:
        """How many records have changed."""
        return len(self._new)

    def replace(self, record: int, at: int, value: bytes) -> None:
        """Put a value at a place of a record."""
        content = self._new.setdefault(record, bytearray(self._old(record)))
        content[at : at + len(value)] = value

    def stage(self) -> None:
        """Stage what has changed."""
        for number, content in self._new.items():
            if isinstance(self._file, CyclicFile):
                self._file.stage_edit(number, bytes(content))
            elif isinstance(self._file, RecordFile):
                self._file.stage_update(number, bytes(content))
            elif isinstance(self._file, TransparentFile):
                self._file.stage_update(0, bytes(content))

    def _old(self, record: int) -> bytes:
        if isinstance(self._file, RecordFile):
            return self._file.record(record)
        return (
            self._file.read(0, self._file.size) if isinstance(self._file, TransparentFile) else b""
        )


def raw_value(field: FileField, value: Any) -> bytes:
    """The bytes of hex digits.

    :raises ValueRefusedError: they are none, or not as many as the field has.
    """
    if not isinstance(value, str) or not HEX.fullmatch(value):
        raise ValueRefusedError("must be hexadecimal")
    if len(value) != 2 * len(field.raw):
        raise ValueRefusedError(f"must be {len(field.raw)} bytes, as on the card")
    return bytes.fromhex(value)


def text_value(field: FileField, value: Any) -> bytes:
    """The bytes of a text as the profile declares it.

    :raises ValueRefusedError:
    """
    item = field.item
    if item is None:
        return raw_value(field, value)
    if item.format is Format.BTLV:
        raise ValueRefusedError("is empty in a template: change its items")
    if not isinstance(value, str):
        raise ValueRefusedError("must be a text")
    if item.codes and not item.open_codes and value not in ("", *item.codes):
        raise ValueRefusedError(f"is no code of the table {item.name} ({item.english})")
    try:
        new = encode_value(item, value)
    except ItemValueError as error:
        raise ValueRefusedError(error.rule) from None
    if len(new) != len(field.raw):
        raise ValueRefusedError(
            f"the card has {len(field.raw)} bytes there, not the {item.length} declared"
        )
    return new
