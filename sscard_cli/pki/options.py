# SPDX-License-Identifier: Apache-2.0
"""What the commands of ``sscard pki`` share: options, PINs, and certificates in files."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import click

from sscard_chip.profile.pki import DEFAULT_ADMINISTRATOR_PIN, DEFAULT_USER_PIN
from sscard_chip.security.sm2 import default_library
from sscard_chip.standard.inputfile import open_input
from sscard_chip.terminal.pki import CardCertificate, PkiClient, PkiHolder
from sscard_chip.terminal.pki.certificate import MAX_DER, asn1
from sscard_chip.terminal.pki.client import pin_bytes
from sscard_cli.options import file_option, pin_option

AUTHORITY: Final = file_option(
    "--authority",
    "authority_path",
    "CA.json",
    "The test authority, see sscard pki authority.  Example: --authority ca.json",
    required=True,
)
TRUST: Final = file_option(
    "--trust",
    "trust_path",
    "CA.pem",
    "Certificate of the authority that must have issued it, PEM or DER.  Example: --trust ca.pem",
)
pki_pin_option: Final = pin_option(
    "User PIN of the certificates; that of delivery, 123456, without it.", example="123456"
)
administrator_option: Final = pin_option(
    "Administrator's PIN (管理员PIN); that of delivery, 12345678, without it.",
    "--admin-pin",
    "12345678",
)
_DEFAULTS: Final = {
    PkiHolder.USER: DEFAULT_USER_PIN,
    PkiHolder.ADMINISTRATOR: DEFAULT_ADMINISTRATOR_PIN,
}
_OPTIONS: Final = {PkiHolder.USER: "--pin", PkiHolder.ADMINISTRATOR: "--admin-pin"}


def need_libraries() -> None:
    """See early that both libraries are there: for certificates, and for SM2.

    :raises ExtraMissingError:
    """
    asn1()
    default_library()


def typed_pin(
    client: PkiClient, pin: str | None, holder: PkiHolder = PkiHolder.USER, *, ask: bool = False
) -> bytes:
    """The PIN of an option as the card hashes it; without one that of delivery, or what somebody
    types when ``ask`` is set and there is somebody. Errors never quote it."""
    if pin is None and ask and sys.stdin.isatty():
        left = client.tries(holder)
        pin = click.prompt(f"PIN ({left} tries left)", hide_input=True, err=True)
    if pin is None:
        return _DEFAULTS[holder]
    if not re.fullmatch("[0-9]{4,16}", pin):
        raise click.UsageError(f"{_OPTIONS[holder]}: must be 4 to 16 digits")
    return pin_bytes(pin)


def load_certificate(path: Path) -> CardCertificate:
    """A certificate in a file.

    :raises CertificateError:
    """
    with open_input(path) as stream:
        return CardCertificate.load(stream.read(2 * MAX_DER + 1))
