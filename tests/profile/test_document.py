# SPDX-License-Identifier: Apache-2.0
"""docs/files.md is what the profiles say, and says something about every file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sscard_chip.profile.document import document, main
from sscard_chip.profile.model import Structure
from tests.profile.tables import WHOLE, files

PAGE = Path(__file__).parents[2] / "docs" / "files.md"


def test_page_is_up_to_date() -> None:
    command = "python -m sscard_chip.profile.document docs/files.md"
    assert PAGE.read_text(encoding="utf-8") == document(), f"stale: run {command}"


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_every_file_item_and_key_is_documented(generation: int) -> None:
    page = PAGE.read_text(encoding="utf-8")
    chapters = page.split("## Generation ")
    chapter = chapters[generation]
    old = {file for _, file in files(WHOLE[2])} if generation == 3 else set()
    for directory, file in files(WHOLE[generation]):
        if file in old:
            continue
        section = chapter.split(f"### {directory.short_name} ")[1].split("\n### ")[0]
        assert f"| {file.fid:04X} | {file.name}, {file.english} |" in section
        for item in file.items:
            for one in (item, *item.items):
                row = f"{one.format.value} | {one.length:02X}h | {one.name}, {one.english}"
                assert row in section
                if file.structure is not Structure.CYCLIC:
                    assert f"| {one.tag:02X} | {row}" in section
    if generation != 3:
        for directory in WHOLE[generation].directories:
            section = chapter.split(f"### {directory.short_name} ")[1].split("\n### ")[0]
            for key in directory.keys:
                assert f"| {key.kid:02X} | {key.root} |" in section


def test_every_code_table_is_documented() -> None:
    tables = PAGE.read_text(encoding="utf-8").split("## Code tables")[1]
    for profile in WHOLE.values():
        for _, file in files(profile):
            for item in file.items:
                for one in (item, *item.items):
                    for code, meaning in one.codes.items():
                        assert f"{code} {meaning}" in tables


def test_links_lead_to_code_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^### (.+)$", page.split("## Code tables")[1], re.MULTILINE)
    anchors = {re.sub(r"[()]", "", heading).replace(" ", "-").lower() for heading in headings}
    linked = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert linked == anchors


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == document()
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
