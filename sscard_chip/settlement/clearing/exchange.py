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
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from sscard_chip.settlement.clearing.files import new_folder
from sscard_chip.terminal.pos.errors import DayFileError
from sscard_chip.terminal.pos.records import NULL, parse_number, parse_yuan, yuan

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

_BUFFERED_ROWS: Final = 65536


class ExchangeError(ValueError):
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

    def encode(self) -> str:
        """The row, without LF."""
        amounts = map(yuan, self[3:7])
        ids = (self.mdtrt_id or NULL, self.setl_id or NULL, self.msgid)
        infno = REFUND if self.refund else SALE
        flags = (str(int(self.refund)), str(int(self.settled)))
        return "\t".join(("D", *self[:3], *amounts, self.time, infno, *ids, *flags))

    @classmethod
    def parse(cls, line: str) -> ExchangeRow:
        """From a row without LF. Raises ExchangeError: column and rule."""
        cells = line.split("\t")
        if len(cells) != len(COLUMNS) + 1 or cells[0] != "D":
            raise ExchangeError(f"must be D and {len(COLUMNS)} more cells")
        if cells[13] not in ("0", "1") or cells[14] not in ("0", "1"):
            raise ExchangeError("refd_setl_flag, succ_flag: must be 0 or 1")
        if cells[9] != (REFUND if cells[13] == "1" else SALE):
            raise ExchangeError(f"infno: must be {SALE}, or {REFUND} in a refund")
        total, fund, account, cash = _amounts(cells[4:8])
        mdtrt_id, setl_id = (None if cell == NULL else cell for cell in cells[10:12])
        return cls(
            cells[1],
            cells[2],
            cells[3],
            total,
            fund,
            account,
            cash,
            cells[8],
            mdtrt_id,
            setl_id,
            cells[12],
            cells[13] == "1",
            cells[14] == "1",
        )


@dataclass(slots=True)
class _Pair:
    """A file that is being written; ``sums`` are of the settled rows."""

    path: Path
    hash: Any = field(default_factory=sha256)
    lines: list[str] = field(default_factory=list)
    rows: int = 0
    settled: int = 0
    sums: tuple[int, int, int, int] = (0, 0, 0, 0)
    first: str = ""
    last: str = ""

    def add(self, row: ExchangeRow) -> None:
        self.lines.append(row.encode())
        self.rows += 1
        day = row.time[:8]
        self.first = min(self.first or day, day)
        self.last = max(self.last, day)
        if row.settled:
            self.settled += 1
            total, fund, account, cash = self.sums
            self.sums = (
                total + row.total_fen,
                fund + row.fund_fen,
                account + row.account_fen,
                cash + row.cash_fen,
            )

    def flush(self) -> None:
        content = "".join(f"{line}\n" for line in self.lines).encode()
        self.hash.update(content)
        self.lines.clear()
        with self.path.open("ab") as file:
            file.write(content)

    def finish(self) -> None:
        self.flush()
        sums = map(yuan, self.sums)
        counts = (str(self.rows), str(self.settled))
        digest = self.hash.hexdigest().upper()
        trailer = "\t".join(("T", *counts, *sums, self.first, self.last, digest))
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{trailer}\n")


class ExchangeWriter:
    """Writes the files of a run, which take the place of earlier ones when the block ends well.

    Rows stand in the files in the order in which they are added. Memory is bounded.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """``folder`` is that of the run; it exists."""
        self._target = Path(folder) / FOLDER
        self._stack = ExitStack()
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._buffered = 0

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(new_folder(self._target))
        return self

    def add(self, rows: Iterable[ExchangeRow]) -> None:
        """Add rows of pairs of regions that are not one. Raises OSError."""
        for row in rows:
            key = row.treatment, row.insured
            pair = self._pairs.get(key)
            if pair is None:
                pair = self._pairs[key] = _Pair(self._folder / f"{key[0]}-{key[1]}.tsv")
                pair.lines.append("\t".join(("H", FORMAT, *key)))
            pair.add(row)
            self._buffered += 1
            if self._buffered >= _BUFFERED_ROWS:
                self._flush()

    def _flush(self) -> None:
        for pair in self._pairs.values():
            pair.flush()
        self._buffered = 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            with self._stack:
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
    content = Path(path).read_bytes()
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise ExchangeError(f"{source}: is not UTF-8") from None
    if lines.pop() or len(lines) < 2:
        raise ExchangeError(f"{source}: is cut off")
    heads = lines[0].split("\t")
    if heads[:2] != ["H", FORMAT] or len(heads) != 4:
        raise ExchangeError(f"{source}: row 1: must be H, {FORMAT} and two divisions")
    rows = []
    for number, line in enumerate(lines[1:-1], 2):
        try:
            row = ExchangeRow.parse(line)
        except ExchangeError as error:
            raise ExchangeError(f"{source}: row {number}: {error}") from None
        if [row.treatment, row.insured] != heads[2:]:
            raise ExchangeError(f"{source}: row {number}: is of other regions than the file")
        rows.append(row)
    before = content[: content.rindex(b"\n", 0, -1) + 1]
    try:
        sums = _check_trailer(lines[-1].split("\t"), rows, before)
    except ExchangeError as error:
        raise ExchangeError(f"{source}: row {len(lines)}: trailer: {error}") from None
    return Exchange(heads[2], heads[3], tuple(rows), sums)


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
        total, fund, account, cash = map(parse_yuan, COLUMNS[3:7], cells)
    except DayFileError as error:
        raise ExchangeError(str(error)) from None
    return total, fund, account, cash
