# SPDX-License-Identifier: Apache-2.0
"""INTERNAL and EXTERNAL AUTHENTICATE with the card's keys, in three versions, and how long a right
lasts (LD/T 32.4; LD/T 32.5, 7.4 and 7.7; LD/T 6001.3, 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.profile.generations import whole_profile
from sscard_chip.profile.model import Confidence, FileDeclaration, Key, KeyUse
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, INTERNAL_AUTHENTICATE, SELECT
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.standard.keys import LOCAL_KEY
from sscard_chip.terminal.conformance.case import ALL_GENERATIONS, Case
from sscard_chip.terminal.conformance.cases.build import KEYS_NEEDED, Chapter
from sscard_chip.terminal.conformance.groups import (
    ANSWER,
    DATA,
    FIREWALL,
    FUNCTION,
    MESSAGE,
    PARAMETERS,
    STATES,
    WORDS,
)
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_INTERNAL, _EXTERNAL, _CHALLENGE = (
    "INTERNAL AUTHENTICATE",
    "EXTERNAL AUTHENTICATE",
    "GET CHALLENGE",
)
_SESSION: Final = {"level": Level.SESSION, "needs": KEYS_NEEDED}
_FACTOR: Final = bytes.fromhex("1122334455667788")
_ORIGINAL: Final = bytes.fromhex("8070605040302010")
_UKSSSE: Final = 0x04

_chapter = Chapter(FUNCTION)


def _send(trial: Trial, key: Key, proof: bytes) -> CardReply:
    return trial.send(EXTERNAL_AUTHENTICATE, 0x00, key.kid, proof)


def key_file(trial: Trial, directory: int | None = None) -> tuple[int, FileDeclaration]:
    """A file of records that a key opens, with its directory; where it can be, a key alone."""
    found: list[tuple[bool, int, FileDeclaration]] = []
    for one in trial.subject.profile.directories:
        for file in one.files:
            here = trial.subject.file(one.fid, file.fid) is not None
            if here and file.read.kid is not None and not file.read.both and file.items:
                found.append((file.read.pin, one.fid, file))
    found = [one for one in found if directory in (None, one[1])]
    if trial.subject.tries is None:
        found = [one for one in found if not one[0]]
    if not found:
        raise NotApplicableError("no key opens a file")
    _, fid, chosen = min(found, key=lambda one: one[0])
    return fid, chosen


def _read(trial: Trial, file: FileDeclaration) -> CardReply:
    return trial.whole(bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 4, 0x00)))


def _key_of(trial: Trial, directory: int, file: FileDeclaration) -> Key:
    if file.read.kid is None:
        raise NotApplicableError("no key opens it")
    return trial.key(file.read.kid, directory)


# --- INTERNAL AUTHENTICATE -----------------------------------------------------------------------


def _genuine(version: int) -> None:
    @_chapter.command(_INTERNAL, ANSWER, 10 + version,
                      f"鉴别数据 under IRK version {version} is right", group=f"6001.3-9.{version}",
                      **_SESSION)  # fmt: skip
    def _(trial: Trial) -> None:
        key = trial.key_of(KeyUse.INTERNAL, SSSE)
        trial.enter()
        for factor, original in ((_FACTOR, _ORIGINAL), (bytes(8), b"\xff" * 8)):
            data = factor + original + bytes((version,))
            reply = trial.expect(trial.send(INTERNAL_AUTHENTICATE, data=data, le=8), "9000")
            session = trial.secrets.session(key, factor, version)
            expected = session.authentication_data(original)
            trial.check(reply.data == expected, "the right 鉴别数据", "another value")


for _version in (1, 2, 3):
    _genuine(_version)


# --- EXTERNAL AUTHENTICATE -----------------------------------------------------------------------


@_chapter.command(_EXTERNAL, WORDS, 11, "Without a challenge: 6984", **_SESSION)
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    trial.refused(_send(trial, key, trial.proof(key, bytes(8))), "6984", "6985")


@_chapter.command(_EXTERNAL, WORDS, 12, "A challenge is good for one proof: then 6984", **_SESSION)
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    proof = trial.proof(key, trial.challenge())
    trial.given(_send(trial, key, proof), "the proof of UKSSSE")
    trial.refused(_send(trial, key, proof), "6984", "6985")


@_chapter.command(_EXTERNAL, DATA, 1, "The last of several challenges counts", **_SESSION)
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    for _ in range(3):
        last = trial.challenge()
    trial.expect(_send(trial, key, trial.proof(key, last)), "9000")


def _challenge_of(length: int, number: int) -> None:
    @_chapter.command(_EXTERNAL, DATA, number, f"A challenge of {length} bytes is taken",
                      confidence=Confidence.MEDIUM, **_SESSION)  # fmt: skip
    def _(trial: Trial) -> None:
        key = trial.key(_UKSSSE, SSSE)
        trial.enter()
        trial.expect(_send(trial, key, trial.proof(key, trial.challenge(length))), "9000")


_challenge_of(4, 2)


@_chapter.command(_EXTERNAL, DATA, 3, "A proof with the key version behind it is taken", **_SESSION)
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    proof = trial.proof(key, trial.challenge()) + b"\x01"
    trial.expect(_send(trial, key, proof), "9000")


@_chapter.command(_EXTERNAL, DATA, 4, "The same key is proven again and again", **_SESSION)
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    for _ in range(4):
        trial.expect(trial.authenticate(key), "9000")


@_chapter.command(_EXTERNAL, ANSWER, 1, "A right proof is answered 9000 without data", **_SESSION)
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    reply = trial.expect(trial.authenticate(key), "9000")
    trial.equal(len(reply.data), 0, "data bytes")


@_chapter.command(_EXTERNAL, WORDS, 13, "A key that is not there: 6A88", **_SESSION)
def _(trial: Trial) -> None:
    trial.enter()
    for kid in (0x0F, 0x7E):
        trial.challenge()
        data = bytes(16)
        trial.refused(trial.send(EXTERNAL_AUTHENTICATE, 0x00, kid, data), "6A88", "9403")


@_chapter.command(_EXTERNAL, WORDS, 14, "A key version that is not there: 6A88", **_SESSION)
def _(trial: Trial) -> None:
    trial.enter()
    trial.challenge()
    data = bytes(16) + b"\x09"
    trial.refused(trial.send(EXTERNAL_AUTHENTICATE, 0x00, _UKSSSE, data), "6A88", "9403")


@_chapter.command(_EXTERNAL, WORDS, 15, "A key of an application in SSSE: 6A88", group=FIREWALL,
                  **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    trial.challenge()
    trial.refused(trial.send(EXTERNAL_AUTHENTICATE, 0x00, 0x85, bytes(16)), "6A88")


@_chapter.command(_EXTERNAL, MESSAGE, 1, "P1 01: 6A86", group=PARAMETERS, **_SESSION)
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    proof = trial.proof(key, trial.challenge())
    trial.refused(trial.send(EXTERNAL_AUTHENTICATE, 0x01, key.kid, proof), "6A86", "6A81")


def _wrong_length(length: int, number: int) -> None:
    @_chapter.command(_EXTERNAL, WORDS, number, f"{length} bytes: 6700", group=PARAMETERS,
                      **_SESSION)  # fmt: skip
    def _(trial: Trial) -> None:
        trial.enter()
        trial.challenge()
        reply = trial.send(EXTERNAL_AUTHENTICATE, 0x00, _UKSSSE, bytes(length))
        trial.refused(reply, "6700", "6A80")


for _number, _length in enumerate((4, 15, 18, 32), 16):
    _wrong_length(_length, _number)


# --- rights --------------------------------------------------------------------------------------


@_chapter.case("SSC-32.4-RIGHT-01", "A right of a key stays while files are selected", "LD/T 32.4",
               group=STATES, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    directory, file = key_file(trial)
    trial.enter(directory)
    trial.given(trial.authenticate(_key_of(trial, directory, file)), "the proof")
    for one in trial.directory(directory).files:
        trial.send(SELECT, 0x02, 0x00, one.fid.to_bytes(2))
    trial.expect(_read(trial, file), "9000")


@_chapter.case("SSC-32.4-RIGHT-02", "A right of a key stays when its directory is selected again",
               "LD/T 32.5, 7.11 SELECT", group=STATES, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    directory, file = key_file(trial)
    declared = trial.directory(directory)
    trial.enter(directory)
    trial.given(trial.authenticate(_key_of(trial, directory, file)), "the proof")
    trial.given(trial.send(SELECT, 0x04, 0x00, declared.df_name, 0), "SELECT again")
    trial.expect(_read(trial, file), "9000")


@_chapter.case("SSC-32.4-RIGHT-03", "A right of a key is gone in another directory and back",
               "LD/T 32.5, 7.11 SELECT", group=FIREWALL, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    directory, file = key_file(trial)
    applications = [
        one.fid
        for one in trial.subject.profile.applications
        if one.fid != directory and not trial.subject.statement.lacks(one.short_name)
    ]
    for other in (applications[0], SSSE):
        if other == directory:
            continue
        trial.reset()
        trial.enter(directory)
        trial.given(trial.authenticate(_key_of(trial, directory, file)), "the proof")
        trial.given(_read(trial, file), "reading with the key")
        trial.enter(other)
        if directory != SSSE:
            name = trial.directory(directory).df_name
            trial.given(trial.send(SELECT, 0x04, 0x00, name, 0), "SELECT back")
        else:
            trial.enter()
        trial.refused(_read(trial, file), "6982", what="to reading after another directory")


@_chapter.case("SSC-32.4-RIGHT-04", "A right of a key stays when a SELECT fails", "LD/T 32.4",
               group=STATES, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    directory, file = key_file(trial)
    trial.enter(directory)
    trial.given(trial.authenticate(_key_of(trial, directory, file)), "the proof")
    trial.given_word(trial.whole("00A4040005A000000999"), "6xxx")
    trial.expect(_read(trial, file), "9000")


@_chapter.case("SSC-32.4-RIGHT-05", "A right of SSSE does not open a file of an application",
               "LD/T 32.4", group=FIREWALL, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    for one in trial.subject.profile.applications:
        if trial.subject.statement.lacks(one.short_name):
            continue
        try:
            _, file = key_file(trial, one.fid)
        except NotApplicableError:
            continue
        trial.reset()
        trial.enter()
        trial.given(trial.authenticate(trial.key(_UKSSSE, SSSE)), "the proof of UKSSSE")
        trial.given(trial.send(SELECT, 0x04, 0x00, one.df_name, 0), "SELECT")
        trial.refused(_read(trial, file), "6982", what=f"to reading in {one.short_name}")


@_chapter.case("SSC-32.4-RIGHT-06", "A key of one application does not open a file of another with "
               "the same identifier", "LD/T 32.4", group=FIREWALL, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    """Rights go by identifier, and applications share identifiers."""
    applications = [
        one
        for one in trial.subject.profile.applications
        if not trial.subject.statement.lacks(one.short_name)
    ]
    tried = False
    for one in applications:
        for other in applications:
            try:
                _, file = key_file(trial, other.fid)
                key = trial.key(file.read.kid or 0, one.fid)
            except NotApplicableError:
                continue
            if one.fid == other.fid or not key.kid & LOCAL_KEY:
                continue
            tried = True
            trial.reset()
            trial.enter(one.fid)
            trial.given(trial.authenticate(key), f"the proof of {key.root}")
            trial.given(trial.send(SELECT, 0x04, 0x00, other.df_name, 0), "SELECT")
            trial.refused(
                _read(trial, file), "6982", what=f"to reading {other.short_name} with {key.root}"
            )
    if not tried:
        raise NotApplicableError("no two applications share an identifier")


@_chapter.command(_CHALLENGE, ANSWER, 10, "A challenge is not good in another application",
                  group=FIREWALL, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    one = trial.subject.profile.applications[0]
    key = next(key for key in one.keys if key.use is KeyUse.EXTERNAL)
    trial.enter()
    challenge = trial.challenge()
    trial.given(trial.send(SELECT, 0x04, 0x00, one.df_name, 0), "SELECT")
    trial.refused(_send(trial, key, trial.proof(key, challenge)), "6984", "6985")


@_chapter.command(_CHALLENGE, ANSWER, 11, "A challenge stays while a file is selected and read",
                  group=STATES, confidence=Confidence.MEDIUM, **_SESSION)  # fmt: skip
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    challenge = trial.challenge()
    trial.whole("00A4020002EF05")
    trial.whole("00B2010400")
    trial.expect(_send(trial, key, trial.proof(key, challenge)), "9000")


# --- every key in every version ------------------------------------------------------------------


def _proves(directory: int, key: Key, version: int) -> Case:
    name = "SSSE" if directory == SSSE else f"{directory:04X}"

    def judge(trial: Trial) -> None:
        declared = trial.directory(directory)
        own = [one for one in declared.keys if one.root == key.root]
        if not own or own[0].versions < version:
            raise NotApplicableError("the card has no such key")
        trial.enter(directory)
        trial.expect(
            trial.authenticate(own[0], version), "9000", what=f"to the proof of {key.root}"
        )

    return Case(
        identifier=f"SSC-6001.3-9.{version}-{name}-{key.root}",
        title=f"{key.root}, version {version}, is proven by EXTERNAL AUTHENTICATE {key.kid:02X}",
        clauses=(f"LD/T 6001.3, 9.{version} KEY_VER{version}", "LD/T 32.5, 7.4", "LD/T 32.6, keys"),
        group=f"6001.3-9.{version}",
        judge=judge,
        confidence=key.confidence,
        generations=frozenset(
            one
            for one in ALL_GENERATIONS
            if any(
                own.root == key.root and own.versions >= version
                for d in whole_profile(one).directories
                if d.fid == directory
                for own in d.keys
            )
        ),
        level=Level.SESSION,
        needs=KEYS_NEEDED,
    )


def _keys() -> Iterator[Case]:
    seen = set()
    for generation in sorted(ALL_GENERATIONS, reverse=True):
        for directory in whole_profile(generation).directories:
            for key in directory.keys:
                if key.use is not KeyUse.EXTERNAL:
                    continue
                for version in range(1, key.versions + 1):
                    place = directory.fid, key.root, version
                    if place not in seen:
                        seen.add(place)
                        yield _proves(directory.fid, key, version)


def cases() -> Iterator[Case]:
    """What is asked of both commands, then every key by its version."""
    yield from _chapter()
    yield from _keys()
