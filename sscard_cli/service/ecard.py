# SPDX-License-Identifier: Apache-2.0
"""``sscard service ecard``: an electronic card, as a mini program of a test bench asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from sscard_cli.options import json_option, together
from sscard_cli.service.options import (
    centre_options,
    new_request,
    open_centre,
    request_option,
    show_answer,
)

_identity = click.argument("identity", metavar="IDENTITY")
_program_options: Final[Callable[[Any], Any]] = together(
    click.option(
        "--program",
        metavar="NAME",
        default="command-line",
        show_default=True,
        help="The program that shows the card.  Example: --program wechat",
    ),
    request_option,
    centre_options,
    json_option,
)


@click.group()
def ecard() -> None:
    """The electronic card (电子社保卡): issue, show, read, unlink, family members.

    It speaks for the channel app, which has compared the holder's face.

    \b
    Example:
      sscard service ecard issue 990000200102030012 --ledger city.db --service-keys service.keys
      sscard service ecard code 990000200102030012 --ledger city.db --service-keys service.keys
    """


def _ask(operation: str, identity: str, details: dict[str, Any], given: dict[str, Any]) -> None:
    with open_centre(given["ledger_url"], given["key_path"], given["region_path"]) as centre:
        from sscard_service import ServiceActor, ServiceEvidence, ServiceSubject
        from sscard_service.centre import checked_model

        answer = centre.perform(
            operation,
            checked_model(ServiceSubject, {"identity": identity}),
            ServiceActor(device=given["program"]),
            "app",
            ServiceEvidence(face=bool(identity)),
            new_request(given["request_id"]),
            details,
        )
    show_answer(answer, given["as_json"])


@ecard.command()
@_identity
@click.option(
    "--level",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="2 pays: it needs the bank account and a telephone.  Example: --level 2",
)
@_program_options
def issue(identity: str, level: int, **given: Any) -> None:
    """Bind a person's normal card to a program (签发).

    \b
    Example:
      sscard service ecard issue 990000200102030012 --ledger city.db --service-keys service.keys
    """
    _ask("ecard", identity, {"level": level}, given)


@ecard.command()
@_identity
@click.option("--authorise", is_flag=True, help="An authorisation for 600 s, not a code of 60 s.")
@_program_options
def code(identity: str, authorise: bool, **given: Any) -> None:
    """Show a new code (亮码): 28 digits for 60 s, read once.

    \b
    Example:
      sscard service ecard code 990000200102030012 --ledger city.db --service-keys service.keys
    """
    _ask("ecard_code", identity, {"kind": "auth" if authorise else "qr"}, given)


@ecard.command()
@click.argument("code", metavar="CODE")
@_program_options
def decode(code: str, **given: Any) -> None:
    """Read a code or an authorisation (解码): whose card, and its state of this second.

    \b
    Example:
      sscard service ecard decode 1234567890123456789012990100 \\
        --ledger city.db --service-keys service.keys
    """
    _ask("ecard_decode", "", {"code": code}, given)


@ecard.command()
@_identity
@click.option("--everywhere", is_flag=True, help="In all programs.")
@_program_options
def unlink(identity: str, everywhere: bool, **given: Any) -> None:
    """The program shows the card no more (解除关联).

    \b
    Example:
      sscard service ecard unlink 990000200102030012 --ledger city.db --service-keys service.keys
    """
    _ask("unlink", identity, {"everywhere": everywhere}, given)


@ecard.group()
def family() -> None:
    """Family members (亲情账户) whose card a person shows in his program.

    \b
    Example:
      sscard service ecard family list 990000200102030012 --program wechat \\
        --ledger city.db --service-keys service.keys
    """


@family.command(name="list")
@_identity
@_program_options
def list_members(identity: str, **given: Any) -> None:
    """Who is shown, and whether the card of each pays at this second.

    \b
    Example:
      sscard service ecard family list 990000200102030012 --program wechat \\
        --ledger city.db --service-keys service.keys
    """
    _ask("family", identity, {}, given)


@family.command()
@_identity
@click.argument("member", metavar="MEMBER")
@click.option(
    "--name", required=True, metavar="TEXT", help="The member's name.  Example: --name 王明远"
)
@click.option(
    "--relation",
    type=click.Choice(["elder", "child", "spouse", "other"]),
    required=True,
    help="Four elders, three children, a spouse, two others.  Example: --relation spouse",
)
@click.option(
    "--code",
    metavar="CODE",
    default="",
    help="The member's own authorisation, from 16 years on.  Example: --code 0f3a…",
)
@click.option("--face", is_flag=True, help="The program has compared the child's face.")
@_program_options
def add(
    identity: str, member: str, name: str, relation: str, code: str, face: bool, **given: Any
) -> None:
    """Show a family member's card: MEMBER is the identity number.

    \b
    Example:
      sscard service ecard code 990000198503120027 --authorise \\
        --ledger city.db --service-keys service.keys
      sscard service ecard family add 990000200102030012 990000198503120027 --name 王明远 \\
        --relation spouse --code CODE --ledger city.db --service-keys service.keys
    """
    details = {
        "relation": relation, "identity": member, "name": name, "code": code, "face": face,
    }  # fmt: skip
    _ask("family_add", identity, details, given)


@family.command()
@_identity
@click.argument("number", metavar="NUMBER", type=click.IntRange(1, 2**53))
@_program_options
def end(identity: str, number: int, **given: Any) -> None:
    """Show a family member no more: NUMBER is that of the list.

    \b
    Example:
      sscard service ecard family end 990000200102030012 3 --program wechat \\
        --ledger city.db --service-keys service.keys
    """
    _ask("family_end", identity, {"member": number}, given)
