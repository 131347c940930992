# SPDX-License-Identifier: Apache-2.0
"""What a ledger refuses; one line each. No text holds a password, a person's data or an amount."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import StatementError

from sscard_chip.settlement.schema.versions import UNVERSIONED, VERSIONS
from sscard_chip.standard.errors import InputError, LedgerError

_MARK: Final = "ledger: "
"""Texts of our triggers begin with it; they name the rule and no value."""
_BELOW_ZERO: Final = "a personal account would fall below zero"
_CONSTRAINTS: Final = {"ck_balance_not_negative": _BELOW_ZERO}
_BOUNDS: Final = {
    "_amount": "an amount is whole fen and has bounds",
    "_number": "a number is above zero and has bounds",
}
"""Ends of the names of constraints, and what they say."""
_RETRY: Final = frozenset({"40001", "40P01"})
"""SQLSTATE: serialization failure, deadlock."""


class LedgerUrlError(InputError):
    """A ledger's address that is no path and no database URL; its text has no password."""


class LedgerUnavailableError(LedgerError):
    """The database cannot be reached, is locked by another program, or went away.

    ``begun`` says whether the transaction had begun: then a commit may have happened or not.
    """

    begun = True


class LedgerVersionError(LedgerUnavailableError):
    """The tables of a ledger are of another version than this program's."""

    def __init__(self, name: str, version: str) -> None:
        """``version`` is that of the ledger ``name``."""
        if version == UNVERSIONED or version in VERSIONS:
            rule = "is of an earlier version: sscard settle upgrade brings it to this one"
        else:
            rule = f"is of schema {version} and this program knows {VERSIONS[-1]}: use a newer one"
        super().__init__(f"{name}: {rule}")


class LedgerRulesError(LedgerUnavailableError):
    """Rules of a ledger are missing, changed or switched off in its database: it is not used."""

    def __init__(self, name: str, changed: Sequence[str]) -> None:
        """``changed`` are rules of the ledger ``name``, by kind and name."""
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        super().__init__(f"{name}: its rules are not those of a ledger: {changed[0]}{more}")
        self.changed = tuple(changed)


class LedgerConflictError(LedgerError):
    """Another transaction was in the way and this one is undone: it may be tried again."""


class LedgerRefusedError(LedgerError):
    """The database refused what its rules forbid; ``rule`` names which."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"refused by the ledger: {rule}")
        self.rule = rule


class EntryExistsError(LedgerError):
    """An entry with this source is posted already."""


class AnchorError(InputError):
    """A text that is no anchor of a ledger."""


class CardRegisterError(InputError):
    """A register file or a change of a card that is not as it must be: file, row, item, rule."""


class CardRefusedError(LedgerError):
    """A change of a card's status that its present status does not allow."""


_STATES: Final = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "its disk is full, or does not answer",
    "SQLITE_CANTOPEN": "its folder cannot be written, or is not there",
    "SQLITE_READONLY": "cannot be written",
    "53100": "the disk of the database is full",
    "25006": "cannot be written",
}
"""What is wrong where a database is, by how SQLite's name of an error or the SQLSTATE begins."""


def translate(error: StatementError, name: str) -> LedgerError:
    """A database's error in our words; ``name`` is the ledger's, without password.

    The database's own text is not shown, since it quotes values.
    """
    original = error.orig
    if getattr(original, "sqlstate", None) in _RETRY:
        return LedgerConflictError(f"{name}: another transaction was in the way, try again")
    diagnosis = getattr(original, "diag", None)
    text = str(getattr(diagnosis, "message_primary", None) or original or "")
    if text.startswith(_MARK):
        return LedgerRefusedError(text.removeprefix(_MARK))
    constraint = getattr(diagnosis, "constraint_name", None) or _sqlite_constraint(text)
    if constraint:
        bounds = (rule for end, rule in _BOUNDS.items() if constraint.endswith(end))
        return LedgerRefusedError(_CONSTRAINTS.get(constraint) or next(bounds, constraint))
    if "locked" in text:
        return LedgerUnavailableError(f"{name}: another program keeps the ledger locked")
    if "not a database" in text or "malformed" in text:
        return LedgerUnavailableError(f"{name}: is no ledger, or is damaged")
    state = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None) or ""
    for begin, reason in _STATES.items():
        if state.startswith(begin):
            return LedgerUnavailableError(f"{name}: {reason}")
    kind = type(original).__name__
    if kind == "OperationalError" and diagnosis is not None:
        return LedgerUnavailableError(
            f"{name}: cannot be reached, has no connection free, or has gone away"
        )
    return LedgerUnavailableError(f"{name}: the database cannot do it ({kind})")


def _sqlite_constraint(text: str) -> str | None:
    """The name behind ``UNIQUE constraint failed: `` and its sisters, which holds no values."""
    head, mark, name = text.partition(" constraint failed")
    return f"{head}{name}" if mark else None
