# SPDX-License-Identifier: Apache-2.0
"""A card image in a slot, behind its interface, whose power can fail in the middle of a write."""

from __future__ import annotations

import os
from pathlib import Path

from sscard_chip.card import Card
from sscard_chip.closing import Closing
from sscard_chip.memory import CardImageError, Durability
from sscard_chip.memory.cut import CutMedium, Kept
from sscard_chip.memory.image import open_medium
from sscard_chip.memory.medium import FileMedium
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import ContactInterface, ContactlessInterface


class ImageInSlot(ForwardingConnection, Closing):
    """A :class:`~sscard_chip.reader.interface.Connection` to the card of an image file.

    Over T=0, or with ``contactless`` without contacts. The file is locked until :meth:`close`.

    :raises CardImageError: foreign, truncated or damaged.
    :raises CardInUseError: another program has the card.
    :raises InterfaceNotSupportedError: contactless, and the card has contacts only.
    :raises OSError: any other.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        contactless: bool = False,
        durability: Durability = Durability.OS,
    ) -> None:
        self.path = Path(path)
        self._contactless = contactless
        self._durability = durability
        self.closed = False
        self._medium = CutMedium(FileMedium(self.path))
        try:
            self.restart()
        except BaseException as error:
            self._medium.close()
            if isinstance(error, CardImageError):
                raise CardImageError(f"{path}: {error}") from None
            raise

    @property
    def contactless(self) -> bool:
        """Whether it is in a reader without contacts."""
        return self._contactless

    def cut_power_at(self, write: int, kept: Kept) -> None:
        """Have the power fail at the write of that number from now on; 0 for none."""
        self._medium.cut_at(write, kept)

    def restart(self) -> None:
        """Begin again with what the medium holds, as a card does that gets power again.

        :raises CardImageError: it is no card.
        """
        self._medium.restore()
        self._card = card = Card(open_medium(self._medium, self._durability))
        super().__init__(
            ContactlessInterface(card) if self._contactless else ContactInterface(card)
        )

    def close(self) -> None:
        """Power off and release the file, with everything committed in it."""
        self.closed = True
        self._card.close()
