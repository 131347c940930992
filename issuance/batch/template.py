# SPDX-License-Identifier: Apache-2.0
"""Where in a card's memory each value and key lies, and cards made by patching a template.

The template of a profile is compiled once. The places come from the very writer that
personalises single cards: it is run on a memory that only notes what is staged. A chunk of cards
is then a table: a column for every place, a row for every card; the bytes of a row joined are
all that distinguishes this card from the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from issuance.personalise import KeySlot
from sscard_chip.applications import amounts
from sscard_chip.filesystem.files import CyclicFile
from sscard_chip.filesystem.layout import COUNT_IN_HEADER
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.compiler import CardWriter, compile_template, key_length
from sscard_chip.profile.model import FileDeclaration, Profile, Structure
from sscard_chip.security.diversify import HISTORICAL_LENGTH, KEY_LENGTH
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.identifiers import MF

HISTORICAL: Final = "historical bytes"
ACCOUNT: Final = "account"

SpanName = object
"""What a span belongs to: see :class:`Template`."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Bytes of the memory that are particular to a card."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.offset + self.length


class _Notes(Memory):
    """A memory that is its own copy, so that a writer's staged bytes can be seen."""

    __slots__ = ()

    def copy(self) -> Memory:
        return self


class Template:
    """The image of a profile before it is anybody's, and the places of everything in it.

    ``spans`` are by place: a :data:`KeySlot`, the FID of a directory for its master key, file
    and record ``(directory, file, number)``, a transparent file ``(directory, file)``,
    :data:`HISTORICAL`, :data:`ACCOUNT`; ``pins`` are those of the PIN records, each with length
    byte; ``rings`` the cyclic files by ``(directory, file)``.
    """

    def __init__(self, profile: Profile, algorithm: str) -> None:
        self.profile = profile
        self.algorithm = algorithm
        memory = compile_template(profile, algorithm)
        self._cells = bytearray(memory.cells)
        self.spans: dict[SpanName, Span] = {}
        self.rings: dict[tuple[int, int], tuple[Span, Span]] = {}
        self._notes = _Notes(bytearray(self._cells))
        self._writer = CardWriter(self._notes)
        self._note_keys()
        self._note_files()
        self._writer.historical_bytes(bytes(HISTORICAL_LENGTH))
        self._take(HISTORICAL, HISTORICAL_LENGTH)
        self._writer.pin(b"")
        self.pins = tuple(
            Span(offset, len(data)) for offset, data in self._notes.staged if len(data) > 1
        )
        self._notes.discard()
        self.cells = bytes(self._cells)

    def _take(self, place: SpanName, length: int) -> None:
        """The span of the last ``length`` staged bytes.

        What is staged before them is the same for every card: the version of a master key.
        """
        ((offset, data),) = self._notes.staged
        head = len(data) - length
        self._cells[offset : offset + head] = data[:head]
        self.spans[place] = Span(offset + head, length)
        self._notes.discard()

    def _note_keys(self) -> None:
        suite = SUITES[self.algorithm]
        for directory in self.profile.directories:
            for key in directory.keys:
                for version in range(1, key.versions + 1):
                    length = key_length(key, suite)
                    self._writer.key(directory.fid, key, version, bytes(length))
                    self._take((directory.fid, key, version), length)
        for fid in (MF, *(directory.fid for directory in self.profile.directories)):
            self._writer.master_key(fid, bytes(KEY_LENGTH))
            self._take(fid, KEY_LENGTH)

    def _note_files(self) -> None:
        mounted = {d.fid: d for d in FileSystem(self._notes).directories}
        for directory in self.profile.directories:
            for file in directory.files:
                place = directory.fid, file.fid
                if file.structure is Structure.AMOUNT:
                    content = amounts.initial_content()
                    self._writer.account(directory.fid, content)
                    self._take(ACCOUNT, len(content))
                elif file.structure is Structure.TRANSPARENT:
                    self._writer.binary(*place, bytes(file.size))
                    self._take(place, file.size)
                elif file.structure is Structure.CYCLIC:
                    ring = mounted[directory.fid].files[file.fid]
                    if isinstance(ring, CyclicFile):
                        size = ring.capacity * ring.record_length
                        head = Span(ring.offset + COUNT_IN_HEADER, 2)
                        self.rings[place] = (head, Span(ring.body, size))
                else:
                    self._note_records(directory.fid, file)

    def _note_records(self, directory: int, file: FileDeclaration) -> None:
        for number, item in enumerate(file.items, 1):
            self._writer.record(directory, file.fid, number, bytes(item.length))
            self._take((directory, file.fid, number), item.length)

    def original(self, span: Span) -> bytes:
        """What the template has there."""
        return self.cells[span.offset : span.end]

    def ring(self, place: tuple[int, int], records: Sequence[bytes]) -> tuple[bytes, bytes]:
        """Head and body of a cyclic file with ``records``, the newest first."""
        head, body = self.rings[place]
        if not records:
            return self.original(head), self.original(body)
        content = b"".join(reversed(records))
        return (
            bytes((len(records), len(records) - 1)),
            content + self.original(body)[len(content) :],
        )


@lru_cache(maxsize=8)
def template_of(profile: Profile, algorithm: str) -> Template:
    """The template of a profile, compiled once in a process."""
    return Template(profile, algorithm)


class ChunkValues:
    """The table of a chunk: for each span one value a card."""

    def __init__(self, template: Template, count: int) -> None:
        self._template = template
        self._count = count
        self._columns: dict[Span, Iterable[bytes]] = {}

    def put(self, span: Span, values: Sequence[bytes]) -> None:
        """A column, one value of the span's length for each card."""
        if len(values) != self._count:
            raise ValueError("a column must have a value for each card")
        self._columns[span] = values

    def put_some(self, span: Span, values: Mapping[int, bytes]) -> None:
        """A column of some cards' values by index; the others keep the template's bytes."""
        own = self._template.original(span)
        self._columns[span] = [values.get(index, own) for index in range(self._count)]

    def rows(self) -> tuple[list[Span], list[bytes]]:
        """The spans in the order of the memory, and each card's bytes for them, joined."""
        spans = sorted(self._columns)
        join = b"".join
        return spans, list(map(join, zip(*(self._columns[span] for span in spans), strict=True)))


def key_columns(
    template: Template, columns: ChunkValues, keys: Mapping[KeySlot, Sequence[bytes]]
) -> None:
    """Put the secrets of all cards, 16 bytes each as diversified; short keys are cut."""
    for slot, secrets in keys.items():
        span = template.spans[slot]
        length = span.length
        columns.put(
            span, secrets if length == KEY_LENGTH else [secret[:length] for secret in secrets]
        )
