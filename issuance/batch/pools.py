# SPDX-License-Identifier: Apache-2.0
"""Who makes the chunks: this process, worker processes of this machine, a Dask cluster.

Each is a function from tasks to results, which come in their order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from issuance.batch.errors import BatchStoppedError
from issuance.batch.job import ChunkTask
from issuance.batch.work import ChunkResult, make_chunk, set_passphrases
from sscard_chip import workers
from sscard_chip.standard.errors import require
from sscard_chip.workers import ClusterAccess

ChunkPool = Callable[[Iterator[ChunkTask]], Iterator[ChunkResult]]

PASSPHRASE_VARIABLE: Final = "SSCARD_PASSPHRASE"
BANK_PASSPHRASE_VARIABLE: Final = "SSCARD_BANK_PASSPHRASE"
TRANSPORT_PASSPHRASE_VARIABLE: Final = "SSCARD_TRANSPORT_PASSPHRASE"


class _Processes(workers.Processes):
    stopped = BatchStoppedError
    modules = ("issuance.batch.work",)


class _Cluster(workers.Cluster):
    stopped = BatchStoppedError


def single_process(
    passphrase: str | None,
    bank_passphrase: str | None = None,
    transport_passphrase: str | None = None,
) -> ChunkPool:
    """This process does everything."""

    def results(tasks: Iterator[ChunkTask]) -> Iterator[ChunkResult]:
        set_passphrases(passphrase, bank_passphrase, transport_passphrase)
        yield from map(make_chunk, tasks)

    return results


def processes(
    count: int,
    passphrase: str | None,
    bank_passphrase: str | None = None,
    transport_passphrase: str | None = None,
) -> ChunkPool:
    """Worker processes; they end with this one, however it ends."""

    def results(tasks: Iterator[ChunkTask]) -> Iterator[ChunkResult]:
        begin = partial(set_passphrases, passphrase, bank_passphrase, transport_passphrase)
        with _Processes(count, begin) as pool:
            yield from pool.map(make_chunk, tasks)

    return results


def cluster(access: ClusterAccess | str) -> ChunkPool:
    """The workers of a Dask cluster; an address alone stands for an access without TLS.

    :raises ClusterAddressError: for a way to another machine that is not secured.
    :raises ExtraMissingError: without the extra ``cluster``.
    """
    if isinstance(access, str):
        access = ClusterAccess(access)
    access = access.checked()
    require("cluster", "--cluster", "distributed")

    def results(tasks: Iterator[ChunkTask]) -> Iterator[ChunkResult]:
        with _Cluster(access) as pool:
            yield from pool.map(make_chunk_on_cluster, tasks)

    return results


def make_chunk_on_cluster(task: ChunkTask) -> ChunkResult:
    """What a worker of a cluster does: the passphrases are those of its own environment.

    It may not see the batch's folder, so all that it makes is sent back.
    """
    environment = os.environ.get
    set_passphrases(
        environment(PASSPHRASE_VARIABLE),
        environment(BANK_PASSPHRASE_VARIABLE),
        environment(TRANSPORT_PASSPHRASE_VARIABLE),
    )
    return make_chunk(replace(task, out=""))
