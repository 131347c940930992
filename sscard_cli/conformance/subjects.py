# SPDX-License-Identifier: Apache-2.0
"""What a run of the suite judges: an image, a card in a reader, or one of the caller's program."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.reader.control import ask_reader
from sscard_chip.reader.faulty import FaultAt
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.escape import escape
from sscard_chip.terminal.conformance import (
    LEVELS,
    ConnectionTarget,
    ImageTarget,
    JudgedCard,
    Level,
)
from sscard_chip.terminal.conformance.engine import MOST_COMMANDS
from sscard_chip.terminal.conformance.target import Arm
from sscard_chip.terminal.connection import Connection
from sscard_cli.errors import RefusedError
from sscard_cli.named import named_function
from sscard_cli.options import INTERFACES, file_option, reader_option, together

_OWN: Final = 8
_METHODS: Final = ("atr", "power_on", "reset", "power_off", "transmit")

python_option: Final = click.option(
    "--python",
    "factory",
    metavar="MODULE:FACTORY",
    help="A function that gives a Connection, see the page.  Example: --python mycard:connect",
)
interface_option: Final = click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the card is reached.  Example: --interface contactless",
)
level_option: Final = click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="read",
    show_default=True,
    help="How far cases may go; each level has those before it.  Example: --level session",
)
destroy_option: Final = click.option(
    "--destroy",
    metavar="HEX16",
    help="The last 8 bytes of the ATR: needed for the level destructive on a card that is no"
    " image, which is then lost for use.  Example: --destroy 9951010711223344",
)
most_option: Final = click.option(
    "--most-commands",
    type=click.IntRange(1),
    default=MOST_COMMANDS,
    show_default=True,
    help="End the run of a card that is no image after so many.  Example: --most-commands 20000",
)
target_options: Final = together(
    file_option(
        "--card",
        "card_path",
        "CARD.ssc",
        "A card image; it is copied and never changed.  Example: --card zhang.ssc",
    ),
    reader_option("A card in a PC/SC reader."),
    python_option,
)
"""``--card``, ``--reader`` and ``--python``, for :func:`open_target`."""


def require_one(*given: object) -> None:
    """See that one of --card, --reader and --python was given."""
    if sum(one is not None for one in given) != 1:
        raise click.UsageError("one of --card, --reader and --python")


def require_pin(pin: str | None, least: int, most: int, option: str = "--pin") -> None:
    """See that a PIN that was given is one."""
    if pin is not None and not is_digits(pin, *range(least, most + 1)):
        raise click.UsageError(f"{option}: must be {least} to {most} digits")


def arm_of(control: Path | None, slot: int) -> Arm | None:
    """What has the hands of a reader cut the power of the card."""
    if control is None:
        return None

    def arm(fault: FaultAt) -> None:
        planned: dict[str, object] = {"fault": "power-cut", "slot": slot}
        if fault.write:
            planned |= {"write": fault.write, "kept": fault.kept.value}
        ask_reader(control, {"do": "fault", "slot": slot, "faults": [planned]})

    return arm


def open_target(
    stack: ExitStack,
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    *,
    contactless: bool = False,
    arm: Arm | None = None,
) -> JudgedCard:
    """What the options name."""
    if card_path is not None:
        return ImageTarget.load(card_path, contactless=contactless)
    if reader is not None:
        from sscard_chip.terminal.pcsc import PcscConnection

        return ConnectionTarget(stack.enter_context(PcscConnection(reader)), reader, arm=arm)
    name = factory or ""
    return ConnectionTarget(made_connection(name), name, arm=arm)


def made_connection(factory: str) -> Connection:
    """What a function of a module of the caller's gives: a Connection.

    :raises RefusedError: it cannot be called, or gives something else.
    """
    function = named_function("--python", factory, "MODULE:FACTORY")
    try:
        made: Any = function()
    except Exception as error:
        raise RefusedError(f"--python {escape(factory)}: {type(error).__name__}") from error
    missing = [method for method in _METHODS if not hasattr(made, method)]
    if missing:
        raise RefusedError(f"--python {escape(factory)}: gives no {', '.join(missing)}")
    connection: Connection = made
    return connection


def consent(target: JudgedCard, level: Level, destroy: str | None) -> None:
    """See that whoever wants to destroy a card has it before them."""
    if level is not Level.DESTRUCTIVE or not target.lasting:
        return
    connection = target.connect()
    own = bytes(connection.power_on())
    own = own[-_OWN - (len(own) > 1 and own[1] >> 7) :][:_OWN]
    if destroy is None or destroy.replace(" ", "").upper() != own.hex().upper():
        raise click.UsageError(
            "--level destructive spoils this card for good: name the last 8 historical bytes of"
            " its ATR with --destroy"
        )
