# SPDX-License-Identifier: Apache-2.0
"""``sscard pki``: certificates of a card of generation 3, from its key pair to a signature."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import click

from issuance.pki import CertificateOptions, PkiAuthority, PkiSubject, put_pki
from issuance.privatefile import write_private
from sscard_chip import Card
from sscard_chip.profile.pki import delivery_master_key
from sscard_chip.standard.identifiers import PKI_NAME
from sscard_chip.terminal.pki import PkiClient, PkiHolder, request_key
from sscard_chip.terminal.session import open_session
from sscard_cli.bank.options import connected, reader_options
from sscard_cli.errors import RefusedError
from sscard_cli.images import replace_image
from sscard_cli.options import FILE, file_option, force_option, json_option
from sscard_cli.output import print_json, refuse_to_overwrite, say, write_file
from sscard_cli.pki.documents import sign, verify
from sscard_cli.pki.options import (
    AUTHORITY,
    administrator_option,
    need_libraries,
    pki_pin_option,
    typed_pin,
)
from sscard_cli.pki.show import show_card


@click.group()
def pki() -> None:
    """Certificates of a card of generation 3 (证书应用): key pair, certificates, signatures.

    Needs the extra pki. A card gets the application with it at issue, by "certificates" of its
    holder file, or by init.

    \b
    Example:
      sscard pki authority ca.json --certificate ca.pem
      sscard pki init zhang.ssc
      sscard pki write zhang.ssc --authority ca.json --name 林知夏
      sscard pki sign letter.pdf --card zhang.ssc --pin 123456 --out letter.sig
      sscard pki verify letter.pdf --signature letter.sig --card zhang.ssc --trust ca.pem
    """


pki.add_command(sign)
pki.add_command(verify)
pki.add_command(show_card, "show")


@pki.command()
@click.argument("path", metavar="CA.json", type=FILE)
@click.option(
    "--name",
    metavar="TEXT",
    help="Name of the authority, 1 to 64 characters.  Example: --name '虚构市测试CA'",
)
@file_option(
    "--certificate",
    "certificate_path",
    "CA.pem",
    "Write its own certificate here too, for whoever verifies.  Example: --certificate ca.pem",
)
@force_option
@json_option
def authority(
    path: Path, name: str | None, certificate_path: Path | None, force: bool, as_json: bool
) -> None:
    """Create a test authority in CA.json: it issues certificates of SM2 with SM3.

    The file has its private key and is readable by its owner alone.

    \b
    Example:
      sscard pki authority ca.json --certificate ca.pem
    """
    need_libraries()
    for one in (path, certificate_path):
        if one is not None:
            refuse_to_overwrite(one, force=force)
    made = PkiAuthority.create() if name is None else PkiAuthority.create(name)
    pem = made.certificate.pem()

    def save(new: Path) -> None:
        made.save(new)
        if certificate_path is not None:  # where it cannot be written there is no authority either
            write_file(certificate_path, lambda other: _write(other, pem), force=force)

    write_file(path, save, force=force)
    shown = made.certificate.subject["CN"]
    if as_json:
        print_json({"authority": str(path), "name": shown})
    else:
        say(f"{path}: test authority {shown}; for tests only")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pki.command()
@reader_options
@pki_pin_option
@administrator_option
@click.option("--renew", is_flag=True, help="Make a new pair in place of one that is there.")
@json_option
def init(
    card_path: Path | None,
    reader: str | None,
    pin: str | None,
    admin_pin: str | None,
    renew: bool,
    as_json: bool,
) -> None:
    """Let a card make its key pair for signatures, and print the public key of the request.

    An image of generation 3 without the application gets it first, as cards are delivered.

    \b
    Example:
      sscard pki init zhang.ssc
      sscard pki init --reader 'PCD 00 00' --pin 123456
    """
    need_libraries()
    if card_path is not None:
        _put_application(card_path, pin, admin_pin)
    with connected(card_path, reader) as connection:
        session = open_session(connection)
        client = PkiClient(connection)
        _need(client)
        key = request_key(
            client,
            user_pin=typed_pin(client, pin),
            administrator_pin=typed_pin(client, admin_pin, PkiHolder.ADMINISTRATOR),
            renew=renew,
        )
        request = {
            "identification": session.identification.hex().upper(),
            "card_number": session.card_number,
            "division": session.division,
            "public_key": key.value.hex().upper(),
        }
    if as_json:
        print_json(request)
    else:
        for name, value in request.items():
            say(f"{name:16}{value}")


def _put_application(path: Path, pin: str | None, admin_pin: str | None) -> None:
    """Put the application onto an image that has none; its PINs are those given, or of delivery."""
    with Card.open(path) as card:
        card.power_on()
        memory = card.files.memory
        if any(directory.name == PKI_NAME for directory in card.files.directories):
            return
        given = {"user_pin": pin, "administrator_pin": admin_pin}
        options = CertificateOptions(**{name: value for name, value in given.items() if value})
        replace_image(path, put_pki(memory, options))


def _need(client: PkiClient) -> None:
    if not client.present():
        raise RefusedError("the card has no certificate application")


@pki.command()
@reader_options
@AUTHORITY
@click.option(
    "--name",
    required=True,
    metavar="TEXT",
    help="The holder's name in the certificates.  Example: --name 林知夏",
)
@pki_pin_option
@administrator_option
@file_option(
    "--answer",
    "answer_path",
    "FILE.json",
    "Keep what the authority answered: QMZS, JMZS, JMMY, GLYPIN, ZKMY. Readable by its owner"
    " alone.  Example: --answer answer.json",
)
@force_option
@json_option
def write(
    card_path: Path | None,
    reader: str | None,
    authority_path: Path,
    name: str,
    pin: str | None,
    admin_pin: str | None,
    answer_path: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Have the authority issue both certificates of a card's key, and write them onto the card.

    With them come the key pair for encryption, a new administrator's PIN and new master keys. The
    card must have made its key pair: sscard pki init. A card that this authority has given its PIN
    and keys before takes new certificates the same way.

    \b
    Example:
      sscard pki write zhang.ssc --authority ca.json --name 林知夏
    """
    need_libraries()
    if answer_path is not None:
        refuse_to_overwrite(answer_path, force=force)
    own = PkiAuthority.load(authority_path)
    with connected(card_path, reader) as connection:
        session = open_session(connection)
        client = PkiClient(connection)
        _need(client)
        key = client.public_key()
        if key is None:
            raise RefusedError("the card has no key pair yet: sscard pki init makes it")
        card = session.identification
        subject = PkiSubject(name, session.division, session.card_number, card)
        answer = own.answer(subject, key)
        if answer_path is not None:
            document = json.dumps(answer.texts(), indent=1).encode() + b"\n"
            write_file(answer_path, lambda new: write_private(new, document), force=force)
        answer.write(
            client,
            delivery_master_key(session.division),
            user_pin=typed_pin(client, pin),
            administrator_pin=typed_pin(client, admin_pin, PkiHolder.ADMINISTRATOR),
        )
    end = answer.signature.not_after.astimezone(UTC)
    written: dict[str, Any] = {
        "subject": answer.signature.subject,
        "signature_serial": f"{answer.signature.serial:X}",
        "encryption_serial": f"{answer.encryption.serial:X}",
        "not_after": f"{end:%Y-%m-%d}",
    }
    if as_json:
        print_json(written)
    else:
        say(f"certificates of {name} until {written['not_after']}: {_numbers(written)}")


def _numbers(written: dict[str, Any]) -> str:
    kinds = ("signature", "encryption")
    return ", ".join(f"{kind} {written[f'{kind}_serial']}" for kind in kinds)
