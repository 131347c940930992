# SPDX-License-Identifier: Apache-2.0
"""What stays and what is spent: tries, challenges, rights side by side, transactions under a query
(LD/T 32.4; LD/T 32.5, 7 and 8)."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from sscard_chip.profile.model import Confidence, FileDeclaration, KeyUse, Structure
from sscard_chip.standard import commands
from sscard_chip.standard.dates import parse_date
from sscard_chip.standard.identifiers import (
    ALGORITHM_SM4,
    DF04,
    MEDICAL_LOG,
    PURCHASE,
    SSSE,
)
from sscard_chip.standard.keys import BK_KID, DSK_KID, LK_KID, PUK_KID, STK_KID
from sscard_chip.terminal.conformance.cases.build import (
    KEYS_NEEDED,
    MEDICAL_KEYS,
    PIN_AND_KEYS,
    Chapter,
)
from sscard_chip.terminal.conformance.cases.loading import begin_load, load_macs, send_credit
from sscard_chip.terminal.conformance.cases.medical import (
    MONEY,
    WRITE,
    begin_purchase,
    enter_medical,
    get_balance,
    get_proof,
    pay,
    purchase_macs,
    send_debit,
)
from sscard_chip.terminal.conformance.cases.wrong import (
    begin_wrong,
    change_pin,
    other_pin,
    prove_again,
    prove_wrong,
    unblock_pin,
    verify_wrong,
)
from sscard_chip.terminal.conformance.groups import (
    ANSWER,
    CHANGE_PIN,
    DATA,
    STATES,
    WORDS,
)
from sscard_chip.terminal.conformance.groups import PURCHASE as PURCHASE_GROUP
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

cases = Chapter(STATES)

_CHANGE, _UNBLOCK, _EXTERNAL = "CHANGE PIN", "PIN CHANGE/UNBLOCK", "EXTERNAL AUTHENTICATE"
_PROOF, _DEBIT, _CREDIT = "GET TRANSACTION PROOF", "DEBIT FOR PURCHASE", "CREDIT FOR LOAD"
_STATE: Final = "LD/T 32.4, security state"
_MANY: Final = 16
"""Wrong proofs: more than the tries that any key can have."""
_WRONG: Final[dict[str, Any]] = {"level": Level.DESTRUCTIVE, "needs": PIN_AND_KEYS}


# --- tries of the PIN ----------------------------------------------------------------------------


@cases.command(_CHANGE, ANSWER, 1, "The right old PIN gives all tries back", group=CHANGE_PIN,
               lasting=2, **_WRONG)  # fmt: skip
def _(trial: Trial) -> None:
    tries = begin_wrong(trial, 1)
    pin = trial.subject.pin
    trial.given_word(verify_wrong(trial, other_pin(pin)), "63Cx")
    trial.expect(change_pin(trial, pin, pin), "9000")
    trial.equal(trial.pin_tries(), tries, "tries")


@cases.command(_CHANGE, WORDS, 3, "A locked PIN is not changed: 6983, as for VERIFY",
               group=CHANGE_PIN, lasting=5, **_WRONG)  # fmt: skip
def _(trial: Trial) -> None:
    tries = begin_wrong(trial, 0)
    pin = trial.subject.pin
    for _ in range(tries):
        trial.given_word(verify_wrong(trial, other_pin(pin)), "63Cx")
    for old in (pin, other_pin(pin)):
        trial.expect(change_pin(trial, old, other_pin(pin)), "6983")
    trial.enter()
    trial.expect(unblock_pin(trial), "9000", what="to PIN CHANGE/UNBLOCK")
    trial.expect(trial.verify_pin(), "9000", what="to the PIN as it was")


@cases.command(_UNBLOCK, WORDS, 3, "The same command again: 6984, and no tries come back",
               lasting=4, **_WRONG)  # fmt: skip
def _(trial: Trial) -> None:
    tries = begin_wrong(trial, 1)
    trial.given(trial.authenticate(trial.key(PUK_KID, SSSE)), "the proof of PUK")
    stk = trial.key(STK_KID, SSSE, KeyUse.MAINTENANCE)
    session = trial.secrets.session(stk, trial.challenge())
    message = commands.PIN_UNBLOCK_HEADER + session.mac(commands.PIN_UNBLOCK_HEADER)
    trial.expect(trial.whole(message), "9000")
    trial.given_word(verify_wrong(trial, other_pin(trial.subject.pin)), "63Cx")
    trial.refused(trial.whole(message), "6984", "6985")
    trial.equal(trial.pin_tries(), tries - 1, "tries")


@cases.command(_UNBLOCK, ANSWER, 2, "It gives the tries of a PIN back that is not locked",
               lasting=4, **_WRONG)  # fmt: skip
def _(trial: Trial) -> None:
    tries = begin_wrong(trial, 1)
    trial.given_word(verify_wrong(trial, other_pin(trial.subject.pin)), "63Cx")
    trial.expect(unblock_pin(trial), "9000")
    trial.equal(trial.pin_tries(), tries, "tries")
    trial.reset(cold=True)
    trial.enter()
    trial.equal(trial.pin_tries(), tries, "tries after power-off")


# --- tries of keys -------------------------------------------------------------------------------


@cases.command(_EXTERNAL, WORDS, 30, "PUK counts its wrong proofs", lasting=3, **_WRONG)
def _(trial: Trial) -> None:
    key = trial.key(PUK_KID, SSSE)
    trial.enter()
    trial.given(trial.authenticate(key), "the proof of PUK")
    trial.afterwards(partial(prove_again, trial, key))
    first = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    if first < 2:
        raise NotApplicableError("the key has two tries")
    second = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    trial.equal(second, first - 1, "tries after the second wrong proof")


def _never_locks(number: int, name: str, kid: int, directory: int) -> None:
    @cases.command(_EXTERNAL, WORDS, number, f"{name} is not locked by wrong proofs", lasting=6,
                   **_WRONG)  # fmt: skip
    def _(trial: Trial) -> None:
        key = trial.key(kid, directory)
        trial.enter(directory)
        for _ in range(_MANY):
            trial.expect(prove_wrong(trial, key), "63xx", "6988", what="to a wrong proof")
        trial.expect(trial.authenticate(key), "9000", what="to the right one")


_never_locks(31, "BK (card lock)", BK_KID, SSSE)
_never_locks(32, "LK of DF04 (application lock)", LK_KID, DF04)


# --- challenges ----------------------------------------------------------------------------------


@cases.command(_EXTERNAL, DATA, 5, "SM4: a challenge of 16 bytes is taken whole",
               level=Level.SESSION, needs=KEYS_NEEDED, confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    if trial.subject.algorithm != ALGORITHM_SM4:
        raise NotApplicableError("of blocks of 16 bytes alone")
    key = trial.key_of(KeyUse.EXTERNAL, SSSE)
    trial.enter()
    proof = trial.proof(key, trial.challenge(16))
    trial.expect(trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, key.kid, proof), "9000")


def _challenge_stays(number: int, what: str, between: Any, needs: Any) -> None:
    @cases.command("GET CHALLENGE", ANSWER, number, f"A challenge stays while {what}",
                   level=Level.SESSION, needs=needs, confidence=Confidence.LOW)  # fmt: skip
    def _(trial: Trial) -> None:
        key = trial.key_of(KeyUse.EXTERNAL, SSSE)
        trial.enter()
        proof = trial.proof(key, trial.challenge())
        trial.given(between(trial), what)
        trial.expect(trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, key.kid, proof), "9000")


_challenge_stays(
    12, "the card proves itself",
    lambda trial: trial.send(commands.INTERNAL_AUTHENTICATE, data=b"\x5a" * 16, le=8), KEYS_NEEDED,
)  # fmt: skip
_challenge_stays(13, "the PIN is verified", Trial.verify_pin, PIN_AND_KEYS)


@cases.command("INTERNAL AUTHENTICATE", ANSWER, 8, "It needs no challenge",
               level=Level.READ)  # fmt: skip
def _(trial: Trial) -> None:
    trial.reset()
    trial.enter()
    reply = trial.send(commands.INTERNAL_AUTHENTICATE, data=b"\x5a" * 16, le=8)
    trial.expect(reply, "9000")


# --- rights side by side -------------------------------------------------------------------------


def _two_files(trial: Trial) -> tuple[int, FileDeclaration, FileDeclaration]:
    """Two files of records of one application that different keys write."""
    for directory in trial.subject.profile.applications:
        found: dict[int, FileDeclaration] = {}
        for file in directory.files:
            here = trial.subject.file(directory.fid, file.fid) is not None
            linear = file.structure in (Structure.LINEAR_VARIABLE, Structure.LINEAR_FIXED)
            open_ = file.read.pin and not file.read.both and not file.secure_messaging
            if here and linear and open_ and file.items and file.write.kid is not None:
                found.setdefault(file.write.kid, file)
        if len(found) > 1:
            first, second, *_ = found.values()
            return directory.fid, first, second
    raise NotApplicableError("no application has two such files")


def _rewrite(trial: Trial, file: FileDeclaration) -> int:
    """UPDATE RECORD of record 1 with what stands there."""
    read = bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 4, 0x00))
    content = trial.given(trial.whole(read), "READ RECORD").data
    return trial.send(commands.UPDATE_RECORD, 0x01, file.sfi << 3 | 4, content).sw


@cases.case("SSC-32.4-RIGHT-07", "Rights of two keys live side by side", _STATE,
            level=Level.WRITE, needs=PIN_AND_KEYS)  # fmt: skip
def _(trial: Trial) -> None:
    directory, first, second = _two_files(trial)
    trial.enter(directory)
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    for file in (first, second):
        trial.satisfy(file.write, directory)
    for file in (first, second):
        trial.equal(f"{_rewrite(trial, file):04X}", "9000", "answer to UPDATE RECORD")


@cases.case("SSC-32.4-RIGHT-08", "The right of one key writes no file of another",
            _STATE, level=Level.WRITE, needs=PIN_AND_KEYS)  # fmt: skip
def _(trial: Trial) -> None:
    directory, first, second = _two_files(trial)
    for own, other in ((first, second), (second, first)):
        trial.reset()
        trial.enter(directory)
        trial.given(trial.verify_pin(), "VERIFY of the given PIN")
        trial.satisfy(own.write, directory)
        trial.equal(f"{_rewrite(trial, other):04X}", "6982", "answer to UPDATE RECORD")
        trial.equal(f"{_rewrite(trial, own):04X}", "9000", "answer to UPDATE RECORD")


@cases.command("UPDATE RECORD", WORDS, 2, "No terminal writes EF08, whatever it has proven: 6982",
               level=Level.DESTRUCTIVE, needs=MEDICAL_KEYS, lasting=1)  # fmt: skip
def _(trial: Trial) -> None:
    file = trial.file(DF04, MEDICAL_LOG)
    enter_medical(trial)
    pay(trial)
    length = len(trial.expect(trial.whole("00B2014400"), "9000").data)
    before = trial.whole("00B2014400").data
    for key in trial.directory(DF04).keys:
        if key.use is KeyUse.EXTERNAL and key.kid not in (LK_KID, DSK_KID):
            trial.given(trial.authenticate(key), f"the proof of {key.root}")
    for p1, mode in ((0x00, 3), (0x01, 4)):
        reply = trial.send(commands.UPDATE_RECORD, p1, file.sfi << 3 | mode, bytes(length))
        trial.refused(reply, "6982", "6981", "6985")
    trial.same(trial.whole("00B2014400").data, before, "record 1 of EF08")


# --- what was written is where it was written ----------------------------------------------------


def _pattern_file(trial: Trial) -> tuple[int, FileDeclaration]:
    """A transparent file that a key writes and that is read free, or by the PIN."""
    for directory in trial.subject.profile.applications:
        for file in directory.files:
            here = trial.subject.file(directory.fid, file.fid) is not None
            fit = file.structure is Structure.TRANSPARENT and file.write.kid is not None
            if here and fit and (file.read.free or file.read.pin) and not file.secure_messaging:
                return directory.fid, file
    raise NotApplicableError("a terminal writes no such file")


@cases.command("READ BINARY", ANSWER, 8, "The offset counts, by SFI and of the current file",
               level=Level.WRITE, needs=PIN_AND_KEYS)  # fmt: skip
def _(trial: Trial) -> None:
    directory, file = _pattern_file(trial)
    pattern = bytes(range(0x40, 0x80))
    trial.enter(directory)
    trial.satisfy(file.read, directory)
    first = 0x80 | file.sfi
    before = trial.given(trial.send(commands.READ_BINARY, first, 0, le=len(pattern))).data

    def put(data: bytes) -> None:
        trial.enter(directory)
        trial.satisfy(file.read, directory)
        trial.satisfy(file.write, directory)
        trial.expect(trial.send(commands.UPDATE_BINARY, first, 0, data), "9000")

    trial.afterwards(partial(put, before))
    put(pattern)
    for offset, length in ((0, 64), (1, 8), (0x11, 16), (0x3F, 1)):
        part = pattern[offset : offset + length]
        reply = trial.expect(trial.send(commands.READ_BINARY, first, offset, le=length), "9000")
        trial.same(reply.data, part, f"bytes by SFI from {offset:02X}")
        reply = trial.expect(trial.send(commands.READ_BINARY, 0, offset, le=length), "9000")
        trial.same(reply.data, part, f"bytes of the current file from {offset:02X}")


@cases.command("UPDATE BINARY", WORDS, 3, "Across the end nothing is written, not what would fit",
               confidence=Confidence.MEDIUM, **_WRONG)  # fmt: skip
def _(trial: Trial) -> None:
    directory, file = _pattern_file(trial)
    trial.enter(directory)
    trial.satisfy(file.read, directory)
    trial.given(trial.send(commands.READ_BINARY, 0x80 | file.sfi, 0, le=1), "READ BINARY")
    at = file.size - 2
    before = trial.given(trial.send(commands.READ_BINARY, at >> 8, at & 0xFF, le=2)).data
    trial.satisfy(file.write, directory)
    new = bytes(one ^ 0x5A for one in before) + b"\x5a" * 4
    reply = trial.send(commands.UPDATE_BINARY, at >> 8, at & 0xFF, new)
    trial.refused(reply, "6B00", "6A84", "6700", "6A80", "6A86")
    reply = trial.expect(trial.send(commands.READ_BINARY, at >> 8, at & 0xFF, le=2), "9000")
    trial.same(reply.data, before, "the last two bytes")


# --- transactions under a query ------------------------------------------------------------------


@cases.command(_PROOF, ANSWER, 4, "Between INITIALIZE and DEBIT it keeps the transaction", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, *_ = pay(trial)
    begun = begin_purchase(trial)
    trial.given(get_proof(trial, number), "GET TRANSACTION PROOF")
    trial.given(get_balance(trial), "GET BALANCE")
    mac1 = purchase_macs(trial, begun)[0]
    trial.expect(send_debit(trial, mac1), "9000", what="to DEBIT behind GET TRANSACTION PROOF")


@cases.command(_CREDIT, ANSWER, 4, "GET BALANCE and GET TRANSACTION PROOF between keep the load",
               lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, *_ = pay(trial)
    begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
    trial.given(get_proof(trial, number), "GET TRANSACTION PROOF")
    trial.given(get_balance(trial), "GET BALANCE")
    trial.expect(send_credit(trial, load_macs(trial, begun, 1)[1]), "9000")


@cases.command(_PROOF, ANSWER, 5, "After power-off it is given without the PIN",
               confidence=Confidence.MEDIUM, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, tac, mac2 = pay(trial)
    trial.reset(cold=True)
    trial.enter(DF04)
    reply = trial.expect(get_proof(trial, number, PURCHASE), "9000")
    trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


@cases.command(_PROOF, ANSWER, 6, "It is given as often as it is asked for", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, tac, mac2 = pay(trial)
    for _ in range(3):
        reply = trial.expect(get_proof(trial, number), "9000")
        trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


# --- the day on which the year begins ------------------------------------------------------------


@cases.command("GET STARTING DAY", ANSWER, 3, "It needs no PIN", group=PURCHASE_GROUP)
def _(trial: Trial) -> None:
    if not trial.subject.medical:
        raise NotApplicableError("the card has no medical account")
    trial.enter(DF04)
    trial.expect(trial.send(commands.GET_STARTING_DAY, le=2), "9000")


_DAYS: Final[dict[str, Any]] = {
    "group": PURCHASE_GROUP,
    "level": Level.DESTRUCTIVE,
    "needs": MEDICAL_KEYS,
    "confidence": Confidence.MEDIUM,
    "lasting": 1,
}


def _write_day(trial: Trial, day: bytes) -> int:
    trial.given(trial.authenticate(trial.key(DSK_KID, DF04)), "the proof of DSK")
    return trial.send(commands.UPDATE_STARTING_DAY, data=day).sw


@cases.command("UPDATE STARTING DAY", ANSWER, 2, "Another day alters neither totals nor year",
               **_DAYS)  # fmt: skip
def _(trial: Trial) -> None:
    if trial.subject.statement.account_only:
        raise NotApplicableError("the card keeps the account alone")
    enter_medical(trial)
    pay(trial, (0).to_bytes(4) + (2).to_bytes(4) + (3).to_bytes(4))
    day = trial.given(trial.send(commands.GET_STARTING_DAY, le=2), "GET STARTING DAY").data
    if parse_date("2024" + day.hex()) is None:
        raise NotApplicableError("the card has no starting day")
    before = [trial.given(get_balance(trial, kind)).data for kind in (1, 2, 3)]
    trial.afterwards(lambda: _day_back(trial, day))
    other = b"\x04\x01" if day != b"\x04\x01" else b"\x07\x01"
    trial.equal(f"{_write_day(trial, other):04X}", "9000", "answer to UPDATE STARTING DAY")
    after = [trial.expect(get_balance(trial, kind), "9000").data for kind in (1, 2, 3)]
    trial.check(after == before, "the same balances, totals and year", "others")


def _day_back(trial: Trial, day: bytes) -> None:
    trial.enter(DF04)
    trial.equal(f"{_write_day(trial, day):04X}", "9000", "answer to writing the old day")


@cases.command("UPDATE STARTING DAY", WORDS, 2, "What is no day of a year is refused", **_DAYS)
def _(trial: Trial) -> None:
    if trial.subject.statement.account_only:
        raise NotApplicableError("the card keeps the account alone")
    enter_medical(trial)
    day = trial.given(trial.send(commands.GET_STARTING_DAY, le=2), "GET STARTING DAY").data
    if parse_date("2024" + day.hex()) is None:
        raise NotApplicableError("the card has no starting day")
    trial.afterwards(lambda: _day_back(trial, day))
    for wrong in ("1301", "0100", "0230", "0001", "0A01", "FFFF"):
        word = f"{_write_day(trial, bytes.fromhex(wrong)):04X}"
        trial.check(word.startswith("6A8"), f"6A80 to the day {wrong}", word)
    reply = trial.expect(trial.send(commands.GET_STARTING_DAY, le=2), "9000")
    trial.equal(reply.data, day, "starting day")
