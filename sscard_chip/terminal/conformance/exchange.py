# SPDX-License-Identifier: Apache-2.0
"""What is said to a card in a case: commands, checks of their answers, what is put back at the end.

:class:`Exchanges` is the part that all kinds of suites share: cards, PSAMs, bank applications.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.standard.commands import GET_RESPONSE, StandardCommand
from sscard_chip.standard.status import describe_status_word, matches_word
from sscard_chip.terminal.conformance.evidence import RawExchange
from sscard_chip.terminal.conformance.verdict import DeviatingAnswerError, UndecidedError
from sscard_chip.terminal.connection import (
    Connection,
    NoAnswerError,
    ShortAnswerError,
    TerminalConnectionError,
)

MOST_EXCHANGES: Final = 4000
"""Commands of one case: more means that a card leads it on for ever."""
_ROUNDS: Final = 64
_MOST_BODY: Final = 256


@dataclass(frozen=True, slots=True)
class CardReply:
    """An answer; ``asked`` is the header of the command, ``first`` its first status word."""

    data: bytes = field(repr=False)
    sw: int
    asked: str
    first: int

    @property
    def word(self) -> str:
        """The status word, four hex digits."""
        return f"{self.sw:04X}"


class Exchanges:
    """A connection under a case. ``contact``: it is one over T=0, so commands end at their data."""

    def __init__(self, connection: Connection, *, contact: bool = True) -> None:
        self.connection = connection
        self.exchanges: list[RawExchange] = []
        self.atr = b""
        self._contact = contact
        self._undo: list[Callable[[], None]] = []

    # --- exchanges -------------------------------------------------------------------------------

    def reset(self, *, cold: bool = False) -> bytes:
        """Reset the card, or take its power away and give it back; return the ATR."""
        self.exchanges.append(RawExchange(b"", b""))
        if cold:
            self.connection.power_off()
            self.atr = bytes(self.connection.power_on())
        else:
            self.atr = bytes(self.connection.reset())
        return self.atr

    def raw(self, apdu: bytes | str) -> CardReply:
        """One exchange as it goes over the interface.

        :raises DeviatingAnswerError: the answer is no answer.
        :raises UnaskedFailureError: it is 63Cx and the case did not ask for that.
        """
        command = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        self._guard(command)
        try:
            answer = bytes(self.connection.transmit(command))
        except (ShortAnswerError, NoAnswerError):
            answer = b""
        self.exchanges.append(RawExchange(command, answer))
        asked = command[:4].hex().upper()
        if len(self.exchanges) > MOST_EXCHANGES:
            raise DeviatingAnswerError(
                f"an end of the case after {MOST_EXCHANGES} commands", "none"
            )
        if len(answer) < 2:
            raise DeviatingAnswerError(f"an answer to {asked}", "no status word")
        sw = int.from_bytes(answer[-2:])
        if len(answer) > _MOST_BODY + 2:
            raise DeviatingAnswerError(
                f"at most 256 bytes in answer to {asked}", f"{len(answer) - 2}"
            )
        self._watch(command, sw)
        return CardReply(answer[:-2], sw, asked, sw)

    def whole(self, apdu: bytes | str) -> CardReply:
        """One command with the rest of its answer: 61xx is fetched, 6Cxx repeated."""
        command = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        first = reply = self.raw(command)
        data = b""
        for _ in range(_ROUNDS):
            sw1, sw2 = reply.sw >> 8, reply.sw & 0xFF
            if sw1 == 0x6C and len(command) <= 5:
                command = command[:4] + bytes((sw2,))
            elif sw1 == 0x61:
                data += reply.data
                command = GET_RESPONSE.header() + bytes((sw2,))
            else:
                return CardReply(data + reply.data, reply.sw, first.asked, first.sw)
            reply = self.raw(command)
        raise DeviatingAnswerError(
            f"an end of the answer to {first.asked}", "61xx or 6Cxx without end"
        )

    def send(
        self,
        command: StandardCommand,
        p1: int | None = None,
        p2: int | None = None,
        data: bytes = b"",
        le: int | None = None,
    ) -> CardReply:
        """Build a command, exchange it whole. Over T=0 Le is left out behind a data field, and
        four bytes alone go out as five."""
        if not data:
            le = le or 0
        elif self._contact:
            le = None
        return self.whole(command.apdu(p1, p2, data, le))

    # --- checks ----------------------------------------------------------------------------------

    def expect(self, reply: CardReply, *patterns: str, what: str = "") -> CardReply:
        """The reply, whose status word must be one of the patterns, x for any digit.

        :raises DeviatingAnswerError:
        """
        if not matches_word(reply.sw, patterns):
            name = what or f"to {reply.asked}"
            raise DeviatingAnswerError(
                f"{' or '.join(patterns)} {name}",
                f"{reply.word} ({describe_status_word(reply.sw)})",
            )
        return reply

    def refused(self, reply: CardReply, *patterns: str, what: str = "") -> CardReply:
        """Like :meth:`expect`; and a refusal carries no data."""
        self.expect(reply, *patterns, what=what)
        self.equal(len(reply.data), 0, f"data bytes of the refusal of {reply.asked}")
        return reply

    def check(self, holds: bool, expected: str, received: str = "something else") -> None:
        """See that something holds.

        :raises DeviatingAnswerError:
        """
        if not holds:
            raise DeviatingAnswerError(expected, received)

    def equal(self, received: object, expected: object, what: str) -> None:
        """See that a value that everybody may see is the expected one.

        :raises DeviatingAnswerError:
        """
        if received != expected:
            raise DeviatingAnswerError(f"{what} {_shown(expected)}", _shown(received))

    def same(self, received: bytes, expected: bytes, what: str) -> None:
        """See that a value that may be a person's is the expected one; the error shows neither.

        :raises DeviatingAnswerError:
        """
        if received != expected:
            length = "of that length but different" if len(received) == len(expected) else ""
            raise DeviatingAnswerError(
                f"{what}, {len(expected)} bytes", f"{len(received)} bytes {length}".strip()
            )

    def given(self, reply: CardReply, what: str = "") -> CardReply:
        """The reply of a step that only leads to what is judged.

        :raises UndecidedError: it did not work.
        """
        if reply.sw != 0x9000:
            raise UndecidedError(f"{what or reply.asked} was answered {reply.word}")
        return reply

    def given_word(self, reply: CardReply, *patterns: str) -> CardReply:
        """Like :meth:`given`, for a step that must be answered otherwise than 9000.

        :raises UndecidedError: it was not.
        """
        if not matches_word(reply.sw, patterns):
            raise UndecidedError(f"{reply.asked} was answered {reply.word}")
        return reply

    # --- what is put back ------------------------------------------------------------------------

    def afterwards(self, undo: Callable[[], None]) -> None:
        """Have something done when the case is over, however it ends; the last one first."""
        self._undo.append(undo)

    @property
    def owes(self) -> bool:
        """Whether something is still to be put back."""
        return bool(self._undo)

    def restore(self) -> None:
        """Do all that :meth:`afterwards` was given, also where one of it fails.

        What failed for the connection, as when the card is out, stays to be done.

        :raises JudgementError: the card did not take it.
        :raises TerminalConnectionError: the connection failed.
        """
        failed: BaseException | None = None
        owed: list[Callable[[], None]] = []
        while self._undo:
            undo = self._undo.pop()
            try:
                undo()
            except TerminalConnectionError as error:
                owed.insert(0, undo)
                failed = failed or error
            except BaseException as error:  # Ctrl-C too: first all is put back
                failed = failed or error
        self._undo = owed
        if failed is not None:
            raise failed

    # --- what a suite looks at -------------------------------------------------------------------

    def _guard(self, command: bytes) -> None:
        """Called before every command; raises where the case may not send it."""

    def _watch(self, command: bytes, sw: int) -> None:
        """Called with every status word; raises where the run must end."""


def _shown(value: object) -> str:
    return value.hex().upper() or "nothing" if isinstance(value, bytes) else str(value)
