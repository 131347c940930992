# SPDX-License-Identifier: Apache-2.0
"""``sscard conformance run``: put the cases to a card and write the reports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
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
    ImplementationStatement,
    JudgedCard,
    Level,
    catalogue,
    run_suite,
)
from sscard_chip.terminal.conformance.engine import MOST_COMMANDS
from sscard_chip.terminal.conformance.target import Arm
from sscard_chip.terminal.connection import Connection
from sscard_cli.conformance.reports import Reports, report_options
from sscard_cli.errors import RefusedError
from sscard_cli.options import (
    GENERATION,
    INTERFACES,
    file_option,
    pin_option,
    reader_option,
)
from sscard_cli.stores import keys_option, open_keys

_PATIENCE_S: Final = 60.0
"""How long a card that was pulled out in the middle of a write is waited for."""
_OWN: Final = 8
_METHODS: Final = ("atr", "power_on", "reset", "power_off", "transmit")


@click.command()
@file_option(
    "--card",
    "card_path",
    "CARD.ssc",
    "A card image; it is copied and never changed.  Example: --card zhang.ssc",
)
@reader_option("A card in a PC/SC reader.")
@click.option(
    "--python",
    "factory",
    metavar="MODULE:FACTORY",
    help="A function that gives a Connection, see the page.  Example: --python mycard:connect",
)
@click.option(
    "--generation",
    type=GENERATION,
    help="What the card should be; without it what it says itself.  Example: --generation 3",
)
@click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the card is reached.  Example: --interface contactless",
)
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="read",
    show_default=True,
    help="How far cases may go; each level has those before it.  Example: --level session",
)
@keys_option(required=False, use=" of the card, for cases that need them")
@pin_option("The card's PIN. Without it none is ever sent.")
@file_option(
    "--ics",
    "ics_path",
    "FILE",
    "Implementation statement (sscard-ics/1), TOML or JSON.  Example: --ics ics.toml",
)
@click.option(
    "--destroy",
    metavar="HEX16",
    help="The last 8 bytes of the ATR: needed for the level destructive on a card that is no"
    " image, which is then lost for use.  Example: --destroy 9951010711223344",
)
@file_option(
    "--control",
    "control",
    "SOCKET",
    "The socket of the reader of sscard serve, whose hands cut the power of the card for the cases"
    " of pull-out.  Example: --control reader.sock",
)
@click.option(
    "--slot",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="The slot of that reader where the card is.  Example: --slot 2",
)
@click.option(
    "--most-commands",
    type=click.IntRange(1),
    default=MOST_COMMANDS,
    show_default=True,
    help="End the run of a card that is no image after so many.  Example: --most-commands 20000",
)
@report_options
def run(
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    roots: str | None,
    passphrase_file: Path | None,
    pin: str | None,
    ics_path: Path | None,
    destroy: str | None,
    control: Path | None,
    slot: int,
    most_commands: int,
    level: str,
    interface: str,
    generation: int | None,
    **report: Any,
) -> None:
    """Judge a card. The exit code is 0 when no case failed, 1 when one did, 2 for wrong usage.

    An image is copied for every case. A card in a reader keeps what is done to it: the level read
    changes nothing on it, session gives the PIN and keys that you name, write puts back what it
    writes, also after Ctrl-C; a card that was pulled out is waited for.

    \b
    Example:
      sscard conformance run --card zhang.ssc --out report.html
      sscard conformance run --reader 'PCD 00 00' --generation 2 --pin 135790 --level session
      sscard conformance run --python mycard:connect --keys roots.json --level write
    """
    if sum(one is not None for one in (card_path, reader, factory)) != 1:
        raise click.UsageError("one of --card, --reader and --python")
    if pin is not None and not is_digits(pin, *range(4, 17)):
        raise click.UsageError("--pin: must be 4 to 16 digits")
    reports = Reports(**report)
    reports.check()
    resumed = reports.resumed(catalogue())
    statement = ImplementationStatement.load(ics_path) if ics_path else None
    with ExitStack() as stack:
        target = _target(
            stack, card_path, reader, factory, interface == "contactless", _arm(control, slot)
        )
        if LEVELS[level] is Level.DESTRUCTIVE and target.lasting:
            _consent(target.connect(), destroy)
        store = stack.enter_context(open_keys(roots, passphrase_file)) if roots else None
        with reports.progress() as observer:
            found = run_suite(
                target,
                interface=interface,
                generation=generation,
                statement=statement,
                pin=pin or "",
                store=store,
                level=LEVELS[level],
                only=reports.only,
                observer=observer,
                resumed=resumed,
                most_commands=most_commands,
                patience_s=_PATIENCE_S,
            )
    reports.finish(found)


def _arm(control: Path | None, slot: int) -> Arm | None:
    """What has the hands of a reader cut the power of the card."""
    if control is None:
        return None

    def arm(fault: FaultAt) -> None:
        planned: dict[str, object] = {"fault": "power-cut", "slot": slot}
        if fault.write:
            planned |= {"write": fault.write, "kept": fault.kept.value}
        ask_reader(control, {"do": "fault", "slot": slot, "faults": [planned]})

    return arm


def _target(
    stack: ExitStack,
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    contactless: bool,
    arm: Arm | None,
) -> JudgedCard:
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
    function = function_of(factory)
    try:
        made: Any = function()
    except Exception as error:
        raise RefusedError(f"--python {escape(factory)}: {type(error).__name__}") from error
    missing = [method for method in _METHODS if not hasattr(made, method)]
    if missing:
        raise RefusedError(f"--python {escape(factory)}: gives no {', '.join(missing)}")
    connection: Connection = made
    return connection


def function_of(factory: str) -> Callable[..., Any]:
    """A function of a module of the caller's; modules of the current folder count.

    :raises RefusedError: there is none such.
    """
    module, _, name = factory.partition(":")
    if not module or not name:
        raise click.UsageError("--python: must be MODULE:FACTORY")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise RefusedError(f"--python {escape(factory)}: {type(error).__name__}") from error
    finally:
        sys.path.pop(0)
    return found


def _consent(connection: Connection, destroy: str | None) -> None:
    """See that whoever wants to destroy a card has it before them."""
    own = bytes(connection.power_on())
    own = own[-_OWN - (len(own) > 1 and own[1] >> 7) :][:_OWN]
    if destroy is None or destroy.replace(" ", "").upper() != own.hex().upper():
        raise click.UsageError(
            "--level destructive spoils this card for good: name the last 8 historical bytes of"
            " its ATR with --destroy"
        )
