# SPDX-License-Identifier: Apache-2.0
"""A batch from beginning to end: start, go on after whatever stopped it, finish.

One process owns the folder and its ledger, draws rows, hands out serials and writes files. The
order for each chunk is: what the issuer ledger gives, the chunk's files (each written beside its
place, synced, renamed), the commit in the batch ledger. Stopped between two of these, the chunk
is made again with the same serials, and its files replace those that may be there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from issuance.batch.barcode import write_barcodes
from issuance.batch.clerks import encode_rows, write_table
from issuance.batch.errors import BatchError, BatchStoppedError
from issuance.batch.job import (
    BARCODES,
    DATA,
    IMAGES,
    ChunkTask,
    Job,
    check_bank_columns,
    check_certificate_columns,
    check_job,
    check_transport_columns,
    output_path,
)
from issuance.batch.ledger import (
    ISSUER_LEDGER,
    BatchLedger,
    ChunkCount,
    IssuerLedger,
)
from issuance.batch.pools import ChunkPool
from issuance.batch.returnfile import (
    PRINT_COLUMNS,
    REJECT_COLUMNS,
    RETURN_COLUMNS,
)
from issuance.batch.status import (
    FINISHED,
    RUNNING,
    VOID,
    batch_facts,
    has_batch,
    is_unused,
    summary_of,
)
from issuance.batch.status import BatchSummary as BatchSummary
from issuance.batch.status import batch_status as batch_status
from issuance.batch.status import job_of as job_of
from issuance.batch.tasks import TaskSource, opened_table
from issuance.batch.work import RETURN, ChunkResult
from issuance.holders.mapping import HolderMapping, parse_mapping
from issuance.holders.rows import check_columns
from issuance.privatefile import write_private
from issuance.region import load_region
from sscard_chip.profile import for_generation
from sscard_chip.security.keystore import KeyStoreError

CHUNK: Final = 1000
"""Holders of a chunk: one container, one task of a worker, one commit."""

RETURN_FILE: Final = "return.csv"
REJECTS_FILE: Final = "rejects.csv"
PRINT_FILE: Final = "print.csv"

_PREFIX: Final = re.compile("[A-Z][0-9A-Z]{0,6}")
_BLOCK: Final = 1 << 20
_BEGUN: Final = "has a batch already; sscard batch resume goes on with it"


BatchProgress = Callable[[BatchSummary], None]


def start(
    folder: Path,
    *,
    generation: int,
    keys: str,
    holders: Path,
    algorithm: str | None = None,
    outputs: tuple[str, ...] = (IMAGES, DATA),
    mapping: Path | None = None,
    region: Path | None = None,
    ledger: Path | None = None,
    encoding: str = "utf-8",
    tables: str = "csv",
    chunk: int = CHUNK,
    today: date | None = None,
    number_prefix: str = "",
    max_rejects: int | None = None,
    bank_keys: str = "",
    bank_authority: Path | None = None,
    transport_keys: str = "",
    only_check: bool = False,
) -> None:
    """Lay down a batch in a new or empty folder; :func:`work` does it.

    ``ledger`` is the issuer's, by default ``issuer.sqlite`` beside the folder. With a
    ``number_prefix``, a capital letter and up to 6 digits or capital letters, rows without a card
    number (卡号) are given the next that begins so. ``max_rejects`` is for
    :attr:`BatchSummary.fault`. Columns of bank accounts need ``bank_keys``, those of
    transport applications ``transport_keys``, but for a batch of which ``only_check`` says that
    nothing will be made.

    :raises BatchError:
    :raises HolderListError:
    :raises RegionError:
    :raises BatchStoppedError:
    :raises OSError:
    """
    if has_batch(folder):
        raise BatchError(f"{folder}: {_BEGUN}")
    if folder.exists() and not (folder.is_dir() and is_unused(folder)):
        raise BatchError(f"{folder}: must be a new or empty folder")
    if number_prefix and not _PREFIX.fullmatch(number_prefix):
        raise BatchError("card numbers begin with a capital letter and up to 6 digits or capitals")
    if region:
        load_region(region)  # says what is wrong in a file that is no text at all
    mapping_text = mapping.read_bytes() if mapping else b""
    columns_of = parse_mapping(mapping_text, str(mapping)) if mapping else HolderMapping()
    with opened_table(holders, columns_of, assigned=bool(number_prefix)) as (table, columns):
        source = table.source
    job = Job(
        batch=os.urandom(8).hex().upper(),
        generation=generation,
        algorithm=algorithm or for_generation(generation).algorithms[0],
        keys=_place(keys),
        folder=str(holders.absolute().parent),
        today=(today or date.today()).isoformat(),
        outputs=outputs,
        encoding=encoding,
        tables=tables,
        with_account=columns.with_account,
        region=region.read_text(encoding="utf-8") if region else "",
        region_source=str(region) if region else "",
        bank_keys=_place(bank_keys) if bank_keys else "",
        bank_authority=str(bank_authority.absolute()) if bank_authority else "",
        transport_keys=_place(transport_keys) if transport_keys else "",
    )
    check_job(job)
    check_columns(columns, job.profile(), source)
    if not only_check:
        check_bank_columns(job, columns, source)
        check_transport_columns(job, columns, source)
        check_certificate_columns(job, columns)
    digest, total = _measure(holders)
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = {
        "job": job.facts(),
        "holders": str(holders.absolute()),
        "source": source,
        "digest": digest,
        "total": total,
        "mapping": mapping_text.decode(),
        "issuer_ledger": str((ledger or folder.absolute().parent / ISSUER_LEDGER).absolute()),
        "salt": os.urandom(16).hex(),
        "chunk": chunk,
        "prefix": number_prefix,
        "max_rejects": max_rejects,
        "state": RUNNING,
    }
    with BatchLedger(folder, create=True) as batch_ledger:
        if batch_ledger.facts():
            raise BatchError(f"{folder}: {_BEGUN}")
        batch_ledger.set_facts(facts)


def _place(store: str) -> str:
    """Where a store is, from whatever folder; the address of a token as it is."""
    return store if "pkcs11:" in store else str(Path(store).absolute())


def work(folder: Path, pool: ChunkPool, progress: BatchProgress | None = None) -> BatchSummary:
    """Do all of a batch that is not done, and finish it; nothing when it is finished.

    :raises BatchError:
    :raises HolderListError:
    :raises BatchStoppedError: for what may be better another time: a full disk, a key store that is
        gone, a worker that was killed.
    """
    fault = ""
    try:
        with BatchLedger(folder) as ledger:
            return _Run(folder, ledger, progress).run(pool)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else f"{folder}: "
        fault = f"{where}{error.strerror or 'input/output error'}"
    except KeyStoreError as error:
        fault = str(error)
    raise BatchStoppedError(fault)


def void(folder: Path) -> int:
    """Take back a batch: its card numbers are free again, no card is exported any more.

    Serials stay given out. Files that were made stay too, for whoever has to prove what was done;
    returns the number of card numbers that were given back.

    :raises BatchError:
    :raises BatchStoppedError:
    """
    with BatchLedger(folder) as ledger:
        facts = batch_facts(folder, ledger)
        numbers = Path(facts["issuer_ledger"])
        if not numbers.is_file():
            raise BatchError(f"{numbers}: is missing, the ledger that gave out the card numbers")
        ledger.set_facts({"state": VOID})  # first: nothing more is made from now on
        with IssuerLedger(numbers) as issuer:
            return issuer.give_back(facts["job"]["batch"])


def _measure(path: Path) -> tuple[str, int | None]:
    """Hash of a file, and its lines below the header if it has lines."""
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest(), max(lines - 1, 0) if path.suffix.lower() == ".csv" else None


class _Run:
    """One go at a batch."""

    def __init__(self, folder: Path, ledger: BatchLedger, progress: BatchProgress | None) -> None:
        self._folder = folder
        self._ledger = ledger
        self._progress = progress
        self._facts = batch_facts(folder, ledger)
        self._job = Job.from_facts(self._facts["job"])
        self._done = ledger.done()
        self._under_way: dict[int, tuple[int, int]] = {}

    def run(self, pool: ChunkPool) -> BatchSummary:
        if self._facts["state"] == FINISHED:
            return self._report()
        if self._facts["state"] == VOID:
            raise BatchError(f"{self._folder}: the batch is void")
        holders = Path(self._facts["holders"])
        if _measure(holders)[0] != self._facts["digest"]:
            raise BatchError(f"{holders}: has changed since the batch was started")
        numbers = Path(self._facts["issuer_ledger"])
        if self._done and not numbers.is_file():
            raise BatchError(f"{numbers}: is missing, the ledger that gave out serials and numbers")
        self._prepare_folders()
        text, assigned = self._facts["mapping"], bool(self._facts.get("prefix"))
        mapping = parse_mapping(text.encode(), "mapping") if text else HolderMapping()
        with (
            IssuerLedger(numbers) as issuer,
            opened_table(holders, mapping, assigned=assigned) as (table, columns),
        ):
            out = str(self._folder.absolute())
            source = TaskSource(self._job, self._facts, self._ledger, issuer, out)
            for result in pool(self._noted(source.tasks(table, columns, self._done))):
                self._keep(result)
            issuer.release(self._job.batch, (reject.row for reject in self._ledger.rejects()))
        self._finish()
        return self._report()

    def _noted(self, tasks: Iterator[ChunkTask]) -> Iterator[ChunkTask]:
        """Keeps of each task what counts when its result comes."""
        for task in tasks:
            self._under_way[task.chunk] = task.rows[0][0], len(task.rows)
            yield task

    def _report(self) -> BatchSummary:
        summary = summary_of(self._folder, self._facts, self._done)
        if self._progress:
            self._progress(summary)
        return summary

    def _prepare_folders(self) -> None:
        """Folders for outputs; what a killed process left half written goes away."""
        for kind in (*self._job.outputs, RETURN):
            (self._folder / kind).mkdir(mode=0o700, exist_ok=True)
        self._clear_leftovers()

    def _clear_leftovers(self) -> None:
        for kind in self._job.outputs:
            for left in (self._folder / kind).glob(".*"):
                left.unlink(missing_ok=True)

    def _keep(self, result: ChunkResult) -> None:
        """Put the files of a chunk in their places, then make it count."""
        for kind, content in result.files.items():
            write_private(output_path(self._folder, kind, result.chunk), content)
        for kind, name in result.written.items():
            path = output_path(self._folder, kind, result.chunk)
            os.replace(name, path)
            _sync(path.parent)
        first, holders = self._under_way.pop(result.chunk)
        cards = len(result.cards)
        count = ChunkCount(first, holders, cards, holders - cards, result.seconds)
        self._ledger.finish_chunk(result.chunk, count, result.cards, result.rejects)
        self._done[result.chunk] = count
        self._report()

    def _finish(self) -> None:
        """Join the lines of the chunks; the batch is finished when all that is in place."""
        encoding, tables = self._job.encoding, self._job.tables
        rejects = (
            encode_rows([reject], encoding, tables=tables) for reject in self._ledger.rejects()
        )
        files: dict[str, tuple[tuple[str, ...], Iterator[bytes]]] = {
            RETURN_FILE: (RETURN_COLUMNS, self._parts(RETURN)),
            REJECTS_FILE: (REJECT_COLUMNS, rejects),
        }
        if DATA in self._job.outputs:
            files[PRINT_FILE] = PRINT_COLUMNS, self._parts(DATA)
        for name, (columns, parts) in files.items():
            write_table(self._folder / name, columns, parts, encoding, tables=tables)
        if BARCODES in self._job.outputs:
            write_barcodes(self._folder / BARCODES, self._ledger.card_numbers())
        self._clear_leftovers()
        _sync(self._folder)
        self._facts["state"] = FINISHED
        self._ledger.set_facts({"state": FINISHED})
        for kind in (RETURN, DATA):
            shutil.rmtree(self._folder / kind, ignore_errors=True)

    def _parts(self, kind: str) -> Iterator[bytes]:
        """The lines of all chunks, chunk by chunk."""
        for chunk in sorted(self._done):
            path = output_path(self._folder, kind, chunk)
            if path.exists():
                yield path.read_bytes()


def _sync(folder: Path) -> None:
    """Have a folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
