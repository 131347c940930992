# SPDX-License-Identifier: Apache-2.0
"""A reader that runs until Ctrl-C: where it is, what is in it, and what it says meanwhile."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

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
from sscard_chip.reader.scenario import FORMAT, Scenario, load_scenario, parse_fault
from sscard_chip.reader.usbip import DEFAULT_USBIP_PORT, UsbipReader
from sscard_cli.card.session import TraceLog
from sscard_cli.options import file_option, host_port, together

_READERS: Final = {"vpcd": VirtualReader, "QEMU": QemuReader, "USB/IP": UsbipReader}

place_options: Final = together(
    click.option(
        "--vpcd",
        metavar="HOST:PORT",
        type=host_port,
        show_default=f"{DEFAULT_HOST}:{DEFAULT_PORT}",
        help="Where vpcd listens for the first slot.  Example: --vpcd 127.0.0.1:35963",
    ),
    click.option(
        "--qemu",
        metavar="HOST:PORT",
        type=host_port,
        help="In place of vpcd: where QEMU's ccid-card-passthru listens, and the card is in a USB"
        " reader of the guest.  Example: --qemu 127.0.0.1:35999",
    ),
    click.option(
        "--usbip",
        metavar="[HOST:PORT]",
        is_flag=False,
        flag_value=f"{DEFAULT_HOST}:{DEFAULT_USBIP_PORT}",
        type=host_port,
        help="In place of vpcd: listen for machines that attach the reader over USB/IP, by default"
        f" at {DEFAULT_HOST}:{DEFAULT_USBIP_PORT}.  Example: --usbip 192.0.2.7:3240",
    ),
)
fault_option: Final = click.option(
    "--fault",
    "fault_lines",
    metavar="FAULT",
    multiple=True,
    help="One fault in a line, fields as in a scenario; may be repeated."
    "  Example: --fault 'mute command=VERIFY seconds=2'",
)
hands_options: Final = together(
    fault_option,
    file_option(
        "--scenario",
        "scenario_path",
        "FILE",
        "What goes wrong, and when: a scenario of faults.  Example: --scenario mute.toml",
    ),
    file_option(
        "--control",
        "control_path",
        "SOCKET",
        "Socket by which sscard reader puts cards in and out.  Example: --control reader.sock",
    ),
)


class ReaderPlace(NamedTuple):
    """What kind of reader it is, and its address."""

    kind: str
    host: str
    port: int

    @classmethod
    def of(
        cls,
        vpcd: tuple[str, int] | None,
        qemu: tuple[str, int] | None,
        usbip: tuple[str, int] | None,
    ) -> ReaderPlace:
        """The one that the options give, vpcd's own without any."""
        named = zip(_READERS, (vpcd, qemu, usbip), strict=True)
        given = [cls(kind, *address) for kind, address in named if address]
        if len(given) > 1:
            raise click.UsageError("one of --vpcd, --qemu and --usbip")
        return given[0] if given else cls("vpcd", DEFAULT_HOST, DEFAULT_PORT)

    def of_slot(self, number: int) -> str:
        """Where a slot is found, counted from 0."""
        bus = self.kind == "USB/IP"
        return (
            f"{self.host}:{self.port} bus 1-{number + 1}"
            if bus
            else (f"{self.host}:{self.port + number}")
        )


def planned(scenario_path: Path | None, fault_lines: Sequence[str], slots: int) -> Scenario:
    """The faults of a file and of lines, for a reader of so many slots."""
    faults = load_scenario(scenario_path, slots).faults if scenario_path else []
    return Scenario(FORMAT, [*faults, *(parse_fault(line, slots) for line in fault_lines)])


def run_reader(
    slots: Sequence[FaultyConnection],
    place: ReaderPlace,
    *,
    log: TraceLog | None,
    scenario: Scenario,
    control_path: Path | None = None,
    durability: Durability = Durability.OS,
    as_json: bool = False,
) -> None:
    """Serve the slots until Ctrl-C; cards of images are closed then, whoever has put them in."""

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
        for slot in slots:
            stack.callback(_close, slot)
        reader = _READERS[place.kind](
            slots,
            place.host,
            place.port,
            observer=log.exchange if log else None,
            event_observer=on_event,
        )
        for number, slot in enumerate(slots):
            atr = f"ATR {slot.atr.hex().upper()}" if slot.present else "no card"
            say(number, f"{atr}, {place.kind} at {place.of_slot(number)}")
        for number, faults in scenario.of_slots().items():
            reader.arm(number, *faults)
        if control_path:
            stack.enter_context(ReaderControl(reader, control_path, durability=durability))
        serve_reader(reader)
    if not as_json:
        click.echo("ended, cards saved")


def _close(slot: FaultyConnection) -> None:
    card = slot.connection
    if isinstance(card, ImageInSlot) and not card.closed:
        card.close()
