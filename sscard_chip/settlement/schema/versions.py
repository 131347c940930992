# SPDX-License-Identifier: Apache-2.0
"""Versions of the tables, and the way from one to the next (Alembic, extra ``settlement``).

A change of a table is a file in ``migrations/versions``, and its number the last one of
:data:`VERSIONS`. It alters tables that are there: which rooms a ledger of 0.1.0 has tables of
depends on what was imported, and those that are missing are created in the end as they are
declared now. The rules (triggers, functions) are all made anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import metadata
from sscard_chip.settlement.schema.creation import create_rules, drop_rules

MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSIONS: Final = ("1", "2")
"""All schema versions, the last one is that of this program."""
UNVERSIONED: Final = "0.1.0"
"""What a ledger is of that names no schema version."""

version: Final = sa.Table(
    "sscard_ledger_version",
    metadata,
    sa.Column("version_num", sa.String(32), primary_key=True),
)
"""The one row is Alembic's: the schema version of this ledger."""


def migrate(connection: sa.Connection) -> None:
    """Bring the tables of a ledger to the last of :data:`VERSIONS`, and create what is missing."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(connection, opts={"version_table": version.name})
    pending = list(script.iterate_revisions("head", context.get_current_revision() or "base"))
    drop_rules(connection)
    with Operations.context(context):
        for revision in reversed(pending):
            revision.module.upgrade()
    metadata.create_all(connection)
    create_rules(connection)
    context.stamp(script, "head")
