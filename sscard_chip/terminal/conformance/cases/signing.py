# SPDX-License-Identifier: Apache-2.0
"""PINs and keys of the certificate application: proofs, tries, what a PIN allows, signatures (LD/T
6001.2, certificate application).

What a card signs with, and its answer to a wrong PIN, are not public [L]: such cases warn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sscard_chip.profile.model import Confidence
from sscard_chip.security.suite import SM4_SUITE
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import SIGNATURE_CERTIFICATE, SIGNATURE_PUBLIC_KEY
from sscard_chip.terminal.conformance.case import Judge, Need
from sscard_chip.terminal.conformance.cases.build import Chapter
from sscard_chip.terminal.conformance.cases.certificates import (
    CERTIFICATE_CLAUSE,
    enter_pki,
    public_key,
    select_file,
    signature_key,
)
from sscard_chip.terminal.conformance.groups import CERTIFICATES
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, NotRunError

cases = Chapter(CERTIFICATES)

_USER, _ADMIN = 0x81, 0x00
_DIGEST: Final = bytes(range(0x20))
_PSO: Final = bytes.fromhex("002A9E9A20")
_KEY_LENGTH: Final = 16
_SAFE_TRIES: Final = 2


def _case(
    number: int, title: str, need: Need, *, level: Level = Level.SESSION, **more: Any
) -> Callable[[Judge], Judge]:
    fields = {
        "generations": frozenset({3}),
        "confidence": Confidence.MEDIUM,
        "needs": frozenset({need}),
    } | more
    return cases.case(
        f"SSC-6001.2-signing-{number:02}", title, CERTIFICATE_CLAUSE, level=level, **fields
    )


def _pin(trial: Trial, p2: int) -> bytes:
    others = trial.subject.others
    return others.admin_pin if p2 == _ADMIN else others.user_pin


def _challenge(trial: Trial, length: int = 16) -> bytes:
    return trial.given(trial.send(commands.GET_CHALLENGE, le=length), "GET CHALLENGE").data


def _digest(trial: Trial, pin: bytes) -> bytes:
    """SM3 over a PIN, by the card, as issuing programs have it."""
    data = bytes((0xC1, len(pin))) + pin
    return trial.given(trial.send(commands.PKI_DIGEST, data=data, le=0), "COMPUTE DIGEST").data


def _proof(trial: Trial, p2: int, challenge: bytes) -> bytes:
    key = _digest(trial, _pin(trial, p2))[:_KEY_LENGTH]
    return SM4_SUITE.encryptor(key)(challenge.ljust(_KEY_LENGTH, b"\0"))


def _verify(trial: Trial, p2: int, *, flip: int = 0, length: int = 16) -> CardReply:
    # The key first: COMPUTE DIGEST may end a challenge.
    key = _digest(trial, _pin(trial, p2))[:_KEY_LENGTH]
    challenge = _challenge(trial, length).ljust(_KEY_LENGTH, b"\0")
    proof = SM4_SUITE.encryptor(key)(challenge)
    apdu = bytes((0x00, 0x20, 0x01, p2, 0x10)) + proof[:15] + bytes((proof[15] ^ flip,))
    return trial.wrong(apdu) if flip else trial.whole(apdu)


def _tries(trial: Trial, p2: int) -> int:
    reply = trial.whole(bytes((0x00, 0x20, 0x01, p2, 0x00)))
    if reply.sw & 0xFFF0 != 0x63C0:
        raise NotApplicableError("the card does not tell the tries of the PIN")
    return reply.sw & 0x0F


def _sign(trial: Trial) -> CardReply:
    le = "" if trial.subject.contact else "00"
    return trial.whole(_PSO + _DIGEST + bytes.fromhex(le))


# --- the PINs ------------------------------------------------------------------------------------


def _pin_cases(number: int, name: str, p2: int, need: Need) -> None:
    @_case(number, f"The {name}'s PIN: its SM3 enciphers the challenge, 9000", need,
           confidence=Confidence.HIGH)  # fmt: skip
    def _(trial: Trial) -> None:
        enter_pki(trial)
        trial.expect(_verify(trial, p2), "9000")

    @_case(number + 1, f"A challenge of 8 bytes, filled with 00, serves the {name} too", need)
    def _(trial: Trial) -> None:
        enter_pki(trial)
        trial.expect(_verify(trial, p2, length=8), "9000")

    @_case(number + 2, f"The {name}'s proof is good once: 6984", need, level=Level.DESTRUCTIVE,
           lasting=1)  # fmt: skip
    def _(trial: Trial) -> None:
        enter_pki(trial)
        apdu = bytes((0x00, 0x20, 0x01, p2, 0x10)) + _proof(trial, p2, _challenge(trial))
        trial.given(trial.whole(apdu), "VERIFY")
        trial.refused(trial.wrong(apdu), "6984", "6985", "63Cx", what="to the same proof again")
        trial.given(_verify(trial, p2), "the right proof")

    @_case(number + 3, f"A wrong proof of the {name}: 63Cx, a try less; the right one gives all "
           "back", need, level=Level.DESTRUCTIVE, lasting=2, confidence=Confidence.LOW)  # fmt: skip
    def _(trial: Trial) -> None:
        enter_pki(trial)
        trial.given(_verify(trial, p2), "the right proof")
        tries = _tries(trial, p2)
        if tries <= _SAFE_TRIES:
            raise NotRunError("too few tries are left")
        trial.afterwards(lambda: _prove_again(trial, p2))
        reply = _verify(trial, p2, flip=1)
        trial.equal(reply.word, f"63C{tries - 1:X}", "answer to a wrong proof")
        trial.reset(cold=True)
        enter_pki(trial)
        trial.equal(_tries(trial, p2), tries - 1, "tries after power-off")
        trial.expect(_verify(trial, p2), "9000", what="to the right proof")
        trial.equal(_tries(trial, p2), tries, "tries after the right proof")


def _prove_again(trial: Trial, p2: int) -> None:
    enter_pki(trial)
    _verify(trial, p2)


_pin_cases(1, "user", _USER, Need.USER_PIN)
_pin_cases(11, "administrator", _ADMIN, Need.ADMIN_PIN)


@_case(21, "A wrong proof of one PIN costs the other nothing", Need.USER_PIN,
       level=Level.DESTRUCTIVE, lasting=2, confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    enter_pki(trial)
    trial.given(_verify(trial, _USER), "the right proof")
    if _tries(trial, _USER) <= _SAFE_TRIES:
        raise NotRunError("too few tries are left")
    before = _tries(trial, _ADMIN)
    trial.afterwards(lambda: _prove_again(trial, _USER))
    trial.given_word(_verify(trial, _USER, flip=1), "63Cx")
    trial.equal(_tries(trial, _ADMIN), before, "tries of the administrator")


# --- what they allow -----------------------------------------------------------------------------


@_case(31, "With the user's PIN the card signs: the key of 0012 verifies it", Need.USER_PIN,
       level=Level.WRITE, confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    enter_pki(trial)
    key = public_key(trial, SIGNATURE_PUBLIC_KEY)
    trial.given(_verify(trial, _USER), "the user's PIN")
    signatures = [trial.expect(_sign(trial), "9000").data for _ in range(2)]
    public = signature_key(trial, key)
    for signature in signatures:
        trial.equal(len(signature), 64, "bytes of r and s")
        trial.check(public.verify_digest(_DIGEST, signature), "a signature by the key of 0012")
    trial.check(signatures[0] != signatures[1], "another signature each time", "the same twice")


def _no_right(trial: Trial, what: str) -> None:
    trial.refused(_sign(trial), "6982", "6985", what=f"to a signature {what}")


@_case(32, "Without the user's PIN the card signs nothing", Need.USER_PIN, level=Level.WRITE,
       confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    enter_pki(trial)
    public_key(trial, SIGNATURE_PUBLIC_KEY)
    _no_right(trial, "without a PIN")
    trial.given(_verify(trial, _USER), "the user's PIN")
    trial.given(_sign(trial), "a signature")
    trial.enter()
    enter_pki(trial)
    _no_right(trial, "after another application")
    trial.given(_verify(trial, _USER), "the user's PIN")
    trial.given(_sign(trial), "a signature")
    trial.reset()
    enter_pki(trial)
    _no_right(trial, "after a reset")


@_case(33, "The administrator's PIN signs nothing", Need.ADMIN_PIN, level=Level.WRITE,
       confidence=Confidence.LOW)  # fmt: skip
def _(trial: Trial) -> None:
    enter_pki(trial)
    public_key(trial, SIGNATURE_PUBLIC_KEY)
    trial.given(_verify(trial, _ADMIN), "the administrator's PIN")
    _no_right(trial, "with the administrator's PIN")


@_case(34, "A right PIN reads no private key", Need.USER_PIN, confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    enter_pki(trial)
    trial.given(_verify(trial, _USER), "the user's PIN")
    for fid in (0x13, 0x15):
        reply = trial.send(commands.SELECT, data=fid.to_bytes(2))
        if reply.sw == 0x9000:
            reply = trial.send(commands.READ_BINARY, le=0x20)
        trial.refused(reply, "69xx", "6A8x")


@_case(35, "An encryption key comes under a session key alone: 6985 without one", Need.ADMIN_PIN,
       level=Level.DESTRUCTIVE, lasting=1)  # fmt: skip
def _(trial: Trial) -> None:
    enter_pki(trial)
    trial.given(_verify(trial, _ADMIN), "the administrator's PIN")
    reply = trial.whole("80C2C00126C2020015CB20" + "5A" * 32)
    trial.refused(reply, "6985", "6982", "6901")


@_case(36, "A certificate is written with a right, and the old bytes are written back",
       Need.ADMIN_PIN, level=Level.WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_pki(trial)
    trial.given(_verify(trial, _ADMIN), "the administrator's PIN")
    select_file(trial, SIGNATURE_CERTIFICATE)
    at = 0x3F8
    before = trial.given(trial.send(commands.READ_BINARY, at >> 8, at & 0xFF, le=4)).data
    other = bytes(one ^ 0x5A for one in before)
    trial.afterwards(lambda: _write_back(trial, at, before))
    trial.expect(trial.send(commands.UPDATE_BINARY, at >> 8, at & 0xFF, other), "9000")
    reply = trial.expect(trial.send(commands.READ_BINARY, at >> 8, at & 0xFF, le=4), "9000")
    trial.same(reply.data, other, "what was written")


def _write_back(trial: Trial, at: int, before: bytes) -> None:
    enter_pki(trial)
    trial.given(_verify(trial, _ADMIN), "the administrator's PIN")
    select_file(trial, SIGNATURE_CERTIFICATE)
    trial.expect(trial.send(commands.UPDATE_BINARY, at >> 8, at & 0xFF, before), "9000")


@_case(37, "A new PIN of the administrator with a wrong MAC: 6988, the old one stays",
       Need.ADMIN_PIN, level=Level.DESTRUCTIVE, lasting=2)  # fmt: skip
def _(trial: Trial) -> None:
    enter_pki(trial)
    trial.given(_verify(trial, _ADMIN), "the administrator's PIN")
    pin = _pin(trial, _ADMIN)
    key = _digest(trial, pin)[:_KEY_LENGTH]
    other = bytes((pin[0] ^ 0x01,)) + pin[1:]
    plain = (bytes((len(other),)) + other + b"\x80").ljust(_KEY_LENGTH, b"\0")
    head = bytes.fromhex("845E010014") + SM4_SUITE.encryptor(key)(plain)
    _challenge(trial)
    trial.refused(trial.wrong(head + bytes(4)), "6988", "63Cx")
    trial.reset()
    enter_pki(trial)
    trial.expect(_verify(trial, _ADMIN), "9000", what="to the old PIN")
