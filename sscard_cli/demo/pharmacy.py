# SPDX-License-Identifier: Apache-2.0
"""The end of the demonstration: the card pays in a pharmacy, with card and PSAM in the reader."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sscard_chip.card import Card
from sscard_chip.reader import ContactInterface, VirtualReader
from sscard_chip.reader.interface import Connection
from sscard_chip.reader.pcscd import PcscUnavailableError, PrivateDaemon
from sscard_chip.standard.errors import ExtraMissingError, require
from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion, Split
from sscard_chip.terminal.connection import NoCardError, connect_card
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_chip.terminal.pos import Bill, Till, TillSettings

_PHARMACY: Final = "P51010000001"
_BILL: Final = Bill(Split(account_fen=1260, self_paid_fen=340, pooled_fen=2400))
_READERS: Final = ("Virtual PCD 00 00", "Virtual PCD 00 01")
_PATIENCE_S: Final = 10.0
_WIDTH: Final = 92


def sell(
    card: Card, psam: Card, city: str, pin: str, day: Path, say: Callable[[str], None]
) -> None:
    """Sell something for 40.00 yuan and print the receipt; by PC/SC where that is possible.

    ``day`` is the day file, closed in the end.
    """
    try:
        with _pcsc_slots(card, psam) as slots:
            say("  card and PSAM are in the two slots of a PC/SC reader")
            _sell(*slots, city, pin, day, say)
    except (PcscUnavailableError, ExtraMissingError) as error:
        say(f"  in process, not over PC/SC: {error}")
        _sell(connect_card(card), connect_card(psam), city, pin, day, say)


@contextmanager
def _pcsc_slots(card: Card, psam: Card) -> Iterator[tuple[Connection, Connection]]:
    require("pcsc", "PC/SC", "smartcard")
    with PrivateDaemon() as daemon:
        os.environ.update(daemon.environment)
        slots = [ContactInterface(card), ContactInterface(psam)]
        with VirtualReader(slots, daemon.host, daemon.port):
            connections = PcscConnection(_READERS[0]), PcscConnection(_READERS[1])
            _wait_for(connections)
            yield connections


def _wait_for(connections: tuple[Connection, Connection]) -> None:
    """pcscd looks for a new card every 0.4 s."""
    deadline = time.monotonic() + _PATIENCE_S
    for connection in connections:
        while True:
            try:
                connection.power_on()
                break
            except NoCardError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def _sell(
    card: Connection,
    psam: Connection,
    city: str,
    pin: str,
    day: Path,
    say: Callable[[str], None],
) -> None:
    settings = TillSettings(_PHARMACY, SettlementRegion(city, SettlementMode.OFFLINE))
    with Till.open(settings, card, psam, day, pin_entry=lambda remaining_tries: pin) as till:
        receipt = till.sell(_BILL).receipt
        for line in receipt.text().splitlines() if receipt else ():
            say(f"  {line}")
        till.close_day()
    say("  and the day file, closed:")
    for row in day.read_text(encoding="utf-8").splitlines():
        shown = "  ".join(cell for cell in row.split("\t") if cell != "null")
        say(f"  {shown[:_WIDTH]}{'…' if len(shown) > _WIDTH else ''}")
