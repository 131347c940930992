# SPDX-License-Identifier: Apache-2.0
"""Disputes (申诉): rows that were refused or held, appealed by the pharmacy, decided by a person.

A row is named by segment and row, ``12.345``. Its state is open, then appealed, then accepted or
rejected; each step is a row of its own and none is changed. An accepted row is posted in a segment
of its own, by the same rules of once only: neither it nor a copy of it can be posted again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from sscard_chip.settlement.clearing.books import BookedRows, Books
from sscard_chip.settlement.clearing.codes import RowOutcome, outcome_of
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import (
    FINDINGS,
    Effect,
    FindingCode,
    codes_text,
    mask_of,
    posted,
)
from sscard_chip.settlement.judge.keys import Keys
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.register import read_register
from sscard_chip.settlement.run.batch import Batch
from sscard_chip.settlement.run.history import LedgerHistory
from sscard_chip.settlement.run.posting import post_rows
from sscard_chip.settlement.schema.clearing import appeal, decision
from sscard_chip.standard.errors import SettlementError

_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,17})")
_NOTES: Final = mask_of(*(one.code for one in FINDINGS if one.effect is Effect.NOTE))
_MOST_TEXT: Final = 500
_MOST_NAME: Final = 50


class DisputeRefusedError(SettlementError):
    """An appeal or a decision that is not possible; one line."""


@unique
class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    APPEALED = "appealed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"

    @property
    def chinese(self) -> str:
        """As it is given to people."""
        return {"open": "未申诉", "appealed": "申诉中", "accepted": "已采纳", "rejected": "已驳回"}[
            self.value
        ]


@dataclass(frozen=True, slots=True, repr=False)
class Dispute:
    """A row that was not posted as it came. Amounts are fen of the bill; days YYYYMMDD.

    ``codes`` are its findings, joined by commas; ``reason`` is that of the appeal, ``answer``
    that of the decision.
    """

    segment: int
    row: int
    pharmacy: str
    terminal_id: str
    business_date: str
    msgid: str
    time: str
    total_fen: int
    payable_fen: int
    codes: str
    outcome: RowOutcome
    state: DisputeState
    reason: str = ""
    answer: str = ""

    @property
    def name(self) -> str:
        """By which it is named: segment and row."""
        return f"{self.segment}.{self.row}"

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "dispute": self.name,
            "state": self.state.value,
            "outcome": self.outcome.name.lower(),
            "codes": self.codes,
            "fixmedins_code": self.pharmacy,
            "terminal_id": self.terminal_id,
            "business_date": self.business_date,
            "msgid": self.msgid,
            "time": self.time,
            "total_fen": self.total_fen,
            "payable_fen": self.payable_fen,
            "reason": self.reason,
            "answer": self.answer,
        }


def parse_name(name: str) -> tuple[int, int]:
    """Segment and row of a dispute's name.

    :raises DisputeRefusedError:
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise DisputeRefusedError(f"dispute {name[:40]!r}: must be SEGMENT.ROW, as 12.345")
    return int(found[1]), int(found[2])


def disputes_of(
    t: LedgerTransaction, pharmacy: str | None = None, states: Iterable[DisputeState] | None = None
) -> Iterator[Dispute]:
    """The disputes of a pharmacy, or all, in the order in which the rows came.

    :param states: only those that stand so.
    """
    wanted = None if states is None else frozenset(states)
    steps = _Steps(t)
    books = Books(t, overlay=False)
    for rows in books.of_all() if pharmacy is None else books.of_pharmacy(pharmacy):
        for dispute in _unposted(rows, steps):
            if wanted is None or dispute.state in wanted:
                yield dispute


def find_dispute(t: LedgerTransaction, name: str) -> Dispute:
    """A dispute by its name.

    :raises DisputeRefusedError: when there is none such.
    """
    segment, row = parse_name(name)
    rows = Books(t, overlay=False).row(segment, row)
    found = None if rows is None else next(_unposted(rows, _Steps(t)), None)
    if found is None:
        raise DisputeRefusedError(f"dispute {name}: there is none such")
    return found


def file_appeal(t: LedgerTransaction, name: str, appellant: str, reason: str) -> Dispute:
    """The pharmacy's appeal (3702). The same appeal again changes nothing.

    :param appellant: who appeals, at most 50 characters; ``reason`` at most 500.
    :raises DisputeRefusedError: there is no such dispute, it has been appealed otherwise or
        decided, or a text is empty or too long.
    """
    found = find_dispute(t, name)
    _check_texts(appellant=appellant, reason=reason)
    if found.state is not DisputeState.OPEN:
        if found.state is DisputeState.APPEALED and found.reason == reason:
            return found
        raise DisputeRefusedError(f"dispute {name}: is {found.state} already")
    t.connection.execute(
        sa.insert(appeal).values(
            segment=found.segment, row=found.row, appellant=appellant, reason=reason
        )
    )
    return replace(found, state=DisputeState.APPEALED, reason=reason)


def reject_appeal(t: LedgerTransaction, name: str, operator: str, reason: str) -> Dispute:
    """Decide against an appeal; that closes it.

    :raises DisputeRefusedError: as :func:`file_appeal`; the dispute is not appealed.
    """
    found = _appealed(t, name, operator, reason)
    _decide(t, found, DisputeState.REJECTED, operator, reason, None)
    return replace(found, state=DisputeState.REJECTED, answer=reason)


def accept_appeal(
    t: LedgerTransaction, name: str, operator: str, reason: str, business_date: str
) -> Dispute:
    """Decide for an appeal: the row is posted, as a segment and an entry of its own.

    ``t`` is an exclusive transaction.

    :param business_date: of the entry, YYYYMMDD.
    :raises DisputeRefusedError: as :func:`reject_appeal`; the row cannot be read, the debit is
        posted already, or a refund is more than is left of its sale.
    """
    found = _appealed(t, name, operator, reason)
    rows = Books(t, overlay=False).row(found.segment, found.row)
    assert rows is not None  # noqa: S101
    segment = _post(t, rows, found, business_date)
    _decide(t, found, DisputeState.ACCEPTED, operator, reason, segment)
    return replace(found, state=DisputeState.ACCEPTED, answer=reason)


def _post(t: LedgerTransaction, rows: BookedRows, found: Dispute, business_date: str) -> int:
    columns = rows.columns
    if columns.malformed[0]:
        raise DisputeRefusedError(f"dispute {found.name}: the row cannot be read")
    if not columns.refund[0] and LedgerHistory(t).is_posted(Keys(columns)):
        raise DisputeRefusedError(f"dispute {found.name}: the row is posted already")
    batch = Batch((), columns, rows.masks & _NOTES)
    header = replace(rows.header, business_date=business_date)
    with t.connection.begin_nested():  # what is refused leaves nothing
        segment = post_rows(t, batch, [header], lambda rows, _: _holders(t, rows), decided=True)
        if not posted(batch.masks)[0]:
            twice = batch.masks[0] & FindingCode.DUPLICATE.bit
            what = "is posted already" if twice else "does not fit the sale that it is of"
            raise DisputeRefusedError(f"dispute {found.name}: the row {what}")
    return segment


def _holders(t: LedgerTransaction, columns: DebitColumns) -> NDArray[np.int64]:
    """The personal accounts of cards, -1 for one that is not registered."""
    register = read_register(t, columns.card_id_code)
    place = register.find(columns.card_id_code)
    return np.where(place >= 0, register.account[place] if len(register) else -1, -1)


def _appealed(t: LedgerTransaction, name: str, operator: str, reason: str) -> Dispute:
    found = find_dispute(t, name)
    _check_texts(operator=operator, reason=reason)
    if found.state is not DisputeState.APPEALED:
        raise DisputeRefusedError(f"dispute {name}: is {found.state}, not appealed")
    return found


def _decide(
    t: LedgerTransaction,
    found: Dispute,
    state: DisputeState,
    operator: str,
    reason: str,
    posted_segment: int | None,
) -> None:
    t.connection.execute(
        sa.insert(decision).values(
            segment=found.segment,
            row=found.row,
            state=state.value,
            operator=operator,
            reason=reason,
            posted_segment=posted_segment,
        )
    )


def _check_texts(**texts: str) -> None:
    for name, text in texts.items():
        most = _MOST_TEXT if name == "reason" else _MOST_NAME
        if not (0 < len(text) <= most and text.isprintable()):
            raise DisputeRefusedError(f"{name}: must be 1 to {most} printable characters")


class _Steps:
    """All appeals and decisions, by segment and row."""

    def __init__(self, t: LedgerTransaction) -> None:
        self._appeals = {
            (row.segment, row.row): row.reason for row in t.connection.execute(sa.select(appeal))
        }
        self._decisions = {
            (row.segment, row.row): (DisputeState(row.state), row.reason)
            for row in t.connection.execute(sa.select(decision))
        }

    def of(self, segment: int, row: int) -> tuple[DisputeState, str, str]:
        """State, reason of the appeal, reason of the decision."""
        reason = self._appeals.get((segment, row))
        if reason is None:
            return DisputeState.OPEN, "", ""
        decided = self._decisions.get((segment, row))
        if decided is None:
            return DisputeState.APPEALED, reason, ""
        return decided[0], reason, decided[1]


def _unposted(rows: BookedRows, steps: _Steps) -> Iterator[Dispute]:
    few = rows.some(~posted(rows.masks))
    columns = few.columns
    for at in range(len(few)):
        place, mask = int(few.row[at]), int(few.masks[at])
        state, reason, answer = steps.of(few.segment, place)
        yield Dispute(
            few.segment,
            place,
            few.header.pharmacy_code,
            few.header.terminal_id,
            few.header.business_date,
            columns.msgid[at].decode("utf-8", "replace"),
            columns.time[at].tobytes().hex(),
            int(columns.total_fen[at]),
            int(columns.fund_fen[at] + columns.account_fen[at]),
            codes_text(mask),
            outcome_of(mask),
            state,
            reason,
            answer,
        )
