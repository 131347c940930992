# SPDX-License-Identifier: Apache-2.0
"""``sscard reader``: the hands of a virtual reader that ``sscard serve --control`` runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.reader.control import ask_reader
from sscard_chip.reader.scenario import MAX_SLOTS
from sscard_cli.card.serving import fault_option, planned
from sscard_cli.options import FILE, INTERFACES, NamedPath, json_option
from sscard_cli.output import print_json
from sscard_cli.screen import listing, show

_control_option: Final = click.option(
    "--control",
    "control_path",
    required=True,
    metavar="SOCKET",
    type=NamedPath(path_type=Path),
    help="The socket of sscard serve --control.  Example: --control reader.sock",
)
_slot_option: Final = click.option(
    "--slot", metavar="N", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Which slot.  Example: --slot 2",
)  # fmt: skip
_interface_option: Final = click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the reader reaches the card.  Example: --interface contactless",
)
_image_argument: Final = click.argument("image", metavar="[CARD.ssc]", type=FILE, required=False)


@click.group()
def reader() -> None:
    """Put cards into a virtual reader and take them out while it runs.

    \b
    Example:
      sscard serve - --control reader.sock &
      sscard reader insert --control reader.sock zhang.ssc
      sscard reader remove --control reader.sock
    """


@reader.command("status")
@_control_option
@json_option
def status(control_path: Path, as_json: bool) -> None:
    """Show what is in the slots, and the faults that are set.

    \b
    Example:
      sscard reader status --control reader.sock
    """
    _ask(control_path, as_json, {"do": "status"})


@reader.command("insert")
@_image_argument
@_control_option
@_slot_option
@_interface_option
@json_option
def insert(
    image: Path | None, control_path: Path, slot: int, interface: str, as_json: bool
) -> None:
    """Put CARD.ssc into a slot, or the card back that was there; another one comes out.

    \b
    Example:
      sscard reader insert --control reader.sock zhang.ssc
      sscard reader insert --control reader.sock --slot 2
    """
    _ask(control_path, as_json, {"do": "insert", "slot": slot} | _card(image, interface))


@reader.command("remove")
@_control_option
@_slot_option
@json_option
def remove(control_path: Path, slot: int, as_json: bool) -> None:
    """Pull the card out of a slot: it loses its power, and other programs may open it.

    \b
    Example:
      sscard reader remove --control reader.sock --slot 2
    """
    _ask(control_path, as_json, {"do": "remove", "slot": slot})


@reader.command("swap")
@_control_option
@_slot_option
@click.option(
    "--with", "other", metavar="N", type=click.IntRange(1, 64), default=2, show_default=True,
    help="The other slot.  Example: --with 2",
)  # fmt: skip
@json_option
def swap(control_path: Path, slot: int, other: int, as_json: bool) -> None:
    """Put the cards of two slots each into the other.

    \b
    Example:
      sscard reader swap --control reader.sock
    """
    _ask(control_path, as_json, {"do": "swap", "slot": slot, "other": other})


@reader.command("tap")
@_image_argument
@_control_option
@_slot_option
@_interface_option
@click.option(
    "--seconds", type=click.FloatRange(0, 60), default=2.0, show_default=True,
    help="How long it is held there.  Example: --seconds 0.5",
)  # fmt: skip
@json_option
def tap(
    image: Path | None,
    control_path: Path,
    slot: int,
    interface: str,
    seconds: float,
    as_json: bool,
) -> None:
    """Hold CARD.ssc to the reader for a moment, or the card that was there.

    \b
    Example:
      sscard reader tap --control reader.sock zhang.ssc --interface contactless
    """
    request = {"do": "tap", "slot": slot, "seconds": seconds} | _card(image, interface)
    _ask(control_path, as_json, request)


@reader.command("fault")
@click.argument("scenario_path", metavar="[SCENARIO]", type=FILE, required=False)
@fault_option
@_control_option
@json_option
def fault(
    scenario_path: Path | None, fault_lines: tuple[str, ...], control_path: Path, as_json: bool
) -> None:
    """Set faults, of a scenario or by --fault, besides those that are set; they count from now.

    \b
    Example:
      sscard reader fault --control reader.sock mute.toml
      sscard reader fault --control reader.sock --fault 'short at=2'
    """
    if not (scenario_path or fault_lines):
        raise click.UsageError("a SCENARIO or --fault")
    _ask(control_path, as_json, planned(scenario_path, fault_lines, MAX_SLOTS).request())


@reader.command("clear")
@_control_option
@_slot_option
@json_option
def clear(control_path: Path, slot: int, as_json: bool) -> None:
    """Forget the faults of a slot.

    \b
    Example:
      sscard reader clear --control reader.sock
    """
    _ask(control_path, as_json, {"do": "clear", "slot": slot})


def _card(image: Path | None, interface: str) -> dict[str, Any]:
    """Paths are the caller's, whatever folder the reader runs in."""
    return {} if image is None else {"card": str(image.absolute()), "interface": interface}


def _ask(control_path: Path, as_json: bool, request: dict[str, Any]) -> None:
    slots = ask_reader(control_path, request)
    if as_json:
        print_json({"slots": slots})
        return
    table = listing("slot", "card", "commands", "faults set")
    for one in slots:
        name = Path(one["card"]).name if one["card"] else "yes"
        table.add_row(
            str(one["slot"]),
            name if one["present"] else "none",
            str(one["exchanges"]),
            ", ".join(one["faults"]) or "none",
        )
    show(table)
