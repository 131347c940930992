# SPDX-License-Identifier: Apache-2.0
"""What is public is said: ``__all__`` of each package, the page API, the reference."""

from __future__ import annotations

import importlib
import pydoc
import re
from pathlib import Path
from types import ModuleType
from typing import Final

import griffe
import pytest

import sscard_chip

ROOT: Final = Path(__file__).resolve().parent.parent
PRIVATE: Final = re.compile(
    r"sscard_chip\.(apdu|applications|filesystem|security|settlement\.columnar|terminal\.conformance\.cases|profile\.directories)(\.|$)|sscard_cli(\.|$)"
)
"""The card's engine, rooms behind a public one, and the command line, as docs/api.md says."""

REFERENCE: Final = [
    name
    for page in sorted((ROOT / "docs" / "reference").glob("*.md"))
    for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]
PACKAGES: Final = sorted(
    ".".join(path.parent.relative_to(ROOT).parts)
    for top in ("sscard_chip", "issuance", "sscard_service", "sscard_driver", "sscard_cli")
    for path in (ROOT / top).rglob("__init__.py")
)
PUBLIC: Final = [name for name in PACKAGES if not PRIVATE.match(name)]


def parts(package: str) -> list[tuple[str, ModuleType | None]]:
    """The names of a package's ``__all__``, with the module where a name is one."""
    module = importlib.import_module(package)
    found: list[tuple[str, ModuleType | None]] = []
    for name in module.__all__:
        if not hasattr(module, name):
            importlib.import_module(f"{package}.{name}")
        value = getattr(module, name)
        found.append((name, value if isinstance(value, ModuleType) else None))
    return found


@pytest.mark.parametrize("package", PUBLIC)
def test_a_public_package_says_what_is_public(package: str) -> None:
    names = [name for name, _ in parts(package)]
    assert len(set(names)) == len(names) > 0
    assert package in REFERENCE
    for name, module in parts(package):
        if module is not None and f"{package}.{name}" not in PUBLIC:
            assert f"{package}.{name}" in REFERENCE, name


@pytest.fixture(scope="module")
def sources() -> griffe.ModulesCollection:
    """What the reference is made from: the sources, read and not imported."""
    loader = griffe.GriffeLoader(search_paths=[ROOT])
    for name in {package.partition(".")[0] for package in PUBLIC}:
        loader.load(name)
    return loader.modules_collection


@pytest.mark.parametrize("package", PUBLIC)
def test_a_public_name_has_a_docstring(package: str, sources: griffe.ModulesCollection) -> None:
    without = []
    for name in importlib.import_module(package).__all__:
        member = sources[package][name]
        target = member.final_target if isinstance(member, griffe.Alias) else member
        if target.docstring is None:
            without.append(name)
    assert not without


def test_the_reference_names_what_is_there_and_no_private_part() -> None:
    assert len(set(REFERENCE)) == len(REFERENCE)
    for name in REFERENCE:
        assert not PRIVATE.match(name), name
        assert importlib.import_module(name).__doc__, name


def test_the_api_page_lists_every_public_package() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_.]+)`", page))
    for package in PUBLIC:
        assert package in named or package.rpartition(".")[2] in named, package


def test_help_leads_a_newcomer() -> None:
    text = pydoc.plain(pydoc.render_doc(sscard_chip))
    for word in ("issue_card", "Card.open", "sscard_chip.reader", "sscard_chip.terminal",
                 "issuance.pytest_plugin", "issue_sscard"):  # fmt: skip
        assert word in text.partition("PACKAGE CONTENTS")[0]
    for name in re.findall(r":mod:`([\w.]+)`", sscard_chip.__doc__ or ""):
        assert importlib.import_module(name).__doc__
