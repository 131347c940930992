# SPDX-License-Identifier: Apache-2.0
"""``sscard serve``: a card in a virtual PC/SC reader, until Ctrl-C."""

from __future__ import annotations

import json
import logging
import os
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from sscard_chip import Durability
from sscard_chip.reader import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    ReaderEvent,
    VirtualReader,
    serve_reader,
)
from sscard_chip.reader.control import ReaderControl
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.image import ImageInSlot
from sscard_chip.reader.qemu import QemuReader
from sscard_chip.reader.scenario import load_scenario
from sscard_chip.reader.usbip import DEFAULT_USBIP_PORT, UsbipReader
from sscard_cli.card.session import open_trace
from sscard_cli.options import (
    FILE,
    INTERFACES,
    card_argument,
    file_option,
    host_port,
    json_option,
    trace_options,
)

_READERS: Final = {"vpcd": VirtualReader, "qemu": QemuReader, "usbip": UsbipReader}
_NAMES: Final = {"vpcd": "vpcd", "qemu": "QEMU", "usbip": "USB/IP"}
EMPTY: Final = "-"
"""In place of an image: a slot without a card."""


@click.command()
@card_argument
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
@click.option(
    "--vpcd",
    metavar="HOST:PORT",
    type=host_port,
    show_default=f"{DEFAULT_HOST}:{DEFAULT_PORT}",
    help="Where vpcd listens for the first slot.  Example: --vpcd 127.0.0.1:35963",
)
@click.option(
    "--qemu",
    metavar="HOST:PORT",
    type=host_port,
    help="In place of vpcd: where QEMU's ccid-card-passthru listens, and the card is in a USB"
    " reader of the guest.  Example: --qemu 127.0.0.1:35999",
)
@click.option(
    "--usbip",
    metavar="[HOST:PORT]",
    is_flag=False,
    flag_value=f"{DEFAULT_HOST}:{DEFAULT_USBIP_PORT}",
    type=host_port,
    help="In place of vpcd: listen for machines that attach the reader over USB/IP, by default at"
    f" {DEFAULT_HOST}:{DEFAULT_USBIP_PORT}.  Example: --usbip 192.0.2.7:3240",
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
@file_option(
    "--scenario",
    "scenario_path",
    "FILE",
    "What goes wrong, and when: a scenario of faults.  Example: --scenario mute.toml",
)
@file_option(
    "--control",
    "control_path",
    "SOCKET",
    "Socket by which sscard reader puts cards in and out.  Example: --control reader.sock",
)
@trace_options
@json_option
def serve(
    card_path: Path,
    slot2: Path | None,
    more: tuple[Path, ...],
    vpcd: tuple[str, int] | None,
    qemu: tuple[str, int] | None,
    usbip: tuple[str, int] | None,
    interface: str,
    durability: str,
    scenario_path: Path | None,
    control_path: Path | None,
    trace: bool,
    unsafe_trace: bool,
    as_json: bool,
) -> None:
    """Put CARD.ssc into a virtual PC/SC reader, where every PC/SC program finds it.

    Needs pcscd with the vpcd driver (Debian: pcscd vsmartcard-vpcd); waits for it and comes
    back when it restarts. Ctrl-C ends; the card keeps everything it has answered. vpcd listens
    on all interfaces without authentication: do not run it on a machine shared with strangers.
    With --qemu or --usbip the card is in a USB reader of a virtual or another machine instead.

    CARD.ssc may be - for a slot that is empty at first. A scenario makes the cards fail; with a
    control socket sscard reader inserts, removes and swaps them while this runs.

    \b
    Example:
      sscard serve zhang.ssc
      sscard serve zhang.ssc --trace --durability disk
      sscard serve zhang.ssc --qemu 127.0.0.1:35999
      sscard serve zhang.ssc --usbip
      sscard serve - --slot psam.ssc --control reader.sock --scenario mute.toml
    """
    paths = [card_path, *([slot2] if slot2 else []), *more]
    scenario = load_scenario(scenario_path, len(paths)) if scenario_path else None
    log = open_trace(trace, unsafe_trace, len(paths))
    way, host, port = _way(vpcd, qemu, usbip)

    def say(slot: int, event: str) -> None:
        if as_json:
            time = datetime.now().astimezone().isoformat(timespec="milliseconds")
            click.echo(json.dumps({"time": time, "slot": slot + 1, "event": event}))
        else:
            click.echo(f"slot {slot + 1}: {event}")

    def on_event(slot: int, event: ReaderEvent) -> None:
        if event in (ReaderEvent.POWER_ON, ReaderEvent.RESET):
            if log:
                log.reset(slot, slots[slot].atr)
        elif event is not ReaderEvent.POWER_OFF:
            say(slot, event.value)

    logging.basicConfig(level=logging.WARNING, format="sscard: %(message)s")
    with ExitStack() as stack:
        slots: list[FaultyConnection] = []
        for number, path in enumerate(paths):
            # The slots after the first are for PSAMs, which have contacts only.
            card = None
            if os.fspath(path) != EMPTY:
                contactless = interface == "contactless" and number == 0
                card = ImageInSlot(path, contactless=contactless, durability=Durability(durability))
            slots.append(FaultyConnection(card))
            stack.callback(_close, slots[-1])
            atr = f"ATR {card.atr.hex().upper()}" if card else "no card"
            at = (
                f"{host}:{port} bus 1-{number + 1}" if way == "usbip" else f"{host}:{port + number}"
            )
            say(number, f"{atr}, {_NAMES[way]} at {at}")
        observer = log.exchange if log else None
        reader = _READERS[way](slots, host, port, observer=observer, event_observer=on_event)
        for number, faults in (scenario.of_slots() if scenario else {}).items():
            reader.arm(number, *faults)
        if control_path:
            stack.enter_context(
                ReaderControl(reader, control_path, durability=Durability(durability))
            )
        serve_reader(reader)
    if not as_json:
        click.echo("ended, cards saved")


def _way(
    vpcd: tuple[str, int] | None, qemu: tuple[str, int] | None, usbip: tuple[str, int] | None
) -> tuple[str, str, int]:
    """Which reader it is, and where."""
    given = [
        (name, *address)
        for name, address in (("vpcd", vpcd), ("qemu", qemu), ("usbip", usbip))
        if address
    ]
    if len(given) > 1:
        raise click.UsageError("one of --vpcd, --qemu and --usbip")
    return given[0] if given else ("vpcd", DEFAULT_HOST, DEFAULT_PORT)


def _close(slot: FaultyConnection) -> None:
    """Close what is in a slot in the end, whoever has put it there."""
    card = slot.connection
    if isinstance(card, ImageInSlot) and not card.closed:
        card.close()
