# SPDX-License-Identifier: Apache-2.0
"""``sscard pki show``: keys and certificates of a card, and whether they belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.security.sm2 import Sm2PublicKey
from sscard_chip.standard.identifiers import ENCRYPTION_CERTIFICATE, SIGNATURE_CERTIFICATE
from sscard_chip.terminal.pki import CardCertificate, PkiClient, PkiHolder
from sscard_chip.terminal.pki.client import PAIRS_OF_FILES
from sscard_cli.bank.options import connected, reader_options
from sscard_cli.errors import RefusedError
from sscard_cli.options import FOLDER, force_option, json_option
from sscard_cli.output import print_json, refuse_to_overwrite, write_file
from sscard_cli.pki.documents import check_trust
from sscard_cli.pki.options import TRUST, load_certificate, need_libraries
from sscard_cli.screen import facts, show

_KINDS: Final = {"signature": SIGNATURE_CERTIFICATE, "encryption": ENCRYPTION_CERTIFICATE}


@dataclass(frozen=True, slots=True)
class _Found:
    """What the card has of one pair."""

    key: Sm2PublicKey | None
    certificate: CardCertificate | None


@click.command()
@reader_options
@TRUST
@click.option(
    "--export",
    "folder",
    metavar="FOLDER",
    type=FOLDER,
    help="Write signature.pem and encryption.pem there.  Example: --export certificates",
)
@force_option
@json_option
def show_card(
    card_path: Path | None,
    reader: str | None,
    trust_path: Path | None,
    folder: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show keys and certificates of a card, and check that they belong together.

    Each certificate must be of the key beside it, and the card must prove that it has the private
    key (in place of ACSE, which is not public [L]). With --trust both must be that authority's.
    Exit code 1 when anything does not hold.

    \b
    Example:
      sscard pki show zhang.ssc --trust ca.pem
    """
    need_libraries()
    trust = load_certificate(trust_path) if trust_path is not None else None
    with connected(card_path, reader) as connection:
        connection.power_on()
        client = PkiClient(connection)
        if not client.present():
            raise RefusedError("the card has no certificate application")
        tries = {holder.name.lower(): client.tries(holder) for holder in reversed(PkiHolder)}
        found = {kind: _read(client, fid) for kind, fid in _KINDS.items()}
        key = found["signature"].key
        genuine = key is not None and client.has_key_of(key)
    if folder is not None:
        _export(folder, found, force=force)
    if as_json:
        pairs = {kind: _document(one) for kind, one in found.items()}
        print_json({"tries": tries, "key_proven": genuine, **pairs})
    else:
        _print(tries, found, genuine)
    if key is not None and not genuine:
        raise RefusedError("the card does not prove that it has its key")
    for kind, one in found.items():
        if one.certificate is None:
            continue
        if one.certificate.public_key != one.key:
            raise RefusedError(f"the {kind} certificate is of another key than the card's")
        if trust is not None:
            check_trust(one.certificate, trust)


def _read(client: PkiClient, fid: int) -> _Found:
    der = client.certificate(fid)
    certificate = CardCertificate.load(der) if der else None
    return _Found(client.public_key(PAIRS_OF_FILES[fid]), certificate)


def _export(folder: Path, found: dict[str, _Found], *, force: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, one in found.items():
        path = folder / f"{kind}.pem"
        if one.certificate is None:
            continue
        refuse_to_overwrite(path, force=force)
        pem = one.certificate.pem()
        write_file(path, lambda new, pem=pem: new.write_bytes(pem), force=force)  # type: ignore[misc]


def _document(one: _Found) -> dict[str, Any]:
    document: dict[str, Any] = {"public_key": one.key.value.hex().upper() if one.key else None}
    certificate = one.certificate
    document["certificate"] = certificate and {
        "serial": f"{certificate.serial:X}",
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_before": f"{certificate.not_before:%Y-%m-%d}",
        "not_after": f"{certificate.not_after:%Y-%m-%d}",
        "usage": sorted(certificate.usage),
    }
    return document


def _print(tries: dict[str, int], found: dict[str, _Found], genuine: bool) -> None:
    grid = facts()
    for name, left in tries.items():
        grid.add_row(f"{name} PIN", f"{left} tries left" if left else "locked")
    for kind, one in found.items():
        key = f"{one.key.value.hex().upper()[:32]}…" if one.key else "none"
        grid.add_row(f"{kind} key", key)
        certificate = one.certificate
        if certificate is None:
            grid.add_row("certificate", "none")
            continue
        until = f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
        grid.add_row("certificate", f"{certificate.serial:X}, {until}")
        grid.add_row("subject", ", ".join(f"{k}={v}" for k, v in certificate.subject.items()))
        grid.add_row("issuer", ", ".join(f"{k}={v}" for k, v in certificate.issuer.items()))
        grid.add_row("usage", ", ".join(sorted(certificate.usage)).replace("_", " "))
    if found["signature"].key:
        grid.add_row("private key", "proven" if genuine else "not proven")
    show(grid)
