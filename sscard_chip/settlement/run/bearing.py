# SPDX-License-Identifier: Apache-2.0
"""Who bears a debit off-line that was made after the loss of its card was reported.

The region's rule (:class:`~sscard_chip.settlement.policy.LateDebits`) decides by the hotlist that
the terminal had when its day began. Is it the pharmacy, the row is refused (3). Is it the centre,
the row is posted (0,3) and its account money stands in suspense; is it the holder, the row is
posted like any other. A refund follows its debit: it waits for it (105), is refused with it (3),
and who bears the debit has the refund.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.columns import DebitColumns, given
from sscard_chip.settlement.judge.codes import BORNE, FindingCode, Masks, posted
from sscard_chip.settlement.judge.localities import Locality, localities
from sscard_chip.settlement.judge.proof import proven
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.hotlists import HotlistEntry, hotlist_entry
from sscard_chip.settlement.policy import Bearer, LateDebits
from sscard_chip.settlement.run.money import insured_divisions
from sscard_chip.settlement.schema.books import card
from sscard_chip.standard.dates import parse_time


def decide_late_debits(
    t: LedgerTransaction,
    late: LateDebits,
    columns: DebitColumns,
    masks: Masks,
    headers: Sequence[DayHeader],
) -> None:
    """Decide about the rows that have code 3: changes ``masks``.

    A refund that has nothing else against it loses its code 3: what becomes of it is found beside
    its debit. Where the pharmacy bears all, nothing is decided.
    """
    if {late.listed, late.stale, late.current, late.unknown} == {"pharmacy"}:
        return
    lost = ((masks & FindingCode.LOST.bit) != 0) & proven(columns, masks) & ~given(columns.setl_id)
    rows = np.flatnonzero(lost)
    if not len(rows):
        return
    insured = insured_divisions(columns, rows)
    at_home = localities(columns.treatment_division[rows], insured) == Locality.OWN
    rows = rows[at_home]
    lost_only = rows[columns.refund[rows] & posted(masks[rows] & ~FindingCode.LOST.bit)]
    masks[lost_only] &= ~FindingCode.LOST.bit
    debits = rows[~columns.refund[rows]].tolist()
    asked: dict[tuple[bytes, str], HotlistEntry | None] = {}
    for at in debits:
        header = headers[int(columns.file[at])]
        bearer = _bearer(t, late, columns, at, header.hotlist_version, asked)
        if bearer != "pharmacy":
            masks[at] &= ~FindingCode.LOST.bit
        if bearer == "centre":
            masks[at] |= BORNE


def _bearer(
    t: LedgerTransaction,
    late: LateDebits,
    columns: DebitColumns,
    at: int,
    version: str | None,
    asked: dict[tuple[bytes, str], HotlistEntry | None],
) -> Bearer:
    """By the list of the terminal: it had the card on it, was old, or could not know."""
    if version is None:
        return late.unknown
    code = columns.card_id_code[at].tobytes()
    key = code, version
    if key not in asked:
        number = _card(t, code)
        asked[key] = None if number is None else hotlist_entry(t, version, number)
    entry = asked[key]
    if entry is None:
        return late.unknown
    if entry.since is not None:
        return late.listed
    made, issued = parse_time(columns.time[at].tobytes().hex()), parse_time(entry.issued)
    if made is None or issued is None or made - issued > timedelta(hours=late.max_age_hours):
        return late.stale
    return late.current


def _card(t: LedgerTransaction, code: bytes) -> int | None:
    found: Any = t.connection.execute(
        sa.select(card.c.id).where(card.c.card_id_code == code)
    ).scalar_one_or_none()
    return None if found is None else int(found)
