# SPDX-License-Identifier: Apache-2.0
"""Rows of a Parquet file, numbered as if its column names were row 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import IO, Any, Final

from issuance.holders.cells import (
    NumberedRow,
    boolean_cell,
    broken_cell,
    column_letters,
    date_cell,
    number_cell,
)
from issuance.holders.errors import HolderListError

_BATCH: Final = 1024

_Read = Callable[[Any, str], str]
"""A value and the place of its cell, to the cell."""


def parquet_rows(source: str, stream: IO[bytes]) -> Iterator[NumberedRow]:
    """All rows, the names of the columns first.

    :raises HolderListError: it is no Parquet file, or it is damaged.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(stream)
        names, kinds = table.schema_arrow.names, [field.type for field in table.schema_arrow]
    except (ArrowException, OSError, UnicodeDecodeError):
        table = None
    if table is None:
        raise HolderListError(source, "", "is no Parquet file")
    yield 1, list(names)
    letters = [column_letters(at) for at in range(1, len(names) + 1)]
    reads = [_reader(kind) for kind in kinds]
    number, batches = 2, table.iter_batches(batch_size=_BATCH)
    while True:
        fault = ""
        try:
            batch = next(batches, None)
        except (ArrowException, OSError):
            fault, batch = "is damaged here", None
        if fault:  # outside the handler: the library's error may carry what it read
            raise HolderListError(source, f"row {number} or behind", fault)
        if batch is None:
            return
        columns = [
            [
                "" if value is None else read(value, f"{letter}{row}")
                for row, value in enumerate(_values(column), number)
            ]
            for column, read, letter in zip(batch.columns, reads, letters, strict=True)
        ]
        yield from enumerate(map(list, zip(*columns, strict=True)), number)
        number += batch.num_rows


def _values(column: Any) -> list[Any]:
    """The values of a column; bytes where one is no text."""
    from pyarrow import binary, types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        pass
    return list(column.cast(binary()).to_pylist())


def _reader(kind: Any) -> _Read:
    """What makes cells of the values of a type."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind):
        return _text
    if types.is_binary(kind) or types.is_large_binary(kind):
        return _text
    if types.is_boolean(kind):
        return lambda value, place: boolean_cell(place)
    if types.is_integer(kind) or types.is_decimal(kind):
        return lambda value, place: number_cell(Decimal(value), place)
    if types.is_floating(kind):
        return _float
    if types.is_date(kind) or types.is_timestamp(kind):
        return lambda value, place: date_cell(value, place)
    return lambda value, place: broken_cell(place, "is no text")


def _text(value: str | bytes, place: str) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return broken_cell(place, "is not in the encoding of the file")


def _float(value: float, place: str) -> str:
    """NaN is what tables of numbers have in an empty cell."""
    return "" if math.isnan(value) else number_cell(Decimal(value), place, floating=True)
