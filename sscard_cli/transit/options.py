# SPDX-License-Identifier: Apache-2.0
"""Options that the commands of a gate share, and the gate that they make."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar

import click

from sscard_chip import Card
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.transit import TapKind
from sscard_chip.terminal.connection import Connection, connect_card
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_chip.terminal.transit import (
    BlackList,
    FileTapJournal,
    Passage,
    TransitRegion,
    TransitSam,
)
from sscard_chip.terminal.transit.validator import Validator
from sscard_cli.bank.options import connected, reader_options
from sscard_cli.options import (
    check_time,
    file_option,
    json_option,
    reader_option,
    time_option,
    together,
)
from sscard_cli.output import print_json, say

_Place = TypeVar("_Place", bound=Validator)
_KINDS: Final = {
    TapKind.ENTRY: "entry",
    TapKind.EXIT: "exit",
    TapKind.DELAYED_ENTRY: "entry, proven after a break",
    TapKind.DELAYED_EXIT: "exit, proven after a break",
    TapKind.UPDATE: "update",
    TapKind.LOCK: "lock",
}

gate_options: Final = together(
    reader_options,
    file_option(
        "--psam", "psam_path", "PSAM.ssc", "Image of the gate's PSAM.  Example: --psam gate.ssc"
    ),
    reader_option("PC/SC reader with the PSAM.", "'PCD 00 01'", name="--psam-reader"),
    file_option(
        "--region",
        "region_path",
        "FILE",
        "Stations, fares and rules (sscard-transit-region/1, see sscard schema transit-region)."
        "  Example: --region transit.toml",
        required=True,
    ),
    file_option(
        "--journal",
        "journal_path",
        "FILE",
        "The gate's journal; begun if it is not there.  Example: --journal gate.journal",
        required=True,
    ),
    file_option(
        "--black-list",
        "black_path",
        "FILE",
        "Cards to lock: issuer 11 and number 19 characters a row, sorted."
        "  Example: --black-list black.txt",
    ),
    time_option("Local time"),
    json_option,
)
station_option: Final = click.option(
    "--station",
    required=True,
    metavar="8HEX",
    help="Line and station, two bytes each.  Example: --station 00010001",
)


def station_code(text: str, name: str = "--station") -> bytes:
    """The 4 bytes of a line and station."""
    if not re.fullmatch("[0-9A-Fa-f]{8}", text):
        raise click.UsageError(
            f"{name}: must be a line and a station of two bytes each, 8 hex digits"
        )
    return bytes.fromhex(text)


@contextmanager
def at_place(
    kind: type[_Place], station: bytes, options: dict[str, Any]
) -> Iterator[tuple[_Place, bytes]]:
    """The gate, bus or desk of the options with a card in its field, and the time."""
    when = check_time(options["when"]) or time.strftime(TIME)
    region = TransitRegion.load(options["region_path"])
    black = options["black_path"]
    with ExitStack() as stack:
        sam = TransitSam(_psam(options, stack))
        journal = stack.enter_context(FileTapJournal(options["journal_path"]))
        slot = connected(options["card_path"], options["reader"], contactless=True)
        connection = stack.enter_context(slot)
        connection.power_on()
        yield (
            kind(
                connection,
                sam,
                region,
                station,
                journal=journal,
                black_list=BlackList.load(black) if black else None,
            ),
            bytes.fromhex(when),
        )


def _psam(options: dict[str, Any], stack: ExitStack) -> Connection:
    path, reader = options["psam_path"], options["psam_reader"]
    if (path is None) == (reader is None):
        raise click.UsageError("one of --psam and --psam-reader")
    if path is not None:
        return connect_card(stack.enter_context(Card.open(path)))
    return stack.enter_context(PcscConnection(reader))


def show_passage(passage: Passage, *, as_json: bool) -> None:
    """What a card has paid."""
    record = passage.record
    if as_json:
        print_json(
            {
                "kind": f"{record.kind:02X}",
                "number": record.counter,
                "amount_fen": record.amount_fen,
                "due_fen": record.due_fen,
                "balance_fen": record.after_fen,
                "tac": record.tac.hex().upper() if record.answered else None,
                "recovered": passage.recovered,
                "mac2_right": passage.mac2_right,
                "update": f"{record.update_kind:02X}",
                "payment": f"{record.payment:02X}",
            }
        )
        return
    say(f"{_KINDS[passage.kind]} {record.counter}: {yuan(record.amount_fen)} yuan, ", nl=False)
    say(f"purse {yuan(record.after_fen)} yuan")
    if passage.mac2_right is False:
        click.echo("MAC2: wrong; the card is remembered", err=True)
