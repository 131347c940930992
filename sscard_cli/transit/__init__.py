# SPDX-License-Identifier: Apache-2.0
"""``sscard transit``: cards of 交通联合 at gates, in buses, at the desk and in the centre."""

from __future__ import annotations

from typing import Final

import click

from sscard_cli.lazy import LazyGroup

_ROOM: Final = "sscard_cli.transit"

# command -> (module, attribute, one-line help)
COMMANDS: Final = {
    "issue-keys": (f"{_ROOM}.issue", "issue_keys", "Make a gate's PSAM with the issuer's keys."),
    "tap-in": (f"{_ROOM}.gates", "tap_in", "Go in at a gate (进站)."),
    "tap-out": (f"{_ROOM}.gates", "tap_out", "Go out at a gate (出站), and pay."),
    "bus": (f"{_ROOM}.gates", "bus", "Pay in a bus."),
    "load": (f"{_ROOM}.issue", "load", "Load the purse (圈存)."),
    "update": (f"{_ROOM}.desk", "update", "Update a journey at the service desk (补票)."),
    "lock": (f"{_ROOM}.desk", "lock", "Lock a card (锁卡)."),
    "show": (f"{_ROOM}.show", "show", "What a transport application holds."),
    "day-file": (f"{_ROOM}.files", "day_file", "Write what a gate has recorded as a day file."),
    "settle": (f"{_ROOM}.centre", "settle", "Centre: verify day files, book each tap once."),
    "statement": (f"{_ROOM}.centre", "statement", "Centre: what each operator is owed."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def transit() -> None:
    """Transport cards (交通联合): gates, buses, the service desk, and what they upload.

    Gates are contactless. A region's document says what a journey costs; a gate's journal keeps
    its records and what a break has left open.

    \b
    Example:
      sscard transit issue-keys --transport-keys t.json --terminal-id 510100000001 --out p.ssc
      sscard transit tap-in card.ssc --psam p.ssc --region r.toml --station 00010001 --journal j
      sscard transit tap-out card.ssc --psam p.ssc --region r.toml --station 00010003 --journal j
    """
