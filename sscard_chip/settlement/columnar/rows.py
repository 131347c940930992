# SPDX-License-Identifier: Apache-2.0
"""D rows of the text form, many at once, as :class:`DebitColumns`."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import COLUMNS, DayRow, parse_number, parse_row
from sscard_chip.settlement.columnar.cells import AFTER, BEFORE, Cells
from sscard_chip.settlement.columns import NO_DIVISION, UNKNOWN, DebitColumns, constant
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.identifiers import CODE_OF_ALGORITHM

CELL: Final = {column.name: number for number, column in enumerate(COLUMNS, 1)}
"""Where a column stands in a row; 0 is the letter."""

_CELLS: Final = len(COLUMNS) + 1
_TAB: Final = 9
_LF: Final = 10
_IDS: Final = ("setl_id", "mdtrt_id", "psn_no")
_TEXTS: Final = (*_IDS, "msgid", "card_number")


def pad_lines(*parts: bytes | memoryview) -> bytes:
    """Rows as :func:`parse_lines` wants them, with room before and behind."""
    return b"".join((bytes(BEFORE), *parts, bytes(AFTER)))


def parse_lines(
    buffer: bytes,
) -> tuple[DebitColumns, NDArray[np.bool_], NDArray[np.int64]]:
    """The columns of the lines in a padded ``buffer``; which lines are no D rows; where lines end.

    Each line ends in LF. ``file`` and ``line`` of the columns are left to the caller. A row that
    :func:`~sscard_chip.dayfile.rows.parse_row` refuses is ``malformed``; so is one with
    an id that is not ASCII, which no column can hold [ours].
    """
    octets = np.frombuffer(buffer, np.uint8)
    text = octets[BEFORE : len(octets) - AFTER]
    marks = np.flatnonzero(text < 32)
    marks += BEFORE
    kinds = octets[marks]
    ends = marks[kinds == _LF]
    count = len(ends)
    begins = np.empty(count, np.int64)
    if count:
        begins[0] = BEFORE
        begins[1:] = ends[:-1] + 1
    plain = _plain(buffer, octets, marks, kinds, begins, ends)
    not_rows = octets[begins] != ord("D") if count else np.zeros(0, np.bool_)
    not_rows |= octets[begins + 1] != _TAB if count else False
    plain &= ~not_rows
    whole = bool(plain.all())
    if not whole:
        marks = _with_empty_rows(marks, ends, np.flatnonzero(~plain).tolist())
    cells = Cells(buffer, np.ascontiguousarray(marks.reshape(-1, _CELLS).T))
    columns = _decode(cells, room=not whole)
    doubtful = cells.doubtful | ~plain
    for at in np.flatnonzero(doubtful & ~not_rows).tolist():
        _decode_slowly(columns, at, buffer[begins[at] : ends[at]])
    return columns, not_rows, ends


def _plain(
    buffer: bytes,
    octets: NDArray[np.uint8],
    marks: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Lines of ASCII that have as many cells as a D row, and no control characters."""
    count = len(ends)
    if len(marks) == count * _CELLS and (kinds.reshape(count, _CELLS)[:, :-1] == _TAB).all():
        plain = np.ones(count, np.bool_)
    else:
        last = np.searchsorted(marks, ends, "right")
        plain = np.diff(last, prepend=0) == _CELLS
        controls = marks[(kinds != _TAB) & (kinds != _LF)]
        plain[np.searchsorted(ends, controls)] = False
    if b"\x7f" in buffer or not buffer.isascii():
        plain[np.searchsorted(ends, np.flatnonzero(octets >= 127))] = False
    return plain


def _with_empty_rows(
    marks: NDArray[np.int64], ends: NDArray[np.int64], empty: list[int]
) -> NDArray[np.int64]:
    """The marks of all lines but the ``empty`` ones, which have as many as a D row instead, in the
    room before the first row: nothing stands in their cells."""
    behind = np.searchsorted(marks, ends, "right")
    nothing = np.full(_CELLS, BEFORE)
    parts: list[NDArray[np.int64]] = []
    at = 0
    for row in empty:
        parts += [marks[at : int(behind[row - 1]) if row else 0], nothing]
        at = int(behind[row])
    return np.concatenate([*parts, marks[at:]])


def _decode(cells: Cells, *, room: bool) -> DebitColumns:
    """Columns of plain rows; ``cells.doubtful`` says where they are not to be believed.

    With ``room`` each column takes any value, those too that nothing stands in.
    """
    count = cells.count
    absent = np.zeros(count, np.bool_)
    tac = cells.octets(CELL["tac"], 4, absent)
    algorithm = cells.octets(CELL["algorithm"], 1)[:, 0]
    cells.doubtful |= (algorithm != 1) & (algorithm != 3)
    ids = {
        name: cells.text(CELL[name], 30, optional=True)
        if room or not cells.all_null(CELL[name])
        else constant(b"", count)
        for name in _IDS
    }
    return DebitColumns(
        file=np.zeros(count, np.int32),
        line=np.zeros(count, np.int32),
        malformed=np.zeros(count, np.bool_),
        msgid=cells.text(CELL["msgid"], 30),
        **ids,
        total_fen=cells.yuan(CELL["medfee_sumamt"]),
        fund_fen=cells.yuan(CELL["fund_pay_sumamt"]),
        account_fen=cells.yuan(CELL["acct_pay"]),
        cash_fen=cells.yuan(CELL["psn_cash_pay"]),
        refund=cells.flag(CELL["refd_setl_flag"]),
        treatment_division=cells.division(CELL["mdtrtarea_admvs"]),
        insured_division=cells.division(CELL["insuplc_admdvs"], NO_DIVISION),
        card_id_code=cells.octets(CELL["card_id_code"], 16),
        card_number=cells.text(CELL["card_number"], 9),
        factor=cells.octets(CELL["diversification_factor"], 8),
        algorithm=algorithm,
        key_version=cells.number(CELL["key_version"]),
        transaction_number=cells.number(CELL["transaction_number"]),
        transaction_type=cells.octets(CELL["transaction_type"], 1)[:, 0],
        terminal=cells.bcd(CELL["terminal_id"], 6),
        terminal_number=cells.number(CELL["terminal_transaction_number"]),
        time=cells.bcd(CELL["time"], 7),
        card_account_fen=cells.number(CELL["account_amount_fen"]),
        card_self_paid_fen=cells.number(CELL["self_paid_amount_fen"]),
        card_pooled_fen=cells.number(CELL["pooled_amount_fen"]),
        tac=tac,
        has_tac=~absent,
        grey=cells.flag(CELL["grey"]),
    )


def _decode_slowly(columns: DebitColumns, at: int, line: bytes) -> None:
    """One row by the terminal's own reader."""
    for _, column in columns.items():
        if not column.flags.writeable or column.strides[0] == 0:
            continue  # a column of empty ids: the row has none either, or it would be text
        column[at] = b"" if column.dtype.kind == "S" else 0
    text = line.decode()
    try:
        row = parse_row(text)
    except DayFileError:
        row = None
    if row is None or not all((getattr(row, name) or "").isascii() for name in _TEXTS):
        _note_malformed(columns, at, text)
    else:
        _fill(columns, at, row)


def _note_malformed(columns: DebitColumns, at: int, text: str) -> None:
    """What of a row can be read: its msgid, its terminal with the number."""
    columns.malformed[at] = True
    cells = text.split("\t")
    if len(cells) > CELL["msgid"]:
        msgid = cells[CELL["msgid"]]
        if 0 < len(msgid) <= 30 and msgid.isascii() and msgid.isprintable() and msgid != "null":
            columns.msgid[at] = msgid.encode()
    columns.terminal[at] = UNKNOWN
    if len(cells) == _CELLS:
        terminal, number = cells[CELL["terminal_id"]], cells[CELL["terminal_transaction_number"]]
        try:
            value = parse_number("", number)
        except DayFileError:
            return
        if is_digits(terminal, 12):
            columns.terminal[at] = list(bytes.fromhex(terminal))
            columns.terminal_number[at] = value


def _fill(columns: DebitColumns, at: int, row: DayRow) -> None:
    for name in _TEXTS:
        column = getattr(columns, name)
        if column.strides[0]:
            column[at] = (getattr(row, name) or "").encode()
    for name in ("total_fen", "fund_fen", "account_fen", "cash_fen", "refund", "key_version",
                 "transaction_number", "transaction_type", "card_account_fen",
                 "card_self_paid_fen", "card_pooled_fen", "grey"):  # fmt: skip
        getattr(columns, name)[at] = getattr(row, name)
    columns.treatment_division[at] = int(row.treatment_division)
    insured = row.insured_division
    columns.insured_division[at] = NO_DIVISION if insured is None else int(insured)
    columns.card_id_code[at] = list(row.card_id_code)
    columns.factor[at] = list(row.diversification_factor)
    columns.algorithm[at] = CODE_OF_ALGORITHM[row.algorithm]
    columns.terminal[at] = list(bytes.fromhex(row.terminal_id))
    columns.terminal_number[at] = row.terminal_transaction_number
    columns.time[at] = list(bytes.fromhex(row.time))
    if row.tac is not None:
        columns.tac[at] = list(row.tac)
        columns.has_tac[at] = True
