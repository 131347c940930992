# SPDX-License-Identifier: Apache-2.0
"""A register from the cards themselves: what each shows of itself to any terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from sscard_chip.settlement.ledger.errors import CardRegisterError
from sscard_chip.settlement.ledger.register import ALWAYS, CardColumns
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import DriverError
from sscard_chip.terminal.connection import Connection, TerminalConnectionError
from sscard_chip.terminal.session import open_session

_ISSUER_SFI = 0x05
_EXPIRY = 0x06


def cards_of(
    cards: Iterable[tuple[str, Connection]], *, psn_no: str = "", opening_fen: int = 0
) -> CardColumns:
    """The register of some cards, each with a name for errors; all are of the person ``psn_no``.

    卡号, 卡识别码 and 有效期 are those of EF05, free to read. The insured place is that of the
    卡识别码: what DF04 says of it needs the PIN.

    :raises CardRegisterError: a card cannot be read: "name: rule".
    """
    rows = list(_rows(cards))
    return CardColumns(
        card_number=np.array([row[0] for row in rows], "S9"),
        card_id_code=np.frombuffer(b"".join(row[1] for row in rows), np.uint8).reshape(-1, 16),
        division=np.array([row[2] for row in rows], np.int64),
        psn_no=np.array([psn_no] * len(rows), "S30"),
        factor=np.frombuffer(b"".join(row[3] for row in rows), np.uint8).reshape(-1, 8),
        valid_to=np.array([row[4] for row in rows], np.int64),
        opening_fen=np.array([opening_fen] * len(rows), np.int64),
    )


def _rows(
    cards: Iterable[tuple[str, Connection]],
) -> Iterator[tuple[str, bytes, int, bytes, int]]:
    for name, card in cards:
        try:
            session = open_session(card)
            number, code, factor = (
                session.card_number,
                session.identification,
                session.factors.card,
            )
            expiry = session.record(_EXPIRY, sfi=_ISSUER_SFI, length=4).hex()
            division = session.division
        except (DriverError, CardStatusError, TerminalConnectionError) as error:
            raise CardRegisterError(f"{name}: cannot be read: {error}") from None
        valid_to = int(expiry) if expiry.isdecimal() else ALWAYS
        yield number, code, int(division), factor, valid_to
