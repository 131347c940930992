# SPDX-License-Identifier: Apache-2.0
"""Loss reports, cancellation and replacement of cards (card services, D1 to D3).

A temporary report (临时挂失) lapses by itself or is lifted; a formal one (正式挂失) cannot be
withdrawn and goes together with a replacement; a cancelled card (注销) stays so. Whoever asks for
the state that a card is in already gets no error: a repeat is harmless [M].
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from sscard_chip.settlement.ledger.errors import CardRefusedError, CardRegisterError
from sscard_chip.settlement.ledger.register import (
    CardColumns,
    CardStatus,
    insert_cards,
    register_cards,
)
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.schema.books import card, card_status
from sscard_chip.settlement.schema.cards import report as card_report
from sscard_chip.standard.dates import TIME, TIME_RULE, parse_time

LAPSE_DAYS: Final = 10
"""After how many days a temporary report lapses: one capital's rule [H]; elsewhere 5 or never."""


@unique
class CardService(StrEnum):
    """What can be asked for a card; the values are the provincial card service's codes [M]."""

    TEMPORARY_LOSS = "01"
    FORMAL_LOSS = "02"
    LIFT = "03"
    CANCEL = "04"
    SEAL = "09"
    """封存, when the holder has died; the code is ours."""
    ACTIVATE = "11"

    @property
    def target(self) -> CardStatus:
        """The status that it leads to."""
        return _RULES[self][0]


_SET_BACK: Final = timedelta(days=1)
"""By how much a clock may have been set back, so that what is over begins later than now."""
FREE_BACK_DATING: Final = timedelta(hours=1)
"""How far a report may be back-dated without a reason and the right to do so."""
_LENGTHS: Final = {"operator": 64, "channel": 20, "reason": 200, "agent": 64}


@dataclass(frozen=True, slots=True, repr=False)
class StatusReport:
    """Who asked for a change of status (``operator``), by which ``channel``, for what
    ``reason``, and the ``agent`` who came in the holder's place (代办人). Texts of at most 64,
    20, 200 and 64 printable characters; the first two are not empty.

    :raises CardRegisterError: for any other text.
    """

    operator: str = "centre"
    channel: str = "counter"
    reason: str = ""
    agent: str = ""

    def __post_init__(self) -> None:
        for name, length in _LENGTHS.items():
            text = getattr(self, name)
            if len(text) > length or not text.isprintable():
                raise CardRegisterError(f"{name}: must be at most {length} printable characters")
        for name in ("operator", "channel"):
            if not getattr(self, name).strip():
                raise CardRegisterError(f"{name}: must not be empty")


@dataclass(frozen=True, slots=True)
class ReportClock:
    """By what a report's time is judged: ``now`` (YYYYMMDDhhmmss, local) is the centre's clock,
    ``may_back_date`` the right to date a report back by more than an hour."""

    now: str
    may_back_date: bool = False

    def check(self, time: str, reason: str, *, lost: bool = False) -> None:
        """Refuse a time in the future, and one too far back without right and reason, but for
        what is done with a card that is reported ``lost`` already.

        :raises CardRefusedError:
        :raises CardRegisterError: one of the two is no time.
        """
        when, now = _time(time), _time(self.now)
        if when > now:
            raise CardRefusedError("card: a report is not dated in the future")
        if lost or now - when <= FREE_BACK_DATING:
            return
        if not self.may_back_date:
            raise CardRefusedError("card: a report is not back-dated by more than an hour here")
        if not reason.strip():
            raise CardRefusedError("card: a report back-dated by more than an hour needs a reason")


_S = CardStatus
_OVER: Final = frozenset({_S.CANCELLED, _S.SEALED})
_RULES: Final[dict[CardService, tuple[CardStatus, frozenset[CardStatus]]]] = {
    CardService.TEMPORARY_LOSS: (_S.TEMPORARY_LOSS, frozenset({_S.NORMAL})),
    CardService.FORMAL_LOSS: (_S.FORMAL_LOSS, frozenset({_S.NORMAL, _S.TEMPORARY_LOSS})),
    CardService.LIFT: (_S.NORMAL, frozenset({_S.TEMPORARY_LOSS})),
    CardService.CANCEL: (
        _S.CANCELLED,
        frozenset({_S.NORMAL, _S.TEMPORARY_LOSS, _S.FORMAL_LOSS, _S.NOT_ACTIVATED}),
    ),
    CardService.SEAL: (
        _S.SEALED,
        frozenset({_S.NORMAL, _S.TEMPORARY_LOSS, _S.FORMAL_LOSS, _S.NOT_ACTIVATED}),
    ),
    CardService.ACTIVATE: (_S.NORMAL, frozenset({_S.NOT_ACTIVATED})),
}
"""The status that a service leads to, and from which ones."""


def find_card(t: LedgerTransaction, name: str) -> int:
    """The number of the card with this 卡识别码 (32 hex digits) or 卡号.

    :raises CardRegisterError: none, or more than one.
    """
    condition = card.c.card_number == name
    if re.fullmatch("[0-9A-Fa-f]{32}", name):
        condition = card.c.card_id_code == bytes.fromhex(name)
    found = t.connection.execute(sa.select(card.c.id).where(condition).limit(2)).all()
    if not found:
        raise CardRegisterError("card: is not in the register")
    if len(found) > 1:
        raise CardRegisterError("card_number: several cards have it, give the card_id_code")
    return int(found[0].id)


def status_of(t: LedgerTransaction, number: int, time: str) -> CardStatus:
    """The status of a card at ``time`` (YYYYMMDDhhmmss, local)."""
    return StatusHistory(number, _history(t, number)).status(time)


def history_of(t: LedgerTransaction, number: int) -> list[tuple[CardStatus, str, str | None]]:
    """All changes of a card's status: status, since, until."""
    return [
        (CardStatus(row.status), f"{row.since:014d}", f"{row.until:014d}" if row.until else None)
        for row in _history(t, number)
    ]


def reports_of(t: LedgerTransaction, number: int) -> list[StatusReport | None]:
    """Who reported each change of :func:`history_of`; None for one of an earlier version."""
    statement = (
        sa.select(card_status.c.number, *(card_report.c[name] for name in _LENGTHS))
        .join_from(
            card_status,
            card_report,
            sa.and_(
                card_report.c.card == card_status.c.card,
                card_report.c.number == card_status.c.number,
            ),
            isouter=True,
        )
        .where(card_status.c.card == number)
        .order_by(card_status.c.number)
    )
    return [
        None if row.operator is None else StatusReport(*row[1:])
        for row in t.connection.execute(statement)
    ]


def change_status(
    t: LedgerTransaction,
    number: int,
    service: CardService,
    time: str,
    *,
    lapse_days: int | None = LAPSE_DAYS,
    term_days: int | None = None,
    report: StatusReport | None = None,
    clock: ReportClock | None = None,
    made: str | None = None,
) -> bool:
    """Record a change of a card's status from ``time`` (YYYYMMDDhhmmss, local) on.

    ``lapse_days`` is when a temporary report lapses, ``term_days`` when a card that is formally
    lost is cancelled by itself (some places: 30 days); None for never. Both count from ``time``,
    or from ``made`` where that is given and later: a report that is dated back then does not lapse
    before it was made. False when the card is in that status already. ``clock`` judges the time;
    without it the caller vouches for it. A change that was once dated in the future blocks nothing
    that is reported before it begins.

    :raises CardRefusedError: its status does not allow it, has changed later than ``time``, or
        ``time`` is refused by ``clock``.
    :raises CardRegisterError: ``time`` is no time.
    """
    report = report or StatusReport()
    since = check_report(time, report, clock)
    history = lock_history(t, number)
    now = history.status(time)
    target, allowed = _RULES[service]
    if now is target:
        return False
    if now not in allowed:
        raise CardRefusedError(
            f"card: {now.chinese} ({now.name.lower()}): this cannot be changed so"
        )
    history.require_last(time, clock)
    if target not in _OVER:
        history.require_not_over(clock)
    counted = since if made is None else max(since, _time(made))
    until = None
    if target is CardStatus.TEMPORARY_LOSS and lapse_days is not None:
        until = counted + timedelta(days=lapse_days)
    history.append(t, target, time, until, report)
    if target is CardStatus.FORMAL_LOSS and term_days is not None:
        end = (counted + timedelta(days=term_days)).strftime(TIME)
        history.append(t, CardStatus.CANCELLED, end, None, report)
    return True


def replace_card(
    t: LedgerTransaction,
    number: int,
    new: CardColumns,
    time: str,
    *,
    damaged: bool = False,
    report: StatusReport | None = None,
    clock: ReportClock | None = None,
) -> bool:
    """Give the account of a card to a new one and cancel the old one (补换卡).

    ``new`` is one card without opening balance. A lost card must be reported formally before; a
    ``damaged`` one is exchanged without [H]. False when that is done already. ``report`` and
    ``clock`` as of :func:`change_status`; that a lost card is replaced at a time gone by
    changes nothing for its debits, so it needs no reason.

    :raises CardRefusedError: the old card's status does not allow it, or ``clock`` the time.
    :raises CardRegisterError: the new card is another person's, or registered otherwise.
    """
    report = report or StatusReport()
    _time(time)
    if clock is not None:
        clock.check(time, report.reason, lost=not damaged)
    history = lock_history(t, number)
    row = t.connection.execute(sa.select(card).where(card.c.id == number)).one()
    now = history.status(time)
    if len(new) != 1 or new.opening_fen[0]:
        raise CardRegisterError("new card: must be one, without an opening balance")
    if (row.psn_no or "") != new.psn_no[0].decode():
        raise CardRegisterError("new card: psn_no: is another person's")
    account = _register_on(t, new, row.account)
    if now is CardStatus.CANCELLED:
        if account:
            raise CardRefusedError("card: it is cancelled, its account has a new card or none")
        return False
    if now is not CardStatus.FORMAL_LOSS and not damaged:
        raise CardRefusedError("card: a lost card is reported formally before it is replaced")
    history.require_last(time, clock)
    history.append(t, CardStatus.CANCELLED, time, None, report)
    return True


def _register_on(t: LedgerTransaction, new: CardColumns, account: int) -> bool:
    """Register one card on an account that is there; False when that is done already."""
    code = new.card_id_code[0].tobytes()
    known = t.connection.execute(sa.select(card).where(card.c.card_id_code == code)).one_or_none()
    if known is not None:
        if known.account != account:
            raise CardRegisterError("new card: is registered with another account")
        register_cards(t, new, "", "")  # that it is the same card in all else
        return False
    insert_cards(t, new, np.zeros(1, np.int64), np.array([account], np.int64))
    return True


def _time(text: str) -> datetime:
    found = parse_time(text)
    if found is None:
        raise CardRegisterError(f"time: {TIME_RULE}")
    return found


def check_report(time: str, report: StatusReport, clock: ReportClock | None) -> datetime:
    """The moment of a report, which ``clock`` takes.

    :raises CardRefusedError: it does not.
    :raises CardRegisterError: ``time`` is no time.
    """
    since = _time(time)
    if clock is not None:
        clock.check(time, report.reason)
    return since


@dataclass(frozen=True, slots=True)
class StatusHistory:
    """The changes of the status of card ``number``, in the order in which they were recorded."""

    number: int
    changes: list[Any]

    def status(self, time: str) -> CardStatus:
        """The status at ``time`` (YYYYMMDDhhmmss); normal where nothing was ever recorded."""
        begun = [change for change in self.changes if change.since <= int(time)]
        if not begun or (begun[-1].until is not None and begun[-1].until <= int(time)):
            return CardStatus.NORMAL
        return CardStatus(begun[-1].status)

    def require_last(self, time: str, clock: ReportClock | None) -> None:
        """A change is later than those before it, but for such as have not begun yet.

        :raises CardRefusedError:
        """
        now = None if clock is None else int(clock.now)
        begun = [one.since for one in self.changes if now is None or one.since <= now]
        if max(begun, default=0) > int(time):
            raise CardRefusedError("card: its status has changed later than this time")

    def require_not_over(self, clock: ReportClock | None) -> None:
        """A card that was cancelled or sealed stays so where the clock was set back since: else it
        would live again beside its successor when the clock has caught up.

        :raises CardRefusedError:
        """
        if clock is None or not self.changes or self.changes[-1].status not in _OVER:
            return
        now = _time(clock.now)
        ahead = (now + _SET_BACK).strftime(TIME)
        if int(clock.now) < self.changes[-1].since <= int(ahead):
            raise CardRefusedError("card: it was cancelled before the clock was set back")

    def append(
        self,
        t: LedgerTransaction,
        status: CardStatus,
        since: str,
        until: datetime | None,
        report: StatusReport,
    ) -> None:
        """Record a change, here as well."""
        place = {"card": self.number, "number": len(self.changes) + 1}
        end = None if until is None else int(until.strftime(TIME))
        values = place | {"status": int(status), "since": int(since), "until": end}
        row = t.connection.execute(
            sa.insert(card_status).values(values).returning(*card_status.c)
        ).one()
        self.changes.append(row)
        said = {name: getattr(report, name) for name in _LENGTHS}
        t.connection.execute(sa.insert(card_report).values(place | said))


_LOCK: Final = sa.select(card.c.id).where(card.c.id == sa.bindparam("asked")).with_for_update()
_CHANGES: Final = (
    sa.select(card_status)
    .where(card_status.c.card == sa.bindparam("asked"))
    .order_by(card_status.c.number)
)
"""Written once: a report reads them several times."""


def lock_history(t: LedgerTransaction, number: int) -> StatusHistory:
    """The history of a card that nobody else changes before the end of the transaction."""
    t.connection.execute(_LOCK, {"asked": number})
    return StatusHistory(number, _history(t, number))


def _history(t: LedgerTransaction, number: int) -> list[Any]:
    return list(t.connection.execute(_CHANGES, {"asked": number}))
