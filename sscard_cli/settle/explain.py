# SPDX-License-Identifier: Apache-2.0
"""``sscard settle explain``: why a program's request is refused."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sscard_chip.settlement.gateway.explain import explain as explain_request
from sscard_chip.settlement.gateway.secrets import GatewaySecrets, load_secrets
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.inputfile import open_input
from sscard_cli.options import FILE, file_option, json_option
from sscard_cli.output import print_json, say

MOST_SIZE = 8 << 20


class RequestSizeError(InputError):
    """A file that is too large for a request."""


@click.command()
@click.argument("path", metavar="REQUEST", type=FILE)
@file_option(
    "--secrets",
    "secrets_path",
    "GATEWAY.toml",
    "Secrets of log-ins and applications (sscard-gateway/1).  Example: --secrets gateway.toml",
)
@json_option
@click.pass_context
def explain(context: click.Context, path: Path, secrets_path: Path | None, as_json: bool) -> None:
    """Say why a request to the platform is refused: its log-in, signature, cipher, fields.

    REQUEST is the body, or the whole HTTP request with its head, as a program has sent it. What
    programs get wrong is tried: user ID, DER, hex and Base64, a lost or added 00, order, empty
    members, \\u, GBK, numbers, forms of the SM4 key. Exit code 1 when something is wrong.

    \b
    Example:
      sscard settle explain request.json --secrets gateway.toml
    """
    with open_input(path) as file:
        content = file.read(MOST_SIZE + 1)
    if len(content) > MOST_SIZE:
        raise RequestSizeError(f"{path}: is over {MOST_SIZE} bytes")
    secrets = load_secrets(secrets_path) if secrets_path else GatewaySecrets()
    found = explain_request(content, secrets)
    if as_json:
        print_json(asdict(found))
    else:
        for one in found.right:
            say(f"right: {one}")
        for one in found.wrong:
            say(f"wrong: {one}")
    if found.wrong:
        context.exit(1)
