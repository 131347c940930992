# SPDX-License-Identifier: Apache-2.0
"""The vocabulary in which a card's contents are declared: items, files, rights, keys, directories.

One declaration serves the memory layout, the reading and writing of values, the display to
people, the documentation tables and the tests. LD/T 32.6 and the 2012 letter no. 37.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from sscard_chip.standard.identifiers import DF02, SSSE
from sscard_chip.standard.keys import (
    MF_MASTER_KEY,
    USE_OVERDRAFT,
    USE_PIN_KEY,
    USE_PIN_RELOAD,
    USE_PIN_UNBLOCK,
    USE_UNLOAD,
)
from sscard_chip.standard.settlement_mode import SettlementMode


class Confidence(Enum):
    """How sure a fact is: printed or traced, read from a draft or a program, inferred."""

    HIGH = "H"
    MEDIUM = "M"
    LOW = "L"


class Format(Enum):
    """Coding of a value. ``length`` of an item counts bytes in every format."""

    CN = "cn"  # BCD, left-aligned, padded right with F nibbles
    AN = "an"  # GB 18030 text, padded right with 00
    B = "b"  # binary
    BTLV = "B-TLV"  # template of nested simple TLVs


class Structure(Enum):
    """Structure of an EF (LD/T 32.3)."""

    TRANSPARENT = "transparent"
    LINEAR_FIXED = "linear fixed"
    LINEAR_VARIABLE = "linear variable"
    CYCLIC = "cyclic"
    AMOUNT = "internal amount"  # 医疗保险金额文件, known to the COS alone


class Provision(Enum):
    """启用 in use, 预设 defined but not yet in use, 预留 space only (letter no. 37, section 6)."""

    ENABLED = "启用"
    PRESET = "预设"
    RESERVED = "预留"


@dataclass(frozen=True, slots=True)
class Rule:
    """An access rule: free, never, PIN, key, PIN or key, PIN and key.

    ``kid`` is the key identifier of EXTERNAL AUTHENTICATE (bit 8 set: key of the current DF);
    ``last_kid``, if it is more, is the last of several of which any one will do.
    """

    pin: bool = False
    kid: int | None = None
    both: bool = False
    never: bool = False
    last_kid: int = 0

    def __or__(self, other: Rule) -> Rule:
        return Rule(pin=True, kid=_only_key(self, other))

    def __and__(self, other: Rule) -> Rule:
        return Rule(pin=True, kid=_only_key(self, other), both=True)

    @property
    def free(self) -> bool:
        return not (self.pin or self.never) and self.kid is None

    def __str__(self) -> str:
        if self.never:
            return "never"
        if self.kid is None:
            return "PIN" if self.pin else "free"
        kids = f"key {self.kid:02X}"
        if self.last_kid > self.kid:
            kids += f"..{self.last_kid:02X}"
        return f"PIN {'and' if self.both else 'or'} {kids}" if self.pin else kids


FREE = Rule()
NEVER = Rule(never=True)
PIN = Rule(pin=True)


def key(kid: int) -> Rule:
    """The rule "external authentication with key ``kid``"."""
    return Rule(kid=kid)


def _only_key(left: Rule, right: Rule) -> int:
    kids = [r.kid for r in (left, right) if r.kid is not None]
    if len(kids) != 1 or not (left.pin or right.pin):
        raise ValueError("a rule joins the PIN with exactly one key")
    return kids[0]


@dataclass(frozen=True, slots=True)
class Item:
    """One data item (数据项): a simple TLV record, a nested TLV, or a raw field of a cyclic record.

    ``tag`` is 0 for the raw fields of a cyclic record or a transparent file, which have none.
    ``length`` is that of the value in bytes. ``codes`` maps coded values to their meaning;
    ``open_codes`` says that regions have more of them. ``inferred`` marks items of generation 1
    whose tag nobody prints. ``confidence`` is that of the weakest of tag, name, format and length.
    ``initial`` is the content after pre-personalisation where it is not the padding of an empty
    value.
    """

    tag: int
    name: str  # Chinese
    english: str
    format: Format
    length: int
    items: tuple[Item, ...] = ()
    codes: dict[str, str] = field(default_factory=dict, hash=False)
    confidence: Confidence = Confidence.HIGH
    inferred: bool = False
    initial: bytes = b""
    open_codes: bool = False

    @property
    def head(self) -> bytes:
        """Tag and length before the value; a tag of two bytes is one of a transport application."""
        return self.tag.to_bytes(2 if self.tag > 0xFF else 1) + bytes((self.length,))

    def initial_value(self) -> bytes:
        """Content after pre-personalisation: cn all F, others all 00 [L], templates filled."""
        if self.initial:
            return self.initial
        if self.format is Format.BTLV:
            return b"".join(
                bytes((item.tag, item.length)) + item.initial_value() for item in self.items
            )
        return (b"\xff" if self.format is Format.CN else b"\x00") * self.length


@dataclass(frozen=True, slots=True)
class FileDeclaration:
    """One EF. ``records`` is the number of records of a cyclic or fixed file.

    Linear files: ``items`` are the records in order, repeated items stand repeated.
    Cyclic files: ``items`` are the raw fields of one record. Transparent files: ``items`` may
    be empty; ``size`` is their length in bytes. ``spare`` is room in bytes for records to grow.
    Of an internal amount file the engine knows size and layout.
    """

    fid: int
    name: str
    english: str
    structure: Structure
    read: Rule
    write: Rule
    items: tuple[Item, ...] = ()
    records: int = 0
    size: int = 0
    spare: int = 0
    provision: Provision = Provision.ENABLED
    clause: str = ""
    confidence: Confidence = Confidence.HIGH
    secure_messaging: bool = False  # updates need CLA 04 and a MAC

    @property
    def sfi(self) -> int:
        """Short file identifier: the low five bits of the FID."""
        return self.fid & 0x1F

    @property
    def record_length(self) -> int:
        """Bytes of one record of a cyclic file (raw fields) or fixed file (TLV)."""
        if self.structure is Structure.CYCLIC:
            return sum(item.length for item in self.items)
        return 2 + self.items[0].length

    @property
    def content_size(self) -> int:
        """Bytes of the body: TLVs, ring, or transparent content."""
        if self.structure is Structure.TRANSPARENT:
            return self.size
        if self.structure is Structure.CYCLIC:
            return self.record_length * self.records
        return sum(len(item.head) + item.length for item in self.items)

    def record_numbers(self, tag: int) -> tuple[int, ...]:
        """Numbers, from 1, of the records of a linear file that carry ``tag``."""
        return tuple(number for number, item in enumerate(self.items, 1) if item.tag == tag)


class KeyUse(Enum):
    """用途 byte of a key record (personalisation page, section 2.4)."""

    EXTERNAL = 0x00
    MAINTENANCE = 0x01  # STK: MAC of block and unblock, PIN reload
    PURCHASE = 0x02  # DPK
    LOAD = 0x09  # DLK
    TAC = 0x0C  # DTK
    INTERNAL = 0x1C  # IRK
    PIN = 0x1F
    PIN_UNBLOCK = USE_PIN_UNBLOCK  # DPUK of the purse
    PIN_RELOAD = USE_PIN_RELOAD  # DRPK of the purse
    OVERDRAFT = USE_OVERDRAFT  # DUK of the purse
    UNLOAD = USE_UNLOAD  # DULK of the purse
    PIN_KEY = USE_PIN_KEY  # a PIN of the certificate application


BY_INDEX: Final = (
    KeyUse.PURCHASE,
    KeyUse.LOAD,
    KeyUse.TAC,
    KeyUse.UNLOAD,
    KeyUse.OVERDRAFT,
)
"""Keys of transactions: a command names them by key index."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a directory. ``root`` names its root key, ``kid`` is that of the command.

    For DLK, DPK and DTK ``versions`` counts key indexes 1..n and ``kid`` is 00. ``single`` keys
    are 8 bytes in the DES suite. ``retry_limit`` 0 means that failures never lock it. The master
    keys stand in the headers of directories: :attr:`DirectoryDeclaration.master_key`.
    """

    root: str
    kid: int
    use: KeyUse
    purpose: str
    versions: int = 3
    single: bool = False
    retry_limit: int = 3
    confidence: Confidence = Confidence.HIGH


@dataclass(frozen=True, slots=True)
class DirectoryDeclaration:
    """A DDF or ADF with its files and keys, in the order of creation."""

    fid: int
    name: str
    english: str
    df_name: bytes
    files: tuple[FileDeclaration, ...]
    keys: tuple[Key, ...]
    label: str = ""
    clause: str = ""
    confidence: Confidence = Confidence.HIGH
    optional: bool = False

    @property
    def short_name(self) -> str:
        """How people call it: SSSE, DF01, DF02..."""
        return "SSSE" if self.fid == SSSE else f"{self.fid:04X}"

    @property
    def master_key(self) -> str:
        """Name of the root of its master key (主控密钥): MKSSSE, MKDF01..."""
        return f"MK{self.short_name}"

    def file(self, fid: int) -> FileDeclaration:
        """The EF with this FID; KeyError if there is none."""
        for file in self.files:
            if file.fid == fid:
                return file
        raise KeyError(f"{fid:04X}")

    def with_files(self, *files: FileDeclaration) -> DirectoryDeclaration:
        """A copy in which ``files`` replace those of the same FID, or are added, in FID order."""
        by_fid = {f.fid: f for f in self.files} | {f.fid: f for f in files}
        return replace(self, files=tuple(by_fid[fid] for fid in sorted(by_fid)))

    def with_keys(self, *keys: Key) -> DirectoryDeclaration:
        """A copy in which ``keys`` replace those of the same root, or stand behind them."""
        by_root = {key.root: key for key in (*self.keys, *keys)}
        return replace(self, keys=tuple(by_root.values()))


@dataclass(frozen=True, slots=True)
class Options:
    """What a region may choose, see :func:`sscard_chip.profile.for_generation`."""

    optional: frozenset[int] = frozenset()
    settlement_mode: SettlementMode = SettlementMode.ONLINE
    with_account: bool = False
    inferred_items: bool = True
    account_only: bool = False
    registration_date_in: int = DF02
    proof_by_next_number: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A card of one generation: SSSE first, then its ADFs.

    What is the generation's own is described in
    :class:`~sscard_chip.profile.generations.Generation`. ``dir_sfi`` is announced in the FCI of
    SSSE; ``announce_algorithm`` adds 9F0C {86}. ``historical_prefix`` are the first 7 of the 13
    historical bytes: supplier 2, free 3, maker 2 (86xx); city 2 and serial 4 follow.
    """

    generation: int
    version: str  # 规范版本, four characters
    environment: DirectoryDeclaration
    applications: tuple[DirectoryDeclaration, ...]
    contactless: bool
    announce_algorithm: bool
    algorithms: tuple[str, ...]  # "3des", "sm4"; the first is the default
    historical_prefix: bytes
    dir_sfi: int = 0x1E
    pin_retry_limit: int = 6
    """PIN tries of a region: 6, the card's limit; a region with another one replaces it here."""
    settlement_mode: SettlementMode = SettlementMode.ONLINE
    bank: bool = True
    later_meanings: str = ""
    proof_by_next_number: bool = False
    """GET TRANSACTION PROOF of the medical account takes the number of INITIALIZE plus 1 [L]."""

    @property
    def directories(self) -> tuple[DirectoryDeclaration, ...]:
        return (self.environment, *self.applications)

    @property
    def root_keys(self) -> dict[str, int]:
        """Names of all root keys that a card of this profile needs, with their versions."""
        found = {MF_MASTER_KEY: 1} | {d.master_key: 1 for d in self.directories}
        for directory in self.directories:
            for key in directory.keys:
                found[key.root] = max(key.versions, found.get(key.root, 0))
        return found

    def directory(self, fid: int) -> DirectoryDeclaration:
        """The directory with this FID; KeyError if there is none."""
        for directory in self.directories:
            if directory.fid == fid:
                return directory
        raise KeyError(f"{fid:04X}")
