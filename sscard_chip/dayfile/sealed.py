# SPDX-License-Identifier: Apache-2.0
"""Tables that are sealed: header, rows, and a trailer with their number and digest.

UTF-8, cells separated by tabs, LF. Header ``H``, the format, and cells of its own; rows begin
with a letter; trailer ``T``, number of rows, SHA-256 (hex) of everything before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.inputfile import open_input
from sscard_chip.wholefile import whole_file

MOST_BYTES: Final = 1 << 30
"""A register of a city of ten million; whoever sends a larger one wants the memory."""


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """A table: the header's cells behind the format, the rows between header and trailer as they
    stand (the first is row 2 of the file), the digest of the trailer."""

    header: tuple[str, ...]
    rows: tuple[str, ...]
    digest: bytes


def read_sealed(
    path: str | os.PathLike[str],
    form: str,
    *cells: str,
    error: type[InputError] = DayFileError,
    most: int = MOST_BYTES,
) -> Sealed:
    """Read a table of a format whose header has ``cells`` of these names.

    :raises InputError: an ``error`` that names file, row and rule; it has more than ``most``
        bytes.
    :raises OSError: it cannot be read, or is a named pipe.
    """
    source = os.fspath(path)
    with open_input(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > most else file.read(most + 1)
    if max(size, len(content)) > most:
        raise error(f"{source}: has more than {most:,} bytes")
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise error(f"{source}: is not UTF-8") from None
    if lines.pop() or not lines:
        raise error(f"{source}: the last row does not end in LF: must be rows, each ending in LF")
    header = lines[0].split("\t")
    if header[:2] != ["H", form] or len(header) != 2 + len(cells):
        raise error(f"{source}: row 1: header: must be {', '.join(('H', form, *cells))}")
    if len(lines) < 2:
        raise error(f"{source}: trailer: is missing")
    trailer = lines.pop()
    digest = sha256(content[: len(content) - len(trailer.encode()) - 1]).digest()
    if trailer != _trailer(len(lines) - 1, digest):
        raise error(f"{source}: trailer: count or digest is not that of the rows")
    return Sealed(tuple(header[2:]), tuple(lines[1:]), digest)


def write_sealed(
    path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Write a table, whole or not at all; ``header`` is the format and the cells behind it.

    :raises OSError:
    """
    write_lines(path, header, map("\t".join, rows))


def write_lines(path: str | os.PathLike[str], header: Sequence[str], lines: Iterable[str]) -> None:
    """The same of rows that are lines already.

    :raises OSError:
    """
    content, _ = seal(header, lines)
    with whole_file(path) as new:
        new.write_bytes(content)


def seal(header: Sequence[str], lines: Iterable[str]) -> tuple[bytes, bytes]:
    """A table as it is written, and the digest of its trailer."""
    whole = ["\t".join(("H", *header)), *lines, ""]
    content = "\n".join(whole).encode()
    digest = sha256(content).digest()
    return content + f"{_trailer(len(whole) - 2, digest)}\n".encode(), digest


def _trailer(count: int, digest: bytes) -> str:
    return f"T\t{count}\t{digest.hex().upper()}"
