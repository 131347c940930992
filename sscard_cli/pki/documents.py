# SPDX-License-Identifier: Apache-2.0
"""``sscard pki sign`` and ``verify``: a file, the card's key, and what shows that they belong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from sscard_chip.security.sm2 import SIGNATURE_LENGTH
from sscard_chip.standard.inputfile import open_input
from sscard_chip.terminal.pki import CardCertificate, PkiClient
from sscard_cli.bank.options import connected
from sscard_cli.errors import RefusedError
from sscard_cli.options import (
    FILE,
    file_option,
    force_option,
    json_option,
    out_option,
    reader_option,
    together,
)
from sscard_cli.output import print_json, refuse_to_overwrite, say, write_file
from sscard_cli.pki.options import (
    TRUST,
    load_certificate,
    need_libraries,
    pki_pin_option,
    typed_pin,
)

_PIECE: Final = 1 << 20
_LONGEST_SIGNATURE: Final = 80

_document = click.argument("path", metavar="FILE", type=FILE)
_card = together(
    file_option("--card", "card_path", "CARD.ssc", "The card's image.  Example: --card zhang.ssc"),
    reader_option("PC/SC reader with the card, in place of --card."),
)


def _pieces(path: Path) -> Iterator[bytes]:
    with open_input(path) as stream:
        while piece := stream.read(_PIECE):
            yield piece


@click.command()
@_document
@_card
@pki_pin_option
@out_option("FILE.sig", "The signature.", "letter.sig", "signature_path")
@click.option(
    "--raw", is_flag=True, help="r and s as 64 bytes; without it DER, as OpenSSL and GmSSL have it."
)
@force_option
def sign(
    path: Path,
    card_path: Path | None,
    reader: str | None,
    pin: str | None,
    signature_path: Path,
    raw: bool,
    force: bool,
) -> None:
    """Sign FILE with the card's key: SM2 with SM3, in the card.

    The command that the card takes for it is not public: ours is that of ISO/IEC 7816-8 [L].

    \b
    Example:
      sscard pki sign letter.pdf --card zhang.ssc --pin 123456 --out letter.sig
    """
    need_libraries()
    refuse_to_overwrite(signature_path, force=force)
    with connected(card_path, reader) as connection:
        connection.power_on()
        client = PkiClient(connection)
        if not client.present():
            raise RefusedError("the card has no certificate application")
        key = client.public_key()
        if key is None:
            raise RefusedError("the card has no key pair yet: sscard pki init makes it")
        digest = key.digest_of(_pieces(path))
        left = client.verify(typed_pin(client, pin, ask=True))
        if left is not None:
            raise RefusedError(f"PIN: {f'wrong, {left} tries left' if left else 'locked'}")
        signature = client.sign_digest(digest)
    if not key.verify_digest(digest, signature):
        raise RefusedError("the card's signature is not that of its key")
    content = signature if raw else _der(signature)
    write_file(signature_path, lambda new: _write(new, content), force=force)
    say(f"{signature_path}: signature of {path.name}, SM2 with SM3")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))


@click.command()
@_document
@file_option(
    "--signature",
    "signature_path",
    "FILE.sig",
    "The signature, DER or 64 bytes.  Example: --signature letter.sig",
    required=True,
)
@file_option(
    "--certificate",
    "certificate_path",
    "CERT.pem",
    "The signer's certificate, PEM or DER.  Example: --certificate sign.pem",
)
@_card
@TRUST
@json_option
def verify(
    path: Path,
    signature_path: Path,
    certificate_path: Path | None,
    card_path: Path | None,
    reader: str | None,
    trust_path: Path | None,
    as_json: bool,
) -> None:
    """Verify the signature of FILE, with a certificate in a file or on the card.

    With --trust the certificate must be that authority's and valid now. Exit code 1 when
    anything does not hold.

    \b
    Example:
      sscard pki verify letter.pdf --signature letter.sig --card zhang.ssc --trust ca.pem
    """
    need_libraries()
    if certificate_path is not None:
        if card_path is not None or reader is not None:
            raise click.UsageError("one of --certificate, --card and --reader")
        certificate = load_certificate(certificate_path)
    else:
        with connected(card_path, reader) as connection:
            connection.power_on()
            client = PkiClient(connection)
            der = client.certificate() if client.present() else b""
        if not der:
            raise RefusedError("the card has no certificate for signatures")
        certificate = CardCertificate.load(der)
    digest = certificate.public_key.digest_of(_pieces(path))
    if not certificate.public_key.verify_digest(digest, _signature(signature_path)):
        raise RefusedError(f"{signature_path}: is not the signer's under this file")
    if "digital_signature" not in certificate.usage:
        raise RefusedError("the certificate is not for signatures")
    if trust_path is not None:
        check_trust(certificate, load_certificate(trust_path))
    signer = certificate.subject.get("CN", "")
    if as_json:
        print_json({"signer": certificate.subject, "trusted": trust_path is not None})
    else:
        checked = "" if trust_path is not None else "; its certificate was not checked (--trust)"
        say(f"{path.name}: signed by {signer}{checked}")


def _signature(path: Path) -> bytes:
    """r || s of a file; what is neither form verifies nothing."""
    with open_input(path) as stream:
        content = stream.read(_LONGEST_SIGNATURE)
    if len(content) == SIGNATURE_LENGTH:
        return content
    try:
        r, s = decode_dss_signature(content)
        return r.to_bytes(32) + s.to_bytes(32)
    except (ValueError, OverflowError):
        return b""


def check_trust(certificate: CardCertificate, authority: CardCertificate) -> None:
    """See that a certificate is the authority's and valid now.

    :raises RefusedError:
    """
    if not certificate.signed_by(authority):
        raise RefusedError("the certificate is not that authority's")
    moment = datetime.now(UTC)
    if not (certificate.valid_at(moment) and authority.valid_at(moment)):
        raise RefusedError("the certificate is not valid now")
