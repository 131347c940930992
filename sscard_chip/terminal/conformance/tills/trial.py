# SPDX-License-Identifier: Apache-2.0
"""A terminal under a case: its workplace, its sales, and what the card says afterwards."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sscard_chip.applications.amounts import decode_account
from sscard_chip.card import Card
from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.filesystem.files import CyclicFile, LinearFile
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import load_image
from sscard_chip.reader.faulty import FaultAt
from sscard_chip.reader.pcscd import PcscUnavailableError
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import (
    AID_OF_DF,
    DF04,
    MEDICAL_LOG,
    OFFLINE_FILE,
    PURCHASE,
    SSSE_NAME,
)
from sscard_chip.standard.settlement_mode import SettlementMode
from sscard_chip.terminal.conformance.evidence import RawExchange
from sscard_chip.terminal.conformance.exchange import Exchanges
from sscard_chip.terminal.conformance.tills.program import ProgramError
from sscard_chip.terminal.conformance.tills.watching import (
    CARD,
    HOLDER,
    MOST_SAID,
    PSAM,
    ChangedReply,
    Said,
    Transcript,
    WatchedCentre,
    WatchedSlot,
)
from sscard_chip.terminal.conformance.tills.workplace import (
    PIN,
    CardWish,
    JudgedTerminal,
    SaleAnswer,
    SaleOrder,
    TerminalMaker,
    Workplace,
    Workshop,
)
from sscard_chip.terminal.conformance.verdict import (
    DeviatingAnswerError,
    NotApplicableError,
    UndecidedError,
)
from sscard_chip.terminal.connection import connect_card

INIT: Final = commands.INITIALIZE_FOR_PURCHASE.ins
DEBIT: Final = commands.DEBIT_FOR_PURCHASE.ins
PROOF: Final = commands.GET_TRANSACTION_PROOF.ins
VERIFY: Final = commands.VERIFY.ins
SELECT: Final = commands.SELECT.ins
INTERNAL: Final = commands.INTERNAL_AUTHENTICATE.ins
EXTERNAL: Final = commands.EXTERNAL_AUTHENTICATE.ins
INIT_SAM: Final = commands.INIT_SAM_FOR_MEDICAL_PURCHASE.ins
CREDIT_SAM: Final = commands.CREDIT_SAM_FOR_PURCHASE.ins
REFUSED: Final = SaleAnswer("refused")
_DIRECTORIES: Final = {SSSE_NAME: "SSSE", **{aid: f"{fid:04X}" for fid, aid in AID_OF_DF.items()}}


class Account:
    """The medical account as it lies in the memory of a card, whatever is locked on it.

    ``records``: those of purchases in EF08, the newest first; ``use``: values of 90, 92 and 93 in
    EF06, where there is one.
    """

    def __init__(self, card: Card) -> None:
        memory = load_image(card.image())
        found = {one.fid: one for one in FileSystem(memory).directories}[DF04]
        file, log = found.amount_file, found.files[MEDICAL_LOG]
        if file is None or not isinstance(log, CyclicFile):
            raise UndecidedError("the card has no medical account")
        body = bytes(memory.cells[file.body : file.body + file.size])
        self.balance_fen = decode_account(body).balance_fen
        every = [bytes(log.record(number)) for number in range(1, log.count + 1)]
        self.records = [one for one in every if one[2:3] == bytes((PURCHASE,))]
        offline = found.files.get(OFFLINE_FILE)
        self.use: dict[int, bytes] = {}
        if isinstance(offline, LinearFile):
            for number in range(1, offline.count + 1):
                record = bytes(offline.record(number))
                self.use[record[0]] = record[2:]


class TillTrial(Exchanges):
    """A terminal under a case.

    :meth:`place` sets a workplace up, :meth:`sell` has the terminal sell there.
    """

    def __init__(self, factory: TerminalMaker, workshop: Workshop, folder: Path) -> None:
        super().__init__(connect_card(Card(workshop.psam(level=3))))
        self.workshop = workshop
        self.transcript = Transcript()
        self.asked: list[int] = []
        self._factory = factory
        self._folder = folder
        self._places = 0
        self._typed: list[str | None] = []
        self._terminal: JudgedTerminal | None = None
        self._wish = CardWish()
        self.raised = ""

    # --- the workplace ---------------------------------------------------------------------------

    def place(
        self,
        wish: CardWish | None = None,
        *,
        typed: tuple[str | None, ...] | None = None,
        hotlist: Hotlist | None = None,
        faults: tuple[FaultAt, ...] = (),
        sam_faults: tuple[FaultAt, ...] = (),
        change: ChangedReply | None = None,
        sam_change: ChangedReply | None = None,
        level: int = 3,
        purchase_version: int = 1,
        **centre: Any,
    ) -> None:
        """A new workplace with a new card and PSAM, and a new terminal at it.

        ``typed`` is what the holder types in turn, then always the right PIN. ``change`` and
        ``sam_change`` give other answers of card and PSAM. ``purchase_version`` is what the PSAM
        names in its information files; ``centre`` the fields of :class:`.watching.WatchedCentre`
        in modes 1 and 2.
        """
        self._leave()
        self._wish = wish or CardWish()
        self._places += 1
        folder = self._folder / f"{self._places}"
        folder.mkdir()
        self.keep_raw()
        self.transcript = Transcript()
        self.asked = []
        self._typed = list(typed or ())
        self.card = Card(self.workshop.card(self._wish).copy())
        self.psam = Card(self.workshop.psam(level=level, version=purchase_version).copy())
        self.slot = WatchedSlot(
            connect_card(self.card), CARD, self.transcript, *faults, change=change
        )
        self.sam_slot = WatchedSlot(
            connect_card(self.psam), PSAM, self.transcript, *sam_faults, change=sam_change
        )
        self.before = self.account()
        listed = hotlist or Hotlist("20260301000000")
        mode = self._wish.mode
        self.centre = WatchedCentre(self.transcript, **centre)
        self._terminal = self._factory(
            Workplace(
                self.slot, self.sam_slot, self._ask, listed, folder, mode,
                None if mode is SettlementMode.OFFLINE else self.centre,
            )
        )  # fmt: skip

    def insert(self, wish: CardWish | None = None) -> None:
        """Put the card back into the reader, or another one."""
        if wish is None:
            self.slot.insert()
            return
        self.slot.remove()
        self.other = Card(self.workshop.card(wish).copy())
        self.slot.insert(connect_card(self.other))

    def place_again(self) -> None:
        """Leave card, PSAM and terminal as they are for the next sale at the same place."""
        if not self.slot.present:
            self.slot.insert()

    def _ask(self, tries: int) -> str | None:
        self.asked.append(tries)
        self.transcript.note(HOLDER, b"", b"")
        return self._typed.pop(0) if self._typed else self._wish.pin or PIN

    def sell(self, order: SaleOrder | None = None) -> SaleAnswer:
        """Have the terminal sell; what it raises is a refusal."""
        if self._terminal is None:
            raise UndecidedError("there is no workplace")
        self.raised = ""
        self.transcript.begin()
        try:
            answer = self._terminal.sell(order or SaleOrder())
        except PcscUnavailableError:  # a reader of the suite's, and no fault of the terminal
            raise
        except Exception as error:
            self.raised = _cause(error)
            self._ended()
            return REFUSED
        finally:
            self.keep_raw()
        self._ended()
        self.check(
            isinstance(answer, SaleAnswer) and answer.outcome in ("paid", "refused", "open"),
            "an answer of sell()", "something else",
        )  # fmt: skip
        return answer

    def _ended(self) -> None:
        self.check(not self.transcript.endless, "an end of the sale",
                   f"{MOST_SAID} commands and questions")  # fmt: skip

    def end_day(self) -> None:
        """Have the terminal end its day.

        :raises NotApplicableError: it has no ``end_day``.
        """
        end = getattr(self._terminal, "end_day", None)
        if end is None:
            raise NotApplicableError("the terminal has no end of the day")
        self.raised = ""
        try:
            end()
        except (NotApplicableError, PcscUnavailableError):
            raise
        except Exception as error:
            self.raised = _cause(error)
        finally:
            self.keep_raw()

    def _leave(self) -> None:
        """The workplace is given up; a terminal that has ``close`` is closed."""
        terminal, self._terminal = self._terminal, None
        close = getattr(terminal, "close", None)
        if callable(close):
            with suppress(Exception):
                close()

    # --- checks ----------------------------------------------------------------------------------

    def check(self, holds: bool, expected: str, received: str = "something else") -> None:
        """See :class:`Exchanges`; why the terminal gave no answer is said too."""
        super().check(holds, expected, f"{received} ({self.raised})" if self.raised else received)

    def equal(self, received: object, expected: object, what: str) -> None:
        """See :class:`Exchanges`; as :meth:`check`."""
        try:
            super().equal(received, expected, what)
        except DeviatingAnswerError as error:
            if not self.raised:
                raise
            text = f"{error.received} ({self.raised})"
            raise DeviatingAnswerError(error.expected, text) from None

    def keep_raw(self) -> None:
        """Take over what was said for the report."""
        for _, command, answer in self.transcript.raw:
            self.exchanges.append(RawExchange(command, answer))
        self.transcript.raw.clear()

    # --- what the card says afterwards -----------------------------------------------------------

    def account(self, card: Card | None = None) -> Account:
        """The account as it is now."""
        return Account(card or self.card)

    def paid(self, answer: SaleAnswer, order: SaleOrder | None = None) -> None:
        """See that the sale is paid, once, to the fen, and that the terminal knows.

        :raises DeviatingAnswerError:
        """
        order = order or SaleOrder()
        self.equal(answer.outcome, "paid", "outcome of the sale")
        self.charged(order)
        debits = [one for one in self.debits() if one.sw == 0x9000]
        proofs = [one for one in self.transcript.to(CARD, PROOF) if one.sw == 0x9000]
        tacs = {one.data[:4] for one in debits} | {one.data[4:] for one in proofs}
        self.check(answer.tac in tacs, "the card's TAC in the terminal's answer", "another value")

    def charged(self, order: SaleOrder) -> None:
        """See that the card was charged with an order, once."""
        now = self.account()
        self.equal(self.before.balance_fen - now.balance_fen, order.sent_fen[0], "fen charged")
        self.equal(len(now.records) - len(self.before.records), 1, "purchases in EF08")
        record = now.records[0]
        terminal = self.workshop.terminal_number()
        expected = bytes((PURCHASE,)) + terminal + bytes.fromhex(order.time) + order.amounts
        self.equal(record[2:], expected[: len(record) - 2], "newest record of EF08")

    def untouched(self, answer: SaleAnswer, *, debit: bool = False) -> None:
        """See that nothing was charged, and that the terminal does not say it was; without
        ``debit`` none was even tried.

        :raises DeviatingAnswerError:
        """
        self.check(answer.outcome != "paid", "a sale that is not paid", "one that is")
        now = self.account()
        self.equal(now.balance_fen, self.before.balance_fen, "balance")
        self.equal(len(now.records), len(self.before.records), "purchases in EF08")
        if not debit:
            self.equal(len(self.debits()), 0, "DEBIT commands")

    # --- what was said ---------------------------------------------------------------------------

    def to_card(self, ins: int | None = None) -> list[Said]:
        """What was said to the card."""
        return self.transcript.to(CARD, ins)

    def to_psam(self, ins: int | None = None) -> list[Said]:
        """What was said to the PSAM."""
        return self.transcript.to(PSAM, ins)

    def debits(self) -> list[Said]:
        """DEBIT FOR PURCHASE commands."""
        return self.to_card(DEBIT)

    def pins(self) -> list[Said]:
        """VERIFY commands with digits."""
        return [one for one in self.to_card(VERIFY) if one.body]

    def place_of(self, ins: int, *, who: str = CARD, last: bool = False) -> int:
        """Where a command stands in the transcript, the first or last of its kind.

        :raises DeviatingAnswerError: there is none.
        """
        found = [
            place for place, one in enumerate(self.transcript) if one.who == who and one.ins == ins
        ]
        self.check(bool(found), f"a command with INS {ins:02X} to the {who}", "none")
        return found[-1] if last else found[0]

    def directory_at(self, place: int) -> str:
        """The directory that is current on the card before an entry of the transcript."""
        current = "MF"
        for one in self.transcript.all[:place]:
            if one.who != CARD:
                continue
            if not one.command:
                current = "MF"
            elif one.ins == SELECT and one.sw == 0x9000 and one.command[2] in (0x00, 0x04):
                current = _DIRECTORIES.get(one.body, one.body.hex().upper() or "MF")
        return current

    def restore(self) -> None:
        """Nothing is to be put back: cards and PSAMs are copies."""
        self._leave()
        with suppress(AttributeError):
            self.slot.remove()


def _cause(error: Exception) -> str:
    """What an exception says: of the words of a terminal's own the type alone."""
    return str(error) if isinstance(error, ProgramError) else type(error).__name__
