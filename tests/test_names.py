# SPDX-License-Identifier: Apache-2.0
"""Names mean one thing: no two public classes of one name, and plain words only."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("sscard_chip", "issuance", "sscard_service", "sscard_cli", "sscard_driver")
_UNWELCOME = {"afar", "alone", "bear", "kit", "near", "pile", "sequel", "tell", "told", "through"}
"""Words that nobody searches for; the glossary has the field's."""
_CONSTANT = re.compile("[A-Z0-9_]+")
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            yield str(path.relative_to(_ROOT)), ast.parse(path.read_text("utf-8"))


def _types(tree: ast.Module) -> Iterator[str]:
    """Classes and aliases of types that a module defines."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that a module gives, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, getattr(node, "lineno", 0)


def test_no_two_public_types_have_one_name() -> None:
    places = defaultdict(list)
    for path, tree in _trees():
        for name in _types(tree):
            if name[0].isupper() and not _CONSTANT.fullmatch(name):
                places[name].append(path)
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_no_identifier_has_an_unwelcome_word() -> None:
    found = [
        f"{path}:{line}: {name}"
        for path, tree in _trees()
        for name, line in _identifiers(tree)
        if _UNWELCOME & {word.lower() for word in _WORD.findall(name)}
    ]
    assert not found


def test_no_module_has_an_unwelcome_word() -> None:
    found = [path for path, _ in _trees() if _UNWELCOME & set(re.findall("[a-z]+", path))]
    assert not found
