# SPDX-License-Identifier: Apache-2.0
"""``sscard doctor``: why a reader or a card does not work."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from sscard_chip.reader.image import ImageInSlot
from sscard_chip.standard.errors import ExtraMissingError, SscardError
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.doctor import Health, Symptom, examine
from sscard_chip.terminal.pcsc import PcscConnection, list_readers
from sscard_cli.options import INTERFACES, file_option, json_option, reader_option
from sscard_cli.output import print_json
from sscard_cli.screen import listing, show


@click.command()
@reader_option("The reader, or a part of its name; without it and --card all are listed.")
@file_option("--card", "card_path", "CARD.ssc", "A card image instead.  Example: --card zhang.ssc")
@click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the image is reached.  Example: --interface contactless",
)
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    reader: str | None,
    card_path: Path | None,
    interface: str,
    as_json: bool,
) -> None:
    """Find out why a reader or a card does not work: each step, and where it fails why.

    Only what reads is sent, and never a PIN. The exit code is 1 when something is bad.

    \b
    Example:
      sscard doctor
      sscard doctor --reader 'PCD 00 00'
      sscard doctor --card zhang.ssc
    """
    if reader and card_path:
        raise click.UsageError("--reader and --card exclude each other")
    if reader is None and card_path is None:
        found = _readers()
    else:
        with ExitStack() as stack:
            connection: Connection
            if card_path is not None:
                contactless = interface == "contactless"
                connection = stack.enter_context(ImageInSlot(card_path, contactless=contactless))
            else:
                connection = stack.enter_context(PcscConnection(str(reader)))
            found = list(examine(connection))
    bad = any(one.health is Health.BAD for one in found)
    if as_json:
        steps = [
            {"step": one.step, "health": one.health, "seen": one.seen, "cause": one.cause}
            for one in found
        ]
        print_json({"steps": steps, "bad": bad})
    else:
        table = listing("step", "", "seen", "likely cause")
        for one in found:
            table.add_row(one.step, one.health, one.seen, one.cause)
        show(table)
    if bad:
        context.exit(1)


def _readers() -> list[Symptom]:
    try:
        slots = list_readers()
    except ExtraMissingError:
        raise
    except SscardError as error:
        cause = "is pcscd installed and running? Debian: apt-get install pcscd"
        return [Symptom("PC/SC service", Health.BAD, str(error), cause)]
    if not slots:
        cause = "no reader is plugged in, or its driver is missing; a virtual one: sscard serve"
        return [Symptom("readers", Health.BAD, "none", cause)]
    return [
        Symptom(
            name, Health.GOOD if present else Health.DOUBTFUL,
            "card in it" if present else "empty", "" if present else "put a card in",
        )
        for name, present in slots
    ]  # fmt: skip
