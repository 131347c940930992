# SPDX-License-Identifier: Apache-2.0
"""What the columns of a table mean: by their names, or by a mapping file (TOML).

A column is named after what it holds: a field of a holder (``name``, ``card_number``...),
``account.balance_fen`` and the other fields of the account, ``photo`` and ``fingerprint`` (paths
that start from the table's folder), ``bank.pan`` and the other fields of the account of a
bank-linked card, ``bank_account`` (goes into the return file only), or an
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
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from msgspec.structs import fields

from issuance.bank.account import BankAccount
from issuance.holder import REQUIRED, HolderDocument, InitialAccount
from issuance.holders.errors import HolderListError
from sscard_chip.standard.documents import Broken, Document, Model, rule


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
FIELDS: Final = {one.name for one in fields(HolderDocument)} - {"account", "bank", "files"}
ACCOUNT_FIELDS: Final = frozenset(f"account.{one.name}" for one in fields(InitialAccount))
BY_PATH: Final = {"fingerprint": "SSSE.EF07", "photo": "SSSE.EF08"}
BANK_ACCOUNT: Final = "bank_account"
BANK_FIELDS: Final = columns_of(BankAccount, "bank")
"""Columns of the account of a bank-linked card, ``bank.pan`` and so on, by what they hold."""

_ENCODING_RULE: Final = "is not an encoding that is known"
_ITEM: Final = re.compile(r"(?:SSSE|DF[0-9A-F]{2})\.EF[0-9A-F]{2}(?:\.[0-9A-F]{2})?")


def is_target(name: str) -> bool:
    """Whether a column may mean this."""
    known = name in FIELDS or name in ACCOUNT_FIELDS or name in BANK_FIELDS or name in BY_PATH
    return known or name == BANK_ACCOUNT or bool(_ITEM.fullmatch(name))


def _encoding_rule(name: str) -> str | None:
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        return _ENCODING_RULE
    return None


Texts = Annotated[dict[str, str], rule("must be a table of texts")]


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
    columns: Annotated[Texts, rule(title="What a column means, by its name")] = {}
    constants: Annotated[Texts, rule(title="Values that all holders have")] = {}
    codes: Annotated[
        dict[str, Texts],
        rule("must be a table of tables", title="Translations of a column's values"),
    ] = {}

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """Columns and constants mean something that a holder has."""
        named = (good.get("columns", {}).values(), good.get("constants", ()), good.get("codes", ()))
        for name in chain(*named):
            if not is_target(name):
                yield (name,), "is not something that a column can hold"


class MappingFile(HolderMapping, frozen=True, kw_only=True):
    """What the columns of a list of holders mean: see docs/batch.md."""

    format: Annotated[Literal["sscard-holder-mapping/1"], rule(f'must be "{FORMAT}"')]


@dataclass(frozen=True, slots=True)
class MappedColumns:
    """The columns of one table: what each means, ``""`` for one that is ignored."""

    targets: tuple[str, ...]
    constants: tuple[tuple[str, str], ...]
    codes: Mapping[str, Mapping[str, str]]

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


def parse_mapping(content: bytes, source: str) -> HolderMapping:
    """The mapping in the content of a file.

    :raises HolderListError:
    """
    return Document.toml(content, source, HolderListError).to(MappingFile, separator=".")


def resolve(
    header: Sequence[str], mapping: HolderMapping, source: str, *, given: Sequence[str] = ()
) -> MappedColumns:
    """What the columns of a table mean. ``given`` are fields that a table may leave out.

    A name that is not known is not shown: a table without header has a person there.

    :raises HolderListError: for a column that is not known, one that comes twice, and a field that
        every holder must have and no column brings.
    """
    targets: list[str] = []
    for number, name in enumerate(header, 1):
        target = mapping.columns.get(name, name)
        if name in mapping.ignore:
            target = ""
        elif not is_target(target):
            raise HolderListError(
                source, f"column {number}", "has a name that is not known; a mapping can tell it"
            )
        elif target in targets:
            raise HolderListError(source, f"column {number}", f"is {target} for the second time")
        targets.append(target)
    known = (*targets, *mapping.constants, *given)
    missing = [name for name in REQUIRED if name not in known]
    if missing:
        raise HolderListError(source, missing[0], "no column has it")
    return MappedColumns(tuple(targets), tuple(mapping.constants.items()), mapping.codes)
