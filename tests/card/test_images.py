# SPDX-License-Identifier: Apache-2.0
"""Card images as a whole: cells that are no file system, and saving over an open card."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip import Card, CardImageError, CardInUseError
from sscard_chip.memory import Memory, create_image
from tests.bench.issued import Bench


@pytest.mark.parametrize(
    ("at", "value"),
    [(64, b"\x77"), (72, bytes(4)), (72, b"\xff\xff\xff\xff"), (4, b"\x7f\xff\xff\xff")],
    ids=["type", "no length", "huge length", "end behind the memory"],
)
def test_cells_that_are_no_file_system(tmp_path: Path, at: int, value: bytes) -> None:
    cells = Bench(2).memory.cells
    cells[at : at + len(value)] = value
    path = tmp_path / "card.ssc"
    path.write_bytes(create_image(Memory(cells)))
    for _ in range(2):  # the file is free again after a failure
        with pytest.raises(CardImageError, match=r"card\.ssc: the card image holds no file"):
            Card.open(path)


def test_saving_over_a_card_that_is_open(tmp_path: Path) -> None:
    path = tmp_path / "card.ssc"
    card = Bench(2).card
    card.save(path)
    with Card.open(path) as owner:
        for saved in (card, owner):
            with pytest.raises(CardInUseError):
                saved.save(path)
    card.save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["card.ssc"]
