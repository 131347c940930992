# SPDX-License-Identifier: Apache-2.0
"""What clearing leaves in the folder of a run: statements as data and as pages, regional totals.

* ``statements.tsv``: one row for each pharmacy
* ``statements.jsonl``: the statements whole, one JSON object in a line
* ``statements/<fixmedins_code>.html``: the page of each
* ``clearing.tsv``, ``clearing.parquet``: the cells that all of it is summed from
* ``regions.tsv``: one row for each pair of place of treatment and insured place

Text files have a header row, tabs, LF and ``null`` for an empty cell, yuan with two decimals.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pyarrow.parquet as pq

from sscard_chip.dayfile.rows import NULL
from sscard_chip.settlement.arrow import division_texts, escaped_texts, text_lines
from sscard_chip.settlement.clearing.codes import ClearingType, RowOutcome
from sscard_chip.settlement.clearing.page import render_page
from sscard_chip.settlement.clearing.statement import Statement, StatementLine, statements
from sscard_chip.settlement.clearing.totals import Cell, ClearingTotals
from sscard_chip.settlement.judge.localities import locality
from sscard_chip.settlement.run.pools import RunStoppedError
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.escape import escape, escape_json
from sscard_chip.wholefile import private_opener, whole_file
from sscard_chip.workers import Pool, Processes, SingleThread

STATEMENTS: Final = "statements"
MANY_PHARMACIES: Final = 5_000
"""From here on processes are worth their start: a statement takes a third of a millisecond, a
process with all that it imports one second."""
_TOGETHER: Final = 100
"""Pharmacies of a task."""
STATEMENT_COLUMNS: Final = (
    "fixmedins_code",
    "fixmedins_name",
    "clr_type",
    "begndate",
    "enddate",
    "settlements",
    "refunds",
    "net_count",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
    "psn_cash_pay",
    "payable",
    "refused_rows",
    "refused_sumamt",
    "held_rows",
    "held_sumamt",
)
REGION_COLUMNS: Final = (
    "mdtrtarea_admvs",
    "insuplc_admdvs",
    "locality",
    "settlements",
    "refunds",
    "net_count",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
    "psn_cash_pay",
    "payable",
)

WorkersOf = Callable[[], Pool]
"""Starts workers."""


def write_clearing(
    totals: ClearingTotals,
    folder: str | os.PathLike[str],
    names: Mapping[str, str] | None = None,
    *,
    pages: bool = True,
    progress: Callable[[int], None] = lambda done: None,
    workers: WorkersOf | None = None,
) -> list[Statement]:
    """Write all files of clearing into an existing folder, in place of those of an earlier run.

    :param names: of the pharmacies, by fixmedins_code.
    :param pages: whether to write the pages; making a file costs more than its content.
    :param progress: called with the number of pages written so far.
    :param workers: starts processes for the statements of thousands of pharmacies.
    :raises RunStoppedError: a worker was killed.
    :return: the statements.
    :raises OSError: a file cannot be written.
    """
    target = Path(folder)
    made: list[Statement] = []
    lines: list[str] = []
    with new_folder(target / STATEMENTS) as written, ExitStack() as stack:
        tasks = [
            StatementTask(part, names, written if pages else None)
            for part in totals.split(_TOGETHER)
        ]
        pool: Pool = SingleThread()
        if workers is not None and len(tasks) * _TOGETHER >= MANY_PHARMACIES:
            pool = stack.enter_context(workers())
        for found, texts in pool.map(write_statements, tasks):
            made += found
            lines += texts
            progress(len(made))
    write_lines(target / "statements.jsonl", lines)
    write_rows(target / "statements.tsv", STATEMENT_COLUMNS, map(_statement_row, made))
    regions = regional_totals(totals)
    write_rows(target / "regions.tsv", REGION_COLUMNS, map(_region_row, regions))
    with whole_file(target / "clearing.tsv") as new, new.open("wb") as file:
        file.write(("\t".join(Cell._fields) + "\n").encode())
        file.write(_cell_lines(totals.cells))
    with whole_file(target / "clearing.parquet") as new:
        pq.write_table(totals.cells, new)
    return made


@dataclass(frozen=True, slots=True, eq=False)
class StatementTask:
    """Totals of some pharmacies, all names, and the folder for pages; None for none."""

    totals: ClearingTotals
    names: Mapping[str, str] | None
    pages: Path | None


def write_statements(task: StatementTask) -> tuple[list[Statement], list[str]]:
    """Write the pages of some pharmacies; their statements, and these as lines of JSON.

    :raises OSError:
    """
    made = list(statements(task.totals, task.names))
    for statement in made if task.pages is not None else ():
        path = f"{task.pages}/{file_stem(statement.pharmacy)}.html"
        with open(path, "wb", opener=private_opener) as page:
            page.write(render_page(statement).encode())
    return made, list(map(statement_json, made))


class StatementProcesses(Processes):
    """Processes that write statements, each with its own interpreter.

    :raises RunStoppedError: one was killed.
    """

    stopped = RunStoppedError
    modules = (__name__,)

    def __init__(self, workers: int) -> None:
        super().__init__(workers, _begin)


def _begin() -> None:
    """A worker has nothing to open."""


def statement_json(statement: Statement) -> str:
    """A statement as one line of JSON."""
    text = json.dumps(statement.to_dict(), ensure_ascii=False, separators=(",", ":"))
    return escape_json(text)


def file_stem(pharmacy: str) -> str:
    """The name of a pharmacy's files: its code, with anything but letters and digits escaped."""
    return quote(pharmacy, safe="").replace(".", "%2E")


def regional_totals(totals: ClearingTotals) -> list[StatementLine]:
    """Posted rows by pair of regions, own region and all; their sums are those of the run."""
    groups: dict[tuple[int, int], list[Cell]] = {}
    posted = int(RowOutcome.POSTED)
    for cell in totals:
        if cell.outcome == posted:
            groups.setdefault((cell.treatment, cell.insured), []).append(cell)
    return [
        StatementLine.of(
            cells,
            mdtrtarea_admvs=f"{treatment:06d}",
            insuplc_admdvs=f"{insured:06d}",
            locality=locality(treatment, insured).name.lower(),
        )
        for (treatment, insured), cells in sorted(groups.items())
    ]


def _statement_row(statement: Statement) -> tuple[str, ...]:
    refused, held = statement.refused.sums, statement.held.sums
    return (
        statement.pharmacy,
        statement.name or NULL,
        ClearingType.PHARMACY,
        statement.first_day,
        statement.last_day,
        *_amounts(statement.posted),
        str(refused.rows),
        yuan(refused.total_fen),
        str(held.rows),
        yuan(held.total_fen),
    )


def _region_row(line: StatementLine) -> tuple[str, ...]:
    return (*map(str, line.keys.values()), *_amounts(line))


def _amounts(line: StatementLine) -> tuple[str, ...]:
    net = line.net
    sums = (net.total_fen, net.fund_fen, net.account_fen, net.cash_fen, net.payable_fen)
    counts = (line.sales.rows, line.refunds.rows, line.net_count)
    return (*map(str, counts), *map(yuan, sums))


def _cell_lines(cells: Any) -> Any:
    """A table of cells as lines of text."""

    def column(name: str) -> Any:
        own = cells.column(name)
        if name in ("treatment", "insured"):
            return division_texts(own.to_numpy())
        if name == "refund":
            return own.cast("int8")
        return escaped_texts(own) if name in ("pharmacy", "insurance", "algorithm") else own

    return text_lines([column(name) for name in Cell._fields])


# --- writing -------------------------------------------------------------------------------------


def write_rows(path: Path, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A text file with a header row, whole or not at all.

    :raises OSError:
    """
    lines = ("\t".join(escape(cell, cell=True) for cell in row) for row in rows)
    write_lines(path, chain(["\t".join(heads)], lines))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """A text file of lines, whole or not at all.

    :raises OSError:
    """
    with whole_file(path) as new, new.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder of mode 0700 to fill, which takes the place of ``path`` when the block ends well."""
    new = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name}."))
    try:
        yield new
        if path.exists():
            shutil.rmtree(path)
        new.replace(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
