# SPDX-License-Identifier: Apache-2.0
"""The tables of a ledger, all of them: importing this package names them on :data:`metadata`.

:mod:`.books` are accounts, entries and cards, :mod:`.authorisation` on-line settlements,
:mod:`.chain` anchors,
:mod:`.cards` reports, hotlists and loads of cards, :mod:`.credentials` electronic credentials,
:mod:`.ecards` where they are shown,
:mod:`.debits` by what a debit is known,
:mod:`.platform` messages, :mod:`.national` shifts and stock, :mod:`.run` day files,
:mod:`.bills` of contributions,
:mod:`.clearing` claims and appeals, :mod:`.reconciliation` tasks and differences, :mod:`.persons`
and :mod:`.services` what the card services know and do. What the database itself forbids is in
:mod:`.rules`,
:mod:`.versions` knows how older tables become these.
"""

from __future__ import annotations

from sscard_chip.settlement.schema import (
    authorisation,
    bills,
    books,
    cards,
    chain,
    clearing,
    credentials,
    debits,
    ecards,
    national,
    online,
    persons,
    platform,
    reconciliation,
    rules,
    run,
    services,
    transit,
    versions,
)
from sscard_chip.settlement.schema.base import metadata
from sscard_chip.settlement.schema.bounds import bound_amounts, bound_numbers

bound_amounts(metadata)
bound_numbers(metadata)

__all__ = [
    "authorisation",
    "bills",
    "books",
    "cards",
    "chain",
    "clearing",
    "credentials",
    "debits",
    "ecards",
    "metadata",
    "national",
    "online",
    "persons",
    "platform",
    "reconciliation",
    "rules",
    "run",
    "services",
    "transit",
    "versions",
]
