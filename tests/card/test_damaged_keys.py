# SPDX-License-Identifier: Apache-2.0
"""A key whose algorithm byte is damaged: the card is not opened, and one line says why."""

from __future__ import annotations

import pytest

from sscard_chip import Card, CardImageError
from sscard_chip.filesystem.layout import MASTER_KEY_IN_HEADER
from sscard_chip.memory import Memory, create_image
from tests.bench.issued import Bench
from tests.bench.sam import ALGORITHMS, Sam

ALGORITHM_AT = 3


def refused(memory: Memory, at: int) -> None:
    damaged = memory.copy()
    damaged.write(at, b"\x7e")
    damaged.commit()
    with pytest.raises(CardImageError, match=r"^a key has the unknown algorithm 7E$"):
        Card(create_image(damaged))


def test_every_key_of_a_card() -> None:
    memory = Bench(3).memory
    directories = Card(memory.copy()).files.directories
    keys = [key for directory in directories for key in directory.keys.values()]
    assert len(keys) > 50
    for key in keys:
        assert memory.cells[key.offset + ALGORITHM_AT] == key.algorithm
        refused(memory, key.offset + ALGORITHM_AT)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_master_key_of_card_and_psam(algorithm: str) -> None:
    for card in (Bench(3).card, Sam(algorithm).card):
        memory = card.files.memory
        for directory in card.files.directories:
            at = directory.offset + MASTER_KEY_IN_HEADER + 2
            assert memory.cells[at] == directory.header.algorithm
            refused(memory, at)
