# SPDX-License-Identifier: Apache-2.0
"""What a card image allows and a real card does not: power that fails in the middle of a write,
and an account that stands at its end."""

from __future__ import annotations

from sscard_chip.applications.amounts import decode_account, initial_content
from sscard_chip.card import Card
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Durability, Memory
from sscard_chip.memory.cut import CutMedium, Kept
from sscard_chip.memory.image import open_medium
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import Connection, ContactInterface, ContactlessInterface
from sscard_chip.standard.identifiers import DF04


class _Bytes:
    """A medium in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = bytearray(content)

    def read(self) -> bytes:
        return bytes(self._content)

    def write(self, offset: int, data: bytes) -> None:
        self._content[offset : offset + len(data)] = data

    def sync(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def behind_interface(card: Card, *, contactless: bool) -> Connection:
    """A card over T=0 or without contacts.

    :raises InterfaceNotSupportedError: contactless, and the card has contacts only.
    """
    return ContactlessInterface(card) if contactless else ContactInterface(card)


class CuttableImage(ForwardingConnection):
    """A copy of a card whose power can fail in the middle of a write
    (:class:`~sscard_chip.reader.faulty.PowerCutTarget`)."""

    def __init__(self, memory: Memory, *, contactless: bool) -> None:
        self._contactless = contactless
        self._medium = CutMedium(_Bytes(Card(memory.copy()).image()))
        self.restart()

    def cut_power_at(self, write: int, kept: Kept) -> None:
        """Have the power fail at the write of that number from now on; 0 for none."""
        self._medium.cut_at(write, kept)

    def restart(self) -> None:
        """Begin again with what the medium holds.

        :raises CardImageError: it is no card any more.
        """
        self._medium.restore()
        card = Card(open_medium(self._medium, Durability.OS))
        super().__init__(behind_interface(card, contactless=self._contactless))


def with_account(memory: Memory, **fields: int | str) -> Memory:
    """A copy of a card whose amount file has these fields, as of
    :func:`~sscard_chip.applications.amounts.initial_content`; the same card when it has none."""
    copy = memory.copy()
    for directory in FileSystem(copy).directories:
        file = directory.amount_file
        if directory.fid != DF04 or file is None:
            continue
        now = decode_account(bytes(copy.cells[file.body : file.body + file.size]))
        known: dict[str, int | str] = {
            "load_counter": now.load_counter,
            "purchase_counter": now.purchase_counter,
            "balance_fen": now.balance_fen,
            "self_paid_total_fen": now.self_paid_total_fen,
            "pooled_total_fen": now.pooled_total_fen,
            "year": now.year.hex(),
            "starting_day": now.starting_day.hex(),
        }
        copy.write(file.body, initial_content(**(known | fields)))  # type: ignore[arg-type]
        copy.commit()
    return copy
