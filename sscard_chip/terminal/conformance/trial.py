# SPDX-License-Identifier: Apache-2.0
"""One case against one card: the commands it sends, what it checks, what it puts back.

Here is what keeps a real card safe: no command above the level of the case, no PIN but the given
one, no secret twice wrong, and an end at the first 63Cx that nobody asked for.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from sscard_chip.memory.cut import Kept
from sscard_chip.profile.model import DirectoryDeclaration, FileDeclaration, Key, KeyUse, Rule
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.standard.keys import LOCAL_KEY
from sscard_chip.terminal.conformance.evidence import RawExchange
from sscard_chip.terminal.conformance.exchange import CardReply, Exchanges
from sscard_chip.terminal.conformance.levels import Level, level_of
from sscard_chip.terminal.conformance.subject import CardSecrets, Subject
from sscard_chip.terminal.conformance.target import Arm, ImageTarget
from sscard_chip.terminal.conformance.verdict import (
    NotApplicableError,
    NotRunError,
    UnaskedFailureError,
    UndecidedError,
)
from sscard_chip.terminal.connection import Connection, TerminalConnectionError

__all__ = ["CardReply", "Trial"]

_SAFE_TRIES: Final = 2
_SEEN_AGAIN_S: Final = 10.0
_LOOK_S: Final = 0.25
_PIN_COMMANDS: Final = (commands.VERIFY.ins, commands.CHANGE_OR_RELOAD_PIN.ins)


class Trial(Exchanges):
    """A card under a case. ``level`` is that of the case: commands above it are not sent."""

    def __init__(
        self,
        connection: Connection,
        subject: Subject,
        level: Level,
        *,
        lasting: bool = False,
        arm: Arm | None = None,
        image: ImageTarget | None = None,
    ) -> None:
        """``lasting``: the card keeps what is done to it, so tries of its PIN are looked after.
        ``arm`` has its power fail, ``image`` is where it comes from."""
        super().__init__(connection, contact=subject.contact)
        self.subject = subject
        self.level = level
        self._lasting = lasting
        self._arm = arm
        self._image = image
        self._failures_wanted = False

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

    # --- what is wrong on purpose ----------------------------------------------------------------

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

    # --- what only an image or a reader with hands allows ----------------------------------------

    def cut(self, apdu: bytes, write: int, kept: Kept, *, wrong: bool = False) -> None:
        """Send a command in whose ``write``-th write to the memory the power fails, 0: after its
        last, before the answer; then power the card on again. ``wrong``: it may cost a try.

        :raises NotRunError: nobody can cut its power.
        """
        if self._arm is None:
            raise NotRunError("nobody can cut the power")
        self._failures_wanted = wrong and self.level is Level.DESTRUCTIVE
        self._guard(apdu)
        self._failures_wanted = False
        self._arm(FaultAt(ExchangeFault.POWER_CUT, write=write, kept=kept))
        answer = b""
        with suppress(TerminalConnectionError):
            answer = bytes(self.connection.transmit(apdu))
        self.exchanges.append(RawExchange(apdu, answer))
        self._power_again()

    def _power_again(self) -> None:
        """Power a card on that had lost its power; a reader may need a while to see it again.

        :raises TerminalConnectionError: it does not.
        """
        until = time.monotonic() + _SEEN_AGAIN_S
        while True:
            try:
                self.reset(cold=True)
                return
            except TerminalConnectionError:
                if not self._lasting or time.monotonic() > until:
                    raise
                time.sleep(_LOOK_S)

    def with_account(self, **fields: int | str) -> None:
        """Go on with a copy of the card whose account has these fields.

        :raises NotRunError: the card is no image.
        """
        if self._image is None:
            raise NotRunError("the card is no image")
        self.connection = self._image.connect_with_account(**fields)
        self.reset(cold=True)

    # --- tries of the PIN ------------------------------------------------------------------------

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
