# SPDX-License-Identifier: Apache-2.0
"""A pharmacy's till: one terminal, one day file, one sale at a time.

>>> with Till.open(settings, card, psam, "DAY.tsv", pin_entry=ask) as till:
...     sale = till.sell(Bill(Split(1000, 500, 2000)))
>>> sale.row.card_account_fen
1000
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from sscard_chip.closing import Closing
from sscard_chip.dayfile.authoriser import Authoriser
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.dayfile.loads import LoadCentre
from sscard_chip.dayfile.rows import DayHeader, DayRow, DayTrailer
from sscard_chip.standard.dates import TIME, TIME_RULE, parse_date, parse_time, written_day
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.client import PinEntry
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.pos.account import (
    BalanceOutcome,
    LoadOutcome,
    load_card,
    show_balance,
)
from sscard_chip.terminal.pos.card import HolderPin
from sscard_chip.terminal.pos.dayfile import DayFile
from sscard_chip.terminal.pos.errors import Refusal, SaleRefusedError, UnfinishedSaleError
from sscard_chip.terminal.pos.followup import confirm_all, finish_owed, release_holds
from sscard_chip.terminal.pos.hotlist import HotlistFile
from sscard_chip.terminal.pos.pending import OpenSale, PendingJournal
from sscard_chip.terminal.pos.psam import Psam
from sscard_chip.terminal.pos.recovery import ask_card
from sscard_chip.terminal.pos.refund import finish_refund, refund
from sscard_chip.terminal.pos.sale import Sale, answered, conclude
from sscard_chip.terminal.pos.station import Bill, SaleOutcome, Station, TillSettings


class Till(Closing):
    """See the module. Made by :meth:`open`.

    Between calls the holder's card has no power. ``clock`` gives the terminal's local time.
    """

    def __init__(self, station: Station, clock: Callable[[], datetime]) -> None:
        self._station = station
        self._clock = clock

    @classmethod
    def open(
        cls,
        settings: TillSettings,
        card: Connection,
        psam: Connection | None,
        day_file: str | os.PathLike[str],
        *,
        pin_entry: PinEntry,
        hotlist: Hotlist | HotlistFile | None = None,
        authoriser: Authoriser | None = None,
        clock: Callable[[], datetime] = datetime.now,
        business_date: str | None = None,
    ) -> Self:
        """Open the day file, or begin it for ``business_date`` (YYYYMMDD, else today).

        ``psam`` None opens what is there, to recover, give up or close. A ``hotlist`` in a file
        is read again between sales.

        :raises SaleRefusedError: PSAM, it cannot be read; DAY, another program has the file.
        :raises DayFileError: the file or its journal is malformed, or another terminal's.
        :raises OSError: a file cannot be read or written.
        """
        path = Path(day_file)
        sam = Psam(psam)
        header = None
        if psam is not None:
            terminal_id, number = sam.identify()
            date = business_date or written_day(clock().date())
            listed = hotlist.hotlist if isinstance(hotlist, HotlistFile) else hotlist
            version = listed.version if listed else None
            header = DayHeader(settings.pharmacy_code, terminal_id, date, version, number)
        day = DayFile.open(path, header)
        try:
            journal = PendingJournal.beside(path)
            if day.header.pharmacy_code != settings.pharmacy_code:
                raise DayFileError(f"{path}: row 1: fixmedins_code: is another pharmacy's")
        except BaseException:
            day.close()
            raise
        station = Station(
            settings=settings,
            card=card,
            sam=sam,
            pin_entry=pin_entry,
            listed=hotlist,
            day=day,
            journal=journal,
            authoriser=authoriser,
        )
        return cls(station, clock)

    @property
    def header(self) -> DayHeader:
        """Pharmacy, terminal and date of the day file."""
        return self._station.day.header

    @property
    def rows(self) -> tuple[DayRow, ...]:
        """The day's rows so far."""
        return self._station.day.rows

    @property
    def unfinished(self) -> OpenSale | None:
        """The sale or refund that broke off, if there is one."""
        return self._station.journal.sale

    @property
    def owing(self) -> tuple[OpenSale, ...]:
        """Recorded sales that still owe something to their card or to the centre."""
        return self._station.journal.owing

    # --- selling -------------------------------------------------------------------------------

    def sell(self, bill: Bill, time: str | None = None) -> SaleOutcome:
        """Sell to the card in the reader.

        A sale that broke off is asked for first. Is it found to be paid, then its outcome is
        returned (``recovered``) and nothing else is sold: the customer may be the same one.

        ``time`` is YYYYMMDDhhmmss, else the clock's.

        :raises SaleRefusedError: not paid, not recorded.
        :raises UnfinishedSaleError: not known; put the card in again and recover, or give up.
        """
        station = self._station
        station.day.require_open()
        when = self._time(time)
        with station.holder_pin() as pin:
            recovered = self._recover(pin)
            if recovered is not None:
                return recovered
            release_holds(station)
            notes = station.refresh_hotlist()
            return Sale(station, bill, when, pin, notes=notes).run()

    def refund(
        self,
        msgid: str,
        time: str | None = None,
        *,
        parts: Split | None = None,
        earlier: Iterable[DayRow] = (),
    ) -> SaleOutcome:
        """Refund a sale; see :func:`sscard_chip.terminal.pos.refund.refund`. Needs no card."""
        self._require_idle()
        return refund(self._station, msgid, self._time(time), parts=parts, earlier=earlier)

    # --- the account ---------------------------------------------------------------------------

    def load(self, centre: LoadCentre, time: str | None = None) -> LoadOutcome:
        """账户划入, while no sale is open; see :func:`.load_card`."""
        if self.unfinished is not None:
            raise UnfinishedSaleError("a sale broke off: recover it first, or give it up")
        return load_card(self._station, centre, time or self._clock().strftime(TIME))

    def show_balance(
        self, time: str | None = None, centre: LoadCentre | None = None
    ) -> BalanceOutcome:
        """What the card has; see :func:`~sscard_chip.terminal.pos.account.show_balance`."""
        return show_balance(self._station, time or self._clock().strftime(TIME), centre)

    # --- what broke off ------------------------------------------------------------------------

    def recover(self) -> SaleOutcome | None:
        """Finish what broke off; with the card in the reader where its answer is not known.

        None when nothing was open, or the card has not paid: then nothing is recorded.

        :raises UnfinishedSaleError: the card cannot be asked, or it is another one.
        """
        with self._station.holder_pin() as pin:
            return self._recover(pin)

    def _recover(self, pin: HolderPin) -> SaleOutcome | None:
        station, sale = self._station, self.unfinished
        if sale is None:
            return None
        if sale.row.refund:
            return finish_refund(station, sale.row, recovered=True)
        if sale.answered or station.day.holds(sale.row):
            return conclude(station, pin, None, sale, recovered=True)
        verdict = ask_card(station, pin, sale)
        if not verdict.paid:
            station.journal.drop()
            release_holds(station)
            return None
        sale = answered(station, sale, verdict.tac, grey=verdict.tac is None)
        return conclude(station, pin, verdict.session, sale, verdict.mac2, recovered=True)

    def give_up(self) -> SaleOutcome:
        """The card of the open sale does not come back: record it as a sale in doubt (grey).

        :raises SaleRefusedError: nothing is open, or its outcome is known without the card.
        """
        station, sale = self._station, self.unfinished
        if sale is None:
            raise SaleRefusedError(Refusal.DAY, "no sale is open")
        if sale.row.refund or sale.answered:
            raise SaleRefusedError(Refusal.DAY, "this one needs no card: recover it")
        station.record(OpenSale(sale.row))
        return SaleOutcome(sale.row, station.receipt(sale.row), recovered=True)

    def finish_owed(self) -> list[str]:
        """Write what earlier sales owe to the card in the reader, and inform the centre.

        Lines for the operator on what is left.
        """
        station = self._station
        warnings = [*release_holds(station), *confirm_all(station)]
        with station.holder_pin() as pin, station.at_card():
            session = station.open_card()
            return warnings + finish_owed(station, session, pin)

    # --- the end of the day --------------------------------------------------------------------

    def close_day(self) -> DayTrailer:
        """Write the trailer.

        :raises UnfinishedSaleError: a sale is open: recover it or give it up.
        :raises SaleRefusedError: the day is closed already.
        """
        station = self._station
        self._require_idle()
        release_holds(station)
        confirm_all(station)
        return station.day.finish()

    def close(self) -> None:
        """Release card, PSAM and files; the day stays open."""
        station = self._station
        station.power_off()
        station.sam.power_off()
        station.day.close()

    def _require_idle(self) -> None:
        """The day is open, and no sale is."""
        self._station.day.require_open()
        if self.unfinished is not None:
            raise UnfinishedSaleError("a sale broke off: recover it first, or give it up")

    def _time(self, given: str | None) -> str:
        """The sale's time; it must fall on the business date or the night after it."""
        text = given or self._clock().strftime(TIME)
        when, begun = parse_time(text), parse_date(self.header.business_date)
        if when is None or begun is None:
            raise SaleRefusedError(Refusal.DAY, f"the time {TIME_RULE}")
        if not begun <= when.date() < begun + timedelta(days=2):
            day = self.header.business_date
            raise SaleRefusedError(Refusal.DAY, f"the day file is of {day}: close it first")
        return text
