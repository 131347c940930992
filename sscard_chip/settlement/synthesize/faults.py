# SPDX-License-Identifier: Apache-2.0
"""Everything that can be wrong with a row, made on purpose, each with the codes it must get.

Faults on what the TAC is over are made before the TACs are computed (:data:`SIGNED`), others
after (:data:`CLAIMED`); some are rows of their own beside a good one (:data:`BESIDE`). A fault
with a card of its own (:data:`CARDS`) is reported by hotlist and register.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from sscard_chip.settlement.arrays import Integers
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.standard.identifiers import LOAD

Change = Callable[[DebitColumns, Integers], None]


class RowFault(NamedTuple):
    """A kind of fault: its name, and the codes of the row that has it."""

    name: str
    codes: tuple[int, ...]


def _date(date: str) -> Change:
    def change(columns: DebitColumns, rows: Integers) -> None:
        columns.time[rows, :4] = list(bytes.fromhex(date))

    return change


def _type(columns: DebitColumns, rows: Integers) -> None:
    columns.transaction_type[rows] = LOAD


def _raise(fen: int) -> Change:
    """More account money, on the bill and on the card alike."""

    def change(columns: DebitColumns, rows: Integers) -> None:
        real = columns.card_account_fen[rows] > 0
        columns.account_fen[rows] += fen
        columns.total_fen[rows] += fen
        columns.card_account_fen[rows[real]] += np.uint32(fen)
        columns.card_self_paid_fen[rows[~real]] += np.uint32(fen)
        columns.card_pooled_fen[rows[~real]] += np.uint32(fen)

    return change


SIGNED: Final[dict[RowFault, Change]] = {
    RowFault("late", (5,)): _date("20260101"),
    RowFault("no such day", (6,)): _date("20260231"),
    RowFault("after the night", (6,)): _date("20260317"),
    RowFault("transaction type", (6,)): _type,
    RowFault("over the cap", (7,)): _raise(2_000_000),
}


def _tac(columns: DebitColumns, rows: Integers) -> None:
    columns.tac[rows, 0] ^= 1


def _clock(columns: DebitColumns, rows: Integers) -> None:
    columns.time[rows, 4] ^= 1


def _number(columns: DebitColumns, rows: Integers) -> None:
    columns.key_version[rows] = 9


def _total(columns: DebitColumns, rows: Integers) -> None:
    columns.total_fen[rows] += 1


def _shift(columns: DebitColumns, rows: Integers) -> None:
    """A fen from the account to cash, on the bill only."""
    columns.account_fen[rows] -= 1
    columns.cash_fen[rows] += 1


def _counter(columns: DebitColumns, rows: Integers) -> None:
    columns.transaction_number[rows] += np.uint32(70_000)


def _grey(columns: DebitColumns, rows: Integers) -> None:
    columns.tac[rows] = 0
    columns.has_tac[rows] = False
    columns.grey[rows] = True


def _bare(columns: DebitColumns, rows: Integers) -> None:
    columns.tac[rows] = 0
    columns.has_tac[rows] = False


def _alarm(columns: DebitColumns, rows: Integers) -> None:
    """The PSAM found MAC2 wrong: grey, and the TAC proves the debit."""
    columns.grey[rows] = True


def _suspect(columns: DebitColumns, rows: Integers) -> None:
    _alarm(columns, rows)
    _tac(columns, rows)


FORGED: Final = RowFault("forged TAC", (1,))
GREY: Final = RowFault("grey", (104,))
CLAIMED: Final[dict[RowFault, Change]] = {
    FORGED: _tac,
    RowFault("forged amount", (1,)): _raise(100),
    RowFault("forged time", (1,)): _clock,
    RowFault("key version", (1,)): _number,
    RowFault("sum", (6,)): _total,
    RowFault("bill and card", (6,)): _shift,
    RowFault("counter", (6,)): _counter,
    RowFault("no TAC", (1, 6)): _bare,
    GREY: _grey,
    RowFault("grey with TAC", (0,)): _alarm,
    RowFault("grey with wrong TAC", (1, 104)): _suspect,
}


def _code(columns: DebitColumns, rows: Integers) -> None:
    columns.card_id_code[rows, 15] ^= 1


def _person(columns: DebitColumns, rows: Integers) -> None:
    columns.psn_no[rows] = b"51" + b"9" * 14


def _card_number(columns: DebitColumns, rows: Integers) -> None:
    columns.card_number[rows] = b"Y00000000"


REGISTERED: Final[dict[RowFault, Change]] = {
    RowFault("identification code", (12,)): _code,
    RowFault("another person", (14,)): _person,
    RowFault("another card number", (14,)): _card_number,
}
"""Of cards that the register has; after the TACs, which are not over these."""

HOT: Final = RowFault("on the hotlist by code", (3,))
HOT_NUMBER: Final = RowFault("on the hotlist by number", (3,))
HOT_RANGE: Final = RowFault("on the hotlist by range", (3,))
HOT_LATER: Final = RowFault("on the hotlist later", (0,))
UNKNOWN: Final = RowFault("not in the register", (8,))
EXPIRED: Final = RowFault("expired", (10,))
CARDS: Final = (HOT, HOT_NUMBER, HOT_RANGE, HOT_LATER, UNKNOWN, EXPIRED)

GAP: Final = RowFault("gap", (0, 101))
SWAP: Final = RowFault("out of order", (0,))
REPLAY: Final = RowFault("card counter again", (2,))

REPEAT: Final = RowFault("again in its file", (2,))
REPEAT_FILE: Final = RowFault("again in another file", (2,))
REPEAT_RUN: Final = RowFault("again after an earlier run", (2,))
COPY: Final = RowFault("forged copy in front", (1,))
MALFORMED: Final = RowFault("malformed row", (6,))
REFUND_MORE: Final = RowFault("refund of too much", (6,))
REFUND_TWICE: Final = RowFault("refund again", (2,))
RELEASED: Final = RowFault("proof of a grey debit", (0,))
BESIDE: Final = (REPEAT, REPEAT_FILE, REPEAT_RUN, COPY, MALFORMED, REFUND_MORE, REFUND_TWICE,
                 RELEASED)  # fmt: skip

FOREIGN: Final = RowFault("terminal of another", (102,))
PSAM: Final = RowFault("PSAM of another", (102,))
STALE: Final = RowFault("stale hotlist", (0, 103))
LONE_REFUND: Final = RowFault("refund of nothing", (105,))
ELSEWHERE: Final = (FOREIGN, PSAM, STALE, LONE_REFUND)
"""Rows of terminals of their own."""

ALL: Final = (*SIGNED, *CLAIMED, *REGISTERED, *CARDS, GAP, SWAP, REPLAY, *BESIDE, *ELSEWHERE)
