# SPDX-License-Identifier: Apache-2.0
"""A pharmacy on a desk: an issued card with money, a PSAM, a till, and an auditor.

::

    shop = Shop(tmp_path, 3)
    with shop.till() as till:
        till.sell(BILL, TIME)
    assert shop.audit() == 1      # paid once, recorded once, to the fen
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.psam import make_psam
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.reader.faulty import FaultAt, FaultyConnection
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.standard.messages import medical
from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion, Split
from sscard_chip.terminal.connection import Connection, connect_card
from sscard_chip.terminal.pos import Authoriser, Bill, DayRow, Hotlist, Till, TillSettings
from tests.bench.account import Terminal
from tests.bench.issued import HOLDER, roots
from tests.bench.reference import social as reference

PIN: Final = "135790"
TERMINAL: Final = "510100000001"
PHARMACY: Final = "P51010000001"
DATE: Final = "20260315"
TIME: Final = "20260315101112"
LATER: Final = "20260315101500"
BALANCE: Final = 100_000
SPLIT: Final = Split(account_fen=1000, self_paid_fen=500, pooled_fen=2000)
BILL: Final = Bill(SPLIT)
CARDS: Final = ((1, "3des"), (2, "3des"), (3, "sm4"), (3, "3des"))
ROUTES: Final = (*((g, a, False) for g, a in CARDS), (3, "sm4", True), (3, "3des", True))
"""Every card over every interface that it has: generation, suite, contactless."""


class KilledError(BaseException):
    """The process ends here: nothing in the till may catch it."""


@cache
def card_memory(
    generation: int,
    algorithm: str,
    mode: SettlementMode = SettlementMode.OFFLINE,
    changes: str = "{}",
    account_only: bool = False,
) -> Memory:
    """An issued card; ``changes`` are fields of the holder in JSON."""
    fields: dict[str, object] = {**HOLDER, "pin": PIN, "account": {"balance_fen": BALANCE}}
    holder = Holder.from_object(fields | json.loads(changes))
    profile = for_generation(
        generation, settlement_mode=mode, with_account=True, account_only=account_only
    )
    serial = bytes.fromhex("07A1B2C3")
    return issue_card(
        generation, roots(), holder, algorithm=algorithm, serial=serial, profile=profile
    )


@cache
def psam_memory(level: int = 3, city: str | None = None, terminal: str = TERMINAL) -> Memory:
    """A PSAM of the roots of all tests, with both environments."""
    return make_psam(roots(), level=level, city=city, terminal_id=terminal, serial="1")


class Shop:
    """``card_slot`` and ``psam_slot`` are faulty connections without faults of their own.

    ``typed`` is what the holder types next, then ``pin``; None cancels. ``asked`` counts.
    """

    def __init__(
        self,
        folder: Path,
        generation: int = 2,
        algorithm: str | None = None,
        *,
        contactless: bool = False,
        mode: SettlementMode = SettlementMode.OFFLINE,
        memory: Memory | None = None,
        psam: Memory | None = None,
        faults: tuple[FaultAt, ...] = (),
        psam_faults: tuple[FaultAt, ...] = (),
        region: SettlementRegion | None = None,
        hotlist: Hotlist | None = None,
        authoriser: Authoriser | None = None,
        retries: int = 1,
        **changes: Any,
    ) -> None:
        suite = algorithm or ("sm4" if generation == 3 else "3des")
        issued = memory or card_memory(generation, suite, mode, json.dumps(changes))
        self.algorithm = suite
        self.contactless = contactless
        self.card = Card(issued.copy())
        self.psam = Card((psam or psam_memory()).copy())
        self.slept: list[float] = []
        self.card_slot = FaultyConnection(self._connect(), *faults, sleep=self.slept.append)
        self.psam_slot = FaultyConnection(
            connect_card(self.psam), *psam_faults, sleep=self.slept.append
        )
        self.settings = TillSettings(
            PHARMACY, region or SettlementRegion("510100", mode, 100_000, 10), retries=retries
        )
        self.day_file = folder / "DAY.tsv"
        self.hotlist = hotlist
        self.authoriser = authoriser
        self.pin = PIN
        self.typed: list[str | None] = []
        self.asked: list[int] = []

    def _connect(self) -> Connection:
        return connect_card(self.card, contactless=self.contactless)

    def till(self, card: Connection | None = None, psam: Connection | None = None) -> Till:
        """A till on the files of the shop."""
        return Till.open(
            self.settings,
            card or self.card_slot,
            psam or self.psam_slot,
            self.day_file,
            pin_entry=self._type,
            hotlist=self.hotlist,
            authoriser=self.authoriser,
            business_date=DATE,
        )

    def _type(self, left: int) -> str | None:
        self.asked.append(left)
        return self.typed.pop(0) if self.typed else self.pin

    def insert(self) -> None:
        """Put back whatever was pulled out."""
        self.card_slot.insert()
        self.psam_slot.insert()

    @property
    def journal(self) -> Path:
        """The journal beside the day file."""
        return self.day_file.with_name("DAY.tsv.pending")

    # --- the auditor ---------------------------------------------------------------------------

    def account(self) -> Terminal:
        """The account of a copy of the card, opened."""
        card = Card(self.card.image())
        card.power_on()
        terminal = Terminal(card.transmit, self.algorithm)
        terminal.open_account(PIN)
        return terminal

    def balance(self) -> int:
        """Fen on the card."""
        return self.account().balance()

    def purchases(self) -> list[bytes]:
        """Records of purchases in EF08, newest first."""
        return [record for record in self.account().log() if record[2:3] == b"2"]

    def tac(self, row: DayRow) -> bytes:
        """The TAC that a centre finds for a row."""
        return tac_of(row)

    def audit(self, rows: tuple[DayRow, ...] | None = None, *, begun: int = BALANCE) -> int:
        """Card and day file agree to the fen; the number of sales."""
        if rows is None:
            with self.till() as till:
                assert till.unfinished is None
                rows = till.rows
        purchases = self.purchases()
        recorded = [medical.SHORT_DETAIL.build(fields_of(row)) for row in rows]
        assert [record[:20] for record in reversed(purchases)] == recorded
        assert self.balance() == begun - sum(row.card_account_fen for row in rows)
        for row in rows:
            assert (row.grey, row.tac) == (False, self.tac(row))
        return len(rows)


def fields_of(row: DayRow) -> dict[str, Any]:
    """What the card's messages of a row are built from."""
    return {
        "number": row.transaction_number,
        "account_fen": row.card_account_fen,
        "self_paid_fen": row.card_self_paid_fen,
        "pooled_fen": row.card_pooled_fen,
        "transaction_type": row.transaction_type,
        "terminal": bytes.fromhex(row.terminal_id),
        "terminal_number": row.terminal_transaction_number,
        "time": bytes.fromhex(row.time),
    }


def tac_of(row: DayRow) -> bytes:
    """The TAC that the card of a row, of 510100, has given."""
    chain = (province_factor("510100"), city_factor("510100"), row.diversification_factor)
    (key,) = roots().diversify(row.algorithm, "DTK", row.key_version, [chain])
    return reference.tac(row.algorithm, key, medical.PURCHASE_TAC.build(fields_of(row)))


def region(mode: int, **caps: int) -> SettlementRegion:
    """The card's own region."""
    values: Mapping[str, int] = {"offline_cap_fen": 100_000, "offline_cap_times": 10} | caps
    return SettlementRegion("510100", SettlementMode(mode), **values)


@cache
def exchanges(generation: int, algorithm: str, contactless: bool) -> tuple[int, int]:
    """How many commands the card and the PSAM get in a sale that goes well."""
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder), generation, algorithm, contactless=contactless)
        with shop.till() as till:
            till.sell(BILL, TIME)
        return shop.card_slot.exchanges, shop.psam_slot.exchanges
