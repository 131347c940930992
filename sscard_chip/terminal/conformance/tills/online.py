# SPDX-License-Identifier: Apache-2.0
"""Settlement on-line and temporarily off-line (modes 1 and 2, letter no. 38 of 2012): when the
centre is asked, what the card is told, what EF06 becomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard import commands
from sscard_chip.standard.settlement_mode import OfflineUse, SettlementMode, Split
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.tills.build import TillChapter
from sscard_chip.terminal.conformance.tills.trial import DEBIT, INIT, TillTrial
from sscard_chip.terminal.conformance.tills.watching import CARD, CENTRE
from sscard_chip.terminal.conformance.tills.workplace import (
    CAP_FEN,
    CAP_TIMES,
    CardWish,
    SaleAnswer,
    SaleOrder,
)

_ONLINE: Final = TillChapter("ONLINE", "LD/T 32.7, settlement on-line", "6001.2-terminal-purchase")
_SPARE: Final = TillChapter(
    "SPARE", "LD/T 32.7, settlement temporarily off-line", "6001.2-terminal-purchase"
)
_MODE_1, _MODE_2 = SettlementMode.ONLINE, SettlementMode.TEMPORARY_OFFLINE
_CARD: Final = CardWish(mode=_MODE_1)
_ORDER: Final = SaleOrder(mode=_MODE_1)
_SPARE_CARD: Final = CardWish(mode=_MODE_2)
_LOCAL: Final = SaleOrder(1000, 0, 0, mode=_MODE_2, online=False)


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_ONLINE(), *_SPARE())


def _informed(trial: TillTrial, answer: SaleAnswer) -> None:
    """The centre got the card's TAC, once."""
    trial.equal(len(trial.centre.tacs), 1, "settlements that the centre was sent")
    trial.check(trial.centre.tacs[0] == answer.tac, "the card's TAC for the centre", "another")


@_ONLINE.case(1, "Mode 1: the card is told 0, the total, and account and fund together")
def _(trial: TillTrial) -> None:
    for order in (_ORDER, SaleOrder(1, 2, 4, mode=_MODE_1), SaleOrder(0, 700, 0, mode=_MODE_1)):
        trial.place(_CARD)
        answer = trial.sell(order)
        trial.paid(answer, order)
        trial.check(
            trial.to_card(INIT)[-1].body[1:13] == order.amounts, "the amounts of mode 1", "others"
        )
        _informed(trial, answer)


@_ONLINE.case(2, "The shares are those that the centre answers, not those of the bill")
def _(trial: TillTrial) -> None:
    trial.place(_CARD, shares=Split(200, 800, 2500))
    answer = trial.sell(_ORDER)
    trial.paid(answer, SaleOrder(200, 800, 2500, mode=_MODE_1))


@_ONLINE.case(3, "The centre is asked before the account is touched, and told behind DEBIT")
def _(trial: TillTrial) -> None:
    trial.place(_CARD)
    trial.paid(trial.sell(_ORDER), _ORDER)
    asked = [place for place, one in enumerate(trial.transcript) if one.who == CENTRE]
    trial.equal(len(asked), 2, "messages to the centre")
    trial.check(asked[0] < trial.place_of(INIT), "the centre before INITIALIZE", "behind it")
    trial.check(trial.place_of(DEBIT, last=True) < asked[1], "the TAC behind DEBIT", "before it")


@_ONLINE.case(4, "What the centre does not settle is refused, the account untouched")
def _(trial: TillTrial) -> None:
    trial.place(_CARD, refuses=True)
    _refused(trial, trial.sell(_ORDER))


@_ONLINE.case(5, "Mode 1 without the centre: refused, the account untouched")
def _(trial: TillTrial) -> None:
    trial.place(_CARD, down=True)
    _refused(trial, trial.sell(_ORDER))


def _refused(trial: TillTrial, answer: SaleAnswer) -> None:
    trial.untouched(answer)
    trial.equal(answer.outcome, "refused", "outcome of the sale")
    trial.equal(len(trial.to_card(INIT)), 0, "INITIALIZE commands")
    trial.equal(len(trial.centre.tacs), 0, "settlements that the centre was sent")


@_ONLINE.case(6, "Pulled out before the answer to DEBIT: the centre is told when it is proven")
def _(trial: TillTrial) -> None:
    fault = FaultAt(ExchangeFault.REMOVED, command=commands.DEBIT_FOR_PURCHASE, executed=True)
    trial.place(_CARD, faults=(fault,))
    answer = trial.sell(_ORDER)
    trial.equal(len(trial.centre.tacs), 0, "settlements that the centre was sent before")
    trial.insert()
    answer = trial.sell(_ORDER)
    trial.paid(answer, _ORDER)
    _informed(trial, answer)


@_ONLINE.case(7, "Pulled out before DEBIT has arrived: the centre is told of no settlement")
def _(trial: TillTrial) -> None:
    fault = FaultAt(ExchangeFault.REMOVED, command=commands.DEBIT_FOR_PURCHASE, executed=False)
    trial.place(_CARD, faults=(fault,))
    trial.sell(_ORDER)
    trial.equal(len(trial.centre.tacs), 0, "settlements that the centre was sent")


@_ONLINE.case(8, "A centre that is away behind DEBIT: the sale is paid, and told at the day's end")
def _(trial: TillTrial) -> None:
    trial.place(_CARD, settles_down=True)
    first = trial.sell(_ORDER)
    trial.paid(first, _ORDER)
    trial.centre.settles_down = False
    trial.end_day()
    trial.check(first.tac in trial.centre.tacs, "the first sale told to the centre", "not told")


@_ONLINE.case(9, "Mode 2 with the centre: EF06 becomes what the centre answers")
def _(trial: TillTrial) -> None:
    wish = CardWish(mode=_MODE_2, use=OfflineUse(allowed=True, amount_fen=300, times=2))
    trial.place(wish, use=OfflineUse(allowed=True, amount_fen=0, times=0))
    order = SaleOrder(mode=_MODE_2)
    answer = trial.sell(order)
    trial.paid(answer, order)
    _informed(trial, answer)
    _use(trial, "1", 0, 0)


@_ONLINE.case(10, "Mode 2 with the centre needs no flag 90, and may set it to 0")
def _(trial: TillTrial) -> None:
    wish = CardWish(mode=_MODE_2, use=OfflineUse(allowed=False, amount_fen=0, times=0))
    trial.place(wish, use=OfflineUse(allowed=False, amount_fen=0, times=0))
    order = SaleOrder(mode=_MODE_2)
    trial.paid(trial.sell(order), order)
    _use(trial, "0", 0, 0)


def _use(trial: TillTrial, allowed: str, amount_fen: int, times: int) -> None:
    use = trial.account().use
    expected = {0x90: allowed.encode(), 0x92: bytes.fromhex(f"{amount_fen:08}"),
                0x93: f"{times:02}".encode()}  # fmt: skip
    for tag, value in expected.items():
        trial.equal(use.get(tag), value, f"{tag:02X} in EF06")


# --- without the centre --------------------------------------------------------------------------


@_SPARE.case(1, "Mode 2 without the centre: 0, the total twice; 92 and 93 count up")
def _(trial: TillTrial) -> None:
    trial.place(_SPARE_CARD, down=True)
    trial.paid(trial.sell(_LOCAL), _LOCAL)
    _use(trial, "1", 1000, 1)
    trial.place_again()
    later = SaleOrder(7, 0, 0, time="20260315121314", mode=_MODE_2, online=False)
    trial.equal(trial.sell(later).outcome, "paid", "outcome of the second sale")
    _use(trial, "1", 1007, 2)


@_SPARE.case(2, "The flag 90 must be 1")
def _(trial: TillTrial) -> None:
    wish = CardWish(mode=_MODE_2, use=OfflineUse(allowed=False, amount_fen=0, times=0))
    trial.place(wish, down=True)
    _refused(trial, trial.sell(_LOCAL))


def _cap(number: int, title: str, amount_fen: int, times: int, *, pays: bool) -> None:
    @_SPARE.case(number, title)
    def _(trial: TillTrial) -> None:
        use = OfflineUse(allowed=True, amount_fen=amount_fen, times=times)
        trial.place(CardWish(mode=_MODE_2, use=use), down=True)
        answer = trial.sell(_LOCAL)
        if not pays:
            _refused(trial, answer)
            return
        trial.paid(answer, _LOCAL)
        _use(trial, "1", amount_fen + 1000, times + 1)


_cap(3, "92 and the amount together: below the cap", CAP_FEN - 1001, 0, pays=True)
_cap(4, "92 and the amount together: the cap itself is too much", CAP_FEN - 1000, 0, pays=False)
_cap(5, "93 and 1 together: below the cap", 0, CAP_TIMES - 2, pays=True)
_cap(6, "93 and 1 together: the cap itself is too much", 0, CAP_TIMES - 1, pays=False)


@_SPARE.case(7, "Off-line the personal account alone may pay")
def _(trial: TillTrial) -> None:
    trial.place(_SPARE_CARD, down=True)
    _refused(trial, trial.sell(SaleOrder(mode=_MODE_2, online=False)))


@_SPARE.case(8, "EF06 is written with the proof of UK2DF04, and nothing else is")
def _(trial: TillTrial) -> None:
    trial.place(_SPARE_CARD, down=True)
    trial.paid(trial.sell(_LOCAL), _LOCAL)
    writes = [one for one in trial.to_card() if one.ins in (0xDC, 0xD6, 0xE2)]
    trial.check(bool(writes), "UPDATE RECORD of EF06", "none")
    for one in writes:
        trial.equal(one.sw, 0x9000, "answer to UPDATE RECORD:")
        trial.check(one.body[:1] in (b"\x92", b"\x93"), "92 or 93 written", "another item")
    debit = trial.place_of(DEBIT)
    first = trial.place_of(0xDC, who=CARD)
    trial.check(debit < first, "EF06 written behind DEBIT", "before it")
