# SPDX-License-Identifier: Apache-2.0
"""What a reconciliation of two sides can come to (stmt_rslt, spec A8)."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

from sscard_chip.standard.errors import InputError


class ReconciliationError(InputError):
    """A file or a request of reconciliation that is not as it must be; one line."""


@unique
class StatementResult(IntEnum):
    """stmt_rslt: how the centre stands against the institution."""

    EVEN = 0
    CENTRE_MORE = 1
    INSTITUTION_MORE = 2
    DIFFERENT = 3

    @property
    def title(self) -> str:
        """stmt_rslt_dscr."""
        return _TITLES[self]

    @classmethod
    def parse(cls, cell: str) -> StatementResult:
        """From an answer; an even one is ``0`` or, from one service, ``000000`` [M].

        :raises ReconciliationError:
        """
        digit = cell.lstrip("0") or "0"
        if not (cell.isascii() and cell.isdecimal()) or digit not in ("0", "1", "2", "3"):
            raise ReconciliationError("stmt_rslt: must be 0, 1, 2 or 3")
        return cls(int(digit))


_TITLES: Final = {
    StatementResult.EVEN: "对平",
    StatementResult.CENTRE_MORE: "中心多",
    StatementResult.INSTITUTION_MORE: "机构多",
    StatementResult.DIFFERENT: "双方都有，数据不一致",
}
