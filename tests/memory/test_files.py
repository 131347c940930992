# SPDX-License-Identifier: Apache-2.0
"""Image files: one owner, and what each durability keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.memory import CardImageError, CardInUseError, Durability, create_image, open_image
from tests.bench.account import Terminal
from tests.bench.account_cards import new_memory

OPEN = """
import sys
from sscard_chip.card import Card
from sscard_chip.memory import CardInUseError
try:
    Card.open(sys.argv[1])
except CardInUseError as error:
    print(error)
"""


@pytest.fixture
def image_path(tmp_path: Path) -> Path:
    path = tmp_path / "card.ssc"
    path.write_bytes(create_image(new_memory(balance_fen=1_000)))
    return path


def _buy(card: Card) -> None:
    card.power_on()
    terminal = Terminal(card.transmit, "3des")
    terminal.open_account()
    terminal.buy(100)


def _balance(path: Path) -> int:
    with Card.open(path) as card:
        card.power_on()
        terminal = Terminal(card.transmit, "3des")
        terminal.open_account()
        return terminal.balance()


def test_card_has_one_owner(image_path: Path) -> None:
    line = f"{image_path}: the card is in use, one program at a time"
    with Card.open(image_path):
        other = subprocess.run(
            [sys.executable, "-c", OPEN, image_path],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert other.stdout == f"{line}\n"
        with pytest.raises(CardInUseError) as caught:
            Card.open(image_path)
        assert str(caught.value) == line
    assert _balance(image_path) == 1_000


def test_damaged_image_is_not_left_locked(image_path: Path) -> None:
    good = image_path.read_bytes()
    image_path.write_bytes(good[:-1])
    with pytest.raises(CardImageError):
        open_image(image_path)
    image_path.write_bytes(good)
    assert _balance(image_path) == 1_000


@pytest.mark.parametrize("durability", Durability)
def test_closed_card_is_in_its_file(image_path: Path, durability: Durability) -> None:
    with Card.open(image_path, durability=durability) as card:
        _buy(card)
        size = image_path.stat().st_size
    assert image_path.stat().st_size == size
    assert _balance(image_path) == 900


@pytest.mark.parametrize(
    ("durability", "balance"),
    [(Durability.MEMORY, 1_000), (Durability.OS, 900), (Durability.DISK, 900)],
)
def test_what_is_kept_without_closing(
    image_path: Path, durability: Durability, balance: int
) -> None:
    card = Card.open(image_path, durability=durability)
    _buy(card)
    copy = image_path.with_name("copy.ssc")
    copy.write_bytes(image_path.read_bytes())
    assert _balance(copy) == balance
    card.close()


def test_reading_a_card_writes_nothing(image_path: Path) -> None:
    before = image_path.read_bytes()
    for durability in Durability:
        with Card.open(image_path, durability=durability) as card:
            card.power_on()
            terminal = Terminal(card.transmit, "3des")
            terminal.open_account()
            assert terminal.initialize_purchase(100).number == 0
    assert image_path.read_bytes() == before


def test_image_of_a_running_card_is_a_card_of_its_own(image_path: Path) -> None:
    with Card.open(image_path) as card:
        _buy(card)
        copy = Card(card.image())
        _buy(copy)
        _buy(copy)
    assert _balance(image_path) == 900
