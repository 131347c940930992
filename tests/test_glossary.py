# SPDX-License-Identifier: Apache-2.0
"""docs/glossary.md names places in the code: each of them is there."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).parent.parent / "docs" / "glossary.md"
_ROW = re.compile(
    r"\| (?P<term>.+?) \| (?P<chinese>.+?) \| (?P<clause>.+?) "
    r"\| \[`(?P<place>[\w.]+)`\]\(\.\./(?P<file>[\w/]+\.py)\) \|"
)
_FEWEST = 80

ROWS = [row for line in _PAGE.read_text("utf-8").splitlines() if (row := _ROW.fullmatch(line))]


def test_the_glossary_has_the_terms_of_the_field_once() -> None:
    terms = [row["term"] for row in ROWS]
    assert len(terms) >= _FEWEST
    assert len(set(terms)) == len(terms)


def test_every_row_of_its_tables_is_read_here() -> None:
    lines = _PAGE.read_text("utf-8").splitlines()
    heads = sum(line.startswith("| term |") for line in lines)
    assert sum(line.startswith("|") for line in lines) == len(ROWS) + 2 * heads


@pytest.mark.parametrize("row", ROWS, ids=[row["term"] for row in ROWS])
def test_its_place_in_the_code_is_there(row: re.Match[str]) -> None:
    names = row["place"].split(".")
    path = row["file"].removesuffix(".py").removesuffix("/__init__").split("/")
    assert names[: len(path)] == path
    known: object = importlib.import_module(".".join(path))
    for name in names[len(path) :]:
        if dataclasses.is_dataclass(known) and name in {f.name for f in dataclasses.fields(known)}:
            return
        assert hasattr(known, name), f"{row['place']}: no {name}"
        known = getattr(known, name)
