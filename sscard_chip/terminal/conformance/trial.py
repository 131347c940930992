# SPDX-License-Identifier: Apache-2.0
"""One case against one card: the commands it sends, what it checks, what it puts back.

Here is what keeps a real card safe: no command above the level of the case, no PIN but the given
one, no secret twice wrong, and an end at the first 63Cx that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.profile.model import DirectoryDeclaration, FileDeclaration, Key, KeyUse, Rule
from sscard_chip.standard import commands
from sscard_chip.standard.commands import GET_RESPONSE, StandardCommand
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.standard.keys import LOCAL_KEY
from sscard_chip.standard.status import describe_status_word, matches_word
from sscard_chip.terminal.conformance.evidence import RawExchange
from sscard_chip.terminal.conformance.levels import Level, level_of
from sscard_chip.terminal.conformance.subject import CardSecrets, Subject
from sscard_chip.terminal.conformance.verdict import (
    DeviatingAnswerError,
    NotApplicableError,
    NotRunError,
    UnaskedFailureError,
    UndecidedError,
)
from sscard_chip.terminal.connection import Connection, NoAnswerError, ShortAnswerError

MOST_EXCHANGES: Final = 4000
"""Commands of one case: more means that a card leads it on for ever."""
_ROUNDS: Final = 64
_MOST_BODY: Final = 256
_SAFE_TRIES: Final = 2
_PIN_COMMANDS: Final = (commands.VERIFY.ins, commands.CHANGE_OR_RELOAD_PIN.ins)


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


class Trial:
    """A card under a case. ``level`` is that of the case: commands above it are not sent."""

    def __init__(
        self, connection: Connection, subject: Subject, level: Level, *, lasting: bool = False
    ) -> None:
        """``lasting``: the card keeps what is done to it, so tries of its PIN are looked after."""
        self.connection = connection
        self.subject = subject
        self.level = level
        self.exchanges: list[RawExchange] = []
        self._lasting = lasting
        self._undo: list[Callable[[], None]] = []
        self._failures_wanted = False

    # --- exchanges -------------------------------------------------------------------------------

    def reset(self, *, cold: bool = False) -> bytes:
        """Reset the card, or take its power away and give it back; return the ATR."""
        self.exchanges.append(RawExchange(b"", b""))
        if cold:
            self.connection.power_off()
            return bytes(self.connection.power_on())
        return bytes(self.connection.reset())

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
        elif self.subject.contact:
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

    # --- directories and files -------------------------------------------------------------------

    def enter(self, directory: int = SSSE) -> None:
        """Select SSSE, then the directory in it, by its name."""
        declared = self.directory(directory)
        environment = self.subject.profile.environment
        self.given(self.send(commands.SELECT, 0x04, 0x00, environment.df_name, 0), "SELECT of SSSE")
        if directory != SSSE:
            self.given(
                self.send(commands.SELECT, 0x04, 0x00, declared.df_name, 0),
                f"SELECT of {declared.short_name}",
            )

    def directory(self, fid: int) -> DirectoryDeclaration:
        """What the standard says of a directory.

        :raises NotApplicableError: the card has none such.
        """
        try:
            declared = self.subject.profile.directory(fid)
        except KeyError:
            raise NotApplicableError(f"the card has no {fid:04X}") from None
        if self.subject.statement.lacks(declared.short_name):
            raise NotApplicableError(f"the card has no {declared.short_name}")
        return declared

    def file(self, directory: int, fid: int) -> FileDeclaration:
        """What the standard says of a file.

        :raises NotApplicableError: the card has none such.
        """
        self.directory(directory)
        found = self.subject.file(directory, fid)
        if found is None:
            raise NotApplicableError(f"the card has no EF {fid:04X} there")
        return found

    # --- PIN and keys ----------------------------------------------------------------------------

    @property
    def secrets(self) -> CardSecrets:
        """The card's keys.

        :raises NotRunError: none were given.
        """
        if self.subject.secrets is None:
            raise NotRunError("needs the root keys of the card")
        return self.subject.secrets

    def key(self, kid: int, directory: int, use: KeyUse = KeyUse.EXTERNAL) -> Key:
        """The key of EXTERNAL AUTHENTICATE with this identifier, as seen from a directory.

        :raises NotApplicableError: the card has none.
        """
        fid = directory if kid & LOCAL_KEY else SSSE
        for key in self.directory(fid).keys:
            if key.kid == kid and key.use is use:
                return key
        raise NotApplicableError(f"the card has no key {kid:02X}")

    def key_of(self, use: KeyUse, directory: int) -> Key:
        """The first key of a use in a directory.

        :raises NotApplicableError: the card has none.
        """
        for key in self.directory(directory).keys:
            if key.use is use:
                return key
        raise NotApplicableError("the card has no such key")

    def verify_pin(self) -> CardReply:
        """VERIFY with the given PIN; nothing is sent where the card has none.

        :raises NotRunError: the card has a PIN and none was given.
        """
        if self.subject.tries is None:
            return CardReply(b"", 0x9000, "VERIFY", 0x9000)
        if not self.subject.pin:
            raise NotRunError("needs the PIN")
        return self.send(commands.VERIFY, data=self.subject.pin)

    def challenge(self, length: int = 8) -> bytes:
        """GET CHALLENGE.

        :raises UndecidedError: there is none of that length.
        """
        reply = self.given(self.send(commands.GET_CHALLENGE, le=length), "GET CHALLENGE")
        if len(reply.data) != length:
            raise UndecidedError(f"GET CHALLENGE gave {len(reply.data)} bytes")
        return reply.data

    def proof(self, key: Key, challenge: bytes, version: int = 1) -> bytes:
        """Data of EXTERNAL AUTHENTICATE: 鉴别数据, original, version where it is not 1."""
        original = bytes.fromhex("5AC3960F1E2D3C4B")
        data = self.secrets.session(key, challenge, version).authentication_data(original)
        return data + original + (bytes((version,)) if version != 1 else b"")

    def authenticate(self, key: Key, version: int = 1) -> CardReply:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE with the right proof."""
        proof = self.proof(key, self.challenge(), version)
        return self.send(commands.EXTERNAL_AUTHENTICATE, 0x00, key.kid, proof)

    def satisfy(self, rule: Rule, directory: int, *, prefer_pin: bool = True) -> None:
        """Get the right that a rule wants, in the directory that is current.

        :raises UndecidedError: PIN or key did not work.
        :raises NotApplicableError: nobody has it.
        """
        if rule.never:
            raise NotApplicableError("nobody has this right")
        both = rule.pin and rule.kid is not None and rule.both
        if rule.pin and (both or rule.kid is None or prefer_pin):
            self.given(self.verify_pin(), "VERIFY of the given PIN")
        if rule.kid is not None and (both or not rule.pin or not prefer_pin):
            self.given(
                self.authenticate(self.key(rule.kid, directory)), f"the proof of {rule.kid:02X}"
            )

    # --- what is put back, and what is wrong on purpose ------------------------------------------

    def afterwards(self, undo: Callable[[], None]) -> None:
        """Have something done when the case is over, however it ends; the last one first."""
        self._undo.append(undo)

    def restore(self) -> None:
        """Do what :meth:`afterwards` was given.

        :raises JudgementError: it did not work.
        """
        while self._undo:
            self._undo.pop()()

    def wrong(self, apdu: bytes) -> CardReply:
        """A command that may cost a try: a wrong PIN or proof, on purpose.

        :raises NotRunError: the PIN of a card that keeps what is done has two tries or fewer.
        """
        if self.level < Level.DESTRUCTIVE:
            raise RuntimeError("only a destructive case may be wrong on purpose")
        self._failures_wanted = True
        try:
            return self.whole(apdu)
        finally:
            self._failures_wanted = False

    def pin_tries(self) -> int:
        """Tries of the PIN that are left.

        :raises NotApplicableError: no PIN is set.
        :raises UndecidedError: the card does not say.
        """
        reply = self.send(commands.VERIFY)
        if reply.sw == 0x9000:
            raise NotApplicableError("no PIN is set")
        if reply.sw == 0x6983:
            return 0
        if reply.sw & 0xFFF0 != 0x63C0:
            raise UndecidedError(f"VERIFY without data was answered {reply.word}")
        return reply.sw & 0x0F

    def spare_tries(self, needed: int = 1) -> int:
        """Tries of the PIN, of which a destructive case is about to use ``needed``.

        :raises NotRunError: too few would be left.
        """
        tries = self.pin_tries()
        if tries < _SAFE_TRIES + needed and self._lasting:
            raise NotRunError(f"the PIN has only {tries} tries left")
        return tries

    def _guard(self, command: bytes) -> None:
        if level_of(command) > self.level:
            raise RuntimeError(f"{command[:4].hex().upper()} is above the level {self.level.word}")
        if self._failures_wanted or len(command) < 6 or command[1] not in _PIN_COMMANDS:
            return
        pin = self.subject.pin
        carries = command[1] == commands.VERIFY.ins and command[4] in range(2, 9)
        if carries and (not pin or command[5 : 5 + command[4]] != pin):
            raise RuntimeError("a PIN that was not given")

    def _watch(self, command: bytes, sw: int) -> None:
        if sw & 0xFFF0 != 0x63C0 or self._failures_wanted:
            return
        asks = command[1:2] == commands.VERIFY.code[1:] and (len(command) < 6)
        if not asks:
            raise UnaskedFailureError(
                f"{command[:4].hex().upper()} without a failure", f"{sw:04X}: a try is gone"
            )


def _shown(value: object) -> str:
    return value.hex().upper() or "nothing" if isinstance(value, bytes) else str(value)
