# SPDX-License-Identifier: Apache-2.0
"""The page of transactions is what the declarations give."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from typing import Final

from sscard_chip.settlement.platform.dictionaries import DICTIONARIES
from sscard_chip.settlement.platform.transactions import TRANSACTIONS, NodeRule

ROOT: Final = Path(__file__).resolve().parents[3]


def test_the_page_is_that_of_the_declarations() -> None:
    made = run_path(str(ROOT / "scripts" / "make_transactions.py"))["page"]()
    assert made == (ROOT / "docs" / "transactions.md").read_text("utf-8")


def test_every_dictionary_that_is_named_is_there() -> None:
    def names(nodes: tuple[NodeRule, ...]) -> set[str]:
        own = {field.dictionary for node in nodes for field in node.fields}
        return own.union(*(names(node.inner) for node in nodes), set())

    for one in TRANSACTIONS.values():
        assert names(one.input + one.output) <= {"", *DICTIONARIES}, one.infno
