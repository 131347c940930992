# SPDX-License-Identifier: Apache-2.0
"""A city to test on: on both databases."""

from __future__ import annotations

import pytest

from sscard_chip.settlement.ledger import Ledger
from tests.service.city import City
from tests.settlement.conftest import ledger, ledger_url, postgres_server

__all__ = ["city", "ledger", "ledger_url", "postgres_server"]


@pytest.fixture
def city(ledger: Ledger) -> City:
    """Two persons with a card each."""
    return City(ledger)
