# SPDX-License-Identifier: Apache-2.0
"""What the card services do and keep: applications, papers, filings, the outbox, the audit.

What was done is append-only, as the books are. What lives for hours or days only (sessions,
attempts, requests, nonces) or moves (the outbox) is not, and is cleared by its age.
Times are YYYYMMDDhhmmss as numbers, local time.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole
from sscard_chip.settlement.schema.books import card
from sscard_chip.settlement.schema.persons import person

for _name in (
    "service_application_id",
    "service_evidence_id",
    "service_paper_id",
    "service_filing_id",
    "service_outbox_id",
    "service_attempt_id",
):  # PostgreSQL counts by them
    sa.Sequence(_name, metadata=metadata)


def _id() -> sa.Column[int]:
    return sa.Column("id", BigNumber, primary_key=True, autoincrement=False)


def _person(*, key: bool = False, index: bool = False) -> sa.Column[int]:
    return sa.Column("person", BigNumber, sa.ForeignKey(person.c.id), primary_key=key,
                     nullable=False, autoincrement=False, index=index)  # fmt: skip


application: Final = append_only(
    sa.Table(
        "service_application",
        metadata,
        _id(),
        sa.Column("number", sa.String(26), nullable=False, unique=True),
        _person(index=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(12), nullable=False),
        sa.Column("predecessor", BigNumber, sa.ForeignKey(card.c.id)),
        whole("filed"),
        sa.Column("due", sa.String(8), nullable=False),
        sa.Column("provisional", sa.Boolean, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
)
"""An application for a card: ``number`` is its receipt and the number of its voucher, ``due``
the day of collection (``provisional`` where the year's working days are not announced)."""

application_step: Final = append_only(
    sa.Table(
        "service_application_step",
        metadata,
        sa.Column("application", BigNumber, sa.ForeignKey(application.c.id), primary_key=True,
                  autoincrement=False),
        whole("number", key=True),
        sa.Column("state", sa.String(12), nullable=False),
        whole("time"),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("card", BigNumber, sa.ForeignKey(card.c.id)),
    )
)  # fmt: skip
"""States of an application; the last one holds. ``card`` is the new card from when it is made."""

evidence: Final = append_only(
    sa.Table(
        "service_evidence",
        metadata,
        _id(),
        _person(index=True),
        sa.Column("application", BigNumber, sa.ForeignKey(application.c.id)),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        whole("time"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
)
"""Photos and documents that were handed in, enciphered; ``digest`` is that of the content."""

paper: Final = append_only(
    sa.Table(
        "service_paper",
        metadata,
        _id(),
        sa.Column("code", sa.String(26), nullable=False, unique=True),
        _person(index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        whole("time"),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
)
"""A paper that was asked for: ``code`` verifies it, ``sealed`` is what it says."""

paper_print: Final = append_only(
    sa.Table(
        "service_paper_print",
        metadata,
        sa.Column("paper", BigNumber, sa.ForeignKey(paper.c.id), primary_key=True,
                  autoincrement=False),
        whole("number", key=True),
        sa.Column("event", sa.String(12), primary_key=True),
        whole("time"),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), index=True),
    )
)  # fmt: skip
"""What became of each print, counted from 1: ``begun``, ``made`` with the SHA-256 of its file,
``undelivered``. All but the first are copies."""

paper_view: Final = sa.Table(
    "service_paper_view",
    metadata,
    sa.Column("paper", BigNumber, sa.ForeignKey(paper.c.id), primary_key=True,
              autoincrement=False),
    whole("views"),
    whole("last"),
)  # fmt: skip
"""How often a paper was looked up by its code, and when last; counted in its place."""

filing: Final = append_only(
    sa.Table(
        "service_filing",
        metadata,
        _id(),
        sa.Column("number", sa.String(26), nullable=False, unique=True),
        _person(index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("division", sa.String(6), nullable=False),
        sa.Column("begins", sa.String(8), nullable=False),
        sa.Column("ends", sa.String(8)),
        whole("time"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
)
"""异地就医备案: ``division`` is the place of treatment."""

filing_end: Final = append_only(
    sa.Table(
        "service_filing_end",
        metadata,
        sa.Column("filing", BigNumber, sa.ForeignKey(filing.c.id), primary_key=True,
                  autoincrement=False),
        sa.Column("ends", sa.String(8), nullable=False),
        whole("time"),
        sa.Column("memo", sa.String(200), nullable=False),
    )
)  # fmt: skip
"""A filing that was ended: ``ends`` is its last day, or empty where it was withdrawn whole."""

level_choice: Final = append_only(
    sa.Table(
        "service_level_choice",
        metadata,
        _person(key=True),
        whole("number", key=True),
        sa.Column("insurance", sa.String(3), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("month", sa.String(6), nullable=False),
        whole("time"),
    )
)
"""缴费档次 that a flexible worker has chosen from ``month`` on; the last one of a month holds."""

outbox: Final = sa.Table(
    "service_outbox",
    metadata,
    _id(),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("person", BigNumber, sa.ForeignKey(person.c.id)),
    sa.Column("card", BigNumber, sa.ForeignKey(card.c.id)),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    whole("created"),
    sa.Column("state", sa.String(10), nullable=False),
    whole("tries"),
    whole("next_try"),
    whole("changed"),
    sa.Index(None, "state", "next_try"),
)
"""What is to be told: ``hotlist``, ``bank``, ``holder``... The row is written in the transaction
of what it is about; then its state moves from queued to sent, confirmed, failed, given_up."""

session: Final = sa.Table(
    "service_session",
    metadata,
    sa.Column("token", sa.LargeBinary(32), primary_key=True),
    _person(index=True),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("device", sa.String(64), nullable=False),
    whole("level"),
    whole("begun"),
    whole("ends"),
    sqlite_with_rowid=False,
)
"""By the digest of its token. A session that has ended is deleted."""

attempt: Final = sa.Table(
    "service_attempt",
    metadata,
    _id(),
    sa.Column("subject", sa.LargeBinary(16), nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("source", sa.LargeBinary(16), nullable=False),
    whole("time"),
    sa.Column("correct", sa.Boolean, nullable=False),
    sa.Index(None, "subject", "channel", "id"),
    sa.Index(None, "source", "time"),
)
"""Proofs by knowledge, counted before they are checked; ``subject`` and ``source`` are digests,
of persons that exist and of such that do not."""

request: Final = sa.Table(
    "service_request",
    metadata,
    sa.Column("channel", sa.String(20), primary_key=True),
    sa.Column("number", sa.String(64), primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    whole("time"),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Index(None, "time"),
    sqlite_with_rowid=False,
)
"""The first answer to each request that changed something, enciphered."""

code: Final = sa.Table(
    "service_code",
    metadata,
    _person(key=True),
    sa.Column("digest", sa.LargeBinary(16), nullable=False),
    whole("ends"),
    whole("tries"),
    sqlite_with_rowid=False,
)
"""The code that was sent to a person's telephone last; deleted when it is used."""

client: Final = append_only(
    sa.Table(
        "service_client",
        metadata,
        sa.Column("name", sa.String(20), primary_key=True),
        whole("number", key=True),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        whole("since"),
    )
)
"""Programs and clerks that may ask: ``hmac`` has a secret, ``sm2`` a public key, ``clerk`` a
hash of a password. The last row of a name holds."""

nonce: Final = sa.Table(
    "service_nonce",
    metadata,
    sa.Column("channel", sa.String(20), primary_key=True),
    sa.Column("nonce", sa.String(64), primary_key=True),
    whole("time"),
    sa.Index(None, "time"),
    sqlite_with_rowid=False,
)
"""Nonces of signed requests, kept as long as a time of theirs would be taken."""

audit: Final = append_only(
    sa.Table(
        "service_audit",
        metadata,
        whole("chain", key=True),
        whole("number", key=True),
        whole("time"),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        whole("level"),
        sa.Column("subject", sa.LargeBinary(16), nullable=False),
        sa.Column("operation", sa.String(20), nullable=False),
        sa.Column("before", sa.String(40), nullable=False),
        sa.Column("after", sa.String(40), nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Index(None, "subject"),
    )
)
"""Who asked for what, and what came of it; views as well. Each row's ``hash`` is a keyed digest
over the hash before it and the row, so no row is changed, removed or swapped unseen. Several
chains go side by side, for writers do not wait for each other."""

audit_head: Final = sa.Table(
    "service_audit_head",
    metadata,
    whole("chain", key=True),
    whole("number"),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)
"""The last row of each chain."""
