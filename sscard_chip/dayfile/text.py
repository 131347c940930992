# SPDX-License-Identifier: Apache-2.0
"""The text form of a day file, read whole and checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sscard_chip.dayfile.errors import DayFileError, RowFindings
from sscard_chip.dayfile.rows import DayHeader, DayRow, DayTrailer, parse_row, sums


@dataclass(frozen=True, slots=True)
class DayContents:
    """What a day file holds; ``trailer`` is None while the day is open."""

    header: DayHeader
    rows: tuple[DayRow, ...]
    trailer: DayTrailer | None


def read_day(path: str | os.PathLike[str]) -> DayContents:
    """A whole day file, checked: columns, count, sums and digest. For those who receive one.

    :raises DayFileError: file, row and rule; also for a last row without LF.
    :raises OSError: the file cannot be read.
    """
    return parse_day(Path(path).read_bytes(), os.fspath(path))


def parse_day(content: bytes, source: str) -> DayContents:
    """The content of a day file; ``source`` stands in errors.

    :raises DayFileError:
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise DayFileError(f"{source}: is not UTF-8") from None
    lines = text.split("\n")
    if lines.pop():
        raise DayFileError(f"{source}: row {len(lines) + 1}: does not end in LF")
    if not lines:
        raise DayFileError(f"{source}: is empty")
    findings = RowFindings(source)
    header = None
    with findings.row(1):
        header = DayHeader.parse(lines[0])
    rows: list[DayRow] = []
    trailer = None
    for number, line in enumerate(lines[1:], 2):
        if line.startswith("T\t") and trailer is None:
            findings.check()  # sums of rows that cannot be read would be wrong as well
        with findings.row(number):
            if trailer is not None:
                raise DayFileError("follows the trailer")
            if line.startswith("T\t"):
                trailer = DayTrailer.parse(line)
                before = "".join(f"{one}\n" for one in lines[: number - 1])
                _check_trailer(trailer, rows, before.encode())
            else:
                rows.append(parse_row(line))
    findings.check()
    if header is None:
        raise DayFileError(f"{source}: has no header")
    return DayContents(header, tuple(rows), trailer)


def _check_trailer(trailer: DayTrailer, rows: list[DayRow], before: bytes) -> None:
    if trailer.count != len(rows):
        raise DayFileError(f"trailer: counts {trailer.count} rows of {len(rows)}")
    if trailer.sums_fen != sums(rows):
        raise DayFileError("trailer: the sums are not those of the rows")
    if trailer.digest != sha256(before).digest():
        raise DayFileError("trailer: the digest is not that of the rows")
