# SPDX-License-Identifier: Apache-2.0
"""What the columns of a table mean: by their names, or by a mapping file (TOML).

A column is named after what it holds: a field of a holder (``name``, ``card_number``...),
``account.balance_fen`` and the other fields of the account, ``photo`` and ``fingerprint`` (paths
that start from the table's folder), ``bank.pan`` and the other fields of the account of a
bank-linked card, ``transport.balance_fen`` and the other plain fields of a transport application,
``certificates.user_pin`` and the others of a certificate application,
``bank_account`` (goes into the return file only), or an
item of a file: ``DF01.EF05.20``, a transparent file ``DF01.EF16``. A mapping file translates
other names, gives constants and translates codes::

    format = "sscard-holder-mapping/1"
    encoding = "gbk"
    ignore = ["备注"]
    [columns]
    "姓名" = "name"
    [constants]
    city = "430100"
    [codes.sex]
    "男" = "1"
    "女" = "2"
    [columns."出生日期"]
    target = "birth_date"
    date = "%Y-%m-%d"

A table in ``columns`` says more of a column, by its name or by what it means: ``target`` what it
means, ``date`` how its dates are written, ``map`` translates its values, ``strip`` takes invisible
characters off its ends too, or with false nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Meta
from msgspec.structs import fields

from issuance.bank.account import BankAccount
from issuance.holder import REQUIRED, HolderDocument, InitialAccount
from issuance.holders.cells import BLANKS, INVISIBLE, CellKind, ColumnUse, OddCell
from issuance.holders.errors import HolderListError
from issuance.pki.application import CertificateOptions
from issuance.transport import TransportOptions
from sscard_chip.profile.model import Format, Profile
from sscard_chip.standard.dates import written_day
from sscard_chip.standard.documents import (
    Broken,
    Document,
    Model,
    RuleFinding,
    convert,
    find,
    rule,
)
from sscard_chip.standard.identifiers import EF
from sscard_chip.standard.models import schema


def columns_of(model: type[Model], prefix: str) -> dict[str, type]:
    """Columns for the plain fields of a model and of the models in it: ``int``, ``bool``, ``str``.

    >>> columns_of(InitialAccount, "account")["account.balance_fen"]
    <class 'int'>
    """
    found: dict[str, type] = {}
    hints = get_type_hints(model)
    for name in model.__struct_fields__:
        kinds = _kinds(hints[name]) - {type(None)}
        if kinds <= {str} or kinds <= {int} or kinds <= {bool}:
            found[f"{prefix}.{name}"] = kinds.pop()
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Model):
                found |= columns_of(kind, f"{prefix}.{name}")
    return found


def _kinds(hint: Any) -> set[Any]:
    """What may stand in a field: of a union each, of choices their type."""
    if get_origin(hint) is Literal:
        return {type(choice) for choice in get_args(hint)}
    if get_origin(hint) in (Union, UnionType):
        return set[Any]().union(*map(_kinds, get_args(hint)))
    return {hint}


FORMAT: Final = "sscard-holder-mapping/1"
FIELDS: Final = {one.name for one in fields(HolderDocument)} - {
    "account",
    "bank",
    "certificates",
    "files",
    "transport",
}
ACCOUNT_FIELDS: Final = frozenset(f"account.{one.name}" for one in fields(InitialAccount))
BY_PATH: Final = {"fingerprint": "SSSE.EF07", "photo": "SSSE.EF08"}
BANK_ACCOUNT: Final = "bank_account"
BANK_FIELDS: Final = columns_of(BankAccount, "bank")
"""Columns of the account of a bank-linked card, ``bank.pan`` and so on, by what they hold."""
TRANSPORT_FIELDS: Final = columns_of(TransportOptions, "transport")
"""Those of the transport application, ``transport.balance_fen`` and so on."""
CERTIFICATE_FIELDS: Final = columns_of(CertificateOptions, "certificates")
"""Those of the certificate application, ``certificates.user_pin`` and so on."""
APPLICATION_FIELDS: Final = BANK_FIELDS | TRANSPORT_FIELDS | CERTIFICATE_FIELDS

_ENCODING_RULE: Final = "is not an encoding that is known"
_ITEM: Final = re.compile(r"(?:SSSE|DF[0-9A-F]{2})\.EF[0-9A-F]{2}(?:\.[0-9A-F]{2})?")


def is_target(name: str) -> bool:
    """Whether a column may mean this."""
    known = name in FIELDS or name in ACCOUNT_FIELDS or name in BY_PATH
    known = known or name in APPLICATION_FIELDS
    return known or name == BANK_ACCOUNT or bool(_ITEM.fullmatch(name))


def _encoding_rule(name: str) -> str | None:
    try:
        "".encode(name)  # codecs.lookup knows codings that are none of text
    except (LookupError, ValueError):
        return _ENCODING_RULE
    return None


Texts = Annotated[dict[str, str], rule("must be a table of texts")]


def _date_rule(form: str) -> str | None:
    """A form gives back the day that it wrote; years of two digits would be guessed."""
    day = datetime(1999, 2, 3)
    try:
        right = "%Y" in form and datetime.strptime(day.strftime(form), form) == day
    except ValueError:
        right = False
    return None if right else "must be a form of dates with year, month and day: %Y-%m-%d"


class ColumnRules(Model, frozen=True):
    """What a mapping says of one column, besides what it means."""

    WHAT = "a column"

    target: Annotated[str, rule(title="What the column means; else its own name")] = ""
    date: Annotated[
        str,
        rule(
            "must be a form of dates with year, month and day: %Y-%m-%d",
            check=_date_rule,
            max_length=40,
            title="How dates are written, as for strptime",
        ),
    ] = ""
    strip: Annotated[
        bool | None,
        rule(title="True: blanks and invisible characters go at both ends; false: nothing does"),
    ] = None
    map: Annotated[Texts, rule(title="Values and what they mean")] = {}

    def text(self, cell: str) -> str:
        """The text of a cell as the rules read it."""
        if self.strip is not False:
            cell = cell.strip(BLANKS + INVISIBLE if self.strip else BLANKS)
        return cell

    def read_date(self, text: str) -> str:
        """The date in a text, YYYYMMDD; empty when it is none."""
        try:
            return written_day(datetime.strptime(text, self.date).date())
        except ValueError:
            return ""


_COLUMN_SCHEMA: Final = {"anyOf": [{"type": "string"}, schema(ColumnRules)]}


def _columns_rule(columns: dict[str, Any]) -> str | None:
    if all(isinstance(one, str | dict) for one in columns.values()):
        return None
    return "must be a table of texts"


class HolderMapping(Model, frozen=True):
    """What a mapping says; the empty one takes columns by their own names."""

    WHAT = "a mapping"

    encoding: Annotated[
        str, rule(_ENCODING_RULE, check=_encoding_rule, title="Of a CSV file, such as gbk")
    ] = "utf-8-sig"
    delimiter: Annotated[
        str, rule("must be one character", pattern=r"[\s\S]", title="Between the cells of CSV")
    ] = ","
    ignore: Annotated[
        list[str], rule("must be a list of texts", title="Columns that mean nothing")
    ] = []
    columns: Annotated[
        dict[str, Any],
        rule(
            "must be a table of texts",
            check=_columns_rule,
            title="What a column means, by its name; or a table with more about it",
        ),
        Meta(extra_json_schema={"additionalProperties": _COLUMN_SCHEMA}),
    ] = {}
    constants: Annotated[Texts, rule(title="Values that all holders have")] = {}
    codes: Annotated[
        dict[str, Texts],
        rule("must be a table of tables", title="Translations of a column's values"),
    ] = {}

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """Columns and constants mean something that a holder has."""
        columns = good.get("columns", {})
        meant = []
        for name, column in columns.items():
            if isinstance(column, str):
                meant.append(column)
                continue
            for item, text, _ in find(ColumnRules, column):
                yield ("columns", name, item), text
            target = column.get("target", name)
            if isinstance(target, str):
                meant.append(target)
        for name in chain(meant, good.get("constants", ()), good.get("codes", ())):
            if not is_target(name):
                yield (name,), "is not something that a column can hold"


class MappingFile(HolderMapping, frozen=True, kw_only=True):
    """What the columns of a list of holders mean: see docs/batch.md."""

    format: Annotated[Literal["sscard-holder-mapping/1"], rule(f'must be "{FORMAT}"')]


_PLAIN: Final = ColumnRules()
_TEXTS_ONLY: Final = frozenset({"pin", BANK_ACCOUNT, "bank.pan", "bank.pin", *CERTIFICATE_FIELDS})
_DATES: Final = frozenset(
    {
        "birth_date", "issue_date", "expiry_date",
        "bank.expiry", "bank.purse.start_date", "bank.purse.expiry_date",
        "transport.start_date", "transport.expiry_date",
    }
)  # fmt: skip
_DAY: Final = "日期"
_ACCOUNT_TEXTS: Final = frozenset({"account.year", "account.starting_day"})


@dataclass(frozen=True, slots=True)
class MappedColumns:
    """The columns of one table: what each means, ``""`` for one that is ignored.

    ``rules`` are those of the columns, ``codes`` translate values, both by what a column means.
    """

    targets: tuple[str, ...]
    constants: tuple[tuple[str, str], ...]
    codes: Mapping[str, Mapping[str, str]]
    rules: Mapping[str, ColumnRules] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All that columns and constants mean."""
        return (*filter(None, self.targets), *(name for name, _ in self.constants))

    @property
    def with_account(self) -> bool:
        """Whether the table brings medical accounts."""
        return any(name in ACCOUNT_FIELDS for name in self.names)

    @property
    def with_bank(self) -> bool:
        """Whether the table brings accounts of bank-linked cards."""
        return any(name in BANK_FIELDS for name in self.names)

    @property
    def with_transport(self) -> bool:
        """Whether the table brings transport applications."""
        return any(name in TRANSPORT_FIELDS for name in self.names)

    @property
    def with_certificates(self) -> bool:
        """Whether the table brings certificate applications."""
        return any(name in CERTIFICATE_FIELDS for name in self.names)

    def is_whole(self, cells: Sequence[str]) -> bool:
        """Whether a row has a cell for each column."""
        torn = cells and isinstance(cells[0], OddCell) and cells[0].kind is CellKind.ROW
        return not torn and len(cells) == len(self.targets)

    def translates(self, target: str) -> bool:
        """Whether the mapping says more of a column than what it means."""
        return target in self.rules or target in self.codes

    def text(self, target: str, cell: str) -> str:
        """What a cell says, translated as the mapping wants it."""
        rules = self.rules.get(target, _PLAIN)
        text = rules.text(cell)
        if not text:
            return ""
        codes = self.codes.get(target)
        if text in rules.map:
            text = rules.map[text]
        elif codes:
            text = codes.get(text, text)
        if rules.date and not isinstance(cell, OddCell):
            text = rules.read_date(text) or text
        return text

    def texts(self, rows: Iterable[tuple[int, Sequence[str]]], target: str) -> dict[int, str]:
        """What rows have in a column, by row; without empty cells and torn rows."""
        if target not in self.targets:
            return {}
        at = self.targets.index(target)
        found = {row: self.text(target, cells[at]) for row, cells in rows if self.is_whole(cells)}
        return {row: text for row, text in found.items() if text}

    def missed(self, target: str, cell: str) -> str:
        """What a broken rule of a value owes to the mapping: a form of dates that it has not, a
        table that does not have it. Empty where the mapping has no part in it.
        """
        rules = self.rules.get(target, _PLAIN)
        text = rules.text(cell)
        if rules.date and not isinstance(cell, OddCell) and not rules.read_date(text):
            return f"is no date of the form {rules.date} in the mapping"
        if rules.map and text not in rules.map:
            return "is not in the map of its column in the mapping"
        if target in self.codes and text not in self.codes[target]:
            return f"is not in codes.{target} of the mapping"
        return ""

    def uses(self, profile: Profile) -> list[ColumnUse]:
        """What each column takes beside texts, on the cards of a profile."""
        return [_use(target, profile) for target in self.targets]


def _use(target: str, profile: Profile) -> ColumnUse:
    if target in _TEXTS_ONLY:
        return ColumnUse.TEXT_ONLY
    if target in ACCOUNT_FIELDS and target not in _ACCOUNT_TEXTS:
        return ColumnUse.NUMBER
    if APPLICATION_FIELDS.get(target) is int:
        return ColumnUse.NUMBER
    return ColumnUse.DATE if target in _DATES or _is_day(target, profile) else ColumnUse.TEXT


def _is_day(target: str, profile: Profile) -> bool:
    """Whether an item of a file is a date by its name."""
    if not _ITEM.fullmatch(target) or target.count(".") < 2:
        return False
    directory, file, tag = target.split(".")
    for df in profile.directories:
        for declared in df.files if df.short_name == directory else ():
            if declared.fid == int(file[2:], 16) | EF:
                items = (item for item in declared.items if item.tag == int(tag, 16))
                return any(_DAY in one.name and one.format is Format.CN for one in items)
    return False


def parse_mapping(content: bytes, source: str) -> HolderMapping:
    """The mapping in the content of a file.

    :raises HolderListError:
    """
    return Document.toml(content, source, HolderListError).to(MappingFile, separator=".")


def known_columns(header: Sequence[str], mapping: HolderMapping) -> int:
    """How many names of a row mean something."""
    return sum(1 for name in header if name and is_target(_meaning(name, mapping)))


def _meaning(name: str, mapping: HolderMapping) -> str:
    column = mapping.columns.get(name, name)
    return column if isinstance(column, str) else column.get("target", name)


def resolve(
    header: Sequence[str], mapping: HolderMapping, source: str, *, given: Sequence[str] = ()
) -> MappedColumns:
    """What the columns of a table mean. ``given`` are fields that a table may leave out.

    A name that is not known is not shown: a table without header has a person there.

    :raises HolderListError: for a column that is not known, one that comes twice, and a field that
        every holder must have and no column brings.
    """
    targets: list[str] = []
    findings: list[RuleFinding] = []
    for number, name in enumerate(header, 1):
        target = _meaning(name, mapping)
        if name in mapping.ignore:
            target = ""
        elif not is_target(target):
            rule = "has a name that is not known; a mapping can tell it" if name else "has no name"
            findings.append(RuleFinding(f"column {number}", rule))
        elif target in targets:
            findings.append(RuleFinding(f"column {number}", f"is {target} for the second time"))
        targets.append(target)
    known = (*targets, *mapping.constants, *given)
    if not findings:
        findings = [RuleFinding(name, "no column has it") for name in REQUIRED if name not in known]
    if findings:
        raise HolderListError.of(source, findings)
    rules = {
        _meaning(name, mapping): convert(ColumnRules, column)
        for name, column in mapping.columns.items()
        if isinstance(column, dict)
    }
    return MappedColumns(tuple(targets), tuple(mapping.constants.items()), mapping.codes, rules)
