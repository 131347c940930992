# SPDX-License-Identifier: Apache-2.0
"""The rows of many day files as columns: what settlement works on (extra ``settlement``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

NO_DIVISION: Final = int(np.iinfo(np.uint32).max)
"""In a column of divisions: the cell was ``null``, or is no division."""

UNKNOWN: Final = 0xFF
"""Fills the terminal of a row of which terminal and number cannot be read."""


_C = TypeVar("_C", bound="Columns")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Columns:
    """Rows as arrays of one length, one for each field; :func:`column` declares them."""

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.shapes()))))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self)} rows>"

    @classmethod
    def shapes(cls) -> Mapping[str, tuple[Any, tuple[int, ...]]]:
        """Name, type of the cells, and the shape of each that is an array itself."""
        return _shapes(cls)  # type: ignore[arg-type]  # mypy has no hash of a class

    def rows(self, which: NDArray[Any] | slice) -> Self:
        """Some of the rows: a slice, positions, or a mask.

        What is of the same value in all rows and takes no memory does not do so here.
        """
        if isinstance(which, slice):
            return type(self)(**{name: column[which] for name, column in self.items()})
        at = np.flatnonzero(which) if which.dtype == np.bool_ else which
        return type(self)(**{name: _take(column, at) for name, column in self.items()})

    def only(self, names: Collection[str], which: NDArray[Any]) -> Self:
        """Some of the rows at the positions ``which``, and of the columns only those named: the
        others are nothing, and take no memory."""
        return type(self)(
            **{
                name: _take(column, which)
                if name in names
                else np.broadcast_to(np.zeros((), column.dtype), (len(which), *column.shape[1:]))
                for name, column in self.items()
            }
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, a column that takes no memory stays so."""
        stored = {
            name: (column[:1].copy(), len(column)) if _is_constant(column) else column
            for name, column in self.items()
        }
        return _restored, (type(self), stored)

    def items(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Name and array of each column."""
        return ((name, getattr(self, name)) for name in self.shapes())


@cache
def _shapes(kind: type[Columns]) -> Mapping[str, tuple[Any, tuple[int, ...]]]:
    shapes = {one.name: one.metadata.get("shape", (None, ())) for one in fields(kind)}
    return MappingProxyType(shapes)


def _is_constant(column: NDArray[Any]) -> bool:
    """Whether all rows are one and the same cell in memory."""
    return len(column) > 1 and not column.strides[0]


def _take(column: NDArray[Any], at: NDArray[Any]) -> NDArray[Any]:
    if _is_constant(column):
        return np.broadcast_to(column[:1], (len(at), *column.shape[1:]))
    return column.take(at, axis=0)


def _restored(kind: type[_C], stored: dict[str, Any]) -> _C:
    columns: dict[str, NDArray[Any]] = {}
    for name, one in stored.items():
        if isinstance(one, tuple):
            cell, count = one
            one = np.broadcast_to(cell, (count, *cell.shape[1:]))
        columns[name] = one
    return kind(**columns)


def column(kind: Any, *shape: int) -> Any:
    """A column whose cells are of a type, or arrays of it."""
    return field(metadata={"shape": (kind, shape)})


_ID: Final = "S30"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DebitColumns(Columns):
    """n rows of day files, in order; the names are those of the day file's columns.

    ``file`` is the place of the row's file in the run, ``line`` its line there (the header is
    line 1). The three ids of the centre are empty where the cell was ``null``. Divisions are
    numbers of six digits, ``NO_DIVISION`` for ``null``. ``card_id_code`` (n, 16), ``factor``
    (n, 8) and ``tac`` (n, 4) are bytes; ``terminal`` (n, 6) and ``time`` (n, 7) BCD as in the
    TAC. ``algorithm`` is the FCI's code: 1 for 3DES, 3 for SM4. Of a ``malformed`` row only
    ``msgid``, and ``terminal`` with ``terminal_number``, hold what could be read.
    """

    file: NDArray[np.int32] = column(np.int32)
    line: NDArray[np.int32] = column(np.int32)
    malformed: NDArray[np.bool_] = column(np.bool_)
    msgid: NDArray[np.bytes_] = column(_ID)
    setl_id: NDArray[np.bytes_] = column(_ID)
    mdtrt_id: NDArray[np.bytes_] = column(_ID)
    psn_no: NDArray[np.bytes_] = column(_ID)
    total_fen: NDArray[np.int64] = column(np.int64)
    fund_fen: NDArray[np.int64] = column(np.int64)
    account_fen: NDArray[np.int64] = column(np.int64)
    cash_fen: NDArray[np.int64] = column(np.int64)
    refund: NDArray[np.bool_] = column(np.bool_)
    treatment_division: NDArray[np.uint32] = column(np.uint32)
    insured_division: NDArray[np.uint32] = column(np.uint32)
    card_id_code: NDArray[np.uint8] = column(np.uint8, 16)
    card_number: NDArray[np.bytes_] = column("S9")
    factor: NDArray[np.uint8] = column(np.uint8, 8)
    algorithm: NDArray[np.uint8] = column(np.uint8)
    key_version: NDArray[np.uint32] = column(np.uint32)
    transaction_number: NDArray[np.uint32] = column(np.uint32)
    transaction_type: NDArray[np.uint8] = column(np.uint8)
    terminal: NDArray[np.uint8] = column(np.uint8, 6)
    terminal_number: NDArray[np.uint32] = column(np.uint32)
    time: NDArray[np.uint8] = column(np.uint8, 7)
    card_account_fen: NDArray[np.uint32] = column(np.uint32)
    card_self_paid_fen: NDArray[np.uint32] = column(np.uint32)
    card_pooled_fen: NDArray[np.uint32] = column(np.uint32)
    tac: NDArray[np.uint8] = column(np.uint8, 4)
    has_tac: NDArray[np.bool_] = column(np.bool_)
    grey: NDArray[np.bool_] = column(np.bool_)

    @classmethod
    def zeros(cls, count: int) -> DebitColumns:
        """``count`` rows of nothing, for filling."""
        shapes = cls.shapes().items()
        return cls(**{name: np.zeros((count, *rest), kind) for name, (kind, rest) in shapes})

    @classmethod
    def join(cls, parts: Sequence[DebitColumns]) -> DebitColumns:
        """The rows of ``parts``, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.zeros(0)
        names = cls.shapes()
        return cls(**{name: _join([getattr(part, name) for part in parts]) for name in names})

    @classmethod
    def gather(cls, parts: list[DebitColumns]) -> DebitColumns:
        """As :meth:`join`, and empties ``parts``: memory for one column more is enough."""
        columns = [dict(part.items()) for part in parts]
        parts.clear()
        if not columns:
            return cls.zeros(0)
        return cls(**{name: _join([part.pop(name) for part in columns]) for name in cls.shapes()})

    def divisions(self) -> NDArray[np.uint32]:
        """The issuing divisions: the first three bytes of the 卡识别码."""
        return number_of_bcd(self.card_id_code[:, :3])


class DebitRoom:
    """Room for rows that come in pieces, ``count`` at most: each column is allocated once.

    Memory is taken as it is filled. Ids of the centre take it for the rows that have one.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._filled = 0
        self._columns = {
            name: np.empty((count, *rest), kind)
            for name, (kind, rest) in DebitColumns.shapes().items()
            if kind != _ID or name == "msgid"
        }

    def add(self, rows: DebitColumns) -> None:
        """More rows, behind the others."""
        own = slice(self._filled, self._filled + len(rows))
        for name, cells in rows.items():
            if cells.dtype != _ID or name == "msgid":
                self._columns[name][own] = cells
            elif (there := np.flatnonzero(given(cells))).size:
                if name not in self._columns:
                    self._columns[name] = np.zeros(self._count, _ID)
                self._columns[name][own.start + there] = cells[there]
        self._filled = own.stop

    @property
    def rows(self) -> DebitColumns:
        """What has come, without a copy."""
        count = self._filled
        found: dict[str, NDArray[Any]] = dict.fromkeys(DebitColumns.shapes(), constant(b"", count))
        found |= {name: cells[:count] for name, cells in self._columns.items()}
        return DebitColumns(**found)


def _join(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    if all(array.strides[0] == 0 for array in arrays) and arrays[0].dtype.kind == "S":
        return constant(b"", sum(map(len, arrays)))  # only columns of nothing are stored so
    return np.concatenate(arrays)


def constant(value: bytes, count: int) -> NDArray[np.bytes_]:
    """A column of ids that takes no memory: the same in every row."""
    return np.broadcast_to(np.array(value, _ID), (count,))


def given(ids: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Which texts are not empty: their first byte shows."""
    if not len(ids) or not ids.strides[0]:
        return np.full(len(ids), bool(len(ids) and ids[0]))
    first: NDArray[np.bool_] = octets(ids)[:, 0] != 0
    return first


def octets(texts: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Texts (n) of w bytes at most as bytes (n, w)."""
    width = texts.dtype.itemsize
    return np.ascontiguousarray(texts).view(np.uint8).reshape(-1, width)


def number_of_bcd(digits: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """BCD bytes (n, up to 4) as numbers; ``NO_DIVISION`` where a nibble is no digit."""
    number = np.zeros(len(digits), np.uint32)
    wrong = np.zeros(len(digits), np.bool_)
    for at in range(digits.shape[1]):
        value = _BCD.take(digits[:, at])
        wrong |= value > 99
        number *= np.uint32(100)
        number += value
    number[wrong] = NO_DIVISION
    return number


_BCD: Final = np.array(
    [value // 16 * 10 + value % 16 if value // 16 < 10 and value % 16 < 10 else 100
     for value in range(256)],
    np.uint32,
)  # fmt: skip


def as_words(columns: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Bytes (n, 8) as one word each, for comparing."""
    return np.ascontiguousarray(columns).view(np.uint64).reshape(-1)
