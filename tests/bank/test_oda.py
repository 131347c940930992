# SPDX-License-Identifier: Apache-2.0
"""Offline data authentication: the chain is recovered, and every byte of it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa as library

from sscard_chip.security.oda.model import (
    TAG_CARD_CERTIFICATE,
    TAG_CARD_EXPONENT,
    TAG_CARD_REMAINDER,
    TAG_ISSUER_CERTIFICATE,
    TAG_ISSUER_EXPONENT,
    TAG_ISSUER_REMAINDER,
    OdaError,
    Scheme,
    Validity,
    fdda_input,
)
from sscard_chip.security.oda.rsa import RsaPrivateKey, RsaPublicKey, RsaScheme
from sscard_chip.security.oda.schemes import SCHEMES

PAN = "6239990000000000016"
OTHER_PAN = "6228480000000000019"
STATIC = bytes(range(90)) + b"\x7c\x00"
ASKED = bytes.fromhex("A1B2C3D4")
NUMBER = bytes.fromhex("0102030405060708")
VALID = Validity("1230", bytes.fromhex("000001"))
THIS_MONTH = "2611"


@dataclass(frozen=True)
class Chain:
    """An authority, an issuer and a card of one scheme, with what lies on the card."""

    scheme: Scheme[Any, Any]
    authority: Any
    issuer: Any
    card: Any
    data: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def make(cls, scheme: Scheme[Any, Any], sizes: tuple[int, int, int]) -> Chain:
        authority, issuer, card = map(scheme.generate, sizes)
        data = scheme.certify_issuer(authority, scheme.public(issuer), "62399", VALID)
        data |= scheme.certify_card(issuer, scheme.public(card), PAN, VALID, STATIC)
        return cls(scheme, authority, issuer, card, data)

    def recovered(
        self,
        data: dict[int, bytes] | None = None,
        *,
        pan: str = PAN,
        month: str = THIS_MONTH,
        static: bytes = STATIC,
    ) -> Any:
        scheme, tags = self.scheme, self.data if data is None else data
        issuer = scheme.recover_issuer(scheme.public(self.authority), tags, pan, month)
        return scheme.recover_card(issuer, tags, pan, month, static)


@cache
def chain(name: str) -> Chain:
    """RSA sizes with a remainder in both certificates, with none, or SM2."""
    sizes = {"rsa": (1152, 1152, 1152), "rsa-whole": (1984, 1408, 1024), "sm2": (0, 0, 0)}[name]
    return Chain.make(SCHEMES[name.partition("-")[0]], sizes)


CHAINS = pytest.mark.parametrize("name", ["rsa", "rsa-whole", "sm2"])


@CHAINS
def test_chain_is_recovered(name: str) -> None:
    own = chain(name)
    assert own.recovered() == own.scheme.public(own.card)


@CHAINS
def test_static_signature(name: str) -> None:
    own = chain(name)
    issuer = own.scheme.public(own.issuer)
    signature = own.scheme.sign_static(own.issuer, b"\xda\xc1", STATIC)
    assert own.scheme.check_static(issuer, signature, STATIC) == b"\xda\xc1"
    with pytest.raises(OdaError, match=r"^static signature: "):
        own.scheme.check_static(issuer, signature, STATIC[:-1] + b"\x01")


@CHAINS
def test_dynamic_signature(name: str) -> None:
    own = chain(name)
    signature = own.scheme.sign_dynamic(own.card, NUMBER, ASKED)
    assert own.scheme.check_dynamic(own.recovered(), signature, ASKED) == NUMBER
    with pytest.raises(OdaError, match=r"^dynamic signature: "):
        own.scheme.check_dynamic(own.recovered(), signature, bytes(4))


@CHAINS
def test_every_byte_of_a_certificate_counts(name: str) -> None:
    own = chain(name)
    for tag, value in own.data.items():
        for at in range(0, len(value), 3 if name == "rsa-whole" else 1):
            changed = value[:at] + bytes((value[at] ^ 0x01,)) + value[at + 1 :]
            with pytest.raises(OdaError):
                own.recovered(own.data | {tag: changed})


@CHAINS
@pytest.mark.parametrize("step", ["static", "dynamic"])
def test_every_byte_of_a_signature_counts(name: str, step: str) -> None:
    own = chain(name)
    check: Callable[[Any, bytes, bytes], bytes]
    if step == "static":
        key, asked = own.scheme.public(own.issuer), STATIC
        good = own.scheme.sign_static(own.issuer, b"\xda\xc1", asked)
        check = own.scheme.check_static
    else:
        key, asked = own.scheme.public(own.card), ASKED
        good = own.scheme.sign_dynamic(own.card, NUMBER, asked)
        check = own.scheme.check_dynamic
    for at in range(len(good)):
        with pytest.raises(OdaError):
            check(key, good[:at] + bytes((good[at] ^ 0x80,)) + good[at + 1 :], asked)
    for other in (b"", good[1:], good + b"\x00"):
        with pytest.raises(OdaError):
            check(key, other, asked)


@CHAINS
def test_every_byte_of_the_static_data_counts(name: str) -> None:
    own = chain(name)
    for at in range(len(STATIC)):
        with pytest.raises(OdaError, match=r"^card certificate: "):
            own.recovered(static=STATIC[:at] + bytes((STATIC[at] ^ 0x01,)) + STATIC[at + 1 :])


@CHAINS
def test_certificates_of_others(name: str) -> None:
    own = chain(name)
    with pytest.raises(OdaError, match=r"^issuer certificate: is of another issuer$"):
        own.recovered(pan=OTHER_PAN)
    with pytest.raises(OdaError, match=r"^card certificate: is of another card$"):
        own.recovered(pan=PAN[:-1] + "4")


@CHAINS
def test_certificates_expire_at_the_end_of_their_month(name: str) -> None:
    own = chain(name)
    assert own.recovered(month="3012") == own.scheme.public(own.card)
    with pytest.raises(OdaError, match=r"^issuer certificate: has expired$"):
        own.recovered(month="3101")
    assert own.recovered(month="9912") == own.scheme.public(own.card)  # a terminal set to 1999


@CHAINS
def test_missing_data_are_named(name: str) -> None:
    own = chain(name)
    for tag in (TAG_ISSUER_CERTIFICATE, TAG_CARD_CERTIFICATE):
        without = {key: value for key, value in own.data.items() if key != tag}
        with pytest.raises(OdaError, match=f"^{tag:02X} is missing$"):
            own.recovered(without)


@CHAINS
def test_keys_survive_as_bytes(name: str) -> None:
    own = chain(name)
    scheme = own.scheme
    again = scheme.decode_private(scheme.encode_private(own.card))
    assert scheme.public(again) == scheme.public(own.card)
    assert scheme.decode_public(scheme.encode_public(scheme.public(own.card))) == scheme.public(
        own.card
    )
    signature = scheme.sign_dynamic(again, NUMBER, ASKED)
    assert scheme.check_dynamic(scheme.public(own.card), signature, ASKED) == NUMBER


@CHAINS
def test_no_key_shows(name: str) -> None:
    own = chain(name)
    secret = own.scheme.encode_private(own.card)
    assert secret[1:9].hex() not in repr(own.card).lower()
    with pytest.raises(OdaError) as error:
        own.scheme.decode_private(secret[:-1])
    assert secret[1:9].hex() not in str(error.value).lower()


def test_remainders_come_only_when_needed() -> None:
    assert {TAG_ISSUER_REMAINDER, TAG_CARD_REMAINDER} <= chain("rsa").data.keys()
    assert chain("rsa-whole").data.keys() == {
        TAG_ISSUER_CERTIFICATE, TAG_ISSUER_EXPONENT, TAG_CARD_CERTIFICATE, TAG_CARD_EXPONENT,
    }  # fmt: skip


def test_a_remainder_that_is_not_needed() -> None:
    own = chain("rsa-whole")
    with pytest.raises(OdaError, match=r"^card certificate: signs other data$"):
        own.recovered(own.data | {TAG_CARD_REMAINDER: b"\x01"})


def test_rsa_signs_as_the_library_does() -> None:
    """The bare operation against the library's numbers."""
    numbers = library.generate_private_key(65537, 1024).private_numbers()
    key = RsaPrivateKey(numbers.p, numbers.q, 65537)
    content, digest = bytes(1024 // 8 - 22), bytes(20)
    value = int.from_bytes(b"\x6a" + content + digest + b"\xbc")
    expected = pow(value, numbers.d, numbers.public_numbers.n)
    assert int.from_bytes(key.sign(content, digest)) == expected


def test_forms_of_sm2() -> None:
    own = chain("sm2")
    issuer = own.data[TAG_ISSUER_CERTIFICATE]
    card = own.data[TAG_CARD_CERTIFICATE]
    key = own.scheme.encode_public(own.scheme.public(own.card)).hex()
    assert issuer[:14].hex() == "1262399fff123000000104001140"
    assert (len(issuer), len(card)) == (142, 148)
    assert card[:20].hex() == "146239990000000000016f123000000104001140"
    assert card[20:84].hex() == key
    assert len(own.scheme.sign_static(own.issuer, b"\xda\xc1", STATIC)) == 67


@pytest.mark.parametrize("bits", [1016, 1025, 1992, 2048])
def test_sizes_that_a_record_does_not_hold(bits: int) -> None:
    with pytest.raises(OdaError, match=r"^RSA key: must have 1024 to 1984 bits, whole bytes$"):
        RsaScheme().generate(bits)


def test_public_keys_that_are_none() -> None:
    with pytest.raises(OdaError, match="exponent"):
        RsaPublicKey(b"\xff" * 144, 5)
    with pytest.raises(OdaError, match="bits"):
        RsaPublicKey(b"\x01" * 144, 3)


def test_a_longer_key_is_not_certified_by_a_shorter() -> None:
    scheme = RsaScheme()
    with pytest.raises(OdaError, match="longer than the one that certifies it"):
        scheme.certify_issuer(
            chain("rsa").authority, chain("rsa-whole").authority.public, "62399", VALID
        )


@pytest.mark.parametrize(
    ("expiry", "serial"), [("1330", bytes(3)), ("123", bytes(3)), ("1230", b"")]
)
def test_validity(expiry: str, serial: bytes) -> None:
    with pytest.raises(OdaError, match=r"^certificate: "):
        Validity(expiry, serial)


@pytest.mark.parametrize("identifier", ["62", "623999999", "62F"])
def test_issuer_identifiers(identifier: str) -> None:
    own = chain("sm2")
    with pytest.raises(OdaError, match=r"^issuer identifier: "):
        own.scheme.certify_issuer(own.authority, own.scheme.public(own.issuer), identifier, VALID)


def test_what_a_contactless_card_signs() -> None:
    asked = fdda_input(b"\x01\x02\x03\x04", bytes(6), b"\x01\x56", b"\x01" + bytes(7))
    assert asked.hex() == "01020304" + "00" * 6 + "0156" + "01" + "00" * 7
