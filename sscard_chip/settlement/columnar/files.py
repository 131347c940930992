# SPDX-License-Identifier: Apache-2.0
"""Which day files there are, in which order, and which of them hold what their trailer says.

Header and trailer of every file are looked at first: they give the order, whatever order the
files were named in. Then the files are read in pieces, and each is believed when its count, its
sums and its digest are right. A refused file is reported with the words of
:mod:`sscard_chip.dayfile.text`, and does not stop the others.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import DayHeader, DayTrailer
from sscard_chip.dayfile.text import parse_day
from sscard_chip.settlement.columnar.cells import BEFORE
from sscard_chip.settlement.columnar.opening import (
    LIMITS,
    DeliveryLimits,
    delivered,
    read_bytes,
)
from sscard_chip.settlement.columnar.parquet import is_parquet, parquet_ends, parquet_text
from sscard_chip.settlement.columnar.rows import pad_lines, parse_lines
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.standard.escape import escape

PIECE_BYTES: Final = 4 << 20
"""Text of the files that are handed out together."""

_PARSE_BYTES: Final = 2 << 20
"""Text that is parsed at once: what a processor's cache holds is the fastest."""

_LEAST_ROW: Final = 64
"""Bytes of a row on the average: a row that can be read has about 190. A file that counts more
rows is refused before anything is made for them."""

_OWN_WORDS_BYTES: Final = 1 << 20
"""Up to here the strict reader is asked why a file is refused."""

_SUMS: Final = ("total_fen", "fund_fen", "account_fen", "cash_fen")
"""The columns that a trailer has the sums of."""

_CODE_LENGTH: Final = 30
_TEXT_LENGTH: Final = 64
_LF: Final = ord("\n")
_MORE: Final = "more than the file has room for"
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
    limits: DeliveryLimits = LIMITS

    @property
    def place(self) -> tuple[str, str, bytes]:
        """Its place among others: business date, terminal, then the digest."""
        return self.header.business_date, self.header.terminal_id, self.trailer.digest


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that is not taken; ``reason`` names file, row and rule, in characters that can be
    seen."""

    path: str
    reason: str

    @classmethod
    def of(cls, path: str, error: DayFileError | OSError) -> RefusedFile:
        """The file that an error is about."""
        if isinstance(error, OSError):
            return cls(path, escape(f"{path}: {error.strerror or 'cannot be read'}"))
        return cls(path, escape(str(error)))


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


def survey(
    paths: Iterable[str], limits: DeliveryLimits = LIMITS
) -> tuple[list[DayFileHead], list[RefusedFile]]:
    """The files in their order, and those that can be refused by their ends only."""
    heads: list[DayFileHead] = []
    refused: list[RefusedFile] = []
    for path in paths:
        try:
            heads.append(_head(path, limits))
        except (DayFileError, OSError) as error:
            refused.append(RefusedFile.of(path, error))
    heads.sort(key=lambda head: (head.place, head.path))
    refused.sort(key=lambda file: file.path)
    return heads, refused


def _head(path: str, limits: DeliveryLimits) -> DayFileHead:
    with delivered(path, limits) as (descriptor, size):
        first = os.pread(descriptor, limits.row_bytes, 0)
        parquet = is_parquet(first)
        if parquet:
            most = size = limits.file_bytes
            header_line, trailer_line = parquet_ends(path, descriptor, most=2 * limits.row_bytes)
        else:
            last = os.pread(descriptor, limits.row_bytes, max(0, size - limits.row_bytes))
            most = size
            header_line, trailer_line = _text_ends(path, first, last, limits)
    try:
        header = DayHeader.parse(header_line.decode())
    except (DayFileError, UnicodeDecodeError):
        raise refusal(path, "row 1: header: is none of a day file", limits) from None
    if rule := header_rule(header):
        raise refusal(path, f"row 1: header: {rule}", limits)
    if not trailer_line.startswith(b"T\t"):
        raise refusal(path, _NOT_CLOSED, limits)
    try:
        trailer = DayTrailer.parse(trailer_line.decode())
    except (DayFileError, UnicodeDecodeError):
        raise refusal(path, "trailer: is none of a day file", limits) from None
    if trailer.count * _LEAST_ROW > most:
        raise refusal(path, f"trailer: counts {trailer.count:,} rows, {_MORE}", limits)
    ends = header_line + b"\n", trailer_line + b"\n"
    return DayFileHead(path, size, header, trailer, ends, parquet, limits)


def _text_ends(path: str, first: bytes, last: bytes, limits: DeliveryLimits) -> tuple[bytes, bytes]:
    """Header row and trailer row, from the beginning and the end of a file."""
    header_line, found, _ = first.partition(b"\n")
    if not found and len(first) == limits.row_bytes:
        raise DayFileError(f"{path}: row 1: {_too_long(limits)}")
    lines = last.rsplit(b"\n", 2)
    if len(lines) < 2 or lines[-1]:
        raise refusal(path, "does not end in LF", limits)
    return header_line, lines[-2]


def _too_long(limits: DeliveryLimits) -> str:
    return f"is longer than {limits.row_bytes:,} bytes, the limit of a row"


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


def refusal(path: str, rule: str, limits: DeliveryLimits = LIMITS) -> DayFileError:
    """Why a file is refused, in the words of the strict reader if it has some."""
    with delivered(path, limits) as (descriptor, size):
        content = read_bytes(descriptor, size) if size <= _OWN_WORDS_BYTES else None
    return _own_words(path, rule, content)


def _own_words(path: str, rule: str, content: bytes | bytearray | None) -> DayFileError:
    """As :func:`refusal`, of a file that is read already; None for one that is not asked."""
    if content is not None and len(content) <= _OWN_WORDS_BYTES and not is_parquet(content):
        try:
            parse_day(bytes(content), path)
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


def content_of(head: DayFileHead) -> bytes | bytearray:
    """A file as text, from its header to its trailer, as it is now.

    :raises DayFileError: it is not what it was, or beyond a limit.
    :raises OSError: it cannot be read.
    """
    with delivered(head.path, head.limits) as (descriptor, size):
        if head.parquet:
            return parquet_text(head.path, descriptor, head.ends, head.limits.file_bytes)
        return read_bytes(descriptor, size)


def read_piece(
    heads: Sequence[DayFileHead], contents: Sequence[bytes | bytearray] | None = None
) -> Piece:
    """Read whole files; those whose rows are not what the trailer says are refused.

    :param contents: of the files, as :func:`content_of` has them, where that was done already.
    """
    reading = _Reading()
    for at, head in enumerate(heads):
        try:
            reading.add(head, content_of(head) if contents is None else contents[at])
        except (DayFileError, OSError) as error:
            reading.refused.append(RefusedFile.of(head.path, error))
    reading.flush()
    return Piece(tuple(reading.taken), tuple(reading.parts), tuple(reading.refused))


def _body(head: DayFileHead, content: bytes | bytearray) -> memoryview:
    """The D rows of a file as text; count, digest and ends checked."""
    header, trailer = head.ends
    end = len(content) - len(trailer)
    view = memoryview(content)

    def refused(rule: str) -> DayFileError:
        return _own_words(head.path, rule, None if head.parquet else content)

    if end < len(header) or view[end:] != trailer or view[: len(header)] != header:
        raise refused("header or trailer: has changed while it was read")
    if sha256(view[:end]).digest() != head.trailer.digest:
        raise refused("trailer: the digest is not that of the rows")
    if not content.isascii() and not _is_utf8(view):
        raise refused("is not UTF-8")
    body = view[len(header) : end]
    if len(body) and body[-1] != ord("\n"):
        raise refused("trailer: must begin a row")
    rows = int(np.count_nonzero(np.frombuffer(content, np.uint8) == _LF)) - 2
    if rows != head.trailer.count:
        raise refused(f"trailer: counts {head.trailer.count} rows of {rows}")
    if rows * _LEAST_ROW > len(content):
        raise refused(f"trailer: counts {rows:,} rows, {_MORE}")
    return body


def _is_utf8(content: memoryview) -> bool:
    """Piece by piece, since text takes up to four bytes a character."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    try:
        for at in range(0, len(content), _PARSE_BYTES):
            decode(content[at : at + _PARSE_BYTES])
        decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


class _Reading:
    """Files of a piece, parsed some megabytes at once: many small ones, or slices of a large one.

    ``parts`` has the rows of the files ``taken``.
    """

    def __init__(self) -> None:
        self.taken: list[DayFileHead] = []
        self.refused: list[RefusedFile] = []
        self.parts: list[DebitColumns] = []
        self._waiting: list[tuple[DayFileHead, bytes | bytearray, memoryview]] = []
        self._held = 0

    def add(self, head: DayFileHead, content: bytes | bytearray) -> None:
        """A file, checked as a whole.

        :raises DayFileError: it is refused.
        """
        body = _body(head, content)
        if len(body) > _PARSE_BYTES:
            self.flush()
            self._parse_large(head, content, body)
            return
        self._waiting.append((head, content, body))
        self._held += len(body)
        if self._held >= _PARSE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Parse what is waiting, then see of each file whether its rows are as they must be."""
        waiting, self._waiting, self._held = self._waiting, [], 0
        if not waiting:
            return
        rows = _Rows(*(body for _, _, body in waiting))
        keep = np.ones(len(rows.columns), np.bool_)
        files = zip(waiting, pairwise(rows.first), rows.sums(), strict=True)
        for (head, content, _), (begin, end), sums in files:
            rule = rows.rule(head, begin, end)
            if not rule and not rows.columns.malformed[begin:end].any():
                rule = _sums_rule(head, sums)
            if rule:
                self._refuse(head, content, rule)
                keep[begin:end] = False
                continue
            rows.columns.line[begin:end] = np.arange(2, 2 + end - begin)
            rows.columns.file[begin:end] = len(self.taken)
            self.taken.append(head)
        self.parts.append(rows.columns if keep.all() else rows.columns.rows(keep))

    def _parse_large(self, head: DayFileHead, content: bytes | bytearray, body: memoryview) -> None:
        found: list[DebitColumns] = []
        sums: tuple[int, ...] = (0,) * len(_SUMS)
        count, malformed = 0, False
        for piece in _slices(body, head):
            if piece[-1] != ord("\n"):
                self._refuse(head, content, f"row {2 + count}: {_too_long(head.limits)}")
                return
            rows = _Rows(piece)
            begin, end = rows.first
            if rule := rows.rule(head, begin, end, count):
                self._refuse(head, content, rule)
                return
            rows.columns.line[:] = np.arange(2 + count, 2 + count + end)
            rows.columns.file[:] = len(self.taken)
            sums = tuple(map(add, sums, *rows.sums()))
            malformed |= bool(rows.columns.malformed.any())
            count += end
            found.append(rows.columns)
        if not malformed and (rule := _sums_rule(head, sums)):
            self._refuse(head, content, rule)
            return
        self.taken.append(head)
        self.parts += found

    def _refuse(self, head: DayFileHead, content: bytes | bytearray, rule: str) -> None:
        error = _own_words(head.path, rule, None if head.parquet else content)
        self.refused.append(RefusedFile.of(head.path, error))


def _slices(body: memoryview, head: DayFileHead) -> Iterator[memoryview]:
    """Whole rows, about ``_PARSE_BYTES`` of them."""
    at = 0
    while at < len(body):
        piece = bytes(body[at : at + _PARSE_BYTES])
        end = piece.rfind(b"\n") + 1 or len(piece)  # a row that is longer is found to be so
        yield memoryview(piece)[:end]
        at += end


class _Rows:
    """Rows of some bodies, parsed together; ``first`` says where those of each begin, and end."""

    def __init__(self, *bodies: memoryview) -> None:
        buffer = pad_lines(*bodies)
        self.columns, self._stray, ends = parse_lines(buffer)
        sizes = np.array([len(body) for body in bodies])
        first = np.append(0, np.searchsorted(ends, BEFORE + np.cumsum(sizes)))
        self.first: list[int] = first.tolist()
        self._lengths = np.diff(ends, prepend=BEFORE - 1)

    def rule(self, head: DayFileHead, begin: int, end: int, before: int = 0) -> str:
        """What is wrong with rows of a file that has had ``before`` rows; empty for nothing."""
        stray = self._stray[begin:end]
        if stray.any():
            return f"row {2 + before + int(stray.argmax())}: must begin with D"
        long = self._lengths[begin:end] > head.limits.row_bytes
        if long.any():
            return f"row {2 + before + int(long.argmax())}: {_too_long(head.limits)}"
        return ""

    def sums(self) -> list[tuple[int, ...]]:
        """Of total, fund, account and cash of each body, in fen; they do not overflow."""
        columns = (getattr(self.columns, name) for name in _SUMS)
        return list(zip(*(self._sums(fen) for fen in columns), strict=True))

    def _sums(self, fen: NDArray[np.int64]) -> list[int]:
        if len(fen) and max(int(fen.max()), -int(fen.min())) * len(fen) >> 62:
            return [sum(fen[begin:end].tolist()) for begin, end in pairwise(self.first)]
        before = np.zeros(len(fen) + 1, np.int64)
        np.cumsum(fen, out=before[1:])
        found: list[int] = np.diff(before[self.first]).tolist()
        return found


def _sums_rule(head: DayFileHead, sums: tuple[int, ...]) -> str:
    """A row that cannot be read has no sums; the digest says that it was written so."""
    right = head.trailer.sums_fen == sums
    return "" if right else "trailer: the sums are not those of the rows"
