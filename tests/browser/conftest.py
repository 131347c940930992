# SPDX-License-Identifier: Apache-2.0
"""A bridge with a card of generation 3, one of generation 2 and a PSAM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.served import Served, images, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    cards, psam = images(tmp_path)
    environment = {"SSCARD_DRIVER_CARD": str(cards[0]), "SSCARD_DRIVER_PSAM": str(psam)}
    with serving(environment, cards) as one:
        yield one
