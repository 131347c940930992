# SPDX-License-Identifier: Apache-2.0
"""One card out of a batch."""

from __future__ import annotations

from pathlib import Path

from issuance.batch.container import Container, ContainerError
from issuance.batch.errors import BatchError
from issuance.batch.job import IMAGES, output_path
from issuance.batch.ledger import BatchLedger
from issuance.batch.run import VOID
from sscard_chip.memory import Memory


def export_card(folder: Path, card_number: str) -> Memory:
    """The memory of a card.

    :raises BatchError:
    :raises ContainerError: one line.
    """
    with BatchLedger(folder, lock=False) as ledger:
        if ledger.facts().get("state") == VOID:
            raise BatchError(f"{folder}: the batch is void")
        found = ledger.find(card_number)
    if found is None:
        raise BatchError(f"{folder}: the batch has made no card of this number")
    chunk, position = found
    path = output_path(folder, IMAGES, chunk)
    if not path.is_file():
        raise BatchError(f"{path}: is missing; was the batch run with --output images?")
    container = Container.open(path)
    if position >= len(container):
        raise ContainerError(f"{path}: has fewer cards than the ledger says")
    return container.memory(position)
