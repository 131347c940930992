# SPDX-License-Identifier: Apache-2.0
"""The certificate application of generation 3 (LD/T 6001.2, certificate application; LD/T 6001.3,
10.3), as programs of the field read and issue it.

Its PINs are not among what a run is given, and none is guessed: what needs one is not asked. No
text of it is public, so that most facts only warn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sscard_chip.profile.model import Confidence
from sscard_chip.profile.pki import certificate_of
from sscard_chip.security.sm2 import Sm2Error, Sm2PublicKey, on_curve
from sscard_chip.standard import commands
from sscard_chip.standard.errors import ExtraMissingError
from sscard_chip.standard.identifiers import (
    CERTIFICATE_NAME,
    ENCRYPTION_CERTIFICATE,
    ENCRYPTION_PRIVATE_KEY,
    ENCRYPTION_PUBLIC_KEY,
    PKI_NAME,
    SIGNATURE_CERTIFICATE,
    SIGNATURE_PRIVATE_KEY,
    SIGNATURE_PUBLIC_KEY,
)
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.conformance.case import Judge
from sscard_chip.terminal.conformance.cases.build import Chapter
from sscard_chip.terminal.conformance.groups import ASYMMETRIC, CERTIFICATES, FIREWALL
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, NotRunError
from sscard_chip.terminal.pki import CardCertificate, CertificateError

cases = Chapter(CERTIFICATES)

CERTIFICATE_CLAUSE: Final = "LD/T 6001.2, certificate application"
_CHECK: Final = "LD/T 6001.3, 10.3"
_PUBLIC_LENGTH: Final = 66
_PAGE: Final = 0x100
_FILE_SIZE: Final = 0x3FC
_CHALLENGES: Final = (8, 16)
_DIGEST_OF_123456: Final = "3DE741F445DD357BEA4E6C3FE6437036"
_SEEN: Final = "6F14840C504B492EC9E7BBE1B1A3D5CF730492023330"
_SEEN_IN_IT: Final = "6F0E840C53532E434552542E41444631"
_NAMES: Final = "C0020012C2020013"


def _case(number: int, title: str, **more: Any) -> Callable[[Judge], Judge]:
    """A case of generation 3; its facts are of programs (M) if it says nothing else."""
    fields = {"generations": frozenset({3}), "confidence": Confidence.MEDIUM} | more
    return cases.case(f"SSC-6001.2-certificate-{number:02}", title, CERTIFICATE_CLAUSE, **fields)


def enter_pki(trial: Trial, *, application: bool = True) -> None:
    """Select the environment, and the application in it."""
    reply = trial.send(commands.SELECT, 0x04, 0x00, PKI_NAME, 0)
    if reply.sw == StatusWord.FILE_NOT_FOUND:
        raise NotApplicableError("the card has no certificate application")
    trial.given(reply, "SELECT of the environment of certificates")
    if application:
        reply = trial.send(commands.SELECT, 0x04, 0x00, CERTIFICATE_NAME, 0)
        trial.given(reply, "SELECT of the certificate application")


def select_file(trial: Trial, fid: int) -> None:
    """SELECT of a file of the application by its FID."""
    trial.given(trial.send(commands.SELECT, data=fid.to_bytes(2)), f"SELECT of {fid:04X}")


def public_key(trial: Trial, fid: int) -> bytes:
    """X || Y; NotApplicableError when the card has made or got no key yet."""
    select_file(trial, fid)
    content = trial.given(trial.send(commands.READ_BINARY, le=_PUBLIC_LENGTH)).data[2:]
    if not any(content):
        raise NotApplicableError(f"the card has no key in {fid:04X} yet")
    return content


def signature_key(trial: Trial, value: bytes) -> Sm2PublicKey:
    """The key that 0012 holds, X || Y, to verify with."""
    try:
        return Sm2PublicKey(value)
    except ExtraMissingError as error:
        raise NotRunError(str(error)) from None
    except Sm2Error:
        trial.check(False, "a point of the curve of SM2 in 0012")
        raise


def _certificate(trial: Trial, fid: int) -> CardCertificate:
    """The certificate of a file; NotApplicableError when there is none yet."""
    select_file(trial, fid)
    content = b""
    for page in range(_FILE_SIZE // _PAGE + 1):
        reply = trial.send(commands.READ_BINARY, page, 0x00, le=0)
        if reply.sw == StatusWord.WRONG_OFFSET:
            break
        content += trial.given(reply).data
    der = certificate_of(content)
    if not der:
        raise NotApplicableError(f"the card has no certificate in {fid:04X} yet")
    try:
        return CardCertificate.load(der)
    except ExtraMissingError as error:
        raise NotRunError(str(error)) from None
    except CertificateError as error:
        trial.check(False, f"a certificate of SM2 with SM3 in {fid:04X}", str(error))
        raise


# --- selection and files --------------------------------------------------------------------------


@_case(1, "SELECT of the environment: FCI with version 30", confidence=Confidence.HIGH)
def _environment(trial: Trial) -> None:
    enter_pki(trial, application=False)
    reply = trial.send(commands.SELECT, 0x04, 0x00, PKI_NAME, 0)
    trial.equal(trial.expect(reply, "9000").data.hex().upper(), _SEEN, "FCI")


@_case(2, "SELECT of the application by its name: FCI", confidence=Confidence.HIGH)
def _application(trial: Trial) -> None:
    enter_pki(trial, application=False)
    reply = trial.send(commands.SELECT, 0x04, 0x00, CERTIFICATE_NAME, 0)
    trial.equal(trial.expect(reply, "9000").data.hex().upper(), _SEEN_IN_IT, "FCI")


@_case(3, "SELECT of the application by FID, below its environment")
def _by_fid(trial: Trial) -> None:
    enter_pki(trial, application=False)
    reply = trial.whole("00A4000002DF01")
    trial.equal(trial.expect(reply, "9000").data.hex().upper(), _SEEN_IN_IT, "FCI")


def _free_file(number: int, fid: int, what: str, length: int) -> None:
    @_case(number, f"{fid:04X}, {what}: anybody selects and reads it")
    def _(trial: Trial) -> None:
        enter_pki(trial)
        trial.expect(trial.send(commands.SELECT, data=fid.to_bytes(2)), "9000")
        reply = trial.expect(trial.send(commands.READ_BINARY, le=length), "9000")
        trial.equal(len(reply.data), length, "bytes")


_free_file(4, SIGNATURE_PUBLIC_KEY, "the public key for signatures", _PUBLIC_LENGTH)
_free_file(5, ENCRYPTION_PUBLIC_KEY, "the public key for encryption", _PUBLIC_LENGTH)
_free_file(6, SIGNATURE_CERTIFICATE, "the certificate for signatures", 0x70)
_free_file(7, ENCRYPTION_CERTIFICATE, "the certificate for encryption", 0x70)


@_case(8, "A certificate's file has room for 3FC bytes")
def _room(trial: Trial) -> None:
    enter_pki(trial)
    for fid in (SIGNATURE_CERTIFICATE, ENCRYPTION_CERTIFICATE):
        select_file(trial, fid)
        last = _FILE_SIZE - 1
        trial.expect(trial.send(commands.READ_BINARY, last >> 8, last & 0xFF, le=1), "9000")


def _private_file(number: int, fid: int, what: str) -> None:
    @_case(number, f"{fid:04X}, {what}: nobody reads it", confidence=Confidence.HIGH)
    def _(trial: Trial) -> None:
        enter_pki(trial)
        reply = trial.send(commands.SELECT, data=fid.to_bytes(2))
        if reply.sw == StatusWord.SUCCESS:
            reply = trial.send(commands.READ_BINARY, le=0x20)
        trial.refused(reply, "69xx", "6A8x")
        trial.refused(trial.send(commands.READ_BINARY, 0x80 | fid & 0x1F, le=0x20), "69xx", "6A8x")


_private_file(9, SIGNATURE_PRIVATE_KEY, "the private key for signatures")
_private_file(10, ENCRYPTION_PRIVATE_KEY, "the private key for encryption")

# --- commands -------------------------------------------------------------------------------------


@_case(11, "COMPUTE DIGEST is SM3", confidence=Confidence.HIGH)
def _digest(trial: Trial) -> None:
    enter_pki(trial)
    reply = trial.send(commands.PKI_DIGEST, data=bytes.fromhex("C103123456"), le=0)
    digest = trial.expect(reply, "9000").data
    trial.equal(len(digest), 32, "bytes of the digest")
    trial.equal(digest[:16].hex().upper(), _DIGEST_OF_123456, "SM3, first half")


@_case(12, "GET CHALLENGE gives 8 and 16 bytes, others each time", confidence=Confidence.HIGH)
def _challenge(trial: Trial) -> None:
    enter_pki(trial)
    for length in _CHALLENGES:
        given = {
            trial.expect(trial.send(commands.GET_CHALLENGE, le=length), "9000").data
            for _ in range(4)
        }
        trial.equal({len(one) for one in given}, {length}, "lengths of challenges")
        trial.check(len(given) == 4, "another challenge each time", "one twice")


@_case(13, "The key that EXPORT PUBLIC KEY gives is that of 0012, a point of the curve")
def _exported(trial: Trial) -> None:
    enter_pki(trial)
    key = public_key(trial, SIGNATURE_PUBLIC_KEY)
    trial.check(on_curve(key), "a point of the curve of SM2 in 0012")
    named = trial.send(commands.EXPORT_PUBLIC_KEY, 0x82, 0x00, bytes.fromhex(_NAMES))
    trial.expect(named, "9000")
    reply = trial.send(commands.EXPORT_PUBLIC_KEY, 0x82, 0x80, le=_PUBLIC_LENGTH)
    exported = trial.expect(reply, "9000").data
    trial.equal(len(exported), _PUBLIC_LENGTH, "bytes")
    trial.same(exported[2:], key, "the key of 0012")


def _needs_a_right(number: int, title: str, apdu: str) -> None:
    @_case(number, title, level=Level.DESTRUCTIVE, lasting=1)
    def _(trial: Trial) -> None:
        enter_pki(trial)
        trial.refused(trial.whole(apdu), "6982", "6985")


_needs_a_right(14, "GENERATE KEY PAIR without a PIN is refused", f"8040000008{_NAMES}")
_needs_a_right(
    15,
    "IMPORT PUBLIC KEY without a PIN is refused",
    "80C2400046C0020014CA40"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0",
)


@_case(16, "UPDATE BINARY of a certificate without a PIN is refused", level=Level.DESTRUCTIVE,
       lasting=1)  # fmt: skip
def _update(trial: Trial) -> None:
    enter_pki(trial)
    select_file(trial, SIGNATURE_CERTIFICATE)
    before = trial.given(trial.send(commands.READ_BINARY, le=1)).data
    trial.refused(trial.send(commands.UPDATE_BINARY, data=before), "6982")


@_case(17, "CHANGE KEY of a master key that was not proven is refused", level=Level.DESTRUCTIVE,
       lasting=1)  # fmt: skip
def _master_key(trial: Trial) -> None:
    for application in (True, False):
        enter_pki(trial, application=application)
        trial.given(trial.send(commands.GET_CHALLENGE, le=16))
        trial.refused(trial.whole("84D4010024" + "00" * 36), "6982", "6985")


@_case(18, "VERIFY names its two PINs alone", level=Level.SESSION)
def _other_pins(trial: Trial) -> None:
    enter_pki(trial)
    for p2 in ("80", "82", "01"):
        trial.refused(trial.whole(f"002001{p2}10" + "00" * 16), "6A86", "6A88")


@_case(19, "VERIFY without data tells the tries of both PINs", confidence=Confidence.LOW)
def _tries(trial: Trial) -> None:
    enter_pki(trial)
    for p2 in ("81", "00"):
        trial.refused(trial.whole(f"002001{p2}00"), "63Cx", "6983")


# --- certificates ---------------------------------------------------------------------------------


def _certificate_cases(number: int, fid: int, key_fid: int, kind: str, *usage: str) -> None:
    @cases.case(f"SSC-6001.3-10-{number:02}", f"CHECK_CERT: the {kind} certificate is of its key",
                _CHECK, group=ASYMMETRIC, confidence=Confidence.HIGH,
                generations=frozenset({3}))  # fmt: skip
    def _(trial: Trial) -> None:
        enter_pki(trial)
        key = public_key(trial, key_fid)
        trial.same(_certificate(trial, fid).public_key.value, key, f"the key of {key_fid:04X}")

    @cases.case(f"SSC-6001.3-10-{number + 1:02}", f"CHECK_CERT: what the {kind} certificate is for",
                _CHECK, group=ASYMMETRIC, confidence=Confidence.MEDIUM,
                generations=frozenset({3}))  # fmt: skip
    def _(trial: Trial) -> None:
        enter_pki(trial)
        certificate = _certificate(trial, fid)
        trial.equal(sorted(certificate.usage), sorted(usage), "key usage")
        trial.check(not certificate.is_authority, "a certificate of a holder, not of an authority")
        trial.check(certificate.not_before < certificate.not_after, "an end behind the beginning")


_certificate_cases(
    4,
    SIGNATURE_CERTIFICATE,
    SIGNATURE_PUBLIC_KEY,
    "signature",
    "digital_signature",
    "non_repudiation",
)
_certificate_cases(
    6,
    ENCRYPTION_CERTIFICATE,
    ENCRYPTION_PUBLIC_KEY,
    "encryption",
    "key_encipherment",
    "data_encipherment",
)


@cases.case("SSC-6001.3-10-08", "The card proves that it has the key of its certificate", _CHECK,
            group=ASYMMETRIC, confidence=Confidence.LOW, generations=frozenset({3}))  # fmt: skip
def _proves(trial: Trial) -> None:
    enter_pki(trial)
    key = public_key(trial, SIGNATURE_PUBLIC_KEY)
    own = bytes(range(16))
    answers = [
        trial.expect(trial.send(commands.INTERNAL_AUTHENTICATE, data=own, le=0), "9000").data
        for _ in range(2)
    ]
    public = signature_key(trial, key)
    for answer in answers:
        right = public.verify(b"ACSE" + answer[:16] + own, answer[16:])
        trial.check(right, "a proof by the key of 0012")
    trial.check(answers[0][:16] != answers[1][:16], "random bytes of the card", "the same twice")


# --- the wall -------------------------------------------------------------------------------------


@_case(20, "Leaving the application drops its challenge", group=FIREWALL, level=Level.SESSION)
def _challenge_ends(trial: Trial) -> None:
    enter_pki(trial)
    trial.given(trial.send(commands.GET_CHALLENGE, le=16))
    trial.enter()
    enter_pki(trial)
    trial.refused(trial.whole("0020018110" + "00" * 16), "6984")


@_case(21, "Commands of certificates are none of the social security application's",
       group=FIREWALL)  # fmt: skip
def _not_elsewhere(trial: Trial) -> None:
    enter_pki(trial)
    trial.enter()
    trial.refused(trial.whole("80C4010305C103123456"), "6D00", "6E00", "69xx")
