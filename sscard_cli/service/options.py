# SPDX-License-Identifier: Apache-2.0
"""Options that the commands of ``sscard service`` share, and asking the service centre."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sscard_cli.options import FILE, json_option, together
from sscard_cli.output import print_json, say
from sscard_cli.settle.options import ledger_option

if TYPE_CHECKING:
    from sscard_service import ServiceAnswer, ServiceCentre

KEYS_VARIABLE: Final = "SSCARD_SERVICE_KEYS"

keys_option: Final = click.option(
    "--service-keys",
    "key_path",
    required=True,
    envvar=KEYS_VARIABLE,
    metavar="FILE",
    type=FILE,
    help=f"The key file of the service; else {KEYS_VARIABLE}."
    "  Example: --service-keys service.keys",
)
region_option: Final = click.option(
    "--region",
    "region_path",
    metavar="FILE.toml",
    type=FILE,
    help="The region's document; the invented one that ships without it."
    "  Example: --region my.toml",
)
centre_options: Final[Callable[[Any], Any]] = together(ledger_option, keys_option, region_option)
request_option: Final = click.option(
    "--request",
    "request_id",
    metavar="TEXT",
    help="Your number of the request; asked again with it, the first answer comes again."
    "  Example: --request 2026-11-30-0017",
)
clerk_options: Final[Callable[[Any], Any]] = together(
    click.option(
        "--clerk",
        metavar="NUMBER",
        default="0001",
        show_default=True,
        help="The clerk who has seen the documents.  Example: --clerk 0017",
    ),
    click.option(
        "--second-clerk",
        metavar="NUMBER",
        default="",
        help="Who confirms what takes two.  Example: --second-clerk 0018",
    ),
    click.option(
        "--reason", metavar="TEXT", default="", help="Why.  Example: --reason 'bag stolen'"
    ),
    request_option,
    centre_options,
    json_option,
)


def open_centre(ledger_url: str, key_path: Path, region_path: Path | None) -> ServiceCentre:
    """The service centre of these options."""
    from sscard_service import ServiceCentre

    return ServiceCentre.open(ledger_url, key_path, region_path)


def new_request(request_id: str | None) -> str:
    """The request's number, or a new one."""
    return request_id or f"cli-{secrets.token_hex(8)}"


def show_answer(answer: ServiceAnswer, as_json: bool) -> None:
    """What was done, as lines or JSON."""
    if as_json:
        print_json(answer.document())
        return
    click.echo("done already, nothing changed" if answer.repeated else "done")
    for name, value in answer.data.items():
        say(f"{name}: {_shown(value)}")


def _shown(value: object) -> str:
    """A value of an answer for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(map(_shown, value)) or "none"
    return str(value)
