# SPDX-License-Identifier: Apache-2.0
"""One form of docstring: parameters and errors of public functions as fields, which the site shows.

``:param name:`` for what the summary does not say, ``:raises Error:`` for every error that is
named. The reference on the site is rendered from these.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("sscard_chip", "issuance", "sscard_service", "sscard_cli", "sscard_driver")
_FILES = [p for package in _PACKAGES for p in sorted((_ROOT / package).rglob("*.py"))]
_OTHER_FORMS = re.compile(
    r"(?<![:\w])Raises? (?::class:`~?|``)?[\w.]*(?:Error|Exception|Stop\w*|Interrupt)\b"
    r"|^\s*(?:Args|Arguments|Parameters|Returns|Raises|Yields):\s*$"
    r"|^\s*@(?:param|raise|return)",
    re.MULTILINE,
)
_FIELD = re.compile(r"^\s*:(\w+)([^:\n]*):", re.MULTILINE)
_KNOWN = {"param": r" \*{0,2}\w+", "raises": r" [\w.]+", "return": "", "yield": ""}


def _functions(
    body: list[ast.stmt], prefix: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Public functions, classes and methods, with their dotted names."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and re.match("__init__$|(?!_)", node.name):
            yield prefix + node.name, node


def _parameters(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """Of a class those of its ``__init__``, or its fields."""
    if isinstance(node, ast.ClassDef):
        fields = (n.target for n in node.body if isinstance(n, ast.AnnAssign))
        found = {target.id for target in fields if isinstance(target, ast.Name)}
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                found |= _parameters(method)
        return found
    arguments = node.args
    named = arguments.posonlyargs + arguments.args + arguments.kwonlyargs
    return {a.arg for a in [*named, arguments.vararg, arguments.kwarg] if a}


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_public_functions_name_parameters_and_errors_in_fields(path: Path) -> None:
    wrong = []
    for name, node in _functions(ast.parse(path.read_text("utf-8")).body):
        text = ast.get_docstring(node) or ""
        if found := _OTHER_FORMS.search(text):
            wrong.append(f"{name}: {found[0].strip()}")
        for kind, rest in _FIELD.findall(re.sub(r":\w+:`", "`", text)):
            if kind not in _KNOWN or not re.fullmatch(_KNOWN[kind], rest):
                wrong.append(f"{name}: :{kind}{rest}:")
            elif kind == "param" and rest.strip(" *") not in _parameters(node):
                wrong.append(f"{name}: no parameter {rest.strip()}")
    assert not wrong
