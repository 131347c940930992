# SPDX-License-Identifier: Apache-2.0
"""Rows and their findings as packed columns: an Arrow stream, in parts of a segment.

Columns that are empty in all rows of a part are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sscard_chip.settlement.columns import DebitColumns, octets
from sscard_chip.settlement.judge.codes import Masks

PART_ROWS: Final = 65_536

_MASK: Final = "findings"
_COMPRESSION: Final = "lz4"


def parts(columns: DebitColumns, masks: Masks) -> Iterator[tuple[int, int, bytes]]:
    """The rows in parts: first row, number of rows, packed columns."""
    for first in range(0, len(columns), PART_ROWS):
        piece = slice(first, first + PART_ROWS)
        rows = columns.rows(piece)
        yield first, len(rows), pack(rows, masks[piece])


def pack(columns: DebitColumns, masks: Masks) -> bytes:
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
    """What :func:`pack` has packed."""
    with pa.ipc.open_stream(content) as reader:
        batch = reader.read_next_batch()
    columns = DebitColumns.zeros(batch.num_rows)
    for name in batch.schema.names[1:]:
        column = getattr(columns, name)
        column[...] = _from_arrow(batch.column(name), column.dtype, column.shape)
    return columns, batch.column(0).to_numpy()


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
