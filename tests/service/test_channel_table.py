# SPDX-License-Identifier: Apache-2.0
"""The table of channels in docs/services.md: each command, address and test of it exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import click
import pytest

from sscard_cli.main import cli
from sscard_service.http.routes import ROUTES
from sscard_service.pages import ITEMS
from sscard_service.region import load_region

ROOT = Path(__file__).parents[2]
OTHER = {"GET /v1/hotlist", "GET /verify/{code}", "POST /v1/enquiries/{operation}"}
"""Addresses that are no operation's."""
SITE = {"/sign-in", "/code", "/paper"}


def rows() -> list[list[str]]:
    """The cells of the table."""
    text = (ROOT / "docs" / "services.md").read_text("utf-8")
    part = text.partition("## Channels\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}


def exists(command: str) -> bool:
    """Whether words name a command, and its options are there."""
    found: click.Command = cli
    context = click.Context(cli)
    for word in command.split()[1:]:
        if word.startswith("--"):
            return any(word in one.opts for one in found.params)
        if not isinstance(found, click.Group):
            return False
        next_ = found.get_command(context, word)
        if next_ is None:
            return False
        found = next_
    return True


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[1]}"[:30])
def test_a_row_is_true(row: list[str]) -> None:
    _channel, _service, ways, test = row
    path, _, name = test.strip("`").partition("::")
    assert name.startswith("test_")
    assert name in functions(path)
    routes = {f"{one.method} {one.path}" for one in ROUTES} | OTHER
    named = re.findall("`([^`]+)`", ways)
    assert named
    for one in named:
        if one.startswith("sscard "):
            assert exists(one), one
        elif one.startswith("/do/"):
            assert one.removeprefix("/do/") in {item.name for item in ITEMS}, one
        else:
            assert one in routes | SITE, one


def test_every_channel_of_the_region_has_its_page_and_rows() -> None:
    text = " ".join(" ".join(row) for row in rows())
    pages = {
        "office": "counter.md", "site": "site.md", "app": "ecard.md", "kiosk": "kiosk.md",
        "ivr": "hotline.md", "agent": "hotline.md", "bank": "bank-counter.md",
        "ebank": "bank-counter.md", "till": "pharmacy.md", "hospital": "transactions.md",
    }  # fmt: skip
    assert load_region().channels.keys() == pages.keys()
    for page in pages.values():
        assert f"]({page})" in text
        assert (ROOT / "docs" / page).exists()
