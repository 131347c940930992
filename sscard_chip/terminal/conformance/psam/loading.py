# SPDX-License-Identifier: Apache-2.0
"""EXTERNAL AUTHENTICATION, CREATE KEY and CHANGE KEY of a PSAM: who may bring keys into it (PSAM
guide, 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard import commands
from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.psam.build import PsamChapter
from sscard_chip.terminal.conformance.psam.trial import PsamTrial

_EXTERNAL: Final = PsamChapter("EXTERNAL", "7 EXTERNAL AUTHENTICATION")
_LOAD: Final = PsamChapter("LOAD", "7 CREATE KEY and CHANGE KEY")
_ENVIRONMENT: Final = PsamChapter("ENVIRONMENT", "7 INITIALIZE ENVIRONMENT")
_WRITE: Final[dict[str, Any]] = {"level": Level.WRITE}
_OWN: Final[dict[str, Any]] = {"level": Level.WRITE, "needs": frozenset({Need.OWN_KEYS})}
_HARM: Final[dict[str, Any]] = {
    "level": Level.DESTRUCTIVE,
    "needs": frozenset({Need.OWN_KEYS}),
    "lasting": 2,
}
_L: Final = {"confidence": Confidence.LOW}
_FILES: Final = {1: 0x11, 2: 0x12, 3: 0x13}
_FREE: Final = {1: 0x0B, 2: 0x15, 3: 0x1B}
"""Identifiers that no key of the guide has, in the range of each file."""


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_ENVIRONMENT(), *_EXTERNAL(), *_LOAD())


@_ENVIRONMENT.case(1, "A first byte of a division that is no BCD: 6A80", **_L)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.refused(trial.whole("BFEC000001FA"), "6A80")


@_ENVIRONMENT.case(2, "Wrong length: 6700; wrong P1: 6A86")
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.refused(trial.whole("BFEC0000025101"), "6700")
    trial.refused(trial.whole("BFEC01000151"), "6A86")


@_EXTERNAL.case(1, "Without a challenge: 6984", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    reply = trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, 0x01, bytes(16))
    trial.refused(reply, "6984", "6985")


@_EXTERNAL.case(2, "A key that is not there: 6A88", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.challenge()
    reply = trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, 0x07, bytes(16))
    trial.refused(reply, "6A88")


@_EXTERNAL.case(3, "A key that it serves is no key of its own: 6982 or 6A88", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.challenge()
    reply = trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, 0x08, bytes(16))
    trial.refused(reply, "6982", "6A88")


@_EXTERNAL.case(4, "A wrong length: 6700; P1 01: 6A86", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.challenge()
    reply = trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, 0x01, bytes(15))
    trial.refused(reply, "6700")
    trial.challenge()
    reply = trial.send(commands.EXTERNAL_AUTHENTICATE, 0x01, 0x01, bytes(16))
    trial.refused(reply, "6A86")


def _kid(number: int, kid: int) -> None:
    @_EXTERNAL.case(number, f"KID-0{kid} is proven; a challenge is good once", **_OWN)
    def _(trial: PsamTrial) -> None:
        trial.enter()
        proof = trial.proof(kid, trial.challenge())
        reply = trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, kid, proof)
        trial.expect(reply, "9000")
        reply = trial.send(commands.EXTERNAL_AUTHENTICATE, 0x00, kid, proof)
        trial.refused(reply, "6984", "6985", what="to the same proof again")

    @_EXTERNAL.case(number + 10, f"KID-0{kid} writes the information file of its level alone",
                    **_OWN)  # fmt: skip
    def _(trial: PsamTrial) -> None:
        trial.enter()
        contents = {fid: trial.given(trial.read(fid, 10)).data for fid in (0x1A, 0x1B, 0x1C)}
        trial.given(trial.authenticate(kid), f"the proof of KID-0{kid}")
        for level, (fid, content) in enumerate(contents.items(), 1):
            trial.given(trial.read(fid, 10))
            reply = trial.whole(b"\x00\xd6\x00\x00\x0a" + content)
            if level == kid:
                trial.expect(reply, "9000", what=f"to writing {fid:04X}")
            else:
                trial.refused(reply, "6982", what=f"to writing {fid:04X} with KID-0{kid}")


for _one in (1, 2, 3):
    _kid(10 + _one, _one)


@_EXTERNAL.case(31, "A wrong proof: 63Cx, and no right; the right one gives all tries back",
                confidence=Confidence.LOW, **_HARM)  # fmt: skip
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.authenticate(1), "the proof of KID-01")
    left = []
    for _ in range(2):
        trial.reset()
        trial.enter()
        left.append(trial.wrong_proof().sw)
        content = trial.given(trial.read(0x1A, 10)).data
        trial.refused(trial.whole(b"\x00\xd6\x00\x00\x0a" + content), "6982")
        trial.expect(trial.authenticate(1), "9000", what="to the right proof")
    trial.equal(left[1], left[0], "tries after the right proof")


# --- CREATE KEY and CHANGE KEY -------------------------------------------------------------------


def _plain(kid: int, code: int, secret: bytes) -> bytes:
    """A key for encryption, one step, with a free identifier of a level."""
    return bytes((0x27, _FREE[kid], 0x00, code, 0, 0, 0, 0)) + secret


def _key(number: int) -> bytes:
    return bytes(number + place for place in range(16))


def _brought(trial: PsamTrial, kid: int, secret: bytes) -> Any:
    challenge = trial.challenge(8)
    plain = _plain(kid, trial.suite.key_code(16), secret)
    return trial.whole(trial.load_key(0x00, _FILES[kid], plain, challenge))


def _cryptogram(trial: PsamTrial, kid: int) -> bytes:
    data = trial.subject.factors(1) + trial.factor()
    apdu = commands.DELIVERY_SESSION_KEY.apdu(0x27, _FREE[kid], data)
    trial.expect(trial.whole(apdu), "9000", what="to delivering the key that was brought")
    return trial.expect(trial.cipher(0x00, bytes(trial.block)), "9000").data


def _expected(trial: PsamTrial, secret: bytes) -> bytes:
    suite = trial.suite
    card = suite.diversify(secret, trial.subject.factors(1))
    session = suite.session_key(suite.encryptor(card), trial.factor())
    return suite.encryptor(session)(bytes(suite.block))


@_LOAD.case(1, "Without a right: 6982", **(_HARM | {"needs": frozenset()}))
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.challenge()
    length = 0x24
    for p1 in (0x00, 0x01):
        head = bytes((0x84, 0xD4, p1, 0x11, length if p1 == 0 or trial.block == 16 else 0x1C))
        trial.refused(trial.whole(head + bytes(head[4])), "6982")


def _level(number: int, kid: int) -> None:
    @_LOAD.case(number, f"With KID-0{kid} a key is brought into {_FILES[kid]:04X}, and works",
                **_HARM)  # fmt: skip
    def _(trial: PsamTrial) -> None:
        trial.enter()
        trial.given(trial.authenticate(kid), f"the proof of KID-0{kid}")
        secret = _key(0x10 * kid)
        trial.expect(_brought(trial, kid, secret), "9000", what="to CREATE KEY")
        found = _cryptogram(trial, kid)
        trial.check(found == _expected(trial, secret), "the right cryptogram", "another value")
        trial.reset(cold=True)
        trial.enter()
        trial.check(_cryptogram(trial, kid) == found, "the same after power-off", "another value")

    @_LOAD.case(number + 10, f"With KID-0{kid} no other file takes a key", **_HARM)
    def _(trial: PsamTrial) -> None:
        trial.enter()
        trial.given(trial.authenticate(kid), f"the proof of KID-0{kid}")
        for other, file in _FILES.items():
            if other == kid:
                continue
            plain = _plain(other, trial.suite.key_code(16), _key(1))
            apdu = trial.load_key(0x00, file, plain, trial.challenge(8))
            trial.refused(trial.whole(apdu), "6982", what=f"to a key for {file:04X}")


for _one in (1, 2, 3):
    _level(10 + _one, _one)


@_LOAD.case(31, "Without a challenge: 6984; a wrong MAC: 6988, and no key comes", **_HARM)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.authenticate(1), "the proof of KID-01")
    plain = _plain(1, trial.suite.key_code(16), _key(1))
    trial.refused(trial.whole(trial.load_key(0x00, 0x11, plain, bytes(8))), "6984")
    apdu = trial.load_key(0x00, 0x11, plain, trial.challenge(8))
    trial.refused(trial.whole(apdu[:-1] + bytes((apdu[-1] ^ 1,))), "6988")
    trial.refused(trial.whole(apdu), "6984", what="to a second key of one challenge")
    data = trial.subject.factors(1) + trial.factor()
    reply = trial.whole(commands.DELIVERY_SESSION_KEY.apdu(0x27, _FREE[1], data))
    trial.refused(reply, "6A88", what="to delivering what was not brought")


@_LOAD.case(32, "What is enciphered and is no key: 6A80", **_HARM)
def _(trial: PsamTrial) -> None:
    trial.enter()
    code = trial.suite.key_code(16)
    trial.given(trial.authenticate(1), "the proof of KID-01")
    wrong_type = bytes((0x3E, _FREE[1], 0, code, 0, 0, 0, 0)) + _key(1)
    reserved = bytes((0x27, 0xC5, 0, code, 0, 0, 0, 0)) + _key(1)
    wrong_code = bytes((0x27, _FREE[1], 0, 0x07, 0, 0, 0, 0)) + _key(1)
    for plain in (wrong_type, reserved, wrong_code):
        apdu = trial.load_key(0x00, 0x11, plain, trial.challenge(8))
        trial.refused(trial.whole(apdu), "6A80")


@_LOAD.case(33, "A key that is there is not created again", **_HARM, **_L)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.authenticate(1), "the proof of KID-01")
    trial.given(_brought(trial, 1, _key(1)), "CREATE KEY")
    trial.refused(_brought(trial, 1, _key(2)), "6985", "6A80")
    trial.check(_cryptogram(trial, 1) == _expected(trial, _key(1)), "the first key", "another")


@_LOAD.case(34, "CHANGE KEY gives a key another value; one that is not there: 6A88", **_HARM)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.authenticate(1), "the proof of KID-01")
    plain = bytes((0x27, _FREE[1], 0x00)) + _key(5)
    apdu = trial.load_key(0x01, 0x11, plain, trial.challenge(8))
    trial.refused(trial.whole(apdu), "6A88", "6A83")
    trial.given(_brought(trial, 1, _key(1)), "CREATE KEY")
    apdu = trial.load_key(0x01, 0x11, plain, trial.challenge(8))
    trial.expect(trial.whole(apdu), "9000", what="to CHANGE KEY")
    trial.check(_cryptogram(trial, 1) == _expected(trial, _key(5)), "the new key", "another")
