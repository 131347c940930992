# SPDX-License-Identifier: Apache-2.0
"""``sscard serve``: a card in a virtual PC/SC reader, until Ctrl-C."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click

from sscard_chip import Card, Durability
from sscard_chip.reader import ReaderEvent
from sscard_chip.reader import serve as serve_slots
from sscard_cli.card.session import connect_image, open_trace
from sscard_cli.options import (
    FILE,
    INTERFACES,
    card_argument,
    host_port,
    json_option,
    trace_options,
)


@click.command()
@card_argument
@click.option(
    "--slot2",
    metavar="PSAM.ssc",
    type=FILE,
    help="Image in the second slot, at the next port.  Example: --slot2 psam.ssc",
)
@click.option(
    "--vpcd",
    "address",
    metavar="HOST:PORT",
    type=host_port,
    default="127.0.0.1:35963",
    show_default=True,
    help="Where vpcd listens for the first slot.  Example: --vpcd 127.0.0.1:35963",
)
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
@trace_options
@json_option
def serve(
    card_path: Path,
    slot2: Path | None,
    address: tuple[str, int],
    interface: str,
    durability: str,
    trace: bool,
    unsafe_trace: bool,
    as_json: bool,
) -> None:
    """Put CARD.ssc into a virtual PC/SC reader, where every PC/SC program finds it.

    Needs pcscd with the vpcd driver (Debian: pcscd vsmartcard-vpcd); waits for it and comes
    back when it restarts. Ctrl-C ends; the card keeps everything it has answered. vpcd listens
    on all interfaces without authentication: do not run it on a machine shared with strangers.

    \b
    Example:
      sscard serve zhang.ssc
      sscard serve zhang.ssc --trace --durability disk
    """
    paths = [card_path, *([slot2] if slot2 else [])]
    log = open_trace(trace, unsafe_trace, len(paths))
    host, port = address

    def say(slot: int, event: str) -> None:
        if as_json:
            time = datetime.now().astimezone().isoformat(timespec="milliseconds")
            click.echo(json.dumps({"time": time, "slot": slot + 1, "event": event}))
        else:
            click.echo(f"slot {slot + 1}: {event}")

    def on_event(slot: int, event: ReaderEvent) -> None:
        if event in (ReaderEvent.CONNECTED, ReaderEvent.DISCONNECTED):
            say(slot, event.value)
        elif log and event is not ReaderEvent.POWER_OFF:
            log.reset(slot, slots[slot].atr)

    logging.basicConfig(level=logging.WARNING, format="sscard: %(message)s")
    with ExitStack() as open_cards:
        cards = [
            open_cards.enter_context(Card.open(path, durability=Durability(durability)))
            for path in paths
        ]
        # The second slot is for a PSAM, which has contacts only.
        slots = [
            connect_image(cards[0], interface),
            *(connect_image(card, "contact") for card in cards[1:]),
        ]
        for number, slot in enumerate(slots):
            say(number, f"ATR {slot.atr.hex().upper()}, vpcd at {host}:{port + number}")
        observer = log.exchange if log else None
        serve_slots(slots, host, port, observer=observer, event_observer=on_event)
    if not as_json:
        click.echo("ended, cards saved")
