# SPDX-License-Identifier: Apache-2.0
"""One sale, from the card in the reader to its row in the day file (LD/T 32.7; flows, 2.1, 2.10).

Up to DEBIT a sale may break off or be refused and nothing has happened, but for a number of the
PSAM that stays unused. From DEBIT on the journal has it, and :mod:`recovery` finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
    Hold,
    HoldRequest,
)
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.standard.identifiers import DF04, PURCHASE
from sscard_chip.standard.settlement_mode import (
    OfflineUse,
    SettlementMode,
    SettlementRefusedError,
    Split,
)
from sscard_chip.terminal import medical
from sscard_chip.terminal.connection import TerminalConnectionError
from sscard_chip.terminal.medical import DebitProof, PurchaseInitialization
from sscard_chip.terminal.pos import card as steps
from sscard_chip.terminal.pos.card import CardholderName, HolderPin
from sscard_chip.terminal.pos.errors import (
    BrokenOffError,
    Refusal,
    SaleRefusedError,
    UnfinishedSaleError,
    refusal_of,
)
from sscard_chip.terminal.pos.followup import (
    confirm_sale,
    finish_on_card,
    finish_owed,
    release_holds,
)
from sscard_chip.terminal.pos.pending import OpenSale, PendingTask
from sscard_chip.terminal.pos.recovery import ask_card
from sscard_chip.terminal.pos.station import Bill, SaleOutcome, Station, next_msgid
from sscard_chip.terminal.psam_client import Mac1, PurchaseRequest
from sscard_chip.terminal.session import CardSession


@dataclass(frozen=True, slots=True, repr=False)
class Terms:
    """How a sale is settled: the amounts for the card, the bill's split, the centre's hold."""

    amounts: Split
    split: Split
    hold: Hold | None = None
    use_before: OfflineUse | None = None
    use_after: OfflineUse | None = None

    def tasks(self, category: str | None) -> frozenset[PendingTask]:
        """What the sale will owe when it is paid."""
        owed = {
            PendingTask.CONFIRM: self.hold,
            PendingTask.SPECIAL: category,
            PendingTask.OFFLINE_USE: self.use_after,
        }
        return frozenset(task for task, what in owed.items() if what is not None)


@dataclass(slots=True)
class Sale:
    """A sale under way. ``time`` is the terminal's local time, YYYYMMDDhhmmss."""

    station: Station
    bill: Bill
    time: str
    pin: HolderPin
    msgid: str = ""
    identification: bytes | None = None
    holder: CardholderName | None = None
    balance_fen: int | None = None
    notes: list[str] = field(default_factory=list)  # of the till, before the sale
    warnings: list[str] = field(default_factory=list)

    def run(self) -> SaleOutcome:
        """Sell.

        :raises SaleRefusedError: not paid, not recorded.
        :raises UnfinishedSaleError: it is not known whether the card has paid.
        """
        self.msgid = next_msgid(self.station, self.time)
        try:
            return self._run()
        except SaleRefusedError:
            self.warnings += release_holds(self.station)
            raise

    def _run(self) -> SaleOutcome:
        remaining = self.station.settings.retries
        while True:
            try:
                with self.station.at_card():
                    session, sale, mac1 = self._prepare()
                break
            except BrokenOffError:
                if remaining <= 0 or self.pin.in_doubt:
                    raise
                remaining -= 1
        sale, right, session = self._debit(session, sale, mac1)
        return conclude(
            self.station,
            self.pin,
            session,
            sale,
            right,
            holder=self.holder,
            balance_fen=self.balance_fen,
            warnings=self.warnings,
        )

    # --- before the debit ----------------------------------------------------------------------

    def _prepare(self) -> tuple[CardSession, OpenSale, Mac1]:
        """Everything up to DEBIT, in a session of its own; may be repeated."""
        station, settings = self.station, self.station.settings
        session = station.open_card()
        if self.identification not in (None, session.identification):
            raise SaleRefusedError(Refusal.OTHER_CARD, "it was changed during the sale")
        self.identification = session.identification
        steps.check_card(session, self.time, station.hotlist, settings.divisions)
        terminal_id = self._open_psam(session)
        steps.check_genuine(session, station.sam)
        self.pin.verify(session)
        self.holder = steps.read_holder(session, station.sam)
        session.enter(DF04)
        division = steps.insured_division(session)
        self.warnings = [*self.notes, *finish_owed(station, session, self.pin)]
        terms = self._terms(session, division)
        with station.sam.asked() as client:
            key_index = client.purchase_key_index()
        opened = medical.send_initialize(session, key_index, terms.amounts, terminal_id)
        self.balance_fen = self._balance_after(opened.balance_fen, terms)
        request = PurchaseRequest(
            opened.random,
            opened.number,
            terms.amounts,
            PURCHASE,
            self.time,
            opened.key_version,
            opened.algorithm,
        )
        mac1 = station.sam.init_purchase(request, session.factors, self.msgid)
        row = self._row(session, terms, division, terminal_id, opened, mac1)
        tasks = terms.tasks(self.bill.category)
        sale = OpenSale(row, tasks, self.bill.category, terms.use_before, terms.use_after)
        try:
            sale.row.check()
            station.begin(sale)
        except DayFileError as error:
            raise SaleRefusedError(Refusal.NOT_READABLE, str(error)) from None
        return session, sale, mac1

    def _open_psam(self, session: CardSession) -> str:
        """The PSAM in the card's environment; its terminal number, that of the day file."""
        sam = self.station.sam
        sam.open(session.algorithm)
        with sam.asked() as client:
            terminal_id = client.terminal_id()
        if terminal_id != self.station.day.header.terminal_id:
            raise SaleRefusedError(Refusal.PSAM, "it is another one than the day file's")
        return terminal_id

    def _terms(self, session: CardSession, division: str) -> Terms:
        """The region's mode applied to the bill (letter no. 38)."""
        region, split = self.station.settings.region, self.bill.split
        use = None
        if region.mode is SettlementMode.TEMPORARY_OFFLINE:
            use = steps.read_offline_use(session, self.station.sam)
        try:
            if region.mode is SettlementMode.OFFLINE:
                self.station.require_fresh_hotlist(self.time)
                return Terms(region.amounts(split, online=False), split)
            hold = self._authorise(session, division, use)
            if hold is not None:
                amounts = region.amounts(hold.split, online=True)
                return Terms(amounts, hold.split, hold, use)
            if use is None:
                raise SaleRefusedError(Refusal.CENTRE, "it cannot be reached")
            self.station.require_fresh_hotlist(self.time)
            after = region.check_offline(session.division, use, split.total_fen)
            return Terms(region.amounts(split, online=False), split, None, use, after)
        except SettlementRefusedError as error:
            raise SaleRefusedError(Refusal.MODE, str(error)) from None

    def _authorise(
        self, session: CardSession, division: str, use: OfflineUse | None
    ) -> Hold | None:
        """A hold of the centre; None when it cannot be reached."""
        station = self.station
        if station.authoriser is None:
            return None
        request = HoldRequest(
            self.msgid,
            station.day.header.terminal_id,
            self.time,
            session.identification,
            session.card_number,
            station.settings.region.division,
            division,
            self.bill.split,
            self.bill.category,
            use,
        )
        held = self.msgid in station.journal.holds
        if not held:
            station.journal.hold(self.msgid)
        try:
            return station.authoriser.authorise(request)
        except CentreUnreachableError:
            if not held:
                station.journal.release(self.msgid)
            return None
        except CentreRefusedError as error:
            station.spent.add(self.msgid)
            station.journal.release(self.msgid)
            raise SaleRefusedError(Refusal.CENTRE, str(error)) from None
        except CentreNoAnswerError as error:
            raise SaleRefusedError(Refusal.CENTRE, str(error)) from None

    def _balance_after(self, card_balance_fen: int, terms: Terms) -> int | None:
        """The account's balance on the receipt: the card's in mode 3, else the centre's."""
        if self.station.settings.region.mode is SettlementMode.OFFLINE:
            return card_balance_fen - terms.amounts.account_fen
        return terms.hold.balance_fen if terms.hold else None

    def _row(
        self,
        session: CardSession,
        terms: Terms,
        division: str,
        terminal_id: str,
        opened: PurchaseInitialization,
        mac1: Mac1,
    ) -> DayRow:
        """The row as it is without an answer: grey."""
        hold, split, amounts = terms.hold, terms.split, terms.amounts
        return DayRow(
            setl_id=hold.setl_id if hold else None,
            mdtrt_id=hold.mdtrt_id if hold else None,
            psn_no=hold.psn_no if hold else None,
            total_fen=split.total_fen,
            fund_fen=split.pooled_fen,
            account_fen=split.account_fen,
            cash_fen=split.self_paid_fen,
            refund=False,
            msgid=self.msgid,
            treatment_division=self.station.settings.region.division,
            insured_division=division,
            card_id_code=session.identification,
            card_number=session.card_number,
            diversification_factor=session.factors.card,
            algorithm=session.algorithm,
            key_version=opened.key_version,
            transaction_number=opened.number,
            transaction_type=PURCHASE,
            terminal_id=terminal_id,
            terminal_transaction_number=mac1.transaction_number,
            time=self.time,
            card_account_fen=amounts.account_fen,
            card_self_paid_fen=amounts.self_paid_fen,
            card_pooled_fen=amounts.pooled_fen,
            tac=None,
            grey=True,
        )

    # --- the debit and after it ----------------------------------------------------------------

    def _debit(
        self, session: CardSession, sale: OpenSale, mac1: Mac1
    ) -> tuple[OpenSale, bool | None, CardSession]:
        """DEBIT: the paid sale, whether MAC2 was right, and the session it ended in.

        :raises SaleRefusedError: the card has not paid.
        :raises UnfinishedSaleError: that is not known.
        """
        try:
            answer = medical.send_debit(session, mac1.transaction_number, self.time, mac1.mac)
            if isinstance(answer, DebitProof):
                paid = answered(self.station, sale, answer.tac, grey=False)
                return paid, self.station.sam.credit(self.msgid, answer.mac2), session
            refused = refusal_of(medical.debit_error(answer))
        except TerminalConnectionError as error:
            refused = BrokenOffError(Refusal.NOT_READABLE, str(error))
        verdict = ask_card(self.station, self.pin, sale)
        if not verdict.paid:
            self.station.journal.drop()
            raise refused
        paid = answered(self.station, sale, verdict.tac, grey=verdict.tac is None)
        return paid, verdict.mac2, verdict.session


def answered(station: Station, sale: OpenSale, tac: bytes | None, *, grey: bool) -> OpenSale:
    """The sale with the card's answer, in the journal first.

    :raises UnfinishedSaleError: the journal cannot be written. The card can be asked again.
    """
    try:
        station.journal.answer(tac, grey=grey)
    except OSError as error:
        text = f"the card has paid, but {station.journal.path} cannot be written"
        raise UnfinishedSaleError(f"{text}: {error.strerror}") from None
    return replace(sale, row=replace(sale.row, tac=tac, grey=grey))


def conclude(
    station: Station,
    pin: HolderPin,
    session: CardSession | None,
    sale: OpenSale,
    right: bool | None = None,
    *,
    holder: CardholderName | None = None,
    balance_fen: int | None = None,
    recovered: bool = False,
    warnings: Sequence[str] = (),
) -> SaleOutcome:
    """A paid sale: its row, what it owes, its receipt.

    It is sure with the card's TAC, unless the PSAM found MAC2 wrong (``right`` False): then the
    card is suspect, and the centre decides by the TAC. Without ``session`` the card is owed what
    is to be on it.

    :raises UnfinishedSaleError: the row cannot be written; the journal keeps the sale.
    """
    lines = list(warnings)
    if right is False:
        lines.append("ALARM: MAC2 refused, the card is suspect")
        sale = answered(station, sale, sale.row.tac, grey=True)
    if sale.row.tac is None:
        lines.append("the card has paid, and a later sale has replaced its TAC")
    station.record(sale)
    if session is not None:
        first = replace(sale, tasks=sale.tasks & {PendingTask.SPECIAL})
        lines += finish_on_card(station, session, pin, first)
    lines += confirm_sale(station, sale)
    if session is not None:
        for owing in station.journal.owing:
            if owing.row.msgid == sale.row.msgid:
                rest = replace(owing, tasks=owing.tasks & {PendingTask.OFFLINE_USE})
                lines += finish_on_card(station, session, pin, rest)
    receipt = station.receipt(
        sale.row, holder, balance_fen, online=PendingTask.CONFIRM in sale.tasks
    )
    return SaleOutcome(sale.row, receipt, right, recovered, tuple(lines))
