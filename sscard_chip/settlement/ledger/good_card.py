# SPDX-License-Identifier: Apache-2.0
"""The card of a question that changes nothing: may it pay, and what has it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.settlement.ledger.register import person_number


@dataclass(frozen=True, slots=True, repr=False)
class GoodCard:
    """A card that may pay, and its money: ``psn_no`` is by :func:`person_number`."""

    card_sn: str
    card_number: str
    psn_no: str
    division: str
    balance_fen: int


_GOOD_CARD: Final = """
SELECT c.id, c.psn_no, c.division, b.fen FROM card c JOIN balance b ON b.account = c.account
WHERE c.card_id_code = {0} AND c.card_number = {0} AND (c.valid_to IS NULL OR c.valid_to >= {0})
    AND coalesce((SELECT CASE WHEN s.status = 1 OR s.until <= {0} THEN 1 ELSE 0 END
        FROM card_status s WHERE s.card = c.id AND s.since <= {0}
        ORDER BY s.number DESC LIMIT 1), 1) = 1"""
_GOOD_CARD_OF_SQLITE: Final = _GOOD_CARD.format("?")
_GOOD_CARD_OF_POSTGRESQL: Final = _GOOD_CARD.format("%s")


def find_good_card(connection: Any, card_sn: str, card_number: str, time: str) -> GoodCard | None:
    """The card with this 卡识别码 (hex) and 卡号, if it may pay at ``time``; in one statement.

    ``connection`` is the driver's, whose errors this raises.
    """
    own = isinstance(connection, sqlite3.Connection)
    text = _GOOD_CARD_OF_SQLITE if own else _GOOD_CARD_OF_POSTGRESQL
    at = int(time)
    row = connection.execute(
        text, (bytes.fromhex(card_sn), card_number, at // 1_000_000, at, at)
    ).fetchone()
    if row is None:
        return None
    card, psn_no, division, fen = row
    person = person_number(card, psn_no)
    return GoodCard(card_sn, card_number, person, f"{division:06d}", int(fen))
