# SPDX-License-Identifier: Apache-2.0
"""What a run judges: a card image, of which every case gets a copy, or a card that stays one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from sscard_chip.card import Card
from sscard_chip.memory import Memory, load_image, read_image
from sscard_chip.reader.faulty import FaultAt, FaultyConnection
from sscard_chip.reader.interface import Connection
from sscard_chip.terminal.conformance.images import (
    CuttableImage,
    behind_interface,
    with_account,
)

Wrap = Callable[[Connection], Connection]
"""Puts something between a run and a card."""

Arm = Callable[[FaultAt], object]
"""Sets a fault for the next command."""


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

    @property
    def cuttable(self) -> bool:
        """Whether its power can be cut in the middle of a command."""

    def connect(self) -> Connection:
        """A connection for the next case."""

    def connect_cuttable(self) -> tuple[Connection, Arm | None]:
        """The same, with what sets faults of its power where that is possible."""


class ImageTarget:
    """The card of an image. Each case gets a fresh copy in memory; the file is only read.

    ``wrap`` puts a filter around each connection.

    :raises CardImageError: foreign or damaged.
    """

    lasting = False
    cuttable = True

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
        return self._wrapped(
            behind_interface(Card(self._memory.copy()), contactless=self._contactless)
        )

    def connect_cuttable(self) -> tuple[Connection, Arm | None]:
        """A new copy whose power can fail in the middle of a write, and what has it fail."""
        slot = FaultyConnection(CuttableImage(self._memory, contactless=self._contactless))
        return self._wrapped(slot), slot.arm

    def connect_with_account(self, **fields: int | str) -> Connection:
        """A new copy whose account has these fields; see :func:`.images.with_account`."""
        memory = with_account(self._memory, **fields)
        return self._wrapped(behind_interface(Card(memory), contactless=self._contactless))

    def _wrapped(self, plain: Connection) -> Connection:
        return self._wrap(plain) if self._wrap else plain


class ConnectionTarget:
    """A card behind one connection, which keeps what is done to it: in a reader, or of a program's
    own.

    ``arm`` sets faults of its power, where the reader has hands for that.
    """

    lasting = True

    def __init__(self, connection: Connection, name: str, *, arm: Arm | None = None) -> None:
        self.name = name
        self._connection = connection
        self._arm = arm

    @property
    def cuttable(self) -> bool:
        """Whether its power can be cut in the middle of a command."""
        return self._arm is not None

    def connect(self) -> Connection:
        """The connection."""
        return self._connection

    def connect_cuttable(self) -> tuple[Connection, Arm | None]:
        """The connection, and what sets faults."""
        return self._connection, self._arm
