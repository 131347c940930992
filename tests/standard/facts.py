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

ALGORITHM_NAMES: Final = frozenset(("3DES", "SM4"))
RID: Final = 0xD156000005
DIRECTORIES: Final = frozenset(fid for fid in FIDS if fid == 0xDDF1 or 0xDF00 < fid < 0xDF08)
RECORD_COMMANDS: Final = {0xB2: "READ RECORD", 0xDC: "UPDATE RECORD"}
TAC_INPUT: Final = re.compile("IIIB6s(I7s|7s)")
"""Amounts, type, terminal, its number, time: as ``struct`` lays a TAC's or a MAC1's input out."""
TAC_PARTS: Final = ("terminal", "number|sequence", "time")
"""What a TAC's input ends with, by the words in the names of its parts."""
MODES: Final = frozenset((1, 2, 3))

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
        case ast.BinOp(op=ast.Add()) if not isinstance(parents[node], ast.BinOp):
            yield from _tac_input(_parts(node))
        case ast.BinOp(op=ast.Pow() | ast.LShift()) if _is_two_to_the_32(node):
            yield from _beyond(parents[node])
        case ast.JoinedStr(values=[ast.Constant(value=str(begin)), *_]):
            yield from _command_text(begin, 4)
        case ast.Compare(left=left, comparators=right):
            yield from _modes(left, right)
        case ast.Dict(keys=places, values=values):
            yield from _maps(places, values, source)
        case ast.Call(func=ast.Name(id="bytes"), args=[ast.Tuple(elts=elements)]):
            yield from _byte_values(elements)
        case ast.ClassDef(bases=[*_, base]) if "Enum" in ast.unparse(base):
            yield from _enumerations(node)
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
    if number == RID:
        yield "the RID"
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
    if isinstance(text, bytes) and len(text) == 2 and int.from_bytes(text) in DIRECTORIES:
        yield f"the FID of {FIDS[int.from_bytes(text)]}"
    if _method(parent) == "fromhex" and len(digits) == 4:
        yield from _directory_of(digits)
    if isinstance(text, str) and TAC_INPUT.search(text):
        yield "the order of the TAC input"
    if isinstance(text, str) and not isinstance(parent, ast.JoinedStr):
        yield from _command_text(digits, 8)
    if text in (MOMENT, DAY):
        yield "the form of a day or moment"
    if text in COMMAND_NAMES:
        yield f"the command {text!s}"
    header = _header(text, digits, _method(parent))
    if header[:2] in COMMAND_CODES:
        yield f"the code of {COMMAND_CODES[header[:2]]}"


def _directory_of(digits: str) -> Iterator[str]:
    if re.fullmatch("[0-9A-F]{4}", digits) and int(digits, 16) in DIRECTORIES:
        yield f"the FID of {FIDS[int(digits, 16)]}"


def _command_text(text: str, least: int) -> Iterator[str]:
    """A command in hexadecimal: a whole one, or the beginning that ``{`` follows."""
    digits = text.upper().replace(" ", "")
    if len(digits) >= least and re.fullmatch("(?:[0-9A-F]{2})+", digits):
        name = COMMAND_CODES.get(bytes.fromhex(digits[:4]))
        if name is not None:
            yield f"the code of {name}"


def _is_two_to_the_32(node: ast.BinOp) -> bool:
    match node:
        case ast.BinOp(ast.Constant(value=2), ast.Pow(), ast.Constant(value=32)):
            return True
        case ast.BinOp(ast.Constant(value=1), ast.LShift(), ast.Constant(value=32)):
            return True
    return False


def _beyond(parent: ast.AST) -> Iterator[str]:
    """2 to the 32nd is the limit where it is compared with, or where 1 is taken from it."""
    less = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Sub)
    if less or isinstance(parent, ast.Compare):
        yield "the limit of four bytes"


def _parts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_parts(node.left), *_parts(node.right)]
    return [node]


def _tac_input(parts: list[ast.expr]) -> Iterator[str]:
    """Joined bytes whose names say terminal, its number and the time, one after the other."""
    names = [ast.unparse(part).lower() for part in parts]
    for at in range(1, len(names) - 2):
        if all(map(re.search, TAC_PARTS, names[at : at + 3])):
            yield "the order of the TAC input"


def _modes(left: ast.expr, right: list[ast.expr]) -> Iterator[str]:
    """A mode of settlement compared with its number."""
    values = [one for each in right for one in getattr(each, "elts", [each])]
    named = re.search(r"mode(\.value)?$", ast.unparse(left).lower())
    if named and any(getattr(one, "value", None) in MODES for one in values):
        yield "a settlement mode"


def _maps(places: list[ast.expr | None], values: list[ast.expr], source: str) -> Iterator[str]:
    keys = [one.value for one in places if isinstance(one, ast.Constant)]
    texts = {one.value for one in values if isinstance(one, ast.Constant)}
    if keys and (texts | set(keys)) >= ALGORITHM_NAMES:
        yield "a map of algorithms"
    if set(keys) == MODES and any("line" in str(text) for text in texts):
        yield "a settlement mode"
    for one in places:
        if isinstance(one, ast.Constant) and type(one.value) is int:
            hexadecimal = (ast.get_source_segment(source, one) or "")[:2] == "0x"
            name = RECORD_COMMANDS.get(one.value) if hexadecimal else None
            yield from () if name is None else (f"the code of {name}",)


def _byte_values(elements: list[ast.expr]) -> Iterator[str]:
    """``bytes((0xD1, 0x56, ...))``: as the literal that it stands for."""
    values = [one.value for one in elements if isinstance(one, ast.Constant)]
    if len(values) == len(elements) and all(type(one) is int and 0 <= one <= 255 for one in values):
        raw = bytes(one for one in values if isinstance(one, int))
        yield from (what for begin, what in NAMES.items() if bytes.fromhex(begin) in raw)
        yield from _directory_of(raw.hex().upper())


def _enumerations(node: ast.ClassDef) -> Iterator[str]:
    """A second list of the settlement modes."""
    members = {
        target.id
        for one in node.body
        if isinstance(one, ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    if {"ONLINE", "OFFLINE"} <= members and "mode" in node.name.lower():
        yield "a settlement mode"


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
