# SPDX-License-Identifier: Apache-2.0
"""The instruction table and the one place that runs a command.

A handler gets the session and a parsed command and returns the answer's body; it says what
went wrong by raising StatusError. Its staged writes are committed when it succeeds. Nothing but
a status word ever leaves: a fault of our own answers 6F00 and is logged without its data.

One Dispatcher is one application's commands. Which one is at work depends on the current
directory: ``app_type`` of its header (``ApplicationType`` in ``filesystem.layout``). To add an
application:

1. give it a number in ``ApplicationType``; its directories carry it in ``app_type``;
2. write its instructions, in a module of its own, and how its directories are entered if they do
   not answer the FCI of LD/T 32.5: a function of session and directory that selects the
   directory and returns SELECT's answer. Shared handlers (SELECT, GET CHALLENGE, READ BINARY,
   VERIFY ...) go into its table where its rules are theirs;
3. name both in the table of ``card.py``.

Entering drops what the application before has proven: ``Session.select_directory``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sscard_chip.apdu import selection
from sscard_chip.apdu.command import Command, parse_command
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.layout import STATE_AT, ApplicationState, LifeCycle
from sscard_chip.filesystem.tree import Directory
from sscard_chip.memory import CardMemoryError
from sscard_chip.standard.commands import StandardCommand
from sscard_chip.standard.status import StatusError, StatusWord

Handler = Callable[[Session, Command], bytes]
Shortcut = Callable[[Session, bytes], bytes | None]
"""Runs a whole APDU of one CLA and INS without parsing it, if it is of the usual form and may
run at once: it returns the body. None: take the long way. It is only asked on a working card in
an application that is not blocked, and it drops an open transaction as the command would."""
Enter = Callable[[Session, Directory], bytes]
"""Makes a directory of the application current and returns SELECT's answer."""

_logger = logging.getLogger(__name__)

_SUCCESS: Final = StatusWord.SUCCESS.to_bytes(2)
_WRONG_LE: Final = StatusWord.WRONG_LE >> 8
_WORKING: Final = int(LifeCycle.WORKING)
_APPLICATION_BLOCKED: Final = int(ApplicationState.BLOCKED)


IN_USE: Final = frozenset({LifeCycle.DEVELOPMENT, LifeCycle.WORKING})
"""States in which a card has files."""
FROM_THE_START: Final = IN_USE | {LifeCycle.INITIAL}
"""The same, and a blank card without MF."""
ALWAYS: Final = frozenset(LifeCycle)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One command of the card, and what runs it.

    ``in_transaction``: it neither opens nor disturbs a transaction by being sent (it may close
    it itself). ``when_blocked``: a blocked application still takes it. ``states`` of the card
    in which it works.
    """

    command: StandardCommand
    handler: Handler
    in_transaction: bool = False
    when_blocked: bool = False
    states: frozenset[LifeCycle] = IN_USE


class Dispatcher:
    """The commands of one application: instruction sets, joined, with the gate of the life
    cycle in front.

    ``enter`` is how its directories become current. ``lasting``: an open transaction ends only
    when a handler ends it, or with a fault; else any refusal but 6Cxx, and any command that is
    not ``in_transaction``, drops it.
    """

    __slots__ = ("_classes", "_codes", "_lasting", "_shortcuts", "_table", "enter", "instructions")

    def __init__(
        self,
        instructions: Iterable[Instruction],
        shortcuts: Mapping[bytes, Shortcut] | None = None,
        *,
        enter: Enter = selection.enter,
        lasting: bool = False,
    ) -> None:
        self.enter = enter
        self._lasting = lasting
        self.instructions = tuple(instructions)
        self._table = {i.command.cla << 8 | i.command.ins: i for i in self.instructions}
        self._classes = {i.command.cla for i in self.instructions}
        self._codes = {i.command.ins for i in self.instructions}
        self._shortcuts = dict(shortcuts or {})

    def execute(self, session: Session, apdu: bytes) -> bytes:
        """Run one command APDU and return body and status word."""
        memory = session.memory
        try:
            body = None
            shortcut = self._shortcuts.get(apdu[:2])
            if shortcut is not None:
                cells = memory.cells
                if cells[STATE_AT] == _WORKING and cells[session.state_at] != _APPLICATION_BLOCKED:
                    body = shortcut(session, apdu)
            if body is None:
                body = self._run(session, apdu)
            if memory.staged:
                memory.commit()
            return body + _SUCCESS
        except StatusError as error:
            return self._refuse(session, error)
        except CardMemoryError:
            session.transaction = None
            return self._refuse(session, StatusError(StatusWord.MEMORY_FAILURE))
        except Exception as error:
            # The command's bytes may hold a PIN: log its header and the kind of fault only.
            _logger.error("%s in command %s", type(error).__name__, bytes(apdu[:4]).hex().upper())
            _logger.debug("raised here", exc_info=True)
            session.transaction = None
            return self._refuse(session, StatusError(StatusWord.NO_GET_RESPONSE_DATA))

    def _run(self, session: Session, apdu: bytes) -> bytes:
        """Parse a command, pass it through the gate, and let its handler work."""
        command = parse_command(apdu)
        cells = session.memory.cells
        instruction = self._table.get(command.cla << 8 | command.ins)
        if cells[STATE_AT] != _WORKING:
            _check_life_cycle(cells[STATE_AT], instruction)
        if instruction is None:
            raise StatusError(self._refusal(command))
        if session.transaction is not None and not (instruction.in_transaction or self._lasting):
            session.transaction = None
        if cells[session.state_at] == _APPLICATION_BLOCKED and not instruction.when_blocked:
            raise StatusError(StatusWord.APPLICATION_BLOCKED)
        before = session.transaction
        body = instruction.handler(session, command)
        if 0 < command.ne < len(body):
            opened, session.transaction = session.transaction, before  # in case of 6Cxx
            command.check_ne(len(body))
            session.transaction = opened
        return body

    def _refuse(self, session: Session, error: StatusError) -> bytes:
        sw = error.sw
        if sw >> 8 != _WRONG_LE and not self._lasting:  # 6Cxx only asks for the command again
            session.transaction = None
        if error.keep_writes and session.memory.staged:
            try:
                session.memory.commit()
            except CardMemoryError:
                session.transaction = None
                session.memory.discard()
                return StatusWord.MEMORY_FAILURE.to_bytes(2)
        session.memory.discard()
        return error.body + sw.to_bytes(2)

    def _refusal(self, command: Command) -> StatusWord:
        """Why there is no such instruction: channel, class or code."""
        cla = command.cla
        if cla & 0xC0 == 0x40 or (cla & 0xF0 == 0 and cla & 0x03):
            return StatusWord.LOGICAL_CHANNEL_NOT_SUPPORTED
        if cla not in self._classes or command.ins in self._codes:
            return StatusWord.CLA_NOT_SUPPORTED
        return StatusWord.INS_NOT_SUPPORTED


def _check_life_cycle(state: int, instruction: Instruction | None) -> None:
    """6A81 on a blocked card; 6985 for what a card without MF cannot do."""
    if state == LifeCycle.BLOCKED and (instruction is None or state not in instruction.states):
        raise StatusError(StatusWord.FUNCTION_NOT_SUPPORTED)
    if state == LifeCycle.INITIAL and instruction and state not in instruction.states:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
