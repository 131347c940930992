# SPDX-License-Identifier: Apache-2.0
"""What there is to say about a card, as plain values for tables and JSON: see ``inspect``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DecodedItem:
    """One data item: ``raw`` in hex, ``text`` decoded, ``meaning`` of a coded value."""

    tag: str
    name: str
    english: str
    raw: str
    text: str
    meaning: str = ""
    items: tuple[DecodedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class FileContents:
    """One EF. ``records`` holds its TLVs one by one, of a cyclic file the fields of each record.

    ``body`` is the hex content of a transparent file without its trailing 00 bytes.
    """

    fid: str
    sfi: str
    name: str
    english: str
    structure: str
    read: str
    write: str
    size: int
    records: tuple[tuple[DecodedItem, ...], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key of all its versions. ``tries`` has one count per version, none if never locked."""

    name: str
    kid: str
    use: str
    purpose: str
    versions: tuple[int, ...]
    tries: tuple[int, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class PinState:
    """``is_set`` is false for a card without PIN."""

    is_set: bool
    tries: int
    limit: int


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """One record of 医疗交易明细. ``time`` is the terminal's local time, amounts are fen.

    A load has one amount, ``account_fen``; so has a purchase on a card that keeps the personal
    account only.
    """

    number: int
    kind: str
    terminal: str
    time: str
    account_fen: int
    self_paid_fen: int
    pooled_fen: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """The medical account (医疗保险金额文件): amounts in fen, ``log`` newest first.

    ``starting_day`` is mmdd. ``account_only`` cards keep no yearly totals.
    """

    balance_fen: int
    self_paid_total_fen: int
    pooled_total_fen: int
    year: str
    starting_day: str
    load_counter: int
    purchase_counter: int
    account_only: bool
    log: tuple[TransactionRecord, ...]


@dataclass(frozen=True, slots=True)
class PurseTransaction:
    """One record of the log of deposit and purse; ``time`` is the terminal's or the host's."""

    number: int
    kind: str
    terminal: str
    time: str
    amount_fen: int
    limit_fen: int


@dataclass(frozen=True, slots=True)
class PurseAmounts:
    """Deposit (电子存折) or purse (电子钱包): ``balance_fen`` includes ``limit_fen``, the overdraft
    limit; the numbers are those of the next transactions."""

    balance_fen: int
    limit_fen: int
    online_number: int
    offline_number: int
    grey_locked: bool


@dataclass(frozen=True, slots=True)
class PurseState:
    """The application of deposit and purse; ``log`` newest first, dates YYYY-MM-DD. A transport
    application has no ``deposit``.

    ``state`` is working, dormant, suspended (blocked until the issuer unblocks it) or blocked.
    ``province`` and ``city`` say where the card is from, by area code of 4 digits (银联地区代码);
    their names are empty for codes that are not known.
    """

    state: str
    issuer: str
    serial: str
    version: int
    start: str
    expiry: str
    province: str
    province_name: str
    city: str
    city_name: str
    interoperable: bool
    card_type: str
    deposit: PurseAmounts | None
    purse: PurseAmounts
    log: tuple[PurseTransaction, ...]


@dataclass(frozen=True, slots=True)
class TransitTrip:
    """One record of 001E: ``kind`` and ``mode`` in words, the rest as it stands, hex digits."""

    kind: str
    mode: str
    terminal: str
    line: str
    station: str
    time: str
    amount_fen: int
    balance_fen: int
    city: str
    organisation: str


@dataclass(frozen=True, slots=True)
class TransitJourney:
    """One record of 001A: ``status`` in words, stations and amounts of entry and exit."""

    identifier: str
    status: str
    locked: bool
    entry_city: str
    entry_station: str
    entry_time: str
    exit_city: str
    exit_station: str
    exit_time: str


@dataclass(frozen=True, slots=True)
class TransitState:
    """What a transport application (交通联合) has besides its purse; ``trips`` newest first.

    ``names`` are its AIDs. ``on_contacts``: terminals with contacts find it too.
    """

    names: tuple[str, ...]
    on_contacts: bool
    journeys: tuple[TransitJourney, ...]
    trips: tuple[TransitTrip, ...]


@dataclass(frozen=True, slots=True)
class KeyPairState:
    """One pair of the certificate application: ``name`` and ``english`` say what it is for.

    ``public_key`` is X || Y in hex, empty without; ``has_private_key`` whether its other half is
    there. ``certificate_length`` counts the bytes of the certificate's DER, 0 for none.
    """

    name: str
    english: str
    public_key: str
    has_private_key: bool
    certificate_length: int


@dataclass(frozen=True, slots=True)
class BankTransaction:
    """One record of a bank application's log. ``time`` is the terminal's local time, ``kind``
    the transaction type (9C) in hex.
    """

    atc: int
    time: str
    amount_fen: int
    kind: str
    merchant: str


@dataclass(frozen=True, slots=True)
class BankState:
    """A debit/credit application. ``pan`` is masked; amounts of electronic cash are fen, ``log``
    newest first. ``pdol``: contact terminals are asked for data first.
    """

    aid: str
    label: str
    state: str
    pan: str
    pan_sequence: str
    effective: str
    expiry: str
    algorithm: str
    offline_authentication: str
    pdol: bool
    atc: int
    last_online_atc: int
    balance_fen: int
    limit_fen: int
    single_limit_fen: int
    reset_threshold_fen: int
    log: tuple[BankTransaction, ...]


@dataclass(frozen=True, slots=True)
class DirectoryContents:
    """An MF, DDF or ADF. ``purse`` is there in the directory of deposit and purse and in that of
    a transport application, where ``transit`` is too; ``bank`` in that of a bank application,
    whose files are not shown; ``key_pairs`` in the certificate application.
    """

    fid: str
    name: str
    english: str
    df_name: str
    blocked: bool
    pin: PinState | None
    keys: tuple[KeyState, ...]
    files: tuple[FileContents, ...]
    account: AccountState | None
    purse: PurseState | None = None
    transit: TransitState | None = None
    bank: BankState | None = None
    key_pairs: tuple[KeyPairState, ...] = ()


@dataclass(frozen=True, slots=True)
class CardContents:
    """A whole card. ``generation`` is None when the card holds no known version."""

    atr: str
    generation: int | None
    version: str
    algorithm: str
    contactless: bool
    life_cycle: str
    directories: tuple[DirectoryContents, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
