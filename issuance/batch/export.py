# SPDX-License-Identifier: Apache-2.0
"""One card out of a batch."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from issuance.batch.container import Container, ContainerError
from issuance.batch.errors import BatchError
from issuance.batch.job import IMAGES, SCRIPTS, output_path
from issuance.batch.ledger import BatchLedger
from issuance.batch.status import VOID
from issuance.plan.batchscript import BatchScriptError, read_scripts
from sscard_chip.memory import Memory


def export_card(folder: Path, card_number: str) -> Memory:
    """The memory of a card.

    :raises BatchError:
    :raises ContainerError: one line.
    """
    path, position = _place(folder, card_number, IMAGES)
    container = Container.open(path)
    if position >= len(container):
        raise ContainerError(str(path), "", "has fewer cards than the ledger says")
    return container.memory(position)


def export_script(folder: Path, card_number: str) -> dict[str, Any]:
    """The personalisation script of a card, a document of :mod:`issuance.plan.script`.

    :raises BatchError:
    :raises BatchScriptError: one line.
    """
    path, position = _place(folder, card_number, SCRIPTS)
    script = next(islice(read_scripts(path), position, None), None)
    if script is None:
        raise BatchScriptError(f"{path}: has fewer cards than the ledger says")
    return script


def _place(folder: Path, card_number: str, kind: str) -> tuple[Path, int]:
    """The file of a kind of output with a card, and which it is in it, from 0."""
    with BatchLedger(folder, lock=False) as ledger:
        if ledger.facts().get("state") == VOID:
            raise BatchError(f"{folder}: the batch is void")
        found = ledger.find(card_number)
    if found is None:
        raise BatchError(f"{folder}: the batch has made no card of this number")
    chunk, position = found
    path = output_path(folder, kind, chunk)
    if not path.is_file():
        raise BatchError(f"{path}: is missing; was the batch run with --output {kind}?")
    return path, position
