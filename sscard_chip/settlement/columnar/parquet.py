# SPDX-License-Identifier: Apache-2.0
"""Day files in the Parquet form, turned back into the text that their digest is over."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import COLUMNS, NULL

_MAGIC: Final = b"PAR1"
_BATCH: Final = 65_536


def is_parquet(content: bytes) -> bool:
    """Whether bytes begin like Parquet."""
    return content.startswith(_MAGIC)


def parquet_ends(path: str) -> tuple[bytes, bytes]:
    """Header row and trailer row of a day in Parquet.

    :raises DayFileError:
    """
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        metadata = parquet.read_schema(path).metadata or {}
        return metadata[b"sscard.header"], metadata[b"sscard.trailer"]
    except (arrow.ArrowException, LookupError, ValueError):
        raise DayFileError(f"{path}: is no day file in Parquet") from None


def parquet_text(path: str) -> bytes:
    """The text form of a day in Parquet.

    :raises DayFileError:
    """
    import pyarrow as arrow
    import pyarrow.compute as compute
    from pyarrow import parquet

    header, trailer = parquet_ends(path)
    parts = [header + b"\n"]
    names = [column.name for column in COLUMNS]
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, columns=names):
                parts.append(_lines(arrow, compute, batch, names))
    except (arrow.ArrowException, LookupError, ValueError):
        raise DayFileError(f"{path}: is no day file in Parquet") from None
    parts.append(trailer + b"\n")
    return b"".join(parts)


def _lines(arrow: Any, compute: Any, batch: Any, names: list[str]) -> bytes:
    cells = [
        compute.fill_null(compute.cast(batch.column(name), arrow.string()), NULL) for name in names
    ]
    letter = arrow.scalar("D")
    rows = compute.binary_join_element_wise(letter, *cells, "\t")
    rows = compute.binary_join_element_wise(rows, "", "\n")
    ends, text = (memoryview(buffer or b"") for buffer in rows.buffers()[1:])
    return bytes(text[: ends.cast("i")[len(rows)]])
