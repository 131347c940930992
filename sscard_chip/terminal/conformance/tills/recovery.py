# SPDX-License-Identifier: Apache-2.0
"""A card that is pulled out in the middle of a sale: the terminal asks for the proof before it does
anything else (LD/T 32.7, exceptions)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard import commands
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.tills.build import TillChapter
from sscard_chip.terminal.conformance.tills.trial import DEBIT, INIT, PROOF, TillTrial
from sscard_chip.terminal.conformance.tills.watching import CARD
from sscard_chip.terminal.conformance.tills.workplace import CardWish, SaleAnswer, SaleOrder

_PULLED: Final = TillChapter("PULLED", "LD/T 32.7, exceptions", "6001.2-terminal-recovery")


def cases() -> Iterator[Case]:
    """All of this module."""
    return _PULLED()


def _pulled(trial: TillTrial, *, executed: bool, fault: ExchangeFault) -> SaleAnswer:
    """A sale whose card is pulled out at DEBIT."""
    at = FaultAt(fault, command=commands.DEBIT_FOR_PURCHASE, executed=executed)
    trial.place(faults=(at,))
    return trial.sell()


def _finished(trial: TillTrial, answer: SaleAnswer) -> SaleAnswer:
    """The card is put in again until the terminal knows."""
    for _ in range(2):
        if answer.outcome != "open":
            return answer
        trial.insert()
        answer = trial.sell()
    trial.check(
        answer.outcome != "open", "a terminal that knows how the sale ended", "one that not"
    )
    return answer


def _asked_first(trial: TillTrial) -> None:
    """After the first DEBIT the proof is asked for before any other INITIALIZE or DEBIT."""
    entries = trial.transcript.all
    first = trial.place_of(DEBIT)
    for one in entries[first + 1 :]:
        if one.who == CARD and one.ins == PROOF:
            return
        again = one.who == CARD and one.ins in (INIT, DEBIT)
        trial.check(not again, "GET TRANSACTION PROOF first", "a new purchase")


def _case(number: int, title: str, fault: ExchangeFault, *, executed: bool) -> None:
    @_PULLED.case(number, title)
    def _(trial: TillTrial) -> None:
        answer = _finished(trial, _pulled(trial, executed=executed, fault=fault))
        _asked_first(trial)
        if executed:
            trial.paid(answer)
        elif answer.outcome == "paid":
            trial.charged(SaleOrder())
        else:
            trial.untouched(answer, debit=True)


_case(1, "Pulled out before the answer to DEBIT: the proof shows that it has paid",
      ExchangeFault.REMOVED, executed=True)  # fmt: skip
_case(2, "Pulled out before DEBIT has arrived: 9406 shows that it has not",
      ExchangeFault.REMOVED, executed=False)  # fmt: skip
_case(3, "No answer to a DEBIT that was made", ExchangeFault.MUTE, executed=True)
_case(4, "No answer to a DEBIT that has not arrived", ExchangeFault.MUTE, executed=False)
_case(5, "Half an answer to a DEBIT that was made", ExchangeFault.SHORT, executed=True)


@_PULLED.case(6, "The proof is asked for with the number that INITIALIZE gave, and type 32")
def _(trial: TillTrial) -> None:
    answer = _pulled(trial, executed=True, fault=ExchangeFault.REMOVED)
    trial.paid(_finished(trial, answer))
    number = trial.to_card(INIT)[0].data[14:16]
    proofs = trial.to_card(PROOF)
    trial.check(bool(proofs), "GET TRANSACTION PROOF", "none")
    trial.equal(proofs[0].body, number, "number in GET TRANSACTION PROOF:")
    trial.equal(proofs[0].command[3], 0x32, "type in GET TRANSACTION PROOF:")


@_PULLED.case(7, "Another card in the reader is not charged, and not taken for the first")
def _(trial: TillTrial) -> None:
    answer = _pulled(trial, executed=True, fault=ExchangeFault.REMOVED)
    trial.check(answer.outcome == "open", "a sale that is open while the card is out", "another")
    trial.insert(CardWish(serial="07A1B2C4"))
    trial.keep_raw()
    again = trial.sell()
    trial.check(again.outcome != "paid", "no sale with another card", "one")
    trial.equal(trial.account(trial.other).balance_fen, 100_000, "balance of the other card")
    trial.charged(SaleOrder())


@_PULLED.case(8, "Pulled out at the PIN: the PIN is not sent again without asking")
def _(trial: TillTrial) -> None:
    fault = FaultAt(ExchangeFault.REMOVED, 2, command=commands.VERIFY, executed=True)
    trial.place(faults=(fault,), typed=("246802", "135790"))
    trial.untouched(trial.sell())
    wrong = [one for one in trial.pins() if one.body == bytes.fromhex("246802")]
    trial.check(len(wrong) <= 1, "a wrong PIN sent once", f"{len(wrong)} times")


@_PULLED.case(9, "A sale that is found to be paid is not paid again by the next one")
def _(trial: TillTrial) -> None:
    answer = _finished(trial, _pulled(trial, executed=True, fault=ExchangeFault.REMOVED))
    trial.paid(answer)
    trial.place_again()
    later = SaleOrder(account_fen=7, self_paid_fen=0, pooled_fen=0, time="20260315121314")
    answer = trial.sell(later)
    trial.equal(answer.outcome, "paid", "outcome of the next sale")
    trial.equal(trial.account().balance_fen, 100_000 - 1007, "balance after both")


@_PULLED.case(10, "Pulled out before the account was touched: nothing is open")
def _(trial: TillTrial) -> None:
    fault = FaultAt(ExchangeFault.REMOVED, command=commands.INITIALIZE_FOR_PURCHASE, executed=True)
    trial.place(faults=(fault,))
    trial.untouched(trial.sell())
    trial.insert()
    trial.place_again()
    trial.paid(trial.sell())
