# SPDX-License-Identifier: Apache-2.0
"""How a transaction is declared: nodes of fields in, nodes of fields out, what the centre keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

from sscard_chip.settlement.platform.fields import (
    COUNT,
    DAY,
    DIVISION,
    PRICE,
    QUANTITY,
    RATIO,
    TIME,
    FieldRule,
    FieldRules,
    MessageError,
    check_fields,
)
from sscard_chip.standard.amounts import YUAN_SHAPE

Y: Final = True
"""The field must be there."""
_LENGTHS: Final = {
    YUAN_SHAPE: 17,
    QUANTITY: 17,
    PRICE: 17,
    RATIO: 6,
    COUNT: 10,
    DAY: 10,
    TIME: 19,
    DIVISION: 6,
}
AMOUNT: Final = YUAN_SHAPE
FLAG: Final = "[01]"


@unique
class Keeps(StrEnum):
    """What becomes of a message: it asks only, or it is kept with its first answer."""

    NOTHING = "nothing"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class NodeRule:
    """A node: an object of ``fields``, or with ``most`` a list of at most so many."""

    name: str
    fields: FieldRules
    most: int = 0
    inner: tuple[NodeRule, ...] = ()
    must: bool = True

    def check(self, holder: Mapping[str, Any], path: str = "") -> list[dict[str, Any]]:
        """The rows of the node in ``holder``, each with those of the nodes inside it.

        :raises MessageError: "node.field: rule".
        """
        where = f"{path}.{self.name}" if path else self.name
        found = holder.get(self.name)
        if found is None and not self.must:
            return []
        if not self.most:
            return [self._row(found, where)]
        if not isinstance(found, list) or (self.must and not found):
            raise MessageError(f"{where}: must be a list of lines")
        if len(found) > self.most:
            raise MessageError(f"{where}: at most {self.most} lines")
        return [self._row(one, where) for one in found]

    def _row(self, node: Any, where: str) -> dict[str, Any]:
        row: dict[str, Any] = dict(check_fields(node, where, self.fields))
        for one in self.inner:
            row[one.name] = one.check(node, where)
        return row


@dataclass(frozen=True, slots=True)
class TransactionRule:
    """A transaction: its number and names, what it takes and answers, what is kept of it."""

    infno: str
    chinese: str
    english: str
    input: tuple[NodeRule, ...]
    output: tuple[NodeRule, ...] = ()
    keeps: Keeps = Keeps.NOTHING
    state: str = ""
    """What it changes in the ledger, for the page."""


def node(name: str, *fields: tuple[Any, ...], most: int = 0, must: bool = True) -> NodeRule:
    """A node of fields, each (name, length or shape, must, dictionary, otherwise)."""
    return NodeRule(name, rules(*fields), most, must=must)


def rules(*fields: tuple[Any, ...]) -> FieldRules:
    """Fields, each (name, length or shape or (length, shape), must, dictionary, otherwise)."""
    return FieldRules(_rule(*field) for field in fields)


def _rule(
    name: str,
    kind: int | str | tuple[int, str],
    must: bool = False,
    dictionary: str = "",
    otherwise: str = "",
) -> FieldRule:
    length: int
    shape: str | None
    if isinstance(kind, tuple):
        length, shape = kind
    elif isinstance(kind, int):
        length, shape = kind, None
    else:
        length, shape = _LENGTHS.get(kind, 3), kind
    return FieldRule(name, length, must, shape, dictionary=dictionary, otherwise=otherwise)
