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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from issuance.batch.cards import Patches
from issuance.batch.template import Span, Template
from sscard_chip.memory import Memory
from sscard_chip.standard.documents import (
    Broken,
    Document,
    DocumentError,
    Model,
    parse_json,
    rule,
)
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4

FORMAT: Final = "sscard-card-container/1"
"""Before that name was given to a centre's cards, containers said sscard-cards/1."""
MAX_MEMORY: Final = 1 << 24
MAX_CARDS: Final = 1 << 32

_MAGIC: Final = b"SSCARDS\x1a"
_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = len(_MAGIC) + _LENGTH.size


class ContainerError(DocumentError):
    """A file that is no container, or a damaged one; one line."""


def encode_container(template: Template, patches: Patches) -> bytes:
    """The content of a container file."""
    deflated = _deflated(template)
    row = sum(span.length for span in patches.spans)
    header = {
        "format": FORMAT,
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


class ContainerHeader(Model, frozen=True):
    """Header of a container of cards."""

    WHAT = "the header of a container"

    format: Annotated[
        Literal["sscard-card-container/1", "sscard-cards/1"], rule(f'must be "{FORMAT}"')
    ]
    generation: Annotated[int, rule(ge=1, le=9)]
    algorithm: Annotated[
        str,
        rule(
            f"must be {ALGORITHM_3DES} or {ALGORITHM_SM4}",
            pattern=f"{ALGORITHM_3DES}|{ALGORITHM_SM4}",
            title="Suite of the cards",
        ),
    ]
    memory: Annotated[int, rule(ge=1, le=MAX_MEMORY, title="Bytes of a card's memory")]
    template: Annotated[int, rule(ge=0, le=MAX_MEMORY, title="Bytes of the template, deflated")]
    cards: Annotated[int, rule(ge=0, le=MAX_CARDS)]
    row: Annotated[int, rule(ge=0, le=MAX_MEMORY, title="Bytes of a card's row")]
    spans: Annotated[
        list[Annotated[list[int], rule("must be offset and length")]],
        rule(title="Where the bytes of a row go: offset and length in the memory"),
    ]

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """The spans lie in the memory, one behind the other, and make up a row."""
        if not {"memory", "row", "spans"} <= good.keys():
            return
        end = total = 0
        for span in good["spans"]:
            if len(span) != 2 or span[0] < end or span[1] < 0:
                yield ("spans",), "must be offsets and lengths in order"
                return
            end, total = sum(span), total + span[1]
        if end > good["memory"]:
            yield ("spans",), "end beyond the memory"
        if total != good["row"]:
            yield ("row",), "is not the sum of the spans"


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
        self._cells = _inflated(content[start : self._rows_at], header.memory, source)
        if self._rows_at + header.row * header.cards + _LENGTH.size != len(content):
            raise ContainerError(source, "", "is not as long as its header says")
        self._spans = [Span(offset, length) for offset, length in header.spans]
        self._at: dict[Span, int] = {}
        position = 0
        for span in self._spans:
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
        for span in self._spans:
            cells[span.offset : span.end] = self._content[at : at + span.length]
            at += span.length
        return Memory(cells)


def _read_header(content: bytes, source: str) -> ContainerHeader:
    if content[: len(_MAGIC)] != _MAGIC:
        raise ContainerError(source, "", "is no container of cards")
    if len(content) < _HEAD or content[-4:] != _LENGTH.pack(zlib.crc32(content[:-4])):
        raise ContainerError(source, "", "the container is damaged")
    length = _LENGTH.unpack_from(content, len(_MAGIC))[0]
    value = parse_json(content[_HEAD : _HEAD + length], source, ContainerError)
    return Document(source, value, ContainerError).to(ContainerHeader)


def _inflated(template: bytes, size: int, source: str) -> bytes:
    """The template's memory, and never more than its size."""
    inflater = zlib.decompressobj()
    try:
        cells = inflater.decompress(template, size + 1)
    except zlib.error:
        cells = b""
    if len(cells) != size:
        raise ContainerError(source, "", "the container is damaged")
    return cells
