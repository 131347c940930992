# SPDX-License-Identifier: Apache-2.0
"""``sscard serve``: a card in a virtual PC/SC reader, until Ctrl-C."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from sscard_chip import Durability
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.image import ImageInSlot
from sscard_chip.terminal.recorded import connect_recorded, load_recorded
from sscard_cli.card.serving import ReaderPlace, hands_options, place_options, planned, run_reader
from sscard_cli.card.session import open_trace
from sscard_cli.options import (
    FILE,
    INTERFACES,
    file_option,
    json_option,
    trace_options,
)

EMPTY: Final = "-"
"""In place of an image: a slot without a card."""


@click.command()
@click.argument("card_path", metavar="[CARD.ssc]", type=FILE, required=False)
@file_option(
    "--recording",
    "recording_path",
    "FILE.json",
    "In place of CARD.ssc a card that sscard record has read.  Example: --recording card.json",
)
@click.option(
    "--slot2",
    metavar="PSAM.ssc",
    type=FILE,
    help="Image in the second slot, at the next port.  Example: --slot2 psam.ssc",
)
@click.option(
    "--slot",
    "more",
    metavar="IMAGE|-",
    multiple=True,
    type=FILE,
    help="Image in the next slot, - for an empty one; may be repeated.  Example: --slot -",
)
@place_options
@click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the reader reaches the card; contactless needs generation 3."
    "  Example: --interface contactless",
)
@click.option(
    "--durability",
    type=click.Choice(["memory", "os", "disk"]),
    default="os",
    show_default=True,
    help="When a change counts as kept: at the end, when the system has it (survives the end of"
    " this process), or when the disk has it (survives a power cut).  Example: --durability disk",
)
@hands_options
@trace_options
@json_option
def serve(
    card_path: Path | None,
    recording_path: Path | None,
    slot2: Path | None,
    more: tuple[Path, ...],
    vpcd: tuple[str, int] | None,
    qemu: tuple[str, int] | None,
    usbip: tuple[str, int] | None,
    interface: str,
    durability: str,
    fault_lines: tuple[str, ...],
    scenario_path: Path | None,
    control_path: Path | None,
    trace: bool,
    unsafe_trace: bool,
    pcapng_path: Path | None,
    as_json: bool,
) -> None:
    """Put CARD.ssc into a virtual PC/SC reader, where every PC/SC program finds it.

    Needs pcscd with the vpcd driver (Debian: pcscd vsmartcard-vpcd); waits for it and comes
    back when it restarts. Ctrl-C ends; the card keeps everything it has answered. vpcd listens
    on all interfaces without authentication: do not run it on a machine shared with strangers.
    With --qemu or --usbip the card is in a USB reader of a virtual or another machine instead.

    CARD.ssc may be - for a slot that is empty at first. A scenario makes the cards fail; with a
    control socket sscard reader inserts, removes and swaps them while this runs. A recording
    answers what was read of a card, for ever the same.

    \b
    Example:
      sscard serve zhang.ssc
      sscard serve zhang.ssc --trace --durability disk
      sscard serve zhang.ssc --qemu 127.0.0.1:35999
      sscard serve zhang.ssc --usbip
      sscard serve --recording card.json
      sscard serve zhang.ssc --fault 'removed command="DEBIT FOR PURCHASE"'
      sscard serve - --slot psam.ssc --control reader.sock --scenario mute.toml
    """
    if (card_path is None) == (recording_path is None):
        raise click.UsageError("one of CARD.ssc and --recording")
    recorded = load_recorded(recording_path) if recording_path else None
    paths = [card_path or Path(EMPTY), *([slot2] if slot2 else []), *more]
    scenario = planned(scenario_path, fault_lines, len(paths))
    place = ReaderPlace.of(vpcd, qemu, usbip)
    kept = Durability(durability)
    with ExitStack() as stack:
        log = open_trace(trace, unsafe_trace, pcapng_path, len(paths), stack=stack)
        slots: list[FaultyConnection] = []
        for number, path in enumerate(paths):
            # The slots after the first are for PSAMs, which have contacts only.
            card: ImageInSlot | None = None
            if os.fspath(path) != EMPTY:
                contactless = interface == "contactless" and number == 0
                card = ImageInSlot(path, contactless=contactless, durability=kept)
                stack.callback(card.close)
            played = connect_recorded(recorded) if recorded and number == 0 else None
            slots.append(FaultyConnection(card or played))
        run_reader(
            slots,
            place,
            log=log,
            scenario=scenario,
            control_path=control_path,
            durability=kept,
            as_json=as_json,
        )
