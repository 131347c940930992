# SPDX-License-Identifier: Apache-2.0
"""The certificate that papers are signed with: of a test authority, or the operator's own.

A test authority is an invented one of EC P-256, made with the key file of the service; papers
under it bear a 测试 mark. An operator's own certificate and key come as PKCS#12.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import NameOID

from sscard_chip.standard.documents import Model, rule
from sscard_chip.standard.errors import KeyStoreError

_YEARS: Final = 10
_Pem = Annotated[str, rule("must be PEM", max_length=20_000)]
_USES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


class PaperAuthorityError(KeyStoreError):
    """A certificate or key that papers cannot be signed with; no key is shown."""


class PaperAuthority(Model, frozen=True):
    """What signs papers, PEM: the certificate with its private key, and the authority's.

    ``test`` is True of the invented authority: its papers bear the 测试 mark.
    """

    certificate: _Pem
    key: _Pem
    authority: _Pem
    others: list[_Pem] = msgspec.field(default_factory=list)
    test: bool = True

    def __repr__(self) -> str:
        return f"PaperAuthority(test={self.test})"


def new_test_authority(name: str = "虚构市测试专用") -> PaperAuthority:
    """A new invented authority and its signer, valid for ten years."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = _name(f"{name}根证书 TEST CA")
    root = _certificate(root_name, root_name, root_key, root_key, authority=True)
    leaf = _certificate(_name(f"{name}签章 TEST"), root_name, key, root_key, authority=False)
    return PaperAuthority(_pem(leaf), _key_pem(key), _pem(root))


def read_own_authority(content: bytes, passphrase: bytes) -> PaperAuthority:
    """An operator's own certificate, key and chain out of PKCS#12.

    :raises PaperAuthorityError: it is none, the passphrase is wrong, the certificate is not
        valid now or may not sign.
    """
    try:
        found = load_pkcs12(content, passphrase or None)
    except ValueError:
        raise PaperAuthorityError(
            "papers: is no PKCS#12 file, or its passphrase is another"
        ) from None
    if found.cert is None or found.key is None:
        raise PaperAuthorityError("papers: the PKCS#12 file has no certificate with a key")
    own = found.cert.certificate
    now = datetime.now(UTC)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        raise PaperAuthorityError("papers: the certificate is not valid now")
    try:
        usage = own.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise PaperAuthorityError("papers: the certificate may not sign")
    chain = [one.certificate for one in found.additional_certs]
    roots = [one for one in chain if one.subject == one.issuer]
    key = found.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    others = [_pem(one) for one in chain if one not in roots]
    return PaperAuthority(_pem(own), key, _pem(roots[0] if roots else own), others, test=False)


def check_authority(authority: PaperAuthority) -> None:
    """See that certificate and key are readable and belong together.

    :raises PaperAuthorityError:
    """
    try:
        key = load_pem_private_key(authority.key.encode(), None)
        own = x509.load_pem_x509_certificate(authority.certificate.encode())
        x509.load_pem_x509_certificate(authority.authority.encode())
    except (ValueError, TypeError):
        raise PaperAuthorityError("papers: certificate or key in the key file is broken") from None
    if key.public_key() != own.public_key():
        raise PaperAuthorityError("papers: certificate and key in the key file are not a pair")


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "sscard test"),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    begin = datetime.now(UTC) - timedelta(days=1)
    used = {"key_cert_sign", "crl_sign"} if authority else {
        "digital_signature", "content_commitment",
    }  # fmt: skip
    builder = x509.CertificateBuilder(
        issuer,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        begin,
        begin + timedelta(days=365 * _YEARS),
    )
    builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    usage = x509.KeyUsage(**{name: name in used for name in _USES})
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    return builder.sign(signer, SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
