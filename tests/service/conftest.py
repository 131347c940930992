# SPDX-License-Identifier: Apache-2.0
"""A city to test on: on both databases, or on the embedded default alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sscard_chip.settlement.ledger import Ledger
from tests.service.city import City
from tests.settlement.conftest import ledger, ledger_url, postgres_server

__all__ = ["city", "ledger", "ledger_url", "postgres_server"]


@pytest.fixture
def city(ledger: Ledger) -> City:
    """Two persons with a card each."""
    return City(ledger)


@pytest.fixture
def one_city(tmp_path: Path) -> Iterator[City]:
    """The same on SQLite alone, for rules that no database has a part in."""
    with Ledger.open(tmp_path / "city.db") as ledger:
        yield City(ledger)
