# SPDX-License-Identifier: Apache-2.0
"""The two ways a reader reaches the card: contacts with T=0, and the contactless interface.

The card takes whole commands and gives whole answers. What a real reader sees differs by
transport, and only here: T=0 (ISO/IEC 7816-3 clause 12.2, LD/T 32.2) cannot carry data both
ways in one exchange, so it answers 61xx and 6Cxx; the contactless interface (ISO/IEC 14443-4)
answers directly. Both keep at most one answer back, for GET RESPONSE (取响应).
"""

from __future__ import annotations

import logging
from typing import Final, Protocol, runtime_checkable

from sscard_chip.card import NotPoweredError
from sscard_chip.faults import describe_fault
from sscard_chip.standard.commands import GET_RESPONSE, READ_BINARY, SELECT
from sscard_chip.standard.errors import BAD_INPUT, CardReaderError
from sscard_chip.standard.status import StatusWord

_LOG: Final = logging.getLogger(__name__)

_GET_RESPONSE: Final = GET_RESPONSE.code
_READER_GET_DATA: Final = b"\xff\xca"
_RESERVED_UID: Final = (0x08, 0x88, 0xF8)
"""First bytes of a UID with a meaning of their own: random, cascade tag, not to be used."""
_MAX_SHORT: Final = 256
"""What one answer with short length fields can carry; Le or P3 of 00 stands for it."""

_FAULT: Final = StatusWord.NO_GET_RESPONSE_DATA.to_bytes(2, "big")
_NOTHING_WAITS: Final = StatusWord.NO_GET_RESPONSE_DATA.to_bytes(2, "big")
_WRONG_LENGTH: Final = StatusWord.WRONG_LENGTH.to_bytes(2, "big")
_END_BEFORE_LE: Final = b"\x62\x82"
"""With the data, when there are fewer bytes than Le (PC/SC part 3, 3.2.2.1.3)."""
_INCORRECT_P1_P2: Final = StatusWord.INCORRECT_P1_P2.to_bytes(2, "big")

_ATS_HEAD: Final = bytes.fromhex("7880A002")
"""T0 78 (FSCI 8, TA, TB and TC follow), TA1 80, TB1 A0 (FWI 10, SFGI 0), TC1 02 (CID)."""


class InterfaceNotSupportedError(CardReaderError, ValueError):
    """The card has no interface of this kind: contactless came with generation 3.0."""

    exit_code = BAD_INPUT


class CardCore(Protocol):
    """What an interface needs of a card; :class:`sscard_chip.Card` has it."""

    @property
    def atr(self) -> bytes:
        """Contact ATR (复位应答), known also while the card has no power."""

    @property
    def historical_bytes(self) -> bytes:
        """The 13 historical bytes (历史字节) T1 to TD."""

    @property
    def contactless(self) -> bool:
        """True when the card has a contactless interface."""

    def power_on(self) -> bytes:
        """Start a session; return the contact ATR."""

    def reset(self) -> bytes:
        """Warm reset; return the contact ATR."""

    def power_off(self) -> None:
        """End the session: selection and security status are gone."""

    def transmit(self, apdu: bytes) -> bytes:
        """One whole command in, data and status word out."""


@runtime_checkable
class TwoInterfaceCard(Protocol):
    """A card whose applications depend on how the terminal reaches it."""

    def on_contacts(self) -> None:
        """The session that has begun is one on contacts."""


class Connection(Protocol):
    """A card as a reader's slot sees it.

    ``atr`` is there at any time. ``transmit`` always answers two bytes or more.
    """

    @property
    def atr(self) -> bytes:
        """The answer to reset that the slot reports, 2 to 33 bytes."""

    def power_on(self) -> bytes:
        """Start a session; return the ATR."""

    def reset(self) -> bytes:
        """Reset the powered card; return the ATR."""

    def power_off(self) -> None:
        """End the session."""

    def transmit(self, apdu: bytes) -> bytes:
        """One command in, one answer of two bytes or more out."""


class _WaitingResponse:
    """Data of the last command that the terminal has not fetched yet, 1 byte or more."""

    __slots__ = ("_body", "_sw")

    def __init__(self, answer: bytes) -> None:
        self._body = answer[:-2]
        self._sw = answer[-2:]

    def __len__(self) -> int:
        return len(self._body)

    @property
    def announcement(self) -> bytes:
        """61xx for what is here."""
        return bytes((0x61, _sw2(len(self._body))))

    def take(self, size: int) -> bytes:
        """Give the first `size` bytes with 61xx for the rest, or with the final status word."""
        body = self._body
        self._body = body[size:]
        return body[:size] + (self.announcement if self._body else self._sw)


def _sw2(length: int) -> int:
    """SW2 of 61xx and 6Cxx: the length, 00 for 256 bytes and more."""
    return length if length < _MAX_SHORT else 0


def _fault(apdu: bytes, fault: Exception | None) -> bytes:
    """Log that the card failed, or gave less than two bytes (`fault` None); return 6F00.

    An empty answer makes SCardTransmit wait for ever, so nothing shorter leaves this module.
    The log names the header and the place of the fault, never data of the command.

    :raises NotPoweredError: again; it is a mistake of the caller's, not of the card.
    """
    if isinstance(fault, NotPoweredError):
        raise fault
    reason = "no status word" if fault is None else describe_fault(fault)
    _LOG.error("card fault in command %s: %s", apdu[:4].hex().upper(), reason)
    return _FAULT


class ContactInterface:
    """The card behind its contacts, T=0 (ISO/IEC 7816-3 clauses 10.3 and 12.2, LD/T 32.2).

    * A command with a data field that yields data answers 61xx; xx is the length, 00 for 256
      and more. A trailing Le is not sent over T=0 and makes no difference.
    * GET RESPONSE gives the data, in as many pieces as the terminal likes. More than is there,
      or 00 for less than 256, answers 6Cxx and the data stay; with nothing there 6F00.
      Any other command drops the data, so a terminal need not fetch them.
    * A command without data field gives its data when Le is their exact length, else 6Cxx.

    Over the wire a command of four bytes is one with P3 = 00, and P3 is Lc for SELECT
    and Le for the rest: ``00A40000`` answers 61xx, ``00B20104`` answers 6Cxx.

    The object belongs to one thread.
    """

    __slots__ = ("_card", "_refused", "_transmit", "_two_interfaces", "_waiting")

    def __init__(self, card: CardCore) -> None:
        self._card = card
        self._two_interfaces = card if isinstance(card, TwoInterfaceCard) else None
        self._transmit = card.transmit
        self._waiting: _WaitingResponse | None = None
        # Header and answer of the last command refused with 6Cxx. A chip looks at P3 before it
        # acts; here the card has acted already. Repeating must not act twice (READ RECORD "next"
        # would skip one, a random number would change), so the repeat is answered from this.
        self._refused: tuple[bytes, bytes] | None = None

    @property
    def atr(self) -> bytes:
        """Contact ATR, ``3B 6D 00 00`` and 13 historical bytes."""
        return self._card.atr

    def power_on(self) -> bytes:
        """Start a session (cold reset, 冷复位); return the ATR."""
        self._forget()
        return self._on_contacts(self._card.power_on())

    def reset(self) -> bytes:
        """Warm reset (热复位); return the ATR."""
        self._forget()
        return self._on_contacts(self._card.reset())

    def _on_contacts(self, atr: bytes) -> bytes:
        if self._two_interfaces is not None:
            self._two_interfaces.on_contacts()
        return atr

    def power_off(self) -> None:
        """End the session."""
        self._forget()
        self._card.power_off()

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command as T=0 does.

        :param apdu: the command APDU, any length.
        :return: data and status word, 2 to 258 bytes.
        :raises NotPoweredError: when the card has no power.
        """
        refused, self._refused = self._refused, None
        size = len(apdu)
        if apdu[:2] == _GET_RESPONSE and size >= 4:
            return self._get_response(apdu)
        self._waiting = None
        if size >= 7 and size == apdu[4] + 6:
            apdu = apdu[:-1]
        if refused is not None and refused[0] == apdu[:4] and size <= 5:
            answer = refused[1]
        else:
            try:
                answer = self._transmit(apdu)
            except Exception as fault:
                return _fault(apdu, fault)
        length = len(answer) - 2
        if length == 0 or (size == 5 and length == apdu[4]):
            return answer
        if length < 0:
            return _fault(apdu, None)
        if size in (4, 5):
            return self._other_length(apdu, answer)
        self._waiting = _WaitingResponse(answer)
        return self._waiting.announcement

    def _forget(self) -> None:
        self._waiting = None
        self._refused = None

    def _other_length(self, apdu: bytes, answer: bytes) -> bytes:
        """Answer a command without data field whose Le is not the length of the body."""
        header, p3 = apdu[:4], apdu[4] if len(apdu) == 5 else 0
        length = len(answer) - 2
        if p3 == 0 and header[1] == SELECT.ins:
            self._waiting = _WaitingResponse(answer)
            return self._waiting.announcement
        if p3 == 0 and length >= _MAX_SHORT:
            self._waiting = _WaitingResponse(answer)
            return self._waiting.take(_MAX_SHORT)
        if header[1] != READ_BINARY.ins:
            # A shorter Le is a shorter read there, and reading again is harmless.
            self._refused = (header, answer)
        return bytes((0x6C, _sw2(length)))

    def _get_response(self, apdu: bytes) -> bytes:
        if apdu[2] or apdu[3]:
            return _INCORRECT_P1_P2
        if len(apdu) > 5:
            return _WRONG_LENGTH
        if not self._waiting:
            return _NOTHING_WAITS
        available = len(self._waiting)
        size = (apdu[4] if len(apdu) == 5 else 0) or _MAX_SHORT
        if size > available:
            return bytes((0x6C, _sw2(available)))
        return self._waiting.take(size)


class ContactlessInterface:
    """The card in the field of a reader, ISO/IEC 14443 type A, part 4 (generation 3.0).

    Answers come directly, without 61xx and 6Cxx. Only data longer than the 256 bytes of one
    short answer come in pieces: 256 bytes with 61xx, the rest by GET RESPONSE, for which Le is
    the most the terminal wants.

    GET DATA for the UID (``FF CA 00 00 00``, PC/SC part 3, 3.2.2.1.3) is answered here and not by
    the card, as readers do: four bytes, and the historical bytes for P1 01.

    The object belongs to one thread.

    :raises InterfaceNotSupportedError: when the card has contacts only.
    """

    __slots__ = ("_card", "_waiting")

    def __init__(self, card: CardCore) -> None:
        if not card.contactless:
            raise InterfaceNotSupportedError(
                "this card has contacts only: the contactless interface came with generation 3.0"
            )
        self._card = card
        self._waiting: _WaitingResponse | None = None

    @property
    def ats(self) -> bytes:
        """Answer to select: TL, ``78 80 A0 02`` and the 13 historical bytes.

        Form of a real card of generation 3.0; ISO/IEC 14443-4 clause 5.2.
        """
        rest = _ATS_HEAD + self._card.historical_bytes
        return bytes((len(rest) + 1,)) + rest

    @property
    def atr(self) -> bytes:
        """The ATR that a PC/SC reader makes up: ``3B 8n 80 01``, historical bytes, TCK.

        PC/SC part 3, section 3.1.3.2.3.1 (contactless smart cards).
        """
        historical = self._card.historical_bytes
        body = bytes((0x80 | len(historical), 0x80, 0x01)) + historical
        check = 0
        for byte in body:
            check ^= byte
        return b"\x3b" + body + bytes((check,))

    @property
    def uid(self) -> bytes:
        """The card's UID in anticollision (ISO/IEC 14443-3), 4 bytes, always the same: the serial
        number in the historical bytes, made a legal first byte [L]."""
        serial = self._card.historical_bytes[-4:]
        first = serial[0] if serial[0] not in _RESERVED_UID else serial[0] ^ 0x01
        return bytes((first,)) + serial[1:]

    def power_on(self) -> bytes:
        """Bring the card into the field; return the ATR."""
        self._waiting = None
        self._card.power_on()
        return self.atr

    def reset(self) -> bytes:
        """Switch the field off and on; return the ATR."""
        self._waiting = None
        self._card.reset()
        return self.atr

    def power_off(self) -> None:
        """Take the card out of the field."""
        self._waiting = None
        self._card.power_off()

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command.

        :param apdu: the command APDU, any length.
        :return: data and status word, 2 to 258 bytes.
        :raises NotPoweredError: when the card has no power.
        """
        if apdu[:2] == _GET_RESPONSE and len(apdu) >= 4:
            return self._get_response(apdu)
        self._waiting = None
        if apdu[:2] == _READER_GET_DATA and len(apdu) == 5:
            return self._reader_data(apdu)
        try:
            answer = self._card.transmit(apdu)
        except Exception as fault:
            return _fault(apdu, fault)
        if len(answer) < 2:
            return _fault(apdu, None)
        if len(answer) <= _MAX_SHORT + 2:
            return answer
        self._waiting = _WaitingResponse(answer)
        return self._waiting.take(_MAX_SHORT)

    def _reader_data(self, apdu: bytes) -> bytes:
        data = {0: self.uid, 1: self._card.historical_bytes}.get(apdu[2])
        if data is None or apdu[3]:
            return StatusWord.FUNCTION_NOT_SUPPORTED.to_bytes(2)
        if 0 < apdu[4] < len(data):
            return bytes((0x6C, len(data)))
        if apdu[4] > len(data):
            return data + _END_BEFORE_LE
        return data + StatusWord.SUCCESS.to_bytes(2)

    def _get_response(self, apdu: bytes) -> bytes:
        if apdu[2] or apdu[3]:
            return _INCORRECT_P1_P2
        if len(apdu) > 5:
            return _WRONG_LENGTH
        if not self._waiting:
            return _NOTHING_WAITS
        return self._waiting.take((apdu[4] if len(apdu) == 5 else 0) or _MAX_SHORT)
