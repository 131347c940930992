# SPDX-License-Identifier: Apache-2.0
"""A till, a card of a registered holder and the centre's ledger, for loads; and an auditor."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from sscard_chip.card import Card
from sscard_chip.dayfile.loads import LoadCentre, LoadDue, LoadGrant, LoadRequest
from sscard_chip.settlement.ledger import (
    AccountKind,
    AllocationFile,
    CardColumns,
    EntryKind,
    Ledger,
    allocate,
    register_cards,
)
from sscard_chip.settlement.loading import LoadHost
from sscard_chip.settlement.schema import cards as tables
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.session import open_session
from tests.bench.issued import roots
from tests.bench.shop import BALANCE, TIME, Shop

Cut = Callable[[], None]


def columns_of(card: Card, opening_fen: int = 0, psn_no: str = "P1") -> CardColumns:
    """The register's row of a card."""
    session = open_session(connect_card(Card(card.image())))
    return CardColumns(
        card_number=np.array([session.card_number], "S9"),
        card_id_code=np.frombuffer(session.identification, np.uint8).reshape(1, 16),
        division=np.array([510100]),
        psn_no=np.array([psn_no], "S30"),
        factor=np.frombuffer(session.factors.card, np.uint8).reshape(1, 8),
        valid_to=np.array([0]),
        opening_fen=np.array([opening_fen]),
    )


class Office:
    """The card of ``shop`` is registered with what is on it. ``given`` is what was allocated."""

    def __init__(self, ledger: Ledger, shop: Shop, opening_fen: int = BALANCE) -> None:
        self.ledger, self.shop = ledger, shop
        self.given = 0
        self._batches = 0
        self.host = LoadHost(ledger, roots(), test_clock=True)
        columns = columns_of(shop.card, opening_fen)
        ledger.run(lambda t: register_cards(t, columns, "20260301", "cards:1"), exclusive=True)

    def allocate(self, fen: int) -> None:
        """The centre posts an allocation of a month."""
        self._batches += 1
        name = str(self._batches)
        digest = sha256(name.encode()).digest()
        amounts = np.array([fen])
        file = AllocationFile("202603", "20260305", name, ("P1",), amounts, digest)
        self.ledger.run(lambda t: allocate(t, file), exclusive=True)
        self.given += fen

    def account(self) -> int:
        """The ledger's balance of the holder."""
        with self.ledger.reading() as t:
            return t.balances_of(AccountKind.PERSONAL)["P1"]

    def charge(self, fen: int, source: str) -> None:
        """An on-line sale, as far as the account is concerned."""

        def post(t: Any) -> None:
            person, fund = (
                t.account(AccountKind.PERSONAL, "P1"),
                t.account(AccountKind.FUNDING, "x"),
            )
            t.post(EntryKind.SETTLEMENT, "20260306", source, [person, fund], [-fen, fen])

        self.ledger.run(post)

    def load(self, centre: LoadCentre | None = None, time: str = TIME) -> int:
        """A load at the till: the fen."""
        with self.shop.till() as till:
            return till.load(centre or self.host, time).result.fen

    def load_again(self) -> int:
        """A load at a till with a new day file, the old one being closed."""
        self.shop.day_file = self.shop.day_file.with_name("NEXT.tsv")
        return self.load()

    def rows(self) -> list[tuple[int, int, bool, bool]]:
        """The card's loads in the ledger: number, fen, done, proven by a TAC."""
        load, done = tables.load, tables.load_done
        statement = (
            sa.select(load.c.number, load.c.fen, done.c.load, done.c.tac)
            .join_from(load, done, done.c.load == load.c.id, isouter=True)
            .order_by(load.c.number)
        )
        with self.ledger.reading() as t:
            found = t.connection.execute(statement).all()
        return [(number, fen, of is not None, tac is not None) for number, fen, of, tac in found]

    def audit(self) -> None:
        """Card and ledger agree to the fen, load by load."""
        loads = [record for record in self.shop.account().log() if record[2:3] == b"1"]
        on_card = [(int.from_bytes(one[:2]), int.from_bytes(one[16:20])) for one in loads]
        rows = self.rows()
        assert sorted(on_card) == [(number, fen) for number, fen, _, _ in rows]
        assert all(done for _, _, done, _ in rows)
        assert self.shop.balance() == BALANCE + self.given
        assert self.account() == BALANCE + self.given


class CutCentre:
    """A centre whose answer to one call is lost: ``before`` it has worked, or after."""

    def __init__(self, centre: LoadCentre, call: str, cut: Cut, *, before: bool) -> None:
        self._centre, self._call, self._cut, self._before = centre, call, cut, before
        self.left = 1

    def _pass(self, call: str, work: Callable[[], Any]) -> Any:
        strikes = call == self._call and self.left > 0
        self.left -= strikes
        if strikes and self._before:
            self._cut()
        answer = work()
        if strikes:
            self._cut()
        return answer

    def due(self, card_id_code: bytes, card_number: str, time: str) -> LoadDue:
        found: LoadDue = self._pass(
            "due", lambda: self._centre.due(card_id_code, card_number, time)
        )
        return found

    def authorise(self, request: LoadRequest) -> LoadGrant:
        found: LoadGrant = self._pass("authorise", lambda: self._centre.authorise(request))
        return found

    def confirm(self, card_id_code: bytes, number: int, tac: bytes, time: str) -> None:
        self._pass("confirm", lambda: self._centre.confirm(card_id_code, number, tac, time))


def office(
    ledger: Ledger, folder: Path, generation: int = 3, algorithm: str | None = None, **more: Any
) -> Office:
    """An office with the card of a generation."""
    return Office(ledger, Shop(folder, generation, algorithm, retries=0, **more))


ROUTES: Final = ((1, "3des", False), (3, "sm4", False), (3, "sm4", True))
