# SPDX-License-Identifier: Apache-2.0
"""From a row of a table to a checked holder, or to everything that is wrong with the row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from issuance.holder import Holder, HolderDocument, check_holder
from issuance.holders.cells import BLANKS, ERRORS, OddCell
from issuance.holders.errors import HolderListError
from issuance.holders.mapping import (
    ACCOUNT_FIELDS,
    APPLICATION_FIELDS,
    BANK_ACCOUNT,
    BANK_FIELDS,
    BY_PATH,
    MappedColumns,
    is_target,
)
from issuance.names import check_name, trimmed
from issuance.region import RegionProfile
from issuance.values import Contents, encode_files
from sscard_chip.profile.codec import ItemValueError, split_name
from sscard_chip.profile.model import Profile, Structure
from sscard_chip.standard.documents import RuleFinding
from sscard_chip.standard.identifiers import EF, HOLDER_FILE

_BANK: Final = re.compile(r"[0-9]{8,30}")
_WHOLE: Final = re.compile(r"[0-9]{1,19}")
_PLAIN: Final = frozenset(name for name in HolderDocument.__struct_fields__ if is_target(name))
"""Columns that are fields of a holder as they stand."""
_NO_FILES: Final = Contents()
"""Of rows without files; nobody puts anything in."""
_BOOLEANS: Final = {"true": True, "false": False}
_ACCOUNT_TEXTS: Final = ("year", "starting_day")
_NAME_REST: Final = 0x4E


@dataclass(frozen=True, slots=True, repr=False)
class CheckedRow:
    """``holder`` and ``files`` of a row that is right, else ``problems``; never both.

    ``given`` are the texts of the row by what they mean.
    """

    number: int
    given: Mapping[str, str]
    holder: Holder | None
    files: Contents
    problems: list[RuleFinding]

    def refused(self, findings: list[RuleFinding]) -> CheckedRow:
        """The row with further findings, if there are any."""
        if not findings:
            return self
        problems = [*self.problems, *_by_column(findings)]
        return CheckedRow(self.number, self.given, None, Contents(), problems)


class RowReader:
    """Checks the rows of one table for one profile."""

    def __init__(
        self,
        columns: MappedColumns,
        profile: Profile,
        *,
        folder: Path,
        today: date,
        region: RegionProfile | None = None,
    ) -> None:
        self._columns = columns
        self._profile = profile
        self._folder = folder
        self._today = today
        self._region = region
        environment = profile.environment.file(HOLDER_FILE)
        self._uses = dict(zip(columns.targets, columns.uses(profile), strict=True))
        self._simple = [not columns.translates(target) for target in columns.targets]
        self._plain = all(name in _PLAIN for name in columns.names)
        self._extension = bool(environment.record_numbers(_NAME_REST))
        self._medical = any(
            file.structure is Structure.AMOUNT for d in profile.directories for file in d.files
        )

    def read(self, number: int, cells: Sequence[str], card_number: str = "") -> CheckedRow:
        """Check one row; every broken rule is found, none shows a value.

        ``card_number`` is for a row that brings none.
        """
        targets = self._columns.targets
        given = dict(self._columns.constants)
        if not self._columns.is_whole(cells):
            rule = f"has {len(cells)} cells, the header has {len(targets)}"
            if cells and isinstance(cells[0], OddCell) and cells[0].rule:
                rule = cells[0].rule
            return CheckedRow(number, given, None, Contents(), [RuleFinding("", rule)])
        odd: list[RuleFinding] = []
        for target, cell, simple in zip(targets, cells, self._simple, strict=True):
            if not target:
                continue
            if type(cell) is not str or cell[:1] == "#":
                broken = self._cell_rule(target, cell)
                if broken:
                    odd.append(RuleFinding(target, broken))
                    given.pop(target, None)
                    continue
            text = cell.strip(BLANKS) if simple else self._columns.text(target, cell)
            if text:
                given[target] = text
        if card_number:
            given["card_number"] = card_number
        document = self._document(given)
        problems = check_holder(document, today=self._today)
        problems += self._check_more(document, given)
        contents = _NO_FILES
        files = document.get("files")
        if files:
            contents = Contents()
            problems += encode_files(contents, self._profile, files, self._folder)
        if problems or odd:
            found = self._explained(_by_column(problems), cells)
            unread = {one.item for one in odd}
            found = odd + [one for one in found if one.item not in unread]
            return CheckedRow(number, given, None, _NO_FILES, found)
        holder = Holder.of(document, today=self._today, folder=self._folder, source=f"row {number}")
        return CheckedRow(number, given, holder, contents, [])

    def _cell_rule(self, target: str, cell: str) -> str | None:
        """Why a column does not take a cell for what it is, whatever it says."""
        if isinstance(cell, OddCell):
            return cell.broken_rule(self._uses[target])
        text = cell.strip(BLANKS)
        return f"is an error of the spreadsheet ({text})" if text in ERRORS else None

    def _explained(self, problems: list[RuleFinding], cells: Sequence[str]) -> list[RuleFinding]:
        """Broken rules with what the mapping has to do with them."""
        by_target = dict(zip(self._columns.targets, cells, strict=True))
        explained = []
        for one in problems:
            missed = ""
            if one.item in by_target and by_target[one.item].strip(BLANKS):
                missed = self._columns.missed(one.item, by_target[one.item])
            explained.append(one._replace(rule=f"{one.rule}; {missed}") if missed else one)
        return explained

    def _document(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The object of a holder file, as a row gives it."""
        if self._plain and self._region is None:
            return dict(given)
        document: dict[str, Any] = {}
        files: dict[str, dict[str, Any]] = {}
        account: dict[str, object] = {}
        for target, text in given.items():
            if target in ACCOUNT_FIELDS:
                name = target.partition(".")[2]
                whole = _WHOLE.fullmatch(text) and name not in _ACCOUNT_TEXTS
                account[name] = int(text) if whole else text
            elif target in APPLICATION_FIELDS:
                *above, name = target.split(".")
                place = document
                for part in above:
                    place = place.setdefault(part, {})
                place[name] = _typed(text, APPLICATION_FIELDS[target])
            elif target in BY_PATH:
                directory, _, file = BY_PATH[target].partition(".")
                files.setdefault(directory, {})[file] = {"path": text}
            elif "." in target:
                directory, file, *tag = target.split(".")
                if tag:
                    files.setdefault(directory, {}).setdefault(file, {})[tag[0]] = text
                else:
                    files.setdefault(directory, {})[file] = text
            elif target != BANK_ACCOUNT:
                document[target] = text
        if account:
            document["account"] = account
        if self._region is not None:
            files = self._region.with_initial_values(files)
            document = {**self._region.defaults(document, self._today), **document}
        if files:
            document["files"] = files
        return document

    def _check_more(
        self, document: Mapping[str, Any], given: Mapping[str, str]
    ) -> list[RuleFinding]:
        """What :func:`check_holder` leaves to the card, the region and the back office."""
        problems = []
        name = document.get("name")
        if name is not None:
            rule = self._name_rule(name)
            if rule:
                problems.append(RuleFinding("name", rule))
        if "account" in document and not self._medical:
            problems.append(RuleFinding("account", "this card's profile has no medical account"))
        if BANK_ACCOUNT in given and not _BANK.fullmatch(given[BANK_ACCOUNT]):
            problems.append(RuleFinding(BANK_ACCOUNT, "must be 8 to 30 digits"))
        if self._region is not None:
            problems += self._region.check(document)
        return problems

    def _name_rule(self, name: str) -> str | None:
        """Whether a card without 姓名扩展 can hold a name; with it any name has room."""
        if self._extension or check_name(name):
            return None
        try:
            split_name(trimmed(name), extension=False)
        except ItemValueError as error:
            return error.rule
        return None


def _typed(text: str, kind: type) -> object:
    """The text of a cell as what its column holds, as it is when it is no such thing."""
    if kind is int and _WHOLE.fullmatch(text):
        return int(text)
    return _BOOLEANS.get(text, text) if kind is bool else text


def check_columns(columns: MappedColumns, profile: Profile, source: str) -> None:
    """Refuse columns of files and items that no card of the profile has.

    :raises HolderListError:
    """
    directories = {directory.short_name: directory for directory in profile.directories}
    for name in columns.names:
        if name in APPLICATION_FIELDS:
            there = profile.bank if name in BANK_FIELDS else profile.contactless
            if not there:
                raise HolderListError(source, name, "is not on the cards of this batch")
            continue
        place = BY_PATH.get(name, name)
        if "." not in place or name in ACCOUNT_FIELDS:
            continue
        directory, fid, *tag = place.split(".")
        try:
            file = directories[directory].file(int(fid[2:], 16) | EF)
        except KeyError:
            raise HolderListError(source, name, "is not on the cards of this batch") from None
        if tag and not file.record_numbers(int(tag[0], 16)):
            raise HolderListError(source, name, "is not an item of this file")


_PATH_OF: Final = {place.replace(".", " "): name for name, place in BY_PATH.items()}


def _by_column(problems: list[RuleFinding]) -> list[RuleFinding]:
    """Items as columns are named: ``account.balance_fen``, ``DF01.EF05.20``, ``photo``."""
    named = []
    for problem in problems:
        item = problem.item.removeprefix("files ")
        column = _PATH_OF.get(item.removesuffix(" path"))
        named.append(RuleFinding(column or item.replace(" ", "."), problem.rule))
    return list(dict.fromkeys(named))
