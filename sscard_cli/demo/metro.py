# SPDX-License-Identifier: Apache-2.0
"""The transport part of the demonstration: the same card goes in and out at a metro's gates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from issuance.psam import make_transport_psam
from issuance.roots import RootKeys
from issuance.transport import TransportIssuer, transport_slots
from sscard_chip.card import Card
from sscard_chip.security.diversify import KEY_LENGTH
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.documents import convert
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.transit import MetroGate, TransitRegion, TransitSam
from sscard_cli.demo.terminal import line

RIDER: Final = {"balance_fen": 5_000}
"""The transport application of the holder whose card rides."""

_REGION: Final = {
    "format": "sscard-transit-region/1",
    "city": "5840",
    "organisation": "02005840FFFFFFFF",
    "operator": "0001",
    "merchant": "00000001",
    "stations": {"00010001": {"name": "North gate"}, "00010003": {"name": "South lake"}},
    "fares": {"by": "stations", "highest_fen": 400},
}


def create_transport(random: Callable[[int], bytes]) -> TransportIssuer:
    """A transport issuer with random root keys of its own."""
    return TransportIssuer(RootKeys({slot: random(KEY_LENGTH) for slot in transport_slots()}))


def ride(card: Card, issuer: TransportIssuer, say: Callable[[str], None]) -> None:
    """An entry and, a while later, an exit."""
    slot = connect_card(card, contactless=True)
    slot.power_on()
    psam = Card(make_transport_psam(issuer.store, terminal_id="440300000009"))
    sam, region = TransitSam(connect_card(psam)), convert(TransitRegion, _REGION)
    begins, ends = (MetroGate(slot, sam, region, bytes.fromhex(code)) for code in region.stations)
    now = datetime.now()
    entry = begins.enter(_bcd(now))
    say(line("进站 entry", f"{yuan(entry.amount_fen)} yuan, purse {yuan(entry.balance_fen)}"))
    leave = ends.leave(_bcd(now + timedelta(minutes=20)))
    tac = leave.record.tac.hex().upper()
    paid = f"{yuan(leave.amount_fen)} yuan, purse {yuan(leave.balance_fen)}"
    say(line("出站 exit", f"{paid}, TAC {tac}"))


def _bcd(moment: datetime) -> bytes:
    return bytes.fromhex(moment.strftime(TIME))
