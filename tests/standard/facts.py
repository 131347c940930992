# SPDX-License-Identifier: Apache-2.0
"""Which facts of the standard a source states by itself: found in its syntax tree.

Comments and docstrings may say what they like; what the program computes with may not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from sscard_chip.standard import commands, keys
from sscard_chip.standard.commands import StandardCommand

NAMES: Final = {
    "7378312E7368": "the name of SSSE",
    "7378322E7368": "the name of the SSF33 environment",
    "7378332E7368": "the name of the SM4 environment",
    "504B492E": "the name of the certificates' directory",
    "53532E434552542E": "the name of the certificate application",
    "315041592E535953": "the name of PSE",
    "325041592E535953": "the name of PPSE",
    "D156000005": "the RID",
    "A000000333": "the RID of PBOC",
    "A00000000386980701": "the AID of deposit and purse",
}
"""Beginnings of names and AIDs in hexadecimal."""

FIDS: Final = {
    0x3F00: "MF",
    0xDDF1: "SSSE",
    **{0xDF00 | number: f"DF{number:02X}" for number in range(1, 8)},
    0xEF00: "the FID of EFs",
    0xEF05: "EF05",
    0xEF06: "EF06",
    0xEF08: "EF08",
    0xEF15: "EF15",
    0xEF1D: "the FCI of SSSE",
    0xEF1E: "the DIR of SSSE",
    0xEF81: "the amount file",
}
PSAM_FIDS: Final = frozenset(
    (0x0011, 0x0012, 0x0013, 0x0015, 0x0016, 0x0019, 0x001A, 0x001B, 0x001C)
)
LIMIT: Final = 0xFFFFFFFF
ALGORITHMS: Final = frozenset(("3des", "sm4"))
ROOTS: Final = frozenset(
    value
    for name, value in vars(keys).items()
    if isinstance(value, str) and name.isupper() and not name.startswith("_")
)
MOMENT, DAY = "%Y%m%d%H%M%S", "%Y%m%d"
WRITTEN_ONCE: Final = re.compile("_?(yuan|parse_yuan|fen_of|bcd_pin|parse_date|parse_time)")
TYPES: Final = {0x31: "LOAD", 0x32: "PURCHASE"}

_COMMANDS: Final = [one for one in vars(commands).values() if isinstance(one, StandardCommand)]
COMMAND_NAMES: Final = frozenset(one.name for one in _COMMANDS)
COMMAND_CODES: Final = {
    bytes((cla, one.ins)): one.name
    for one in reversed(_COMMANDS)
    for cla in (one.cla, one.secure_cla)
    if cla is not None
}

_BITWISE: Final = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)


class Stated(NamedTuple):
    """A fact that stands in a source."""

    line: int
    fact: str


def facts_in(source: str) -> list[Stated]:
    """The facts of the standard that ``source`` states, by line."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    texts = _docstrings(tree)
    found = []
    for node in ast.walk(tree):
        for fact in _facts_of(node, parents, texts, source):
            found.append(Stated(getattr(node, "lineno", 0), fact))
    return sorted(set(found))


def _docstrings(tree: ast.AST) -> set[ast.AST]:
    """Strings that stand as statements: docstrings of all kinds."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _facts_of(
    node: ast.AST, parents: dict[ast.AST, ast.AST], texts: set[ast.AST], source: str
) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool()):
            return
        case ast.Constant(value=int(number)):
            yield from _numbers(number, _around(node, parents))
        case ast.Constant(value=str() | bytes() as text) if node not in texts:
            yield from _texts(text, parents[node])
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Call(args=elements):
            yield from _codes(elements, source)
        case ast.FunctionDef(name=name) if WRITTEN_ONCE.fullmatch(name) and isinstance(
            parents[node], ast.Module
        ):
            yield f"a second {name}"
        case ast.ImportFrom(module="construct") | ast.Import(names=[ast.alias(name="construct")]):
            yield "a layout of construct"
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=value):
            yield from _transaction_types(target, value)


def _around(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> ast.AST:
    """What a number stands in; a type round it, ``np.uint64(...)``, is no place of its own."""
    parent = parents[node]
    match parent:
        case ast.Call(func=ast.Attribute(attr=name), args=[one], keywords=[]) if one is node:
            return parents[parent] if re.fullmatch("u?int(8|16|32|64)", name) else parent
    return parent


def _numbers(number: int, parent: ast.AST) -> Iterator[str]:
    if number in FIDS:
        yield f"the FID of {FIDS[number]}"
    masks = isinstance(parent, ast.BinOp) and isinstance(parent.op, _BITWISE)
    if number == LIMIT and not masks:
        yield "the limit of four bytes"


def _texts(text: str | bytes, parent: ast.AST) -> Iterator[str]:
    raw = text if isinstance(text, bytes) else text.encode("gbk", "ignore")
    digits = text.upper().replace(" ", "") if isinstance(text, str) else ""
    for begin, what in NAMES.items():
        if begin in digits or bytes.fromhex(begin) in raw:
            yield what
    if text in ALGORITHMS:
        yield "a name of an algorithm"
    if text in ROOTS:
        yield f"the root key {text!s}"
    if text == MOMENT or (text == DAY and not isinstance(parent, ast.JoinedStr)):
        yield "the form of a day or moment"
    if text in COMMAND_NAMES:
        yield f"the command {text!s}"
    header = _header(text, digits, _method(parent))
    if header[:2] in COMMAND_CODES:
        yield f"the code of {COMMAND_CODES[header[:2]]}"


def _header(text: str | bytes, digits: str, method: str) -> bytes:
    """What may be the header of a command: a few bytes, or digits that ``fromhex`` gets."""
    if isinstance(text, bytes):
        return text if len(text) in (2, 4, 5) and not method.endswith("strip") else b""
    if method == "fromhex" and re.fullmatch("(?:[0-9A-F]{2}){2,}", digits):
        return bytes.fromhex(digits)
    return b""


def _method(node: ast.AST) -> str:
    """The name of the method that is called here, if one is."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name)):
            return name
    return ""


def _codes(elements: list[ast.expr], source: str) -> Iterator[str]:
    """CLA and INS beside each other, written in hexadecimal: a length is not."""
    named = elements and isinstance(elements[0], ast.Constant) and type(elements[0].value) is str
    first = 1 if named else 0  # a name may stand before CLA and INS
    two = elements[first : first + 2]
    head = [one.value for one in two if isinstance(one, ast.Constant)]
    if len(head) < 2 or not all(type(one) is int and 0 <= one <= 0xFF for one in head):
        return
    name = COMMAND_CODES.get(bytes(one for one in head if isinstance(one, int)))
    hexadecimal = all((ast.get_source_segment(source, one) or "")[:2] == "0x" for one in two)
    if name is not None and hexadecimal:
        yield f"the code of {name}"


def _transaction_types(target: ast.expr, value: ast.expr | None) -> Iterator[str]:
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=False))
    for name, number in pairs:
        if isinstance(name, ast.Name) and isinstance(number, ast.Constant):
            word = name.id.lstrip("_").removeprefix("INS_").replace("_", " ")
            if word in COMMAND_NAMES and type(number.value) is int:
                yield f"the code of {word}"
            kind = TYPES.get(number.value) if isinstance(number.value, int) else None
            if kind is not None and kind in name.id:
                yield f"the transaction type {kind}"
