# SPDX-License-Identifier: Apache-2.0
"""A register of persons: who the holders of the centre's cards are, for 1101 and ``setlinfo``.

A table with a header line, UTF-8, cells with tabs or commas between them, as a spreadsheet saves
it; ``sscard settle persons`` writes one of card images. Columns in any order; ``certno`` and
``psn_name`` must be there, of the others what is known:

| column | holds |
|---|---|
| certno, psn_cert_type | 证件号码 and its type (01 identity card) |
| psn_name, gend, naty, brdy | name; 1 male, 2 female, 9; 民族 two digits; yyyy-MM-dd |
| psn_no | 人员编号 of the ledger's cards |
| card_id_codes | 卡识别码 in hex of cards that have no psn_no, blanks between them |
| insutype, psn_type, cvlserv_flag | 310, 390; 11 employed, 12 retired, 15 resident; 0, 1 |
| psn_insu_stas, psn_insu_date | 1 normal, 2 paused, 3 void, 4 ended; yyyy-MM-dd |
| emp_name | the employer |
| ec_token | token of the electronic credential (mdtrt_cert_type 01), for tests |
| shared_with | certno of the relative whose account pays for acct_used_flag 2 (共济) |
| psn_idet_types | groups (2301 to 2308), blanks between them |
| filings | chronic diseases: code:name:yyyy-MM-dd:yyyy-MM-dd, ``;`` between them |

All of it stays in memory. Nothing of it stands in an error.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

from sscard_chip.standard.errors import InputError
from sscard_chip.standard.inputfile import open_input
from sscard_chip.standard.insurance import EMPLOYEE_BASIC
from sscard_chip.wholefile import whole_file

MOST_PERSONS: Final = 1_000_000
MOST_SIZE: Final = 512 * 1024 * 1024


class PersonRegisterError(InputError):
    """A register of persons that cannot be used: file, row, column, rule."""


@dataclass(frozen=True, slots=True)
class Filing:
    """A chronic disease that is filed (5301); days are yyyy-MM-dd, ``end`` may be empty."""

    code: str
    name: str
    begin: str
    end: str


@dataclass(frozen=True, slots=True, repr=False)
class InsuredPerson:
    """A person; the names are those of the interface."""

    certno: str
    psn_name: str
    psn_cert_type: str = "01"
    gend: str = ""
    naty: str = ""
    brdy: str = ""
    psn_no: str = ""
    card_id_codes: tuple[str, ...] = ()
    insutype: str = EMPLOYEE_BASIC
    psn_type: str = "11"
    cvlserv_flag: str = "0"
    psn_insu_stas: str = "1"
    psn_insu_date: str = ""
    emp_name: str = ""
    ec_token: str = ""
    shared_with: str = ""
    psn_idet_types: tuple[str, ...] = ()
    filings: tuple[Filing, ...] = ()

    def age(self, day: str) -> str:
        """Whole years on a day (YYYYMMDD or longer); ``0`` where the birthday is not known."""
        if not self.brdy:
            return "0"
        birth = self.brdy.replace("-", "")
        years = int(day[:4]) - int(birth[:4]) - (day[4:8] < birth[4:])
        return str(max(0, years))


COLUMNS: Final = tuple(one.name for one in fields(InsuredPerson))
_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_FILING: Final = f"[!-9;-~]{{1,30}}:[^:;\\t]{{1,100}}:{_DAY}:({_DAY})?"
_SHAPES: Final = {
    "certno": ("[!-~]{1,50}", "1 to 50 ASCII characters"),
    "psn_name": (r"[^\x00-\x1f]{1,50}", "1 to 50 characters"),
    "psn_cert_type": ("[0-9]{0,6}", "digits"),
    "gend": ("[0-9]?", "a digit"),
    "naty": ("[0-9]{0,2}", "two digits"),
    "brdy": (f"({_DAY})?", "yyyy-MM-dd"),
    "psn_no": ("[!-~]{0,30}", "at most 30 ASCII characters"),
    "card_id_codes": ("([0-9A-F]{32}( [0-9A-F]{32})*)?", "capital hex of 32, blanks between"),
    "insutype": ("[0-9]{0,6}", "digits"),
    "psn_type": ("[0-9]{0,6}", "digits"),
    "cvlserv_flag": ("[0-9]{0,3}", "digits"),
    "psn_insu_stas": ("[0-9]{0,6}", "digits"),
    "psn_insu_date": (f"({_DAY})?", "yyyy-MM-dd"),
    "emp_name": (r"[^\x00-\x1f]{0,200}", "at most 200 characters"),
    "ec_token": ("[!-~]{0,40}", "at most 40 ASCII characters"),
    "shared_with": ("[!-~]{0,50}", "at most 50 ASCII characters"),
    "psn_idet_types": ("([0-9]{4,6}( [0-9]{4,6}){0,19})?", "numbers, blanks between"),
    "filings": (f"({_FILING}(;{_FILING}){{0,19}})?", "code:name:yyyy-MM-dd:yyyy-MM-dd, ; between"),
}
_DAYS: Final = ("brdy", "psn_insu_date")
_FIRST_ROW: Final = 2


class PersonRegister:
    """Persons by certno, psn_no, 卡识别码 and token."""

    def __init__(self, persons: Iterable[InsuredPerson] = ()) -> None:
        """:raises PersonRegisterError: two have the same key."""
        self._by_certno: dict[str, InsuredPerson] = {}
        self._by_psn_no: dict[str, InsuredPerson] = {}
        self._by_code: dict[str, InsuredPerson] = {}
        self._by_token: dict[str, InsuredPerson] = {}
        for at, one in enumerate(persons, _FIRST_ROW):
            keys = (
                (self._by_certno, one.certno, "certno"),
                (self._by_psn_no, one.psn_no, "psn_no"),
                (self._by_token, one.ec_token, "ec_token"),
                *((self._by_code, code, "card_id_codes") for code in one.card_id_codes),
            )
            for where, key, name in keys:
                if key and where.setdefault(key, one) is not one:
                    raise PersonRegisterError(f"row {at}: {name}: another row has it already")

    def __len__(self) -> int:
        return len(self._by_certno)

    def by_certno(self, certno: str) -> InsuredPerson | None:
        """The person with this identity number; its last letter may be small."""
        return self._by_certno.get(certno) or self._by_certno.get(certno.upper())

    def by_token(self, token: str) -> InsuredPerson | None:
        """The person whose ec_token it is."""
        return self._by_token.get(token)

    def holder(self, psn_no: str, card_sn: str = "") -> InsuredPerson | None:
        """Whose card it is: by its 卡识别码 in hex, else by its person's psn_no."""
        return self._by_code.get(card_sn.upper()) or self._by_psn_no.get(psn_no)


def read_persons(path: str | os.PathLike[str]) -> PersonRegister:
    """The register in a file.

    :raises PersonRegisterError: file, row, column and rule.
    :raises OSError: it cannot be read.
    """
    source = os.fspath(path)
    with open_input(path) as file:
        content = file.read(MOST_SIZE + 1)
    if len(content) > MOST_SIZE:
        raise PersonRegisterError(f"{source}: is over {MOST_SIZE} bytes")
    try:
        return PersonRegister(_rows(content.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise PersonRegisterError(f"{source}: is not UTF-8") from None
    except csv.Error:
        raise PersonRegisterError(f"{source}: is no table") from None
    except PersonRegisterError as error:
        raise PersonRegisterError(f"{source}: {error}") from None


def write_persons(path: str | os.PathLike[str], persons: Iterable[InsuredPerson]) -> None:
    """Write a register, whole or not at all.

    :raises OSError:
    """
    text = io.StringIO()
    table = csv.writer(text, "excel-tab", lineterminator="\n")
    table.writerow(COLUMNS)
    for one in persons:
        table.writerow([_cell(getattr(one, name)) for name in COLUMNS])
    with whole_file(path) as new:
        new.write_bytes(text.getvalue().encode())


def _cell(value: str | tuple[str, ...] | tuple[Filing, ...]) -> str:
    if isinstance(value, str):
        return value
    filings = [one for one in value if isinstance(one, Filing)]
    if filings:
        return ";".join(":".join((f.code, f.name, f.begin, f.end)) for f in filings)
    return " ".join(str(one) for one in value)


def _rows(text: str) -> Iterable[InsuredPerson]:
    first = text.split("\n", 1)[0]
    table = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",", strict=True
    )
    names = [name.strip() for name in next(table, [])]
    for name in ("certno", "psn_name"):
        if name not in names:
            raise PersonRegisterError(f"row 1: must have a column {name}")
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise PersonRegisterError("row 1: has a column that is none of it, or one twice")
    for at, cells in enumerate(table, _FIRST_ROW):
        if at - _FIRST_ROW >= MOST_PERSONS:
            raise PersonRegisterError(f"row {at}: at most {MOST_PERSONS} persons")
        if not cells:
            continue
        if len(cells) != len(names):
            raise PersonRegisterError(f"row {at}: must have {len(names)} cells")
        yield _person(at, dict(zip(names, (cell.strip() for cell in cells), strict=True)))


def _person(at: int, row: dict[str, str]) -> InsuredPerson:
    values: dict[str, object] = {}
    for name, text in row.items():
        shape, rule = _SHAPES[name]
        if not re.fullmatch(shape, text):
            raise PersonRegisterError(f"row {at}: {name}: must be {rule}")
        if name in _DAYS and text:
            try:
                date.fromisoformat(text)
            except ValueError:
                raise PersonRegisterError(f"row {at}: {name}: is no day") from None
        if text:
            values[name] = text
    for name in ("card_id_codes", "psn_idet_types"):
        values[name] = tuple(row.get(name, "").split())
    values["filings"] = tuple(
        Filing(*one.split(":")) for one in row.get("filings", "").split(";") if one
    )
    return InsuredPerson(**values)  # type: ignore[arg-type]
