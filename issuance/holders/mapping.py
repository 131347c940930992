# SPDX-License-Identifier: Apache-2.0
"""What the columns of a table mean: by their names, or by a mapping file (TOML).

A column is named after what it holds: a field of a holder (``name``, ``card_number``...),
``account.balance_fen`` and the other fields of the account, ``photo`` and ``fingerprint`` (paths
that start from the table's folder), ``bank_account`` (goes into the return file alone), or an
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
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from issuance.holder import REQUIRED
from issuance.holders.errors import HolderListError

FORMAT: Final = "sscard-holder-mapping/1"
FIELDS: Final = frozenset((*REQUIRED, "card_class", "issue_date", "expiry_date", "pin"))
ACCOUNT_FIELDS: Final = frozenset(
    f"account.{name}"
    for name in (
        "balance_fen",
        "self_paid_total_fen",
        "pooled_total_fen",
        "year",
        "starting_day",
        "load_counter",
        "purchase_counter",
    )
)
BY_PATH: Final = {"fingerprint": "SSSE.EF07", "photo": "SSSE.EF08"}
BANK_ACCOUNT: Final = "bank_account"

_ITEM: Final = re.compile(r"(?:SSSE|DF[0-9A-F]{2})\.EF[0-9A-F]{2}(?:\.[0-9A-F]{2})?")
_MEMBERS: Final = frozenset(
    ("format", "encoding", "delimiter", "ignore", "columns", "constants", "codes")
)


def is_target(name: str) -> bool:
    """Whether a column may mean this."""
    known = FIELDS | ACCOUNT_FIELDS | BY_PATH.keys() | {BANK_ACCOUNT}
    return name in known or bool(_ITEM.fullmatch(name))


@dataclass(frozen=True, slots=True)
class HolderMapping:
    """A mapping file; the empty one takes columns by their own names."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    ignore: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table: what each means, ``""`` for one that is ignored."""

    targets: tuple[str, ...]
    constants: tuple[tuple[str, str], ...]
    codes: Mapping[str, Mapping[str, str]]

    @property
    def with_account(self) -> bool:
        """Whether the table brings medical accounts."""
        names = (*self.targets, *(name for name, _ in self.constants))
        return any(name in ACCOUNT_FIELDS for name in names)


def parse_mapping(content: bytes, source: str) -> HolderMapping:
    """The mapping in the content of a file. Raises HolderListError."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise HolderListError(source, "", "must be UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise HolderListError(source, "", f"is no TOML: {error}") from None
    if document.get("format") != FORMAT:
        raise HolderListError(source, "format", f'must be "{FORMAT}"')
    for name in document:
        if name not in _MEMBERS:
            raise HolderListError(source, name, "is not a field of a mapping")
    encoding, delimiter = document.get("encoding", "utf-8-sig"), document.get("delimiter", ",")
    try:
        codecs.lookup(encoding)
    except (LookupError, TypeError):
        raise HolderListError(source, "encoding", "is not an encoding that is known") from None
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise HolderListError(source, "delimiter", "must be one character")
    ignore = document.get("ignore", [])
    if not isinstance(ignore, list) or not all(isinstance(name, str) for name in ignore):
        raise HolderListError(source, "ignore", "must be a list of texts")
    columns = _texts(source, "columns", document.get("columns", {}))
    constants = _texts(source, "constants", document.get("constants", {}))
    codes = document.get("codes", {})
    if not isinstance(codes, dict):
        raise HolderListError(source, "codes", "must be a table of tables")
    for name in (*columns.values(), *constants, *codes):
        if not is_target(name):
            raise HolderListError(source, name, "is not something that a column can hold")
    return HolderMapping(
        encoding,
        delimiter,
        frozenset(ignore),
        columns,
        constants,
        {name: _texts(source, f"codes.{name}", table) for name, table in codes.items()},
    )


def _texts(source: str, place: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise HolderListError(source, place, "must be a table of texts")
    return value


def resolve(header: Sequence[str], mapping: HolderMapping, source: str) -> Columns:
    """What the columns of a table mean.

    Raises HolderListError for a column that is not known, one that comes twice, and a field that
    every holder must have and no column brings. A name that is not known is not shown: a table
    without header has a person there.
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
    missing = [name for name in REQUIRED if name not in (*targets, *mapping.constants)]
    if missing:
        raise HolderListError(source, missing[0], "no column has it")
    return Columns(tuple(targets), tuple(mapping.constants.items()), mapping.codes)
