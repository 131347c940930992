# SPDX-License-Identifier: Apache-2.0
"""A container: the images of many cards in one file, as a template and what differs from it.

::

    magic, length of the header (4)
    header   JSON: generation, algorithm, size of the memory, cards, spans, length of a row
    template the memory before it is anybody's, deflated
    rows     of each card the bytes of all spans, joined; one length, so card n is found at once
    crc32    of everything before (4)

A card of 64 KiB of memory takes two to four KiB. A container holds card keys and citizens' data:
it is readable by its owner only.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from issuance.batch.cards import Patches
from issuance.batch.template import Span, Template
from sscard_chip.memory import Memory
from sscard_chip.standard.errors import InputError

SUFFIX: Final = ".sscards"

_MAGIC: Final = b"SSCARDS\x1a"
_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = len(_MAGIC) + _LENGTH.size


class ContainerError(InputError):
    """A file that is no container, or a damaged one; one line."""


def encode_container(template: Template, patches: Patches) -> bytes:
    """The content of a container file."""
    deflated = _deflated(template)
    row = sum(span.length for span in patches.spans)
    header = {
        "format": "sscard-cards/1",
        "generation": template.profile.generation,
        "algorithm": template.algorithm,
        "memory": len(template.cells),
        "template": len(deflated),
        "cards": len(patches.rows),
        "row": row,
        "spans": [[span.offset, span.length] for span in patches.spans],
    }
    head = json.dumps(header, separators=(",", ":")).encode("ascii")
    body = b"".join((_MAGIC, _LENGTH.pack(len(head)), head, deflated, *patches.rows))
    return body + _LENGTH.pack(zlib.crc32(body))


_DEFLATED: dict[bytes, bytes] = {}


def _deflated(template: Template) -> bytes:
    """The template's memory, deflated once in a process."""
    if template.cells not in _DEFLATED:
        _DEFLATED[template.cells] = zlib.compress(template.cells, 9)
    return _DEFLATED[template.cells]


@dataclass(frozen=True, slots=True)
class _Header:
    generation: int
    algorithm: str
    memory: int
    template: int
    cards: int
    row: int
    spans: tuple[Span, ...]


class Container:
    """A container that has been read: cards by index from 0."""

    def __init__(self, content: bytes, source: str = "container") -> None:
        """Read the header and check the whole file.

        :raises ContainerError: unless everything in it is sound.
        """
        self._content = content
        self._header = header = _read_header(content, source)
        start = _HEAD + _LENGTH.unpack_from(content, len(_MAGIC))[0]
        self._rows_at = start + header.template
        self._cells = zlib.decompress(content[start : self._rows_at])
        self._at: dict[Span, int] = {}
        position = 0
        for span in header.spans:
            self._at[span] = position
            position += span.length

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Container:
        """Read a container.

        :raises ContainerError:
        :raises OSError:
        """
        return cls(Path(path).read_bytes(), os.fspath(path))

    @property
    def generation(self) -> int:
        """Generation of its cards."""
        return self._header.generation

    @property
    def algorithm(self) -> str:
        """``3des`` or ``sm4``."""
        return self._header.algorithm

    def __len__(self) -> int:
        return self._header.cards

    def column(self, span: Span) -> list[bytes]:
        """The bytes of ``span`` on every card, as the images have them."""
        at = self._at.get(span)
        if at is None:
            return [self._cells[span.offset : span.end]] * len(self)
        start, step = self._rows_at + at, self._header.row
        content, length = self._content, span.length
        end = start + step * len(self)
        return [content[place : place + length] for place in range(start, end, step)]

    def memory(self, index: int) -> Memory:
        """The memory of a card.

        :raises IndexError:
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        cells = bytearray(self._cells)
        at = self._rows_at + index * self._header.row
        for span in self._header.spans:
            cells[span.offset : span.end] = self._content[at : at + span.length]
            at += span.length
        return Memory(cells)


def _read_header(content: bytes, source: str) -> _Header:
    if content[: len(_MAGIC)] != _MAGIC:
        raise ContainerError(f"{source}: is no container of cards")
    if len(content) < _HEAD or content[-4:] != _LENGTH.pack(zlib.crc32(content[:-4])):
        raise ContainerError(f"{source}: the container is damaged")
    length = _LENGTH.unpack_from(content, len(_MAGIC))[0]
    fields = json.loads(content[_HEAD : _HEAD + length])
    if fields.pop("format") != "sscard-cards/1":
        raise ContainerError(f"{source}: a format that this program does not know")
    spans: Sequence[Sequence[int]] = fields.pop("spans")
    return _Header(**fields, spans=tuple(Span(offset, length) for offset, length in spans))
