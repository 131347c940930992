# SPDX-License-Identifier: Apache-2.0
"""A card: one memory, an engine, and the four things a reader can do to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from sscard_chip.apdu.dispatch import Dispatcher
from sscard_chip.apdu.instructions import BASE, BASE_SHORTCUTS
from sscard_chip.apdu.session import Application, Session
from sscard_chip.applications.bank import ACTIVATION, BANK, enter_bank
from sscard_chip.applications.issuing import ISSUING
from sscard_chip.applications.medical import MEDICAL, MEDICAL_SHORTCUTS
from sscard_chip.applications.pki import PKI, enter_pki
from sscard_chip.applications.psam import PSAM, PSAM_KIND
from sscard_chip.applications.purse import PURSE, enter_purse
from sscard_chip.applications.transit import TRANSIT, enter_transit
from sscard_chip.closing import Closing
from sscard_chip.filesystem.layout import CONTACTLESS_AT, KIND_AT, ApplicationType
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import (
    CardImageError,
    Durability,
    Memory,
    create_image,
    load_image,
    open_image,
)
from sscard_chip.memory.medium import image_held
from sscard_chip.standard.errors import CardError
from sscard_chip.wholefile import whole_file

_SHORTCUTS: Final = BASE_SHORTCUTS | MEDICAL_SHORTCUTS
_CARD: Final[Mapping[int, Application]] = {
    ApplicationType.SOCIAL_SECURITY: Dispatcher((*BASE, *ISSUING, *MEDICAL), _SHORTCUTS),
    ApplicationType.BANK: Dispatcher(BANK, enter=enter_bank, lasting=True),
    ApplicationType.PURSE: Dispatcher(PURSE, enter=enter_purse),
    ApplicationType.TRANSIT: Dispatcher(TRANSIT, enter=enter_transit),
    ApplicationType.PKI: Dispatcher(PKI, enter=enter_pki, lasting=True),
}
_BANK_CARD: Final[Mapping[int, Application]] = {
    **_CARD,
    ApplicationType.SOCIAL_SECURITY: Dispatcher(
        (*BASE, *ISSUING, *MEDICAL, *ACTIVATION), _SHORTCUTS
    ),
}
"""The same for a card with a bank part, which may be dormant."""
_PSAM: Final[Mapping[int, Application]] = {ApplicationType.SOCIAL_SECURITY: Dispatcher(PSAM)}


def _applications(files: FileSystem) -> Mapping[int, Application]:
    """What runs the commands of a card, by the type of the current directory.

    How an application is added: ``apdu/dispatch.py``. Raises CardImageError.
    """
    kind = files.memory.cells[KIND_AT]
    if kind not in (0, PSAM_KIND):
        raise CardImageError("a kind of card that this program does not know")
    types = {directory.application_type for directory in files.directories}
    known = _PSAM if kind else _BANK_CARD if ApplicationType.BANK in types else _CARD
    if not types <= set(known):
        raise CardImageError("an application that this program does not know")
    return known


class NotPoweredError(CardError, RuntimeError):
    """A command for a card that is not powered: nothing could answer it."""


class Card(Closing):
    """A social security card (社会保障卡) of any generation.

    It takes whole commands and gives whole answers; the mapping to T=0 or to the contactless
    protocol is the reader's. A card has one owner and is not for several threads at once.

    >>> with Card.open("zhang.ssc") as card:
    ...     card.power_on()[:2].hex(), card.transmit(bytes.fromhex("0084000008"))[-2:].hex()
    ('3b6d', '9000')
    """

    __slots__ = ("_applications", "_files", "_memory", "_mounted", "_session")

    def __init__(self, image: bytes | Memory) -> None:
        """From the content of an image file, or from a memory.

        :raises CardImageError:
        """
        self._memory = image if isinstance(image, Memory) else load_image(image)
        self._files = FileSystem(self._memory)
        self._applications = _applications(self._files)
        self._session: Session | None = None
        self._mounted = True  # and no command has run since

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, durability: Durability = Durability.OS) -> Self:
        """Open an image file; what commands change is kept there as ``durability`` says.

        :raises CardImageError:
        :raises CardInUseError:
        :raises OSError: any other.
        """
        memory = open_image(path, durability)
        try:
            return cls(memory)
        except CardImageError as error:
            memory.close()
            raise CardImageError(f"{path}: {error}") from None

    @property
    def historical_bytes(self) -> bytes:
        """The 13 historical bytes (历史字节); the last 8 are the diversification factor."""
        return self._files.historical_bytes

    @property
    def atr(self) -> bytes:
        """The answer to reset on the contacts: T=0, direct convention (LD/T 32.2)."""
        return b"\x3b\x6d\x00\x00" + self.historical_bytes

    @property
    def contactless(self) -> bool:
        """Whether the card has the contactless interface too (third generation)."""
        return bool(self._memory.cells[CONTACTLESS_AT])

    @property
    def files(self) -> FileSystem:
        """The mounted files, for programs that show a card's content to people."""
        return self._files

    def power_on(self) -> bytes:
        """Cold reset: forget everything volatile, select the MF, return the ATR."""
        if not self._mounted:
            self._files = FileSystem(self._memory)
        self._mounted = False
        files = self._files
        self._session = Session(self._memory, files, files.root, self._applications)
        return self.atr

    def reset(self) -> bytes:
        """Warm reset; the same as a cold one."""
        return self.power_on()

    def on_contacts(self) -> None:
        """Say that the terminal reaches the card by its contacts, until the next reset.

        A card that is not told takes commands of both interfaces.
        """
        if self._session is not None:
            self._session.contacts = True

    def power_off(self) -> None:
        """Forget everything volatile."""
        self._session = None

    def transmit(self, apdu: bytes) -> bytes:
        """Run a command APDU and return data and status word, two bytes at least.

        Any bytes are answered.

        :raises NotPoweredError: when the card has no power.
        """
        session = self._session
        if session is None:
            raise NotPoweredError("the card is not powered: call power_on() first")
        return session.execute(session, apdu)

    def image(self) -> bytes:
        """The content of an image file that holds the card as it is now."""
        return create_image(self._memory)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an image file, whole or not at all.

        :raises CardInUseError: when a card is open on that very file.
        :raises OSError: any other.
        """
        with image_held(Path(path)), whole_file(path, durable=True) as new:
            new.write_bytes(self.image())

    def close(self) -> None:
        """Power off and release the image file, with everything committed in it."""
        self.power_off()
        self._memory.close()
