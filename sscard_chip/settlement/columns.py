# SPDX-License-Identifier: Apache-2.0
"""The rows of many day files as columns: what settlement works on (extra ``settlement``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NO_DIVISION: Final = int(np.iinfo(np.uint32).max)
"""In a column of divisions: the cell was ``null``, or is no division."""

UNKNOWN: Final = 0xFF
"""Fills the terminal of a row of which terminal and number cannot be read."""

_SHAPES: Final[dict[str, tuple[Any, tuple[int, ...]]]] = {
    "file": (np.int32, ()),
    "line": (np.int32, ()),
    "malformed": (np.bool_, ()),
    "msgid": ("S30", ()),
    "setl_id": ("S30", ()),
    "mdtrt_id": ("S30", ()),
    "psn_no": ("S30", ()),
    "total_fen": (np.int64, ()),
    "fund_fen": (np.int64, ()),
    "account_fen": (np.int64, ()),
    "cash_fen": (np.int64, ()),
    "refund": (np.bool_, ()),
    "treatment_division": (np.uint32, ()),
    "insured_division": (np.uint32, ()),
    "card_id_code": (np.uint8, (16,)),
    "card_number": ("S9", ()),
    "factor": (np.uint8, (8,)),
    "algorithm": (np.uint8, ()),
    "key_version": (np.uint32, ()),
    "transaction_number": (np.uint32, ()),
    "transaction_type": (np.uint8, ()),
    "terminal": (np.uint8, (6,)),
    "terminal_number": (np.uint32, ()),
    "time": (np.uint8, (7,)),
    "card_account_fen": (np.uint32, ()),
    "card_self_paid_fen": (np.uint32, ()),
    "card_pooled_fen": (np.uint32, ()),
    "tac": (np.uint8, (4,)),
    "has_tac": (np.bool_, ()),
    "grey": (np.bool_, ()),
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DebitColumns:
    """n rows of day files, in order; the names are those of the day file's columns.

    ``file`` is the place of the row's file in the run, ``line`` its line there (the header is
    line 1). The three ids of the centre are empty where the cell was ``null``. Divisions are
    numbers of six digits, ``NO_DIVISION`` for ``null``. ``card_id_code`` (n, 16), ``factor``
    (n, 8) and ``tac`` (n, 4) are bytes; ``terminal`` (n, 6) and ``time`` (n, 7) BCD as in the
    TAC. ``algorithm`` is the FCI's code: 1 for 3DES, 3 for SM4. Of a ``malformed`` row only
    ``msgid``, and ``terminal`` with ``terminal_number``, hold what could be read.
    """

    file: NDArray[np.int32]
    line: NDArray[np.int32]
    malformed: NDArray[np.bool_]
    msgid: NDArray[np.bytes_]
    setl_id: NDArray[np.bytes_]
    mdtrt_id: NDArray[np.bytes_]
    psn_no: NDArray[np.bytes_]
    total_fen: NDArray[np.int64]
    fund_fen: NDArray[np.int64]
    account_fen: NDArray[np.int64]
    cash_fen: NDArray[np.int64]
    refund: NDArray[np.bool_]
    treatment_division: NDArray[np.uint32]
    insured_division: NDArray[np.uint32]
    card_id_code: NDArray[np.uint8]
    card_number: NDArray[np.bytes_]
    factor: NDArray[np.uint8]
    algorithm: NDArray[np.uint8]
    key_version: NDArray[np.uint32]
    transaction_number: NDArray[np.uint32]
    transaction_type: NDArray[np.uint8]
    terminal: NDArray[np.uint8]
    terminal_number: NDArray[np.uint32]
    time: NDArray[np.uint8]
    card_account_fen: NDArray[np.uint32]
    card_self_paid_fen: NDArray[np.uint32]
    card_pooled_fen: NDArray[np.uint32]
    tac: NDArray[np.uint8]
    has_tac: NDArray[np.bool_]
    grey: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.file)

    def __repr__(self) -> str:
        return f"<DebitColumns, {len(self)} rows>"

    @classmethod
    def zeros(cls, count: int) -> DebitColumns:
        """``count`` rows of nothing, for filling."""
        return cls(
            **{name: np.zeros((count, *rest), kind) for name, (kind, rest) in _SHAPES.items()}
        )

    @classmethod
    def join(cls, parts: Sequence[DebitColumns]) -> DebitColumns:
        """The rows of ``parts``, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.zeros(0)
        return cls(**{name: _join([getattr(part, name) for part in parts]) for name in _SHAPES})

    @classmethod
    def gather(cls, parts: list[DebitColumns]) -> DebitColumns:
        """As :meth:`join`, and empties ``parts``: memory for one column more is enough."""
        columns = [{name: getattr(part, name) for name in _SHAPES} for part in parts]
        parts.clear()
        if not columns:
            return cls.zeros(0)
        return cls(**{name: _join([part.pop(name) for part in columns]) for name in _SHAPES})

    def rows(self, which: NDArray[Any] | slice) -> DebitColumns:
        """Some of the rows: a slice, positions, or a mask."""
        return DebitColumns(**{name: column[which] for name, column in self.items()})

    def items(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Name and array of each column."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))

    def divisions(self) -> NDArray[np.uint32]:
        """The issuing divisions: the first three bytes of the 卡识别码."""
        return number_of_bcd(self.card_id_code[:, :3])


def _join(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    if all(array.strides[0] == 0 for array in arrays) and arrays[0].dtype.kind == "S":
        return constant(b"", sum(map(len, arrays)))  # only columns of nothing are stored so
    return np.concatenate(arrays)


def constant(value: bytes, count: int) -> NDArray[np.bytes_]:
    """A column of ids that takes no memory: the same in every row."""
    return np.broadcast_to(np.array(value, "S30"), (count,))


def given(ids: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Which texts are not empty: their first byte tells."""
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
