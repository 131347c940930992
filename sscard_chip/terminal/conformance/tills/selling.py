# SPDX-License-Identifier: Apache-2.0
"""The purchase: amounts, order of card and PSAM, MAC1, MAC2 and TAC, and every refusal (LD/T 32.7,
12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import ALGORITHM_SM4, PURCHASE
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.tills.build import TillChapter
from sscard_chip.terminal.conformance.tills.trial import (
    CREDIT_SAM,
    DEBIT,
    INIT,
    INIT_SAM,
    TillTrial,
)
from sscard_chip.terminal.conformance.tills.watching import CARD, PSAM, ChangedReply
from sscard_chip.terminal.conformance.tills.workplace import CardWish, SaleOrder

_SALE: Final = TillChapter("SALE", "LD/T 32.7, 12 purchase", "6001.2-terminal-purchase")
_FAULT: Final = TillChapter("FAULT", "LD/T 32.8, error handling", "6001.2-terminal-purchase")
_ORDERS: Final = (
    SaleOrder(),
    SaleOrder(account_fen=1, self_paid_fen=0, pooled_fen=0),
    SaleOrder(account_fen=0, self_paid_fen=1, pooled_fen=0),
    SaleOrder(account_fen=0, self_paid_fen=0, pooled_fen=99_999_99),
    SaleOrder(account_fen=256, self_paid_fen=65_536, pooled_fen=255),
    SaleOrder(account_fen=100_000, self_paid_fen=3, pooled_fen=4, time="20291231235959"),
)
_WRITES: Final = (0xD6, 0xDC, 0xE2, 0x5E, 0x24, 0x1E, 0x16, 0xD4, 0xE0, 0x2A, 0x56)


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_SALE(), *_FAULT())


@_SALE.case(1, "A sale is paid once, to the fen, and the terminal has its TAC")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    trial.equal(len(trial.debits()), 1, "DEBIT commands")


@_SALE.case(2, "The amounts are those of the bill, in their order")
def _(trial: TillTrial) -> None:
    for order in _ORDERS:
        trial.place()
        trial.paid(trial.sell(order), order)
        begun = trial.to_card(INIT)[-1].body
        trial.check(begun[1:13] == order.amounts, "the three amounts of the bill", "others")


@_SALE.case(3, "Card and PSAM get one terminal number: that of the PSAM")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    number = trial.workshop.terminal_number()
    trial.equal(trial.to_card(INIT)[-1].body[13:19], number, "终端机编号 in INITIALIZE")


@_SALE.case(4, "INITIALIZE, INIT SAM, DEBIT, CREDIT SAM: in this order")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    begun, debit = trial.place_of(INIT, last=True), trial.place_of(DEBIT)
    sam, credit = (
        trial.place_of(INIT_SAM, who=PSAM, last=True),
        trial.place_of(CREDIT_SAM, who=PSAM),
    )
    trial.check(begun < sam < debit < credit, "the order of the four commands", "another order")


@_SALE.case(5, "Between INITIALIZE and DEBIT the card gets no other command but a query")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    queries = (commands.GET_BALANCE.ins, commands.GET_TRANSACTION_PROOF.ins)
    begun, debit = trial.place_of(INIT, last=True), trial.place_of(DEBIT)
    for one in trial.transcript.all[begun + 1 : debit]:
        trial.check(
            one.who != CARD or one.ins in queries, "no command between",
            one.command[:4].hex().upper(),
        )  # fmt: skip


@_SALE.case(6, "Between INIT SAM and CREDIT SAM the PSAM gets no other command")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    sam = trial.place_of(INIT_SAM, who=PSAM, last=True)
    credit = trial.place_of(CREDIT_SAM, who=PSAM)
    between = [one for one in trial.transcript.all[sam + 1 : credit] if one.who == PSAM]
    trial.equal(len(between), 0, "commands to the PSAM between")


@_SALE.case(7, "The PSAM gets what the card answered: random, number, version, algorithm")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    said, asked = trial.to_card(INIT)[-1].data, trial.to_psam(INIT_SAM)[-1].body
    trial.check(asked[:6] == said[-4:] + said[14:16], "random and number of the card", "others")
    trial.check(asked[6:18] == SaleOrder().amounts, "the three amounts", "others")
    trial.equal(asked[18], PURCHASE, "transaction type")
    trial.check(asked[26:28] == said[16:18], "key version and algorithm of the card", "others")


@_SALE.case(8, "The card gets what the PSAM answered: 终端交易序号 and MAC1, at the same time")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    said, debit = trial.to_psam(INIT_SAM)[-1], trial.debits()[-1].body
    trial.check(debit[:4] == said.data[:4], "终端交易序号 of the PSAM", "another")
    trial.check(debit[11:15] == said.data[4:8], "MAC1 of the PSAM", "another")
    trial.check(debit[4:11] == said.body[19:26], "the time that the PSAM got", "another")
    trial.equal(debit[4:11], bytes.fromhex(SaleOrder().time), "time of the sale")


@_SALE.case(9, "The PSAM gets the card's MAC2")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    credits = trial.to_psam(CREDIT_SAM)
    trial.equal(len(credits), 1, "CREDIT SAM commands")
    trial.check(credits[0].body == trial.debits()[0].data[4:8], "MAC2 of the card", "another")


@_SALE.case(10, "A MAC2 that the PSAM finds wrong is told: the card is suspect")
def _(trial: TillTrial) -> None:
    trial.place(sam_change=_to(CREDIT_SAM, b"\x93\x02"))
    answer = trial.sell()
    trial.check(answer.suspect, "a terminal that says that the card is suspect", "nothing")
    trial.equal(len(trial.debits()), 1, "DEBIT commands")


@_SALE.case(11, "Of a right MAC2 there is no alarm")
def _(trial: TillTrial) -> None:
    trial.place()
    answer = trial.sell()
    trial.paid(answer)
    trial.check(not answer.suspect, "no alarm", "an alarm")


@_SALE.case(12, "Nothing is written on the card but by DEBIT")
def _(trial: TillTrial) -> None:
    for wish in (CardWish(), CardWish(generation=3, algorithm=ALGORITHM_SM4)):
        trial.place(wish)
        trial.paid(trial.sell())
        wrote = [one.command[:4].hex().upper() for one in trial.to_card() if one.ins in _WRITES]
        trial.equal(wrote, [], "commands that write:")


@_SALE.case(13, "More than the account has (9401): refused, no DEBIT")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(balance_fen=999))
    trial.untouched(trial.sell())


@_SALE.case(14, "No key of that index (9403): refused, no DEBIT")
def _(trial: TillTrial) -> None:
    trial.place(change=_to(INIT, b"\x94\x03"))
    trial.untouched(trial.sell())


@_SALE.case(15, "No number left (9402): refused, no DEBIT")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(broken="counter-at-end"))
    trial.untouched(trial.sell())


@_SALE.case(16, "MAC1 that the card refuses (9302): the same DEBIT is not sent again")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(broken="wrong-debit-key"))
    trial.untouched(trial.sell(), debit=True)
    sent = [one.body for one in trial.debits()]
    trial.equal(len(sent), len(set(sent)), "different DEBIT commands")


@_SALE.case(17, "A PSAM without a purchase key (6A88): refused, no DEBIT")
def _(trial: TillTrial) -> None:
    trial.place(sam_change=_to(INIT_SAM, b"\x6a\x88"))
    trial.untouched(trial.sell())


@_SALE.case(18, "A PSAM that is not there: refused, no DEBIT")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.sam_slot.remove()
    trial.untouched(trial.sell())


@_SALE.case(19, "Sales have different numbers of the terminal")
def _(trial: TillTrial) -> None:
    trial.place()
    for minute in range(3):
        trial.sell(SaleOrder(time=f"2026031510{minute:02}12"))
        trial.place_again()
    numbers = [one.body[:4] for one in trial.debits()]
    trial.equal(len(numbers), 3, "DEBIT commands in three sales")
    trial.equal(len(set(numbers)), 3, "different 终端交易序号")
    trial.equal(len(trial.account().records), 3, "purchases in EF08")


@_SALE.case(20, "The key index is that of the PSAM's information file")
def _(trial: TillTrial) -> None:
    for version in (1, 2, 3):
        trial.place(purchase_version=version)
        trial.paid(trial.sell())
        trial.equal(trial.to_card(INIT)[-1].body[0], version, "key index in INITIALIZE:")
        trial.equal(trial.to_psam(INIT_SAM)[-1].body[26], version, "key version in INIT SAM:")


def _to(ins: int, word: bytes) -> ChangedReply:
    """A status word in place of the answer to a command."""
    return lambda command, answer: word if command[1:2] == bytes((ins,)) else answer


# --- whatever comes ------------------------------------------------------------------------------


def _sound(trial: TillTrial, when: str) -> None:
    """Whatever ended the sale, what the terminal says is what the card has."""
    answer = trial.sell()
    for _ in range(2):
        if answer.outcome != "open":
            break
        trial.insert()
        answer = trial.sell()
    now = trial.account()
    charged = trial.before.balance_fen - now.balance_fen
    trial.check(charged in (0, SaleOrder().account_fen), f"one charge or none, {when}", "another")
    trial.equal(
        answer.outcome == "paid", charged > 0, f"whether it is paid, as the card has it, {when}:"
    )
    numbers = [one.body[:4] for one in trial.debits() if one.sw == 0x9000]
    trial.check(len(numbers) <= 1, f"one DEBIT that goes through, {when}", f"{len(numbers)}")


def _exchanges(trial: TillTrial) -> tuple[int, int]:
    trial.place()
    trial.paid(trial.sell())
    return trial.slot.exchanges, trial.sam_slot.exchanges


def _everywhere(number: int, title: str, fault: ExchangeFault, *, executed: bool) -> None:
    @_FAULT.case(number, f"{title}, at every command to the card")
    def _(trial: TillTrial) -> None:
        for at in range(1, _exchanges(trial)[0] + 1):
            trial.place(faults=(FaultAt(fault, at, executed),))
            _sound(trial, f"at command {at}")

    @_FAULT.case(number + 10, f"{title}, at every command to the PSAM")
    def _(trial: TillTrial) -> None:
        for at in range(1, _exchanges(trial)[1] + 1):
            trial.place(sam_faults=(FaultAt(fault, at, executed),))
            _sound(trial, f"at command {at} to the PSAM")


_everywhere(1, "An unexpected status word (6F00)", ExchangeFault.WRONG_STATUS, executed=False)
_everywhere(2, "No answer", ExchangeFault.MUTE, executed=False)
_everywhere(3, "Pulled out", ExchangeFault.REMOVED, executed=False)


def _word(number: int, word: str, meaning: str) -> None:
    @_FAULT.case(20 + number, f"{word} ({meaning}) to INITIALIZE and to DEBIT ends the sale")
    def _(trial: TillTrial) -> None:
        for command in (commands.INITIALIZE_FOR_PURCHASE, commands.DEBIT_FOR_PURCHASE):
            fault = FaultAt(
                ExchangeFault.WRONG_STATUS, command=command, executed=False, times=0,
                status=bytes.fromhex(word),
            )  # fmt: skip
            trial.place(faults=(fault,))
            answer = trial.sell()
            trial.check(answer.outcome != "paid", f"a sale that is not paid after {word}", "one")
            tried = [one for one in trial.to_card(command.ins) if one.sw == int(word, 16)]
            trial.check(len(tried) <= 2, f"at most two tries after {word}", f"{len(tried)}")


for _number, (_code, _meaning) in enumerate(
    (
        ("6A81", "card locked"),
        ("6283", "invalid"),
        ("9303", "application locked"),
        ("6982", "no right"),
        ("6985", "conditions"),
        ("6D00", "unknown"),
    ),
    1,
):
    _word(_number, _code, _meaning)
