# SPDX-License-Identifier: Apache-2.0
"""The card is pulled out while it writes: all of a command is done or nothing (LD/T 32.4; LD/T
32.7, exceptions; LD/T 6001.2, pull-out)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sscard_chip.memory.cut import Kept
from sscard_chip.profile.model import FileDeclaration, Structure
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import LOAD, SSSE
from sscard_chip.standard.keys import BK_KID
from sscard_chip.standard.messages import medical as messages
from sscard_chip.terminal.conformance.case import Need
from sscard_chip.terminal.conformance.cases.build import MEDICAL_KEYS, PIN_AND_KEYS, Chapter
from sscard_chip.terminal.conformance.cases.loading import begin_load, credit_apdu, load_macs
from sscard_chip.terminal.conformance.cases.medical import (
    begin_purchase,
    debit_apdu,
    enter_medical,
    get_balance,
    get_proof,
    number_of,
    purchase_macs,
    send_debit,
)
from sscard_chip.terminal.conformance.cases.wrong import blocking_apdu, other_pin
from sscard_chip.terminal.conformance.groups import PULL_OUT
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, NotRunError

_CLAUSES: Final = ("LD/T 32.7, exceptions", "LD/T 6001.2, pull-out")
_MOMENTS: Final = (
    (0, Kept.ALL, "after its last write"),
    (1, Kept.NONE, "before its first write"),
    (1, Kept.HALF, "in the middle of its first write"),
    (1, Kept.ALL, "after its first write"),
    (2, Kept.HALF, "in the middle of its second write"),
)
_FEN: Final = (1).to_bytes(4)

cases = Chapter(PULL_OUT)

CutJudge = Callable[[Trial, int, Kept], None]


def _moments(
    name: str, what: str, needs: frozenset[Need], lasting: int
) -> Callable[[CutJudge], None]:
    """A case for each moment at which the power fails."""

    def keep(judge: CutJudge) -> None:
        for number, (write, kept, when) in enumerate(_MOMENTS, 1):
            more: dict[str, Any] = {
                "level": Level.DESTRUCTIVE,
                "needs": needs | {Need.POWER_CUT},
                "lasting": lasting,
            }
            cases.add(
                f"SSC-6001.2-PULLOUT-{name}-{number:02}",
                f"The power fails in {what}, {when}",
                *_CLAUSES,
                judge=_at(judge, write, kept),
                **more,
            )

    return keep


def _at(judge: CutJudge, write: int, kept: Kept) -> Callable[[Trial], None]:
    return lambda trial: judge(trial, write, kept)


def _state(trial: Trial) -> tuple[bytes, ...]:
    """All that a debit or a load changes: balances, log, number of the next purchase."""
    enter_medical(trial)
    balances = tuple(trial.expect(get_balance(trial, kind), "9000").data for kind in (1, 2, 3))
    newest = trial.expect(trial.whole("00B2014400"), "9000", "6A83").data
    number = number_of(begin_purchase(trial)).to_bytes(2)
    return (*balances, newest, number)


@_moments("DEBIT", "DEBIT FOR PURCHASE", MEDICAL_KEYS, 1)
def _(trial: Trial, write: int, kept: Kept) -> None:
    before = _state(trial)
    fen = min(int.from_bytes(before[0]), 1)
    parts = fen.to_bytes(4) + 2 * _FEN
    begun = begin_purchase(trial, parts)
    mac1, mac2, tac = purchase_macs(trial, begun, parts)
    trial.cut(debit_apdu(trial, mac1), write, kept)
    after = _state(trial)
    reply = get_proof(trial, number_of(begun))
    if after == before:
        trial.refused(reply, "9406", what="to the proof of a debit that is not made")
        trial.check(write > 0, "the debit, which was complete, and its proof", "nothing of it")
    else:
        changed = [one != other for one, other in zip(after, before, strict=True)]
        short = trial.subject.statement.account_only
        totals = short or (changed[1] and changed[2])
        trial.check(
            changed[0] is bool(fen) and totals and changed[3] and changed[4],
            "the whole debit or nothing of it", "a part of it",
        )  # fmt: skip
        paid = int.from_bytes(before[0]) - int.from_bytes(after[0])
        trial.check(paid == fen, f"{fen} fen less on the account", "another balance")
        trial.expect(reply, "9000", what="to the proof of a debit that is made")
        trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")
    trial.reset(cold=True)
    enter_medical(trial)
    trial.refused(send_debit(trial, mac1), "6901", what="to the same DEBIT after power-off")


@_moments("CREDIT", "CREDIT FOR LOAD", MEDICAL_KEYS, 1)
def _(trial: Trial, write: int, kept: Kept) -> None:
    before = _state(trial)
    begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
    _, mac2, tac = load_macs(trial, begun, 1)
    trial.cut(credit_apdu(trial, mac2), write, kept)
    after = _state(trial)
    reply = get_proof(trial, int(messages.LOAD_ANSWER.parse(begun).number), LOAD)
    if after == before:
        trial.refused(reply, "9406", what="to the proof of a load that is not made")
        trial.check(write > 0, "the load, which was complete, and its proof", "nothing of it")
        return
    loaded = int.from_bytes(after[0]) - int.from_bytes(before[0])
    trial.check(loaded == 1, "1 fen more on the account", "another balance")
    trial.check(after[3] != before[3], "a record of the load in EF08", "none")
    trial.expect(reply, "9000", what="to the proof of a load that is made")
    trial.check(reply.data[4:] == tac, "the TAC of the load", "another value")


def _writable(trial: Trial, *structures: Structure) -> tuple[int, FileDeclaration]:
    """A file that a key writes and that can be read again."""
    for directory in trial.subject.profile.directories:
        for file in directory.files:
            here = trial.subject.file(directory.fid, file.fid) is not None
            filled = file.items or file.structure is Structure.TRANSPARENT
            fit = file.structure in structures and file.write.kid is not None
            if here and fit and filled and not file.read.never:
                return directory.fid, file
    raise NotApplicableError("a terminal writes no such file")


def _written(trial: Trial, write: int, kept: Kept, *structures: Structure) -> None:
    directory, file = _writable(trial, *structures)
    binary = file.structure is Structure.TRANSPARENT
    sfi = file.sfi << 3 | 4

    def read() -> bytes:
        trial.enter(directory)
        if not file.read.free:
            trial.satisfy(file.read, directory)
        if binary:
            reply = trial.send(commands.READ_BINARY, 0x80 | file.sfi, 0, le=16)
        else:
            reply = trial.whole(bytes((0x00, 0xB2, 0x01, sfi, 0x00)))
        return trial.expect(reply, "9000", what="to reading after the power failed").data

    def update(content: bytes) -> bytes:
        trial.reset()
        trial.enter(directory)
        trial.satisfy(file.write, directory)
        if binary:
            return commands.UPDATE_BINARY.apdu(0x80 | file.sfi, 0, content)
        return commands.UPDATE_RECORD.apdu(0x01, sfi, content)

    before = read()
    head = 0 if binary else 2
    new = before[:head] + bytes(one ^ 0x01 for one in before[head:])
    trial.afterwards(lambda: _put_back(trial, update, before))
    trial.cut(update(new), write, kept)
    after = read()
    trial.check(after in (before, new), "the old bytes or the new ones", "a mixture")
    if not write:
        trial.check(after == new, "the new bytes, which were complete", "the old ones")


def _put_back(trial: Trial, update: Callable[[bytes], bytes], before: bytes) -> None:
    trial.expect(trial.whole(update(before)), "9000", what="to writing the old bytes back")


@_moments("RECORD", "UPDATE RECORD", PIN_AND_KEYS, 0)
def _(trial: Trial, write: int, kept: Kept) -> None:
    _written(trial, write, kept, Structure.LINEAR_VARIABLE, Structure.LINEAR_FIXED)


@_moments("BINARY", "UPDATE BINARY", PIN_AND_KEYS, 0)
def _(trial: Trial, write: int, kept: Kept) -> None:
    _written(trial, write, kept, Structure.TRANSPARENT)


def _set_pin(trial: Trial) -> bytes:
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")
    if not trial.subject.pin:
        raise NotRunError("needs the PIN")
    trial.enter()
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    return trial.subject.pin


@_moments("PIN", "CHANGE PIN", PIN_AND_KEYS, 2)
def _(trial: Trial, write: int, kept: Kept) -> None:
    old = _set_pin(trial)
    new = other_pin(old)
    tries = trial.pin_tries()
    trial.spare_tries()
    trial.cut(commands.CHANGE_PIN.apdu(data=old + b"\xff" + new), write, kept)
    trial.enter()
    trial.equal(trial.pin_tries(), tries, "tries of the PIN")
    reply = trial.wrong(commands.VERIFY.apdu(data=new))
    if reply.sw == 0x9000:
        change = commands.CHANGE_PIN.apdu(data=new + b"\xff" + old)
        trial.expect(trial.wrong(change), "9000", what="to changing the PIN back")
    else:
        trial.expect(reply, "63Cx", what="to the new PIN")
        trial.check(write > 0, "the new PIN, which was complete", "the old one")
    trial.expect(trial.verify_pin(), "9000", what="to the old PIN")


@_moments("TRY", "VERIFY of a wrong PIN", PIN_AND_KEYS, 2)
def _(trial: Trial, write: int, kept: Kept) -> None:
    pin = _set_pin(trial)
    trial.reset()
    trial.enter()
    tries = trial.spare_tries(2)
    trial.cut(commands.VERIFY.apdu(data=other_pin(pin)), write, kept, wrong=True)
    trial.enter()
    left = trial.pin_tries()
    trial.check(left in (tries, tries - 1), f"{tries - 1} or {tries} tries", f"{left}")
    if not write:
        trial.equal(left, tries - 1, "tries after a wrong PIN whose answer is lost:")
    trial.expect(trial.verify_pin(), "9000", what="to the right PIN")


@_moments("BLOCK", "CARD BLOCK", PIN_AND_KEYS | {Need.IMAGE}, 8)
def _(trial: Trial, write: int, kept: Kept) -> None:
    trial.enter()
    trial.cut(blocking_apdu(trial, BK_KID, SSSE), write, kept)
    word = trial.whole("0084000008").word
    trial.check(word in ("9000", "6A81"), "a card that is blocked or is not", word)
    if not write:
        trial.equal(word, "6A81", "answer of a card that is blocked, though its answer is lost:")
    trial.reset(cold=True)
    trial.equal(trial.whole("0084000008").word, word, "answer after another power-off")
