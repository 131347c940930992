# SPDX-License-Identifier: Apache-2.0
"""Totals of a run: its rows summed by everything that a statement or a file distinguishes.

A run hands its rows over in pieces, as Arrow tables of :data:`ROWS`; each becomes totals of a few
thousand cells, and totals add up in any order. Statements, 3201 totals and the sums of the
regions are all read from the same cells.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from sscard_chip.settlement.arrow import dictionary
from sscard_chip.settlement.clearing.codes import RowOutcome
from sscard_chip.settlement.judge.codes import held, posted

KEYS: Final = (
    "pharmacy",
    "treatment",
    "insured",
    "insurance",
    "day",
    "algorithm",
    "outcome",
    "refund",
)
MONEY: Final = ("total_fen", "fund_fen", "account_fen", "cash_fen")

ROWS: Final = pa.schema(
    [
        ("pharmacy", pa.string()),  # fixmedins_code
        ("treatment", pa.int32()),  # mdtrtarea_admvs
        ("insured", pa.int32()),  # insuplc_admdvs, else the division of the card
        ("insurance", pa.string()),  # insutype
        ("day", pa.int32()),  # YYYYMMDD of the settlement time
        ("algorithm", pa.string()),  # 3des or sm4
        ("refund", pa.bool_()),
        ("findings", pa.uint16()),  # a bit each, see judge.codes
        *((name, pa.int64()) for name in MONEY),  # negative in a refund
    ]
)
"""The columns of rows that totals are made of."""

_OUTCOME: Final = pa.field("outcome", pa.uint8())
_CELLS: Final = pa.schema(
    [
        *(_OUTCOME if name == "outcome" else ROWS.field(name) for name in KEYS),
        ("rows", pa.int64()),
        *(ROWS.field(name) for name in MONEY),
    ]
)
_REASONS: Final = pa.schema([ROWS.field("pharmacy"), ROWS.field("findings"), ("rows", pa.int64())])
_REASON_KEYS: Final = ("pharmacy", "findings")
_RENAMED: Final = {"count_all": "rows"}
_TEXTS: Final = frozenset(one.name for one in ROWS if one.type == pa.string())
_SUMS: Final = [("rows", "sum"), *((name, "sum") for name in MONEY)]


class Cell(NamedTuple):
    """Rows that agree in all keys, and their sums in fen."""

    pharmacy: str
    treatment: int
    insured: int
    insurance: str
    day: int
    algorithm: str
    outcome: int
    refund: bool
    rows: int
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int


class Reason(NamedTuple):
    """Rows of a pharmacy with the same findings, a mask."""

    pharmacy: str
    findings: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class ClearingTotals:
    """Cells and reasons, sorted by their keys: the same rows give the same tables.

    Arrow tables: ``cells`` has the columns of :class:`Cell`, ``reasons`` those of
    :class:`Reason`.
    """

    cells: Any
    reasons: Any

    @classmethod
    def of(cls, rows: Any) -> ClearingTotals:
        """The totals of a piece, an Arrow table of :data:`ROWS`; its texts may be dictionaries that
        have each text once."""
        rows, texts = _with_numbers(rows)
        masks = rows["findings"].to_numpy()
        outcome = np.full(len(masks), RowOutcome.REFUSED, np.uint8)
        outcome[posted(masks)] = RowOutcome.POSTED
        outcome[held(masks)] = RowOutcome.HELD
        judged = rows.append_column(_OUTCOME, pa.array(outcome))
        cells = judged.group_by(list(KEYS), use_threads=False).aggregate(
            [([], "count_all"), *((name, "sum") for name in MONEY)]
        )
        found = rows.filter(pa.array(masks != 0))
        reasons = found.group_by(list(_REASON_KEYS), use_threads=False).aggregate(
            [([], "count_all")]
        )
        cells, reasons = _with_texts(cells, texts), _with_texts(reasons, texts)
        return cls(_ordered(cells, _CELLS, KEYS), _ordered(reasons, _REASONS, _REASON_KEYS))

    @classmethod
    def sum(cls, parts: Iterable[ClearingTotals]) -> ClearingTotals:
        """Several totals as one."""
        held = list(parts)
        cells = pa.concat_tables([_CELLS.empty_table(), *(part.cells for part in held)])
        reasons = pa.concat_tables([_REASONS.empty_table(), *(part.reasons for part in held)])
        grouped = cells.group_by(list(KEYS), use_threads=False).aggregate(_SUMS)
        found = reasons.group_by(list(_REASON_KEYS), use_threads=False).aggregate([("rows", "sum")])
        return cls(_ordered(grouped, _CELLS, KEYS), _ordered(found, _REASONS, _REASON_KEYS))

    def split(self, pharmacies: int) -> Iterator[ClearingTotals]:
        """In parts of so many pharmacies, in their order."""
        own = self.cells.column("pharmacy").to_pylist()
        fresh = [at for at, name in enumerate(own) if not at or name != own[at - 1]]
        reasons = self.reasons.column("pharmacy").to_pylist()
        for begin, end in pairwise([*fresh[::pharmacies], len(own)]):
            first, last = bisect_left(reasons, own[begin]), bisect_right(reasons, own[end - 1])
            yield ClearingTotals(
                self.cells.slice(begin, end - begin), self.reasons.slice(first, last - first)
            )

    def __iter__(self) -> Iterator[Cell]:
        columns = (self.cells.column(name).to_pylist() for name in _CELLS.names)
        return map(Cell._make, zip(*columns, strict=True))

    def findings(self) -> Iterator[Reason]:
        """The reasons, by pharmacy and findings."""
        columns = (self.reasons.column(name).to_pylist() for name in _REASONS.names)
        return map(Reason._make, zip(*columns, strict=True))


def _with_numbers(table: Any) -> tuple[Any, dict[str, Any]]:
    """A table with numbers in place of its texts, which are quicker to group by, and the texts."""
    texts = {}
    for at, name in enumerate(table.column_names):
        if name in _TEXTS:
            column = dictionary(table.column(name))
            texts[name] = column.dictionary
            table = table.set_column(at, name, column.indices)
    return table, texts


def _with_texts(table: Any, texts: dict[str, Any]) -> Any:
    """What :func:`_with_numbers` has made undone."""
    for at, name in enumerate(table.column_names):
        if name in texts:
            table = table.set_column(at, name, texts[name].take(table.column(name)))
    return table


def _ordered(table: Any, schema: Any, keys: Iterable[str]) -> Any:
    names = [_RENAMED.get(name, name.removesuffix("_sum")) for name in table.column_names]
    selected = table.rename_columns(names).select(schema.names).cast(schema)
    return selected.sort_by([(key, "ascending") for key in keys]).combine_chunks()
