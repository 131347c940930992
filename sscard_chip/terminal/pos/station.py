# SPDX-License-Identifier: Apache-2.0
"""What all steps of a till share: slots, PSAM, files, the PIN pad, the rules of the region."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.dayfile.authoriser import Authoriser
from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.profile.generations import whole_profile
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.settlement_mode import SettlementRegion, Split
from sscard_chip.terminal.client import CardStatusError, PinEntry
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.connection import Connection, NoCardError, TerminalConnectionError
from sscard_chip.terminal.loads import LoadInDoubtError
from sscard_chip.terminal.pos.card import CardholderName, HolderPin
from sscard_chip.terminal.pos.dayfile import DayFile
from sscard_chip.terminal.pos.errors import (
    BrokenOffError,
    Refusal,
    SaleRefusedError,
    UnfinishedSaleError,
    refusal_of,
)
from sscard_chip.terminal.pos.hotlist import HotlistFile, require_fresh
from sscard_chip.terminal.pos.pending import OpenSale, PendingJournal
from sscard_chip.terminal.pos.psam import Psam
from sscard_chip.terminal.pos.receipt import Receipt
from sscard_chip.terminal.session import CardSession, Profiles, open_session

CATEGORIES: Final = {"1": "工伤", "2": "生育", "3": "医疗救助"}
"""结算类别 that leave a record in EF15 (letter 38)."""

CARD_FAILURES: Final = (
    TerminalConnectionError,
    CardStatusError,
    DriverError,
    SaleRefusedError,
)
"""What ends a step at the card without a word on what the card has done before."""


@dataclass(frozen=True, slots=True)
class TillSettings:
    """How a till is set up.

    ``pharmacy_code`` is the fixmedins_code, 12 characters. ``region`` has the settlement mode
    and the off-line caps; ``divisions`` are the issuing areas that are served (6 digits), None
    for all. ``hotlist_max_age_hours`` is how old a hotlist may be for a sale off-line, None for
    any. ``retries`` is how often a sale starts again by itself when a connection breaks before
    the card was debited.
    """

    pharmacy_code: str
    region: SettlementRegion
    pharmacy_name: str = "定点零售药店"
    divisions: frozenset[str] | None = None
    retries: int = 1
    hotlist_max_age_hours: int | None = None
    profiles: Profiles = whole_profile

    def __post_init__(self) -> None:
        code = self.pharmacy_code
        if len(code) != 12 or not (code.isascii() and code.isalnum()):
            raise ValueError("pharmacy code: must be 12 letters and digits")
        hours = self.hotlist_max_age_hours
        if hours is not None and hours < 1:
            raise ValueError("hotlist: maximal age: must be an hour or more")


@dataclass(frozen=True, slots=True)
class Bill:
    """What is to be paid; ``category`` is one of :data:`CATEGORIES`, None in an ordinary sale."""

    split: Split
    category: str | None = None

    def __post_init__(self) -> None:
        if min(self.split) < 0 or not 0 < self.split.total_fen <= MAX_FEN:
            raise ValueError(f"bill: the parts must be from 0, their sum from 1 to {MAX_FEN} fen")
        if self.category is not None and self.category not in CATEGORIES:
            raise ValueError(f"bill: category: must be one of {', '.join(CATEGORIES)}")


@dataclass(frozen=True, slots=True, repr=False)
class SaleOutcome:
    """A sale or refund that is recorded.

    ``mac2`` says whether the PSAM found the card's MAC2 right, None when it was not asked;
    False is an alarm, and the row is grey. ``recovered``: it had broken off before.
    ``warnings`` are lines for the operator.
    """

    row: DayRow
    receipt: Receipt
    mac2: bool | None = None
    recovered: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Desk:
    """The hardware of a till: what a card's holder and the operator have before them."""

    settings: TillSettings
    card: Connection
    sam: Psam
    pin_entry: PinEntry
    listed: Hotlist | HotlistFile | None = None

    @property
    def hotlist(self) -> Hotlist | None:
        """The hotlist as it was read last."""
        return self.listed.hotlist if isinstance(self.listed, HotlistFile) else self.listed

    def refresh_hotlist(self) -> list[str]:
        """Between sales: read the list anew where its file has changed; lines for the operator."""
        return self.listed.refresh() if isinstance(self.listed, HotlistFile) else []

    def require_fresh_hotlist(self, time: str) -> None:
        """See that the hotlist may serve a sale off-line at ``time``.

        :raises SaleRefusedError: HOTLIST_OLD.
        """
        hours = self.settings.hotlist_max_age_hours
        if hours is not None:
            issued = self.listed.issued if self.listed else None
            require_fresh(self.hotlist, issued, time, hours)

    @contextlib.contextmanager
    def at_card(self) -> Iterator[None]:
        """In the block, whatever fails without a name of its own is the holder's card.

        :raises BrokenOffError: its connection failed.
        :raises SaleRefusedError: it refused a command.
        :raises LoadInDoubtError: the connection failed while it was loaded.
        """
        try:
            yield
        except LoadInDoubtError:
            raise
        except NoCardError as error:
            raise BrokenOffError(Refusal.NO_CARD, str(error)) from None
        except TerminalConnectionError as error:
            raise BrokenOffError(Refusal.NOT_READABLE, str(error)) from None
        except DriverError as error:
            supported = error.code not in (ReturnCode.CARD_TYPE, ReturnCode.PSAM_ALGORITHM)
            refusal = Refusal.NOT_READABLE if supported else Refusal.NOT_SUPPORTED
            raise SaleRefusedError(refusal, str(error)) from None
        except CardStatusError as error:
            raise refusal_of(error) from None

    @contextlib.contextmanager
    def holder_pin(self) -> Iterator[HolderPin]:
        """The PIN of one sale, forgotten behind the block, where the card has no power."""
        pin = HolderPin(self.pin_entry)
        try:
            yield pin
        finally:
            pin.forget()
            self.power_off()

    def open_card(self) -> CardSession:
        """Power on the card and see who it is; raises as :func:`open_session`."""
        return open_session(self.card, self.settings.profiles)

    def power_off(self) -> None:
        """Bring the contacts of the holder's card to rest."""
        with contextlib.suppress(TerminalConnectionError):
            self.card.power_off()


@dataclass(slots=True, kw_only=True)
class Station(Desk):
    """A till with its files, that sells."""

    day: DayFile
    journal: PendingJournal
    authoriser: Authoriser | None = None
    # msgids that the centre has seen and no row has: not to be used again in the same second
    spent: set[str] = field(default_factory=set)

    def open_card_of(self, row: DayRow) -> CardSession:
        """The card of a sale that broke off.

        :raises UnfinishedSaleError: another card is in the slot.
        """
        session = self.open_card()
        same = session.identification == row.card_id_code
        if not same or session.card_number != row.card_number:
            raise UnfinishedSaleError("another card is in the reader: put in the one that paid")
        return session

    def receipt(
        self,
        row: DayRow,
        holder: CardholderName | None = None,
        balance_fen: int | None = None,
        *,
        online: bool = False,
    ) -> Receipt:
        """A receipt of this pharmacy."""
        settings = self.settings
        unlisted = self.hotlist is None and not (online or row.refund)
        return Receipt(
            row,
            settings.pharmacy_name,
            settings.pharmacy_code,
            holder,
            balance_fen,
            online,
            unlisted,
        )

    def begin(self, sale: OpenSale) -> None:
        """Have a sale in the journal before its DEBIT, a refund before the centre is asked.

        :raises SaleRefusedError: the journal cannot be written.
        """
        try:
            self.journal.begin(sale)
        except OSError as error:
            text = f"{self.journal.path} cannot be written: {error.strerror}"
            raise SaleRefusedError(Refusal.DAY, text) from None

    def record(self, sale: OpenSale) -> None:
        """Put an answered sale into the day file, once, and close it in the journal.

        :raises UnfinishedSaleError: the file cannot be written; the journal keeps the sale.
        """
        try:
            if not self.day.holds(sale.row):
                self.day.append(sale.row)
            self.journal.recorded()
        except OSError as error:
            text = f"paid, but {self.day.path} cannot be written: {error.strerror}"
            raise UnfinishedSaleError(f"{text}; the journal beside it keeps the sale") from None


def next_msgid(station: Station, time: str) -> str:
    """A message id: institution code 12, time 14, sequence 4; not used in this day file yet.

    The sequence begins with the last two digits of the terminal, since the terminals of one
    institution share its code [L].
    """
    used = {row.msgid for row in station.day.rows}.union(station.journal.holds, station.spent)
    head = f"{station.settings.pharmacy_code}{time}{station.day.header.terminal_id[-2:]}"
    for number in range(100):
        if (msgid := f"{head}{number:02d}") not in used:
            return msgid
    raise SaleRefusedError(Refusal.DAY, "a hundred sales in one second")
