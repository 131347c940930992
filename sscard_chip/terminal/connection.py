# SPDX-License-Identifier: Apache-2.0
"""What a terminal is connected to: one protocol for a card in process, in a PC/SC reader, or in a
recorded session.

The protocol is :class:`Connection`, the one that the reader's interfaces have. A connection that
fails raises an error of :mod:`sscard_chip.reader.failures`; a card that refuses answers a status
word, which is no error of the connection.

>>> connection = connect_card(Card.open("zhang.ssc"))
>>> connection.power_on()[:2].hex()
'3b6d'
"""

from __future__ import annotations

from dataclasses import dataclass

from sscard_chip.card import Card
from sscard_chip.reader.failures import (
    CardRemovedError,
    ConnectionLostError,
    NoAnswerError,
    NoCardError,
    NotConnectedError,
    ReaderError,
    ShortAnswerError,
    TerminalConnectionError,
)
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import Connection, ContactInterface, ContactlessInterface

__all__ = [
    "CardRemovedError",
    "Connection",
    "ConnectionLostError",
    "EmptySlot",
    "ForwardingConnection",
    "NoAnswerError",
    "NoCardError",
    "NotConnectedError",
    "ReaderError",
    "ShortAnswerError",
    "Slots",
    "TerminalConnectionError",
    "connect_card",
]


class EmptySlot:
    """A slot without a card: powering on fails with :class:`NoCardError`."""

    @property
    def atr(self) -> bytes:
        """There is none."""
        raise NoCardError("no card in the slot")

    def power_on(self) -> bytes:
        """Power the card, which must be there.

        :raises NoCardError:
        """
        return self.atr

    def reset(self) -> bytes:
        """Reset the card, which must be there.

        :raises NoCardError:
        """
        return self.atr

    def power_off(self) -> None:
        """Nothing to do."""

    def transmit(self, apdu: bytes) -> bytes:
        """A command to the card, which must be there.

        :raises NoCardError:
        """
        return self.atr


def connect_card(card: Card, *, contactless: bool = False) -> Connection:
    """A card of this process as a reader shows it: over T=0, or without contacts.

    :raises InterfaceNotSupportedError: contactless, and the card has contacts only.
    """
    return ContactlessInterface(card) if contactless else ContactInterface(card)


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a terminal: the holder's card with and without contacts, and the PSAM.

    None where the terminal has no such slot.
    """

    contact: Connection | None = None
    contactless: Connection | None = None
    psam: Connection | None = None

    @classmethod
    def of_card(cls, card: Card, psam: Card | None = None) -> Slots:
        """A card of this process behind every interface that it has."""
        return cls(
            contact=connect_card(card),
            contactless=connect_card(card, contactless=True) if card.contactless else None,
            psam=None if psam is None else connect_card(psam),
        )
