# SPDX-License-Identifier: Apache-2.0
"""``sscard blank``: a blank card in its transport state."""

from __future__ import annotations

import os
from pathlib import Path

import click

from issuance.keyfile import KEY_LENGTH, read_key_file
from sscard_chip import Card
from sscard_chip.profile import for_generation
from sscard_chip.profile.blank import make_blank
from sscard_chip.profile.generations import generations
from sscard_cli.images import write_image
from sscard_cli.options import (
    GENERATION,
    NEW_SERIAL,
    force_option,
    json_option,
    out_option,
    serial_option,
    transport_options,
)
from sscard_cli.output import print_json, refuse_to_overwrite, say


@click.command()
@out_option("BLANK.ssc", "Image file to write.", "blank.ssc", "card_path")
@click.option(
    "--generation",
    type=GENERATION,
    default=lambda: str(generations()[-1].number),
    show_default="the newest",
    help="For cards of which generation: 3 has the contactless interface.  Example: --generation 2",
)
@serial_option(NEW_SERIAL)
@transport_options
@force_option
@json_option
def blank(
    card_path: Path,
    generation: int,
    serial: bytes | None,
    transport_key_file: Path | None,
    transport_algorithm: str,
    force: bool,
    as_json: bool,
) -> None:
    """Make a blank card (空白卡): activated, with a transport key, without files.

    \b
    Example:
      sscard blank --generation 3 --out blank.ssc
      sscard personalise --blank blank.ssc --generation 3 --keys roots.json --holder zhang.json
    """
    refuse_to_overwrite(card_path, force=force)
    key = read_key_file(transport_key_file) if transport_key_file else bytes(KEY_LENGTH)
    profile = for_generation(generation)
    own = os.urandom(4) if serial is None else serial
    memory = make_blank(
        key,
        algorithm=transport_algorithm,
        historical_bytes=profile.historical_prefix + bytes(2) + own,
        contactless=profile.contactless,
    )
    card = Card(memory)
    write_image(card_path, card, force=force)
    atr = card.atr.hex().upper()
    if as_json:
        print_json({"card": str(card_path), "generation": generation, "atr": atr})
    else:
        shared = "" if transport_key_file else ", transport key 16 bytes 00"
        say(f"{card_path}: blank, ATR {atr}{shared}")
