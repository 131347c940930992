# SPDX-License-Identifier: Apache-2.0
"""The issuer's host: what it believes, what it refuses, and published transactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from issuance.bank.personalise import bank_contents
from issuance.roots import RootKeyError
from sscard_chip.card import Card
from sscard_chip.profile.bank import add_bank
from sscard_chip.security.emv import CVN_17
from sscard_chip.terminal.bank.cryptograms import IssuerData
from sscard_chip.terminal.bank.data import (
    APPROVED,
    CRYPTOGRAM_TAGS,
    SUSPECTED_FRAUD,
    AuthorisationRequest,
    AuthorisationResponse,
)
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.host import IssuerHost, WrongCryptogramError
from sscard_chip.terminal.bank.results import Decision, PaymentOutcome
from sscard_chip.terminal.bank.scripts import ECASH_BALANCE, IssuerScript, ScriptBuilder
from tests.bank.bank import PAN, bank, holder, issue
from tests.bank.payments import contact, contactless, flip, host
from tests.vectors.cards import load

SUITES = pytest.mark.parametrize("suite", ["3des", "sm4"])


def requests(
    card: Card, pay: Callable[[Card, IssuerHost], PaymentOutcome] = contact
) -> tuple[IssuerHost, AuthorisationRequest]:
    """A host and a request that it has answered."""
    seen: list[AuthorisationRequest] = []

    def decide(request: AuthorisationRequest, _data: IssuerData) -> bytes:
        seen.append(request)
        return APPROVED

    issuer = IssuerHost(bank().store, decide)
    assert pay(card, issuer).decision is Decision.APPROVED_ONLINE
    return issuer, seen[0]


@SUITES
def test_every_byte_of_a_request_counts(suite: str) -> None:
    issuer, request = requests(issue(suite=suite))
    issuer.verify(request)
    for tag, value in request.data.items():
        if tag == 0x9F27:
            continue  # what the cryptogram is stands in the CVR too
        for at in range(len(value)):
            changed = replace(request, data={**request.data, tag: flip(value, at)})
            with pytest.raises((WrongCryptogramError, CardDataError, RootKeyError)):
                issuer.verify(changed)
            assert issuer.authorise(changed) == AuthorisationResponse(SUSPECTED_FRAUD)
    with pytest.raises(WrongCryptogramError):
        issuer.verify(replace(request, pan="6239990000000067892"))
    with pytest.raises(WrongCryptogramError):
        issuer.verify(replace(request, sequence="01"))


@SUITES
def test_cryptogram_version_17(suite: str) -> None:
    """A contactless card whose cryptograms cover amount, number, ATC and CVR alone."""
    card = issue(pan=None)
    contents = bank_contents(bank(), holder().bank, suite, issued="20260101")  # type: ignore[arg-type]
    add_bank(card.files.memory, replace(contents, contactless_cryptogram_version=CVN_17))
    card = Card(card.files.memory)
    issuer, request = requests(card, contactless)
    assert IssuerData.parse(request.data[0x9F10]).version == CVN_17
    for tag in (0x9F02, 0x9F37, 0x9F36, 0x9F26):
        changed = {**request.data, tag: flip(request.data[tag], 1)}
        with pytest.raises(WrongCryptogramError):
            issuer.verify(replace(request, data=changed))
    assert issuer.verify(replace(request, data={**request.data, 0x95: b"\xff" * 5}))


class KeyOfOneCard:
    """A store that has the session key of a published transaction, and nothing else."""

    def __init__(self, session_key: bytes) -> None:
        self._key = session_key

    def encrypt(self, *_request: object) -> bytes:
        return self._key

    def diversify(self, *_request: object) -> list[bytes]:
        raise RootKeyError("published: the card key is not known")

    def mac(self, *_request: object) -> bytes:
        raise RootKeyError("published: the card key is not known")


@SUITES
def test_published_transactions(suite: str) -> None:
    """The host takes the cryptograms of published walkthroughs, and answers as they do."""
    name = "des" if suite == "3des" else suite
    cases = {case["name"]: case for case in load("payment.json")["cases"]}
    given = {k: bytes.fromhex(v) for k, v in cases[f"bank-cryptogram-{name}-1"]["inputs"].items()}
    signed, algorithm = given["data"], b"\x01" if suite == "3des" else b"\x04"
    values, at = {}, 0
    for tag, length in zip(CRYPTOGRAM_TAGS, (6, 6, 2, 5, 2, 3, 1, 4), strict=True):
        values[tag] = signed[at : at + length]
        at += length
    values |= {0x82: signed[29:31], 0x9F36: signed[31:33]}
    values[0x9F10] = b"\x07\x00\x01" + signed[33:] + algorithm
    arqc = bytes.fromhex(cases[f"bank-cryptogram-{name}-1"]["expected"]["arqc"])
    request = AuthorisationRequest(PAN, "00", {**values, 0x9F26: arqc, 0x9F27: b"\x80"})
    issuer = IssuerHost(KeyOfOneCard(given["sk_ac"]))
    answer = issuer.authorise(request)
    expected = cases[f"bank-arpc-{name}-1"]["expected"]["arpc"]
    assert answer == AuthorisationResponse(APPROVED, bytes.fromhex(expected) + b"00")


def test_a_copied_request_is_refused() -> None:
    issuer, request = requests(issue())
    answer = issuer.authorise(request)
    assert (answer.response_code, answer.issuer_data) == (SUSPECTED_FRAUD, b"")


def test_no_number_shows() -> None:
    _, request = requests(issue())
    assert PAN not in repr(request)
    assert PAN not in repr(contact(issue(), host()))


def test_a_script_keeps_what_it_was_made_of() -> None:
    issuer, request = requests(issue())
    builder = issuer.script(request, issuer.verify(request))
    assert isinstance(builder, ScriptBuilder)
    builder.put_amount(ECASH_BALANCE, 1).unblock_application().block_card()
    parsed = IssuerScript.parse(builder.template(identifier=b"\x01\x02\x03\x04"))
    assert parsed.identifier == b"\x01\x02\x03\x04"
    assert parsed.commands == builder.commands
    assert [command[:2].hex() for command in parsed.commands] == ["04da", "8418", "8416"]
