# SPDX-License-Identifier: Apache-2.0
"""The certificate part of the demonstration: key pair, certificates, a signature, its check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from issuance.pki import PkiAuthority, PkiSubject
from sscard_chip.card import Card
from sscard_chip.profile.pki import DEFAULT_USER_PIN, delivery_master_key
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pki import CardCertificate, PkiClient, request_key
from sscard_chip.terminal.session import open_session
from sscard_cli.demo.terminal import line

_LETTER: Final = "我同意。".encode()


def certify(card: Card, name: str, say: Callable[[str], None]) -> None:
    """init, write, sign and verify, as ``sscard pki`` does them one by one.

    :raises ExtraMissingError: without the libraries of the extra pki.
    """
    authority = PkiAuthority.create()
    slot = connect_card(card)
    session = open_session(slot)
    client = PkiClient(slot)
    client.select()
    key = request_key(client)
    say(line("init", f"SM2 key pair made in the card, public key {key.value.hex().upper()[:16]}.."))
    subject = PkiSubject(name, session.division, session.card_number, session.identification)
    answer = authority.answer(subject, key)
    answer.write(client, delivery_master_key(session.division))
    issuer = authority.certificate.subject["CN"]
    say(line("write", f"certificates for signature and encryption, issued by {issuer}"))
    client.select()
    client.verify(DEFAULT_USER_PIN)
    signature = client.sign_digest(key.digest_of([_LETTER]))
    say(line("sign", f"{_LETTER.decode()} {signature.hex().upper()[:16]}.."))
    read = CardCertificate.load(client.certificate())
    digest = read.public_key.digest_of([_LETTER])
    signed = read.public_key.verify_digest(digest, signature)
    trusted = read.signed_by(authority.certificate)
    owner = read.subject["CN"]
    say(line("verify", f"signature {_is(signed)} of {owner}, certificate {_is(trusted)} trusted"))


def _is(right: bool) -> str:
    return "is" if right else "is NOT"
