# SPDX-License-Identifier: Apache-2.0
"""Electronic cards (电子社保卡) in programs, and the family members that are shown there.

An electronic card has no state of its own: it is a card's, asked with every use.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.schema.base import BigNumber, append_only, metadata, whole
from sscard_chip.settlement.schema.books import card
from sscard_chip.settlement.schema.persons import person

for _name in ("service_ecard_id", "service_family_id"):  # PostgreSQL counts by them
    sa.Sequence(_name, metadata=metadata)


def _key(column: sa.Column[int]) -> sa.ForeignKey:
    return sa.ForeignKey(column)


ecard: Final = append_only(
    sa.Table(
        "service_ecard",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("person", BigNumber, _key(person.c.id), nullable=False, index=True),
        sa.Column("card", BigNumber, _key(card.c.id), nullable=False),
        sa.Column("program", sa.String(64), nullable=False),
        whole("level"),
        whole("time"),
    )
)
"""A card that a program shows: ``level`` 1 for enquiries, 2 with the bank account."""

ecard_end: Final = append_only(
    sa.Table(
        "service_ecard_end",
        metadata,
        sa.Column("ecard", BigNumber, _key(ecard.c.id), primary_key=True, autoincrement=False),
        whole("time"),
    )
)
"""An electronic card that was unlinked, or issued anew."""

family: Final = append_only(
    sa.Table(
        "service_family",
        metadata,
        sa.Column("id", BigNumber, primary_key=True, autoincrement=False),
        sa.Column("person", BigNumber, _key(person.c.id), nullable=False, index=True),
        sa.Column("member", BigNumber, _key(person.c.id), nullable=False, index=True),
        sa.Column("relation", sa.String(10), nullable=False),
        whole("time"),
    )
)
"""A family member whose card a person shows: elder, child, spouse, other."""

family_end: Final = append_only(
    sa.Table(
        "service_family_end",
        metadata,
        sa.Column("family", BigNumber, _key(family.c.id), primary_key=True, autoincrement=False),
        whole("time"),
    )
)
"""A family member who is shown no more."""
