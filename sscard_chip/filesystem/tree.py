# SPDX-License-Identifier: Apache-2.0
"""The tree of directories of a powered card, and selection in it (LD/T 32.3, 32.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.filesystem.files import (
    CyclicFile,
    ElementaryFile,
    InternalFile,
    LinearFile,
    TransparentFile,
)
from sscard_chip.filesystem.layout import (
    APPLICATION_TYPE,
    HISTORICAL_AT,
    HISTORICAL_LENGTH,
    MASTER_KEY_IN_HEADER,
    SECOND_NAME,
    STATE_IN_HEADER,
    TRANSPORT_KEY_AT,
    ApplicationState,
    DirectoryHeader,
    FileType,
    scan,
)
from sscard_chip.filesystem.tlv import tlv
from sscard_chip.memory import Memory
from sscard_chip.security.keys import (
    RECORD_LENGTH,
    KeyRecord,
    MasterKey,
    PinRecord,
    check_key_records,
    suite_of,
)
from sscard_chip.standard.identifiers import MF
from sscard_chip.standard.keys import USE_PIN

_NO_FID: Final = -1
_HAS_MASTER_KEY: Final = 0x01

_VIEWS: Final = {
    FileType.TRANSPARENT: TransparentFile,
    FileType.LINEAR_FIXED: LinearFile,
    FileType.LINEAR_VARIABLE: LinearFile,
    FileType.CYCLIC: CyclicFile,
    FileType.KEY: InternalFile,
    FileType.AMOUNT: InternalFile,
    FileType.INTERNAL: InternalFile,
}


class Directory:
    """An MF, DDF or ADF with its EFs, keys and subdirectories.

    ``application`` is for what an application keeps about the directory while it is mounted,
    ``application_type`` says whose commands it takes. A directory of another application than
    its parent's is an environment of its own: keys and PIN above it are not its.
    """

    __slots__ = (
        "_fci",
        "_key_files",
        "_key_records",
        "amount_file",
        "application",
        "application_type",
        "directories",
        "environment",
        "fid",
        "files",
        "files_by_sfi",
        "header",
        "internal",
        "key_file",
        "memory",
        "name",
        "offset",
        "parent",
        "pin",
    )

    def __init__(
        self, memory: Memory, offset: int, header: DirectoryHeader, parent: Directory | None
    ) -> None:
        self.memory = memory
        self.offset = offset
        self.header = header
        self.fid = header.fid
        self.name = header.name
        self.parent = parent
        self.application_type = header.app_type & APPLICATION_TYPE
        self.environment: Directory = self
        if header.type is FileType.ADF and parent and self._belongs_to(parent):
            self.environment = parent.environment
        self.directories: list[Directory] = []
        self.files: dict[int, ElementaryFile] = {}
        self.files_by_sfi: dict[int, ElementaryFile] = {}
        self.key_file: InternalFile | None = None
        self.amount_file: InternalFile | None = None
        self.internal: dict[int, InternalFile] = {}
        self._key_files: list[InternalFile] = []
        self._key_records: dict[tuple[int, int, int], KeyRecord] | None = None
        self.pin: PinRecord | None = None
        self.application: object | None = None
        self._fci: tuple[bytes, TransparentFile | None] | None = None

    def _belongs_to(self, other: Directory) -> bool:
        return self.application_type == other.application_type

    @property
    def is_adf(self) -> bool:
        return self.environment is not self

    @property
    def blocked(self) -> bool:
        """Whether APPLICATION BLOCK has closed it for good."""
        return self.memory.cells[self.offset + STATE_IN_HEADER] == ApplicationState.BLOCKED

    @property
    def state(self) -> int:
        """Its :class:`ApplicationState`, as a byte."""
        return self.memory.cells[self.offset + STATE_IN_HEADER]

    def stage_state(self, state: ApplicationState) -> None:
        """Stage another state."""
        self.memory.write(self.offset + STATE_IN_HEADER, bytes((state,)))

    def stage_block(self) -> None:
        """Stage the permanent block of this directory."""
        self.stage_state(ApplicationState.BLOCKED)

    @property
    def master_key(self) -> MasterKey | None:
        """The master key; None when the directory was made without one (ACw b0, KACT).

        The MF has one from the start. Where there is no MF it is the transport key.
        """
        if not self.offset:
            return MasterKey(self.memory, TRANSPORT_KEY_AT)
        if self.fid != MF and not self.header.write_access & _HAS_MASTER_KEY:
            return None
        return self.stored_master_key

    @property
    def stored_master_key(self) -> MasterKey:
        """What the header has in place of the master key, be it one or not."""
        return MasterKey(self.memory, self.offset + MASTER_KEY_IN_HEADER)

    @property
    def keys(self) -> dict[tuple[int, int, int], KeyRecord]:
        """The keys by use, identifier and version: read when one is asked for."""
        found = self._key_records
        if found is None:
            found = self._key_records = {}
            for file in self._key_files:
                end = file.body + file.count * RECORD_LENGTH
                for offset in range(file.body, end, RECORD_LENGTH):
                    if self.memory.cells[offset] != USE_PIN:
                        record = KeyRecord(self.memory, offset)
                        found[record.use, record.kid, record.version] = record
        return found

    def key(self, use: int, kid: int, version: int = 1) -> KeyRecord | None:
        """The key record with this use, identifier (bit 8 ignored) and version."""
        return self.keys.get((use, kid & 0x7F, version))

    @property
    def fci(self) -> bytes:
        """File control information: 6F {84 name, A5 {88 SFI of DIR, 9F0C issuer data}}."""
        if self._fci is None:
            self._fci = self._build_fci()
        fci, issuer = self._fci
        return fci if issuer is None else fci + issuer.read(0, issuer.size)

    def _build_fci(self) -> tuple[bytes, TransparentFile | None]:
        """The FCI, and the file whose content ends it: its length never changes."""
        body = tlv(0x84, self.name) if self.name else b""
        issuer = None if self.is_adf else self.files_by_sfi.get(self.header.fci_sfi)
        if not isinstance(issuer, TransparentFile):
            issuer = None
        size = issuer.size if issuer else 0
        proprietary = b""
        if self.header.dir_sfi and not self.is_adf:
            proprietary = bytes((0x88, 0x01, self.header.dir_sfi))
        if issuer:
            proprietary += b"\x9f\x0c" + bytes((size,))
        if proprietary:
            body += bytes((0xA5, len(proprietary) + size)) + proprietary
        return bytes((0x6F, len(body) + size)) + body, issuer

    def _add_file(self, file: ElementaryFile, file_type: FileType) -> None:
        if file_type is FileType.KEY and isinstance(file, InternalFile):
            self.key_file = file
            self._key_files.append(file)
            pin = check_key_records(self.memory.cells, file.body, file.count)
            if pin is not None:
                self.pin = PinRecord(self.memory, pin)
        elif file_type is FileType.AMOUNT and isinstance(file, InternalFile):
            self.amount_file = file
        elif isinstance(file, InternalFile):
            self.internal[file.fid] = file
        else:
            self.files[file.fid] = file
            self.files_by_sfi[file.sfi] = file

    @property
    def is_second_name(self) -> bool:
        """Whether it is another name of its parent."""
        return self.parent is not None and self.offset == self.parent.offset

    def second_name(self, header: DirectoryHeader) -> Directory:
        """This directory under the name of ``header``: the same files, keys and state."""
        other = Directory(self.memory, self.offset, header, self)
        other.files, other.files_by_sfi = self.files, self.files_by_sfi
        other.internal, other.key_file = self.internal, self.key_file
        other._key_files = self._key_files
        return other

    def __repr__(self) -> str:
        return f"<Directory {self.fid:04X}>"


class FileSystem:
    """All files of a memory, mounted.

    ``root`` is the MF. A blank card has none; then it is an empty directory at offset 0, which
    no command can select.
    """

    __slots__ = ("_historical_bytes", "directories", "found", "memory", "mf", "root")

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.found: dict[bytes, Directory] = {}  # what names have been found to mean
        self.directories: list[Directory] = []
        self.mf: Directory | None = None
        self.mount()
        self._historical_bytes = self._read_historical_bytes()

    def mount(self) -> None:
        """Read the committed headers, as at power-on and after a change of the structure.

        The historical bytes stay as they were until the next reset.
        """
        memory = self.memory
        self.found.clear()
        by_offset: dict[int, Directory] = {}
        for found in scan(memory):
            parent = by_offset.get(found.parent)
            if isinstance(found.header, DirectoryHeader):
                suite_of(found.header.algorithm)
                if parent and found.header.app_type & SECOND_NAME:
                    directory = parent.second_name(found.header)
                else:
                    directory = Directory(memory, found.offset, found.header, parent)
                by_offset[found.offset] = directory
                if parent:
                    parent.directories.append(directory)
            elif parent:
                view = _VIEWS[found.header.type](memory, found, found.header)
                parent._add_file(view, found.header.type)
        self.directories = list(by_offset.values())
        self.mf = self.directories[0] if self.directories else None
        self.root = self.mf or Directory(memory, 0, DirectoryHeader(FileType.MF, _NO_FID), None)

    def directory_at(self, offset: int) -> Directory:
        """The directory whose header lies at ``offset``; the root if there is none."""
        return next((d for d in self.directories if d.offset == offset), self.root)

    @property
    def historical_bytes(self) -> bytes:
        """The 13 historical bytes in force since the last reset."""
        return self._historical_bytes

    def _read_historical_bytes(self) -> bytes:
        if self.mf and self.mf.header.atr_sfi:
            file = self.mf.files_by_sfi.get(self.mf.header.atr_sfi)
            if isinstance(file, TransparentFile) and file.size == HISTORICAL_LENGTH:
                return file.read(0, HISTORICAL_LENGTH)
        cells = self.memory.cells
        return bytes(cells[HISTORICAL_AT : HISTORICAL_AT + HISTORICAL_LENGTH])

    def find_directory(self, current: Directory, fid: int) -> Directory | None:
        """A DF by FID as seen from ``current``: itself, a child, a sibling, the parent, the MF.

        Other applications are found by name only.
        """
        for directory in self._neighbours(current):
            if directory.fid == fid and directory.application_type == current.application_type:
                return directory
        return None

    def find_child(self, current: Directory, fid: int) -> Directory | None:
        """A DF by FID directly below ``current``, of the same application."""
        for directory in current.directories:
            if directory.fid == fid and directory.application_type == current.application_type:
                return directory
        return None

    def _neighbours(self, current: Directory) -> Iterator[Directory]:
        yield current
        yield from current.directories
        if current.parent:
            yield from current.parent.directories
            yield current.parent
        if self.mf:
            yield self.mf

    def find_name(self, partial: bytes, after: Directory | None = None) -> Directory | None:
        """The first DF whose name begins with ``partial``, behind ``after`` if that is given.

        A dormant application is not found. ``found`` keeps what the shortcut of SELECT may
        enter without asking: directories of the social security application.
        """
        passed = after is None
        for directory in self.directories:
            if passed and _answers_to(directory, partial):
                if after is None and not directory.application_type:
                    self.found[partial] = directory
                return directory
            passed = passed or directory is after
        return None


def _answers_to(directory: Directory, partial: bytes) -> bool:
    name = directory.name
    return bool(name) and name.startswith(partial) and directory.state != ApplicationState.DORMANT
