# SPDX-License-Identifier: Apache-2.0
"""``sscard info``: everything on a card, for people or as JSON."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_chip import Card
from sscard_chip.memory import CardInUseError, read_image
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.profile.local import load_local_file
from sscard_cli.card.contents import render
from sscard_cli.options import card_argument, json_option, local_files_option
from sscard_cli.output import print_json, say
from sscard_cli.screen import show


@click.command()
@card_argument
@click.option("--keys", is_flag=True, help="List the keys too, without their values.")
@local_files_option
@json_option
def info(card_path: Path, keys: bool, local_paths: tuple[Path, ...], as_json: bool) -> None:
    """Show everything on CARD.ssc: state, PIN tries, files with their items, medical account.

    Of a card that is being served a copy is shown, as it is at this moment. The JSON form always
    has the key table. Key values and the PIN are never shown.

    \b
    Example:
      sscard info zhang.ssc
      sscard info zhang.ssc --json
    """
    local_files = [load_local_file(path) for path in local_paths]
    try:
        card = Card.open(card_path)
    except CardInUseError:
        card = Card(read_image(card_path))
        say(f"sscard: {card_path}: in use, shown as it is at this moment", err=True)
    with card:
        contents = inspect_card(card, local_files=local_files)
    if as_json:
        print_json(contents.to_dict())
        return
    show(*render(contents, with_keys=keys))
