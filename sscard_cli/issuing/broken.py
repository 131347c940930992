# SPDX-License-Identifier: Apache-2.0
"""``sscard broken``: the ways in which ``sscard issue --broken`` breaks a card."""

from __future__ import annotations

from textwrap import fill
from typing import Any, Final

import click

from issuance.broken import BROKEN
from sscard_cli.options import GENERATION, json_option
from sscard_cli.output import print_json, say

_INDENT: Final[dict[str, Any]] = {"initial_indent": "    ", "subsequent_indent": " " * 14}


@click.group()
def broken() -> None:
    """Cards with one thing wrong, for whoever tests terminals.

    \b
    Example:
      sscard broken list
      sscard issue --generation 2 --keys roots.json --holder zhang.json \\
        --out locked.ssc --broken pin-locked
    """


@broken.command("list")
@click.option(
    "--generation",
    type=GENERATION,
    help="Only those of cards of one generation.  Example: --generation 3",
)
@json_option
def list_broken(generation: int | None, as_json: bool) -> None:
    """List them: the name, what is wrong, what a terminal should do.

    \b
    Example:
      sscard broken list
      sscard broken list --generation 3 --json
    """
    chosen = [one for one in BROKEN.values() if generation in (None, *one.generations)]
    if as_json:
        print_json(
            {
                "broken": [
                    {
                        "name": one.name,
                        "chinese": one.chinese,
                        "wrong": one.wrong,
                        "terminal": one.terminal,
                        "generations": sorted(one.generations),
                        "needs_account": one.needs_account,
                        "needs_bank": one.needs_bank,
                    }
                    for one in chosen
                ]
            }
        )
        return
    for one in chosen:
        say(f"{one.name}  {one.chinese}")
        for label, text in (("wrong", one.wrong), ("terminal", one.terminal)):
            click.echo(fill(f"{label + ':':10}{text}", 78, **_INDENT))
