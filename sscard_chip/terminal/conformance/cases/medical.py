# SPDX-License-Identifier: Apache-2.0
"""The medical account: balances, purchase, proof, the states between commands (LD/T 32.5, 8; LD/T
32.7)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import Confidence, Key, KeyUse
from sscard_chip.security.suite import pad
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import DF04, PURCHASE
from sscard_chip.standard.messages import medical as messages
from sscard_chip.terminal.conformance.cases.build import (
    MEDICAL_KEYS,
    MEDICAL_PIN,
    Chapter,
)
from sscard_chip.terminal.conformance.groups import ANSWER, MESSAGE, STATES, WORDS
from sscard_chip.terminal.conformance.groups import PURCHASE as PURCHASE_GROUP
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, UndecidedError

_INIT, _DEBIT, _BALANCE, _PROOF = (
    "INITIALIZE FOR PURCHASE",
    "DEBIT FOR PURCHASE",
    "GET BALANCE",
    "GET TRANSACTION PROOF",
)
TERMINAL: Final = bytes.fromhex("990000000001")
TIME: Final = bytes.fromhex("20260315101112")
_NUMBER: Final = bytes.fromhex("0000012C")
_ZERO: Final = bytes(12)
_ANSWER: Final = 0x16
"""CIA 4, SPIP 4, SPFP 4, year 2, number 2, key version 1, algorithm 1, random 4."""

cases = Chapter(PURCHASE_GROUP)
SESSION: Final = {"level": Level.SESSION, "needs": MEDICAL_PIN}
WRITE: Final = {"level": Level.WRITE, "needs": MEDICAL_KEYS}
MONEY: Final = {"level": Level.DESTRUCTIVE, "needs": MEDICAL_KEYS}


def enter_medical(trial: Trial) -> None:
    """DF04 current, the given PIN verified."""
    trial.enter(DF04)
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")


def get_balance(trial: Trial, kind: int = 1) -> CardReply:
    """GET BALANCE of a kind."""
    return trial.whole(bytes((0xB0, 0x26, 0x00, kind, 4 if kind == 1 else 6)))


def initialize(trial: Trial, amounts: bytes = _ZERO, index: int = 1) -> CardReply:
    """INITIALIZE FOR PURCHASE of three amounts, 12 bytes."""
    return trial.send(
        commands.INITIALIZE_FOR_PURCHASE, data=bytes((index,)) + amounts + TERMINAL, le=_ANSWER
    )


def begin_purchase(trial: Trial, amounts: bytes = _ZERO, index: int = 1) -> bytes:
    """The answer of INITIALIZE FOR PURCHASE."""
    reply = trial.given(initialize(trial, amounts, index), "INITIALIZE FOR PURCHASE")
    if len(reply.data) != _ANSWER:
        raise UndecidedError("INITIALIZE FOR PURCHASE gave another length")
    return reply.data


def purchase_macs(
    trial: Trial, begun: bytes, amounts: bytes = _ZERO, index: int = 1, time: bytes = TIME
) -> tuple[bytes, bytes, bytes]:
    """MAC1, MAC2 and TAC of a purchase, computed from the root keys."""
    secrets = trial.secrets
    dpk, dtk = (trial.key_of(use, DF04) for use in (KeyUse.PURCHASE, KeyUse.TAC))
    answer = messages.PURCHASE_ANSWER.parse(begun)
    factor = answer.random + answer.number.to_bytes(2) + _NUMBER[2:]
    session = secrets.session(dpk, factor, index)
    what = amounts + bytes((PURCHASE,)) + TERMINAL
    key: Key = dtk
    tac = secrets.suite.tac_mac(secrets.secret(key, index))
    return (
        session.mac(what + time),
        session.mac(amounts),
        tac(pad(what + _NUMBER + time, secrets.suite.block)),
    )


def debit_apdu(trial: Trial, mac1: bytes, time: bytes = TIME) -> bytes:
    """DEBIT FOR PURCHASE with a MAC1."""
    le = None if trial.subject.contact else 8
    return commands.DEBIT_FOR_PURCHASE.apdu(data=_NUMBER + time + mac1, le=le)


def send_debit(trial: Trial, mac1: bytes, time: bytes = TIME) -> CardReply:
    """DEBIT FOR PURCHASE with a MAC1."""
    return trial.whole(debit_apdu(trial, mac1, time))


def number_of(begun: bytes) -> int:
    """The transaction number that INITIALIZE FOR PURCHASE gave."""
    return int(messages.PURCHASE_ANSWER.parse(begun).number)


def pay(
    trial: Trial, amounts: bytes = _ZERO, index: int = 1, time: bytes = TIME
) -> tuple[int, bytes, bytes]:
    """A purchase, whose TAC and MAC2 must be right: its number, TAC and MAC2."""
    begun = begin_purchase(trial, amounts, index)
    mac1, mac2, tac = purchase_macs(trial, begun, amounts, index, time)
    reply = trial.expect(send_debit(trial, mac1, time), "9000")
    trial.equal(len(reply.data), 8, "bytes of TAC and MAC2")
    trial.check(reply.data[:4] == tac, "the right TAC first", "another value")
    trial.check(reply.data[4:] == mac2, "the right MAC2 behind it", "another value")
    return number_of(begun), tac, mac2


def get_proof(trial: Trial, number: int, kind: int = PURCHASE) -> CardReply:
    """GET TRANSACTION PROOF of a transaction."""
    if trial.subject.statement.proof_by_next_number:
        number += 1
    return trial.send(commands.GET_TRANSACTION_PROOF, 0x00, kind, number.to_bytes(2), 8)


# --- balances ------------------------------------------------------------------------------------


@cases.command(_BALANCE, WORDS, 11, "Without the PIN: 6982", needs=frozenset())
def _(trial: Trial) -> None:
    if not trial.subject.medical or trial.subject.tries is None:
        raise NotApplicableError("no account, or no PIN is set")
    trial.enter(DF04)
    for kind in (1, 2, 3):
        trial.refused(get_balance(trial, kind), "6982")


@cases.command(_BALANCE, ANSWER, 1, "The account: 4 bytes", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    trial.equal(len(trial.expect(get_balance(trial), "9000").data), 4, "bytes of CIA")


@cases.command(_BALANCE, ANSWER, 2, "A yearly total: 4 bytes and the year", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    years = set()
    for kind in (2, 3):
        data = trial.expect(get_balance(trial, kind), "9000").data
        trial.equal(len(data), 6, "bytes of a total and its year")
        trial.check(data[4:].hex().isdecimal(), "a year in BCD", "other nibbles")
        years.add(data[4:])
    trial.equal(len(years), 1, "one year of both totals:")


@cases.command(_BALANCE, MESSAGE, 1, "Kinds 00 and 04: 6A86", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    for apdu in ("B026000004", "B026000404", "B026010104"):
        trial.refused(trial.whole(apdu), "6A86", "6A81")


# --- INITIALIZE ----------------------------------------------------------------------------------


@cases.command(_INIT, ANSWER, 1, "22 bytes: balances, year, number, key version, algorithm, random",
               **SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    account = trial.given(get_balance(trial), "GET BALANCE").data
    own = trial.given(get_balance(trial, 2), "GET BALANCE").data
    pool = trial.given(get_balance(trial, 3), "GET BALANCE").data
    reply = trial.expect(initialize(trial), "9000")
    trial.equal(len(reply.data), _ANSWER, "bytes of the answer")
    trial.same(reply.data[:4], account, "CIA")
    if not trial.subject.statement.account_only:
        trial.same(reply.data[4:14], own[:4] + pool[:4] + own[4:], "SPIP, SPFP and year")


@cases.command(_INIT, ANSWER, 2, "The random number changes, the transaction number does not",
               **SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    found = [begin_purchase(trial) for _ in range(8)]
    trial.equal(len({one[-4:] for one in found}), 8, "different random numbers")
    trial.equal(len({number_of(one) for one in found}), 1, "one transaction number:")


@cases.command(_INIT, ANSWER, 3, "Key version and algorithm are those of the index", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    for index in (1, 2, 3):
        parsed = messages.PURCHASE_ANSWER.parse(begin_purchase(trial, index=index))
        trial.equal(parsed.key_version, index, "key version")
        wanted = (0x03,) if trial.subject.algorithm == "sm4" else (0x00, 0x01)
        trial.check(parsed.algorithm in wanted, "the card's algorithm", f"{parsed.algorithm:02X}")


@cases.command(_INIT, WORDS, 1, "Without the PIN: 6982", **SESSION)
def _(trial: Trial) -> None:
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")
    trial.enter(DF04)
    trial.refused(initialize(trial), "6982")


@cases.command(_INIT, WORDS, 2, "A key index that is not there: 9403", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    for index in (0, 4, 0xFF):
        trial.refused(initialize(trial, index=index), "9403")


@cases.command(_INIT, WORDS, 3, "More than the account has: 9401", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    balance = int.from_bytes(trial.given(get_balance(trial), "GET BALANCE").data)
    for amount in {balance + 1, 0xFFFFFFFF}:
        if amount <= 0xFFFFFFFF and amount > balance:
            reply = initialize(trial, amount.to_bytes(4) + bytes(8))
            trial.refused(reply, "9401")


@cases.command(_INIT, ANSWER, 4, "All that the account has, and any other amounts", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    balance = trial.given(get_balance(trial), "GET BALANCE").data
    trial.expect(initialize(trial, balance + b"\0\0\1\0\0\0\1\0"), "9000")


@cases.command(_INIT, WORDS, 4, "A wrong length: 6700", **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    for length in (1, 18, 20):
        reply = trial.send(commands.INITIALIZE_FOR_PURCHASE, data=bytes(length), le=_ANSWER)
        trial.refused(reply, "6700", "6A80")


@cases.command(_INIT, ANSWER, 5, "INITIALIZE alone changes no balance", group=STATES, **SESSION)
def _(trial: Trial) -> None:
    enter_medical(trial)
    before = trial.given(get_balance(trial), "GET BALANCE").data
    begin_purchase(trial)
    trial.reset(cold=True)
    enter_medical(trial)
    trial.same(trial.expect(get_balance(trial), "9000").data, before, "balance")


# --- DEBIT ---------------------------------------------------------------------------------------


@cases.command(_DEBIT, WORDS, 1, "Without INITIALIZE: 6901", group=STATES, **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    trial.refused(send_debit(trial, bytes(4)), "6901")


@cases.command(_DEBIT, WORDS, 2, "A wrong MAC1: 9302, and nothing is paid", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    begun = begin_purchase(trial)
    mac1, _, _ = purchase_macs(trial, begun, _ZERO, 1)
    wrong = bytes((mac1[0] ^ 1,)) + mac1[1:]
    trial.refused(send_debit(trial, wrong), "9302")
    trial.refused(send_debit(trial, mac1), "6901", what="to the right MAC1 afterwards")
    trial.equal(number_of(begin_purchase(trial)), number_of(begun), "transaction number")


@cases.command(_DEBIT, WORDS, 3, "Another command between: 6901", group=STATES, **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    for between in ("0084000008", "00A4020002EF05", "00B2FF0400"):
        mac1, _, _ = purchase_macs(trial, begin_purchase(trial), _ZERO, 1)
        trial.whole(between)
        trial.refused(send_debit(trial, mac1), "6901", what=f"to DEBIT after {between[:4]}")


@cases.command(_DEBIT, WORDS, 4, "A MAC1 of another INITIALIZE: 9302", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    mac1, _, _ = purchase_macs(trial, begin_purchase(trial), _ZERO, 1)
    begin_purchase(trial)
    trial.refused(send_debit(trial, mac1), "9302")


def _debits(index: int) -> None:
    @cases.command(_DEBIT, ANSWER, index, f"A debit of 0 with key index {index}: TAC and MAC2 are "
                   "right", **WRITE)  # fmt: skip
    def _(trial: Trial) -> None:
        enter_medical(trial)
        pay(trial, index=index)


for _index in (1, 2, 3):
    _debits(_index)


@cases.command(_DEBIT, ANSWER, 4, "GET BALANCE between INITIALIZE and DEBIT is allowed",
               group=STATES, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    mac1, _, _ = purchase_macs(trial, begin_purchase(trial), _ZERO, 1)
    trial.given(get_balance(trial), "GET BALANCE")
    trial.expect(send_debit(trial, mac1), "9000")


@cases.command(_DEBIT, ANSWER, 5, "A debit raises the number by one and keeps the balance",
               **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    before = trial.given(get_balance(trial), "GET BALANCE").data
    number, _, _ = pay(trial)
    trial.same(trial.expect(get_balance(trial), "9000").data, before, "balance")
    trial.equal(number_of(begin_purchase(trial)), number + 1, "next transaction number")


@cases.command(_DEBIT, ANSWER, 6, "The newest record of EF08 is the debit", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, _, _ = pay(trial)
    record = trial.expect(trial.whole("00B2014400"), "9000").data
    expected = number.to_bytes(2) + bytes((PURCHASE,)) + TERMINAL + TIME + _ZERO
    trial.same(record, expected[: len(record)], "record 1 of EF08")
    length = 20 if trial.subject.statement.account_only else 28
    trial.equal(len(record), length, "bytes of the record")


@cases.command(_DEBIT, ANSWER, 7, "The newest record comes first, the one before behind it",
               **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    first, _, _ = pay(trial)
    second, _, _ = pay(trial)
    for place, number in ((1, second), (2, first)):
        record = trial.expect(trial.whole(f"00B2{place:02X}4400"), "9000").data
        trial.equal(int.from_bytes(record[:2]), number, f"transaction number of record {place}")


@cases.command(_PROOF, ANSWER, 1, "The proof of a debit is its MAC2 and TAC, also after power-off",
               confidence=Confidence.MEDIUM, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, tac, mac2 = pay(trial)
    for cold in (None, False, True):
        if cold is not None:
            trial.reset(cold=cold)
            enter_medical(trial)
        reply = trial.expect(get_proof(trial, number), "9000")
        trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


@cases.command(_PROOF, WORDS, 1, "Another number: 9406", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, _, _ = pay(trial)
    for other in (number + 5, number + 2):
        trial.refused(get_proof(trial, other), "9406")


@cases.command(_PROOF, WORDS, 2, "After the next debit the proof of the one before is gone",
               **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, _, _ = pay(trial)
    pay(trial)
    trial.refused(get_proof(trial, number), "9406")


@cases.command(_PROOF, ANSWER, 2, "A new INITIALIZE keeps the proof", group=STATES, **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, tac, mac2 = pay(trial)
    begin_purchase(trial)
    reply = trial.expect(get_proof(trial, number), "9000")
    trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


@cases.command(_DEBIT, ANSWER, 8, "A debit of 1 fen lowers the account and raises the totals",
               lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    before = [int.from_bytes(trial.given(get_balance(trial, k)).data[:4]) for k in (1, 2, 3)]
    if not before[0]:
        raise NotApplicableError("the account is empty")
    year = trial.given(get_balance(trial, 2)).data[4:]
    pay(trial, (1).to_bytes(4) + (2).to_bytes(4) + (3).to_bytes(4))
    after = [
        int.from_bytes(trial.expect(get_balance(trial, k), "9000").data[:4]) for k in (1, 2, 3)
    ]
    trial.check(after[0] == before[0] - 1, "a balance 1 fen lower", "another one")
    if trial.subject.statement.account_only:
        return
    same_year = year == trial.given(get_balance(trial, 2)).data[4:]
    base = before[1:] if same_year else [0, 0]
    trial.check(after[1:] == [base[0] + 2, base[1] + 3], "totals 2 and 3 fen higher", "others")
