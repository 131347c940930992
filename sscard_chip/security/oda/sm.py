# SPDX-License-Identifier: Apache-2.0
"""SM2 with SM3, as PBOC 3.0 has it: what is signed stands in the clear before r || s [M].

Forms 12 (issuer), 14 (card) and 13 (static signature) are those of a published card; 15 for the
dynamic signature continues the row, and that static data follow what is signed is carried over
from RSA [L].
"""

from __future__ import annotations

from sscard_chip.security import sm2
from sscard_chip.security.oda.model import (
    STATIC_CODE_LENGTH,
    TAG_CARD_CERTIFICATE,
    TAG_ISSUER_CERTIFICATE,
    OdaError,
    Tags,
    Validity,
    check_expiry,
    check_identifier,
    identifier_field,
    needed,
    pan_field,
)

_ISSUER, _STATIC, _CARD, _DYNAMIC = b"\x12", b"\x13", b"\x14", b"\x15"
_ALGORITHM = bytes.fromhex("04001140")
"""SM2 with SM3, no encipherment, the recommended curve, 64 bytes of key."""


class Sm2Scheme:
    """The steps with SM2; keys have one size."""

    name = "sm2"

    def generate(self, bits: int) -> sm2.Sm2PrivateKey:
        return sm2.Sm2PrivateKey.generate()

    def public(self, private: sm2.Sm2PrivateKey) -> sm2.Sm2PublicKey:
        return private.public

    def encode_private(self, private: sm2.Sm2PrivateKey) -> bytes:
        return private.encode()

    def decode_private(self, encoded: bytes) -> sm2.Sm2PrivateKey:
        try:
            return sm2.Sm2PrivateKey.decode(encoded)
        except sm2.Sm2Error as error:
            raise OdaError(str(error)) from None

    def encode_public(self, public: sm2.Sm2PublicKey) -> bytes:
        return public.value

    def decode_public(self, encoded: bytes) -> sm2.Sm2PublicKey:
        try:
            return sm2.Sm2PublicKey(encoded)
        except sm2.Sm2Error as error:
            raise OdaError(str(error)) from None

    def certify_issuer(
        self,
        authority: sm2.Sm2PrivateKey,
        issuer: sm2.Sm2PublicKey,
        identifier: str,
        validity: Validity,
    ) -> dict[int, bytes]:
        content = _ISSUER + identifier_field(identifier) + validity.encode()
        content += _ALGORITHM + issuer.value
        return {TAG_ISSUER_CERTIFICATE: content + authority.sign(content)}

    def certify_card(
        self,
        issuer: sm2.Sm2PrivateKey,
        card: sm2.Sm2PublicKey,
        pan: str,
        validity: Validity,
        static: bytes,
    ) -> dict[int, bytes]:
        content = _CARD + pan_field(pan) + validity.encode() + _ALGORITHM + card.value
        return {TAG_CARD_CERTIFICATE: content + issuer.sign(content + static)}

    def sign_static(self, issuer: sm2.Sm2PrivateKey, code: bytes, static: bytes) -> bytes:
        if len(code) != STATIC_CODE_LENGTH:
            raise OdaError("data authentication code: must be 2 bytes")
        content = _STATIC + code
        return content + issuer.sign(content + static)

    def sign_dynamic(self, card: sm2.Sm2PrivateKey, number: bytes, asked: bytes) -> bytes:
        dynamic = bytes((len(number),)) + number
        content = _DYNAMIC + bytes((len(dynamic),)) + dynamic
        return content + card.sign(content + asked)

    def recover_issuer(
        self, authority: sm2.Sm2PublicKey, data: Tags, pan: str, month: str
    ) -> sm2.Sm2PublicKey:
        what = "issuer certificate"
        content = _signed(authority, needed(data, TAG_ISSUER_CERTIFICATE), b"", what)
        key = _certified(content, _ISSUER, 4, what)
        check_identifier(content[1:5], pan)
        check_expiry(what, content[5:7], month)
        return key

    def recover_card(
        self, issuer: sm2.Sm2PublicKey, data: Tags, pan: str, month: str, static: bytes
    ) -> sm2.Sm2PublicKey:
        what = "card certificate"
        content = _signed(issuer, needed(data, TAG_CARD_CERTIFICATE), static, what)
        key = _certified(content, _CARD, 10, what)
        if content[1:11] != pan_field(pan):
            raise OdaError(f"{what}: is of another card")
        check_expiry(what, content[11:13], month)
        return key

    def check_static(self, issuer: sm2.Sm2PublicKey, signature: bytes, static: bytes) -> bytes:
        what = "static signature"
        content = _signed(issuer, signature, static, what)
        if content[:1] != _STATIC or len(content) != 1 + STATIC_CODE_LENGTH:
            raise OdaError(f"{what}: is of another form")
        return content[1:]

    def check_dynamic(self, card: sm2.Sm2PublicKey, signature: bytes, asked: bytes) -> bytes:
        what = "dynamic signature"
        content = _signed(card, signature, asked, what)
        if content[:1] != _DYNAMIC or list(content[1:3]) != [len(content) - 2, len(content) - 3]:
            raise OdaError(f"{what}: is of another form")
        return content[3:]


def _signed(key: sm2.Sm2PublicKey, value: bytes, more: bytes, what: str) -> bytes:
    """What stands before the signature, which is checked."""
    content, signature = value[: -sm2.SIGNATURE_LENGTH], value[-sm2.SIGNATURE_LENGTH :]
    if not key.verify(content + more, signature):
        raise OdaError(f"{what}: is not signed with this key")
    return content


def _certified(content: bytes, form: bytes, owner: int, what: str) -> sm2.Sm2PublicKey:
    at = 1 + owner + 2 + 3
    if content[:1] != form or content[at : at + 4] != _ALGORITHM:
        raise OdaError(f"{what}: is of another form")
    try:
        return sm2.Sm2PublicKey(content[at + 4 :])
    except sm2.Sm2Error:
        raise OdaError(f"{what}: holds no public key") from None
