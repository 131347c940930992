# SPDX-License-Identifier: Apache-2.0
"""Allocation onto the card (账户划入), once, whatever breaks (LD/T 32.7; flows, 2.11 and 2.12).

The centre gives a number of the card one amount. So a break is no doubt that anybody must keep:
the next time that the card comes, to any terminal, it is asked for the proof of that number, and
without one the same amount is tried again. That the card has gone on to another number says that
the load was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
)
from sscard_chip.dayfile.loads import LoadCentre, LoadDue, LoadRequest
from sscard_chip.terminal import medical
from sscard_chip.terminal.connection import TerminalConnectionError
from sscard_chip.terminal.medical import AccountBalances
from sscard_chip.terminal.session import CardSession

_ROUNDS: Final = 8
"""How often the centre is asked what is due; each round ends a load or begins one."""


@dataclass(frozen=True, slots=True)
class LoadedAmount:
    """A load that is on the card: its 划入序号, fen and TAC (4 bytes).

    ``earlier``: it had broken off, and was found to be done or made now.
    """

    number: int
    fen: int
    tac: bytes
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a card has got, and what it has then; ``balances`` are None when it was pulled out
    before it said so. ``warnings`` are lines for the operator.
    """

    loads: tuple[LoadedAmount, ...]
    balances: AccountBalances | None
    warnings: tuple[str, ...] = ()

    @property
    def fen(self) -> int:
        """The sum of the loads."""
        return sum(one.fen for one in self.loads)


class LoadInDoubtError(TerminalConnectionError):
    """The connection broke while the card was loaded: it may have the money or not.

    The same again, with the card back in the slot of any terminal, finds out; nothing is loaded
    twice.
    """


class _StaleError(Exception):
    """The centre has learned of a load: what is due has changed."""


def load_account(
    open_card: Callable[[], CardSession], centre: LoadCentre, terminal_id: str, time: str
) -> LoadResult:
    """Load what the centre has posted and the card has not got.

    ``open_card`` gives the card in a fresh session, the holder's PIN satisfied and DF04 current;
    it is called again where the connection broke. ``time`` is YYYYMMDDhhmmss, local.

    :raises CentreError: the centre refuses or cannot be asked; nothing more is loaded.
    :raises CardStatusError: the card refuses.
    :raises LoadInDoubtError: see the class.
    """
    run = _Loading(open_card, centre, terminal_id, time)
    run.finish()
    balances = None
    try:
        balances = medical.get_balances(run.session)
    except TerminalConnectionError as error:
        if not run.done:
            raise
        run.warnings.append(f"loaded, and the balance was not read: {error}")
    return LoadResult(tuple(run.done), balances, tuple(run.warnings))


class _Loading:
    """One call of :func:`load_account`."""

    def __init__(
        self,
        open_card: Callable[[], CardSession],
        centre: LoadCentre,
        terminal_id: str,
        time: str,
    ) -> None:
        self._open_card = open_card
        self._centre = centre
        self._terminal_id = terminal_id
        self._time = time
        self.session = open_card()
        self._code = self.session.identification
        self._number = self.session.card_number
        self.done: list[LoadedAmount] = []
        self.warnings: list[str] = []

    def finish(self) -> None:
        for _ in range(_ROUNDS):
            due = self._centre.due(self._code, self._number, self._time)
            if due.number is not None:
                tac = medical.get_load_tac(self.session, due.number)
                if tac is not None:
                    found = LoadedAmount(due.number, due.fen, tac, earlier=True)
                    self._centre.confirm(self._code, found.number, found.tac, self._time)
                    self.done.append(found)
                    continue
            if not due.fen:
                return
            try:
                loaded = self._load(due)
            except _StaleError:
                continue
            if not self._record(loaded):
                return
        self.warnings.append("the centre goes on posting: load again for the rest")

    def _load(self, due: LoadDue) -> LoadedAmount:
        """INITIALIZE, MAC2 of the centre, CREDIT."""
        session = self.session
        opened = medical.send_initialize_load(session, due.key_index, due.fen, self._terminal_id)
        grant = self._centre.authorise(
            LoadRequest(
                self._code,
                self._number,
                self._terminal_id,
                self._time,
                session.algorithm,
                due.fen,
                opened.balance_fen,
                opened.number,
                opened.key_version,
                opened.random,
                opened.mac1,
            )
        )
        if not grant.mac2:
            raise _StaleError
        earlier = due.number is not None
        try:
            answer = medical.send_credit(session, grant.time, grant.mac2)
            if isinstance(answer, bytes):
                return LoadedAmount(opened.number, due.fen, answer, earlier)
            tac = medical.get_load_tac(session, opened.number)
        except TerminalConnectionError:
            answer, tac = None, self._ask_again(opened.number)
        if tac is not None:
            return LoadedAmount(opened.number, due.fen, tac, earlier)
        if answer is None:
            raise _StaleError  # it has no load of this number: begin again
        raise medical.credit_error(answer)

    def _ask_again(self, number: int) -> bytes | None:
        """The TAC of a load whose answer is lost, in a new session; None when it was not made."""
        try:
            self.session = self._open_card()
            if self.session.identification != self._code:
                raise LoadInDoubtError("another card is in the reader: put in the one before it")
            return medical.get_load_tac(self.session, number)
        except TerminalConnectionError as error:
            text = "it is not known whether the card was loaded; put it in and load again"
            raise LoadInDoubtError(f"{text} ({error})") from None

    def _record(self, loaded: LoadedAmount) -> bool:
        """Tell the centre of a load that is on the card; whether more may be asked of it."""
        self.done.append(loaded)
        try:
            self._centre.confirm(self._code, loaded.number, loaded.tac, self._time)
        except (CentreUnreachableError, CentreNoAnswerError) as error:
            self.warnings.append(f"loaded, and the centre is told with the next load: {error}")
            return False
        except CentreRefusedError as error:
            self.warnings.append(f"ALARM: loaded, and the centre refuses the card's proof: {error}")
            return False
        return True
