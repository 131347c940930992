# SPDX-License-Identifier: Apache-2.0
"""docs/commands.md names every command of the card, and its exchanges are what a card answers."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from sscard_chip.apdu.instructions import BASE
from sscard_chip.applications.medical import MEDICAL

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "commands.md"


def test_the_page_is_what_a_card_answers() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_commands.py"))
    assert PAGE.read_text(encoding="utf-8") == made["page"]()


def test_every_command_has_a_section() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (.+)$", text, re.MULTILINE))
    names = {one.command.name for one in (*BASE, *MEDICAL)}
    assert names - sections <= {"APPEND RECORD", "INITIALIZE", "STARTING DAY"}
    assert {"INITIALIZE FOR PURCHASE", "INITIALIZE FOR LOAD", "GET STARTING DAY"} <= sections


def test_the_debit_is_the_published_order_of_answers() -> None:
    """TAC before MAC2, 8 bytes: an own look at the exchange on the page."""
    debit = PAGE.read_text(encoding="utf-8").rpartition("```text")[2]
    lines = [line[2:] for line in debit.splitlines() if line[:2] in ("> ", "< ")]
    assert [line[:11] for line in lines[::2]] == ["B0 28 01 01", "B0 2C 01 00"]
    assert [len(line.split()) for line in lines[1::2]] == [22 + 2, 8 + 2]
