# SPDX-License-Identifier: Apache-2.0
"""A test authority of our own, in one private file: it issues the two certificates of a card.

::

    {"format": "sscard-pki-authority/1", "key": HEX, "certificate": BASE64, "master": HEX}

``key`` is its private and public key of SM2, ``master`` the root from which it derives a card's
administrator's PIN and master key. No programme of the field trusts it: nothing it signs binds
anybody. Certificates have the profile of one real pair [M], without its names.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal

from issuance.privatefile import write_private
from sscard_chip.profile.pki import CERTIFICATE_SIZE
from sscard_chip.security.sm2 import Sm2Error, Sm2PrivateKey, Sm2PublicKey, sm3
from sscard_chip.security.suite import SM4_SUITE
from sscard_chip.standard.dates import parse_date, written_day, years_after
from sscard_chip.standard.divisions import find_division
from sscard_chip.standard.documents import Document, DocumentError, Model, read_json, rule
from sscard_chip.terminal.pki import CardCertificate, CertificateError, EnvelopedKey, PkiDelivery
from sscard_chip.terminal.pki.certificate import EC_PUBLIC_KEY, SM2_CURVE, SM2_WITH_SM3, asn1
from sscard_chip.terminal.pki.client import pin_bytes

FORMAT: Final = "sscard-pki-authority/1"
YEARS: Final = 10
NAME: Final = "sscard-chip test authority (测试)"
_LONGEST_NAME: Final = 64  # upper bounds of X.520
_HOLDER: Final = 20
_UTC_TIME_ENDS: Final = 2050
_EXTENSIONS: Final = {
    "signature": ("1.2.156.2316.1.1", "1.2.156.2316.1.2"),
    "encryption": ("1.2.156.2316.1", "1.2.156.2316.2"),
}
_USAGE: Final = {
    "signature": {"digital_signature", "non_repudiation"},
    "encryption": {"key_encipherment", "data_encipherment"},
}


class PkiAuthorityError(DocumentError):
    """A file of an authority that is not right, or a subject; one line without key bytes."""


def _hex(digits: int) -> Any:
    return rule(f"must be {digits} hex digits", pattern=f"[0-9A-Fa-f]{{{digits}}}")


class PkiAuthorityFile(Model, frozen=True):
    """A test authority that issues certificates of cards."""

    EXACT = True

    format: Annotated[Literal["sscard-pki-authority/1"], rule(f'must be "{FORMAT}"')]
    key: Annotated[str, _hex(192), rule(title="Private and public key of SM2, hex")]
    certificate: Annotated[str, rule(title="Its own certificate, DER in Base64")]
    master: Annotated[str, _hex(32), rule(title="Root of administrator's PINs and master keys")]


@dataclass(frozen=True, slots=True)
class PkiSubject:
    """Whose certificate: ``name``, ``division`` of 6 digits, ``card_number`` (卡号) of 9
    characters, ``identification`` (卡识别码) of 16 bytes."""

    name: str
    division: str
    card_number: str
    identification: bytes

    def __repr__(self) -> str:
        return "<PkiSubject>"


class PkiAuthority:
    """The authority. ``certificate`` is its own, self-signed."""

    __slots__ = ("_key", "_master", "_random", "certificate")

    def __init__(
        self,
        key: Sm2PrivateKey,
        certificate: CardCertificate,
        master: bytes,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._key = key
        self._master = master
        self._random = random
        self.certificate = certificate

    @classmethod
    def create(
        cls,
        name: str = NAME,
        *,
        now: datetime | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> PkiAuthority:
        """A new authority, valid for twice as long as a card's certificate.

        :raises PkiAuthorityError: for a name of more than 64 characters, or none.
        :raises ExtraMissingError:
        """
        if not 0 < len(name.strip()) <= _LONGEST_NAME:
            rule = f"must have 1 to {_LONGEST_NAME} characters"
            raise PkiAuthorityError("authority", "name", rule)
        key = Sm2PrivateKey.generate()
        names = {"C": "CN", "ST": "测试省", "L": "测试市", "O": name, "CN": name}
        body = _body(
            names,
            names,
            key.public,
            key.public,
            _validity(now, 2 * YEARS),
            random(16),
            [("basic_constraints", True, {"ca": True}), ("key_usage", True, {"key_cert_sign"})],
        )
        return cls(key, _sign(key, body), random(16), random)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PkiAuthority:
        """Read a file.

        :raises PkiAuthorityError:
        :raises ExtraMissingError:
        """
        source = os.fspath(path)
        given = Document(source, read_json(path, PkiAuthorityError), PkiAuthorityError).to(
            PkiAuthorityFile, separator=": "
        )
        fault = ""
        try:
            key = Sm2PrivateKey.decode(bytes.fromhex(given.key))
            certificate = CardCertificate.load(given.certificate.encode())
            if not certificate.signed_by(certificate) or certificate.public_key != key.public:
                fault = "is not that of the key"
        except (Sm2Error, CertificateError) as error:
            fault = str(error)
        if fault:  # raised here, so that no cause hangs on the error
            raise PkiAuthorityError(source, "certificate", fault)
        return cls(key, certificate, bytes.fromhex(given.master))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, readable by its owner only, whole or not at all.

        :raises OSError:
        """
        document = {
            "format": FORMAT,
            "key": self._key.encode().hex().upper(),
            "certificate": base64.b64encode(self.certificate.der).decode(),
            "master": self._master.hex().upper(),
        }
        write_private(path, (json.dumps(document, indent=1) + "\n").encode())

    # --- a card -------------------------------------------------------------------------------

    def answer(
        self, subject: PkiSubject, key: Sm2PublicKey, *, now: datetime | None = None
    ) -> PkiDelivery:
        """Both certificates, a new pair for encryption, administrator's PIN and master key of
        the card whose signature key is ``key``.

        :raises PkiAuthorityError: a subject that no certificate of a card can have.
        """
        _check(subject)
        pair = Sm2PrivateKey.generate()
        return PkiDelivery(
            self._issue(subject, key, "signature", now),
            self._issue(subject, pair.public, "encryption", now),
            EnvelopedKey.seal(pair, key, self._random),
            pin_bytes(self.administrator_pin(subject.identification)),
            self.master_key(subject.identification),
        )

    def master_key(self, identification: bytes) -> bytes:
        """The master key of a card after its delivery, 16 bytes: derived from 卡识别码 [L]."""
        return SM4_SUITE.encryptor(self._master)(identification)

    def administrator_pin(self, identification: bytes) -> str:
        """The administrator's PIN of a card after its delivery, 8 digits [L]."""
        derived = SM4_SUITE.encryptor(self._master)(bytes(0xFF ^ byte for byte in identification))
        return f"{int.from_bytes(derived) % 10**8:08d}"

    def _issue(
        self, subject: PkiSubject, key: Sm2PublicKey, kind: str, now: datetime | None
    ) -> CardCertificate:
        division = find_division(subject.division)
        names = {
            "C": "CN",
            "ST": division.province if division else "测试省",
            "L": (division.prefecture if division else "") or "测试市",
            "CN": subject.name,
        }
        card, digest = _EXTENSIONS[kind]
        asn = asn1()
        extensions = [
            ("key_usage", True, _USAGE[kind]),
            (card, False, asn.core.UTF8String(subject.card_number).dump()),
            (digest, False, asn.core.OctetString(sm3(subject.identification)).dump()),
        ]
        body = _body(
            self.certificate.subject,
            names,
            self._key.public,
            key,
            _validity(now, YEARS),
            self._random(16),
            extensions,
        )
        made = _sign(self._key, body)
        if len(made.der) > CERTIFICATE_SIZE:
            raise PkiAuthorityError("subject", "name", "makes the certificate too long for a card")
        return made

    def __repr__(self) -> str:
        return "<PkiAuthority>"


def _check(subject: PkiSubject) -> None:
    rules = (
        ("name", 0 < len(subject.name.strip()) <= _HOLDER, f"must have 1 to {_HOLDER} characters"),
        ("card_number", len(subject.card_number) == 9, "must have 9 characters (卡号)"),
        ("identification", len(subject.identification) == 16, "must be 16 bytes (卡识别码)"),
    )
    for name, right, text in rules:
        if not right:
            raise PkiAuthorityError("subject", name, text)


def _validity(now: datetime | None, years: int) -> tuple[datetime, datetime]:
    start = (now or datetime.now(UTC)).replace(microsecond=0)
    last = parse_date(years_after(written_day(start.date()), years)) or start.date()
    return start, datetime.combine(last, time(), UTC) - timedelta(seconds=1)


def _time(when: datetime) -> Any:
    """UTCTime up to 2049 (RFC 5280, section 4.1.2.5)."""
    asn = asn1()
    if when.year < _UTC_TIME_ENDS:
        return asn.x509.Time(name="utc_time", value=asn.core.UTCTime(when))
    return asn.x509.Time(name="general_time", value=asn.core.GeneralizedTime(when))


_LONG: Final = {
    "C": "country_name",
    "ST": "state_or_province_name",
    "L": "locality_name",
    "O": "organization_name",
    "CN": "common_name",
}


def _body(
    issuer: dict[str, str],
    subject: dict[str, str],
    authority: Sm2PublicKey,
    key: Sm2PublicKey,
    validity: tuple[datetime, datetime],
    serial: bytes,
    extensions: list[tuple[str, bool, Any]],
) -> Any:
    """A TBSCertificate (X.509), with the identifiers of both keys."""
    asn = asn1()
    x509, core = asn.x509, asn.core
    info = _key_info(key)
    own = [
        {
            "extn_id": "authority_key_identifier",
            "extn_value": x509.AuthorityKeyIdentifier(
                {"key_identifier": _key_info(authority).sha1}
            ),
        },
        {"extn_id": "key_identifier", "extn_value": core.OctetString(info.sha1)},
    ]
    for identifier, critical, value in extensions:
        content = core.ParsableOctetString(value) if isinstance(value, bytes) else value
        own.append({"extn_id": identifier, "critical": critical, "extn_value": content})
    return x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": int.from_bytes(serial) >> 1 or 1,
            "signature": {"algorithm": SM2_WITH_SM3},
            "issuer": _x501(issuer),
            "validity": {
                "not_before": _time(validity[0]),
                "not_after": _time(validity[1]),
            },
            "subject": _x501(subject),
            "subject_public_key_info": info,
            "extensions": own,
        }
    )


def _x501(names: dict[str, str]) -> Any:
    return asn1().x509.Name.build({_LONG[short]: value for short, value in names.items()})


def _key_info(key: Sm2PublicKey) -> Any:
    keys = asn1().keys
    return keys.PublicKeyInfo(
        {
            "algorithm": {
                "algorithm": EC_PUBLIC_KEY,
                "parameters": keys.ECDomainParameters(name="named", value=SM2_CURVE),
            },
            "public_key": keys.ECPointBitString(b"\x04" + key.value),
        }
    )


def _sign(key: Sm2PrivateKey, body: Any) -> CardCertificate:
    asn = asn1()
    signature = key.sign(body.dump())
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    whole = asn.x509.Certificate(
        {
            "tbs_certificate": body,
            "signature_algorithm": {"algorithm": SM2_WITH_SM3},
            "signature_value": asn.algos.DSASignature({"r": r, "s": s}).dump(),
        }
    )
    return CardCertificate.load(whole.dump())
