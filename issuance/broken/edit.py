# SPDX-License-Identifier: Apache-2.0
"""What breaks a card: edits of its memory that no command would allow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sscard_chip.applications import amounts
from sscard_chip.filesystem.files import CyclicFile, InternalFile, LinearFile, TransparentFile
from sscard_chip.filesystem.layout import (
    HISTORICAL_LENGTH,
    STATE_AT,
    USED_IN_HEADER,
    ApplicationState,
    ApplicationType,
    LifeCycle,
)
from sscard_chip.filesystem.tree import Directory, FileSystem
from sscard_chip.memory import Memory
from sscard_chip.security.keys import KeyRecord, PinRecord
from sscard_chip.standard.errors import BAD_INPUT, IssuingError
from sscard_chip.standard.identifiers import BANK_RID, MEDICAL_LOG, SSSE

_USED_LENGTH: Final = 2


class CardNotBreakableError(IssuingError, ValueError):
    """A card that cannot be broken so: it lacks what would be; or there is no such way."""

    exit_code = BAD_INPUT


class CardEditor:
    """A copy of a card's memory under the knife. ``files`` is mounted anew by :meth:`finish`."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory.copy()
        self.files = FileSystem(self.memory)

    def finish(self) -> Memory:
        """The memory with all edits."""
        self.memory.commit()
        return self.memory

    # --- directories -----------------------------------------------------------------------------

    def directory(self, fid: int) -> Directory:
        """A directory by its FID.

        :raises CardNotBreakableError: the card has none.
        """
        for directory in self.files.directories:
            if directory.fid == fid:
                return directory
        raise CardNotBreakableError(f"the card has no DF {fid:04X}")

    @property
    def environment(self) -> Directory:
        """SSSE."""
        return self.directory(SSSE)

    @property
    def medical(self) -> Directory:
        """The directory with the medical account.

        :raises CardNotBreakableError: the card has none.
        """
        for directory in self.files.directories:
            if directory.amount_file is not None and MEDICAL_LOG in directory.files:
                return directory
        raise CardNotBreakableError("the card has no medical account: give the holder one")

    @property
    def bank(self) -> Directory:
        """The directory of the bank application.

        :raises CardNotBreakableError: the card has none.
        """
        for directory in self.files.directories:
            if directory.name.startswith(BANK_RID):
                return directory
        raise CardNotBreakableError("the card has no bank application: give the holder an account")

    def block(self, directory: Directory) -> None:
        """As APPLICATION BLOCK does."""
        directory.stage_state(ApplicationState.BLOCKED)

    def life_cycle(self, state: LifeCycle) -> None:
        """The state of the whole card."""
        self.memory.write(STATE_AT, bytes((state,)))

    def historical_bytes(self, change: Callable[[bytes], bytes]) -> None:
        """Bytes T1 to TD of the ATR."""
        mf = self.files.root
        file = mf.files_by_sfi[mf.header.atr_sfi]
        if not isinstance(file, TransparentFile):
            raise CardNotBreakableError("the card has no file of historical bytes")
        value = change(self.files.historical_bytes)
        if len(value) != HISTORICAL_LENGTH:
            raise CardNotBreakableError(f"the historical bytes are {HISTORICAL_LENGTH}")
        file.stage_update(0, value)

    # --- files -----------------------------------------------------------------------------------

    def linear(self, directory: int, fid: int) -> LinearFile:
        """A file of records.

        :raises CardNotBreakableError: the card has none.
        """
        file = self.directory(directory).files.get(fid)
        if not isinstance(file, LinearFile):
            raise CardNotBreakableError(f"the card has no EF {fid:04X} with records")
        return file

    def item(self, fid: int, tag: int, value: bytes, directory: int = SSSE) -> None:
        """Replace the value of an item by one of its length, whatever that means."""
        file = self.linear(directory, fid)
        number = self._number(file, tag)
        record = file.record(number)
        if len(value) != len(record) - 2:
            raise CardNotBreakableError(f"item {tag:02X} has {len(record) - 2} bytes")
        file.stage_update(number, record[:2] + value)

    def value(self, fid: int, tag: int, directory: int = SSSE) -> bytes:
        """The value of an item."""
        file = self.linear(directory, fid)
        return file.record(self._number(file, tag))[2:]

    def has(self, fid: int, tag: int, directory: int = SSSE) -> bool:
        """Whether a file has an item."""
        file = self.directory(directory).files.get(fid)
        return isinstance(file, LinearFile) and bool(file.numbers(tag))

    def fill(self, fid: int, tag: int, byte: int, directory: int = SSSE) -> None:
        """Every byte of an item's value the same."""
        self.item(fid, tag, bytes((byte,)) * len(self.value(fid, tag, directory)), directory)

    def records(
        self, fid: int, change: Callable[[list[bytes]], Sequence[bytes]], directory: int = SSSE
    ) -> None:
        """Replace all records of a file of variable records by others that fit into it."""
        file = self.linear(directory, fid)
        content = b"".join(change([file.record(number) for number in file.numbers(0)]))
        if len(content) > file.size:
            raise CardNotBreakableError(f"the records of EF {fid:04X} do not fit")
        self.memory.write(file.body, content.ljust(file.used, b"\0"))
        self.memory.write(file.offset + USED_IN_HEADER, len(content).to_bytes(_USED_LENGTH, "big"))

    def binary(self, fid: int, content: Callable[[bytes], bytes], directory: int = SSSE) -> None:
        """Replace the content of a transparent file.

        :raises CardNotBreakableError: the card has none.
        """
        file = self.directory(directory).files.get(fid)
        if not isinstance(file, TransparentFile):
            raise CardNotBreakableError(f"the card has no transparent EF {fid:04X}")
        file.stage_update(0, content(file.read(0, file.size)))

    def _number(self, file: LinearFile, tag: int) -> int:
        numbers = file.numbers(tag)
        if not numbers:
            raise CardNotBreakableError(f"the card has no item {tag:02X}")
        return numbers[0]

    # --- keys and PIN ----------------------------------------------------------------------------

    @property
    def pin(self) -> PinRecord:
        """The holder's PIN.

        :raises CardNotBreakableError: the card has none.
        """
        record = self.environment.pin
        if record is None or not record.is_set:
            raise CardNotBreakableError("the card has no PIN: give the holder one")
        return record

    def keys(self, use: int | None = None, directory: int | None = None) -> Iterator[KeyRecord]:
        """The social security keys of a use, or all; of one directory, or all."""
        for one in self.files.directories:
            if one.application_type == ApplicationType.SOCIAL_SECURITY:
                for key in one.keys.values():
                    if use in (None, key.use) and directory in (None, one.fid):
                        yield key

    def replace(self, key: KeyRecord) -> None:
        """Another secret, at random: nobody has it."""
        key.stage_secret(os.urandom(len(key.secret)))

    # --- the medical account ---------------------------------------------------------------------

    def account(self, **fields: int | str) -> None:
        """Amount file with these fields, as of :func:`~.amounts.initial_content`."""
        file = self._amount_file
        now = amounts.decode_account(bytes(self.memory.cells[file.body : file.body + file.size]))
        known: dict[str, int | str] = {
            "load_counter": now.load_counter,
            "purchase_counter": now.purchase_counter,
            "balance_fen": now.balance_fen,
            "self_paid_total_fen": now.self_paid_total_fen,
            "pooled_total_fen": now.pooled_total_fen,
            "year": now.year.hex(),
            "starting_day": now.starting_day.hex(),
        }
        content = amounts.initial_content(**(known | fields))  # type: ignore[arg-type]
        self.memory.write(file.body, content)

    @property
    def _amount_file(self) -> InternalFile:
        file = self.medical.amount_file
        if file is None:
            raise CardNotBreakableError("the card has no medical account")
        return file

    @property
    def log(self) -> CyclicFile:
        """The transaction details of the medical account."""
        file = self.medical.files[MEDICAL_LOG]
        if not isinstance(file, CyclicFile):
            raise CardNotBreakableError("the card has no log of the medical account")
        return file


@dataclass(frozen=True, slots=True)
class BrokenCard:
    """One way to be broken.

    ``wrong`` says what is wrong, ``terminal`` what a terminal should do with the card.
    ``holder`` are fields that the holder must have, ``generations`` those whose cards can be so.
    """

    name: str
    chinese: str
    wrong: str
    terminal: str
    apply: Callable[[CardEditor], None]
    generations: frozenset[int] = frozenset({1, 2, 3})
    needs_account: bool = False
    needs_bank: bool = False
