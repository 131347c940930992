# SPDX-License-Identifier: Apache-2.0
"""A chunk of holders becomes containers and lines: what a worker does, here or elsewhere.

A worker opens the root keys itself, at the place that the job names and with the passphrase of
its own environment; keys are not sent to it. It writes nothing: what it made goes back to the one
process that owns the ledger.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from issuance.batch.cards import CardOrder, make_cards
from issuance.batch.clerks import encode_rows
from issuance.batch.container import Container, encode_container
from issuance.batch.job import DATA, IMAGES, SCRIPTS, ChunkTask, Job
from issuance.batch.ledger import MadeCard, Reject
from issuance.batch.returnfile import failed_row, print_row, read_back, return_row
from issuance.batch.template import Template, template_of
from issuance.holders.mapping import BANK_ACCOUNT
from issuance.holders.rows import CheckedRow, RowReader
from issuance.personalise import SERIAL_LENGTH, prepare
from issuance.stores import Passphrase, WorkingKeys, open_store
from sscard_chip.security.keystore import KeyStore

RETURN: Final = "return"

_TRANSPORT_KEY: Final = bytes(16)


@dataclass(frozen=True, slots=True, repr=False)
class ChunkResult:
    """``files`` are the contents of output files by kind."""

    chunk: int
    files: dict[str, bytes]
    cards: list[MadeCard]
    rejects: list[Reject]
    seconds: float


_STORES: dict[str, WorkingKeys] = {}
_PASSPHRASE: list[Passphrase] = [None]


def set_passphrase(passphrase: Passphrase) -> None:
    """What opens the root keys in this process."""
    _PASSPHRASE[0] = passphrase


def store_of(location: str) -> WorkingKeys:
    """The root keys at a place, opened once in a process.

    :raises KeyStoreError:
    """
    if location not in _STORES:
        _STORES[location] = WorkingKeys(open_store(location, _PASSPHRASE[0]))
    return _STORES[location]


def make_chunk(task: ChunkTask) -> ChunkResult:
    """Check the rows of a chunk and make the cards of those that are right.

    :raises KeyStoreError: when the root keys cannot be used.
    """
    started = time.process_time()
    job = task.job
    checked = check_rows(task)
    good = [row for row in checked if row.holder is not None and row.number not in task.taken]
    serials = {
        number: (task.first_serial + place).to_bytes(SERIAL_LENGTH)
        for place, (number, _) in enumerate(task.rows)
    }
    orders = [
        CardOrder(row.holder, serials[row.number], row.files)
        for row in good
        if row.holder is not None
    ]
    template = template_of(job.profile(), job.algorithm)
    store = store_of(job.keys)
    image = encode_container(template, make_cards(template, store, orders)) if orders else b""
    files, cards = _outputs(task, template, image, good, checked)
    if image and IMAGES in job.outputs:
        files[IMAGES] = image
    if orders and SCRIPTS in job.outputs:
        files[SCRIPTS] = b"".join(_script(job, store, order) for order in orders)
    rejects = [
        Reject(row.number, column, rule) for row in checked for column, rule in _reasons(task, row)
    ]
    return ChunkResult(task.chunk, files, cards, rejects, time.process_time() - started)


def check_rows(task: ChunkTask) -> list[CheckedRow]:
    """The rows of a chunk, checked."""
    job = task.job
    reader = RowReader(
        task.columns,
        job.profile(),
        folder=Path(job.folder),
        today=job.day,
        region=job.region_profile(),
    )
    return [reader.read(number, cells) for number, cells in task.rows]


def _reasons(task: ChunkTask, row: CheckedRow) -> list[tuple[str, str]]:
    own = [(problem.item, problem.rule) for problem in row.problems]
    return own + task.taken.get(row.number, [])


def _outputs(
    task: ChunkTask,
    template: Template,
    image: bytes,
    good: list[CheckedRow],
    checked: list[CheckedRow],
) -> tuple[dict[str, bytes], list[MadeCard]]:
    """Lines of the return file in the order of the rows, printing data, the list of cards."""
    job = task.job
    read = read_back(template, Container(image)) if image else []
    made = {row.number: card for row, card in zip(good, read, strict=True)}
    lines = []
    for row in checked:
        card = made.get(row.number)
        if card is None:
            line = failed_row(row.given, _reasons(task, row), row=row.number, batch=job.batch)
        else:
            account = row.given.get(BANK_ACCOUNT, "")
            line = return_row(card, row=row.number, batch=job.batch, bank_account=account)
        lines.append(line)
    files = {RETURN: encode_rows(lines, job.encoding, tables=job.tables)}
    if DATA in job.outputs:
        printed = [print_row(made[row.number], row.given) for row in good]
        files[DATA] = encode_rows(printed, job.encoding, tables=job.tables)
    cards = [
        MadeCard(card.card_number, int(card.historical[-8:], 16), card.atr, position, row.number)
        for position, (row, card) in enumerate(zip(good, read, strict=True))
    ]
    return files, cards


def _script(job: Job, store: KeyStore, order: CardOrder) -> bytes:
    """One line: the plan of a card as a script for a personalisation machine."""
    from issuance.plan import make_plan
    from issuance.plan.script import plan_document

    data = prepare(job.profile(), store, order.holder, algorithm=job.algorithm, serial=order.serial)
    plan = make_plan(data, transport_key=_TRANSPORT_KEY)
    return json.dumps(plan_document(plan), ensure_ascii=False).encode() + b"\n"
