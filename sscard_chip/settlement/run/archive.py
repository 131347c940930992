# SPDX-License-Identifier: Apache-2.0
"""Rows and their findings as packed columns: Arrow streams, the parts of a segment.

Columns that are empty in all rows of a part are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from sscard_chip.settlement.columns import DebitColumns, octets
from sscard_chip.settlement.judge.codes import Masks
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.run import change, part
from sscard_chip.workers import Pool, SingleThread

PART_ROWS: Final = 65_536

NOTHING: Final[Masks] = np.zeros(0, np.uint16)
"""Findings of no rows."""

PackedPart = tuple[int, int, bytes]
"""First row, number of rows, packed columns."""

_MASK: Final = "findings"
_COMPRESSION: Final = "lz4"


def parts(columns: DebitColumns, masks: Masks, pool: Pool | None = None) -> Iterator[PackedPart]:
    """The rows in parts. ``pool``: threads that pack them, this one without it."""

    def pack(first: int) -> PackedPart:
        piece = slice(first, first + PART_ROWS)
        rows = columns.rows(piece)
        return first, len(rows), pack_rows(rows, masks[piece])

    return (pool or SingleThread()).map(pack, range(0, len(columns), PART_ROWS))


def pack_rows(columns: DebitColumns, masks: Masks) -> bytes:
    """Rows and findings as an Arrow stream of one batch."""
    names, arrays = [_MASK], [pa.array(masks)]
    for name, column in columns.items():
        filled = octets(column) if column.dtype.kind == "S" else column
        if column.strides[0] and filled.any():
            names.append(name)
            arrays.append(_to_arrow(column))
    batch = pa.record_batch(arrays, names)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=_COMPRESSION)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpack(content: bytes) -> tuple[DebitColumns, Masks]:
    """What :func:`pack_rows` has packed."""
    with pa.ipc.open_stream(content) as reader:
        batch = reader.read_next_batch()
    return _columns_of(batch), batch.column(0).to_numpy()


def unpack_column(content: bytes, name: str) -> Any:
    """One column of what :func:`pack_rows` has packed; of the others nothing is unpacked."""
    with pa.ipc.open_stream(content) as reader:
        places = [0, *(at for at, own in enumerate(reader.schema.names) if own == name)]
    options = pa.ipc.IpcReadOptions(included_fields=places)
    with pa.ipc.open_stream(content, options=options) as reader:
        batch = reader.read_next_batch()
    return getattr(_columns_of(batch), name)


def _columns_of(batch: Any) -> DebitColumns:
    columns = DebitColumns.zeros(batch.num_rows)
    for name in batch.schema.names[1:]:
        column = getattr(columns, name)
        column[...] = _from_arrow(batch.column(name), column.dtype, column.shape)
    return columns


def _to_arrow(column: np.ndarray[Any, Any]) -> Any:
    """Numbers as numbers, all else as bytes of a fixed length."""
    if column.ndim == 1 and column.dtype.kind in "iu":
        return pa.array(column)
    width = column.dtype.itemsize * (column.shape[1] if column.ndim == 2 else 1)
    data = pa.py_buffer(np.ascontiguousarray(column))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(column), [None, data])


def _from_arrow(array: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    if dtype.kind in "iu" and len(shape) == 1:
        numbers: np.ndarray[Any, Any] = array.to_numpy()
        return numbers
    return np.frombuffer(array.buffers()[1], dtype, shape[0] * int(np.prod(shape[1:]))).reshape(
        shape
    )


class Archive:
    """The rows of segments, with what is found about them now.

    The part read last is kept, so rows are best asked for in order.
    """

    def __init__(self, t: LedgerTransaction, *, now: bool = True) -> None:
        """Without ``now`` findings are those that the rows got when they were settled."""
        self._t = t
        self._is_now = now
        self._held: tuple[int, int, DebitColumns, Masks] | None = None
        self._changed: dict[int, dict[int, int]] = {}

    def _now(self, segment: int, first: int, masks: Masks) -> Masks:
        """The findings of a part with those that have changed since."""
        if not self._is_now:
            return masks
        if segment not in self._changed:
            last = sa.select(change.c.row, change.c.findings).where(change.c.segment == segment)
            rows = self._t.connection.execute(last.order_by(change.c.number))
            self._changed[segment] = {one.row: one.findings for one in rows}
        changed = self._changed[segment]
        if not changed:
            return masks
        now = masks.copy()
        for row, findings in changed.items():
            if first <= row < first + len(masks):
                now[row - first] = findings
        return now

    def parts(
        self, segment: int, first: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, DebitColumns, Masks]]:
        """The parts of a segment that have some of the rows ``first`` to ``end``, each whole:
        its first row, rows, findings."""
        for begin, content in self._contents(segment, first, end):
            columns, masks = unpack(content)
            yield begin, columns, self._now(segment, begin, masks)

    def search(
        self, segment: int, name: str, value: bytes, first: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, DebitColumns, Masks]]:
        """Those of :meth:`parts` that have a row with a value in the column ``name``, text or
        bytes. Of the others that column alone is unpacked."""
        wanted: Any = np.frombuffer(value, np.uint8)
        for begin, content in self._contents(segment, first, end):
            column = unpack_column(content, name)
            found = column == value if column.dtype.kind == "S" else (column == wanted).all(axis=1)
            if found.any():
                columns, masks = unpack(content)
                yield begin, columns, self._now(segment, begin, masks)

    def _contents(self, segment: int, first: int, end: int | None) -> Iterator[tuple[int, bytes]]:
        wanted = sa.select(part.c.first_row, part.c.columns).where(
            part.c.segment == segment, part.c.first_row + part.c.rows > first
        )
        if end is not None:
            wanted = wanted.where(part.c.first_row < end)
        for begin, content in self._t.connection.execute(wanted.order_by(part.c.first_row)):
            yield int(begin), bytes(content)

    def part(self, segment: int, row: int) -> tuple[int, DebitColumns, Masks]:
        """The part that holds a row."""
        held = self._held
        if held is not None and held[0] == segment and held[1] <= row < held[1] + len(held[3]):
            return held[1:]
        statement = (
            sa.select(part.c.first_row, part.c.columns)
            .where(part.c.segment == segment, part.c.first_row <= row)
            .order_by(part.c.first_row.desc())
            .limit(1)
        )
        begin, content = self._t.connection.execute(statement).one()
        columns, masks = unpack(bytes(content))
        self._held = segment, int(begin), columns, self._now(segment, int(begin), masks)
        return self._held[1:]

    def rows(self, segment: int, first: int, count: int) -> Iterator[tuple[DebitColumns, Masks]]:
        """Some rows of a segment and their findings, in pieces."""
        end = first + count
        while first < end:
            begin, columns, masks = self.part(segment, first)
            piece = slice(first - begin, end - begin)
            yield columns.rows(piece), masks[piece]
            first = begin + len(masks[: end - begin])
