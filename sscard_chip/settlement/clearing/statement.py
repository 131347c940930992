# SPDX-License-Identifier: Apache-2.0
"""The clearing statement (清算单) of a pharmacy: what it sold, what is paid, what is not and why.

Everything is read from the cells of :class:`ClearingTotals`. The pharmacy is owed what it did not
take over the counter: the fund's part and that of the personal accounts, less refunds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, Final, TypeAlias

from sscard_chip.settlement.clearing.codes import ClearingType, RowOutcome, outcome_of
from sscard_chip.settlement.clearing.totals import Cell, ClearingTotals, Reason
from sscard_chip.settlement.judge.codes import codes_of
from sscard_chip.settlement.judge.localities import Locality, locality

FORMAT: Final = "sscard-statement/1"

_Parts: TypeAlias = tuple[list[Cell], list[Cell]]
"""Posted cells of sales, and of refunds."""

_NAMES: Final = {one: one.name.lower() for one in Locality}


@dataclass(frozen=True, slots=True)
class Sums:
    """Rows and their amounts in fen; those of refunds are negative."""

    rows: int = 0
    total_fen: int = 0
    fund_fen: int = 0
    account_fen: int = 0
    cash_fen: int = 0

    @property
    def payable_fen(self) -> int:
        """What is owed for them: fund and account."""
        return self.fund_fen + self.account_fen

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> Sums:
        """The sums of cells."""
        columns = [cell[8:] for cell in cells]
        if len(columns) > 1:
            return cls(*map(sum, zip(*columns, strict=True)))
        return cls(*columns[0]) if columns else NOTHING

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.rows + other.rows,
            self.total_fen + other.total_fen,
            self.fund_fen + other.fund_fen,
            self.account_fen + other.account_fen,
            self.cash_fen + other.cash_fen,
        )


NOTHING: Final = Sums()
"""The sums of no rows."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line of a statement: posted sales and refunds apart, ``keys`` show what it is of."""

    keys: Mapping[str, str | int] = field(hash=False)
    sales: Sums
    refunds: Sums

    @classmethod
    def of(cls, cells: Iterable[Cell], **keys: str | int) -> StatementLine:
        """The line of posted cells."""
        parts: _Parts = [], []
        for cell in cells:
            parts[cell.refund].append(cell)
        return cls(keys, *map(Sums.of, parts))

    @property
    def net(self) -> Sums:
        """Sales less refunds; ``rows`` counts both."""
        return self.sales + self.refunds

    @property
    def net_count(self) -> int:
        """Settlements less cancellations (spec A8)."""
        return self.sales.rows - self.refunds.rows

    def to_dict(self) -> dict[str, Any]:
        """For programs: the keys, counts, net sums, and what the refunds are of them."""
        net = self.net
        return {
            **self.keys,
            "sales": self.sales.rows,
            "refunds": self.refunds.rows,
            "net_count": self.net_count,
            "total_fen": net.total_fen,
            "fund_fen": net.fund_fen,
            "account_fen": net.account_fen,
            "cash_fen": net.cash_fen,
            "payable_fen": net.payable_fen,
            "refunded_fen": -self.refunds.total_fen,
        }


@dataclass(frozen=True, slots=True)
class Reasons:
    """Rows that are not posted, with a count of rows for each finding; a row may have several."""

    sums: Sums
    counts: tuple[tuple[int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self.sums), "codes": {str(code): rows for code, rows in self.counts}}


@dataclass(frozen=True, slots=True)
class Statement:
    """A pharmacy's statement.

    Days are YYYYMMDD, of the posted rows (of all, where none is posted). ``noticed`` counts the
    findings that did not keep a row from being posted.
    """

    pharmacy: str
    name: str | None
    first_day: str
    last_day: str
    posted: StatementLine
    insurances: tuple[StatementLine, ...]
    localities: tuple[StatementLine, ...]
    regions: tuple[StatementLine, ...]
    days: tuple[StatementLine, ...]
    suites: tuple[StatementLine, ...]
    refused: Reasons
    held: Reasons
    noticed: tuple[tuple[int, int], ...]

    @property
    def payable_fen(self) -> int:
        """What the pharmacy is owed; negative when refunds were more."""
        return self.posted.net.payable_fen

    @property
    def submitted(self) -> int:
        """Rows of its day files."""
        return self.posted.net.rows + self.refused.sums.rows + self.held.sums.rows

    def to_dict(self) -> dict[str, Any]:
        """For programs; amounts are fen."""
        return {
            "format": FORMAT,
            "fixmedins_code": self.pharmacy,
            "fixmedins_name": self.name,
            "clr_type": ClearingType.PHARMACY.value,
            "begndate": self.first_day,
            "enddate": self.last_day,
            "submitted": self.submitted,
            "posted": self.posted.to_dict(),
            "payable_fen": self.payable_fen,
            **{
                name: [line.to_dict() for line in getattr(self, name)]
                for name in ("insurances", "localities", "regions", "days", "suites")
            },
            "refused": self.refused.to_dict(),
            "held": self.held.to_dict(),
            "noticed": {str(code): rows for code, rows in self.noticed},
        }


def statements(
    totals: ClearingTotals, names: Mapping[str, str] | None = None
) -> Iterator[Statement]:
    """A statement for each pharmacy of the totals, in the order of their codes.

    :param names: of the pharmacies, by code.
    """
    findings: dict[str, list[Reason]] = {}
    for reason in totals.findings():
        findings.setdefault(reason.pharmacy, []).append(reason)
    for pharmacy, cells in groupby(totals, key=lambda cell: cell.pharmacy):
        name = (names or {}).get(pharmacy)
        yield _statement(pharmacy, name, list(cells), findings.get(pharmacy, []))


def _statement(
    pharmacy: str, name: str | None, cells: list[Cell], findings: list[Reason]
) -> Statement:
    apart: dict[int, list[Cell]] = {outcome: [] for outcome in RowOutcome}
    for cell in cells:
        apart[cell.outcome].append(cell)
    posted = apart[RowOutcome.POSTED]
    counts: dict[RowOutcome, Counter[int]] = {outcome: Counter() for outcome in RowOutcome}
    for reason in findings:
        outcome, codes = _shown(reason.findings)
        for code in codes:
            counts[outcome][code] += reason.rows
    days = [cell.day for cell in posted or cells]
    insurances, places, regions, by_day, suites = _grouped(posted)
    return Statement(
        pharmacy=pharmacy,
        name=name,
        first_day=f"{min(days):08d}",
        last_day=f"{max(days):08d}",
        posted=StatementLine.of(posted),
        insurances=tuple(
            _line(parts, insutype=insurance, clr_type=ClearingType.PHARMACY.value)
            for insurance, parts in insurances
        ),
        localities=tuple(_line(parts, locality=_NAMES[place]) for place, parts in places),
        regions=tuple(
            _line(
                parts,
                mdtrtarea_admvs=f"{treatment:06d}",
                insuplc_admdvs=f"{insured:06d}",
                locality=_NAMES[place],
            )
            for (place, insured, treatment), parts in regions
        ),
        days=tuple(_line(parts, settlement_date=f"{day:08d}") for day, parts in by_day),
        suites=tuple(_line(parts, algorithm=algorithm) for algorithm, parts in suites),
        refused=Reasons(Sums.of(apart[RowOutcome.REFUSED]), _sorted(counts[RowOutcome.REFUSED])),
        held=Reasons(Sums.of(apart[RowOutcome.HELD]), _sorted(counts[RowOutcome.HELD])),
        noticed=_sorted(counts[RowOutcome.POSTED]),
    )


@cache
def _shown(findings: int) -> tuple[RowOutcome, tuple[int, ...]]:
    """What became of rows with these findings, a mask, and the codes that are counted."""
    return outcome_of(findings), tuple(code for code in codes_of(findings) if code)


def _sorted(counts: Counter[int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(counts.items()))


_locality: Final = lru_cache(1 << 16)(locality)


def _line(parts: _Parts, **keys: str | int) -> StatementLine:
    sales, refunds = parts
    return StatementLine(keys, Sums.of(sales), Sums.of(refunds))


def _grouped(cells: Iterable[Cell]) -> list[list[tuple[Any, _Parts]]]:
    """Cells by insurance, by locality, by region, by day and by suite, each in its order."""
    groups: tuple[dict[Any, _Parts], ...] = {}, {}, {}, {}, {}
    for cell in cells:
        _, treatment, insured, insurance, day, algorithm, _, refund, *_ = cell
        place = _locality(treatment, insured)
        keys = (insurance, place, (place, insured, treatment), day, algorithm)
        for group, key in zip(groups, keys, strict=True):
            parts = group.get(key)
            if parts is None:
                parts = group[key] = [], []
            parts[refund].append(cell)
    return [sorted(group.items()) for group in groups]
