# SPDX-License-Identifier: Apache-2.0
"""From the rows of a table to chunks of work: serials, card numbers, rows that are taken.

What the issuer's ledger gives a chunk it gives again when the chunk asks again.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from issuance.batch.job import ChunkTask, Job
from issuance.batch.ledger import BatchLedger, IssuerLedger
from issuance.holders.mapping import HolderMapping, MappedColumns
from issuance.holders.tables import HolderTable, open_table
from issuance.validity import check_card_number

CARD_NUMBER: Final = "card_number"
_PERSON: Final = "social_security_number"
_EARLIER_ROW: Final = "stands in an earlier row"
_EARLIER_BATCH: Final = "was used in an earlier batch"


@contextmanager
def opened_table(
    path: Path, mapping: HolderMapping, *, assigned: bool = False
) -> Iterator[tuple[HolderTable, MappedColumns]]:
    """An open table with what its columns mean; ``assigned``: it may lack card numbers.

    :raises HolderListError:
    :raises OSError:
    """
    given = (CARD_NUMBER,) if assigned else ()
    with open_table(path, encoding=mapping.encoding, delimiter=mapping.delimiter) as table:
        yield table, table.columns(mapping, given=given)


@dataclass(frozen=True, slots=True)
class TaskSource:
    """Draws the tasks of a batch; ``facts`` are those of its ledger, ``out`` as in ChunkTask."""

    job: Job
    facts: Mapping[str, Any]
    ledger: BatchLedger
    issuer: IssuerLedger
    out: str = ""

    def tasks(
        self, table: HolderTable, columns: MappedColumns, done: Container[int] = ()
    ) -> Iterator[ChunkTask]:
        """The chunks of a table but for those that are ``done``, each as it is asked for.

        :raises HolderListError:
        :raises BatchStoppedError:
        """
        rows, chunk, size = iter(table), 0, self.facts["chunk"]
        while group := list(islice(rows, size)):
            chunk += 1
            if chunk not in done:
                yield self._task(columns, chunk, group)

    def _task(
        self, columns: MappedColumns, chunk: int, group: list[tuple[int, list[str]]]
    ) -> ChunkTask:
        batch, prefix = self.job.batch, self.facts.get("prefix", "")
        numbers = columns.texts(group, CARD_NUMBER)
        without = [row for row, _ in group if row not in numbers]
        numbers = {row: text for row, text in numbers.items() if not check_card_number(text)}
        first, owners = self.issuer.claim(batch, chunk, len(group), numbers)
        assigned = self.issuer.assign(batch, chunk, prefix, without) if prefix else {}
        taken: dict[int, list[tuple[str, str]]] = {}
        for row, owner in owners.items():
            rule = _EARLIER_ROW if owner == batch else _EARLIER_BATCH
            taken.setdefault(row, []).append((CARD_NUMBER, rule))
        persons = columns.texts(group, _PERSON)
        for row in self.ledger.known_persons(bytes.fromhex(self.facts["salt"]), persons):
            taken.setdefault(row, []).append((_PERSON, _EARLIER_ROW))
        return ChunkTask(self.job, columns, chunk, first, group, taken, assigned, self.out)
