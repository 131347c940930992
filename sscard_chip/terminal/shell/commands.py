# SPDX-License-Identifier: Apache-2.0
"""What a line of the shell means, as plain data: the grammar makes it, the engine runs it.

Names of files, items and keys are still words here; what they stand for depends on the card.
Words are left out of every repr, for a PIN or a citizen's data may be among them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sscard_chip.standard.status import matches_word


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line. In quotes it is text, whatever it looks like."""

    text: str = field(repr=False)
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """The status words (状态字) that a line asks for: four digits each, x for any."""

    patterns: tuple[str, ...]

    def matches(self, sw: int) -> bool:
        """Whether the status word is one of them."""
        return matches_word(sw, self.patterns)

    def __str__(self) -> str:
        return " or ".join(self.patterns)


# --- which record, item or bytes of a file ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordNumber:
    """A record by its number, 1 to 254."""

    number: int


@dataclass(frozen=True, slots=True)
class Tag:
    """The first record with this tag."""

    tag: int


@dataclass(frozen=True, slots=True)
class Named:
    """The record of an item (数据项) by its Chinese or English name."""

    name: Word


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes of a transparent file; ``length`` 0 reads to its end."""

    offset: int
    length: int = 0


@dataclass(frozen=True, slots=True)
class Whole:
    """All records, or all bytes."""


@dataclass(frozen=True, slots=True)
class Append:
    """A new record at the front of a cyclic file."""


Which: TypeAlias = RecordNumber | Tag | Named | Bytes | Whole | Append

# --- commands for the card ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Apdu:
    """A whole command, sent as it is."""

    command: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Composed:
    """A command whose Lc the shell puts in. ``place`` is P1 P2 or a key's name."""

    cla: int
    ins: int
    place: bytes | Word
    data: tuple[Word, ...]
    le: int | None


@dataclass(frozen=True, slots=True)
class Select:
    """Directories and a file, one SELECT each."""

    path: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """READ RECORD or READ BINARY. Without ``file`` the current one."""

    file: Word | None
    which: Which


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE RECORD or UPDATE BINARY."""

    file: Word
    which: Which
    values: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Verify:
    """VERIFY; an empty PIN asks for the state, None lets the person be asked."""

    pin: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangePin:
    """CHANGE PIN; None lets the person be asked for both."""

    pins: tuple[str, str] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """GET CHALLENGE of 4, 8 or 16 bytes."""

    length: int


@dataclass(frozen=True, slots=True)
class ExternalAuthentication:
    """GET CHALLENGE and EXTERNAL AUTHENTICATE; ``version`` 0 leaves its byte out."""

    key: Word
    version: int


@dataclass(frozen=True, slots=True)
class InternalAuthentication:
    """INTERNAL AUTHENTICATE; ``version`` 0 leaves its byte out."""

    version: int


@dataclass(frozen=True, slots=True)
class Balance:
    """GET BALANCE: 1 the account, 2 self-paid in the year, 3 paid by the pool in the year."""

    kind: int


@dataclass(frozen=True, slots=True)
class GetProof:
    """GET TRANSACTION PROOF of a transaction type, 31 or 32, and number."""

    kind: int
    number: int


# --- commands for the shell ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the card."""


@dataclass(frozen=True, slots=True)
class ShowAtr:
    """Show the answer to reset."""


@dataclass(frozen=True, slots=True)
class BareExchange:
    """``raw on`` and ``raw off``."""

    on: bool


@dataclass(frozen=True, slots=True)
class Help:
    """``help [topic]``."""

    topic: str


@dataclass(frozen=True, slots=True)
class Quit:
    """The end."""


CardCommand: TypeAlias = (
    Apdu
    | Composed
    | Select
    | Read
    | Update
    | Verify
    | ChangePin
    | Challenge
    | ExternalAuthentication
    | InternalAuthentication
    | Balance
    | GetProof
)
ShellCommand: TypeAlias = Reset | ShowAtr | BareExchange | Help | Quit


@dataclass(frozen=True, slots=True)
class ShellLine:
    """A parsed line; one that is blank or a comment has no command."""

    command: CardCommand | ShellCommand | None = None
    expected: Expected | None = None
