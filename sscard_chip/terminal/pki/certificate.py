# SPDX-License-Identifier: Apache-2.0
"""Certificates of SM2 with SM3 (GM/T 0015, X.509), as far as cards and terminals need them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, Final

from sscard_chip.security.sm2 import Sm2Error, Sm2PublicKey
from sscard_chip.standard.errors import InputError, importing

SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
SM2_CURVE: Final = "1.2.156.10197.1.301"
EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
MAX_DER: Final = 16 * 1024
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class CertificateError(InputError):
    """Bytes that are no certificate of SM2; one line with the rule."""


@cache
def asn1() -> Any:
    """``asn1crypto``, to which the curve of SM2 is known.

    :raises ExtraMissingError:
    """
    with importing("pki", "a certificate"):
        from asn1crypto import algos, core, keys, pem, x509
    keys.NamedCurve.register("sm2p256v1", SM2_CURVE, 32)
    return SimpleNamespace(algos=algos, core=core, keys=keys, pem=pem, x509=x509)


@dataclass(frozen=True, slots=True)
class CardCertificate:
    """A certificate. Names are what X.501 has, by OID's short name (``C``, ``ST``, ``L``, ``O``,
    ``CN``); ``usage`` are the bits of keyUsage by name; ``extensions`` the values of all by OID.

    ``der`` is the whole, ``signed`` the part of it under ``signature`` (r || s, 64 bytes).
    """

    serial: int
    issuer: dict[str, str]
    subject: dict[str, str]
    not_before: datetime
    not_after: datetime
    public_key: Sm2PublicKey
    usage: frozenset[str]
    extensions: dict[str, bytes]
    is_authority: bool
    der: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def load(cls, content: bytes) -> CardCertificate:
        """From DER, PEM, or Base64 of DER.

        :raises CertificateError:
        :raises ExtraMissingError:
        """
        der = _der_of(content)
        try:
            return cls._parse(der)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, Sm2Error):
            pass
        raise CertificateError("no certificate of SM2 with SM3 (X.509, GM/T 0015)")

    @classmethod
    def _parse(cls, der: bytes) -> CardCertificate:
        asn = asn1()
        whole = asn.x509.Certificate.load(der, strict=True)
        tbs = whole["tbs_certificate"]
        info = tbs["subject_public_key_info"]
        algorithms = (whole["signature_algorithm"], tbs["signature"])
        if any(one["algorithm"].dotted != SM2_WITH_SM3 for one in algorithms):
            raise ValueError
        if whole["signature_value"].contents[:1] != b"\0":  # whole bytes
            raise ValueError
        if info["algorithm"]["parameters"].chosen.dotted != SM2_CURVE:
            raise ValueError
        point = bytes(info["public_key"])
        if point[:1] != b"\x04":
            raise ValueError
        pair = asn.algos.DSASignature.load(whole["signature_value"].native).native
        validity = tbs["validity"].native
        extensions = {
            one["extn_id"].dotted: bytes(one["extn_value"].contents) for one in tbs["extensions"]
        }
        usage = whole.key_usage_value
        limits = whole.basic_constraints_value
        return cls(
            serial=tbs["serial_number"].native,
            issuer=_name(tbs["issuer"]),
            subject=_name(tbs["subject"]),
            not_before=validity["not_before"],
            not_after=validity["not_after"],
            public_key=Sm2PublicKey(point[1:]),
            usage=frozenset(usage.native) if usage is not None else frozenset(),
            extensions=extensions,
            is_authority=bool(limits is not None and limits["ca"].native),
            der=der,
            signed=tbs.dump(),
            signature=pair["r"].to_bytes(32) + pair["s"].to_bytes(32),
        )

    def signed_by(self, authority: CardCertificate) -> bool:
        """Whether ``authority`` has issued it: name, right to issue, and signature."""
        return (
            authority.is_authority
            and self.issuer == authority.subject
            and authority.public_key.verify(self.signed, self.signature)
        )

    def valid_at(self, time: datetime) -> bool:
        """Whether it is valid at a time, which has a zone."""
        return self.not_before <= time <= self.not_after

    def pem(self) -> bytes:
        """The certificate as PEM."""
        armored: bytes = asn1().pem.armor("CERTIFICATE", self.der)
        return armored


_SHORT: Final = {
    "country_name": "C",
    "state_or_province_name": "ST",
    "locality_name": "L",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "common_name": "CN",
}


def _name(name: Any) -> dict[str, str]:
    return {_SHORT.get(key, key): str(value) for key, value in name.native.items()}


def _der_of(content: bytes) -> bytes:
    if len(content) <= 2 * MAX_DER:
        found = _PEM.search(content)
        body = found[1] if found else content
        if body[:1] == b"\x30" and not found:
            return body
        try:
            return base64.b64decode(b"".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise CertificateError("a certificate must be DER, PEM or Base64, at most 16 KiB")
