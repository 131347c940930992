# SPDX-License-Identifier: Apache-2.0
"""Persons of the card services, what proves them, and their insurance records.

What tells who a person is (name, identity number, telephone, address) stands in a version, and
enciphered: under a key of the person's own, which lies in ``service_person_key`` under that of
the key file. Without a person's key nobody reads any version again: so a person is erased and
nothing append-only is changed. A person is found by keyed digests in ``service_person_index``.
Money and cards are the ledger's own: ``psn_no`` leads to them.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole

for _name in ("service_person_id", "service_record_id"):  # PostgreSQL counts by them
    sa.Sequence(_name, metadata=metadata)

person: Final = append_only(
    sa.Table(
        "service_person",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("psn_no", sa.String(30), nullable=False, unique=True),
        sa.Column("division", sa.String(6), nullable=False),
        whole("since"),
    )
)
"""A person by the number at the centre; ``since`` is YYYYMMDDhhmmss as a number."""

person_key: Final = sa.Table(
    "service_person_key",
    metadata,
    sa.Column("person", BigNumber, sa.ForeignKey(person.c.id), primary_key=True,
              autoincrement=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
"""Deleted when a person is erased."""

person_index: Final = sa.Table(
    "service_person_index",
    metadata,
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("digest", sa.LargeBinary(16), primary_key=True),
    sa.Column("person", BigNumber, sa.ForeignKey(person.c.id), nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""Keyed digests: ``identity`` finds one person."""

person_version: Final = append_only(
    sa.Table(
        "service_person_version",
        metadata,
        sa.Column("person", BigNumber, sa.ForeignKey(person.c.id), primary_key=True,
                  autoincrement=False),
        whole("number", key=True),
        whole("since"),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
)  # fmt: skip
"""What is known of a person from ``since`` on; the last one holds. ``cause`` is the operation."""

credential: Final = append_only(
    sa.Table(
        "service_credential",
        metadata,
        sa.Column("person", BigNumber, sa.ForeignKey(person.c.id), primary_key=True,
                  autoincrement=False),
        sa.Column("kind", sa.String(10), primary_key=True),
        whole("number", key=True),
        sa.Column("hash", sa.String(200), nullable=False),
        sa.Column("initial", sa.Boolean, nullable=False),
        whole("since"),
    )
)  # fmt: skip
"""Query and e-card passwords as argon2id hashes; the last one of a kind holds. An ``initial``
one proves nothing."""

record: Final = append_only(
    sa.Table(
        "service_record",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("person", BigNumber, sa.ForeignKey(person.c.id), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("key", sa.String(60), nullable=False),
        whole("version"),
        whole("period"),
        sa.Column("content", sa.Text, nullable=False),
        sa.UniqueConstraint("person", "kind", "key", "version"),
        sa.Index(None, "person", "kind", "period"),
    )
)
"""Insurance data of a person: ``content`` is the JSON of a model of the kind, ``period`` YYYYMM
or YYYY of it, 0 for none. A later version of a key takes the place of the one before."""
