# SPDX-License-Identifier: Apache-2.0
"""What a till does with a card's account beside selling: load it (账户划入), show what it has."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_chip.dayfile.authoriser import CentreError
from sscard_chip.dayfile.loads import LoadCentre
from sscard_chip.standard.identifiers import DF04, OFFLINE_FILE
from sscard_chip.terminal import medical
from sscard_chip.terminal.loads import (
    LoadedAmount,
    LoadInDoubtError,
    LoadResult,
    load_account,
)
from sscard_chip.terminal.medical import AccountBalances
from sscard_chip.terminal.pos import card as steps
from sscard_chip.terminal.pos.card import CardholderName, HolderPin
from sscard_chip.terminal.pos.errors import (
    BrokenOffError,
    PosError,
    Refusal,
    SaleRefusedError,
)
from sscard_chip.terminal.pos.slips import AccountSlip
from sscard_chip.terminal.pos.station import Desk
from sscard_chip.terminal.session import CardSession


class UnfinishedLoadError(PosError):
    """A load broke off: the card may have the money or not.

    The same again, with the card back in the reader of any till, finds out; nothing is loaded
    twice.
    """


@dataclass(frozen=True, slots=True, repr=False)
class LoadOutcome:
    """What a card has got, and the slip that says so."""

    result: LoadResult
    slip: AccountSlip


@dataclass(frozen=True, slots=True, repr=False)
class BalanceOutcome:
    """What a card has, and the slip that says so. ``due_fen`` is what it may load, None where
    the centre was not asked; ``warnings`` are lines for the operator.
    """

    balances: AccountBalances
    slip: AccountSlip
    due_fen: int | None = None
    warnings: tuple[str, ...] = ()


def load_card(desk: Desk, centre: LoadCentre, time: str) -> LoadOutcome:
    """Load onto the card in the reader what the centre has posted and the card has not got.

    ``time`` is the terminal's, YYYYMMDDhhmmss, local. Safe to repeat.

    :raises SaleRefusedError: the card may not be loaded, or the centre refuses or is not there.
    :raises UnfinishedLoadError: see the class.
    """
    with desk.holder_pin() as pin:
        visit = _Visit(desk, pin, time)
        remaining, doubt = desk.settings.retries, None
        while True:
            try:
                with desk.at_card():
                    terminal_id = visit.terminal_id()
                    result = load_account(visit.open, centre, terminal_id, time)
                return LoadOutcome(result, visit.slip(result.balances, loads=result.loads))
            except LoadInDoubtError as error:
                doubt = error
            except (SaleRefusedError, CentreError) as error:
                again = isinstance(error, BrokenOffError) and remaining > 0 and not pin.in_doubt
                if doubt is not None and not again:
                    raise UnfinishedLoadError(str(doubt)) from None
                if isinstance(error, CentreError):
                    raise SaleRefusedError(Refusal.CENTRE, str(error)) from None
                if not again:
                    raise
            remaining -= 1


def show_balance(desk: Desk, time: str, centre: LoadCentre | None = None) -> BalanceOutcome:
    """Read what the card in the reader has, and print it; nothing is charged.

    A ``centre`` is asked what the card may load; that it cannot say so is a warning.

    :raises SaleRefusedError: the card cannot be read.
    """
    with desk.holder_pin() as pin:
        visit = _Visit(desk, pin, time)
        with desk.at_card():
            session = visit.open()
            balances = medical.get_balances(session)
        due, warnings = None, []
        if centre is not None:
            try:
                due = centre.due(session.identification, session.card_number, time).fen
            except CentreError as error:
                warnings.append(f"the centre does not say what is to be loaded: {error}")
        slip = visit.slip(balances, due_fen=due)
        return BalanceOutcome(balances, slip, due, tuple(warnings))


class _Visit:
    """A card before the desk; the PIN is asked for once."""

    def __init__(self, desk: Desk, pin: HolderPin, time: str) -> None:
        self._desk, self._pin, self._time = desk, pin, time
        self._identification: bytes | None = None
        self._terminal = "0" * 12
        self._number = ""
        self._holder: CardholderName | None = None

    def open(self) -> CardSession:
        """The card in a session of its own, as at the beginning of a sale, DF04 current."""
        desk = self._desk
        session = desk.open_card()
        if self._identification not in (None, session.identification):
            raise SaleRefusedError(Refusal.OTHER_CARD, "it was changed meanwhile")
        self._identification, self._number = session.identification, session.card_number
        steps.check_card(session, self._time, desk.hotlist, desk.settings.divisions)
        if desk.sam.present:
            desk.sam.open(session.algorithm)
            with desk.sam.asked() as client:
                self._terminal = client.terminal_id()
            steps.check_genuine(session, desk.sam)
        self._pin.verify(session)
        file = session.file(session.directory, OFFLINE_FILE)
        if desk.sam.present or file is None or file.read.kid is None:
            self._holder = steps.read_holder(session, desk.sam)
        session.enter(DF04)
        return session

    def terminal_id(self) -> str:
        """终端机编号 of the PSAM."""
        self._terminal, _ = self._desk.sam.identify()
        return self._terminal

    def slip(
        self,
        balances: AccountBalances | None,
        *,
        loads: tuple[LoadedAmount, ...] = (),
        due_fen: int | None = None,
    ) -> AccountSlip:
        """A slip of this pharmacy for the card that was here."""
        settings = self._desk.settings
        return AccountSlip(
            settings.pharmacy_name,
            settings.pharmacy_code,
            self._terminal,
            self._time,
            self._number,
            balances,
            self._holder,
            loads,
            due_fen,
        )
