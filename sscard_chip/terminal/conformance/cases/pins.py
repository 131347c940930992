# SPDX-License-Identifier: Apache-2.0
"""VERIFY: asking for the state, the right PIN, how long it lasts (LD/T 32.4, 32.5, 7.14)."""

from __future__ import annotations

from typing import Final

from sscard_chip.profile.model import Confidence, FileDeclaration
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.terminal.conformance.cases.build import (
    KEYS_NEEDED,
    PIN_AND_KEYS,
    PIN_NEEDED,
    Chapter,
    RefusedCommand,
    refusals,
    select_issuer,
)
from sscard_chip.terminal.conformance.groups import (
    ANSWER,
    DATA,
    FUNCTION,
    STATES,
    WORDS,
)
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_VERIFY: Final = "VERIFY"
_STATE: Final = "0020000000"

cases = Chapter(FUNCTION)


def pin_file(trial: Trial) -> tuple[int, FileDeclaration]:
    """A file of records that the PIN opens, with its directory."""
    for directory in trial.subject.profile.applications:
        for file in directory.files:
            here = trial.subject.file(directory.fid, file.fid) is not None
            if here and file.read.pin and not file.read.both and file.items:
                return directory.fid, file
    raise NotApplicableError("the PIN opens no file")


def read_of(file: FileDeclaration) -> bytes:
    """READ RECORD of the first record of a file by SFI."""
    return bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 4, 0x00))


def _need_pin(trial: Trial) -> None:
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")


@cases.command(_VERIFY, ANSWER, 1, "Without data: 9000 no PIN is set, 63Cx tries, 6983 locked")
def _(trial: Trial) -> None:
    trial.enter()
    trial.expect(trial.raw(_STATE), "9000", "63Cx", "6983")


@cases.command(_VERIFY, ANSWER, 2, "Asking for the state costs no try")
def _(trial: Trial) -> None:
    trial.enter()
    first = trial.raw(_STATE).word
    for _ in range(5):
        trial.equal(trial.raw(_STATE).word, first, "state")


@cases.command(_VERIFY, ANSWER, 3, "The tries are 1 to 15, or the PIN is locked: never 63C0")
def _(trial: Trial) -> None:
    trial.enter()
    trial.check(trial.raw(_STATE).word != "63C0", "6983 of a locked PIN", "63C0")


@cases.command(_VERIFY, ANSWER, 4, "The tries are the same after a reset and in an application")
def _(trial: Trial) -> None:
    trial.enter()
    first = trial.raw(_STATE).word
    trial.reset(cold=True)
    for directory in trial.subject.profile.directories:
        if not trial.subject.statement.lacks(directory.short_name):
            trial.enter(directory.fid)
            trial.equal(trial.raw(_STATE).word, first, f"state in {directory.short_name}")


@cases.command(_VERIFY, ANSWER, 5, "Asking for the state gives no right")
def _(trial: Trial) -> None:
    _need_pin(trial)
    directory, file = pin_file(trial)
    trial.enter(directory)
    trial.raw(_STATE)
    trial.refused(trial.whole(read_of(file)), "6982")


@cases.command(_VERIFY, ANSWER, 6, "Asking for the state keeps directory and file")
def _(trial: Trial) -> None:
    select_issuer(trial)
    trial.raw(_STATE)
    trial.expect(trial.whole("00B2070400"), "9000")


# --- the right PIN -------------------------------------------------------------------------------

_SESSION: Final = {"level": Level.SESSION, "needs": PIN_NEEDED}


@cases.command(_VERIFY, DATA, 1, "The right PIN: 9000", **_SESSION)
def _(trial: Trial) -> None:
    _need_pin(trial)
    trial.enter()
    trial.expect(trial.verify_pin(), "9000")


@cases.command(_VERIFY, DATA, 2, "The right PIN again: 9000", **_SESSION)
def _(trial: Trial) -> None:
    _need_pin(trial)
    trial.enter()
    for _ in range(3):
        trial.expect(trial.verify_pin(), "9000")


@cases.command(_VERIFY, DATA, 3, "The right PIN is taken in every application", **_SESSION)
def _(trial: Trial) -> None:
    _need_pin(trial)
    for directory in trial.subject.profile.applications:
        if not trial.subject.statement.lacks(directory.short_name):
            trial.reset()
            trial.enter(directory.fid)
            trial.expect(trial.verify_pin(), "9000", what=f"in {directory.short_name}")


@cases.command(_VERIFY, DATA, 4, "The right PIN gives no fewer tries than before", **_SESSION)
def _(trial: Trial) -> None:
    _need_pin(trial)
    trial.enter()
    before = trial.pin_tries()
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    after = trial.pin_tries()
    trial.check(after >= before, f"at least {before} tries", f"{after}")


@cases.command(_VERIFY, ANSWER, 7, "The right PIN opens what it opens", group=STATES, **_SESSION)
def _(trial: Trial) -> None:
    _need_pin(trial)
    directory, file = pin_file(trial)
    trial.enter(directory)
    trial.refused(trial.whole(read_of(file)), "6982")
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    trial.expect(trial.whole(read_of(file)), "9000")


@cases.command(_VERIFY, ANSWER, 8, "A verified PIN stays so in other applications until power-off",
               group=STATES, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    _need_pin(trial)
    directory, file = pin_file(trial)
    trial.enter()
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    for other in trial.subject.profile.applications:
        if not trial.subject.statement.lacks(other.short_name):
            trial.enter(other.fid)
    trial.enter(directory)
    trial.expect(trial.whole(read_of(file)), "9000")


@cases.command(_VERIFY, ANSWER, 9, "A verified PIN survives a refused command", group=STATES,
               **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    _need_pin(trial)
    directory, file = pin_file(trial)
    trial.enter(directory)
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    for apdu in ("00A40200020FFF", "00B2FF0400", "0084000099", _STATE):
        trial.whole(apdu)
    trial.expect(trial.whole(read_of(file)), "9000")


@cases.command(_VERIFY, ANSWER, 10, "The PIN opens no file that a key alone opens", group=STATES,
               **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    found = False
    for directory in trial.subject.profile.directories:
        for file in directory.files:
            here = trial.subject.file(directory.fid, file.fid) is not None
            if here and not file.read.pin and file.read.kid is not None and file.items:
                trial.enter(directory.fid)
                trial.given(trial.verify_pin(), "VERIFY of the given PIN")
                trial.refused(trial.whole(read_of(file)), "6982")
                found = True
    if not found:
        raise NotApplicableError("no file is opened by a key alone")


@cases.command(_VERIFY, ANSWER, 11, "PIN and key live side by side", group=STATES,
               level=Level.SESSION, needs=PIN_AND_KEYS)  # fmt: skip
def _(trial: Trial) -> None:
    _need_pin(trial)
    directory, file = pin_file(trial)
    trial.enter(directory)
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    trial.given(trial.authenticate(trial.key(0x04, SSSE)), "the proof of UKSSSE")
    trial.expect(trial.whole(read_of(file)), "9000")


@cases.command(_VERIFY, ANSWER, 12, "A proof of a key is no PIN: tries stay as they are",
               group=STATES, level=Level.SESSION, needs=KEYS_NEEDED)  # fmt: skip
def _(trial: Trial) -> None:
    _need_pin(trial)
    trial.enter()
    before = trial.pin_tries()
    trial.given(trial.authenticate(trial.key(0x04, SSSE)), "the proof of UKSSSE")
    trial.equal(trial.pin_tries(), before, "tries")


@cases.command(_VERIFY, ANSWER, 13, "After the right PIN the state is still that of the tries",
               group=STATES, confidence=Confidence.MEDIUM, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    _need_pin(trial)
    trial.enter()
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    trial.expect(trial.raw(_STATE), "63Cx")


# Of a length that no PIN has: it costs no try.
refusals(
    cases,
    _VERIFY,
    WORDS,
    1,
    RefusedCommand(
        "One byte is no PIN: 6700", "002000000112", ("6700", "6A80"), level=Level.DESTRUCTIVE
    ),
    RefusedCommand(
        "Nine bytes are no PIN: 6700",
        "0020000009" + "12" * 9,
        ("6700", "6A80"),
        level=Level.DESTRUCTIVE,
    ),
)
