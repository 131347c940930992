# SPDX-License-Identifier: Apache-2.0
"""Loads of the medical account and the day on which its year begins (LD/T 32.5, 8; LD/T 32.7)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import Confidence, KeyUse
from sscard_chip.security.suite import pad
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import DF04, LOAD
from sscard_chip.standard.keys import DSK_KID
from sscard_chip.standard.messages import medical as messages
from sscard_chip.terminal.conformance.cases.build import MEDICAL_KEYS, Chapter
from sscard_chip.terminal.conformance.cases.medical import (
    MONEY,
    SESSION,
    TERMINAL,
    TIME,
    WRITE,
    begin_purchase,
    enter_medical,
    get_balance,
    send_debit,
)
from sscard_chip.terminal.conformance.groups import ANSWER, PURCHASE, STATES, WORDS
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, UndecidedError

cases = Chapter(PURCHASE)

_LOAD, _CREDIT, _DAY, _DEBIT = (
    "INITIALIZE FOR LOAD",
    "CREDIT FOR LOAD",
    "GET STARTING DAY",
    "DEBIT FOR PURCHASE",
)
_FEN: Final = (1).to_bytes(4)


def begin_load(trial: Trial, index: int = 1) -> CardReply:
    """INITIALIZE FOR LOAD of 1 fen."""
    data = bytes((index,)) + _FEN + TERMINAL
    return trial.send(commands.INITIALIZE_FOR_LOAD, data=data, le=16)


def load_macs(trial: Trial, begun: bytes, index: int) -> tuple[bytes, bytes, bytes]:
    """MAC1, MAC2 and TAC of a load of 1 fen, computed from the root keys."""
    if len(begun) != messages.LOAD_ANSWER.sizeof():
        raise UndecidedError("INITIALIZE FOR LOAD gave another length")
    secrets = trial.secrets
    dlk, dtk = (trial.key_of(use, DF04) for use in (KeyUse.LOAD, KeyUse.TAC))
    answer = messages.LOAD_ANSWER.parse(begun)
    number = answer.number.to_bytes(2)
    session = secrets.session(dlk, answer.random + number + b"\x80\x00", index)
    what = _FEN + bytes((LOAD,)) + TERMINAL
    tac = secrets.suite.tac_mac(secrets.secret(dtk, index))
    after = (answer.balance_fen + 1).to_bytes(4)
    return (
        session.mac(begun[:4] + what),
        session.mac(what + TIME),
        tac(pad(after + number + what + TIME, secrets.suite.block)),
    )


def credit_apdu(trial: Trial, mac2: bytes) -> bytes:
    """CREDIT FOR LOAD with a MAC2."""
    le = None if trial.subject.contact else 4
    return commands.CREDIT_FOR_LOAD.apdu(data=TIME + mac2, le=le)


def send_credit(trial: Trial, mac2: bytes) -> CardReply:
    """CREDIT FOR LOAD with a MAC2."""
    return trial.whole(credit_apdu(trial, mac2))


@cases.command(_LOAD, ANSWER, 1, "16 bytes: balance, number, key version, algorithm, random, MAC1",
               **SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    account = trial.given(get_balance(trial), "GET BALANCE").data
    reply = trial.expect(begin_load(trial), "9000")
    trial.equal(len(reply.data), 16, "bytes of the answer")
    trial.same(reply.data[:4], account, "balance")


@cases.command(_LOAD, ANSWER, 2, "MAC1 is right with every key index", level=Level.SESSION,
               needs=MEDICAL_KEYS)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    for index in (1, 2, 3):
        begun = trial.expect(begin_load(trial, index), "9000").data
        mac1, _, _ = load_macs(trial, begun, index)
        trial.check(begun[-4:] == mac1, f"the right MAC1 with index {index}", "another value")


@cases.command(_LOAD, WORDS, 1, "A key index that is not there: 9403", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    for index in (0, 4, 0xFF):
        trial.refused(begin_load(trial, index), "9403")


@cases.command(_LOAD, WORDS, 2, "Without the PIN: 6982", **SESSION)
def _(trial: Trial) -> None:
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")
    trial.enter(DF04)
    trial.refused(begin_load(trial), "6982")


@cases.command(_CREDIT, WORDS, 1, "Without INITIALIZE, or after that of a purchase: 6901",
               group=STATES, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    trial.refused(send_credit(trial, bytes(4)), "6901")
    begin_purchase(trial)
    trial.refused(send_credit(trial, bytes(4)), "6901", what="after INITIALIZE FOR PURCHASE")


@cases.command(_CREDIT, WORDS, 2, "A wrong MAC2: 9302, and nothing is loaded", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    before = trial.given(get_balance(trial), "GET BALANCE").data
    begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
    _, mac2, _ = load_macs(trial, begun, 1)
    trial.refused(send_credit(trial, bytes((mac2[0] ^ 1,)) + mac2[1:]), "9302")
    trial.refused(send_credit(trial, mac2), "6901", what="to the right MAC2 afterwards")
    trial.same(trial.expect(get_balance(trial), "9000").data, before, "balance")


@cases.command(_DEBIT, WORDS, 5, "After INITIALIZE FOR LOAD: 6901", group=STATES, **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    trial.given(begin_load(trial), "INITIALIZE FOR LOAD")
    trial.refused(send_debit(trial, bytes(4)), "6901")


@cases.command(_CREDIT, ANSWER, 1, "A load of 1 fen raises the balance; its TAC is right",
               confidence=Confidence.MEDIUM, lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    before = int.from_bytes(trial.given(get_balance(trial), "GET BALANCE").data)
    begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
    _, mac2, tac = load_macs(trial, begun, 1)
    reply = trial.expect(send_credit(trial, mac2), "9000")
    trial.check(reply.data == tac, "the right TAC", "another value")
    after = int.from_bytes(trial.expect(get_balance(trial), "9000").data)
    trial.check(after == before + 1, "a balance 1 fen higher", "another one")


def _day(trial: Trial) -> CardReply:
    return trial.send(commands.GET_STARTING_DAY, le=2)


@cases.command(_DAY, ANSWER, 1, "Two bytes, month and day in BCD", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    data = trial.expect(_day(trial), "9000").data
    trial.equal(len(data), 2, "bytes of the starting day")
    trial.check(data.hex().isdecimal() and data.hex() <= "1231", "mmdd in BCD", "another value")


@cases.command("UPDATE STARTING DAY", WORDS, 1, "Without DSK: 6982", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    day = trial.given(_day(trial), "GET STARTING DAY").data
    trial.refused(trial.send(commands.UPDATE_STARTING_DAY, data=day), "6982")


@cases.command("UPDATE STARTING DAY", ANSWER, 1, "With DSK the day is written",
               confidence=Confidence.LOW, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    if trial.subject.statement.account_only:
        raise NotApplicableError("the card keeps the account alone")
    enter_medical(trial)
    before = trial.given(_day(trial), "GET STARTING DAY").data
    other = b"\x04\x01" if before != b"\x04\x01" else b"\x07\x01"

    def put(day: bytes) -> CardReply:
        trial.given(trial.authenticate(trial.key(DSK_KID, DF04)), "the proof of DSK")
        return trial.send(commands.UPDATE_STARTING_DAY, data=day)

    def put_back() -> None:
        trial.enter(DF04)
        trial.expect(put(before), "9000", what="to writing the old day back")

    trial.afterwards(put_back)
    trial.expect(put(other), "9000")
    trial.equal(trial.expect(_day(trial), "9000").data, other, "starting day")
