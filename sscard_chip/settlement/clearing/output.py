# SPDX-License-Identifier: Apache-2.0
"""All that clearing writes for a run, fed piece by piece."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.clearing.exchange import ExchangeWriter
from sscard_chip.settlement.clearing.feed import clearing_rows, exchange_rows
from sscard_chip.settlement.clearing.files import WorkersOf, write_clearing
from sscard_chip.settlement.clearing.statement import Statement
from sscard_chip.settlement.clearing.totals import ClearingTotals
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import Masks

_MOST_PARTS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRows:
    """Rows as clearing takes them: their totals, and those of cards from elsewhere as a table of
    :data:`~sscard_chip.settlement.clearing.exchange.ROWS`."""

    totals: ClearingTotals
    exchanged: Any


class ClearingOutput:
    """Statements, totals and files between regions in the folder of a run.

    ::

        with ClearingOutput(folder, names) as output:
            for piece in pieces:
                output.add(columns, findings, headers)
        output.statements

    Memory is bounded by the number of cells, not of rows. Nothing is put in place when the block
    ends in an exception.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        names: Mapping[str, str] | None = None,
        *,
        pages: bool = True,
        progress: Callable[[int], None] = lambda done: None,
        workers: WorkersOf | None = None,
    ) -> None:
        """``names`` of the pharmacies by fixmedins_code; ``folder`` exists; ``pages``,
        ``progress`` and ``workers`` as in :func:`write_clearing`."""
        self._folder = folder
        self._names = names
        self._pages = pages
        self._progress = progress
        self._workers = workers
        self._stack = ExitStack()
        self._parts: list[ClearingTotals] = []
        self.statements: list[Statement] = []

    def __enter__(self) -> Self:
        self._exchange = self._stack.enter_context(ExchangeWriter(self._folder))
        return self

    def add(
        self,
        debits: DebitColumns,
        findings: Masks,
        headers: Sequence[DayHeader],
        insurances: NDArray[Any] | None = None,
    ) -> None:
        """Judged rows, in the order in which the files between regions shall have them.

        Arguments as :func:`clearing_rows`.

        :raises OSError:
        """
        self.add_prepared(self.prepare(debits, findings, headers, insurances))

    def prepare(
        self,
        debits: DebitColumns,
        findings: Masks,
        headers: Sequence[DayHeader],
        insurances: NDArray[Any] | None = None,
    ) -> PreparedRows:
        """What :meth:`add` makes of rows; any thread may do it, in any order."""
        rows = clearing_rows(debits, findings, headers, insurances)
        return PreparedRows(ClearingTotals.of(rows), exchange_rows(debits, findings))

    def add_prepared(self, rows: PreparedRows) -> None:
        """Rows that are prepared, in their order.

        :raises OSError:
        """
        self._parts.append(rows.totals)
        if len(self._parts) >= _MOST_PARTS:
            self._parts = [self.totals]
        self._exchange.add(rows.exchanged)

    @property
    def totals(self) -> ClearingTotals:
        """The totals of everything added so far."""
        return ClearingTotals.sum(self._parts)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if error is None:
            self.statements = write_clearing(
                self.totals,
                self._folder,
                self._names,
                pages=self._pages,
                progress=self._progress,
                workers=self._workers,
            )
