# SPDX-License-Identifier: Apache-2.0
"""Which day files there are, in which order, and which of them hold what their trailer says.

Header and trailer of every file are looked at first: they give the order, whatever order the
files were named in. Then the files are read in pieces, and each is believed when its count, its
sums and its digest are right. A refused file is reported with the reader's own words
(:mod:`sscard_chip.terminal.pos.dayfile`), and does not stop the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import DayHeader, DayTrailer
from sscard_chip.dayfile.text import parse_day
from sscard_chip.settlement.columnar.cells import BEFORE
from sscard_chip.settlement.columnar.parquet import is_parquet, parquet_ends, parquet_text
from sscard_chip.settlement.columnar.rows import pad_lines, parse_lines
from sscard_chip.settlement.columns import DebitColumns

PIECE_BYTES: Final = 16 << 20
"""Text of the files that are handed out together."""

_PARSE_BYTES: Final = 2 << 20
"""Text that is parsed at once: what a processor's cache holds is the fastest."""

_END_BYTES: Final = 4096
_CODE_LENGTH: Final = 30
_TEXT_LENGTH: Final = 64
_NOT_CLOSED: Final = "the day is not closed: there is no trailer"


@dataclass(frozen=True, slots=True)
class DayFileHead:
    """A day file by its header and trailer; its rows are not looked at yet.

    ``ends`` are those two rows as they stand in the file, with their LF.
    """

    path: str
    size: int
    header: DayHeader
    trailer: DayTrailer
    ends: tuple[bytes, bytes]
    parquet: bool

    @property
    def place(self) -> tuple[str, str, bytes]:
        """Its place among others: business date, terminal, then the digest."""
        return self.header.business_date, self.header.terminal_id, self.trailer.digest


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that is not taken; ``reason`` names file, row and rule."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Piece:
    """The rows of whole files, in blocks; ``file`` of the columns are places in ``heads``."""

    heads: tuple[DayFileHead, ...]
    blocks: tuple[DebitColumns, ...]
    refused: tuple[RefusedFile, ...]

    @property
    def columns(self) -> DebitColumns:
        """All rows in one."""
        return DebitColumns.join(self.blocks)


def survey(paths: Iterable[str]) -> tuple[list[DayFileHead], list[RefusedFile]]:
    """The files in their order, and those that can be refused by their ends only."""
    heads: list[DayFileHead] = []
    refused: list[RefusedFile] = []
    for path in paths:
        try:
            heads.append(_head(path))
        except DayFileError as error:
            refused.append(RefusedFile(path, str(error)))
        except OSError as error:
            refused.append(RefusedFile(path, f"{path}: {error.strerror or 'cannot be read'}"))
    heads.sort(key=lambda head: (head.place, head.path))
    refused.sort(key=lambda file: file.path)
    return heads, refused


def _head(path: str) -> DayFileHead:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        first = os.pread(descriptor, _END_BYTES, 0)
        last = first if size <= _END_BYTES else os.pread(descriptor, _END_BYTES, size - _END_BYTES)
    finally:
        os.close(descriptor)
    if is_parquet(first):
        header_line, trailer_line = parquet_ends(path)
    else:
        if b"\n" not in first:
            first = Path(path).read_bytes()
        header_line, _, _ = first.partition(b"\n")
        lines = last.rsplit(b"\n", 2)
        if len(lines) < 2 or lines[-1]:
            raise refusal(path, "does not end in LF")
        trailer_line = lines[-2]
    try:
        header = DayHeader.parse(header_line.decode())
    except (DayFileError, UnicodeDecodeError):
        raise refusal(path, "row 1: header: is none of a day file") from None
    if rule := header_rule(header):
        raise refusal(path, f"row 1: header: {rule}")
    if not trailer_line.startswith(b"T\t"):
        raise refusal(path, _NOT_CLOSED)
    try:
        trailer = DayTrailer.parse(trailer_line.decode())
    except (DayFileError, UnicodeDecodeError):
        raise refusal(path, "trailer: is none of a day file") from None
    ends = header_line + b"\n", trailer_line + b"\n"
    return DayFileHead(path, size, header, trailer, ends, is_parquet(first))


def header_rule(header: DayHeader) -> str:
    """What a header must be so that a ledger can keep it; empty when it is so [ours]."""
    code = header.pharmacy_code
    if not (0 < len(code) <= _CODE_LENGTH and code.isascii() and code.isalnum()):
        return f"fixmedins_code: must be 1 to {_CODE_LENGTH} letters and digits"
    for name, text in (
        ("hotlist version", header.hotlist_version),
        ("PSAM number", header.psam_number),
    ):
        if text is not None and not (0 < len(text) <= _TEXT_LENGTH and text.isprintable()):
            return f"{name}: must be 1 to {_TEXT_LENGTH} printable characters"
    return ""


def refusal(path: str, rule: str) -> DayFileError:
    """Why a file is refused, in the words of the terminal's own reader if it has some."""
    content = Path(path).read_bytes()
    if is_parquet(content):
        return DayFileError(f"{path}: {rule}")
    try:
        parse_day(content, path)
    except DayFileError as error:
        return error
    return DayFileError(f"{path}: {rule}")


def pieces(heads: Sequence[DayFileHead], most: int = PIECE_BYTES) -> Iterator[list[DayFileHead]]:
    """Runs of files of about ``most`` bytes together; a larger file is a run of its own."""
    run: list[DayFileHead] = []
    held = 0
    for head in heads:
        if run and held + head.size > most:
            yield run
            run, held = [], 0
        run.append(head)
        held += head.size
    if run:
        yield run


def read_piece(heads: Sequence[DayFileHead]) -> Piece:
    """Read whole files; those whose rows are not what the trailer says are refused."""
    taken: list[DayFileHead] = []
    refused: list[RefusedFile] = []
    parts: list[DebitColumns] = []
    waiting: list[tuple[DayFileHead, memoryview]] = []
    held = 0
    for head in heads:
        try:
            body = _body(head)
        except DayFileError as error:
            refused.append(RefusedFile(head.path, str(error)))
            continue
        except OSError as error:
            text = f"{head.path}: {error.strerror or 'cannot be read'}"
            refused.append(RefusedFile(head.path, text))
            continue
        waiting.append((head, body))
        held += len(body)
        if held >= _PARSE_BYTES:
            _parse(waiting, taken, parts, refused)
            waiting, held = [], 0
    _parse(waiting, taken, parts, refused)
    return Piece(tuple(taken), tuple(parts), tuple(refused))


def _body(head: DayFileHead) -> memoryview:
    """The D rows of a file as text, digest and ends checked."""
    path = head.path
    if head.parquet:
        content = parquet_text(path)
    else:
        with open(path, "rb", buffering=0) as file:
            content = file.readall()
    header, trailer = head.ends
    end = len(content) - len(trailer)
    view = memoryview(content)
    if end < len(header) or view[end:] != trailer or view[: len(header)] != header:
        raise refusal(path, "header or trailer: has changed while it was read")
    if sha256(view[:end]).digest() != head.trailer.digest:
        raise refusal(path, "trailer: the digest is not that of the rows")
    if not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError:
            raise refusal(path, "is not UTF-8") from None
    body = view[len(header) : end]
    if len(body) and body[-1] != ord("\n"):
        raise refusal(path, "trailer: must begin a row")
    return body


def _parse(
    waiting: list[tuple[DayFileHead, memoryview]],
    taken: list[DayFileHead],
    parts: list[DebitColumns],
    refused: list[RefusedFile],
) -> None:
    """Parse what is waiting at once, then see of each file whether its rows are as they must be."""
    if not waiting:
        return
    buffer = pad_lines(*(body for _, body in waiting))
    columns, not_rows, ends = parse_lines(buffer)
    sizes = np.array([len(body) for _, body in waiting])
    first = np.append(0, np.searchsorted(ends, BEFORE + np.cumsum(sizes)))
    counts = np.diff(first)
    columns.line[:] = np.arange(len(columns)) - np.repeat(first[:-1], counts) + 2
    sums = _sums(columns, first)
    wrong = np.add.reduceat(np.append(columns.malformed, False), first[:-1]) > 0
    bad: list[int] = []
    for at, (head, _) in enumerate(waiting):
        begin, end = int(first[at]), int(first[at + 1])
        rule = ""
        stray = not_rows[begin:end]
        if stray.any():
            rule = f"row {2 + int(stray.argmax())}: must begin with D"
        elif head.trailer.count != end - begin:
            rule = f"trailer: counts {head.trailer.count} rows of {end - begin}"
        elif begin < end and wrong[at]:
            pass  # a row that cannot be read has no sums; the digest says that it was written so
        elif head.trailer.sums_fen != tuple(sums[at]):
            rule = "trailer: the sums are not those of the rows"
        if rule:
            refused.append(RefusedFile(head.path, str(refusal(head.path, rule))))
            bad.append(at)
            continue
        columns.file[begin:end] = len(taken)
        taken.append(head)
    if bad:
        keep = np.ones(len(columns), np.bool_)
        for at in bad:
            keep[first[at] : first[at + 1]] = False
        columns = columns.rows(keep)
    parts.append(columns)


def _sums(columns: DebitColumns, first: Any) -> list[list[int]]:
    names = ("total_fen", "fund_fen", "account_fen", "cash_fen")
    totals = []
    for name in names:
        running = np.concatenate(([0], np.cumsum(getattr(columns, name))))
        totals.append(running[first[1:]] - running[first[:-1]])
    return np.stack(totals, axis=1).tolist() if totals else []
