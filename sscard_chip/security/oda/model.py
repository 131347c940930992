# SPDX-License-Identifier: Apache-2.0
"""What the two schemes share: tags, the steps, and the checks that do not depend on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from sscard_chip.standard.errors import BAD_INPUT, CardError

TAG_CA_INDEX: Final = 0x8F
TAG_ISSUER_CERTIFICATE: Final = 0x90
TAG_ISSUER_REMAINDER: Final = 0x92
TAG_ISSUER_EXPONENT: Final = 0x9F32
TAG_STATIC_SIGNATURE: Final = 0x93
TAG_CARD_CERTIFICATE: Final = 0x9F46
TAG_CARD_EXPONENT: Final = 0x9F47
TAG_CARD_REMAINDER: Final = 0x9F48
TAG_STATIC_TAGS: Final = 0x9F4A
TAG_DYNAMIC_SIGNATURE: Final = 0x9F4B

DYNAMIC_NUMBER_LENGTH: Final = 8
STATIC_CODE_LENGTH: Final = 2
SERIAL_LENGTH: Final = 3

_MONTH: Final = re.compile(r"(0[1-9]|1[0-2])[0-9]{2}")

Tags = Mapping[int, bytes]
Public = TypeVar("Public")
Private = TypeVar("Private")


class OdaError(CardError, ValueError):
    """A certificate or signature that does not prove what it should; one line, no key."""

    exit_code = BAD_INPUT


@dataclass(frozen=True, slots=True)
class Validity:
    """Expiry MMYY and serial number (3 bytes) of a certificate."""

    expiry: str
    serial: bytes

    def __post_init__(self) -> None:
        if not _MONTH.fullmatch(self.expiry):
            raise OdaError("certificate: the expiry must be a month, MMYY")
        if len(self.serial) != SERIAL_LENGTH:
            raise OdaError(f"certificate: the serial number must be {SERIAL_LENGTH} bytes")

    def encode(self) -> bytes:
        """5 bytes, as they lie in every certificate."""
        return bytes.fromhex(self.expiry) + self.serial


class Scheme(Protocol[Public, Private]):
    """The steps of offline data authentication. Errors are :class:`OdaError`.

    ``static`` are the data that the issuer signs: the records that the AFL names, without
    template and length, and the values of the tags in 9F4A.
    """

    name: str

    def generate(self, bits: int) -> Private:
        """A new private key; ``bits`` is the size of an RSA key."""

    def public(self, private: Private) -> Public:
        """Its public key."""

    def encode_private(self, private: Private) -> bytes:
        """A private key as bytes, for a key file or a card."""

    def decode_private(self, encoded: bytes) -> Private:
        """From what :meth:`encode_private` gives."""

    def encode_public(self, public: Public) -> bytes:
        """A public key as bytes, as terminals load those of authorities."""

    def decode_public(self, encoded: bytes) -> Public:
        """From what :meth:`encode_public` gives."""

    def certify_issuer(
        self, authority: Private, issuer: Public, identifier: str, validity: Validity
    ) -> dict[int, bytes]:
        """Tags 90, 92 and 9F32 of an issuer; ``identifier`` 3 to 8 leading digits of its PANs."""

    def certify_card(
        self, issuer: Private, card: Public, pan: str, validity: Validity, static: bytes
    ) -> dict[int, bytes]:
        """Tags 9F46, 9F47 and 9F48 of a card."""

    def sign_static(self, issuer: Private, code: bytes, static: bytes) -> bytes:
        """Tag 93; ``code`` is the data authentication code, 2 bytes."""

    def sign_dynamic(self, card: Private, number: bytes, asked: bytes) -> bytes:
        """Tag 9F4B; ``number`` is the card's dynamic number, ``asked`` what the DDOL names."""

    def recover_issuer(self, authority: Public, data: Tags, pan: str, month: str) -> Public:
        """The issuer's key out of 90, 92, 9F32; ``month`` YYMM must not be after its expiry."""

    def recover_card(
        self, issuer: Public, data: Tags, pan: str, month: str, static: bytes
    ) -> Public:
        """The card's key out of 9F46, 9F47, 9F48, certified with the static data."""

    def check_static(self, issuer: Public, signature: bytes, static: bytes) -> bytes:
        """The data authentication code out of 93."""

    def check_dynamic(self, card: Public, signature: bytes, asked: bytes) -> bytes:
        """The card's dynamic number out of 9F4B."""


def fdda_input(unpredictable: bytes, amount: bytes, currency: bytes, card_data: bytes) -> bytes:
    """What a contactless card signs (fDDA): 9F37 4, 9F02 6, 5F2A 2, 9F69 [M]."""
    return unpredictable + amount + currency + card_data


def needed(data: Tags, tag: int) -> bytes:
    """The value of ``tag``.

    :raises OdaError: when the card gave none.
    """
    value = data.get(tag)
    if value is None:
        raise OdaError(f"{tag:02X} is missing")
    return value


def identifier_field(identifier: str) -> bytes:
    """3 to 8 digits, filled with F to 4 bytes.

    :raises OdaError:
    """
    if not re.fullmatch("[0-9]{3,8}", identifier):
        raise OdaError("issuer identifier: must be 3 to 8 digits")
    return bytes.fromhex(f"{identifier:F<8}")


def pan_field(pan: str) -> bytes:
    """A PAN of up to 20 digits, filled with F to 10 bytes.

    :raises OdaError:
    """
    if not re.fullmatch("[0-9]{12,19}", pan):
        raise OdaError("PAN: must be 12 to 19 digits")
    return bytes.fromhex(f"{pan:F<20}")


def check_identifier(field: bytes, pan: str) -> None:
    """An issuer's certificate must be of the issuer of ``pan``."""
    digits = field.hex().rstrip("f")
    if not (digits.isdecimal() and len(digits) >= 3 and pan.startswith(digits)):
        raise OdaError("issuer certificate: is of another issuer")


def check_expiry(what: str, field: bytes, month: str) -> None:
    """MMYY of a certificate against YYMM of today; years from 50 up are of the 1900s."""
    text = field.hex()
    if not _MONTH.fullmatch(text):
        raise OdaError(f"{what}: the expiry is no month")
    if _century(text[2:] + text[:2]) < _century(month):
        raise OdaError(f"{what}: has expired")


def _century(month: str) -> str:
    return ("19" if month >= "50" else "20") + month
