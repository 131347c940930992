# SPDX-License-Identifier: Apache-2.0
"""``sscard transit update`` and ``lock``: the service desk."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.standard.transit import UpdateKind, UpdatePayment
from sscard_chip.terminal.bank.purse_host import TRANSPORT_ROOTS, PurseHost
from sscard_chip.terminal.transit import ServiceDesk
from sscard_cli.issuing.transport import open_transport, transport_options
from sscard_cli.output import say
from sscard_cli.transit.options import (
    at_place,
    gate_options,
    show_passage,
    station_code,
    station_option,
)

_PAYMENTS: Final = {
    "cash": UpdatePayment.CASH,
    "card": UpdatePayment.ELECTRONIC,
    "voucher": UpdatePayment.VOUCHER,
    "auto-load": UpdatePayment.AUTO_LOAD,
    "free": UpdatePayment.FREE,
}
_KINDS: Final = [f"{kind:02X}" for kind in UpdateKind]


@click.command()
@gate_options
@station_option
@click.option(
    "--payment",
    type=click.Choice(list(_PAYMENTS)),
    default="card",
    show_default=True,
    help="How it is paid; what costs nothing is free.  Example: --payment cash",
)
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    help="Only if the card needs this one: 01 over distance, 02 over time, 03 both, 10 add entry,"
    " 11 add exit; 00: say what it needs, change nothing.  Example: --kind 11",
)
@click.option("--outside", is_flag=True, help="The holder stands outside and wants to go in.")
@click.option(
    "--entry-station",
    metavar="8HEX",
    help="Where a holder without entry came in; else --station.  Example: --entry-station 00010001",
)
@transport_options()
def update(
    station: str,
    payment: str,
    kind: str | None,
    outside: bool,
    entry_station: str | None,
    transport_roots: str | None,
    transport_passphrase_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Update a journey that no gate lets through (补票). --transport-keys are for auto-load.

    \b
    Example:
      sscard transit update card.ssc --psam p.ssc --region r.toml --station 00010003 --journal j
    """
    came = station_code(entry_station, "--entry-station") if entry_station else None
    wanted = None if kind is None else UpdateKind(int(kind, 16))
    with ExitStack() as stack:
        desk, time = stack.enter_context(at_place(ServiceDesk, station_code(station), options))
        if transport_roots is not None:
            opened = open_transport(transport_roots, transport_passphrase_file)
            store = stack.enter_context(opened).store
            desk.transit_host = PurseHost(store, roots=TRANSPORT_ROOTS)
        if wanted is UpdateKind.NONE:
            needed = desk.diagnose(time, inside=not outside)
            words = needed.kind.name.lower().replace("_", " ")
            say(f"update {needed.kind:02X} {words}: {needed.fee_fen} fen")
            return
        passage = desk.update(
            time,
            _PAYMENTS[payment],
            inside=not outside,
            kind=wanted,
            entry_station=came,
        )
    show_passage(passage, as_json=as_json)


@click.command()
@gate_options
@station_option
def lock(station: str, as_json: bool, **options: Any) -> None:
    """Lock the transport application of a card (锁卡), as gates do with one on the black list.

    \b
    Example:
      sscard transit lock card.ssc --psam p.ssc --region r.toml --station 00010001 --journal j
    """
    with at_place(ServiceDesk, station_code(station), options) as (desk, time):
        passage = desk.lock(time)
    show_passage(passage, as_json=as_json)
