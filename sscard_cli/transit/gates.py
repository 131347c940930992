# SPDX-License-Identifier: Apache-2.0
"""``sscard transit tap-in``, ``tap-out`` and ``bus``."""

from __future__ import annotations

from typing import Any

import click

from sscard_chip.terminal.transit import Bus, MetroGate
from sscard_cli.transit.options import (
    at_place,
    gate_options,
    show_passage,
    station_code,
    station_option,
)


@click.command()
@gate_options
@station_option
def tap_in(station: str, as_json: bool, **options: Any) -> None:
    """Go in at a gate (进站): a transaction of amount 0 that writes the entry.

    \b
    Example:
      sscard transit tap-in card.ssc --psam p.ssc --region r.toml --station 00010001 --journal j
    """
    with at_place(MetroGate, station_code(station), options) as (gate, time):
        passage = gate.enter(time)
    show_passage(passage, as_json=as_json)


@click.command()
@gate_options
@station_option
def tap_out(station: str, as_json: bool, **options: Any) -> None:
    """Go out at a gate (出站): the fare after its discounts is paid.

    \b
    Example:
      sscard transit tap-out card.ssc --psam p.ssc --region r.toml --station 00010003 --journal j
    """
    with at_place(MetroGate, station_code(station), options) as (gate, time):
        passage = gate.leave(time)
    show_passage(passage, as_json=as_json)


@click.command()
@gate_options
@click.option(
    "--stop",
    required=True,
    metavar="8HEX",
    help="Line and stop, two bytes each.  Example: --stop 01010001",
)
@click.option("--plain", is_flag=True, help="A purchase that writes no trip.")
def bus(stop: str, plain: bool, as_json: bool, **options: Any) -> None:
    """Pay the fare of a line in its bus, in one step.

    \b
    Example:
      sscard transit bus card.ssc --psam p.ssc --region r.toml --stop 01010001 --journal j
    """
    with at_place(Bus, station_code(stop, "--stop"), options) as (reader, time):
        passage = reader.ride(time, plain=plain)
    show_passage(passage, as_json=as_json)
