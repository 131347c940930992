# SPDX-License-Identifier: Apache-2.0
"""The two files of 3202 (spec A8, table 200): what an institution uploads, what it gets back.

Text in UTF-8, TAB between cells, LF after each row, the word ``null`` for an empty cell; one such
text in a ZIP. An off-line sale has no setl_id yet, so our own rows carry their msgid in
exp_content, by which the centre finds them [L].
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import NULL, DayRow, parse_money
from sscard_chip.settlement.reconciliation.results import ReconciliationError, StatementResult
from sscard_chip.standard.amounts import yuan

_MOST_BYTES: Final = 1 << 30
_STAMP: Final = (1980, 1, 1, 0, 0, 0)  # the same rows give the same bytes

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True, repr=False)
class UploadRow:
    """A settlement as its institution has it; a refund is a row of its own, negative, in fen.

    ``msgid`` stands in exp_content.
    """

    setl_id: str | None
    mdtrt_id: str | None
    psn_no: str | None
    total_fen: int
    fund_fen: int
    account_fen: int
    refund: bool
    msgid: str | None = None

    @classmethod
    def of(cls, row: DayRow) -> UploadRow:
        """A row of a day file."""
        return cls(*(getattr(row, one.name) for one in fields(cls)))

    def encode(self) -> str:
        """The row, without LF."""
        amounts = map(yuan, (self.total_fen, self.fund_fen, self.account_fen))
        ids = map(_cell, (self.setl_id, self.mdtrt_id, self.psn_no))
        return "\t".join((*ids, *amounts, str(int(self.refund)), _cell(self.msgid)))

    @classmethod
    def parse(cls, cells: Sequence[str]) -> UploadRow:
        """From 7 cells, or 8 with exp_content.

        :raises ReconciliationError:
        """
        if len(cells) not in (7, 8):
            raise ReconciliationError("must have 7 or 8 cells")
        setl_id, mdtrt_id, psn_no = map(_text, ("setl_id", "mdtrt_id", "psn_no"), cells)
        total, fund, account = _amounts(cells[3:6])
        msgid = _text("exp_content", cells[7]) if len(cells) == 8 else None
        return cls(setl_id, mdtrt_id, psn_no, total, fund, account, _flag(cells[6]), msgid)


@dataclass(frozen=True, slots=True, repr=False)
class ResultRow:
    """What the centre says of one settlement; the amounts are the centre's, in fen.

    ``msgid`` is the one to give 2601 as omsgid. ``memo`` says more, for people.
    """

    psn_no: str | None
    mdtrt_id: str | None
    setl_id: str | None
    msgid: str | None
    result: StatementResult
    refund: bool
    memo: str | None
    total_fen: int
    fund_fen: int
    account_fen: int

    def encode(self) -> str:
        """The row, without LF."""
        ids = map(_cell, (self.psn_no, self.mdtrt_id, self.setl_id, self.msgid))
        amounts = map(yuan, (self.total_fen, self.fund_fen, self.account_fen))
        flags = (str(int(self.result)), str(int(self.refund)), _cell(self.memo))
        return "\t".join((*ids, *flags, *amounts))

    @classmethod
    def parse(cls, cells: Sequence[str]) -> ResultRow:
        """From 10 cells, or 11 with exp_content.

        :raises ReconciliationError:
        """
        if len(cells) not in (10, 11):
            raise ReconciliationError("must have 10 or 11 cells")
        names = ("psn_no", "mdtrt_id", "setl_id", "msgid")
        psn_no, mdtrt_id, setl_id, msgid = map(_text, names, cells)
        result, memo = StatementResult.parse(cells[4]), None if cells[6] == NULL else cells[6]
        flag, amounts = _flag(cells[5]), _amounts(cells[7:10])
        return cls(psn_no, mdtrt_id, setl_id, msgid, result, flag, memo, *amounts)


def zip_details(rows: Iterable[UploadRow | ResultRow], name: str) -> bytes:
    """The ZIP of a detail file; ``name`` is that of the text in it."""
    text = "".join(f"{row.encode()}\n" for row in rows)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name, _STAMP)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, text.encode())
    return target.getvalue()


def unpack_upload(content: bytes, source: str) -> list[UploadRow]:
    """The rows of a file that an institution uploaded; ``source`` stands in errors.

    :raises ReconciliationError: it is no such ZIP, or a row is malformed: file, row, rule.
    """
    return _unpack(content, source, UploadRow.parse)


def unpack_result(content: bytes, source: str) -> list[ResultRow]:
    """The rows of a result file. Errors as :func:`unpack_upload`."""
    return _unpack(content, source, ResultRow.parse)


def _unpack(content: bytes, source: str, parse: Callable[[Sequence[str]], _Row]) -> list[_Row]:
    lines = _text_of(content, source).split("\n")
    if lines.pop():
        raise ReconciliationError(f"{source}: row {len(lines) + 1}: does not end in LF")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(parse(line.split("\t")))
        except ReconciliationError as error:
            raise ReconciliationError(f"{source}: row {number}: {error}") from None
    return rows


def _text_of(content: bytes, source: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) != 1:
                raise ReconciliationError(f"{source}: must hold one file, holds {len(entries)}")
            if entries[0].file_size > _MOST_BYTES:
                raise ReconciliationError(f"{source}: must hold at most {_MOST_BYTES} bytes")
            return archive.read(entries[0]).decode("utf-8")
    except UnicodeDecodeError:
        raise ReconciliationError(f"{source}: is not UTF-8") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise ReconciliationError(f"{source}: is no whole ZIP") from None


def _cell(value: str | None) -> str:
    if value is None:
        return NULL
    return value if value.isprintable() else "".join(c for c in value if c.isprintable())


def _text(name: str, cell: str) -> str | None:
    if cell == NULL:
        return None
    if not 0 < len(cell) <= 30 or not cell.isprintable():
        raise ReconciliationError(f"{name}: must be 1 to 30 printable characters")
    return cell


def _flag(cell: str) -> bool:
    """refd_setl_flag; 3 long in 3202."""
    if cell not in ("0", "1"):
        raise ReconciliationError("refd_setl_flag: must be 0 or 1")
    return cell == "1"


def _amounts(cells: Sequence[str]) -> tuple[int, int, int]:
    names = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")
    try:
        total, fund, account = map(parse_money, names, cells)
    except DayFileError as error:
        raise ReconciliationError(str(error)) from None
    return total, fund, account
