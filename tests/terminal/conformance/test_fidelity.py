# SPDX-License-Identifier: Apache-2.0
"""What the page on fidelity calls certain is judged: every row has cases, and every H file too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sscard_chip.profile.generations import whole_profile
from sscard_chip.profile.model import Confidence
from sscard_chip.terminal.conformance import catalogue
from sscard_chip.terminal.conformance.psam import psam_catalogue

PAGE = Path(__file__).parents[3] / "docs" / "fidelity.md"


def rows() -> list[tuple[str, list[str]]]:
    """The rows of the table of certain facts, with the beginnings that they name."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("## Certain (H)")[2].partition("\n## ")[0]
    found = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 2 and cells[0] != "what":
            found.append((cells[0], re.findall(r"`([^`]+)`", cells[1])))
    return found


CASES = [*catalogue(), *psam_catalogue()]


def test_the_table_is_there() -> None:
    assert len(rows()) >= 14


@pytest.mark.parametrize(("what", "beginnings"), rows(), ids=lambda value: str(value)[:40])
def test_what_is_certain_has_cases(what: str, beginnings: list[str]) -> None:
    assert beginnings, what
    for beginning in beginnings:
        own = [one for one in CASES if one.identifier.startswith(beginning)]
        assert own, (what, beginning)
        assert any(one.confidence is not Confidence.LOW for one in own), (what, beginning)


def test_every_certain_file_and_item_has_cases() -> None:
    names = {one.identifier for one in CASES}
    missing = []
    for generation in (2, 3):
        for directory in whole_profile(generation).directories:
            for file in directory.files:
                name = f"SSC-32.6-{directory.short_name}.EF{file.fid & 0xFF:02X}"
                if file.confidence is Confidence.HIGH and not any(
                    one.startswith(f"{name}-") for one in names
                ):
                    missing.append(name)
    assert missing == []


def test_every_command_of_the_standard_has_cases() -> None:
    """Chapters 7 and 8 of LD/T 32.5: fourteen commands, and eight of the medical account."""
    sections = {
        match[1] for one in CASES if (match := re.match(r"SSC-32\.5-([78]\.\d+)\.", one.identifier))
    }
    assert sections >= {f"7.{n}" for n in range(1, 15)} | {f"8.{n}" for n in range(1, 9)}
