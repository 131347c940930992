# SPDX-License-Identifier: Apache-2.0
"""A card in a PC/SC reader, through pyscard (extra ``pcsc``).

>>> with PcscConnection("Virtual PCD 00 00") as connection:
...     connection.power_on()[:2].hex()
'3b6d'
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from sscard_chip.closing import Closing
from sscard_chip.standard.errors import REFUSED, ExtraMissingError, importing
from sscard_chip.terminal.connection import (
    CardRemovedError,
    ConnectionLostError,
    NoAnswerError,
    NoCardError,
    NotConnectedError,
    ReaderError,
    ShortAnswerError,
    TerminalConnectionError,
)

# names of the constants of pyscard, by what they mean to a terminal
_NOT_CONNECTED: Final = (
    "SCARD_E_UNKNOWN_READER",
    "SCARD_E_READER_UNAVAILABLE",
    "SCARD_E_NO_READERS_AVAILABLE",
    "SCARD_E_NO_SERVICE",
    "SCARD_E_SERVICE_STOPPED",
)
_NO_CARD: Final = ("SCARD_E_NO_SMARTCARD", "SCARD_W_REMOVED_CARD")
_NO_ANSWER: Final = (
    "SCARD_E_TIMEOUT",
    "SCARD_E_NOT_TRANSACTED",
    "SCARD_E_PROTO_MISMATCH",
    "SCARD_E_COMM_DATA_LOST",
    "SCARD_W_UNRESPONSIVE_CARD",
    "SCARD_W_UNPOWERED_CARD",
    "SCARD_W_RESET_CARD",
)


class _PackageMissingError(ExtraMissingError, NotConnectedError):
    """pyscard is not installed, so there is no reader."""

    exit_code = REFUSED


class PcscConnection(Closing):
    """A slot of a PC/SC reader.

    ``reader`` is its name, or any part that only one reader's name has. By default the card is
    for this program only: another's commands would spoil what the card remembers. Nothing is
    connected before :meth:`power_on`, which resets the card.

    Errors: NotConnectedError (pyscard or the service missing, no such reader), ReaderError,
    NoCardError, and in the middle of an exchange CardRemovedError, NoAnswerError and
    ShortAnswerError.
    """

    def __init__(
        self, reader: str, *, exclusive: bool = True, scard: ModuleType | None = None
    ) -> None:
        """``scard`` replaces the module of pyscard."""
        self._wanted = reader
        self._exclusive = exclusive
        self._scard: Any = scard or _load()
        self._context: Any = None
        self._card: Any = None
        self._pci: Any = None
        self._atr = b""

    @property
    def atr(self) -> bytes:
        """The ATR; the card is powered on for it when it has no power yet."""
        return self._atr or self.power_on()

    def power_on(self) -> bytes:
        """Cold reset: connect, or take the power away and give it back."""
        scard = self._scard
        if self._card is None:
            self._connect()
        return self._restart(scard.SCARD_UNPOWER_CARD)

    def reset(self) -> bytes:
        """Warm reset of a powered card."""
        return self._restart(self._scard.SCARD_RESET_CARD) if self._card else self.power_on()

    def power_off(self) -> None:
        """Take the power away; errors of a card that has left already do not matter."""
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_UNPOWER_CARD)
        self._card = None
        self._atr = b""

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command as the reader gives it, with 61xx and 6Cxx where T=0 has them."""
        if self._card is None:
            raise CardRemovedError("the card has no power")
        result, answer = self._scard.SCardTransmit(self._card, self._pci, list(apdu))
        if result != self._scard.SCARD_S_SUCCESS:
            raise self._lost(result)
        if len(answer) < 2:
            raise ShortAnswerError("the card's answer has no status word")
        return bytes(byte & 0xFF for byte in answer)

    def close(self) -> None:
        """Power off and leave the service."""
        self.power_off()
        self._release()

    # --- the service -------------------------------------------------------------------------

    def _connect(self) -> None:
        """Connect; once more when the context is an old one: a service that was restarted since
        knows it no more."""
        fresh = self._context is None
        try:
            self._attach()
        except (NotConnectedError, ReaderError):
            if fresh:
                raise
            self._attach()

    def _attach(self) -> None:
        scard = self._scard
        try:
            if self._context is None:
                result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
                self._check(result)
                self._context = context
            name = self._reader_name()
            share = scard.SCARD_SHARE_EXCLUSIVE if self._exclusive else scard.SCARD_SHARE_SHARED
            result, card, protocol = scard.SCardConnect(self._context, name, share, self._protocols)
            self._check(result)
        except (NotConnectedError, ReaderError):
            self._release()
            raise
        self._card = card
        self._use(protocol)

    def _release(self) -> None:
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)
        self._context = None

    def _restart(self, how: int) -> bytes:
        scard = self._scard
        share = scard.SCARD_SHARE_EXCLUSIVE if self._exclusive else scard.SCARD_SHARE_SHARED
        try:
            result, protocol = scard.SCardReconnect(self._card, share, self._protocols, how)
            self._check(result)
            self._use(protocol)
            result, _, _, _, atr = scard.SCardStatus(self._card)
            self._check(result)
        except TerminalConnectionError:
            self.power_off()
            raise
        self._atr = bytes(byte & 0xFF for byte in atr)
        return self._atr

    @property
    def _protocols(self) -> int:
        protocols: int = self._scard.SCARD_PROTOCOL_T0 | self._scard.SCARD_PROTOCOL_T1
        return protocols

    def _use(self, protocol: int) -> None:
        scard = self._scard
        self._pci = (
            scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
        )

    def _reader_name(self) -> str:
        """The full name of the reader that was asked for."""
        result, names = self._scard.SCardListReaders(self._context, [])
        if result in self._codes(_NOT_CONNECTED):
            names = []
        else:
            self._check(result)
        if self._wanted in names:
            return self._wanted
        found = [name for name in names if self._wanted.casefold() in name.casefold()]
        if len(found) != 1:
            count = f"{len(found)} of {len(names)} readers have this in their name"
            raise NotConnectedError(f"PC/SC reader {self._wanted!r}: {count}")
        return str(found[0])

    def _codes(self, names: tuple[str, ...]) -> set[int]:
        return {getattr(self._scard, name) for name in names if hasattr(self._scard, name)}

    def _check(self, result: int) -> None:
        """Raise what a result means while no command is under way."""
        if result == self._scard.SCARD_S_SUCCESS:
            return
        text = self._describe(result)
        if result in self._codes(_NO_CARD):
            raise NoCardError(text)
        if result in self._codes(_NOT_CONNECTED):
            raise NotConnectedError(text)
        if result in self._codes(_NO_ANSWER):
            raise NoAnswerError(text)
        raise ReaderError(text)

    def _lost(self, result: int) -> ConnectionLostError:
        """What a failed exchange means: the card is gone, or it does not answer."""
        gone = result in self._codes((*_NO_CARD, *_NOT_CONNECTED)) or not self._present()
        return (CardRemovedError if gone else NoAnswerError)(self._describe(result))

    def _present(self) -> bool:
        """Whether the reader still has the card; readers may report a pulled card as of a
        failed exchange."""
        result, *_ = self._scard.SCardStatus(self._card)
        return bool(result not in self._codes(_NO_CARD))

    def _describe(self, result: int) -> str:
        return f"PC/SC reader {self._wanted!r}: {self._scard.SCardGetErrorMessage(result)}"


def list_readers(scard: ModuleType | None = None) -> list[tuple[str, bool]]:
    """Every slot that the PC/SC service knows, and whether a card is in it.

    :raises NotConnectedError: pyscard or the service is missing.
    """
    library: Any = scard or _load()
    result, context = library.SCardEstablishContext(library.SCARD_SCOPE_USER)
    if result != library.SCARD_S_SUCCESS:
        raise NotConnectedError(f"PC/SC: {library.SCardGetErrorMessage(result)}")
    try:
        result, names = library.SCardListReaders(context, [])
        if result != library.SCARD_S_SUCCESS:
            return []
        asked = [(name, library.SCARD_STATE_UNAWARE) for name in names]
        result, states = library.SCardGetStatusChange(context, 0, asked) if asked else (0, [])
        if result != library.SCARD_S_SUCCESS:
            raise NotConnectedError(f"PC/SC: {library.SCardGetErrorMessage(result)}")
        return [(str(name), bool(state & library.SCARD_STATE_PRESENT)) for name, state, _ in states]
    finally:
        library.SCardReleaseContext(context)


def _load() -> ModuleType:
    with importing("pcsc", "PC/SC", _PackageMissingError):
        from smartcard import scard
    module: ModuleType = scard
    return module
