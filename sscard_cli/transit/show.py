# SPDX-License-Identifier: Apache-2.0
"""``sscard transit show``: what a transport application holds, read as a gate reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import show_day, show_time
from sscard_chip.standard.messages import purse, transit
from sscard_chip.standard.transit import MODES, STATUSES, TRIP_TYPES
from sscard_chip.terminal.transit.card import TransitCard
from sscard_cli.bank.options import connected, reader_options
from sscard_cli.options import json_option
from sscard_cli.output import print_json, say

_LOADS: Final = {2: "load", 6: "single", 9: "compound"}


@click.command()
@reader_options
@click.option(
    "--journey",
    default="2701",
    show_default=True,
    metavar="4HEX",
    help="Identifier of the city's record in 001A.  Example: --journey 2701",
)
@json_option
def show(card_path: Path | None, reader: str | None, journey: str, as_json: bool) -> None:
    """Show number, balance, journey, trips and log of a transport application.

    \b
    Example:
      sscard transit show card.ssc
    """
    if len(journey) != 4 or any(digit not in "0123456789ABCDEFabcdef" for digit in journey):
        raise click.UsageError("--journey: must be 4 hex digits")
    with connected(card_path, reader, contactless=True) as connection:
        connection.power_on()
        card = TransitCard(connection)
        card.select()
        data = card.read()
        found: dict[str, Any] = {
            "number": data.number,
            "issuer": data.issuer.hex().upper(),
            "valid_from": data.start.hex(),
            "valid_to": data.expiry.hex(),
            "city": data.city.hex(),
            "interoperable": data.interoperable,
            "card_type": data.card_type.hex(),
            "balance_fen": card.balance(),
            "journey": _journey(card.journey(bytes.fromhex(journey))),
            "trips": [_trip(one) for one in card.trips()],
            "log": [_transaction(one) for one in card.log()],
        }
    if as_json:
        print_json(found)
        return
    say(f"card {found['number']}, issuer {found['issuer']}, city {found['city']}")
    say(f"valid {show_day(found['valid_from'])} to {show_day(found['valid_to'])}, ", nl=False)
    say(f"type {found['card_type']}, purse {yuan(found['balance_fen'])} yuan")
    state = found["journey"]
    say(f"journey {STATUSES.get(state['status'], state['status'])}", nl=False)
    say(f", in {state['entry_station']} {show_time(state['entry_time'])}", nl=False)
    say(f", out {state['exit_station']} {show_time(state['exit_time'])}")
    for trip in found["trips"]:
        kind = TRIP_TYPES.get(trip["type"], trip["type"])
        mode = MODES.get(trip["mode"], trip["mode"])
        say(f"trip {show_time(trip['time'])} {kind}, {mode}, {trip['station']},", nl=False)
        say(f" {yuan(trip['amount_fen'])} yuan, purse {yuan(trip['balance_fen'])} yuan")
    for one in found["log"]:
        kind = _LOADS.get(one["type"], f"{one['type']:02X}")
        say(f"log {one['number']} {show_time(one['time'])} {kind}", nl=False)
        say(f" {yuan(one['amount_fen'])} yuan at {one['terminal']}")


def _journey(record: bytes) -> dict[str, str]:
    parsed = transit.JOURNEY.parse(record)
    return {
        "status": f"{parsed.status:02X}",
        "entry_station": parsed.entry_station[4:].hex().upper(),
        "entry_time": parsed.entry_time.hex(),
        "exit_station": parsed.exit_station[4:].hex().upper(),
        "exit_time": parsed.exit_time.hex(),
    }


def _trip(record: bytes) -> dict[str, Any]:
    parsed = transit.TRIP.parse(record)
    return {
        "type": f"{parsed.trip_type:02X}",
        "mode": f"{parsed.mode:02X}",
        "station": (parsed.line + parsed.station).hex().upper(),
        "amount_fen": parsed.amount_fen,
        "balance_fen": parsed.balance_fen,
        "time": parsed.time.hex(),
        "terminal": parsed.terminal.hex(),
    }


def _transaction(record: bytes) -> dict[str, Any]:
    parsed = purse.LOG.parse(record)
    return {
        "number": parsed.number,
        "type": parsed.transaction_type,
        "amount_fen": parsed.amount_fen,
        "time": parsed.time.hex(),
        "terminal": parsed.terminal.hex(),
    }
