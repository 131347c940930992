# SPDX-License-Identifier: Apache-2.0
"""``sscard record``: a card read once, to be replayed for ever."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from issuance.disguise import disguise_card
from sscard_chip.reader.image import ImageInSlot
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_chip.terminal.recorder import record_card
from sscard_cli.options import (
    INTERFACES,
    file_option,
    force_option,
    json_option,
    out_option,
    reader_option,
)
from sscard_cli.output import print_json, refuse_to_overwrite, say, write_file


@click.command()
@reader_option("The reader with the card, or a part of its name.", "'ACS ACR38'")
@file_option("--card", "card_path", "CARD.ssc", "A card image instead.  Example: --card zhang.ssc")
@click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the image is reached.  Example: --interface contactless",
)
@out_option("FILE.json", "The recording.", "card.json")
@click.option(
    "--unmasked",
    is_flag=True,
    help="Leave the holder's data as they are: for test cards.",
)
@force_option
@json_option
def record(
    reader: str | None,
    card_path: Path | None,
    interface: str,
    out: Path,
    unmasked: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Read a card once, with all that it shows without PIN and keys, and make its holder another.

    Only what reads is sent. Names, numbers, birth date and photo become invented ones of the same
    form before anything is written, and what no profile declares is blanked. sscard serve
    --recording puts the recording into a reader.

    \b
    Example:
      sscard record --reader 'ACS ACR38' --out card.json
      sscard serve --recording card.json
    """
    if (reader is None) == (card_path is None):
        raise click.UsageError("one of --reader and --card")
    refuse_to_overwrite(out, force=force)
    with ExitStack() as stack:
        connection: Connection
        if card_path is not None:
            contactless = interface == "contactless"
            connection = stack.enter_context(ImageInSlot(card_path, contactless=contactless))
        else:
            connection = stack.enter_context(PcscConnection(reader or ""))
        recorded = record_card(connection)
    if not unmasked:
        recorded = disguise_card(recorded)
    content = msgspec.json.format(msgspec.json.encode(recorded), indent=1) + b"\n"

    def save(path: Path) -> None:
        path.write_bytes(content)

    write_file(out, save, force=force)
    files = sum(len(place.files) for place in recorded.directories)
    if as_json:
        print_json(
            {"recording": str(out), "directories": len(recorded.directories), "files": files}
        )
    else:
        say(f"{out}: {len(recorded.directories)} directories, {files} files")
