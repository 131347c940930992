# SPDX-License-Identifier: Apache-2.0
"""The engine of the shell: a line of text in, lines of text out; who reads and prints is outside.

>>> from sscard_chip.card import Card
>>> from sscard_chip.terminal.connection import connect_card
>>> shell = Shell(connect_card(Card.open("zhang.ssc")))
>>> greeting = shell.start()
>>> print(*shell.run_line("select SSSE/EF05 =9000").lines[-2:], sep="\\n")
> 00A4020002EF05  SELECT 选择: EF05 发卡机构数据
< 9000  success
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import urandom
from typing import Final

from sscard_chip.card import NotPoweredError
from sscard_chip.profile import for_generation
from sscard_chip.profile.generations import OPTIONAL
from sscard_chip.profile.local import LocalFile, LocalFileError
from sscard_chip.profile.model import Profile
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.commands import GET_RESPONSE, READ_RECORD, SELECT
from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.messages.directory import fci_algorithm, parse_fci
from sscard_chip.standard.status import StatusWord, describe_status_word
from sscard_chip.terminal.client import Answer, ApduClient
from sscard_chip.terminal.connection import (
    Connection,
    ConnectionLostError,
    ShortAnswerError,
    TerminalConnectionError,
)
from sscard_chip.terminal.placeholders import historical_bytes
from sscard_chip.terminal.shell import commands
from sscard_chip.terminal.shell.completion import complete
from sscard_chip.terminal.shell.decoding import describe_answer, describe_command
from sscard_chip.terminal.shell.grammar import parse_line
from sscard_chip.terminal.shell.help import help_lines
from sscard_chip.terminal.shell.keys import CardKeyStore, Identity
from sscard_chip.terminal.shell.names import Names
from sscard_chip.terminal.shell.secrets import shown_apdu
from sscard_chip.terminal.shell.steps import Context, steps
from sscard_chip.trace.selection import (
    Selection,
    TracedCommand,
    directory_name,
)

__all__ = ["Reply", "Shell"]

_BARE: Final = "raw: 61xx and 6Cxx are shown as they come"
_FOLDED: Final = "61xx and 6Cxx are answered by the shell"
_ISSUER_SFI: Final = 0x05
_IDENTIFICATION, _VERSION = 0x01, 0x03


@dataclass(frozen=True, slots=True)
class Reply:
    """What one line came to.

    ``passed`` is false for a line that could not be run and for a status word other than the
    expected. ``finished`` is true after ``quit``.
    """

    lines: tuple[str, ...] = ()
    passed: bool = True
    finished: bool = False


class Shell:
    """A session with one card. ``start`` it before the first line.

    :param keys: root keys for ``ea`` and for checking ``ia``.
    :param local_files: a region's own files, named and decoded like the others.
    :param unsafe: show PINs and keys in commands too.
    :param ask: puts a question and returns an answer that nobody sees; None in batches.
    :param random: gives so many random bytes; tests replace it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        keys: KeyStore | None = None,
        local_files: Iterable[LocalFile] = (),
        unsafe: bool = False,
        ask: Callable[[str], str] | None = None,
        random: Callable[[int], bytes] = urandom,
    ) -> None:
        self._connection = connection
        self._client = ApduClient(connection)
        self._store = keys
        self._local_files = tuple(local_files)
        self._unsafe = unsafe
        self._ask = ask
        self._random = random
        self._bare = False
        self._use(None)
        self.identity = Identity()
        self._atr = b""
        self._card_keys: CardKeyStore | None = None
        self._waiting: TracedCommand | None = None  # whose answer a bare GET RESPONSE fetches
        self._lines: list[str] = []

    def _use(self, profile: Profile | None) -> None:
        self._selection = Selection(profile)
        self._names = Names(self._selection)

    # --- what a person sees around the lines ----------------------------------------------------

    @property
    def prompt(self) -> str:
        """Where the card stands: ``SSSE/EF05``, ``MF``."""
        directory, file = self._selection.directory, self._selection.file
        place = directory.short_name if directory else "PSAM" if self._selection.psam else "MF"
        return f"{place}/{file.fid:04X}" if file else place

    def complete(self, before: str) -> list[str]:
        """What the last word of the line up to the cursor may become."""
        return complete(before, self._names)

    def start(self, *, identify: bool = True) -> Reply:
        """Power the card on and learn its generation, algorithm and city from SSSE.

        That takes three commands and a reset; without ``identify`` nothing is sent, and the
        generation is learnt as the session goes.

        :raises TerminalConnectionError:
        """
        self._lines = []
        self._connected(self._connection.power_on(), identify=identify)
        return Reply(tuple(self._lines))

    def run_line(self, text: str) -> Reply:
        """Run one line. Any text is answered; no error is raised for what a line or card does."""
        self._lines = []
        try:
            line = parse_line(text)
            if line.command is None:
                return Reply()
            if isinstance(line.command, commands.ShellCommand):
                return self._own(line.command)
            sw = self._run(line.command)
        except SscardError as error:
            return Reply((*self._lines, f"! {_one_line(error)}"), passed=False)
        passed = line.expected is None or line.expected.matches(sw)
        if not passed:
            self._lines.append(
                f"! expected {line.expected}, got {sw:04X} {describe_status_word(sw)}"
            )
        return Reply(tuple(self._lines), passed)

    # --- commands for the shell itself ----------------------------------------------------------

    def _own(self, command: commands.ShellCommand) -> Reply:
        match command:
            case commands.Reset():
                self._connected(self._reset(), identify=True)
            case commands.ShowAtr():
                self._show_atr()
            case commands.BareExchange(on):
                self._bare, self._waiting = on, None
                self._lines.append(_BARE if on else _FOLDED)
            case commands.Help(topic):
                self._lines += help_lines(topic, self._names)
            case commands.Quit():
                return Reply(finished=True)
        return Reply(tuple(self._lines))

    def _reset(self) -> bytes:
        """Reset the card; power on what has lost its power or its reader."""
        try:
            return self._connection.reset()
        except (TerminalConnectionError, NotPoweredError):
            return self._connection.power_on()

    def _show_atr(self) -> None:
        atr = self._connection.atr
        historical = historical_bytes(atr)
        self._lines.append(f"ATR {atr.hex().upper()}")
        self._lines.append(f"  historical bytes 历史字节 {historical.hex().upper()}")
        if len(historical) == 13:
            self._lines.append(f"  card factor 分散因子 {historical[-8:].hex().upper()}")

    def _connected(self, atr: bytes, *, identify: bool) -> None:
        """After power-on or reset: nothing is selected, and it may be another card."""
        self._lines.append(f"ATR {atr.hex().upper()}")
        self._selection.reset()
        self._waiting = None
        if atr == self._atr:
            return
        self._atr, self.identity, self._card_keys = b"", Identity(), None
        self._use(None)
        if identify:
            self._identify(atr)
        self._atr = atr

    def _identify(self, atr: bytes) -> None:
        environment = self._selection.profile.environment
        name = environment.df_name
        fci = self._client.exchange(SELECT.apdu(0x04, data=name))
        if fci.ok:
            body = parse_fci(fci.data)
            version, identification = self._value(_VERSION), self._value(_IDENTIFICATION)
            self.identity = Identity.read(fci_algorithm(body), version, identification)
        self._connection.reset()
        self._lines.append(f"  {self.identity}")
        if self.identity.generation:
            self._use(self._profile(self.identity.generation))
        if self._store:
            historical = historical_bytes(atr)
            self._card_keys = CardKeyStore.of_card(self._store, self.identity, historical)

    def _value(self, tag: int) -> bytes:
        """The value of a record of EF05 in SSSE, empty when there is none."""
        return self._client.exchange(READ_RECORD.header(tag, _ISSUER_SFI << 3) + b"\x00").data[2:]

    def _profile(self, generation: int) -> Profile:
        """Everything that a card of the generation may have; a local file that does not fit it
        is left out."""
        files = list(self._local_files)
        while True:
            try:
                return for_generation(
                    generation, optional=OPTIONAL, with_account=True, local_files=files
                )
            except LocalFileError:
                if not files:
                    raise
                files.pop()

    # --- commands for the card ------------------------------------------------------------------

    def _run(self, command: commands.CardCommand) -> int:
        context = Context(self._names, self._card_keys, self._lines.append, self._ask, self._random)
        exchanges = steps(command, context)
        answer = self._exchange(next(exchanges))
        while True:
            try:
                apdu = exchanges.send(answer)
            except StopIteration as end:
                return int(end.value)
            answer = self._exchange(apdu)

    def _exchange(self, apdu: bytes) -> Answer:
        """One command and its answer, in lines and for the selection."""
        command = TracedCommand.parse(apdu)
        shown = shown_apdu(apdu, unsafe=self._unsafe)
        self._lines.append(f"> {shown}  {describe_command(self._selection, command)}")
        answer = self._transmit(apdu)
        data = answer.data.hex().upper()
        self._lines.append(
            f"< {data} {answer.sw:04X}  {describe_status_word(answer.sw)}".replace("<  ", "< ")
        )
        announced = answer.sw >> 8 == 0x61
        origin = self._origin(command)
        self._waiting = origin if announced else None
        if origin and (announced or answer.sw == StatusWord.SUCCESS):
            self._lines += describe_answer(self._selection, origin, answer.data)
            before = self._selection.directory
            self._selection.follow(origin, answer.data)
            self._name_place(before is not self._selection.directory)
        return answer

    def _origin(self, command: TracedCommand) -> TracedCommand | None:
        """The command that this answer belongs to; GET RESPONSE fetches another one's."""
        if command.cla == 0 and command.ins == GET_RESPONSE.ins:
            return self._waiting
        return command

    def _name_place(self, changed: bool) -> None:
        directory = self._selection.directory
        if changed and directory is not None:
            self._lines.append(f"  in {directory_name(directory)} {directory.english}")

    def _transmit(self, apdu: bytes) -> Answer:
        if not self._bare:
            return self._client.exchange(apdu)
        answer = self._connection.transmit(apdu)
        if len(answer) < 2:
            raise ShortAnswerError("the card's answer has no status word")
        return Answer(answer[:-2], int.from_bytes(answer[-2:]))


def _one_line(error: Exception) -> str:
    """The message of an error, and what to do about it."""
    text = " ".join(str(error).split())
    return f"{text}; reset connects again" if isinstance(error, ConnectionLostError) else text
