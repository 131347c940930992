# SPDX-License-Identifier: Apache-2.0
"""The straight way of an on-line sale: a hold and its confirmation when nothing is unusual.

The long way (:mod:`.books`) reads and writes step by step and knows every refusal. Here stand the
same rows in as few statements as there are: on PostgreSQL one function of the database for many
sales (:mod:`sscard_chip.settlement.schema.online`), on SQLite a statement for all rows of a table
(:mod:`.straight_group`). Everything is looked at before anything is written; None means that
something is unusual, nothing was done, and the long way decides.

An answer is made of a template in the words of PostgreSQL's ``format``: ``%1$s`` and so on stand
for what only the database knows, ``%%`` is a percent sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from sscard_chip.settlement.ledger.single import SingleConnection


class StraightHold(NamedTuple):
    """What a 2102A asks, in the order of the fields of ``online_sales``.

    Times are YYYYMMDDhhmmss; ``judged_at`` is when the card must be good. ``asked_fen`` is what
    the till asks of the account, -1 for all that it has. A cap of 0 is none. ``answer`` has places
    for setl_id, mdtrt_id, account, cash, account and pool, and the balance after it.
    """

    msgid: str
    infno: str
    digest: bytes
    card_id_code: bytes
    card_number: str
    psn_no: str
    pharmacy: str
    treatment_division: str
    insured_division: str
    time: str
    judged_at: str
    total_fen: int
    asked_fen: int
    pooled_fen: int
    card_cap_fen: int
    pharmacy_cap_fen: int
    answer: str


class StraightConfirmation(NamedTuple):
    """What the 2102 of a hold brings, in the order of the fields of ``online_sales``.

    From ``sale`` on it is what its row says, whose TAC is right and whose card amounts are those
    of its split. ``answer`` has places for the number of the answer and the balance.
    """

    msgid: str
    digest: bytes
    treatment_division: str
    pharmacy: str
    time: str
    row: str
    sale: str
    setl_id: str
    mdtrt_id: str
    psn_no: str
    sold: str
    account_fen: int
    self_paid_fen: int
    pooled_fen: int
    card_id_code: bytes
    card_number: str
    factor: bytes
    terminal: int
    algorithm: int
    terminal_number: int
    card: int
    division: int
    counter: int
    answer: str


_PLACE: Final = re.compile(r"%(?:([1-9])\$s|%)")


def fill(template: str, *values: str) -> str:
    """The template with its values, as ``format`` of PostgreSQL does it."""
    return _PLACE.sub(lambda at: values[int(at[1]) - 1] if at[1] else "%", template)


Question = StraightHold | StraightConfirmation
"""What one statement can do for a sale: hold its amounts, or confirm them."""


def sell_together(connection: SingleConnection, asked: Sequence[Question]) -> list[str | None]:
    """Do what many ask in one statement of PostgreSQL; the answer to each, or None.

    Raises the driver's errors: then nothing was done for any, or it is not known.
    """
    holds = [one for one in asked if isinstance(one, StraightHold)]
    confirmations = [one for one in asked if isinstance(one, StraightConfirmation)]
    names = sorted(one.msgid for one in asked)
    pharmacies = sorted({f"pharmacy:{one.pharmacy}" for one in holds})
    fields = ([value for one in kind for value in one] for kind in (holds, confirmations))
    answers = iter(connection.call("online_sales", (names, pharmacies, *fields)))
    of_holds = [next(answers) for _ in holds]
    left, right = iter(of_holds), iter(answers)
    return [next(left if isinstance(one, StraightHold) else right) for one in asked]
