# SPDX-License-Identifier: Apache-2.0
"""A folder of deliveries that somebody has made to do harm, beside one honest file.

``python -m tests.settlement.hostile FOLDER`` makes one, and prints what must be refused, and why.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sscard_chip.dayfile.rows import COLUMNS, DayHeader, DayRow, DayTrailer, sums
from tests.pos.test_dayfile import HEADER, ROW

SPARSE_BYTES: Final = 3 << 30
HONEST: Final = "honest.tsv"

TAKEN: Final = (
    "line\nrefused: forged.tsv",
    "tab\tname.tsv",
    "\x1b[2J\x1b]0;title\x07.tsv",
    "=HYPERLINK(A1).tsv",
    "+1+1.tsv",
    "-2+3.tsv",
    "@SUM(A1).tsv",
    "\u202egpj.tsv",
    os.fsdecode(b"\xff\xfe.tsv"),
)
"""Names of files that are as they must be, but for their names."""

FORMULAS: Final = (
    "=HYPERLINK(A1;B1)",
    "+1+cmd",
    "-2+3",
    "@SUM(A1)",
    '"=1+1"',
)
"""What rows of the file ``formulas.tsv`` have as msgid, mdtrt_id and psn_no."""


def day(header: DayHeader, rows: list[DayRow]) -> bytes:
    """A day file whose trailer is right."""
    return sealed(header, [row.encode().encode() for row in rows], sums(rows))


def sealed(header: DayHeader, lines: list[bytes], fen: tuple[int, int, int, int]) -> bytes:
    """Any lines with the trailer that they ask for."""
    before = header.encode().encode() + b"\n" + b"".join(line + b"\n" for line in lines)
    return before + f"{DayTrailer(len(lines), fen, sha256(before).digest()).encode()}\n".encode()


def own(number: int) -> tuple[DayHeader, list[DayRow]]:
    """Header and a row of terminal ``number``: each file has other content."""
    terminal = f"5101{number:08d}"
    row = replace(ROW, terminal_id=terminal, msgid=f"{ROW.msgid[:26]}{number:04d}")
    return replace(HEADER, terminal_id=terminal), [row]


def make(folder: Path) -> dict[str, str]:
    """Fill a new folder; the names of the files that must be refused, and words of the reason."""
    folder.mkdir()
    (folder / HONEST).write_bytes(day(*own(0)))
    for number, name in enumerate(TAKEN, 1):
        (folder / name).write_bytes(day(*own(number)))
    header, (row,) = own(50)
    rows = [
        replace(row, msgid=text, mdtrt_id=text, psn_no=text, terminal_transaction_number=500 + at)
        for at, text in enumerate(FORMULAS)
    ]
    (folder / "formulas.tsv").write_bytes(day(header, rows))
    refused = {}
    for number, (name, reason, build) in enumerate(_hostile(), 100):
        build(folder / name, number)
        refused[name] = reason
    return refused


_Build = Callable[[Path, int], Any]


def _hostile() -> Iterator[tuple[str, str, _Build]]:
    yield "fifo", "is no regular file", lambda path, _: os.mkfifo(path)
    yield "socket", "is no regular file", lambda path, _: _socket(path)
    yield "link-to-honest", "is a link", lambda path, _: path.symlink_to(HONEST)
    yield "link-to-zero", "is a link", lambda path, _: path.symlink_to("/dev/zero")
    yield "link-to-nothing", "is a link", lambda path, _: path.symlink_to("nowhere")
    yield "link-to-folder", "is a link", lambda path, _: path.symlink_to("/etc")
    yield "sparse.tsv", "the limit of a file is", _sparse
    yield "refused\nline.tsv", "does not end in LF", lambda path, at: _cut(path, at, -1)
    yield "truncated.tsv", "does not end in LF", lambda path, at: _cut(path, at, 300)
    yield "empty.tsv", "is empty", lambda path, _: path.touch()
    yield "no-trailer.tsv", "the day is not closed", _open
    yield "sums.tsv", "the sums are not those of the rows", _sums
    yield "digest.tsv", "the digest is not that of the rows", _digest
    yield "count.tsv", "counts 4294967295 rows of 1", _count
    yield "huge-count.tsv", "more than the file has room for", _huge_count
    yield "huge-row.tsv", "the limit of a row", _huge_row
    yield "huge-header.tsv", "row 1: is longer than", _huge_header
    yield "line-ends.tsv", "rows", _line_ends
    yield "tiny-rows.tsv", "more than the file has room for", _tiny_rows
    yield "two-trailers.tsv", "follows the trailer", _two_trailers
    yield "gzip.tsv", "is not UTF-8", _gzip
    yield "not-utf8.tsv", "is not UTF-8", _not_utf8
    yield "code.tsv", "fixmedins_code: must be", _code
    yield "magic.parquet", "is no day file in Parquet", lambda path, _: path.write_bytes(b"PAR1")
    yield "other.parquet", "is no day file in Parquet", _other_parquet
    yield "wide.parquet", "bytes of memory to unpack", _wide_parquet
    yield "long.parquet", "unpacks to more than", _long_parquet
    yield "page.parquet", "bytes of memory to unpack", _page_parquet
    yield "digest.parquet", "the digest is not that of the rows", _digest_parquet


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        before = Path.cwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            one.bind(path.name)
        finally:
            os.chdir(before)


def _cut(path: Path, number: int, at: int) -> None:
    path.write_bytes(day(*own(number))[:at])


def _sparse(path: Path, number: int) -> None:
    content = day(*own(number))
    with path.open("wb") as file:
        file.write(content[: content.index(b"\n") + 1])
        file.seek(SPARSE_BYTES)
        file.write(b"\n" + content[content.index(b"T\t") :])


def _open(path: Path, number: int) -> None:
    content = day(*own(number))
    path.write_bytes(content[: content.index(b"\nT\t") + 1])


def _sums(path: Path, number: int) -> None:
    header, rows = own(number)
    path.write_bytes(sealed(header, [rows[0].encode().encode()], (1, 1, 0, 0)))


def _digest(path: Path, number: int) -> None:
    path.write_bytes(day(*own(number))[:-2] + b"0\n")


def _with_count(number: int, count: int) -> bytes:
    content = day(*own(number))
    return content.replace(b"\nT\t1\t", f"\nT\t{count}\t".encode())


def _count(path: Path, number: int) -> None:
    path.write_bytes(_with_count(number, 0xFFFFFFFF))


def _huge_count(path: Path, number: int) -> None:
    header, rows = own(number)
    lines = [rows[0].encode().encode()] * 8000  # more than the strict reader is asked about
    content = sealed(header, lines, sums(rows * 8000))
    path.write_bytes(content.replace(b"\nT\t8000\t", b"\nT\t4000000000\t"))


def _huge_row(path: Path, number: int) -> None:
    header, rows = own(number)
    line = rows[0].encode().encode() + b"0" * (3 << 20)
    path.write_bytes(sealed(header, [line], (0, 0, 0, 0)))


def _huge_header(path: Path, number: int) -> None:
    header, rows = own(number)
    path.write_bytes(day(replace(header, hotlist_version="9" * (2 << 20)), rows))


def _line_ends(path: Path, number: int) -> None:
    path.write_bytes(sealed(own(number)[0], [b""] * (4 << 20), (0, 0, 0, 0)))


def _tiny_rows(path: Path, number: int) -> None:
    path.write_bytes(sealed(own(number)[0], [b"D\t"] * (2 << 20), (0, 0, 0, 0)))


def _two_trailers(path: Path, number: int) -> None:
    content = day(*own(number))
    path.write_bytes(content + content[content.index(b"T\t") :])


def _gzip(path: Path, _: int) -> None:
    path.write_bytes(gzip.compress(bytes(1 << 26)))


def _not_utf8(path: Path, number: int) -> None:
    header, rows = own(number)
    line = rows[0].encode().encode().replace(rows[0].card_number.encode(), b"\xff\xfe")
    path.write_bytes(sealed(header, [line], sums(rows)))


def _code(path: Path, number: int) -> None:
    header, rows = own(number)
    path.write_bytes(day(replace(header, pharmacy_code="../../x"), rows))


def _schema(number: int, count: int = 1) -> Any:
    header, rows = own(number)
    trailer = DayTrailer(count, sums(rows), bytes(32))
    metadata = {
        b"sscard.header": header.encode().encode(),
        b"sscard.trailer": trailer.encode().encode(),
    }
    fields = [pa.field(column.name, pa.string()) for column in COLUMNS]
    return pa.schema(fields, metadata)


def _other_parquet(path: Path, _: int) -> None:
    pq.write_table(pa.table({"a": [1]}), path)


def _repeated(path: Path, number: int, text: str, rows: int) -> None:
    """All cells of all rows are one text, which a dictionary has once."""
    places = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(bytes(4 * rows))])
    one = pa.DictionaryArray.from_arrays(places, pa.array([text]))
    schema = _schema(number, 1000)
    columns = [one] * len(COLUMNS)
    table = pa.Table.from_arrays(columns, [column.name for column in COLUMNS])
    table = table.replace_schema_metadata(schema.metadata)
    pq.write_table(table, path, compression="zstd")


def _wide_parquet(path: Path, number: int) -> None:
    """16 KiB in each cell: 16,384 rows of it are 7 gigabytes."""
    _repeated(path, number, "9" * (1 << 14), 20_000)


def _long_parquet(path: Path, number: int) -> None:
    """50 megabytes of short rows."""
    _repeated(path, number, "9", 1_000_000)


def _page_parquet(path: Path, number: int) -> None:
    """One cell that unpacks to 400 MiB."""
    schema = _schema(number)
    nothing = pa.array([""])
    columns = [nothing] * len(COLUMNS)
    columns[0] = pa.array(["9" * (400 << 20)])
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path, compression="zstd")


def _digest_parquet(path: Path, number: int) -> None:
    schema = _schema(number)
    cells = own(number)[1][0].encode().split("\t")[1:]
    table = pa.Table.from_arrays([pa.array([cell]) for cell in cells], schema=schema)
    pq.write_table(table, path)


if __name__ == "__main__":
    print(json.dumps(make(Path(sys.argv[1])), indent=1))
