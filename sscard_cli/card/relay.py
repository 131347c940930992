# SPDX-License-Identifier: Apache-2.0
"""``sscard relay``: the card of a reader in another reader, with a hook in between."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.relay import RelayedConnection
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_cli.card.serving import ReaderPlace, hands_options, place_options, planned, run_reader
from sscard_cli.card.session import open_trace
from sscard_cli.named import named_function
from sscard_cli.options import json_option, trace_options


@click.command()
@click.option(
    "--reader",
    required=True,
    metavar="NAME",
    help="The reader with the card, or a part of its name.  Example: --reader 'ACS ACR38'",
)
@click.option(
    "--hook",
    metavar="MODULE:FUNCTION",
    help="Called as FUNCTION(command, send), returns the answer; send has the card run a command."
    "  Example: --hook watch:passed",
)
@place_options
@hands_options
@trace_options
@json_option
def relay(
    reader: str,
    hook: str | None,
    vpcd: tuple[str, int] | None,
    qemu: tuple[str, int] | None,
    usbip: tuple[str, int] | None,
    fault_lines: tuple[str, ...],
    scenario_path: Path | None,
    control_path: Path | None,
    trace: bool,
    unsafe_trace: bool,
    pcapng_path: Path | None,
    as_json: bool,
) -> None:
    """Show the card of a PC/SC reader in another reader, and let a function change what passes.

    The other reader is one of vpcd, of a virtual machine or over USB/IP, as of sscard serve, and a
    scenario makes the real card fail. The card is this command's alone until Ctrl-C. For cards of
    your own: what passes includes the PIN.

    \b
    Example:
      sscard relay --reader 'ACS ACR38' --trace
      sscard relay --reader 'ACS ACR38' --hook watch:passed --usbip
    """
    place = ReaderPlace.of(vpcd, qemu, usbip)
    scenario = planned(scenario_path, fault_lines, 1)
    function = named_function("--hook", hook) if hook else None
    with ExitStack() as stack:
        card = RelayedConnection(stack.enter_context(PcscConnection(reader)), function)
        log = open_trace(trace, unsafe_trace, pcapng_path, stack=stack)
        slots = [FaultyConnection(card)]
        run_reader(
            slots, place, log=log, scenario=scenario, control_path=control_path, as_json=as_json
        )
