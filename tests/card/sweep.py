# SPDX-License-Identifier: Apache-2.0
"""Every file and key that the profiles declare, and how to use each on a card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from sscard_chip.filesystem.files import CyclicFile
from sscard_chip.profile import for_generation
from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    KeyUse,
    Profile,
    Rule,
    Structure,
)
from sscard_chip.standard.commands import READ_BINARY, READ_RECORD, UPDATE_RECORD
from tests.bench.exchange import Answer
from tests.bench.issued import SUITES_OF_CARDS, Bench

LINEAR: Final = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)
_OWN_TAG: Final = 0x53  # for the one file that is delivered without records

Way = tuple[bool, int | None]
"""One way to satisfy a rule: verify the PIN; authenticate its key in this version (or not)."""


@cache
def whole_profile(generation: int) -> Profile:
    """A generation with everything it may have."""
    return for_generation(generation, optional=(0xDF05, 0xDF06), with_account=generation == 1)


@dataclass(frozen=True)
class Case:
    """One EF on a card of a generation and suite."""

    generation: int
    algorithm: str
    directory: DirectoryDeclaration
    file: FileDeclaration

    def __str__(self) -> str:
        where = f"{self.directory.short_name}-{self.file.fid:04X}"
        return f"{self.generation}-{self.algorithm}-{where}"

    def bench(self) -> Bench:
        """A new card with this directory current, and a record in a cyclic file."""
        profile = whole_profile(self.generation)
        bench = Bench(self.generation, algorithm=self.algorithm, profile=profile)
        if self.file.structure is Structure.CYCLIC:
            directory = next(d for d in bench.card.files.directories if d.fid == self.directory.fid)
            file = directory.files[self.file.fid]
            assert isinstance(file, CyclicFile)
            file.stage_append(bytes(range(self.file.record_length)))
            bench.memory.commit()
        bench.enter(self.directory.fid)
        return bench

    @property
    def p2(self) -> int:
        """SFI with "record number"."""
        return self.file.sfi << 3 | 4

    def read(self, bench: Bench) -> Answer:
        """Read the beginning of the file."""
        if self.file.structure is Structure.TRANSPARENT:
            return bench.send(READ_BINARY.apdu(0x80 | self.file.sfi, le=0))
        return bench.send(READ_RECORD.apdu(1, self.p2, le=0))

    def may_read(self, bench: Bench) -> bool:
        """Whether the card lets the file be read now; anything but a clear no or yes fails."""
        answer = self.read(bench)
        if answer.sw == 0x6982:
            assert not answer.body
            return False
        assert answer.sw == (0x9000 if self.file.items or answer.body else 0x6A83)
        return True

    def may_write(self, bench: Bench) -> bool:
        """Whether the card lets the file be written now."""
        before = bytes(bench.memory.cells)
        first = bench.sw(self.update(0, 0xA5))
        if first == 0x6982:
            assert bench.memory.cells == before
            return False
        before = bytes(bench.memory.cells)
        assert (first, bench.sw(self.update(0, 0x5A))) == (0x9000, 0x9000)
        assert bench.memory.cells != before
        return True

    def update(self, position: int, value: int) -> bytes:
        """UPDATE of record ``position`` (from 0) or of the first byte, with ``value``."""
        structure = self.file.structure
        if structure is Structure.TRANSPARENT:
            return bytes((0x00, 0xD6, 0x80 | self.file.sfi, position, 1, value))
        if structure is Structure.CYCLIC:
            length = self.file.record_length
            return UPDATE_RECORD.apdu(p2=self.file.sfi << 3 | 3, data=bytes((value,)) * length)
        if not self.file.items:
            record = bytes((_OWN_TAG, 2, value, value))
            return UPDATE_RECORD.apdu(position + 1, self.p2, record)
        item = self.file.items[position]
        record = bytes((item.tag, item.length)) + bytes((value,)) * item.length
        return UPDATE_RECORD.apdu(position + 1, self.p2, record)

    def versions(self, kid: int) -> int:
        """How many versions the key of a rule has."""
        return versions(self.directory, whole_profile(self.generation), kid)

    def ways(self, rule: Rule) -> list[Way]:
        """All ways to satisfy ``rule``; none for a rule that nothing satisfies."""
        if rule.never:
            return []
        keys = [] if rule.kid is None else list(range(1, self.versions(rule.kid) + 1))
        if rule.both:
            return [(True, version) for version in keys]
        ways: list[Way] = [(True, None)] if rule.pin else []
        ways += [(False, version) for version in keys]
        return ways or [(False, None)]

    def go(self, bench: Bench, rule: Rule, way: Way) -> None:
        """Go one of the ways."""
        pin, version = way
        if pin:
            assert bench.verify() == 0x9000
        if version is not None:
            assert rule.kid is not None
            assert bench.authenticate(rule.kid, version) == 0x9000


def versions(directory: DirectoryDeclaration, profile: Profile, kid: int) -> int:
    """Versions of the external key ``kid`` as seen from ``directory``."""
    keys = directory.keys if kid & 0x80 else profile.environment.keys
    return next(k.versions for k in keys if k.kid == kid and k.use is KeyUse.EXTERNAL)


def external_kids(directory: DirectoryDeclaration) -> dict[int, int]:
    """Versions by kid of the keys that EXTERNAL AUTHENTICATE finds in ``directory``."""
    return {k.kid: k.versions for k in directory.keys if k.use is KeyUse.EXTERNAL}


def cases() -> Iterator[Case]:
    """Every EF of every generation and suite, but for those that the card alone knows."""
    for generation, algorithm in SUITES_OF_CARDS:
        for directory in whole_profile(generation).directories:
            for file in directory.files:
                if file.structure is not Structure.AMOUNT:
                    yield Case(generation, algorithm, directory, file)


CASES: Final = tuple(cases())
