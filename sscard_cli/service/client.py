# SPDX-License-Identifier: Apache-2.0
"""``sscard service client``: programs and clerks that may ask over HTTP."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sscard_chip.standard.dates import TIME
from sscard_cli.errors import RefusedError
from sscard_cli.options import FILE, json_option
from sscard_cli.output import print_json, say
from sscard_cli.service.options import centre_options, open_centre

if TYPE_CHECKING:
    from sscard_service.store.clients import Client

_NAME: Final = re.compile("[0-9A-Za-z_.-]{1,20}")
_PUBLIC_KEY: Final = re.compile("(04)?([0-9A-Fa-f]{128})")


@click.group()
def client() -> None:
    """Programs and clerks that may ask over HTTP.

    \b
    Example:
      sscard service client add till-7 --channel till --ledger city.db --service-keys service.keys
    """


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise click.UsageError("NAME: must be 1 to 20 letters, digits, dots and dashes")


@client.command()
@click.argument("name")
@click.option(
    "--channel",
    required=True,
    metavar="NAME",
    help="The channel that it speaks for.  Example: --channel till",
)
@click.option(
    "--sm2",
    "public_key",
    metavar="HEX",
    help="Its SM2 public key; without it an HMAC secret is made and printed.  Example: --sm2 04A1…",
)
@click.option("--clerk", "is_clerk", is_flag=True, help="A clerk, who has a password.")
@click.option(
    "--password-file",
    type=FILE,
    metavar="FILE",
    help="The clerk's password, in the first line.  Example: --password-file 0017.txt",
)
@centre_options
@json_option
def add(
    name: str,
    channel: str,
    public_key: str | None,
    is_clerk: bool,
    password_file: Path | None,
    ledger_url: str,
    key_path: Path,
    region_path: Path | None,
    as_json: bool,
) -> None:
    """Let a program or a clerk ask, or give it another secret.

    A program signs its requests: with the HMAC secret that is printed once, or with its SM2 key.

    \b
    Example:
      sscard service client add till-7 --channel till \\
        --ledger city.db --service-keys service.keys
      sscard service client add 0017 --clerk --channel office --password-file 0017.txt \\
        --ledger city.db --service-keys service.keys
    """
    from sscard_service.store.clients import CLERK, HMAC, SM2, Client, new_secret
    from sscard_service.store.proofs import hash_password

    _check_name(name)
    if is_clerk != (password_file is not None) or (is_clerk and public_key):
        raise click.UsageError("--clerk and --password-file go together, without --sm2")
    shown = ""
    if password_file is not None:
        password = password_file.read_text("utf-8", "replace").split("\n", 1)[0].strip()
        if not 8 <= len(password) <= 64 or not password.isascii() or not password.isprintable():
            raise click.UsageError("--password-file: must have 8 to 64 printable characters")
        one = Client(name, channel, CLERK, hash_password(password).encode())
    elif public_key is not None:
        found = _PUBLIC_KEY.fullmatch(public_key)
        if found is None:
            raise click.UsageError("--sm2: must be 128 hex digits, or 04 and these")
        one = Client(name, channel, SM2, bytes.fromhex(found[2]))
    else:
        secret = new_secret()
        shown, one = secret.hex().upper(), Client(name, channel, HMAC, secret)
    _put(one, ledger_url, key_path, region_path)
    if as_json:
        print_json({"name": name, "channel": channel, "kind": one.kind, "secret": shown or None})
        return
    say(f"{name} may ask in channel {channel} ({one.kind})")
    if shown:
        say(f"secret, shown once: {shown}")


@client.command()
@click.argument("name")
@centre_options
@json_option
def remove(
    name: str, ledger_url: str, key_path: Path, region_path: Path | None, as_json: bool
) -> None:
    """Let a program or a clerk ask no more.

    \b
    Example:
      sscard service client remove till-7 --ledger city.db --service-keys service.keys
    """
    from sscard_service.store.clients import find_client, put_client

    _check_name(name)
    with open_centre(ledger_url, key_path, region_path) as centre:
        with centre.ledger.reading() as t:
            one = find_client(t, centre.keys, name)
        if one is None:
            raise RefusedError(f"{name}: is no client")
        time = datetime.now().strftime(TIME)
        centre.ledger.run(lambda t: put_client(t, centre.keys, one, time, active=False))
    if as_json:
        print_json({"name": name, "active": False})
    else:
        say(f"{name} may ask no more")


@client.command(name="list")
@centre_options
@json_option
def list_(ledger_url: str, key_path: Path, region_path: Path | None, as_json: bool) -> None:
    """Programs and clerks: name, channel, kind, whether they may ask.

    \b
    Example:
      sscard service client list --ledger city.db --service-keys service.keys
    """
    from sscard_service.store.clients import client_names

    with open_centre(ledger_url, key_path, region_path) as centre, centre.ledger.reading() as t:
        found = client_names(t)
    if as_json:
        names = ("name", "channel", "kind", "active")
        print_json([dict(zip(names, one, strict=True)) for one in found])
        return
    for name, channel, kind, active in found:
        say(f"{name}: {channel}, {kind}{'' if active else ', may ask no more'}")


def _put(one: Client, ledger_url: str, key_path: Path, region_path: Path | None) -> None:
    from sscard_service.store.clients import put_client

    with open_centre(ledger_url, key_path, region_path) as centre:
        if one.channel not in centre.region.channels:
            raise click.UsageError("--channel: is none of the region's")
        time = datetime.now().strftime(TIME)
        centre.ledger.run(lambda t: put_client(t, centre.keys, one, time))
