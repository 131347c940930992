# SPDX-License-Identifier: Apache-2.0
"""A terminal and the PIN: when it asks, what it sends, how often (LD/T 32.7, PIN; LD/T 32.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.standard.dates import bcd
from sscard_chip.standard.identifiers import ALGORITHM_SM4
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.tills.build import TillChapter
from sscard_chip.terminal.conformance.tills.trial import INIT, VERIFY, TillTrial
from sscard_chip.terminal.conformance.tills.watching import CARD, HOLDER
from sscard_chip.terminal.conformance.tills.workplace import PIN, CardWish, SaleOrder

_PIN: Final = TillChapter("PIN", "LD/T 32.7, verification of the PIN", "6001.2-terminal-pin")
_WRONG: Final = "246802"
_OTHER: Final = "111222"


def cases() -> Iterator[Case]:
    """All of this module."""
    return _PIN()


def _never_twice(trial: TillTrial) -> None:
    """Between a wrong PIN and the next one the holder was asked."""
    wrong = asked = False
    for one in trial.transcript:
        if one.who == HOLDER:
            asked = True
        elif one.who == CARD and one.ins == VERIFY and one.body:
            trial.check(asked or not wrong, "the holder asked before another PIN", "nobody asked")
            wrong, asked = one.sw != 0x9000, False


@_PIN.case(1, "The right PIN is sent once, as it was typed")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    sent = trial.pins()
    trial.equal(len(sent), 1, "PINs sent")
    trial.check(sent[0].body == bcd(PIN), "the PIN as it was typed", "another value")
    trial.equal(sent[0].command[:4], bytes.fromhex("00200000"), "header of VERIFY")
    trial.equal(len(trial.asked), 1, "times that the holder was asked")


@_PIN.case(2, "The PIN is sent in SSSE or an application of social security, nowhere else")
def _(trial: TillTrial) -> None:
    trial.place(typed=(_WRONG, PIN))
    trial.paid(trial.sell())
    for place, one in enumerate(trial.transcript):
        if one.who == CARD and one.ins == VERIFY and one.body:
            where = trial.directory_at(place)
            trial.check(
                where == "SSSE" or where[:2] == "DF", "SSSE or an application below it", where
            )


@_PIN.case(3, "Of a card without PIN none is asked, and none is sent")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(pin=""))
    trial.paid(trial.sell())
    trial.equal(len(trial.pins()), 0, "PINs sent")
    trial.equal(len(trial.asked), 0, "times that the holder was asked")


@_PIN.case(4, "After a wrong PIN the holder is asked again, with the tries that the card named")
def _(trial: TillTrial) -> None:
    trial.place(typed=(_WRONG, PIN))
    trial.paid(trial.sell())
    sent = trial.pins()
    trial.equal([one.sw == 0x9000 for one in sent], [False, True], "PINs that were right")
    trial.equal(trial.asked, [trial.asked[0], sent[0].sw & 0x0F], "tries told to the holder")
    _never_twice(trial)


@_PIN.case(5, "A wrong PIN is never sent twice without asking")
def _(trial: TillTrial) -> None:
    trial.place(typed=(_WRONG, _OTHER, None))
    trial.untouched(trial.sell())
    _never_twice(trial)
    trial.equal(len(trial.pins()), 2, "PINs sent")


@_PIN.case(6, "When the holder cancels nothing more is sent, and nothing is sold")
def _(trial: TillTrial) -> None:
    trial.place(typed=(None,))
    trial.untouched(trial.sell())
    trial.equal(len(trial.pins()), 0, "PINs sent")
    trial.equal(len(trial.to_card(INIT)), 0, "INITIALIZE commands")


@_PIN.case(7, "A locked PIN (6983): the holder is not asked, nothing is sent")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(broken="pin-locked"))
    trial.untouched(trial.sell())
    trial.equal(len(trial.pins()), 0, "PINs sent")
    trial.equal(len(trial.asked), 0, "times that the holder was asked")


@_PIN.case(8, "The last wrong PIN (63C0) ends the sale")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(broken="pin-last-try"), typed=(_WRONG, PIN, PIN))
    trial.untouched(trial.sell())
    trial.equal(len(trial.pins()), 1, "PINs sent")
    trial.equal(len(trial.asked), 1, "times that the holder was asked")


@_PIN.case(9, "On a card with one try left the right PIN sells")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(broken="pin-last-try"))
    trial.paid(trial.sell())
    trial.equal(trial.asked, [1], "tries told to the holder")


@_PIN.case(10, "The PIN stands in no other command, to neither card nor PSAM")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(generation=3, algorithm=ALGORITHM_SM4))
    trial.paid(trial.sell())
    forms = (bcd(PIN), PIN.encode())
    for one in trial.transcript:
        if one.who == CARD and one.ins == VERIFY:
            continue
        trial.check(
            not any(form in one.body for form in forms), "no PIN outside VERIFY",
            f"it in {one.command[:4].hex().upper()}",
        )  # fmt: skip


@_PIN.case(11, "The next sale asks anew: the PIN is not kept")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    trial.place_again()
    answer = trial.sell(SaleOrder(time="20260315111213"))
    trial.equal(answer.outcome, "paid", "outcome of the second sale")
    trial.equal(len(trial.asked), 2, "times that the holder was asked in two sales")


@_PIN.case(12, "Without a PIN that is right no sale begins on a card that has one")
def _(trial: TillTrial) -> None:
    trial.place(typed=(_WRONG, None))
    trial.untouched(trial.sell())
    trial.equal(len(trial.to_card(INIT)), 0, "INITIALIZE commands")
