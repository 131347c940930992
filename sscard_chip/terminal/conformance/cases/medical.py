# SPDX-License-Identifier: Apache-2.0
"""The medical account: balances, purchase, proof, the states between commands (LD/T 32.5, 8; LD/T
32.7)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import Confidence, Key, KeyUse
from sscard_chip.security.suite import pad
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import DF04, LOAD, PURCHASE
from sscard_chip.standard.keys import DSK_KID
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
_TERMINAL: Final = bytes.fromhex("990000000001")
_TIME: Final = bytes.fromhex("20260315101112")
_NUMBER: Final = bytes.fromhex("0000012C")
_ZERO: Final = bytes(12)
_ANSWER: Final = 0x16
"""CIA 4, SPIP 4, SPFP 4, year 2, number 2, key version 1, algorithm 1, random 4."""

cases = Chapter(PURCHASE_GROUP)
_SESSION: Final = {"level": Level.SESSION, "needs": MEDICAL_PIN}
_WRITE: Final = {"level": Level.WRITE, "needs": MEDICAL_KEYS}
_MONEY: Final = {"level": Level.DESTRUCTIVE, "needs": MEDICAL_KEYS}


def _enter(trial: Trial) -> None:
    trial.enter(DF04)
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")


def _balance(trial: Trial, kind: int = 1) -> CardReply:
    return trial.whole(bytes((0xB0, 0x26, 0x00, kind, 4 if kind == 1 else 6)))


def _initialize(trial: Trial, amounts: bytes = _ZERO, index: int = 1) -> CardReply:
    return trial.send(
        commands.INITIALIZE_FOR_PURCHASE, data=bytes((index,)) + amounts + _TERMINAL, le=_ANSWER
    )


def _begun(trial: Trial, amounts: bytes = _ZERO, index: int = 1) -> bytes:
    reply = trial.given(_initialize(trial, amounts, index), "INITIALIZE FOR PURCHASE")
    if len(reply.data) != _ANSWER:
        raise UndecidedError("INITIALIZE FOR PURCHASE gave another length")
    return reply.data


def _macs(trial: Trial, begun: bytes, amounts: bytes, index: int) -> tuple[bytes, bytes, bytes]:
    """MAC1, MAC2 and TAC of a purchase, computed from the root keys."""
    secrets = trial.secrets
    dpk, dtk = (trial.key_of(use, DF04) for use in (KeyUse.PURCHASE, KeyUse.TAC))
    answer = messages.PURCHASE_ANSWER.parse(begun)
    factor = answer.random + answer.number.to_bytes(2) + _NUMBER[2:]
    session = secrets.session(dpk, factor, index)
    what = amounts + bytes((PURCHASE,)) + _TERMINAL
    key: Key = dtk
    tac = secrets.suite.tac_mac(secrets.secret(key, index))
    return (
        session.mac(what + _TIME),
        session.mac(amounts),
        tac(pad(what + _NUMBER + _TIME, secrets.suite.block)),
    )


def _debit(trial: Trial, mac1: bytes) -> CardReply:
    return trial.send(commands.DEBIT_FOR_PURCHASE, data=_NUMBER + _TIME + mac1, le=8)


def _number_of(begun: bytes) -> int:
    return int(messages.PURCHASE_ANSWER.parse(begun).number)


def _paid(trial: Trial, amounts: bytes = _ZERO, index: int = 1) -> tuple[int, bytes, bytes]:
    begun = _begun(trial, amounts, index)
    mac1, mac2, tac = _macs(trial, begun, amounts, index)
    reply = trial.expect(_debit(trial, mac1), "9000")
    trial.equal(len(reply.data), 8, "bytes of TAC and MAC2")
    trial.check(reply.data[:4] == tac, "the right TAC first", "another value")
    trial.check(reply.data[4:] == mac2, "the right MAC2 behind it", "another value")
    return _number_of(begun), tac, mac2


def _proof(trial: Trial, number: int, kind: int = PURCHASE) -> CardReply:
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
        trial.refused(_balance(trial, kind), "6982")


@cases.command(_BALANCE, ANSWER, 1, "The account: 4 bytes", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    trial.equal(len(trial.expect(_balance(trial), "9000").data), 4, "bytes of CIA")


@cases.command(_BALANCE, ANSWER, 2, "A yearly total: 4 bytes and the year", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    years = set()
    for kind in (2, 3):
        data = trial.expect(_balance(trial, kind), "9000").data
        trial.equal(len(data), 6, "bytes of a total and its year")
        trial.check(data[4:].hex().isdecimal(), "a year in BCD", "other nibbles")
        years.add(data[4:])
    trial.equal(len(years), 1, "one year of both totals:")


@cases.command(_BALANCE, MESSAGE, 1, "Kinds 00 and 04: 6A86", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    for apdu in ("B026000004", "B026000404", "B026010104"):
        trial.refused(trial.whole(apdu), "6A86", "6A81")


# --- INITIALIZE ----------------------------------------------------------------------------------


@cases.command(_INIT, ANSWER, 1, "22 bytes: balances, year, number, key version, algorithm, random",
               **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    account = trial.given(_balance(trial), "GET BALANCE").data
    own = trial.given(_balance(trial, 2), "GET BALANCE").data
    pool = trial.given(_balance(trial, 3), "GET BALANCE").data
    reply = trial.expect(_initialize(trial), "9000")
    trial.equal(len(reply.data), _ANSWER, "bytes of the answer")
    trial.same(reply.data[:4], account, "CIA")
    if not trial.subject.statement.account_only:
        trial.same(reply.data[4:14], own[:4] + pool[:4] + own[4:], "SPIP, SPFP and year")


@cases.command(_INIT, ANSWER, 2, "The random number changes, the transaction number does not",
               **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    found = [_begun(trial) for _ in range(8)]
    trial.equal(len({one[-4:] for one in found}), 8, "different random numbers")
    trial.equal(len({_number_of(one) for one in found}), 1, "one transaction number:")


@cases.command(_INIT, ANSWER, 3, "Key version and algorithm are those of the index", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    for index in (1, 2, 3):
        parsed = messages.PURCHASE_ANSWER.parse(_begun(trial, index=index))
        trial.equal(parsed.key_version, index, "key version")
        wanted = (0x03,) if trial.subject.algorithm == "sm4" else (0x00, 0x01)
        trial.check(parsed.algorithm in wanted, "the card's algorithm", f"{parsed.algorithm:02X}")


@cases.command(_INIT, WORDS, 1, "Without the PIN: 6982", **_SESSION)
def _(trial: Trial) -> None:
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")
    trial.enter(DF04)
    trial.refused(_initialize(trial), "6982")


@cases.command(_INIT, WORDS, 2, "A key index that is not there: 9403", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    for index in (0, 4, 0xFF):
        trial.refused(_initialize(trial, index=index), "9403")


@cases.command(_INIT, WORDS, 3, "More than the account has: 9401", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    balance = int.from_bytes(trial.given(_balance(trial), "GET BALANCE").data)
    for amount in {balance + 1, 0xFFFFFFFF}:
        if amount <= 0xFFFFFFFF and amount > balance:
            reply = _initialize(trial, amount.to_bytes(4) + bytes(8))
            trial.refused(reply, "9401")


@cases.command(_INIT, ANSWER, 4, "All that the account has, and any other amounts", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    balance = trial.given(_balance(trial), "GET BALANCE").data
    trial.expect(_initialize(trial, balance + b"\0\0\1\0\0\0\1\0"), "9000")


@cases.command(_INIT, WORDS, 4, "A wrong length: 6700", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    for length in (1, 18, 20):
        reply = trial.send(commands.INITIALIZE_FOR_PURCHASE, data=bytes(length), le=_ANSWER)
        trial.refused(reply, "6700", "6A80")


@cases.command(_INIT, ANSWER, 5, "INITIALIZE alone changes no balance", group=STATES, **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    before = trial.given(_balance(trial), "GET BALANCE").data
    _begun(trial)
    trial.reset(cold=True)
    _enter(trial)
    trial.same(trial.expect(_balance(trial), "9000").data, before, "balance")


# --- DEBIT ---------------------------------------------------------------------------------------


@cases.command(_DEBIT, WORDS, 1, "Without INITIALIZE: 6901", group=STATES, **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    trial.refused(_debit(trial, bytes(4)), "6901")


@cases.command(_DEBIT, WORDS, 2, "A wrong MAC1: 9302, and nothing is paid", **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    begun = _begun(trial)
    mac1, _, _ = _macs(trial, begun, _ZERO, 1)
    wrong = bytes((mac1[0] ^ 1,)) + mac1[1:]
    trial.refused(_debit(trial, wrong), "9302")
    trial.refused(_debit(trial, mac1), "6901", what="to the right MAC1 afterwards")
    trial.equal(_number_of(_begun(trial)), _number_of(begun), "transaction number")


@cases.command(_DEBIT, WORDS, 3, "Another command between: 6901", group=STATES, **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    for between in ("0084000008", "00A4020002EF05", "00B2FF0400"):
        mac1, _, _ = _macs(trial, _begun(trial), _ZERO, 1)
        trial.whole(between)
        trial.refused(_debit(trial, mac1), "6901", what=f"to DEBIT after {between[:4]}")


@cases.command(_DEBIT, WORDS, 4, "A MAC1 of another INITIALIZE: 9302", **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    mac1, _, _ = _macs(trial, _begun(trial), _ZERO, 1)
    _begun(trial)
    trial.refused(_debit(trial, mac1), "9302")


def _debits(index: int) -> None:
    @cases.command(_DEBIT, ANSWER, index, f"A debit of 0 with key index {index}: TAC and MAC2 are "
                   "right", **_WRITE)  # fmt: skip
    def _(trial: Trial) -> None:
        _enter(trial)
        _paid(trial, index=index)


for _index in (1, 2, 3):
    _debits(_index)


@cases.command(_DEBIT, ANSWER, 4, "GET BALANCE between INITIALIZE and DEBIT is allowed",
               group=STATES, **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    mac1, _, _ = _macs(trial, _begun(trial), _ZERO, 1)
    trial.given(_balance(trial), "GET BALANCE")
    trial.expect(_debit(trial, mac1), "9000")


@cases.command(_DEBIT, ANSWER, 5, "A debit raises the number by one and keeps the balance",
               **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    before = trial.given(_balance(trial), "GET BALANCE").data
    number, _, _ = _paid(trial)
    trial.same(trial.expect(_balance(trial), "9000").data, before, "balance")
    trial.equal(_number_of(_begun(trial)), number + 1, "next transaction number")


@cases.command(_DEBIT, ANSWER, 6, "The newest record of EF08 is the debit", **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    number, _, _ = _paid(trial)
    record = trial.expect(trial.whole("00B2014400"), "9000").data
    expected = number.to_bytes(2) + bytes((PURCHASE,)) + _TERMINAL + _TIME + _ZERO
    trial.same(record, expected[: len(record)], "record 1 of EF08")
    length = 20 if trial.subject.statement.account_only else 28
    trial.equal(len(record), length, "bytes of the record")


@cases.command(_DEBIT, ANSWER, 7, "The newest record comes first, the one before behind it",
               **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    first, _, _ = _paid(trial)
    second, _, _ = _paid(trial)
    for place, number in ((1, second), (2, first)):
        record = trial.expect(trial.whole(f"00B2{place:02X}4400"), "9000").data
        trial.equal(int.from_bytes(record[:2]), number, f"transaction number of record {place}")


@cases.command(_PROOF, ANSWER, 1, "The proof of a debit is its MAC2 and TAC, also after power-off",
               confidence=Confidence.MEDIUM, **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    number, tac, mac2 = _paid(trial)
    for cold in (None, False, True):
        if cold is not None:
            trial.reset(cold=cold)
            _enter(trial)
        reply = trial.expect(_proof(trial, number), "9000")
        trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


@cases.command(_PROOF, WORDS, 1, "Another number: 9406", **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    number, _, _ = _paid(trial)
    for other in (number + 5, number + 2):
        trial.refused(_proof(trial, other), "9406")


@cases.command(_PROOF, WORDS, 2, "After the next debit the proof of the one before is gone",
               **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    number, _, _ = _paid(trial)
    _paid(trial)
    trial.refused(_proof(trial, number), "9406")


@cases.command(_PROOF, ANSWER, 2, "A new INITIALIZE keeps the proof", group=STATES, **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    number, tac, mac2 = _paid(trial)
    _begun(trial)
    reply = trial.expect(_proof(trial, number), "9000")
    trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


@cases.command(_DEBIT, ANSWER, 8, "A debit of 1 fen lowers the account and raises the totals",
               lasting=1, **_MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    before = [int.from_bytes(trial.given(_balance(trial, k)).data[:4]) for k in (1, 2, 3)]
    if not before[0]:
        raise NotApplicableError("the account is empty")
    year = trial.given(_balance(trial, 2)).data[4:]
    _paid(trial, (1).to_bytes(4) + (2).to_bytes(4) + (3).to_bytes(4))
    after = [int.from_bytes(trial.expect(_balance(trial, k), "9000").data[:4]) for k in (1, 2, 3)]
    trial.check(after[0] == before[0] - 1, "a balance 1 fen lower", "another one")
    if trial.subject.statement.account_only:
        return
    same_year = year == trial.given(_balance(trial, 2)).data[4:]
    base = before[1:] if same_year else [0, 0]
    trial.check(after[1:] == [base[0] + 2, base[1] + 3], "totals 2 and 3 fen higher", "others")


# --- load and starting day -----------------------------------------------------------------------

_LOAD, _CREDIT, _DAY = "INITIALIZE FOR LOAD", "CREDIT FOR LOAD", "GET STARTING DAY"
_FEN: Final = (1).to_bytes(4)


def _begin_load(trial: Trial, index: int = 1) -> CardReply:
    data = bytes((index,)) + _FEN + _TERMINAL
    return trial.send(commands.INITIALIZE_FOR_LOAD, data=data, le=16)


def _load_macs(trial: Trial, begun: bytes, index: int) -> tuple[bytes, bytes, bytes]:
    """MAC1, MAC2 and TAC of a load of 1 fen, computed from the root keys."""
    if len(begun) != messages.LOAD_ANSWER.sizeof():
        raise UndecidedError("INITIALIZE FOR LOAD gave another length")
    secrets = trial.secrets
    dlk, dtk = (trial.key_of(use, DF04) for use in (KeyUse.LOAD, KeyUse.TAC))
    answer = messages.LOAD_ANSWER.parse(begun)
    number = answer.number.to_bytes(2)
    session = secrets.session(dlk, answer.random + number + b"\x80\x00", index)
    what = _FEN + bytes((LOAD,)) + _TERMINAL
    tac = secrets.suite.tac_mac(secrets.secret(dtk, index))
    after = (answer.balance_fen + 1).to_bytes(4)
    return (
        session.mac(begun[:4] + what),
        session.mac(what + _TIME),
        tac(pad(after + number + what + _TIME, secrets.suite.block)),
    )


def _credit(trial: Trial, mac2: bytes) -> CardReply:
    return trial.send(commands.CREDIT_FOR_LOAD, data=_TIME + mac2, le=4)


@cases.command(_LOAD, ANSWER, 1, "16 bytes: balance, number, key version, algorithm, random, MAC1",
               **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    account = trial.given(_balance(trial), "GET BALANCE").data
    reply = trial.expect(_begin_load(trial), "9000")
    trial.equal(len(reply.data), 16, "bytes of the answer")
    trial.same(reply.data[:4], account, "balance")


@cases.command(_LOAD, ANSWER, 2, "MAC1 is right with every key index", level=Level.SESSION,
               needs=MEDICAL_KEYS)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    for index in (1, 2, 3):
        begun = trial.expect(_begin_load(trial, index), "9000").data
        mac1, _, _ = _load_macs(trial, begun, index)
        trial.check(begun[-4:] == mac1, f"the right MAC1 with index {index}", "another value")


@cases.command(_LOAD, WORDS, 1, "A key index that is not there: 9403", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    for index in (0, 4, 0xFF):
        trial.refused(_begin_load(trial, index), "9403")


@cases.command(_LOAD, WORDS, 2, "Without the PIN: 6982", **_SESSION)
def _(trial: Trial) -> None:
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")
    trial.enter(DF04)
    trial.refused(_begin_load(trial), "6982")


@cases.command(_CREDIT, WORDS, 1, "Without INITIALIZE, or after that of a purchase: 6901",
               group=STATES, **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    trial.refused(_credit(trial, bytes(4)), "6901")
    _begun(trial)
    trial.refused(_credit(trial, bytes(4)), "6901", what="after INITIALIZE FOR PURCHASE")


@cases.command(_CREDIT, WORDS, 2, "A wrong MAC2: 9302, and nothing is loaded", **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    before = trial.given(_balance(trial), "GET BALANCE").data
    begun = trial.given(_begin_load(trial), "INITIALIZE FOR LOAD").data
    _, mac2, _ = _load_macs(trial, begun, 1)
    trial.refused(_credit(trial, bytes((mac2[0] ^ 1,)) + mac2[1:]), "9302")
    trial.refused(_credit(trial, mac2), "6901", what="to the right MAC2 afterwards")
    trial.same(trial.expect(_balance(trial), "9000").data, before, "balance")


@cases.command(_DEBIT, WORDS, 5, "After INITIALIZE FOR LOAD: 6901", group=STATES, **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    trial.given(_begin_load(trial), "INITIALIZE FOR LOAD")
    trial.refused(_debit(trial, bytes(4)), "6901")


@cases.command(_CREDIT, ANSWER, 1, "A load of 1 fen raises the balance; its TAC is right",
               confidence=Confidence.MEDIUM, lasting=1, **_MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    _enter(trial)
    before = int.from_bytes(trial.given(_balance(trial), "GET BALANCE").data)
    begun = trial.given(_begin_load(trial), "INITIALIZE FOR LOAD").data
    _, mac2, tac = _load_macs(trial, begun, 1)
    reply = trial.expect(_credit(trial, mac2), "9000")
    trial.check(reply.data == tac, "the right TAC", "another value")
    after = int.from_bytes(trial.expect(_balance(trial), "9000").data)
    trial.check(after == before + 1, "a balance 1 fen higher", "another one")


def _day(trial: Trial) -> CardReply:
    return trial.send(commands.GET_STARTING_DAY, le=2)


@cases.command(_DAY, ANSWER, 1, "Two bytes, month and day in BCD", **_SESSION)
def _(trial: Trial) -> None:
    _enter(trial)
    data = trial.expect(_day(trial), "9000").data
    trial.equal(len(data), 2, "bytes of the starting day")
    trial.check(data.hex().isdecimal() and data.hex() <= "1231", "mmdd in BCD", "another value")


@cases.command("UPDATE STARTING DAY", WORDS, 1, "Without DSK: 6982", **_WRITE)
def _(trial: Trial) -> None:
    _enter(trial)
    day = trial.given(_day(trial), "GET STARTING DAY").data
    trial.refused(trial.send(commands.UPDATE_STARTING_DAY, data=day), "6982")


@cases.command("UPDATE STARTING DAY", ANSWER, 1, "With DSK the day is written",
               confidence=Confidence.LOW, **_WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    if trial.subject.statement.account_only:
        raise NotApplicableError("the card keeps the account alone")
    _enter(trial)
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
