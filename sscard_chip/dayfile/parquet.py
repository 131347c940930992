# SPDX-License-Identifier: Apache-2.0
"""The day file as Parquet: the second form, with the same columns (extra ``tables``).

Money in yuan is decimal128(16, 2), numbers are int64, all else is text as in the day file; an
empty cell is null. Header and trailer stand as they are in the day file in the metadata of the
schema, ``sscard.header`` and ``sscard.trailer``; so the digest still holds for the rows.
"""

from __future__ import annotations

import os
from decimal import Decimal
from types import ModuleType
from typing import Any, Final

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import COLUMNS, NULL, parse_money, parse_number
from sscard_chip.dayfile.text import DayContents
from sscard_chip.standard.errors import importing
from sscard_chip.wholefile import whole_file

_HEADER: Final = b"sscard.header"
_TRAILER: Final = b"sscard.trailer"


def write_parquet(day: DayContents, path: str | os.PathLike[str]) -> None:
    """Write a closed day, whole or not at all.

    :raises ExtraMissingError: pyarrow is missing.
    :raises DayFileError: the day is open.
    :raises OSError: the file cannot be written.
    """
    arrow, parquet = _load()
    if day.trailer is None:
        raise DayFileError("the day is not closed")
    rows = [row.encode().split("\t")[1:] for row in day.rows]
    metadata = {_HEADER: day.header.encode().encode(), _TRAILER: day.trailer.encode().encode()}
    fields, arrays = [], []
    for at, column in enumerate(COLUMNS):
        kind = _type(arrow, column.parse)
        cells = [_value(arrow, kind, column.name, row[at]) for row in rows]
        fields.append(arrow.field(column.name, kind, nullable=column.optional))
        arrays.append(arrow.array(cells, kind))
    table = arrow.Table.from_arrays(arrays, schema=arrow.schema(fields, metadata))
    with whole_file(path) as new:
        parquet.write_table(table, new)


def require_extra() -> None:
    """See that pyarrow is there.

    :raises ExtraMissingError: when pyarrow is missing.
    """
    _load()


def _load() -> tuple[Any, Any]:
    with importing("tables", "Parquet"):
        import pyarrow
        import pyarrow.parquet
    module: ModuleType = pyarrow
    return module, pyarrow.parquet


def _type(arrow: Any, parse: object) -> Any:
    if parse is parse_money:
        return arrow.decimal128(16, 2)
    return arrow.int64() if parse is parse_number else arrow.string()


def _value(arrow: Any, kind: Any, name: str, cell: str) -> Decimal | int | str | None:
    if cell == NULL:
        return None
    if kind == arrow.int64():
        return int(cell)
    return cell if kind == arrow.string() else Decimal(parse_money(name, cell)).scaleb(-2)
