# SPDX-License-Identifier: Apache-2.0
"""Offline data authentication: SDA, DDA and their like under SM2, and fDDA without contacts
(JR/T 0025.7; EMV book 2, 5 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from sscard_chip.filesystem.tlv import parse_dol
from sscard_chip.security.oda.model import (
    TAG_CA_INDEX,
    TAG_CARD_CERTIFICATE,
    TAG_DYNAMIC_SIGNATURE,
    TAG_ISSUER_CERTIFICATE,
    TAG_STATIC_SIGNATURE,
    TAG_STATIC_TAGS,
    OdaError,
)
from sscard_chip.standard import commands
from sscard_chip.terminal.bank.authentication import (
    DDA,
    SDA,
    authenticate_contactless,
    card_key,
    issuer_key,
    static_data,
)
from sscard_chip.terminal.bank.results import Decision, Tvr
from sscard_chip.terminal.bank.terminal import Authority
from sscard_chip.terminal.bank.tlv import open_template, tlvs
from sscard_chip.terminal.bank.transaction import FORMAT_1, FORMAT_2, TerminalTransaction
from sscard_chip.terminal.conformance.banking.build import BankChapter
from sscard_chip.terminal.conformance.banking.trial import BankTrial
from sscard_chip.terminal.conformance.case import CONTACT, CONTACTLESS, Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_ODA: Final = BankChapter("ODA", "JR/T 0025.7, offline data authentication", "pboc-authentication",
                          frozenset({CONTACT}))  # fmt: skip
_FDDA: Final = BankChapter("FDDA", "JR/T 0025.7, fDDA", "pboc-contactless",
                           frozenset({CONTACTLESS}))  # fmt: skip
_SESSION: Final[dict[str, Any]] = {"level": Level.SESSION}
_KNOWN: Final[dict[str, Any]] = {"level": Level.SESSION, "needs": frozenset({Need.AUTHORITY})}
_DDOL: Final = 0x9F49
_DEFAULT_DDOL: Final = bytes.fromhex("9F3704")
_SIGNED: Final = 3
"""Place in an entry of the AFL: how many of its records are signed."""


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_ODA(), *_FDDA())


def _begun(trial: BankTrial, wanted: int = SDA | DDA) -> TerminalTransaction:
    """A transaction of a card that authenticates offline in one of the wanted ways."""
    transaction = trial.begin(authorities=trial.subject.authorities)
    if not transaction.value(0x82)[0] & wanted:
        way = {SDA: "SDA", DDA: "DDA"}.get(wanted, "offline data authentication")
        raise NotApplicableError(f"the card's AIP says nothing of {way}")
    return transaction


def _right(trial: BankTrial, what: str, step: Callable[[], Any]) -> Any:
    """What a step of the terminal's check gives."""
    try:
        return step()
    except OdaError as error:
        trial.check(False, what, str(error))


def _issuer(trial: BankTrial, transaction: TerminalTransaction) -> tuple[Authority, Any]:
    found: tuple[Authority, Any] = _right(
        trial, "an issuer certificate that is right", lambda: issuer_key(transaction)
    )
    return found


def _card(trial: BankTrial, transaction: TerminalTransaction) -> tuple[Authority, Any]:
    authority, issuer = _issuer(trial, transaction)
    what = "a card certificate over the signed records that is right"
    return authority, _right(trial, what, lambda: card_key(transaction, authority, issuer))


def _asked(transaction: TerminalTransaction) -> bytes:
    return transaction.asked(transaction.data.get(_DDOL, _DEFAULT_DDOL), "DDOL")


def _signature(trial: BankTrial, asked: bytes) -> bytes:
    name = commands.INTERNAL_AUTHENTICATE.name
    reply = trial.expect(trial.send(commands.INTERNAL_AUTHENTICATE, data=asked, le=0), "9000")
    objects = dict(trial.strict(lambda: list(tlvs(reply.data, name))))
    if FORMAT_1 in objects:
        plain: bytes = objects[FORMAT_1]
        return plain
    body = trial.strict(lambda: dict(tlvs(open_template(FORMAT_2, reply.data, name), name)))
    signature: bytes = body.get(TAG_DYNAMIC_SIGNATURE, b"")
    trial.check(bool(signature), "9F4B, the signature", "none")
    return signature


# --- what a card has to say ----------------------------------------------------------------------


@_ODA.case(1, "What the AIP promises is in the records: key index, certificates, signature",
           **_SESSION)  # fmt: skip
def _(trial: BankTrial) -> None:
    transaction = _begun(trial)
    dynamic = transaction.value(0x82)[0] & DDA
    own = TAG_CARD_CERTIFICATE if dynamic else TAG_STATIC_SIGNATURE
    for tag in (TAG_CA_INDEX, TAG_ISSUER_CERTIFICATE, own):
        trial.check(bool(transaction.data.get(tag)), f"tag {tag:02X} in a record", "none")
    trial.equal(len(transaction.data[TAG_CA_INDEX]), 1, "bytes of 8F")


@_ODA.case(2, "Records are signed: the AFL says which, and no more than it names", **_SESSION)
def _(trial: BankTrial) -> None:
    locator = _begun(trial).value(0x94)
    entries = [locator[at : at + 4] for at in range(0, len(locator), 4)]
    for entry in entries:
        many = entry[2] - entry[1] + 1
        trial.check(entry[_SIGNED] <= many, f"at most {many} signed records", "more")
    trial.check(any(entry[_SIGNED] for entry in entries), "a signed record", "none")


@_ODA.case(3, "9F4A names the AIP alone, if it is there", **_SESSION)
def _(trial: BankTrial) -> None:
    tags = _begun(trial).data.get(TAG_STATIC_TAGS)
    if tags is None:
        raise NotApplicableError("the card has no 9F4A")
    trial.equal(tags, b"\x82", "9F4A")


@_ODA.case(4, "The DDOL asks for the terminal's random 9F37", **_SESSION)
def _(trial: BankTrial) -> None:
    ddol = _begun(trial, DDA).data.get(_DDOL, _DEFAULT_DDOL)
    trial.equal(dict(parse_dol(ddol)).get(0x9F37), 4, "length of 9F37 in the DDOL")


# --- under the authority's key -------------------------------------------------------------------


@_ODA.case(11, "The issuer's certificate is the authority's, of this PAN, and valid", **_KNOWN)
def _(trial: BankTrial) -> None:
    _issuer(trial, _begun(trial))


@_ODA.case(12, "SDA: the issuer's signature is over the signed records and the AIP", **_KNOWN)
def _(trial: BankTrial) -> None:
    transaction = _begun(trial)
    signature = transaction.data.get(TAG_STATIC_SIGNATURE)
    if signature is None:
        raise NotApplicableError("the card has no static signature")
    authority, issuer = _issuer(trial, transaction)
    static = _right(trial, "signed data", lambda: static_data(transaction))
    what = "a static signature that is right"
    code = _right(trial, what, lambda: authority.scheme.check_static(issuer, signature, static))
    trial.equal(len(code), 2, "bytes of the data authentication code")


@_ODA.case(13, "DDA: the card's certificate is the issuer's, of this PAN and these records",
           **_KNOWN)  # fmt: skip
def _(trial: BankTrial) -> None:
    _card(trial, _begun(trial, DDA))


@_ODA.case(14, "DDA: the card signs what the DDOL asks for, another value each time", **_KNOWN)
def _(trial: BankTrial) -> None:
    transaction = _begun(trial, DDA)
    authority, key = _card(trial, transaction)
    found, numbers = [], []
    for random in ("00000000", "A1B2C3D4", "A1B2C3D4", "FFFFFFFF"):
        transaction.data[0x9F37] = bytes.fromhex(random)
        asked = _asked(transaction)
        found.append(_signature(trial, asked))
        what = f"a signature over {random} that is right"
        check = partial(authority.scheme.check_dynamic, key, found[-1], asked)
        number = _right(trial, what, check)
        numbers.append(number)
    trial.equal(len(set(found)), len(found), "different signatures")
    trial.equal(len(set(numbers)), len(numbers), "different dynamic numbers of the card")


@_ODA.case(15, "DDA: the signature holds for its own random alone", **_KNOWN)
def _(trial: BankTrial) -> None:
    transaction = _begun(trial, DDA)
    authority, key = _card(trial, transaction)
    signature = _signature(trial, _asked(transaction))
    transaction.data[0x9F37] = bytes(byte ^ 1 for byte in transaction.data[0x9F37])
    try:
        authority.scheme.check_dynamic(key, signature, _asked(transaction))
    except OdaError:
        return
    trial.check(False, "a signature over the terminal's random", "one over anything")


@_ODA.case(16, "INTERNAL AUTHENTICATE with another length than the DDOL: refused", **_SESSION)
def _(trial: BankTrial) -> None:
    asked = _asked(_begun(trial, DDA))
    for other in (asked[:-1], asked + b"\0"):
        reply = trial.send(commands.INTERNAL_AUTHENTICATE, data=other, le=0)
        trial.refused(reply, "6700", "6A80", "6985")


@_ODA.case(17, "INTERNAL AUTHENTICATE before GPO: 6985", **_SESSION)
def _(trial: BankTrial) -> None:
    asked = _asked(_begun(trial, DDA))
    trial.reset(cold=True)
    trial.select()
    reply = trial.send(commands.INTERNAL_AUTHENTICATE, data=asked, le=0)
    trial.refused(reply, "6985", "6982")


@_ODA.case(18, "A terminal that knows the authority finds no fault; the TVR tells the host so",
           level=Level.WRITE, needs=frozenset({Need.AUTHORITY, Need.KEYS}))  # fmt: skip
def _(trial: BankTrial) -> None:
    _begun(trial)
    trial.reset(cold=True)
    outcome = trial.pay(trial.host(), force_online=True, authorities=trial.subject.authorities)
    failed = Tvr.SDA_FAILED | Tvr.DDA_FAILED | Tvr.ODA_NOT_PERFORMED
    trial.check(not outcome.tvr & failed, "a TVR without a fault of the authentication", "one")
    trial.equal(outcome.decision.value, Decision.APPROVED_ONLINE.value, "decision")


# --- without contacts ----------------------------------------------------------------------------


def _tapped(trial: BankTrial) -> TerminalTransaction:
    """GPO of an amount that the electronic cash pays off-line, with what it signed."""
    transaction = trial.begin(amount_fen=1, authorities=trial.subject.authorities)
    if TAG_DYNAMIC_SIGNATURE not in transaction.data:
        raise NotApplicableError("the card signs nothing without contacts")
    return transaction


@_FDDA.case(1, "What is paid off-line is signed over amount, currency and both randoms", **_KNOWN)
def _(trial: BankTrial) -> None:
    transaction = _tapped(trial)
    trial.check(authenticate_contactless(transaction), "a signature that is right", "another")


@_FDDA.case(2, "The signature holds for its own amount and random alone", **_KNOWN)
def _(trial: BankTrial) -> None:
    transaction = _tapped(trial)
    for tag in (0x9F02, 0x9F37):
        given = transaction.data[tag]
        transaction.data[tag] = given[:-1] + bytes((given[-1] ^ 1,))
        right = authenticate_contactless(transaction)
        trial.check(not right, f"a signature over {tag:04X}", "one over anything")
        transaction.data[tag] = given


@_FDDA.case(3, "No two taps have one signature", **_KNOWN)
def _(trial: BankTrial) -> None:
    found = set()
    for _ in range(3):
        found.add(_tapped(trial).data[TAG_DYNAMIC_SIGNATURE])
        trial.reset(cold=True)
    trial.equal(len(found), 3, "different signatures")
