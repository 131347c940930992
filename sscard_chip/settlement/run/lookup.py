# SPDX-License-Identifier: Apache-2.0
"""Finding settled rows again: by msgid, or by card."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.columns import UNKNOWN, DebitColumns
from sscard_chip.settlement.judge.codes import Masks, codes_of
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.run.archive import Archive
from sscard_chip.settlement.schema import run as tables
from sscard_chip.settlement.schema.books import card as registered_card
from sscard_chip.standard.identifiers import ALGORITHM_OF_CODE


@dataclass(frozen=True, slots=True, repr=False)
class SettledRow:
    """A row of a settled day file and its findings; ``codes`` begin with 0 when it is posted."""

    codes: tuple[int, ...]
    msgid: str
    pharmacy: str
    terminal_id: str | None
    terminal_number: int | None
    business_date: str
    line: int
    time: str
    algorithm: str | None
    refund: bool
    grey: bool
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    transaction_number: int
    setl_id: str | None
    segment: int


def rows_of_msgid(t: LedgerTransaction, msgid: str) -> list[SettledRow]:
    """All settled rows with a msgid, in the order in which they were settled."""
    files = tables.file
    candidates = sa.select(files.c.segment, files.c.first_row, files.c.rows).where(
        files.c.least_msgid <= msgid, files.c.greatest_msgid >= msgid
    )
    wanted = msgid.encode()
    found: list[SettledRow] = []
    archive = Archive(t)
    for segment, first, rows in t.connection.execute(candidates.order_by(files.c.segment)).all():
        parts = archive.search(segment, "msgid", wanted, first, first + rows)
        for begin, columns, masks in parts:
            found += _rows(t, segment, begin, columns, masks, columns.msgid == wanted)
    return _once(found)


def rows_of_card(t: LedgerTransaction, name: str) -> list[SettledRow]:
    """All settled rows of a card, by its 卡识别码 (32 hex digits) or its 卡号.

    Of a card in the register the segments are known that have rows of it; without, all segments
    are looked through, in the one column.
    """
    by_code = re.fullmatch("[0-9A-Fa-f]{32}", name) is not None
    column = "card_id_code" if by_code else "card_number"
    value = bytes.fromhex(name) if by_code else name.encode()
    archive = Archive(t)
    found: list[SettledRow] = []
    for segment in _segments_of(t, name, by_code):
        for begin, columns, masks in archive.search(segment, column, value):
            if by_code:
                which = (columns.card_id_code == np.frombuffer(value, np.uint8)).all(axis=1)
            else:
                which = columns.card_number == value
            found += _rows(t, segment, begin, columns, masks, which)
    return _once(found)


def _segments_of(t: LedgerTransaction, name: str, by_code: bool) -> list[int]:
    one = registered_card
    condition = one.c.card_id_code == bytes.fromhex(name) if by_code else one.c.card_number == name
    cards = t.connection.execute(sa.select(one.c.factor).where(condition)).all()
    if not cards:
        return list(t.connection.execute(sa.select(tables.segment.c.id)).scalars())
    factors = [int.from_bytes(bytes(card.factor), signed=True) for card in cards]
    card, beside = tables.card.c, tables.beside.c
    not_indexed = tables.segment.c.id.not_in(sa.select(tables.indexed.c.segment))
    segments = sa.union(
        sa.select(card.segment).where(card.factor.in_(factors)),
        sa.select(beside.segment).where(beside.factor.in_(factors)),
        sa.select(tables.segment.c.id).where(not_indexed),
    )
    return sorted(t.connection.execute(segments).scalars())


def _rows(
    t: LedgerTransaction,
    segment: int,
    begin: int,
    columns: DebitColumns,
    masks: Masks,
    which: NDArray[np.bool_],
) -> list[SettledRow]:
    found = []
    for at in np.flatnonzero(which).tolist():
        known = not (columns.terminal[at] == UNKNOWN).all()
        file = _file_of(t, segment, begin + at)
        found.append(
            SettledRow(
                codes=codes_of(int(masks[at])),
                msgid=columns.msgid[at].decode(),
                pharmacy=file.pharmacy,
                terminal_id=columns.terminal[at].tobytes().hex() if known else None,
                terminal_number=int(columns.terminal_number[at]) if known else None,
                business_date=file.business_date,
                line=int(columns.line[at]),
                time=columns.time[at].tobytes().hex(),
                algorithm=ALGORITHM_OF_CODE.get(int(columns.algorithm[at])),
                refund=bool(columns.refund[at]),
                grey=bool(columns.grey[at]),
                total_fen=int(columns.total_fen[at]),
                fund_fen=int(columns.fund_fen[at]),
                account_fen=int(columns.account_fen[at]),
                cash_fen=int(columns.cash_fen[at]),
                transaction_number=int(columns.transaction_number[at]),
                setl_id=columns.setl_id[at].decode() or None,
                segment=segment,
            )
        )
    return found


def _file_of(t: LedgerTransaction, segment: int, row: int) -> Any:
    file = tables.file
    return t.connection.execute(
        sa.select(file)
        .where(file.c.segment == segment, file.c.first_row <= row, file.c.rows > 0)
        .order_by(file.c.first_row.desc())
        .limit(1)
    ).one()


def _once(rows: list[SettledRow]) -> list[SettledRow]:
    return list(dict.fromkeys(rows))
