# SPDX-License-Identifier: Apache-2.0
"""Serve cards to a vpcd in a process of their own: card_server.py PORT SLOT [SLOT]

SLOT is INTERFACE:CARD; interface is contact or contactless, card is ``toy`` or an image file.
"""

from __future__ import annotations

import sys

from sscard_chip.card import Card
from sscard_chip.reader import CardCore, Connection, ContactInterface, ContactlessInterface, serve
from tests.reader.toy_card import ToyCard


def make_slot(slot: str) -> Connection:
    interface, _, name = slot.partition(":")
    contactless = interface == "contactless"
    card: CardCore = ToyCard(contactless=contactless) if name == "toy" else Card.open(name)
    return ContactlessInterface(card) if contactless else ContactInterface(card)


if __name__ == "__main__":
    serve([make_slot(slot) for slot in sys.argv[2:]], port=int(sys.argv[1]))
