# SPDX-License-Identifier: Apache-2.0
"""Totals of a run: its rows summed by everything that a statement or a file tells apart.

A run hands its rows over in pieces, as Arrow tables of :data:`ROWS`; each becomes totals of a few
thousand cells, and totals add up in any order. Statements, 3201 totals and the sums of the
regions are all read from the same cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sscard_chip.settlement.extras import missing

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:
    raise missing(error) from None

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
        ("outcome", pa.uint8()),
        ("refund", pa.bool_()),
        *((name, pa.int64()) for name in MONEY),  # negative in a refund
        ("codes", pa.list_(pa.uint8())),  # findings
    ]
)
"""The columns of rows that totals are made of."""

_CELLS: Final = pa.schema(
    [*(ROWS.field(name) for name in KEYS), ("rows", pa.int64()), *(ROWS.field(n) for n in MONEY)]
)
_REASONS: Final = pa.schema(
    [
        ("pharmacy", pa.string()),
        ("outcome", pa.uint8()),
        ("code", pa.uint8()),
        ("rows", pa.int64()),
        ("total_fen", pa.int64()),
    ]
)
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
    """Rows of a pharmacy that a finding stands at; a row may have several findings."""

    pharmacy: str
    outcome: int
    code: int
    rows: int
    total_fen: int


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Cells and reasons, sorted by their keys: the same rows give the same tables.

    Arrow tables: ``cells`` has the columns of :class:`Cell`, ``reasons`` those of
    :class:`Reason`.
    """

    cells: Any
    reasons: Any

    @classmethod
    def of(cls, rows: Any) -> Totals:
        """The totals of a piece, an Arrow table of :data:`ROWS` (more columns do not matter)."""
        grouped = rows.group_by(list(KEYS), use_threads=False).aggregate(
            [([], "count_all"), *((name, "sum") for name in MONEY)]
        )
        names = {f"{name}_sum": name for name in MONEY} | {"count_all": "rows"}
        cells = _renamed(grouped, names)
        listed = rows.filter(pc.greater(pc.list_value_length(rows["codes"]), 0))
        parents = pc.list_parent_indices(listed["codes"])
        flat = listed.select(["pharmacy", "outcome", "total_fen"]).take(parents)
        flat = flat.append_column("code", pc.list_flatten(listed["codes"]))
        flat = flat.filter(pc.not_equal(flat["code"], 0))
        found = flat.group_by(["pharmacy", "outcome", "code"], use_threads=False).aggregate(
            [([], "count_all"), ("total_fen", "sum")]
        )
        reasons = _renamed(found, {"count_all": "rows", "total_fen_sum": "total_fen"})
        return cls(_ordered(cells, _CELLS, KEYS), _ordered(reasons, _REASONS, _REASONS.names[:3]))

    @classmethod
    def sum(cls, parts: Iterable[Totals]) -> Totals:
        """Several totals as one."""
        held = list(parts)
        cells = pa.concat_tables([_CELLS.empty_table(), *(part.cells for part in held)])
        reasons = pa.concat_tables([_REASONS.empty_table(), *(part.reasons for part in held)])
        by = list(_REASONS.names[:3])
        grouped = cells.group_by(list(KEYS), use_threads=False).aggregate(_SUMS)
        found = reasons.group_by(by, use_threads=False).aggregate(
            [("rows", "sum"), ("total_fen", "sum")]
        )
        names = {f"{name}_sum": name for name in ("rows", *MONEY)}
        return cls(
            _ordered(_renamed(grouped, names), _CELLS, KEYS),
            _ordered(_renamed(found, names), _REASONS, by),
        )

    def __iter__(self) -> Iterator[Cell]:
        columns = (self.cells.column(name).to_pylist() for name in _CELLS.names)
        return map(Cell._make, zip(*columns, strict=True))

    def findings(self) -> Iterator[Reason]:
        """The reasons, by pharmacy, outcome and code."""
        columns = (self.reasons.column(name).to_pylist() for name in _REASONS.names)
        return map(Reason._make, zip(*columns, strict=True))


def _renamed(table: Any, names: dict[str, str]) -> Any:
    return table.rename_columns([names.get(name, name) for name in table.column_names])


def _ordered(table: Any, schema: Any, keys: Iterable[str]) -> Any:
    selected = table.select(schema.names).cast(schema)
    return selected.sort_by([(key, "ascending") for key in keys]).combine_chunks()
