# SPDX-License-Identifier: Apache-2.0
"""A chunk of holders becomes containers and lines: what a worker does, here or elsewhere.

A worker opens the root keys itself, at the place that the job names and with the passphrase of
its own environment; keys are not sent to it. What it makes it leaves beside its place in the folder
of the batch, or sends it back where it does not see that; the one process that owns the ledger
puts it in place.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from issuance.batch.banking import (
    add_applications,
    authority_of,
    bank_findings,
    bank_of,
    transport_of,
)
from issuance.batch.cards import CardOrder, Patches, make_cards
from issuance.batch.clerks import encode_rows
from issuance.batch.container import Container, encode_container
from issuance.batch.job import DATA, IMAGES, SCRIPTS, ChunkTask, Job, output_path
from issuance.batch.ledger import MadeCard, Reject
from issuance.batch.returnfile import failed_row, print_row, read_back, return_row
from issuance.batch.template import Template, template_of
from issuance.holders.mapping import BANK_ACCOUNT
from issuance.holders.rows import CheckedRow, RowReader
from issuance.personalise import SERIAL_LENGTH, prepare
from issuance.stores import Passphrase, WorkingKeys, open_store
from sscard_chip.security.keystore import KeyStore
from sscard_chip.wholefile import staged_file

RETURN: Final = "return"

_TRANSPORT_KEY: Final = bytes(16)


@dataclass(frozen=True, slots=True, repr=False)
class ChunkResult:
    """``files`` are the contents of output files by kind, ``written`` names of files for them."""

    chunk: int
    files: dict[str, bytes]
    written: dict[str, str]
    cards: list[MadeCard]
    rejects: list[Reject]
    seconds: float


_STORES: dict[str, WorkingKeys] = {}
_PASSPHRASES: list[Passphrase] = [None, None, None]


def set_passphrases(
    passphrase: Passphrase, bank: Passphrase = None, transport: Passphrase = None
) -> None:
    """What opens the root keys in this process, those of the bank, of the transport issuer."""
    _PASSPHRASES[:] = passphrase, bank, transport


def store_of(location: str) -> WorkingKeys:
    """The root keys at a place, opened once in a process.

    :raises KeyStoreError:
    """
    if location not in _STORES:
        _STORES[location] = WorkingKeys(open_store(location, _PASSPHRASES[0]))
    return _STORES[location]


def make_chunk(task: ChunkTask) -> ChunkResult:
    """Check the rows of a chunk and make the cards of those that are right.

    :raises KeyStoreError: when the root keys cannot be used.
    """
    started = time.process_time()
    job = task.job
    checked = check_rows(task)
    good = [row for row in checked if row.holder is not None and row.number not in task.taken]
    template = template_of(job.profile(), job.algorithm)
    store = store_of(job.keys)
    made = _make(task, template, store, good) if good else _Made(b"", [], {}, {})
    reasons = {row.number: _reasons(task, row) + made.faults.get(row.number, []) for row in checked}
    files, cards = _outputs(task, template, made, checked, reasons)
    if made.image and IMAGES in job.outputs:
        files[IMAGES] = made.image
    if made.rows and SCRIPTS in job.outputs:
        files[SCRIPTS] = _scripts(job, store, _orders(task, made.rows))
    rejects = [
        Reject(number, column, rule)
        for number, broken in reasons.items()
        for column, rule in broken
    ]
    written = {}
    if task.out:
        for kind, content in files.items():
            path = output_path(Path(task.out), kind, task.chunk)
            written[kind] = staged_file(path, content)
        files = {}
    seconds = time.process_time() - started
    return ChunkResult(task.chunk, files, written, cards, rejects, seconds)


def check_chunk(task: ChunkTask) -> list[Reject]:
    """All broken rules of the rows of a chunk; nothing is made."""
    return [
        Reject(row.number, column, rule)
        for row in check_rows(task)
        for column, rule in _reasons(task, row)
    ]


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
    assigned = task.assigned
    rows = [reader.read(number, cells, assigned.get(number, "")) for number, cells in task.rows]
    if not task.columns.with_bank:
        return rows
    authority = authority_of(job)
    return [
        row.refused(bank_findings(authority, row.holder)) if row.holder else row for row in rows
    ]


@dataclass(frozen=True, slots=True, repr=False)
class _Made:
    """A container, its rows in their order, PANs and what else came up, both by row."""

    image: bytes
    rows: list[CheckedRow]
    pans: dict[int, str]
    faults: dict[int, list[tuple[str, str]]]


def _orders(task: ChunkTask, rows: list[CheckedRow]) -> list[CardOrder]:
    serials = {
        number: (task.first_serial + place).to_bytes(SERIAL_LENGTH)
        for place, (number, _) in enumerate(task.rows)
    }
    return [
        CardOrder(row.holder, serials[row.number], row.files)
        for row in rows
        if row.holder is not None
    ]


def _make(task: ChunkTask, template: Template, store: KeyStore, rows: list[CheckedRow]) -> _Made:
    """The cards of rows that are right; a further application may still be impossible."""
    orders = _orders(task, rows)
    patches = make_cards(template, store, orders)
    columns = task.columns
    if not (columns.with_bank or columns.with_transport or columns.with_certificates):
        return _Made(encode_container(template, patches), rows, {}, {})
    bank = bank_of(task.job, _PASSPHRASES[1]) if columns.with_bank else None
    transport = transport_of(task.job, _PASSPHRASES[2]) if columns.with_transport else None
    banked = add_applications(template, patches, orders, bank, transport)
    kept = [index for index in range(len(rows)) if index not in banked.faults]
    left = Patches(banked.patches.spans, [banked.patches.rows[index] for index in kept])
    return _Made(
        encode_container(template, left) if kept else b"",
        [rows[index] for index in kept],
        {rows[index].number: pan for index, pan in banked.pans.items()},
        {rows[index].number: [(one.item, one.rule)] for index, one in banked.faults.items()},
    )


def _reasons(task: ChunkTask, row: CheckedRow) -> list[tuple[str, str]]:
    own = [(problem.item, problem.rule) for problem in row.problems]
    return own + task.taken.get(row.number, [])


def _outputs(
    task: ChunkTask,
    template: Template,
    made: _Made,
    checked: list[CheckedRow],
    reasons: dict[int, list[tuple[str, str]]],
) -> tuple[dict[str, bytes], list[MadeCard]]:
    """Lines of the return file in the order of the rows, printing data, the list of cards."""
    job = task.job
    read = read_back(template, Container(made.image)) if made.image else []
    cards = {row.number: card for row, card in zip(made.rows, read, strict=True)}
    lines = []
    for row in checked:
        number, card = row.number, cards.get(row.number)
        if card is None:
            given = {} if number in task.assigned else row.given
            line = failed_row(given, reasons[number], row=number, batch=job.batch)
        else:
            account = made.pans.get(number) or row.given.get(BANK_ACCOUNT, "")
            line = return_row(card, row=number, batch=job.batch, bank_account=account)
        lines.append(line)
    files = {RETURN: encode_rows(lines, job.encoding, tables=job.tables)}
    if DATA in job.outputs:
        printed = [print_row(cards[row.number], row.given) for row in made.rows]
        files[DATA] = encode_rows(printed, job.encoding, tables=job.tables)
    listed = [
        (card.card_number, int(card.historical[-8:], 16), card.atr, position, row.number)
        for position, (row, card) in enumerate(zip(made.rows, read, strict=True))
    ]
    return files, listed


def _scripts(job: Job, store: KeyStore, orders: Sequence[CardOrder]) -> bytes:
    """The plans of cards as scripts for a personalisation machine."""
    from issuance.plan import make_plan
    from issuance.plan.batchscript import encode_scripts
    from issuance.plan.script import plan_document

    profile = job.profile()

    def documents() -> Iterator[dict[str, object]]:
        for order in orders:
            data = prepare(
                profile, store, order.holder, algorithm=job.algorithm, serial=order.serial
            )
            yield plan_document(make_plan(data, transport_key=_TRANSPORT_KEY))

    return encode_scripts(documents())
