# SPDX-License-Identifier: Apache-2.0
"""What a powered card knows and forgets at power-off: selection, rights, open transaction."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Protocol

from sscard_chip.apdu.command import Command
from sscard_chip.filesystem.files import ElementaryFile
from sscard_chip.filesystem.layout import STATE_AT, STATE_IN_HEADER, LifeCycle
from sscard_chip.filesystem.tree import Directory, FileSystem
from sscard_chip.memory import Memory
from sscard_chip.security.access import FREE_RULE, AccessRule, permits
from sscard_chip.security.keys import KeyRecord, PinRecord
from sscard_chip.security.random import RandomSource
from sscard_chip.security.status import SecurityStatus
from sscard_chip.security.suite import SessionCipher
from sscard_chip.standard.keys import STK_KID, USE_MAINTENANCE
from sscard_chip.standard.status import StatusError, StatusWord


class Application(Protocol):
    """What runs the commands of an application: a Dispatcher."""

    def execute(self, session: Session, apdu: bytes) -> bytes:
        """Run one command APDU and return body and status word."""

    def enter(self, session: Session, directory: Directory) -> bytes:
        """Make ``directory`` current and return what SELECT answers."""


class Session:
    """The volatile state between power-on and power-off.

    ``execute`` runs the commands of the application whose directory is current; it changes when
    :meth:`select_directory` crosses into another one, so that a command pays nothing for it.

    ``record`` is the number of the current record of the current EF, 0 for none.
    ``state_at`` is where the memory holds the state of the current DF.
    ``fresh`` are the offsets of directories without a master key, made since the last reset:
    until the next one anybody may create files there.
    ``transaction`` belongs to the application that opened it; the dispatcher drops it when
    another command comes between.
    ``contactless`` is what the bank application knows of its terminal: it has begun with PPSE.
    ``contacts``: the terminal reaches the card by its contacts.
    """

    __slots__ = (
        "applications",
        "contactless",
        "contacts",
        "df",
        "ef",
        "execute",
        "files",
        "fresh",
        "memory",
        "random",
        "record",
        "state_at",
        "status",
        "transaction",
    )

    def __init__(
        self,
        memory: Memory,
        files: FileSystem,
        df: Directory,
        applications: Mapping[int, Application],
    ) -> None:
        self.memory = memory
        self.files = files
        self.applications = applications
        self.execute = applications[df.application_type].execute
        self.df = df
        self.state_at = df.offset + STATE_IN_HEADER
        self.ef: ElementaryFile | None = None
        self.record = 0
        self.status = SecurityStatus()
        self.transaction: object | None = None
        self.contactless = False
        self.contacts = False
        self.random = RandomSource()
        self.fresh: set[int] = set()

    def remount(self) -> None:
        """Take over a committed change of the structure.

        Where the current DF and EF are still there they stay current; what was current and is
        gone gives way to the root, and rights go with it.
        """
        before, ef = self.df, self.ef
        self.files.mount()
        self.df = df = self.files.directory_at(before.offset)
        self.state_at = df.offset + STATE_IN_HEADER
        if df.offset != before.offset:
            self.status.leave_directory()
        self.ef = df.files.get(ef.fid) if ef else None
        if self.ef is None:
            self.record = 0

    def enter(self, directory: Directory) -> bytes:
        """Make ``directory`` current as its own application does, and return SELECT's answer."""
        return self.applications[directory.application_type].enter(self, directory)

    def select_directory(self, df: Directory) -> None:
        """Make ``df`` current. Rights and challenge stay only when it already was.

        The firewall is here: into another application goes neither a right nor a verified PIN,
        a challenge or an open transaction.
        """
        before = self.df
        if df is not before:
            if df.application_type != before.application_type:
                self.execute = self.applications[df.application_type].execute
                self.status.leave_application()
                self.fresh.clear()
                self.transaction = None
                self.contactless = False
            self.df = df
            self.state_at = df.offset + STATE_IN_HEADER
            self.status.leave_directory()
        self.ef = None
        self.record = 0

    def select_file(self, ef: ElementaryFile) -> None:
        """Make ``ef`` current, before its first record."""
        self.ef = ef
        self.record = 0

    @property
    def pin(self) -> PinRecord:
        """The PIN of the current environment; 6A88 when it has none."""
        pin = self.df.environment.pin
        if pin is None:
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        return pin

    @property
    def pin_satisfied(self) -> bool:
        """Whether the holder is known: PIN verified, or none set."""
        pin = self.df.environment.pin
        return pin is not None and (self.status.verified_pin == pin.offset or not pin.is_set)

    def require(self, rule: AccessRule) -> None:
        """6982 unless ``rule`` is satisfied."""
        if not rule.free and not permits(
            rule,
            self.status,
            pin_satisfied=self.pin_satisfied,
            masters=(self.df.environment.offset, self.df.offset),
        ):
            raise StatusError(StatusWord.SECURITY_STATUS_NOT_SATISFIED)

    def write_rule(self, rule: AccessRule) -> AccessRule:
        """The rule that writing has to satisfy now.

        Until FREEZE MF the authenticated master key of the directory opens its files: how else
        would a file that nobody may write get its initial content [L].
        """
        developing = self.memory.cells[STATE_AT] == LifeCycle.DEVELOPMENT
        return FREE_RULE if developing and self.df.offset in self.status.masters else rule

    def require_counters(self) -> None:
        """6581 when the medium has failed: a wrong try could no longer be counted."""
        if self.memory.failed:
            raise StatusError(StatusWord.MEMORY_FAILURE)

    def take_challenge(self) -> bytes:
        """The last challenge, spent by this; 6984 when there is none."""
        challenge = self.status.take_challenge()
        if challenge is None:
            raise StatusError(StatusWord.REFERENCE_DATA_INVALID)
        return challenge

    def maintenance_key(self, directory: Directory) -> KeyRecord:
        """STK of a directory (kid 02, or 82 from within an ADF); 6A88 when there is none."""
        key = directory.key(USE_MAINTENANCE, STK_KID)
        if key is None:
            raise StatusError(StatusWord.KEY_NOT_FOUND)
        return key

    def open_secure_message(
        self, command: Command, directory: Directory
    ) -> tuple[bytes, SessionCipher]:
        """Verify the MAC at the end of ``command`` and return the data before it.

        The session key comes from STK of ``directory`` and the last challenge; the MAC covers
        CLA INS P1 P2 Lc (with MAC) and the data, IV 0 (LD/T 32.4). 6987 without a MAC, 6984
        without a challenge, 6988 when it is wrong. Also returns the session, to decipher with.
        """
        if len(command.data) < 4:
            raise StatusError(StatusWord.SECURE_MESSAGING_MISSING)
        key = self.maintenance_key(directory)
        session = key.session(self.take_challenge())
        data, mac = command.data[:-4], command.data[-4:]
        if not compare_digest(session.mac(command.header + data), mac):
            raise StatusError(StatusWord.SECURE_MESSAGING_INCORRECT)
        return data, session


def decipher_data(session: SessionCipher, cryptogram: bytes, block: int) -> bytes:
    """Decipher ``LD(1) || data``, padded 80 00.. if not aligned; 6A80 when it is not."""
    if not cryptogram or len(cryptogram) % block:
        raise StatusError(StatusWord.WRONG_DATA)
    plain = session.decipher(cryptogram)
    length, rest = plain[0], plain[1:]
    padding = rest[length:]
    if length > len(rest) or len(padding) >= block:
        raise StatusError(StatusWord.WRONG_DATA)
    if padding and padding != b"\x80" + bytes(len(padding) - 1):
        raise StatusError(StatusWord.WRONG_DATA)
    return rest[:length]
