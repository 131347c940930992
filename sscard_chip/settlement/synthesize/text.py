# SPDX-License-Identifier: Apache-2.0
"""Columns as the text of day files, and the verdicts that are expected of them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import NULL, DayHeader, DayTrailer
from sscard_chip.settlement.columns import NO_DIVISION, UNKNOWN, DebitColumns
from sscard_chip.standard.amounts import yuan

_ROWS: Final = 65_536


def row_lines(columns: DebitColumns) -> Iterator[str]:
    """The D rows, each ending in LF."""
    for begin in range(0, len(columns), _ROWS):
        yield from map(
            "\t".join, zip(*_cells(columns.rows(slice(begin, begin + _ROWS))), strict=True)
        )


def _cells(columns: DebitColumns) -> list[Any]:
    count = len(columns)
    money = (columns.total_fen, columns.fund_fen, columns.account_fen, columns.cash_fen)
    insured = columns.insured_division
    return [
        ["D"] * count,
        *(_ids(column) for column in (columns.setl_id, columns.mdtrt_id, columns.psn_no)),
        *(list(map(yuan, column.tolist())) for column in money),
        _flags(columns.refund),
        _ids(columns.msgid),
        _numbers(columns.treatment_division, "06d"),
        [NULL if one == NO_DIVISION else f"{one:06d}" for one in insured.tolist()],
        _hex(columns.card_id_code),
        _ids(columns.card_number),
        _hex(columns.factor),
        _hex(columns.algorithm[:, None]),
        _numbers(columns.key_version),
        _numbers(columns.transaction_number),
        _hex(columns.transaction_type[:, None]),
        _hex(columns.terminal),
        _numbers(columns.terminal_number),
        _hex(columns.time),
        _numbers(columns.card_account_fen),
        _numbers(columns.card_self_paid_fen),
        _numbers(columns.card_pooled_fen),
        [
            text if there else NULL
            for text, there in zip(_hex(columns.tac), columns.has_tac.tolist(), strict=True)
        ],
        [f"{int(grey)}\n" for grey in columns.grey.tolist()],
    ]


def _ids(column: NDArray[np.bytes_]) -> list[str]:
    return [one.decode() or NULL for one in column.tolist()]


def _flags(column: NDArray[np.bool_]) -> list[str]:
    return ["1" if one else "0" for one in column.tolist()]


def _numbers(column: NDArray[Any], form: str = "d") -> list[str]:
    if form == "d":
        return list(map(str, column.tolist()))
    return [format(one, form) for one in column.tolist()]


def _hex(column: NDArray[np.uint8]) -> list[str]:
    width, text = column.shape[1] * 2, np.ascontiguousarray(column).tobytes().hex().upper()
    return [text[at : at + width] for at in range(0, len(text), width)]


def day_file(header: DayHeader, lines: list[str], columns: DebitColumns) -> bytes:
    """A closed day file of these rows; ``lines`` may differ from what ``columns`` say."""
    body = f"{header.encode()}\n{''.join(lines)}".encode()
    money = (columns.total_fen, columns.fund_fen, columns.account_fen, columns.cash_fen)
    total, fund, account, cash = (int(column.sum()) for column in money)
    trailer = DayTrailer(len(lines), (total, fund, account, cash), sha256(body).digest())
    return body + f"{trailer.encode()}\n".encode()


def verdict_lines(columns: DebitColumns, codes: list[str]) -> Iterator[str]:
    """The rows of ``expected.tsv``, each ending in LF."""
    known = (columns.terminal != UNKNOWN).any(axis=1).tolist()
    rows = zip(
        _ids(columns.msgid),
        _hex(columns.terminal),
        columns.terminal_number.tolist(),
        codes,
        known,
        strict=True,
    )
    for msgid, terminal, number, found, there in rows:
        place = f"{terminal}\t{number}" if there else f"{NULL}\t{NULL}"
        yield f"{msgid}\t{place}\t{found}\n"
