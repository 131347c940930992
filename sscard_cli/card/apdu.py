# SPDX-License-Identifier: Apache-2.0
"""``sscard apdu``: raw exchanges with a card image."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from sscard_chip import Card
from sscard_chip.standard.status import describe_status_word
from sscard_cli.card.session import connect_image, open_trace
from sscard_cli.options import INTERFACES, card_argument, hex_bytes, json_option, trace_options
from sscard_cli.output import print_json, say


@click.command()
@card_argument
@click.argument("commands", metavar="HEX [HEX ...]", type=hex_bytes(), nargs=-1, required=True)
@click.option(
    "--interface",
    type=INTERFACES,
    help="Answer as over T=0 (61xx, 6Cxx, GET RESPONSE) or contactless; without it, each command "
    "gets its whole answer.  Example: --interface contact",
)
@trace_options
@json_option
def apdu(
    card_path: Path,
    commands: tuple[bytes, ...],
    interface: str | None,
    trace: bool,
    unsafe_trace: bool,
    pcapng_path: Path | None,
    as_json: bool,
) -> None:
    """Power on CARD.ssc, send it each command, print one answer per line.

    A line is data and status word in hexadecimal, the status word alone when there is no data.
    What the commands change is saved in the card. The exit code is 0 whatever the status words.

    \b
    Example:
      sscard apdu zhang.ssc 00A404000F7378312E73682EC9E7BBE1B1A3D5CF 00B2072C00
    """
    answers = []
    with ExitStack() as stack:
        card = stack.enter_context(Card.open(card_path))
        log = open_trace(trace, unsafe_trace, pcapng_path, stack=stack)
        connection = connect_image(card, interface)
        atr = connection.power_on()
        if log:
            log.reset(0, atr)
        for command in commands:
            answer = connection.transmit(command)
            if log:
                log.exchange(0, command, answer)
            data, sw = answer[:-2].hex().upper(), answer[-2:].hex().upper()
            answers.append({"data": data, "sw": sw, "meaning": describe_status_word(int(sw, 16))})
            if not as_json:
                say(f"{data} {sw}".lstrip())
    if as_json:
        print_json({"card": str(card_path), "answers": answers})
