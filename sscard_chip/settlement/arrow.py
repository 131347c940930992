# SPDX-License-Identifier: Apache-2.0
"""Texts of many rows as Arrow arrays, without a Python object for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Mask, distinct
from sscard_chip.settlement.columns import given, octets
from sscard_chip.standard.escape import escape

_YUAN: Final = pa.decimal128(20, 2)
_CELLS: Final = pcsv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
_PLAIN: Final = np.array([not code or (chr(code).isalnum() and code < 128) for code in range(256)])
"""First bytes of texts that are no formula, or of none."""


def texts(column: NDArray[np.bytes_]) -> Any:
    """ASCII texts as an Arrow array; null where there is none."""
    count = len(column)
    if not count or (not column.strides[0] and not column[0]):
        return pa.nulls(count, pa.string())
    there = given(column)
    whole = bool(there.all())
    own = column if whole else column[there]
    characters = octets(own)
    widths = np.zeros(count, np.int64)
    if characters[:, -1].all():
        widths[there] = characters.shape[1]
    else:
        widths[there] = np.strings.str_len(own)
        characters = characters[characters != 0]
    return _array(characters, widths, None if whole else there)


def cell_texts(column: NDArray[np.bytes_]) -> Any:
    """The same as cells of a table for people (:func:`~sscard_chip.standard.escape.escape`)."""
    found = texts(column)
    if not column.strides[0] and len(column):
        column = column[:1]
    first = octets(column)[:, 0] if len(column) else np.zeros(0, np.uint8)
    odd = ~_PLAIN[first]
    if not odd.any():
        return found
    odd = np.broadcast_to(odd, len(found))
    escaped = [escape(text, cell=True) for text in found.filter(pa.array(odd)).to_pylist()]
    return pc.replace_with_mask(found, pa.array(odd), pa.array(escaped, pa.string()))


def dictionary(column: Any) -> Any:
    """A column of a table as one dictionary array, which it may be already."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded


def escaped_texts(column: Any) -> Any:
    """A column of texts, the same over and over, as cells of a table for people."""
    encoded = dictionary(column)
    distinct = [escape(text, cell=True) for text in encoded.dictionary.to_pylist()]
    return pa.array(distinct, pa.string()).take(encoded.indices)


def hex_texts(column: NDArray[np.uint8]) -> Any:
    """Bytes (n, k) in hex, two characters for each."""
    content = np.frombuffer(column.tobytes().hex().encode(), np.uint8)
    return _array(content, np.full(len(column), 2 * column.shape[1]))


def yuan_column(fen: NDArray[np.int64]) -> Any:
    """Fen as yuan with two decimals, as :func:`~sscard_chip.standard.amounts.yuan` has it."""
    words = np.empty((len(fen), 2), np.int64)  # of 128 bits, the low one first
    words[:, 0] = fen
    np.right_shift(words[:, 0], 63, out=words[:, 1])
    return pa.Array.from_buffers(_YUAN, len(fen), [None, pa.py_buffer(words)])


def text_lines(columns: Sequence[Any]) -> Any:
    """Rows as lines of text, cells with tabs between them: a buffer of bytes. None is null."""
    table = pa.Table.from_arrays(list(columns), [str(at) for at in range(len(columns))])
    sink = pa.BufferOutputStream()
    try:
        pcsv.write_csv(table, sink, _CELLS)
    except pa.ArrowInvalid:  # it does not write quotation marks as they are
        whole = table.combine_chunks()
        cells = [pc.cast(column.chunk(0), pa.string()) for column in whole.columns]
        cells[-1] = pc.binary_join_element_wise(cells[-1], "\n", "")
        return joined(pc.binary_join_element_wise(*cells, "\t"))[0]
    return sink.getvalue()


def division_texts(divisions: NDArray[Any]) -> Any:
    """Divisions as six digits each."""
    every, place = distinct(divisions)
    return pa.array([f"{one:06d}" for one in every.tolist()], pa.string()).take(pa.array(place))


def texts_of(numbers: NDArray[np.uint16], text: Callable[[int], str]) -> Any:
    """Of each number its ``text``, which is asked for once for all that are the same."""
    kinds = np.flatnonzero(np.bincount(numbers))
    place = np.zeros(int(kinds.max(initial=0)) + 1, np.int32)
    place[kinds] = np.arange(len(kinds))
    return pa.array(map(text, kinds.tolist()), pa.string()).take(pa.array(place[numbers]))


def joined(lines: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All texts of an array, with none that is null, one behind the other; where each begins."""
    begins = np.frombuffer(lines.buffers()[1], np.int32)[
        lines.offset : lines.offset + len(lines) + 1
    ]
    return np.frombuffer(lines.buffers()[2] or b"", np.uint8), begins.astype(np.int64)


def _array(
    characters: NDArray[np.uint8], widths: NDArray[np.intp], there: Mask | None = None
) -> Any:
    """Texts of so many characters each; null where it is not ``there``."""
    offsets = np.zeros(len(widths) + 1, np.int32)
    np.cumsum(widths, out=offsets[1:])
    content = pa.py_buffer(np.ascontiguousarray(characters))
    valid = None if there is None else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.StringArray.from_buffers(len(widths), pa.py_buffer(offsets), content, valid)
