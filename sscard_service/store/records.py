# SPDX-License-Identifier: Apache-2.0
"""Insurance records of persons: the last version of each key holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.persons import record


def add_records(
    t: LedgerTransaction, person: int, rows: Sequence[tuple[str, str, int, Mapping[str, Any]]]
) -> int:
    """Keep records (kind, key, period, content) of a person; how many are new or changed."""
    known = {
        (one.kind, one.key): (int(one.version), one.content)
        for one in t.connection.execute(
            sa.select(record).where(record.c.person == person).order_by(record.c.version)
        )
    }
    fresh: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, key, period, content in rows:
        written = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        version, before = known.get((kind, key), (0, None))
        if written != before:
            fresh[kind, key] = {
                "person": person, "kind": kind, "key": key, "version": version + 1,
                "period": period, "content": written,
            }  # fmt: skip
    if fresh:
        ids = t.take_ids(record, len(fresh)).tolist()
        t.connection.execute(
            sa.insert(record),
            [row | {"id": int(one)} for one, row in zip(ids, fresh.values(), strict=True)],
        )
    return len(fresh)


def read_records(
    t: LedgerTransaction, person: int, kind: str, first: int = 0, last: int = 999_999
) -> list[dict[str, Any]]:
    """The contents of a kind with periods from ``first`` to ``last``, by period and key."""
    rows = t.connection.execute(
        sa.select(record.c.key, record.c.version, record.c.period, record.c.content)
        .where(
            record.c.person == person,
            record.c.kind == kind,
            record.c.period.between(first, last),
        )
        .order_by(record.c.period, record.c.key, record.c.version)
    )
    newest = {row.key: row.content for row in rows}
    return [json.loads(content) for content in newest.values()]
