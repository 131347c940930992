# SPDX-License-Identifier: Apache-2.0
"""Images of cards that commands write: never in place of one that another program has open."""

from __future__ import annotations

from pathlib import Path

from sscard_chip import Card
from sscard_chip.memory import Memory
from sscard_chip.memory.medium import image_held
from sscard_chip.wholefile import whole_file
from sscard_cli.output import write_file


def write_image(path: Path, card: Card, *, force: bool) -> None:
    """Write the image of a card; one that a program has open is not replaced.

    :raises RefusedError: when ``path`` exists and ``force`` is not given.
    :raises CardInUseError:
    """
    with image_held(path):
        write_file(path, card.save, force=force)


def replace_image(path: Path, memory: Memory) -> None:
    """Put another memory in place of the image of a card that the caller has open.

    Its lock is held meanwhile, so that no program gets in between.
    """
    with whole_file(path, durable=True) as new:
        new.write_bytes(Card(memory).image())
