# SPDX-License-Identifier: Apache-2.0
"""What all chunks of a batch have in common, in a form that a worker process can be sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from issuance.batch.clerks import CSV, ENCODINGS, TABLES, UTF8, check_tables
from issuance.batch.errors import BatchError
from issuance.holders.mapping import MappedColumns
from issuance.region import RegionProfile, parse_region
from sscard_chip.profile import for_generation
from sscard_chip.profile.model import Profile

IMAGES: Final = "images"
SCRIPTS: Final = "scripts"
DATA: Final = "data"
BARCODES: Final = "barcodes"
OUTPUTS: Final = (IMAGES, SCRIPTS, DATA, BARCODES)


@dataclass(frozen=True, slots=True)
class Job:
    """A batch: ``batch`` is its number, ``keys`` the place of the root keys, never a key.

    ``region`` is the text of a region profile, ``today`` the day that dates are judged against.
    ``bank_keys``, ``bank_authority`` and ``transport_keys`` are places too, empty for cards without
    a bank account or a transport application.
    """

    batch: str
    generation: int
    algorithm: str
    keys: str
    folder: str
    today: str
    outputs: tuple[str, ...] = (IMAGES, DATA)
    encoding: str = UTF8
    tables: str = CSV
    with_account: bool = False
    region: str = ""
    region_source: str = ""
    bank_keys: str = ""
    bank_authority: str = ""
    transport_keys: str = ""

    def profile(self) -> Profile:
        """The profile of all cards of the batch.

        :raises RegionError:
        :raises BatchError:
        """
        region = self.region_profile()
        if region is not None:
            return region.profile(self.generation, with_account=self.with_account)
        return for_generation(self.generation, with_account=self.with_account)

    def region_profile(self) -> RegionProfile | None:
        """The region, None for a batch without one.

        :raises RegionError:
        """
        return parse_region(self.region.encode(), self.region_source) if self.region else None

    @property
    def day(self) -> date:
        """``today`` as a date."""
        return date.fromisoformat(self.today)

    def facts(self) -> dict[str, Any]:
        """For the ledger."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Job:
        """From the ledger."""
        return cls(**{**facts, "outputs": tuple(facts["outputs"])})


def check_job(job: Job) -> None:
    """See that cards can be made of a job.

    :raises BatchError:
    :raises RegionError: for a job that no card can be made of.
    """
    profile = job.profile()
    if job.algorithm not in profile.algorithms:
        known = ", ".join(profile.algorithms)
        raise BatchError(f"algorithm: a card of generation {job.generation} knows {known}")
    unknown = set(job.outputs) - set(OUTPUTS)
    if unknown or not job.outputs:
        raise BatchError(f"output: must be of {', '.join(OUTPUTS)}")
    if job.encoding not in ENCODINGS:
        raise BatchError(f"encoding: must be of {', '.join(ENCODINGS)}")
    if job.tables not in TABLES:
        raise BatchError(f"tables: must be of {', '.join(TABLES)}")
    check_tables(job.tables)


def check_bank_columns(job: Job, columns: MappedColumns, source: str) -> None:
    """See that a bank account in a table can come onto the cards.

    :raises BatchError:
    """
    if columns.with_bank and not job.bank_keys:
        raise BatchError(f"{source}: bank.pan: needs the bank's root keys, --bank-keys")
    if job.bank_keys and not columns.with_bank:
        raise BatchError(f"{source}: has no bank account, --bank-keys is for nothing")
    if columns.with_bank and SCRIPTS in job.outputs:
        raise BatchError("output: no command of a script puts a bank application on a card")


def check_transport_columns(job: Job, columns: MappedColumns, source: str) -> None:
    """See that a transport application in a table can come onto the cards.

    :raises BatchError:
    """
    if columns.with_transport and not job.transport_keys:
        needs = "needs the transport issuer's root keys, --transport-keys"
        raise BatchError(f"{source}: transport: {needs}")
    if job.transport_keys and not columns.with_transport:
        raise BatchError(f"{source}: has no transport column, --transport-keys is for nothing")
    if columns.with_transport and SCRIPTS in job.outputs:
        raise BatchError("output: no command of a script puts a transport application on a card")


def check_certificate_columns(job: Job, columns: MappedColumns) -> None:
    """See that a certificate application in a table can come onto the cards.

    :raises BatchError:
    """
    if columns.with_certificates and SCRIPTS in job.outputs:
        rule = "no command of a script puts a certificate application on a card"
        raise BatchError(f"output: {rule}; sscard pki init adds it afterwards")


@dataclass(frozen=True, slots=True, repr=False)
class ChunkTask:
    """One chunk: ``rows`` of the table, serials from ``first_serial`` in their order.

    ``taken`` are rows that cannot be made whatever is in them: column and rule by row; ``assigned``
    card numbers of rows that bring none. ``out`` is
    the folder of the batch, where the worker leaves what it makes, beside its place; empty for one
    that sends it back.
    """

    job: Job
    columns: MappedColumns
    chunk: int
    first_serial: int
    rows: list[tuple[int, list[str]]]
    taken: dict[int, list[tuple[str, str]]]
    assigned: dict[int, str]
    out: str = ""


def output_path(folder: Path, kind: str, chunk: int) -> Path:
    """Where an output of a chunk lies."""
    suffix = {IMAGES: ".sscards", SCRIPTS: ".jsonl", DATA: ".print.csv", "return": ".return.csv"}
    return folder / kind / f"{chunk:06d}{suffix[kind]}"
