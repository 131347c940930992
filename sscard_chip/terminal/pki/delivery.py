# SPDX-License-Identifier: Apache-2.0
"""From a card's request to what its authority answers: five texts, and how they get onto the card.

QMZS and JMZS are the certificates for signatures and encryption, JMMY the pair for encryption
(ENVELOPEDKEYBLOB), each Base64; GLYPIN is the administrator's new PIN, ZKMY the new master key in
hex. The order of commands is that of a program of the field.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final, Self

from sscard_chip.profile.pki import (
    CERTIFICATE_SIZE,
    DEFAULT_ADMINISTRATOR_PIN,
    DEFAULT_USER_PIN,
)
from sscard_chip.security.sm2 import Sm2PublicKey
from sscard_chip.standard.errors import BAD_INPUT, CardError
from sscard_chip.standard.identifiers import ENCRYPTION_CERTIFICATE, SIGNATURE_CERTIFICATE
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.pki.blob import BlobError, EnvelopedKey
from sscard_chip.terminal.pki.certificate import CardCertificate, CertificateError
from sscard_chip.terminal.pki.client import PkiClient, PkiHolder, pin_bytes

_ADMINISTRATOR_PIN: Final = re.compile("[0-9]{8}")
_MASTER_KEY: Final = re.compile("[0-9A-Fa-f]{32}")


class PkiDeliveryError(CardError, ValueError):
    """An answer of an authority that does not fit, or a wrong PIN; one line with the rule."""

    exit_code = BAD_INPUT


class PkiPinError(PkiDeliveryError):
    """A PIN that the card refused: ``left`` tries, 0 when it is locked."""

    def __init__(self, text: str, left: int = 0) -> None:
        super().__init__(text)
        self.left = left


@dataclass(frozen=True, slots=True, repr=False)
class PkiDelivery:
    """An authority's answer, parsed."""

    signature: CardCertificate
    encryption: CardCertificate
    key: EnvelopedKey
    administrator_pin: bytes = field(repr=False)
    master_key: bytes = field(repr=False)

    @classmethod
    def parse(cls, qmzs: str, jmzs: str, jmmy: str, glypin: str, zkmy: str) -> Self:
        """From the five texts.

        :raises PkiDeliveryError: names the text and the rule.
        :raises ExtraMissingError:
        """
        signature, encryption = _certificate("QMZS", qmzs), _certificate("JMZS", jmzs)
        try:
            key = EnvelopedKey.parse(_base64("JMMY", jmmy))
        except BlobError as error:
            raise PkiDeliveryError(f"JMMY: {error}") from None
        if key.public != encryption.public_key.value:
            raise PkiDeliveryError("JMMY: is not the key of the certificate JMZS")
        if not _ADMINISTRATOR_PIN.fullmatch(glypin):
            raise PkiDeliveryError("GLYPIN: must be 8 digits")
        if not _MASTER_KEY.fullmatch(zkmy):
            raise PkiDeliveryError("ZKMY: must be 32 hex digits")
        return cls(signature, encryption, key, pin_bytes(glypin), bytes.fromhex(zkmy))

    def texts(self) -> dict[str, str]:
        """The five texts by name."""
        coded = {
            "QMZS": self.signature.der,
            "JMZS": self.encryption.der,
            "JMMY": self.key.encode(),
        }
        return {name: base64.b64encode(value).decode() for name, value in coded.items()} | {
            "GLYPIN": self.administrator_pin.hex(),
            "ZKMY": self.master_key.hex().upper(),
        }

    def write(
        self,
        client: PkiClient,
        master_key: bytes,
        *,
        user_pin: bytes = DEFAULT_USER_PIN,
        administrator_pin: bytes = DEFAULT_ADMINISTRATOR_PIN,
    ) -> None:
        """Write everything: the pair, the certificates, the administrator's PIN, the master keys.

        ``master_key`` and the PINs are those that the card has now. A card that has been given
        this administrator's PIN or master key already, wholly or until it was broken off, takes it
        again: where the old value is refused the new one is tried, while there are tries left.

        :raises PkiDeliveryError: a wrong PIN, or the certificate is of another card's key.
        :raises CardStatusError:
        """
        client.select()
        _right(client.verify(user_pin), PkiHolder.USER)
        old = self._administrator(client, administrator_pin)
        if client.public_key() != self.signature.public_key:
            raise PkiDeliveryError("QMZS: is of another key than the card's")
        client.import_pair(self.key)
        client.write_certificate(SIGNATURE_CERTIFICATE, self.signature.der)
        client.write_certificate(ENCRYPTION_CERTIFICATE, self.encryption.der)
        left = client.change_pin(old, self.administrator_pin, PkiHolder.ADMINISTRATOR)
        _right(left, PkiHolder.ADMINISTRATOR)
        for select in (client.select, client.select_environment):
            select()
            key = self._prove(client, master_key)
            client.change_master_key(key, self.master_key)

    def _administrator(self, client: PkiClient, pin: bytes) -> bytes:
        """The administrator's PIN that the card has, verified."""
        left = client.verify(pin, PkiHolder.ADMINISTRATOR)
        if left and pin != self.administrator_pin:
            pin = self.administrator_pin
            left = client.verify(pin, PkiHolder.ADMINISTRATOR)
        _right(left, PkiHolder.ADMINISTRATOR)
        return pin

    def _prove(self, client: PkiClient, key: bytes) -> bytes:
        """The master key of the current directory, proven."""
        try:
            client.prove_master_key(key)
        except CardStatusError as error:
            if not error.remaining_tries or key == self.master_key:
                raise
            key = self.master_key
            client.prove_master_key(key)
        return key

    def __repr__(self) -> str:
        return "<PkiDelivery>"


def request_key(
    client: PkiClient,
    *,
    user_pin: bytes = DEFAULT_USER_PIN,
    administrator_pin: bytes = DEFAULT_ADMINISTRATOR_PIN,
    renew: bool = False,
) -> Sm2PublicKey:
    """The card's signature key for a request: the one that it has, or a new pair.

    :raises PkiDeliveryError: a wrong PIN.
    :raises CardStatusError:
    """
    client.select()
    key = client.public_key()
    if key is None or renew:
        log_in(client, user_pin, administrator_pin)
        client.generate()
        key = client.public_key()
    if key is None:
        raise PkiDeliveryError("the card has made no key")
    return key


def log_in(client: PkiClient, user_pin: bytes, administrator_pin: bytes) -> None:
    """Verify both PINs, as a program of the field does.

    :raises PkiDeliveryError: one is wrong.
    """
    _right(client.verify(user_pin), PkiHolder.USER)
    _right(client.verify(administrator_pin, PkiHolder.ADMINISTRATOR), PkiHolder.ADMINISTRATOR)


_WHOSE: Final = {PkiHolder.USER: "user PIN", PkiHolder.ADMINISTRATOR: "administrator's PIN"}


def _right(left: int | None, holder: PkiHolder) -> None:
    if left is not None:
        state = f"wrong, {left} tries left" if left else "locked"
        raise PkiPinError(f"{_WHOSE[holder]}: {state}", left)


def _certificate(name: str, text: str) -> CardCertificate:
    der = _base64(name, text)
    if len(der) > CERTIFICATE_SIZE:
        raise PkiDeliveryError(f"{name}: must have at most {CERTIFICATE_SIZE} bytes")
    try:
        return CardCertificate.load(der)
    except CertificateError as error:
        raise PkiDeliveryError(f"{name}: {error}") from None


def _base64(name: str, text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise PkiDeliveryError(f"{name}: must be Base64") from None
