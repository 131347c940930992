# SPDX-License-Identifier: Apache-2.0
"""The ten questions of docs/architecture.md: each answer stands at the line that the table names.

A row has the question, a link ``file:line`` and words that stand on that line and nowhere else.
When lines have moved, ``python tests/test_questions.py --fix`` finds the words and writes the new
places; words that are gone, or stand twice, it leaves to you.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "architecture.md"
PACKAGES: Final = ("sscard_chip", "issuance", "sscard_service", "sscard_cli", "sscard_driver")
QUESTIONS: Final = 10
_ROW: Final = re.compile(
    r"^\| (?P<question>[^|]+\?) \| \[`(?P<place>[\w/.]+:\d+)`\]\((?P<link>[^)]+)\) \| "
    r"(?P<words>[^|]+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    question: str
    place: str
    link: str
    words: str

    @property
    def line(self) -> str:
        """What stands at the place; empty when there is no such file or line."""
        name, number = self.place.split(":")
        path = ROOT / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        at = int(number) - 1
        return lines[at] if at < len(lines) else ""

    def found(self) -> list[str]:
        """Every place in the product where the words stand."""
        return [
            f"{path.relative_to(ROOT)}:{number}"
            for package in PACKAGES
            for path in sorted((ROOT / package).rglob("*.py"))
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if self.words in line
        ]


def link_of(place: str) -> str:
    """The link from the page to a place."""
    name, number = place.split(":")
    return f"../{name}#L{number}"


def rows(text: str) -> list[Row]:
    """The table of the page."""
    return [Row(**match.groupdict()) for match in _ROW.finditer(text)]


def fixed(text: str) -> str:
    """The page with the places where the words stand now."""

    def place(match: re.Match[str]) -> str:
        row = Row(**match.groupdict())
        found = row.found()
        if len(found) != 1:
            return match[0]
        return f"| {row.question} | [`{found[0]}`]({link_of(found[0])}) | {row.words} |"

    return _ROW.sub(place, text)


def test_each_answer_stands_where_the_table_says() -> None:
    table = rows(PAGE.read_text(encoding="utf-8"))
    assert len(table) == QUESTIONS
    wrong = [
        f"{row.question} {row.place} has no {row.words!r}, it stands at {row.found() or 'no place'}"
        for row in table
        if row.words not in row.line
    ]
    assert not wrong, "\n".join([*wrong, "run: python tests/test_questions.py --fix"])


def test_each_answer_stands_once() -> None:
    for row in rows(PAGE.read_text(encoding="utf-8")):
        assert row.found() == [row.place], row.question
        assert row.link == link_of(row.place), row.question


def test_a_line_that_has_moved_is_found_again() -> None:
    text = PAGE.read_text(encoding="utf-8")
    moved = re.sub(r"(\w+)\.py:\d+`\]\([^)]*\)", r"\1.py:1`](../gone.py#L1)", text)
    assert moved != text
    assert fixed(moved) == text


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--fix"]:
        page = fixed(page)
        PAGE.write_text(page, encoding="utf-8")
    for row in rows(page):
        if row.words not in row.line:
            sys.exit(f"{row.question} {row.words!r} stands at {row.found() or 'no place'}")
