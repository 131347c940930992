# SPDX-License-Identifier: Apache-2.0
"""What the trace knows of the place in the card's tree, and the names that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.profile import for_generation
from sscard_chip.profile.generations import Generation, find_generation, generations
from sscard_chip.profile.model import DirectoryDeclaration, FileDeclaration, Item, KeyUse, Profile
from sscard_chip.profile.pki import CERTIFICATE_DIRECTORY, PKI_DIRECTORY
from sscard_chip.profile.transit import TRANSIT_DIRECTORY
from sscard_chip.standard.commands import (
    CIPHER_DATA,
    CREDIT_SAM_FOR_PURCHASE,
    DELIVERY_SESSION_KEY,
    INIT_SAM_FOR_PURCHASE,
    INITIALIZE_ENVIRONMENT,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
)
from sscard_chip.standard.identifiers import (
    BANK_RID,
    CASH_AID,
    CREDIT_AID,
    DEBIT_AID,
    MF,
    PKI_NAME,
    PPSE_NAME,
    PSAM_AID,
    PSAM_CITY,
    PSAM_CITY_KEYS,
    PSAM_COUNTRY,
    PSAM_COUNTRY_KEYS,
    PSAM_DF,
    PSAM_DIR,
    PSAM_NUMBER,
    PSAM_PROVINCE,
    PSAM_PROVINCE_KEYS,
    PSAM_PUBLIC,
    PSAM_TERMINAL,
    PSE_NAME,
    QUASI_CREDIT_AID,
    SX1_NAME,
    SX2_NAME,
    SX3_NAME,
    TRANSIT_AID,
    TRANSIT_CASH_AID,
    VERSION_TAG,
)
from sscard_chip.standard.messages.directory import fci_algorithm, parse_fci
from sscard_chip.trace import layouts

MF_NAME: Final = "MF 主文件"
_RECORD: Final = (READ_RECORD.ins, UPDATE_RECORD.ins)
_BINARY: Final = (READ_BINARY.ins, UPDATE_BINARY.ins)
_VERSION_RECORD: Final = bytes((VERSION_TAG, 4))
_LONGEST_NAME: Final = 16
_EF: Final = 0xEF

_PSAM_FILES: Final = {
    PSAM_DIR: "0001 DIR目录数据文件",
    PSAM_COUNTRY_KEYS: "0011 国家级密钥",
    PSAM_PROVINCE_KEYS: "0012 省级密钥",
    PSAM_CITY_KEYS: "0013 地市级密钥",
    PSAM_PUBLIC: "0015 卡片公共信息",
    PSAM_TERMINAL: "0016 终端信息",
    PSAM_NUMBER: "0019 终端交易序号",
    PSAM_COUNTRY: "001A 国家级应用信息",
    PSAM_PROVINCE: "001B 省级应用信息",
    PSAM_CITY: "001C 地市级应用信息",
}
_PSAM_KEYS: Final = {1: "01 KID-01 国家级", 2: "02 KID-02 省级", 3: "03 KID-03 地市级"}
_PSAM_COMMANDS: Final = tuple(
    (command.cla, command.ins)
    for command in (
        DELIVERY_SESSION_KEY,
        INITIALIZE_ENVIRONMENT,
        CIPHER_DATA,
        INIT_SAM_FOR_PURCHASE,
        CREDIT_SAM_FOR_PURCHASE,
    )
)
_NAMES: Final = {
    SX1_NAME: SX1_NAME.decode("gbk"),
    SX2_NAME: SX2_NAME.decode("gbk"),
    SX3_NAME: SX3_NAME.decode("gbk"),
    PSAM_AID: f"{PSAM_AID.hex().upper()} PSAM 社会保障应用",
    PKI_NAME: PKI_NAME.decode("gbk"),
    PSE_NAME: f"PSE {PSE_NAME.decode()}",
    PPSE_NAME: f"PPSE {PPSE_NAME.decode()}",
    DEBIT_AID: f"{DEBIT_AID.hex().upper()} PBOC 借记",
    CREDIT_AID: f"{CREDIT_AID.hex().upper()} PBOC 贷记",
    QUASI_CREDIT_AID: f"{QUASI_CREDIT_AID.hex().upper()} PBOC 准贷记",
    CASH_AID: f"{CASH_AID.hex().upper()} PBOC 电子现金",
    TRANSIT_AID: f"{TRANSIT_AID.hex().upper()} 交通联合 电子钱包",
    TRANSIT_CASH_AID: f"{TRANSIT_CASH_AID.hex().upper()} 交通联合 电子现金",
}
_PKI: Final = (PKI_DIRECTORY, CERTIFICATE_DIRECTORY)
_BANK_NAMES: Final = (BANK_RID, PSE_NAME, PPSE_NAME)


@dataclass(frozen=True, slots=True)
class TracedCommand:
    """A command taken apart as well as it can be; ``le`` is None when absent."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None

    @classmethod
    def parse(cls, apdu: bytes) -> TracedCommand:
        """From four bytes or more; what does not add up counts as data."""
        body, le = apdu[4:], None
        if len(body) == 1:
            body, le = b"", body[0] or 256
        elif body:
            nc, rest = body[0], body[1:]
            if len(rest) == nc + 1:
                le = rest[-1] or 256
            body = rest[:nc] if len(rest) in (nc, nc + 1) else rest
        return cls(apdu[0], apdu[1], apdu[2], apdu[3], body, le)


class Selection:
    """The directory and file that the card has selected, as far as its answers show.

    Without a fixed ``profile`` the generation is learnt from the FCI and from 规范版本. That the
    card is a PSAM is learnt from its AID and its commands, if ``psam`` does not say so. ``bank``
    says that the selected application is a bank's.
    """

    def __init__(self, profile: Profile | None, *, psam: bool = False) -> None:
        self._fixed = profile is not None
        self.profile = profile or for_generation(2)
        self.psam = psam
        self.bank = False
        self.directory: DirectoryDeclaration | None = None
        self.file: FileDeclaration | None = None

    def reset(self) -> None:
        """Nothing is selected but the MF."""
        self.bank = False
        self.directory = self.file = None

    def follow(self, command: TracedCommand, body: bytes) -> None:
        """Learn what a successful command changed. ``body`` is empty until it is fetched."""
        if (command.cla, command.ins) in _PSAM_COMMANDS:
            self._become_psam()
        if command.ins == SELECT.ins:
            self._follow_select(command, body)
            return
        sfi = addressed_sfi(command)
        if sfi:
            self.file = self.by_sfi(sfi)
        if self.directory is self.profile.environment and body[:2] == _VERSION_RECORD:
            self._become(find_generation(body[2:]))

    def _follow_select(self, command: TracedCommand, body: bytes) -> None:
        fci = parse_fci(body)
        if 0x84 in fci:
            if fci[0x84] == PSAM_AID:
                self._become_psam()
            self._select(self.named(fci[0x84]))
            self.bank = _is_bank(fci[0x84])
            if fci_algorithm(fci) and not self.profile.announce_algorithm:
                self._become(next(g for g in generations() if g.announce_algorithm))
        elif command.p1 == 0x04:
            if command.p2 == 0:
                self._select(self.named(command.data))
                self.bank = _is_bank(command.data)
        else:
            fid = int.from_bytes(command.data[:2], "big") if command.data else MF
            directory = None if command.p1 == 0x02 else self.directory_of(fid)
            if directory or fid == MF:
                self._select(directory)
            else:
                self.file = self.file_of(fid)

    def _select(self, directory: DirectoryDeclaration | None) -> None:
        self.bank = False
        self.directory = directory
        self.file = None

    def _become_psam(self) -> None:
        self.psam = True
        self._select(None)

    def _become(self, generation: Generation | None) -> None:
        """Take the card for one of ``generation``, at the same place in its tree."""
        if self._fixed or not generation or self.profile.version == generation.version:
            return
        self.profile = for_generation(generation.number)
        if self.directory is not None:
            self.directory = self.directory_of(self.directory.fid)
        if self.file is not None:
            self.file = self.file_of(self.file.fid)

    def named(self, name: bytes) -> DirectoryDeclaration | None:
        """The first directory whose name begins with ``name``."""
        if name.startswith((TRANSIT_AID, TRANSIT_CASH_AID)):
            return TRANSIT_DIRECTORY
        for directory in _PKI:
            if directory.df_name == name:
                return directory
        directories = self._directories if name else ()
        return next((d for d in directories if d.df_name.startswith(name)), None)

    def directory_of(self, fid: int) -> DirectoryDeclaration | None:
        """The directory with this FID, anywhere on the card; from the certificate application
        those of its own."""
        if self.directory in _PKI:
            return next((d for d in _PKI if d.fid == fid), None)
        return next((d for d in self._directories if d.fid == fid), None)

    @property
    def _directories(self) -> tuple[DirectoryDeclaration, ...]:
        return () if self.psam else self.profile.directories

    def file_of(self, fid: int) -> FileDeclaration | None:
        """The file of the current directory with this FID."""
        files = self.directory.files if self.directory else ()
        return next((file for file in files if file.fid == fid), None)

    def by_sfi(self, sfi: int) -> FileDeclaration | None:
        """The file of the current directory with this SFI."""
        files = self.directory.files if self.directory else ()
        return next((file for file in files if file.sfi == sfi), None)

    def file_name(self, fid: int) -> str:
        """``EF06 持卡人基本信息``; the FID for a file that nobody declares."""
        file = self.file_of(fid)
        if file:
            short = f"EF{fid & 0xFF:02X}" if fid >> 8 == _EF else f"{fid:04X}"
            return f"{short} {file.name}"
        if fid == PSAM_DF and self.psam:
            return "DF01 社会保障应用"
        return _PSAM_FILES.get(fid, f"EF {fid:04X}")

    def target(self, sfi: int) -> tuple[str, FileDeclaration | None]:
        """Name and declaration of the file that a command addresses; 0 is the current one."""
        file = self.by_sfi(sfi) if sfi else self.file
        if file:
            return self.file_name(file.fid), file
        if not sfi:
            return "current EF", None
        known = _PSAM_FILES.get(sfi) if self.psam or self.directory is None else None
        return known or f"SFI {sfi:02X}", None

    def key_name(self, kid: int, use: KeyUse) -> str:
        """``0A RKSSSE``: a key of the current directory when bit 8 is set, else of SSSE."""
        if self.psam:
            return _PSAM_KEYS.get(kid, f"{kid:02X}")
        local = kid & 0x80 or use is KeyUse.INTERNAL
        directory = (self.directory if local else None) or self.profile.environment
        keys = (key for key in directory.keys if key.use is use and key.kid == kid)
        key = next(keys, None)
        return f"{kid:02X} {key.root}" if key else f"{kid:02X}"


def _is_bank(name: bytes) -> bool:
    return name.startswith(_BANK_NAMES)


def addressed_sfi(command: TracedCommand) -> int:
    """The SFI in P1 or P2 of a record or binary command, 0 if none."""
    if command.ins in _RECORD:
        return command.p2 >> 3
    if command.ins in _BINARY and command.p1 & 0x80:
        return command.p1 & 0x1F
    return 0


def directory_name(directory: DirectoryDeclaration) -> str:
    """``SSSE 社会保障系统环境``, ``DF04 社会保险2``."""
    return f"{directory.short_name} {directory.name}"


def df_name(name: bytes) -> str:
    """A name or AID for people: hexadecimal, and as text where it is text.

    Longer than any AID it is not shown: who knows what it is.
    """
    if not name:
        return "without name"
    if name in _NAMES:
        return _NAMES[name]
    if len(name) > _LONGEST_NAME:
        return layouts.hidden(name)
    text = name.decode("ascii", "replace")
    printable = len(name) > 2 and text.isascii() and text.isprintable()
    return f"{name.hex().upper()} {text!r}" if printable else name.hex().upper()


def item_name(tag: int, file: FileDeclaration | None) -> str:
    """``09 姓名``."""
    item = _item(tag, file)
    return f"{tag:02X} {item.name}" if item else f"{tag:02X}"


def _item(tag: int, file: FileDeclaration | None) -> Item | None:
    items = file.items if file else ()
    return next((item for item in items if item.tag == tag and tag), None)
