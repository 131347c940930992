# SPDX-License-Identifier: Apache-2.0
"""Allocation onto the card (账户划入): what a terminal asks a settlement centre, and its answers.

A load is known by the card and its 划入序号, and has one amount for ever: whatever is cut off and
asked again, a number of the card brings its amount once. So every step may be repeated, at any
terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol


class LoadDue(NamedTuple):
    """What a card is to get: fen, 0 for nothing; ``key_index`` is that of INITIALIZE FOR LOAD.

    ``number`` is that of a load that was begun and is not known to be done, None without one:
    then the card is asked for its proof, and without one the same amount is tried again.
    """

    fen: int
    number: int | None = None
    key_index: int = 1


@dataclass(frozen=True, slots=True, repr=False)
class LoadRequest:
    """The answer of INITIALIZE FOR LOAD, and what was asked.

    ``time`` is the terminal's (YYYYMMDDhhmmss, local), ``algorithm`` ``"3des"`` or ``"sm4"``,
    ``key_version`` the card's, ``random`` and ``mac1`` 4 bytes.
    """

    card_id_code: bytes
    card_number: str
    terminal_id: str
    time: str
    algorithm: str
    amount_fen: int
    balance_fen: int
    number: int
    key_version: int
    random: bytes
    mac1: bytes


@dataclass(frozen=True, slots=True, repr=False)
class LoadGrant:
    """The host's time (YYYYMMDDhhmmss) and MAC2 (4 bytes) for CREDIT FOR LOAD.

    Both are empty when the centre has learned from the request that an earlier load was made:
    what is due now has to be asked for again.
    """

    time: str = ""
    mac2: bytes = b""


class LoadCentre(Protocol):
    """The host of loads. Every method raises :class:`~sscard_chip.dayfile.authoriser.CentreError`
    or one of its kinds.
    """

    def due(self, card_id_code: bytes, card_number: str, time: str) -> LoadDue:
        """What the centre has posted and the card has not got; changes nothing."""

    def authorise(self, request: LoadRequest) -> LoadGrant:
        """MAC2 for the load, which counts from now on, until the card says that it was not made."""

    def confirm(self, card_id_code: bytes, number: int, tac: bytes, time: str) -> None:
        """The card has made its load ``number``: its TAC (4 bytes)."""
