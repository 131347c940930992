# SPDX-License-Identifier: Apache-2.0
"""The internal amount file of the medical account (医疗保险金额文件).

::

    0   CIA 4 个人账户余额, SPIP 4 个人自付累计, SPFP 4 统筹累计, in fen
    12  settlement year 2 (支付年度, BCD), purchase counter 2 (脱网)
    16  proof of the last purchase: there (01) 1, number 2, MAC2 4, TAC 4
    27  load counter 2 (联网)
    29  proof of the last load: the same as above
    40  starting day 2 (年度起始日期, BCD mmdd)

No public paper gives a layout; the fields are those of LD/T 32.6, their order is the emulator's
own [L] and known here only. The first 16 bytes are what INITIALIZE FOR PURCHASE answers, the
first 27 what a purchase changes, so that one write does it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from sscard_chip.filesystem.files import CyclicFile, InternalFile
from sscard_chip.filesystem.tree import Directory
from sscard_chip.security.keys import KeyRecord
from sscard_chip.standard.identifiers import LOAD, PURCHASE
from sscard_chip.standard.keys import USE_PURCHASE, USE_TAC
from sscard_chip.standard.status import StatusError, StatusWord

BODY_LENGTH: Final = 42
DETAIL_SFI: Final = 0x08
PROOF_BY_NEXT_NUMBER: Final = 0x01
"""Option in the header of the account's directory (its application type): GET TRANSACTION PROOF
takes the number of INITIALIZE plus 1, as that of the purse does. Cards of the ministry's paper
take the number itself [L]."""
NO_PIN: Final = -1
"""In place of the PIN record's offset where there is none: no verified PIN is ever that one."""

_READ_HEAD: Final = struct.Struct("16s").unpack_from
_ACCOUNT: Final = struct.Struct(">III2sH11xH11x2s")
_PURCHASE_PART: Final = struct.Struct(">III2sH?H4s4s")
_PROOF: Final = struct.Struct(">?H4s4s")
_PROOF_AT: Final = {PURCHASE: 16, LOAD: 29}
_LOAD_PART: Final = struct.Struct(">H?H4s4s")
_LOAD_PART_AT: Final = 27
_STARTING_DAY_AT: Final = 40
_SHORT_DETAIL, _LONG_DETAIL = 20, 28


class AmountState(NamedTuple):
    """What the amount file says. Amounts in fen, ``year`` and ``starting_day`` BCD bytes."""

    balance_fen: int
    self_paid_total_fen: int
    pooled_total_fen: int
    year: bytes
    purchase_counter: int
    load_counter: int
    starting_day: bytes


class MedicalKeys(NamedTuple):
    """DPK or DLK of one key index with the DTK beside it.

    ``answer`` is key version and algorithm as INITIALIZE answers them. ``two_macs`` and ``tac``
    are the suite's, bound to the keys.
    """

    key: KeyRecord
    answer: bytes
    two_macs: Callable[[bytes, bytes, bytes], tuple[bytes, bytes]]
    tac: Callable[[bytes], bytes]


def initial_content(
    *,
    load_counter: int = 0,
    purchase_counter: int = 0,
    balance_fen: int = 0,
    self_paid_total_fen: int = 0,
    pooled_total_fen: int = 0,
    year: str = "0000",
    starting_day: str = "0101",
) -> bytes:
    """The body of a new amount file; ``year`` yyyy, ``starting_day`` mmdd."""
    return _ACCOUNT.pack(
        balance_fen,
        self_paid_total_fen,
        pooled_total_fen,
        bytes.fromhex(year),
        purchase_counter,
        load_counter,
        bytes.fromhex(starting_day),
    )


def decode_account(body: bytes) -> AmountState:
    """The fields of an amount file's body."""
    return AmountState._make(_ACCOUNT.unpack_from(body))


def encode_account(state: AmountState, body: bytes) -> bytes:
    """An amount file's body with other fields, the proofs as they are."""
    new = _ACCOUNT.pack(
        state.balance_fen,
        state.self_paid_total_fen,
        state.pooled_total_fen,
        state.year,
        state.purchase_counter,
        state.load_counter,
        state.starting_day,
    )
    proofs = [(at, at + _PROOF.size) for at in _PROOF_AT.values()]
    for start, end in proofs:
        new = new[:start] + body[start:end] + new[end:]
    return new


class MedicalAccount:
    """The amount file and the detail file EF08 of a DF, read and staged together.

    A record length of 20 bytes in EF08 means that the card keeps the personal account only:
    the yearly totals and the year then have no meaning and are all 00 (LD/T 32.7, section 12).
    """

    __slots__ = (
        "_body",
        "_details",
        "_directory",
        "_memory",
        "_proof_ahead",
        "account_only",
        "load_keys",
        "next_years",
        "pin_offset",
        "purchase_keys",
    )

    def __init__(self, directory: Directory, amounts: InternalFile, details: CyclicFile) -> None:
        self._body = amounts.body
        self._memory = amounts.memory
        self._directory = directory
        self._details = details
        pin = directory.environment.pin
        self.pin_offset = pin.offset if pin else NO_PIN
        self.account_only = details.record_length == _SHORT_DETAIL
        self._proof_ahead = int(bool(directory.header.app_type & PROOF_BY_NEXT_NUMBER))
        # Filled on first use: keys by index, and where the year after a settlement year begins.
        self.purchase_keys: dict[int, MedicalKeys] = {}
        self.load_keys: dict[int, MedicalKeys] = {}
        self.next_years: dict[bytes, bytes] = {}

    @classmethod
    def of(cls, directory: Directory) -> MedicalAccount | None:
        """The account of a directory; None when it has none. Made once while it is mounted.

        It is an amount file and an EF08 of records of 20 or 28 bytes: one without the other, or
        a ring of another kind under that FID, as a region's own DF may have, is no account.
        """
        account = directory.application
        if type(account) is not cls:
            details = directory.files_by_sfi.get(DETAIL_SFI)
            if directory.amount_file is None or not isinstance(details, CyclicFile):
                return None
            if details.record_length not in (_SHORT_DETAIL, _LONG_DETAIL):
                return None
            account = cls(directory, directory.amount_file, details)
            directory.application = account
        return account

    def find_keys(self, use: int, index: int) -> MedicalKeys:
        """DPK or DLK (by ``use``) of a key index, with its DTK; 9403 when there is none."""
        records = self._directory.keys
        key, tac_key = records.get((use, index, index)), records.get((USE_TAC, index, index))
        if key is None or tac_key is None:
            raise StatusError(StatusWord.KEY_INDEX_NOT_SUPPORTED)
        keys = MedicalKeys(
            key,
            bytes((key.version, key.algorithm)),
            key.suite.two_macs(key.encrypt),
            tac_key.suite.tac_mac(tac_key.secret),
        )
        found = self.purchase_keys if use == USE_PURCHASE else self.load_keys
        found[index] = keys
        return keys

    def read(self) -> AmountState:
        """All fields."""
        return AmountState._make(_ACCOUNT.unpack_from(self._memory.cells, self._body))

    def head(self) -> bytes:
        """CIA 4, SPIP 4, SPFP 4, year 2, purchase counter 2."""
        head: bytes = _READ_HEAD(self._memory.cells, self._body)[0]
        return head

    def details(self) -> list[bytes]:
        """The records of EF08, newest first."""
        return [self._details.record(n + 1) for n in range(self._details.count)]

    def next_year_begins(self, year: bytes) -> bytes:
        """The date (BCD yyyymmdd) from which on a purchase begins another settlement year.

        Year rule of the totals (LD/T 32.7, 12.6): n = date of the purchase - (settlement year and
        starting day), as plain decimal numbers. Below 10000 the purchase is added to the yearly
        totals SPIP and SPFP; from 10000 on both begin again at 0 with this purchase, and the
        settlement year becomes that of its date. The balance never begins again. Kept in
        ``next_years``.
        """
        begun = int(year.hex()) * 10000 + int(self.read().starting_day.hex())
        limit = bytes.fromhex(f"{min(begun + 10000, 99999999):08d}")
        self.next_years[year] = limit
        return limit

    def settlement_year(self, date: bytes) -> bytes:
        """The settlement year (BCD) that ``date`` (BCD yyyymmdd) falls into."""
        before = date[2:] < self.read().starting_day
        return bytes.fromhex(f"{max(int(date[:2].hex()) - before, 0):04d}")

    def stage_purchase(
        self,
        number: int,
        balance_fen: int,
        self_paid_total_fen: int,
        pooled_total_fen: int,
        year: bytes,
        mac2: bytes,
        tac: bytes,
        detail: bytes,
    ) -> None:
        """Stage everything that purchase ``number`` changes: amounts and year as they are after
        it, the proof, and its detail record of 28 bytes."""
        part = _PURCHASE_PART.pack(
            balance_fen,
            self_paid_total_fen,
            pooled_total_fen,
            year,
            number + 1,
            True,
            number,
            mac2,
            tac,
        )
        self._memory.staged.append((self._body, part))
        if self.account_only:
            detail = detail[:_SHORT_DETAIL]
        self._details.stage_append(detail)

    def stage_load(
        self, number: int, balance_fen: int, mac2: bytes, tac: bytes, detail: bytes
    ) -> None:
        """Stage everything that load ``number`` changes; ``detail`` is 20 bytes."""
        self._memory.write(self._body, balance_fen.to_bytes(4))
        part = _LOAD_PART.pack(number + 1, True, number, mac2, tac)
        self._memory.write(self._body + _LOAD_PART_AT, part)
        self._details.stage_append(detail.ljust(self._details.record_length, b"\0"))

    def stage_starting_day(self, mmdd: bytes) -> None:
        """Stage a new starting day; year and totals stay as they are [M]."""
        self.next_years.clear()
        self._memory.write(self._body + _STARTING_DAY_AT, mmdd)

    def proof(self, kind: int, number: int) -> bytes | None:
        """MAC2 || TAC of the last transaction of ``kind``, if ``number`` asks for it: its own, by
        option of the card plus 1 (:data:`PROOF_BY_NEXT_NUMBER`)."""
        at = self._body + _PROOF_AT[kind]
        there, last, mac2, tac = _PROOF.unpack_from(self._memory.cells, at)
        return mac2 + tac if there and last + self._proof_ahead == number else None
