# SPDX-License-Identifier: Apache-2.0
"""Clearing between regions: what was sold here to cards of elsewhere, a file for each pair.

``regions/<mdtrtarea_admvs>-<insuplc_admdvs>.tsv``, UTF-8, tabs, LF, ``null`` for an empty cell:

* ``H``, ``sscard-exchange/1``, division of the place of treatment, division of the insured place
* ``D``, and the columns of :data:`COLUMNS`: the row of a three-party reconciliation (spec B) [M]
* ``T``, rows, rows that are settled, sums of the four amounts over these, first and last day,
  SHA-256 of all rows before
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from operator import add
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sscard_chip.dayfile.errors import DayFileError, RowFindings
from sscard_chip.dayfile.rows import NULL, parse_money, parse_number
from sscard_chip.settlement.arrow import text_lines, yuan_column
from sscard_chip.settlement.clearing.files import new_folder
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import TIME_RULE, parse_time
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.inputfile import open_input
from sscard_chip.wholefile import private_opener

FORMAT: Final = "sscard-exchange/1"
FOLDER: Final = "regions"
COLUMNS: Final = (
    "state",
    "setl_optins",
    "insuplc_admdvs",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
    "psn_cash_pay",
    "setl_time",
    "infno",
    "mdtrt_id",
    "setl_id",
    "msgid",
    "refd_setl_flag",
    "succ_flag",
)
SALE, REFUND = "2102", "2103"
"""infno of a row; off-line ones have that of the transaction they stand for [L]."""

ROWS: Final = pa.schema(
    [
        ("state", pa.string()),
        ("treatment", pa.string()),
        ("insured", pa.string()),
        ("total_fen", pa.int64()),
        ("fund_fen", pa.int64()),
        ("account_fen", pa.int64()),
        ("cash_fen", pa.int64()),
        ("time", pa.string()),
        ("mdtrt_id", pa.string()),
        ("setl_id", pa.string()),
        ("msgid", pa.string()),
        ("refund", pa.bool_()),
        ("settled", pa.bool_()),
    ]
)
"""The fields of :class:`ExchangeRow` as columns, for many rows."""

_SUMS: Final = ("total_fen", "fund_fen", "account_fen", "cash_fen")
_STATE: Final = re.compile("[0-9]{1,3}(,[0-9]{1,3}){0,99}")
_ID: Final = re.compile("[0-9A-Za-z][!-~]{0,29}")
_DIVISION: Final = re.compile("[1-9][0-9]{5}")
MOST_BYTES: Final = 256 << 20
"""Of a file that is read: more than a million rows of one region for another."""
_LETTER: Final = pa.array(["D"])
_FLAGS: Final = ("refund", "settled")
_PIECE_ROWS: Final = 1 << 16
"""Rows that are written at once, and kept until there are so many: memory is bounded by them."""


class ExchangeError(InputError):
    """An exchange file that is not as it must be; one line: file, row, rule."""


class ExchangeRow(NamedTuple):
    """A sale or refund to a card of another region.

    ``state`` is the finding of the place of treatment: codes joined by commas, ``0`` alone when
    nothing was found [L]. Amounts are fen, negative in a refund. ``msgid`` is the number of the
    original transaction, ``setl_id`` that of the settlement, None for one made off-line.
    """

    state: str
    treatment: str
    insured: str
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    time: str
    mdtrt_id: str | None
    setl_id: str | None
    msgid: str
    refund: bool
    settled: bool

    @classmethod
    def parse(cls, line: str) -> ExchangeRow:
        """From a row without LF.

        :raises ExchangeError: column and rule.
        """
        cells = line.split("\t")
        if len(cells) != len(COLUMNS) + 1 or cells[0] != "D":
            raise ExchangeError(f"must be D and {len(COLUMNS)} more cells")
        if cells[13] not in ("0", "1") or cells[14] not in ("0", "1"):
            raise ExchangeError("refd_setl_flag, succ_flag: must be 0 or 1")
        if cells[9] != (REFUND if cells[13] == "1" else SALE):
            raise ExchangeError(f"infno: must be {SALE}, or {REFUND} in a refund")
        total, fund, account, cash = _amounts(cells[4:8])
        mdtrt_id, setl_id = (None if cell == NULL else cell for cell in cells[10:12])
        state, treatment, insured = cells[1:4]
        if not _STATE.fullmatch(state):
            raise ExchangeError("state: must be codes joined by commas")
        if parse_time(cells[8]) is None:
            raise ExchangeError(f"setl_time: {TIME_RULE}")
        for name, cell in zip(COLUMNS[9:12], cells[10:13], strict=True):
            if not _ID.fullmatch(cell) or (name == "msgid" and cell == NULL):
                raise ExchangeError(
                    f"{name}: must be 1 to 30 characters, the first a letter or digit"
                )
        amounts, ids = (total, fund, account, cash), (mdtrt_id, setl_id, cells[12])
        flags = (cells[13] == "1", cells[14] == "1")
        return cls(state, treatment, insured, *amounts, cells[8], *ids, *flags)


def table_of(rows: Iterable[ExchangeRow]) -> Any:
    """Rows as the Arrow table of :data:`ROWS`."""
    return pa.Table.from_pylist([row._asdict() for row in rows], ROWS)


def _lines(rows: Any) -> Any:
    """Rows of a table of :data:`ROWS` as they stand in the file."""
    column = {name: rows.column(name) for name in rows.column_names}
    ids = (pc.fill_null(column[name], NULL) for name in ("mdtrt_id", "setl_id", "msgid"))
    flags = (pc.cast(column[name], pa.int8()) for name in _FLAGS)
    return text_lines(
        [
            _LETTER.take(pa.array(np.zeros(len(rows), np.int8))),
            column["state"],
            column["treatment"],
            column["insured"],
            *(yuan_column(column[name].to_numpy()) for name in _SUMS),
            column["time"],
            pc.if_else(column["refund"], REFUND, SALE),
            *ids,
            *flags,
        ]
    )


@dataclass(slots=True)
class _Pair:
    """A file that is being written; ``sums`` are of the settled rows."""

    path: Path
    hash: Any = field(default_factory=sha256)
    rows: int = 0
    settled: int = 0
    sums: tuple[int, ...] = (0, 0, 0, 0)
    first: str = ""
    last: str = ""

    def begin(self, treatment: str, insured: str) -> None:
        self._write("\t".join(("H", FORMAT, treatment, insured)).encode() + b"\n")

    def add(self, rows: Any) -> None:
        """More rows, as a table of :data:`ROWS`."""
        self._write(_lines(rows))
        self.rows += len(rows)
        times = pc.min_max(rows.column("time"))
        first, last = str(times["min"])[:8], str(times["max"])[:8]
        self.first = min(self.first or first, first)
        self.last = max(self.last, last)
        settled = rows.filter(rows.column("settled"))
        self.settled += len(settled)
        own = (pc.sum(settled.column(name)).as_py() or 0 for name in _SUMS)
        self.sums = tuple(map(add, self.sums, own))

    def _write(self, content: Any) -> None:
        self.hash.update(content)
        with open(self.path, "ab", opener=private_opener) as file:
            file.write(content)

    def finish(self) -> None:
        sums = map(yuan, self.sums)
        counts = (str(self.rows), str(self.settled))
        digest = self.hash.hexdigest().upper()
        trailer = "\t".join(("T", *counts, *sums, self.first, self.last, digest))
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{trailer}\n")


def _pairs_of(rows: Any) -> tuple[NDArray[np.int64], dict[int, tuple[str, str]]]:
    """The pair of regions of each row as a number, and the names of the pairs."""
    one = rows.column("treatment").combine_chunks().dictionary_encode()
    other = rows.column("insured").combine_chunks().dictionary_encode()
    here, there = one.dictionary.to_pylist(), other.dictionary.to_pylist()
    pair = one.indices.to_numpy().astype(np.int64) * len(there) + other.indices.to_numpy()
    names = {
        at: (here[at // len(there)], there[at % len(there)]) for at in np.unique(pair).tolist()
    }
    return pair, names


class ExchangeWriter:
    """Writes the files of a run, which take the place of earlier ones when the block ends well.

    Rows stand in the files in the order in which they are added.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """``folder`` is that of the run; it exists."""
        self._target = Path(folder) / FOLDER
        self._stack = ExitStack()
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._waiting: list[Any] = []
        self._held = 0

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(new_folder(self._target))
        return self

    def add(self, rows: Any) -> None:
        """Add an Arrow table of :data:`ROWS`, of pairs of regions that are not one.

        :raises OSError:
        """
        self._waiting.append(rows)
        self._held += len(rows)
        if self._held >= _PIECE_ROWS:
            self._write()

    def _write(self) -> None:
        waiting, self._waiting, self._held = self._waiting, [], 0
        if waiting:
            rows = pa.concat_tables(waiting)
            for begin in range(0, len(rows), _PIECE_ROWS):
                self._write_together(rows.slice(begin, _PIECE_ROWS))

    def _write_together(self, rows: Any) -> None:
        pair, places = _pairs_of(rows)
        order = np.argsort(pair, kind="stable")
        together = rows.take(pa.array(order))
        fresh = np.flatnonzero(np.diff(pair[order], prepend=-1))
        for begin, end in pairwise([*fresh.tolist(), len(rows)]):
            one = places[int(pair[order[begin]])]
            if one not in self._pairs:
                self._pairs[one] = _Pair(self._folder / f"{one[0]}-{one[1]}.tsv")
                self._pairs[one].begin(*one)
            self._pairs[one].add(together.slice(begin, end - begin))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            with self._stack:
                self._write()
                for pair in self._pairs.values():
                    pair.finish()
        else:
            self._stack.__exit__(kind, error, trace)


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange file, checked. ``sums_fen``: total, fund, account, cash of the settled rows."""

    treatment: str
    insured: str
    rows: tuple[ExchangeRow, ...]
    sums_fen: tuple[int, int, int, int]


def read_exchange(path: str | os.PathLike[str]) -> Exchange:
    """Read a file that another region sent, with every check.

    :raises ExchangeError: file, row and rule: columns, regions, counts, sums, digest.
    :raises OSError: it cannot be read.
    """
    source = os.fspath(path)
    with open_input(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > MOST_BYTES else file.read(MOST_BYTES + 1)
    if max(size, len(content)) > MOST_BYTES:
        raise ExchangeError(f"{source}: has more than {MOST_BYTES:,} bytes")
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise ExchangeError(f"{source}: is not UTF-8") from None
    if lines.pop() or len(lines) < 2:
        raise ExchangeError(f"{source}: is cut off")
    heads = lines[0].split("\t")
    if heads[:2] != ["H", FORMAT] or len(heads) != 4:
        raise ExchangeError(f"{source}: row 1: must be H, {FORMAT} and two divisions")
    if heads[2] == heads[3] or not all(map(_DIVISION.fullmatch, heads[2:])):
        raise ExchangeError(f"{source}: row 1: must be two divisions of 6 digits")
    rows: list[ExchangeRow] = []
    seen: set[tuple[str, str]] = set()
    findings = RowFindings(source, ExchangeError)
    for number, line in enumerate(lines[1:-1], 2):
        with findings.row(number):
            row = ExchangeRow.parse(line)
            if [row.treatment, row.insured] != heads[2:]:
                raise ExchangeError("is of other regions than the file")
            _check_once(row, seen)
            rows.append(row)
    findings.check()
    before = content[: content.rindex(b"\n", 0, -1) + 1]
    try:
        sums = _check_trailer(lines[-1].split("\t"), rows, before)
    except ExchangeError as error:
        raise ExchangeError(f"{source}: row {len(lines)}: trailer: {error}") from None
    for number, row in enumerate(rows, 2):
        with findings.row(number):
            _check_parts(row)
    findings.check()
    return Exchange(heads[2], heads[3], tuple(rows), sums)


def _check_once(row: ExchangeRow, seen: set[tuple[str, str]]) -> None:
    """What is settled is settled once: a sale by its msgid, a refund by its own setl_id."""
    key = ("setl_id", row.setl_id or "") if row.refund else ("msgid", row.msgid)
    if not row.settled or not key[1]:
        return
    if key in seen:
        raise ExchangeError(f"{key[0]}: is settled in an earlier row too")
    seen.add(key)


def _check_parts(row: ExchangeRow) -> None:
    parts = (row.fund_fen, row.account_fen, row.cash_fen)
    signed = max(parts) <= 0 if row.refund else min(parts) >= 0
    if row.settled and not (signed and sum(parts) == row.total_fen):
        raise ExchangeError("the parts must be the total, and below zero in a refund alone")


def _check_trailer(
    cells: list[str], rows: list[ExchangeRow], before: bytes
) -> tuple[int, int, int, int]:
    if len(cells) != 10 or cells[0] != "T":
        raise ExchangeError("must be T and 9 more cells")
    settled = [row for row in rows if row.settled]
    try:
        counts = (parse_number("row count", cells[1]), parse_number("row count", cells[2]))
    except DayFileError as error:
        raise ExchangeError(str(error)) from None
    if counts != (len(rows), len(settled)):
        raise ExchangeError("the counts are not those of the rows")
    total, fund, account, cash = _amounts(cells[3:7])
    if (total, fund, account, cash) != _sums(settled):
        raise ExchangeError("the sums are not those of the rows")
    days = [row.time[:8] for row in rows]
    if cells[7:9] != [min(days, default=""), max(days, default="")]:
        raise ExchangeError("the days are not those of the rows")
    if cells[9] != sha256(before).hexdigest().upper():
        raise ExchangeError("the digest is not that of the rows")
    return total, fund, account, cash


def _sums(rows: list[ExchangeRow]) -> tuple[int, int, int, int]:
    return (
        sum(row.total_fen for row in rows),
        sum(row.fund_fen for row in rows),
        sum(row.account_fen for row in rows),
        sum(row.cash_fen for row in rows),
    )


def _amounts(cells: list[str]) -> tuple[int, int, int, int]:
    try:
        total, fund, account, cash = map(parse_money, COLUMNS[3:7], cells)
    except DayFileError as error:
        raise ExchangeError(str(error)) from None
    return total, fund, account, cash
