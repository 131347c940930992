# SPDX-License-Identifier: Apache-2.0
"""The ways in which a connection to a card fails.

A card that refuses answers a status word, which is no error of the connection.
"""

from __future__ import annotations

from sscard_chip.standard.errors import CardReaderError


class TerminalConnectionError(CardReaderError):
    """A connection that failed. The text is one line and holds no data of a command."""


class NotConnectedError(TerminalConnectionError):
    """There is no such reader, or no PC/SC service."""


class ReaderError(TerminalConnectionError):
    """The reader or its service failed."""


class NoCardError(TerminalConnectionError):
    """The slot is empty."""


class ConnectionLostError(TerminalConnectionError):
    """A command was under way, or may have been: whether the card ran it is not known."""


class CardRemovedError(ConnectionLostError, NoCardError):
    """The card left the reader; what it was asked last may be done or not."""


class NoAnswerError(ConnectionLostError):
    """The card did not answer in time; ``after_s``: how long a reader waits until it says so."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class ShortAnswerError(ConnectionLostError):
    """The answer has fewer than two bytes, so there is no status word."""
