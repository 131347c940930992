# SPDX-License-Identifier: Apache-2.0
"""What a run judges: a card image, of which every case gets a copy, or a card that stays one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from sscard_chip.card import Card
from sscard_chip.memory import Memory, load_image, read_image
from sscard_chip.reader.interface import Connection, ContactInterface, ContactlessInterface

Wrap = Callable[[Connection], Connection]
"""Puts something between a run and a card."""


class JudgedCard(Protocol):
    """A card to be judged.

    ``lasting``: it keeps what a case does to it. ``connect`` gives the connection for a case.
    """

    @property
    def name(self) -> str:
        """What the report calls it."""

    @property
    def lasting(self) -> bool:
        """Whether the card keeps what is done to it."""

    def connect(self) -> Connection:
        """A connection for the next case."""


class ImageTarget:
    """The card of an image. Each case gets a fresh copy in memory; the file is only read.

    ``wrap`` puts a filter around each connection.

    :raises CardImageError: foreign or damaged.
    """

    lasting = False

    def __init__(
        self,
        image: bytes | Memory,
        *,
        name: str = "",
        contactless: bool = False,
        wrap: Wrap | None = None,
    ) -> None:
        self.name = name
        self._memory = image if isinstance(image, Memory) else load_image(image)
        self._contactless = contactless
        self._wrap = wrap
        self.connect()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, contactless: bool = False) -> ImageTarget:
        """The card of an image file, as it is at this moment.

        :raises CardImageError:
        :raises OSError: any other.
        """
        return cls(read_image(path), name=os.path.basename(path), contactless=contactless)

    def connect(self) -> Connection:
        """A new copy of the card, behind its interface.

        :raises InterfaceNotSupportedError: contactless, and the card has contacts only.
        """
        card = Card(self._memory.copy())
        plain: Connection = (
            ContactlessInterface(card) if self._contactless else ContactInterface(card)
        )
        return self._wrap(plain) if self._wrap else plain


class ConnectionTarget:
    """A card behind one connection, which keeps what is done to it: in a reader, or of a program's
    own."""

    lasting = True

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self._connection = connection

    def connect(self) -> Connection:
        """The connection."""
        return self._connection
