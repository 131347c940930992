# SPDX-License-Identifier: Apache-2.0
"""What a run leaves in its folder: verdicts, disputes, summary, and what clearing makes.

Everything is written into a folder beside, and moved into place when the run is finished: each
file is whole, and ``summary.json`` comes last. The folders of an earlier run are replaced; those
of somebody else, under the same names, are not.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sscard_chip.dayfile.rows import NULL
from sscard_chip.settlement.arrays import runs
from sscard_chip.settlement.arrow import cell_texts, text_lines, texts, texts_of
from sscard_chip.settlement.clearing.exchange import FOLDER as REGIONS
from sscard_chip.settlement.clearing.files import STATEMENTS, WorkersOf
from sscard_chip.settlement.clearing.output import ClearingOutput, PreparedRows
from sscard_chip.settlement.columnar import DayFileHead
from sscard_chip.settlement.columns import UNKNOWN, DebitColumns
from sscard_chip.settlement.judge.codes import FINDINGS, Masks, codes_text, posted
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.escape import escape, escape_json
from sscard_chip.wholefile import private_folder, private_opener
from sscard_chip.workers import Pool, SingleThread

VERDICTS: Final = "verdicts.tsv"
VERDICTS_PARQUET: Final = "verdicts.parquet"
DISPUTES: Final = "disputes.tsv"
SUMMARY: Final = "summary.json"

VERDICT_COLUMNS: Final = ("msgid", "terminal_id", "terminal_transaction_number", "codes")
DISPUTE_COLUMNS: Final = (
    "msgid",
    "terminal_id",
    "terminal_transaction_number",
    "codes",
    "reason",
    "fixmedins_code",
    "business_date",
    "time",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
    "psn_cash_pay",
    "refd_setl_flag",
    "file",
    "row",
)

_SCHEMA: Final = pa.schema(
    [
        ("msgid", pa.string()),
        ("terminal_id", pa.string()),
        ("terminal_transaction_number", pa.int64()),
        ("codes", pa.string()),
    ]
)
_OF_A_RUN: Final = (DISPUTES, SUMMARY)
"""One of them is there when a run has put something in place: disputes come before folders."""
_STAGING: Final = ".settle."
_GROUP: Final = 1 << 17
"""Rows of a row group: the same in all files, however the rows came."""
_PIECE: Final = 1 << 15
"""Rows that are made ready together: memory has some of them for each thread."""


@dataclass(frozen=True, slots=True, eq=False)
class _Contents:
    """What is to be written for some rows: the Parquet rows, lines, and what clearing needs."""

    table: Any
    verdicts: Any
    disputes: bytes
    clearing: PreparedRows


class _AbandonedError(Exception):
    """What was begun is not wanted."""


class Output:
    """The files of a run, while it goes on. Nothing is put in place when the block raises."""

    def __init__(
        self,
        folder: Path,
        names: dict[str, str] | None,
        pool: Pool | None = None,
        workers: WorkersOf | None = None,
    ) -> None:
        """``pool``: threads that make what is written, without it one thread; ``workers`` as in
        :func:`~sscard_chip.settlement.clearing.files.write_clearing`."""
        self._pool = pool or SingleThread()
        self._workers = workers
        self._folder = folder
        self._names = names
        self._stack = ExitStack()
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._stop = False

    def __enter__(self) -> Self:
        private_folder(self._folder)
        _refuse_foreign(self._folder)
        with _locked_folder(self._folder):
            _sweep(self._folder)
            self._staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self._folder))
            self._lock = _lock(self._staging)
        try:
            self._begin()
        except BaseException:
            self._drop()
            raise
        return self

    def _begin(self) -> None:
        self._verdicts = self._open(VERDICTS)
        self._verdicts.write(_line(VERDICT_COLUMNS))
        self._disputes = self._open(DISPUTES)
        self._disputes.write(_line(DISPUTE_COLUMNS))
        self._parquet = self._stack.enter_context(_RowGroups(self._staging / VERDICTS_PARQUET))
        clearing = ClearingOutput(self._staging, self._names, workers=self._workers)
        self._clearing = self._stack.enter_context(clearing)

    def _open(self, name: str) -> IO[bytes]:
        path = self._staging / name
        return self._stack.enter_context(open(path, "wb", opener=private_opener))

    def start(self, heads: Sequence[DayFileHead], columns: DebitColumns, masks: Masks) -> None:
        """All rows of a run, written in a thread of its own; :meth:`finish` waits for it.

        What was started before is undone: the rows have been judged anew.
        """
        if self._writing is not None:
            self._abandon()
            shutil.rmtree(self._staging)
            self._staging.mkdir(mode=0o700)
            self._begin()
        self._writing = self._writer.submit(self._write, heads, columns, masks)

    def _write(self, heads: Sequence[DayFileHead], columns: DebitColumns, masks: Masks) -> None:
        self.add(heads, columns, masks)
        if not self._stop:
            self._close()

    def _abandon(self) -> None:
        """Let the thread end, and close all files as they are."""
        if self._writing is not None:
            self._stop = True
            wait([self._writing])
            self._writing, self._stop = None, False
        with contextlib.suppress(_AbandonedError), self._stack:
            self._stack = ExitStack()
            raise _AbandonedError

    def _close(self) -> None:
        """Complete what is written."""
        stack, self._stack = self._stack, ExitStack()
        stack.close()

    def add(self, heads: Sequence[DayFileHead], columns: DebitColumns, masks: Masks) -> None:
        """The rows of files in their order, with what was found in the end.

        Workers make the contents of some rows each, this thread writes them in their order.
        """
        headers = [head.header for head in heads]

        def contents(rows: slice) -> _Contents:
            own, found = columns.rows(rows), masks[rows]
            table = verdict_table(own, found)
            return _Contents(
                table,
                _verdict_lines(table, cell_texts(own.msgid)),
                _dispute_lines(heads, own, found, table),
                self._clearing.prepare(own, found, headers),
            )

        pieces = (slice(at, at + _PIECE) for at in range(0, len(columns), _PIECE))
        for one in self._pool.map(contents, pieces):
            if self._stop:
                return
            self._parquet.add(one.table)
            self._verdicts.write(one.verdicts)
            self._disputes.write(one.disputes)
            self._clearing.add_prepared(one.clearing)

    def finish(self, summary: dict[str, Any]) -> None:
        """Put everything in place.

        :raises OSError:
        """
        if self._writing is not None:
            self._writing.result()
        self._close()
        text = json.dumps(summary, ensure_ascii=False, indent=1) + "\n"
        with open(self._staging / SUMMARY, "wb", opener=private_opener) as file:
            file.write(escape_json(text).encode())
        made = sorted(self._staging.iterdir(), key=lambda path: (path.name == SUMMARY, path.name))
        for path in made:
            target = self._folder / path.name
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._abandon()
        finally:
            self._drop()

    def _drop(self) -> None:
        self._writer.shutdown()
        shutil.rmtree(self._staging, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


def _refuse_foreign(folder: Path) -> None:
    """Raise FileExistsError for a folder that we would replace, where no run has been yet."""
    if not any((folder / name).exists() for name in _OF_A_RUN):
        for path in (folder / STATEMENTS, folder / REGIONS):
            if path.is_dir() and any(path.iterdir()):
                raise FileExistsError(errno.EEXIST, "is in the way, not of an earlier run", path)


def _lock(folder: Path) -> int | None:
    """A folder, locked for as long as this process lives; None when another has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """In the block no other run begins in this folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what runs that were killed have left behind."""
    for left in folder.glob(f"{_STAGING}*"):
        with contextlib.suppress(FileNotFoundError):
            lock = _lock(left)
            if lock is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(lock)


class _RowGroups:
    """The verdicts as Parquet, in row groups of one size."""

    def __init__(self, path: Path) -> None:
        path.touch(0o600)
        self._writer = pq.ParquetWriter(
            path, _SCHEMA, compression="zstd", use_dictionary=["terminal_id", "codes"]
        )
        self._rest = _SCHEMA.empty_table()

    def add(self, table: Any) -> None:
        """Write as many whole groups as there are now."""
        rows = pa.concat_tables([self._rest, table])
        whole = rows.num_rows // _GROUP * _GROUP
        self._write(rows.slice(0, whole))
        self._rest = rows.slice(whole).combine_chunks()

    def _write(self, rows: Any) -> None:
        for at in range(0, rows.num_rows, _GROUP):
            self._writer.write_table(rows.slice(at, _GROUP).combine_chunks())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write(self._rest)
        self._writer.close()


def verdict_table(columns: DebitColumns, masks: Masks) -> Any:
    """The verdicts of rows as an Arrow table; what could not be read is null."""
    unknown = (columns.terminal == UNKNOWN).all(axis=1)
    words = np.zeros((len(columns), 8), np.uint8)
    words[:, 2:] = columns.terminal
    numbers = words.view(">u8").reshape(-1).astype(np.uint64)
    begins, counts = runs(np.diff(numbers, prepend=~numbers[0]) != 0)
    names = [columns.terminal[at].tobytes().hex() for at in begins.tolist()]
    terminals = pa.array(names).dictionary_encode()
    place = np.repeat(terminals.indices.to_numpy(), counts)
    return pa.Table.from_arrays(
        [
            texts(columns.msgid),
            terminals.dictionary.take(pa.array(place.astype(np.int32), mask=unknown)),
            pa.array(columns.terminal_number.astype(np.int64), mask=unknown),
            texts_of(masks, codes_text),
        ],
        schema=_SCHEMA,
    )


def _verdict_lines(table: Any, msgids: Any) -> Any:
    columns = [msgids, *table.columns[1:]]
    return text_lines(
        [
            pc.fill_null(pc.cast(column, pa.string()), NULL) if column.null_count else column
            for column in columns
        ]
    )


def _dispute_lines(
    heads: Sequence[DayFileHead], columns: DebitColumns, masks: Masks, table: Any
) -> bytes:
    """The rows that are not posted, with their reasons in words."""
    lines: list[bytes] = []
    rows = np.flatnonzero(~posted(masks))
    few = table.take(pa.array(rows)).to_pylist()
    for at, verdict in zip(rows.tolist(), few, strict=True):
        head = heads[int(columns.file[at])]
        readable = not columns.malformed[at]
        amounts = (
            columns.total_fen[at],
            columns.fund_fen[at],
            columns.account_fen[at],
            columns.cash_fen[at],
        )
        cells = (
            *(NULL if value is None else str(value) for value in verdict.values()),
            _reason(int(masks[at])),
            head.header.pharmacy_code,
            head.header.business_date,
            columns.time[at].tobytes().hex() if readable else NULL,
            *(yuan(int(fen)) if readable else NULL for fen in amounts),
            str(int(columns.refund[at])) if readable else NULL,
            os.path.basename(head.path),
            str(int(columns.line[at])),
        )
        lines.append(_line([escape(cell, cell=True) for cell in cells]))
    return b"".join(lines)


def _line(cells: Sequence[str]) -> bytes:
    return ("\t".join(cells) + "\n").encode()


def _reason(mask: int) -> str:
    return "；".join(one.name for one in FINDINGS if mask & int(one.code.bit))
