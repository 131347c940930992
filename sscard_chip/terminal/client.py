# SPDX-License-Identifier: Apache-2.0
"""The terminal's half of the transport: whole commands in, whole answers out.

It resolves 61xx and 6Cxx itself (ISO/IEC 7816-3 clause 12.2), and works as well on readers whose
library has already done so and over the contactless interface, where neither comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sscard_chip.standard.commands import GET_RESPONSE, StandardCommand
from sscard_chip.standard.errors import CardError
from sscard_chip.standard.status import StatusWord, describe_status_word
from sscard_chip.terminal.connection import Connection, ConnectionLostError, ShortAnswerError

PinEntry: TypeAlias = Callable[[int], str | None]
"""Asks the holder for the PIN: gets the remaining tries, gives the digits, None when cancelled."""

_MOST_ROUNDS: Final = 64
"""GET RESPONSE commands for one answer: 16 kB, more than any file."""
_MORE, _WRONG_LE = 0x61, 0x6C


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; ``data`` may be a holder's and is kept out of the repr.

    ``header`` is that of the command that was answered.
    """

    data: bytes = field(repr=False)
    sw: int
    header: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the status word is 9000."""
        return self.sw == StatusWord.SUCCESS

    @property
    def refusal(self) -> CardStatusError:
        """The error of a command that was answered so."""
        return CardStatusError(self.header, self.sw)

    def required(self) -> bytes:
        """The data of a command that must succeed. :raises CardStatusError: it did not."""
        if not self.ok:
            raise self.refusal
        return self.data

    def pin_tries(self) -> int | None:
        """Of a VERIFY the tries left, 0 when the PIN is locked, None when it succeeded.

        :raises CardStatusError: anything else.
        """
        if self.ok:
            return None
        if self.sw == StatusWord.AUTHENTICATION_BLOCKED:
            return 0
        error = self.refusal
        if error.remaining_tries is None:
            raise error
        return error.remaining_tries


class CardStatusError(CardError):
    """A command that the card refused. The text has its header and status word, never its data."""

    def __init__(self, header: bytes, sw: int) -> None:
        super().__init__(f"command {header.hex().upper()}: {sw:04X}, {describe_status_word(sw)}")
        self.header = header
        self.sw = sw

    @property
    def remaining_tries(self) -> int | None:
        """The x of 63Cx, None for another status word."""
        return self.sw & 0x0F if self.sw & 0xFFF0 == StatusWord.VERIFICATION_FAILED else None


class ApduClient:
    """Commands over a connection.

    :raises ShortAnswerError: (every method) an answer of fewer than two bytes.
    :raises TerminalConnectionError: (every method) what the connection raises.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The connection underneath."""
        return self._connection

    def exchange(self, apdu: bytes) -> Answer:
        """Send one command and collect its answer.

        :param apdu: a command of 4 bytes or more, short lengths.
        :raises ConnectionLostError: the card announces data without end.
        """
        header, data = apdu[:4], b""
        answer = self._transmit(apdu)
        for _ in range(_MOST_ROUNDS):
            sw1, sw2 = answer[-2:]
            if sw1 == _WRONG_LE:
                apdu = _with_le(apdu, sw2)
            elif sw1 == _MORE:
                data += answer[:-2]
                apdu = GET_RESPONSE.header() + bytes((sw2,))
            else:
                return Answer(data + answer[:-2], int.from_bytes(answer[-2:]), header)
            answer = self._transmit(apdu)
        raise ConnectionLostError("the card announces data without end")

    def send(
        self,
        command: StandardCommand,
        p1: int | None = None,
        p2: int | None = None,
        data: bytes = b"",
        le: int | None = None,
    ) -> Answer:
        """Build a command and exchange it.

        :param p1: what is not given is the command's own, or 00; ``p2`` likewise.
        :param data: up to 255 bytes.
        :param le: bytes expected, 0 for "all there is", None when the command answers no data.
            With a data field Le is left out over T=0, which cannot carry it.
        """
        if not data:
            le = le or 0  # four bytes alone are P3 00 over T=0
        elif le is not None and self._by_contacts():
            le = None
        return self.exchange(command.apdu(p1, p2, data, le))

    def require(
        self,
        command: StandardCommand,
        p1: int | None = None,
        p2: int | None = None,
        data: bytes = b"",
        le: int | None = None,
    ) -> bytes:
        """Like :meth:`send`; the data of a command that must succeed.

        :raises CardStatusError: for any status word but 9000.
        """
        return self.send(command, p1, p2, data, le).required()

    def _transmit(self, apdu: bytes) -> bytes:
        answer = self._connection.transmit(apdu)
        if len(answer) < 2:
            raise ShortAnswerError("the card's answer has no status word")
        return answer

    def _by_contacts(self) -> bool:
        """Whether the ATR has no T=1: of the protocols in TD1, TD2... (ISO/IEC 7816-3, 8.2.3).

        A PC/SC reader makes up ``3B 8n 80 01`` for a contactless card, which names T=1 too.
        """
        atr = self._connection.atr
        at, present = 1, atr[1] >> 4 if len(atr) > 1 else 0
        while present & 0x8:
            at += present.bit_count()
            if at >= len(atr):
                return True
            if atr[at] & 0x0F == 1:
                return False
            present = atr[at] >> 4
        return True


def _with_le(apdu: bytes, le: int) -> bytes:
    """The command with another Le; one whose data field ends it gets none."""
    if len(apdu) <= 5:
        return apdu[:4] + bytes((le,))
    return apdu[: 5 + apdu[4]] + bytes((le,))
