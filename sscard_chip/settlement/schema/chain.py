# SPDX-License-Identifier: Apache-2.0
"""The chain of digests over what is posted: a link, called an anchor, at the end of each run.

A sale takes no part in it, so it has nothing that all sales would wait for: an anchor covers, in
the order of their numbers, the sealed entries that no anchor before it has covered. Which ones
these are is kept, since on PostgreSQL a smaller number may be committed later than a greater one.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import (
    append_only,
    metadata,
    on_postgresql,
    on_sqlite,
    whole,
)

anchor: Final = append_only(
    sa.Table(
        "anchor",
        metadata,
        whole("number", key=True),
        whole("entries"),
        whole("last_entry"),
        sa.Column("covered", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("made_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    )
)
"""``entries`` are how many it covers, ``last_entry`` the greatest number that any has covered up
to it; ``covered`` has first and last number of each run of numbers, eight bytes each, rising.
``digest`` is SHA-256 of the digest before and of these entries with their lines."""

_NEXT: Final = "NEW.number <> coalesce((SELECT max(number) FROM anchor), 0) + 1"
_RULE: Final = "ledger: anchors follow each other"
on_sqlite(
    anchor,
    f"""CREATE TRIGGER anchor_follows BEFORE INSERT ON anchor WHEN {_NEXT} BEGIN
        SELECT RAISE(ABORT, '{_RULE}');
    END""",
)
on_postgresql(
    anchor,
    f"""CREATE FUNCTION anchor_follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF {_NEXT} THEN
            RAISE EXCEPTION '{_RULE}' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER anchor_follows BEFORE INSERT ON anchor
        FOR EACH ROW EXECUTE FUNCTION anchor_follows()""",
)
