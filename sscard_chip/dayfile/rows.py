# SPDX-License-Identifier: Apache-2.0
"""Rows of a day file: header H, a row D for each sale or refund, trailer T.

Cells are separated by tabs, an empty one is the word ``null``, money is yuan with two decimals
(the four columns that the national pharmacy interface names) or fen (the amounts that the card
was given). Byte strings are upper-case hex, numbers of the card and the terminal decimal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.standard import amounts
from sscard_chip.standard.amounts import MAX_FEN, AmountError, yuan
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.identifiers import ALGORITHM_OF_DIGITS, DIGITS_OF_ALGORITHM

FORMAT: Final = "sscard-day/1"
NULL: Final = "null"

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class DayHeader:
    """Whose day it is. ``pharmacy_code`` is the fixmedins_code, ``business_date`` YYYYMMDD."""

    pharmacy_code: str
    terminal_id: str
    business_date: str
    hotlist_version: str | None
    psam_number: str

    def encode(self) -> str:
        """The row, without LF."""
        cells = ("H", FORMAT, self.pharmacy_code, self.terminal_id, self.business_date)
        return "\t".join((*cells, self.hotlist_version or NULL, self.psam_number))

    @classmethod
    def parse(cls, line: str) -> DayHeader:
        """From a row without LF.

        :raises DayFileError: "column: rule".
        """
        cells = line.split("\t")
        if cells[:2] != ["H", FORMAT]:
            raise DayFileError(f"header: must begin with H and {FORMAT}")
        if len(cells) != 7:
            raise DayFileError("header: must have 7 cells")
        broken = [
            f"header: {name}: must be {count} digits"
            for name, cell, count in (("terminal_id", cells[3], 12), ("business date", cells[4], 8))
            if not is_digits(cell, count)
        ]
        if broken:
            raise DayFileError("; ".join(broken))
        version = None if cells[5] == NULL else cells[5]
        return cls(cells[2], cells[3], cells[4], version, cells[6])


@dataclass(frozen=True, slots=True, repr=False)
class DayRow:
    """One sale or refund.

    ``*_fen`` of the first group are what the bill says: total, pooled fund, personal account,
    cash (medfee_sumamt, fund_pay_sumamt, acct_pay, psn_cash_pay); negative in a refund. The
    amounts of the second group are those that the card was given, which mode 1 and 2 make
    differ. ``refund`` is refd_setl_flag, ``treatment_division`` mdtrtarea_admvs,
    ``insured_division`` insuplc_admdvs. ``tac`` is None when the card's answer never came.
    """

    setl_id: str | None
    mdtrt_id: str | None
    psn_no: str | None
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    refund: bool
    msgid: str
    treatment_division: str
    insured_division: str | None
    card_id_code: bytes
    card_number: str
    diversification_factor: bytes
    algorithm: str
    key_version: int
    transaction_number: int
    transaction_type: int
    terminal_id: str
    terminal_transaction_number: int
    time: str
    card_account_fen: int
    card_self_paid_fen: int
    card_pooled_fen: int
    tac: bytes | None
    grey: bool

    def __repr__(self) -> str:
        return f"<DayRow, msgid {self.msgid}>"

    @property
    def debit(self) -> tuple[str, str, int]:
        """Which debit it is about: terminal, algorithm, number of the terminal.

        The environments of a PSAM count on their own, so the algorithm belongs to the key.
        """
        return self.terminal_id, self.algorithm, self.terminal_transaction_number

    def check(self) -> None:
        """Refuse a row that would not read back.

        :raises DayFileError:
        """
        if parse_row(self.encode()) != self:
            raise DayFileError("row: has a value that its column cannot hold")
        if self.total_fen != self.fund_fen + self.account_fen + self.cash_fen:
            raise DayFileError("medfee_sumamt: must be the sum of the three parts")
        if self.tac is None and not self.grey:
            raise DayFileError("tac: a row without it is grey")

    def encode(self) -> str:
        """The row, without LF."""
        cells = (column.encode(getattr(self, column.field)) for column in COLUMNS)
        return "\t".join(("D", *cells))


@dataclass(frozen=True, slots=True)
class DayTrailer:
    """Number of D rows, sums of the four yuan columns in fen, SHA-256 of all rows before."""

    count: int
    sums_fen: tuple[int, int, int, int]
    digest: bytes

    def encode(self) -> str:
        """The row, without LF."""
        sums = map(yuan, self.sums_fen)
        return "\t".join(("T", str(self.count), *sums, self.digest.hex().upper()))

    @classmethod
    def parse(cls, line: str) -> DayTrailer:
        """From a row without LF.

        :raises DayFileError:
        """
        cells = line.split("\t")
        if len(cells) != 7 or cells[0] != "T":
            raise DayFileError("trailer: must be T and 6 more cells")
        total, fund, account, cash = (parse_money("trailer: sum", cell) for cell in cells[2:6])
        digest = _parse_hex(32)("trailer: digest", cells[6])
        return cls(
            parse_number("trailer: row count", cells[1]), (total, fund, account, cash), digest
        )


# --- cells ---------------------------------------------------------------------------------------


def parse_money(name: str, cell: str) -> int:
    """Yuan with two decimals as fen.

    :raises DayFileError:
    """
    try:
        return amounts.parse_yuan(cell)
    except AmountError as error:
        raise DayFileError(f"{name}: {error}") from None


def _text(value: str | None) -> str:
    return NULL if value is None else value


def _parse_text(most: int) -> Callable[[str, str], str]:
    def parse(name: str, cell: str) -> str:
        if not 0 < len(cell) <= most or not cell.isprintable() or cell == NULL:
            raise DayFileError(f"{name}: must be 1 to {most} printable characters")
        return cell

    return parse


def _digits(name: str, cell: str, count: int) -> str:
    if not is_digits(cell, count):
        raise DayFileError(f"{name}: must be {count} digits")
    return cell


def _parse_digits(count: int) -> Callable[[str, str], str]:
    return lambda name, cell: _digits(name, cell, count)


def parse_number(name: str, cell: str) -> int:
    """A number of at most four bytes.

    :raises DayFileError:
    """
    if not _NUMBER.fullmatch(cell) or int(cell) > MAX_FEN:
        raise DayFileError(f"{name}: must be a number of at most four bytes")
    return int(cell)


def _hex(value: bytes | None) -> str:
    return NULL if value is None else value.hex().upper()


def _parse_hex(length: int) -> Callable[[str, str], bytes]:
    shape = re.compile(f"[0-9A-F]{{{2 * length}}}")

    def parse(name: str, cell: str) -> bytes:
        if not shape.fullmatch(cell):
            raise DayFileError(f"{name}: must be {2 * length} capital hex digits")
        return bytes.fromhex(cell)

    return parse


def _parse_flag(name: str, cell: str) -> bool:
    if cell not in ("0", "1"):
        raise DayFileError(f"{name}: must be 0 or 1")
    return cell == "1"


def _parse_algorithm(name: str, cell: str) -> str:
    if cell not in ALGORITHM_OF_DIGITS:
        raise DayFileError(f"{name}: must be 01 (DES) or 03 (SM4)")
    return ALGORITHM_OF_DIGITS[cell]


_parse_one = _parse_hex(1)


def _parse_byte(name: str, cell: str) -> int:
    return _parse_one(name, cell)[0]


def _flag(value: bool) -> str:
    return str(int(value))


@dataclass(frozen=True, slots=True)
class DayFileColumn:
    """A column of D rows: its name in files, the field of :class:`DayRow`, and the coding."""

    name: str
    field: str
    encode: Callable[[Any], str]
    parse: Callable[[str, str], Any]
    optional: bool = False


def _column(
    name: str,
    encode: Callable[[Any], str],
    parse: Callable[[str, str], Any],
    field: str = "",
    *,
    optional: bool = False,
) -> DayFileColumn:
    return DayFileColumn(name, field or name, encode, parse, optional)


COLUMNS: Final = (
    _column("setl_id", _text, _parse_text(30), optional=True),
    _column("mdtrt_id", _text, _parse_text(30), optional=True),
    _column("psn_no", _text, _parse_text(30), optional=True),
    _column("medfee_sumamt", yuan, parse_money, "total_fen"),
    _column("fund_pay_sumamt", yuan, parse_money, "fund_fen"),
    _column("acct_pay", yuan, parse_money, "account_fen"),
    _column("psn_cash_pay", yuan, parse_money, "cash_fen"),
    _column("refd_setl_flag", _flag, _parse_flag, "refund"),
    _column("msgid", _text, _parse_text(30)),
    _column("mdtrtarea_admvs", _text, _parse_digits(6), "treatment_division"),
    _column("insuplc_admdvs", _text, _parse_digits(6), "insured_division", optional=True),
    _column("card_id_code", _hex, _parse_hex(16)),
    _column("card_number", _text, _parse_text(9)),
    _column("diversification_factor", _hex, _parse_hex(8)),
    _column("algorithm", DIGITS_OF_ALGORITHM.__getitem__, _parse_algorithm),
    _column("key_version", str, parse_number),
    _column("transaction_number", str, parse_number),
    _column("transaction_type", "{:02X}".format, _parse_byte),
    _column("terminal_id", _text, _parse_digits(12)),
    _column("terminal_transaction_number", str, parse_number),
    _column("time", _text, _parse_digits(14)),
    _column("account_amount_fen", str, parse_number, "card_account_fen"),
    _column("self_paid_amount_fen", str, parse_number, "card_self_paid_fen"),
    _column("pooled_amount_fen", str, parse_number, "card_pooled_fen"),
    _column("tac", _hex, _parse_hex(4), optional=True),
    _column("grey", _flag, _parse_flag),
)
"""The columns behind the letter D, in their order, which is that of the fields of DayRow."""
_READERS: Final = tuple((one.name, one.parse, one.optional) for one in COLUMNS)


def parse_cells(cells: Sequence[str]) -> DayRow:
    """A row from its cells behind the D.

    :raises DayFileError: "column: rule".
    """
    if len(cells) != len(COLUMNS):
        raise DayFileError(f"must have {len(COLUMNS) + 1} cells")
    values: list[Any] = [
        None if optional and cell == NULL else parse(name, cell)
        for (name, parse, optional), cell in zip(_READERS, cells, strict=True)
    ]
    return DayRow(*values)


def parse_row(line: str) -> DayRow:
    """A D row without LF.

    :raises DayFileError:
    """
    letter, *cells = line.split("\t")
    if letter != "D":
        raise DayFileError("must begin with D")
    return parse_cells(cells)


def sums(rows: Sequence[DayRow]) -> tuple[int, int, int, int]:
    """Net sums of the four yuan columns, in fen."""
    return (
        sum(row.total_fen for row in rows),
        sum(row.fund_fen for row in rows),
        sum(row.account_fen for row in rows),
        sum(row.cash_fen for row in rows),
    )
