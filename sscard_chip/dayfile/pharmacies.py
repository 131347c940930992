# SPDX-License-Identifier: Apache-2.0
"""The list of pharmacies (``sscard-pharmacies/1``): whose terminals and PSAMs are whose.

UTF-8, tab separated, LF. Header ``H``, ``sscard-pharmacies/1``. A row ``P`` for each pharmacy:
fixmedins_code, name, division (six digits), terminal ids, PSAM numbers; the last two are lists
joined by commas, and may be ``null``. Trailer ``T``, number of rows, SHA-256 (hex) of all rows
before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from sscard_chip.dayfile.errors import RowFindings
from sscard_chip.dayfile.rows import NULL
from sscard_chip.dayfile.sealed import read_sealed, write_sealed
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.errors import InputError

FORMAT: Final = "sscard-pharmacies/1"


class PharmaciesError(InputError):
    """A list of pharmacies that is not as it must be; one line: file, row, rule."""


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """A pharmacy: ``code`` is the fixmedins_code, ``division`` where it stands (six digits)."""

    code: str
    name: str
    division: str
    terminals: frozenset[str]
    psams: frozenset[str]

    def cells(self) -> tuple[str, ...]:
        """The row."""
        lists = (",".join(sorted(one)) or NULL for one in (self.terminals, self.psams))
        return "P", self.code, self.name, self.division, *lists


class Pharmacies:
    """The pharmacies of a centre, by code."""

    def __init__(self, pharmacies: Iterable[Pharmacy]) -> None:
        self._by_code = {one.code: one for one in pharmacies}

    def __len__(self) -> int:
        return len(self._by_code)

    def get(self, code: str) -> Pharmacy | None:
        """The pharmacy with a code."""
        return self._by_code.get(code)

    def names(self) -> dict[str, str]:
        """Names by code."""
        return {code: one.name for code, one in self._by_code.items()}

    def owns(self, code: str, terminal_id: str, psam_number: str) -> bool:
        """Whether a terminal and a PSAM are those of the pharmacy ``code``."""
        pharmacy = self._by_code.get(code)
        if pharmacy is None:
            return False
        return terminal_id in pharmacy.terminals and psam_number in pharmacy.psams

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a list.

        :raises PharmaciesError: file, row and rule; also when the digest is wrong.
        :raises OSError: the file cannot be read.
        """
        table = read_sealed(path, FORMAT, error=PharmaciesError)
        found: dict[str, Pharmacy] = {}
        terminals: set[str] = set()
        findings = RowFindings(os.fspath(path), PharmaciesError)
        for number, line in enumerate(table.rows, 2):
            with findings.row(number):
                pharmacy = _parse(line)
                if pharmacy.code in found:
                    raise PharmaciesError("fixmedins_code: stands in an earlier row")
                if twice := pharmacy.terminals & terminals:
                    raise PharmaciesError(
                        f"terminal ids: {min(twice)} stands in an earlier row: a terminal belongs"
                        " to one pharmacy"
                    )
                found[pharmacy.code] = pharmacy
                terminals |= pharmacy.terminals
        findings.check()
        return cls(found.values())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a list.

        :raises OSError:
        """
        write_sealed(path, (FORMAT,), (one.cells() for one in self._by_code.values()))


def _parse(line: str) -> Pharmacy:
    cells = line.split("\t")
    if len(cells) != 6 or cells[0] != "P" or not all(cells):
        raise PharmaciesError("must be P and 5 more cells")
    _, code, name, division, terminals, psams = cells
    ids = _list(terminals)
    rules = {
        "fixmedins_code: must be letters and digits": (
            code.isascii() and code.isalnum() and len(code) <= 30
        ),
        "name: must be printable text": name.isprintable(),
        "division: must be 6 digits": is_digits(division, 6),
        "terminal ids: must be 12 digits each": all(is_digits(one, 12) for one in ids),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise PharmaciesError("; ".join(broken))
    return Pharmacy(code, name, division, ids, _list(psams))


def _list(cell: str) -> frozenset[str]:
    return frozenset(() if cell == NULL else cell.split(","))
