# SPDX-License-Identifier: Apache-2.0
"""The ledger of the link: who did what to which card's bank account, and when.

One JSON object a line, only ever appended to::

    {"number": 1, "previous": 64 HEX, "when": "2026-11-28T10:15:00+08:00", "operator": "0012",
     "operation": "link", "card": 32 HEX, "main_account": "6239990000000012344",
     "pan_sequence": "00", "suite": "sm4", "former_account": null, "sub_account": "Z00000013",
     "atc": 0}

``card`` is 卡识别码. ``main_account`` is the bank's (主账户), ``sub_account`` the social security
account (子账户) that it is linked with; the two are accounts of two books, and nothing here or on
the card moves money between them. ``atc`` is the application's transaction counter after the
operation: a dormant application is woken under the session key of that counter.

``previous`` is the SHA-256 of the line before (64 times 0 for the first), so that a line that is
changed, taken out or put in is found when the ledger is read; that the last lines are gone, or all
of them written anew, shows its head (:mod:`~issuance.bank.head`). The file holds account numbers
and is readable by its owner only.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from io import FileIO
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO, Final

from msgspec.structs import replace

from issuance.bank.head import (
    BEGINNING,
    LedgerHead,
    LedgerHeadError,
    LedgerSeal,
    fit,
    head_path,
    read_head,
)
from sscard_chip.standard.errors import BAD_INPUT, LedgerError
from sscard_chip.standard.pan import masked_pan


class BankLedgerError(LedgerError, ValueError):
    """A ledger that cannot be read, or an operation that does not follow; one line."""

    exit_code = BAD_INPUT


class Operation(StrEnum):
    """What can happen to the bank account of a card."""

    LINK = "link"
    ACTIVATE = "activate"
    CHANGE = "change"
    UNLINK = "unlink"


@dataclass(frozen=True, slots=True)
class ApplicationReference:
    """The bank application that an operation was about.

    ``pan`` and ``sequence`` diversify its keys, ``suite`` is theirs; ``atc`` its counter.
    """

    pan: str
    sequence: str
    suite: str
    atc: int = 0

    def __repr__(self) -> str:
        return f"<Application {masked_pan(self.pan)}>"


@dataclass(frozen=True, slots=True, repr=False)
class BankLedgerEntry:
    """One line. ``when`` is ISO 8601 with the zone; ``former_account`` that of a change."""

    number: int
    previous: str
    when: str
    operator: str
    operation: Operation
    card: str
    main_account: str
    pan_sequence: str
    suite: str
    former_account: str | None
    sub_account: str
    atc: int

    def line(self) -> bytes:
        """The line with its end."""
        return json.dumps(asdict(self), ensure_ascii=False).encode() + b"\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the line. Of the last one it is the head of the ledger, and the number the
        count."""
        return sha256(self.line()).hexdigest()

    @property
    def application(self) -> ApplicationReference:
        """The application that it is about."""
        return ApplicationReference(self.main_account, self.pan_sequence, self.suite, self.atc)

    def shown(self) -> dict[str, object]:
        """As it may be shown to people: account numbers masked."""
        former = self.former_account
        return {
            "number": self.number,
            "when": self.when,
            "operator": self.operator,
            "operation": str(self.operation),
            "card": self.card,
            "main_account": masked_pan(self.main_account),
            "former_account": None if former is None else masked_pan(former),
            "sub_account": self.sub_account,
            "digest": self.digest,
        }

    def __repr__(self) -> str:
        return f"<Entry {self.number}, {self.operation}>"


_NAMES: Final = tuple(field.name for field in fields(BankLedgerEntry))


@dataclass(frozen=True, slots=True)
class Link:
    """How a card stands: its application, whether it is active, and whether it is linked at all
    (after an unlinking ``application`` is the one that lies dormant).
    """

    application: ApplicationReference
    sub_account: str
    active: bool
    linked: bool


class OpenLedger:
    """A ledger that is locked for one operation; :func:`open_bank_ledger` gives it."""

    def __init__(
        self,
        path: Path,
        file: FileIO,
        entries: list[BankLedgerEntry],
        seal: LedgerSeal,
        head: LedgerHead,
    ) -> None:
        self._path = path
        self._file = file
        self._entries = entries
        self._seal = seal
        self._head = head

    def link_of(self, card: str) -> Link | None:
        """How a card (卡识别码) stands, None when it was never linked."""
        return link_of(self._entries, card)

    def append(
        self,
        operation: Operation,
        card: str,
        application: ApplicationReference,
        *,
        operator: str,
        sub_account: str,
        former: str | None = None,
        when: datetime | None = None,
    ) -> BankLedgerEntry:
        """Write a line and bring it to the disk, the head before it and after it. ``when`` (with
        zone) is now by default.

        :raises BankLedgerError: what has been done to the card stays done.
        """
        time = when or datetime.now().astimezone()
        entry = BankLedgerEntry(
            len(self._entries) + 1,
            self._head.head,
            time.isoformat(timespec="seconds"),
            operator,
            operation,
            card,
            application.pan,
            application.sequence,
            application.suite,
            former,
            sub_account,
            application.atc,
        )
        line = entry.line()
        last = sha256(line).hexdigest()
        descriptor = self._file.fileno()
        end = os.fstat(descriptor).st_size
        try:
            self._seal.write(self._path, replace(self._head, next=last))
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError as error:
            os.ftruncate(descriptor, end)  # half a line would spoil the ledger
            reason = error.strerror or "input/output error"
            text = f"{self._path}: the card is changed and the ledger is not ({reason})"
            raise BankLedgerError(text) from None
        self._entries.append(entry)
        self._head = replace(self._head, count=entry.number, head=last, next=None)
        with suppress(OSError):  # the line is there; the head that announced it fits as well
            self._seal.write(self._path, self._head)
        return entry


@contextmanager
def open_bank_ledger(path: Path, seal: LedgerSeal) -> Iterator[OpenLedger]:
    """Open for one operation, locked against every other; a file that is not there is begun, and
    goes again when nothing was written.

    :raises BankLedgerError: when it cannot be opened or has been tampered with.
    :raises LedgerHeadError: when it is not the ledger that its head is of.
    """
    try:
        file = _locked(path)
    except OSError as error:
        raise BankLedgerError(f"{path}: {error.strerror}") from None
    with file:
        content = file.read()
        try:
            head, whole = read_head(path, seal), content
            if head is not None:
                whole = _without_half_a_line(head, content)
            entries, last = _parse(path, whole)
            head = fit(path, head, len(entries), last)
            if whole != content:
                os.ftruncate(file.fileno(), len(whole))
            yield OpenLedger(path, file, entries, seal, head)
        finally:
            if not os.fstat(file.fileno()).st_size:
                path.unlink()


def seal_ledger(path: Path, seal: LedgerSeal) -> LedgerHead:
    """Give a ledger the head that it lacks: one of an earlier release, or whose head is lost. Its
    lines are checked; that none is missing at the end is for whoever calls this to know.

    :raises BankLedgerError: for a broken chain.
    :raises LedgerHeadError: when it has a head.
    """
    with _locked_shared(path) as file:
        entries, last = _parse(path, file.read())
        if head_path(path).exists():
            raise LedgerHeadError(str(head_path(path)), "", "is there already")
        try:
            return seal.write(path, LedgerHead(count=len(entries), head=last))
        except OSError as error:
            raise BankLedgerError(f"{head_path(path)}: {error.strerror}") from None


def _without_half_a_line(head: LedgerHead, content: bytes) -> bytes:
    """The whole lines, when the one that the head announced was cut while it was written."""
    if head.next is None or content.count(b"\n") != head.count:
        return content
    return content[: content.rfind(b"\n") + 1]


def _locked(path: Path) -> FileIO:
    """The file, locked; whoever waited for one that has gone meanwhile opens it anew."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        file = FileIO(descriptor, "r+")
        try:
            _see_that_it_begins(path, descriptor)
        except BankLedgerError:
            file.close()
            raise
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return file
        file.close()


def _see_that_it_begins(path: Path, descriptor: int) -> None:
    """As a ledger does. Before it is waited for: the lock of another file, as that of a card
    which is being changed, may never come.
    """
    if os.pread(descriptor, 1, 0) not in (b"", b"{"):
        raise BankLedgerError(f"{path}: line 1: is no entry of a ledger")


def read_ledger(path: Path, seal: LedgerSeal | None = None) -> list[BankLedgerEntry]:
    """All entries, in order. Without a ``seal`` the MAC of the head is not checked.

    :raises BankLedgerError: also for a broken chain.
    :raises LedgerHeadError: when it is not the ledger that its head is of.
    """
    with _locked_shared(path) as file:
        head, content = read_head(path, seal), file.read()
        if head is not None:
            content = _without_half_a_line(head, content)
        entries, last = _parse(path, content)
        fit(path, head, len(entries), last)
    return entries


@contextmanager
def _locked_shared(path: Path) -> Iterator[BinaryIO]:
    """The file to read, while nobody writes it."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise BankLedgerError(f"{path}: {error.strerror}") from None
    with file:
        _see_that_it_begins(path, file.fileno())
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file


def shown_head(count: int, digest: str) -> str:
    """Count and head of a ledger in words."""
    return f"{count} {'line' if count == 1 else 'lines'}, head {digest}"


def link_of(entries: list[BankLedgerEntry], card: str) -> Link | None:
    """How a card stands after ``entries``, None when none is of it."""
    link: Link | None = None
    for entry in entries:
        if entry.card != card:
            continue
        match entry.operation:
            case Operation.ACTIVATE:
                active = True
            case Operation.CHANGE:
                active = link is not None and link.active
            case _:
                active = False
        linked = entry.operation is not Operation.UNLINK
        link = Link(entry.application, entry.sub_account, active, linked)
    return link


def _parse(path: Path, content: bytes) -> tuple[list[BankLedgerEntry], str]:
    """The entries, and the digest of the last line."""
    entries: list[BankLedgerEntry] = []
    last = BEGINNING
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        where = f"{path}: line {number}"
        if not line.endswith(b"\n"):
            raise BankLedgerError(f"{where}: is not whole")
        entry = _entry(line, where)
        if entry.number != number or entry.previous != last:
            raise BankLedgerError(f"{where}: does not follow the line before: it was tampered with")
        last = sha256(line).hexdigest()
        entries.append(entry)
    return entries, last


def _kind(name: str) -> type | UnionType:
    """The JSON type of a field."""
    if name in ("number", "atc"):
        return int
    return str | None if name == "former_account" else str


def _entry(line: bytes, where: str) -> BankLedgerEntry:
    try:
        document: Any = json.loads(line)
        if not isinstance(document, dict) or tuple(document) != _NAMES:
            raise ValueError
        if any(not isinstance(value, _kind(name)) for name, value in document.items()):
            raise ValueError
        document["operation"] = Operation(document["operation"])
    except ValueError:
        raise BankLedgerError(f"{where}: is no entry of a ledger") from None
    return BankLedgerEntry(**document)
