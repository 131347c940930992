# SPDX-License-Identifier: Apache-2.0
"""Filings of treatment in another place, with how they ended."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.services import filing, filing_end
from sscard_service.store.persons import Person
from sscard_service.store.secrets import PersonKey

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True, repr=False)
class TreatmentFiling:
    """A filing: ``ends`` is its last day, empty while none is known, ``withdrawn`` as if never;
    ``ended`` by hand before its time."""

    id: int
    number: str
    kind: str
    division: str
    begins: str
    ends: str
    withdrawn: bool
    ended: bool
    time: str
    sealed: bytes

    def details(self, key: PersonKey) -> dict[str, Any]:
        """All that was filed."""
        found: dict[str, Any] = key.open(f"filing:{self.number}", self.sealed)
        return found

    def meets(self, begins: str, ends: str) -> bool:
        """Whether it holds on a day from ``begins`` to ``ends`` (empty: for good)."""
        return (
            not self.withdrawn
            and (not self.ends or self.ends >= begins)
            and (not ends or self.begins <= ends)
        )


def add_filing(
    t: LedgerTransaction,
    person: Person,
    kind: str,
    division: str,
    begins: str,
    ends: str,
    details: Mapping[str, Any],
    time: str,
) -> str:
    """Keep a filing; its number, trt_dcla_detl_sn."""
    number = "".join(random.choice(_ALPHABET) for _ in range(20))
    t.connection.execute(
        sa.insert(filing).values(
            id=int(t.take_ids(filing, 1)[0]), number=number, person=person.id, kind=kind,
            division=division, begins=begins, ends=ends or None, time=int(time),
            sealed=person.key.seal(f"filing:{number}", dict(details)),
        )
    )  # fmt: skip
    return number


def end_filing(t: LedgerTransaction, number: int, ends: str, time: str, memo: str) -> None:
    """End a filing with a last day; an empty one withdraws it whole."""
    t.connection.execute(
        sa.insert(filing_end).values(filing=number, ends=ends, time=int(time), memo=memo)
    )


def filings_of(t: LedgerTransaction, person: int) -> list[TreatmentFiling]:
    """All filings of a person, oldest first."""
    rows = t.connection.execute(
        sa.select(filing, filing_end.c.ends.label("ended"))
        .join_from(filing, filing_end, filing_end.c.filing == filing.c.id, isouter=True)
        .where(filing.c.person == person)
        .order_by(filing.c.id)
    )
    return [
        TreatmentFiling(
            int(one.id), one.number, one.kind, one.division, one.begins,
            one.ended or one.ends or "", one.ended == "", bool(one.ended),
            f"{one.time:014d}", bytes(one.sealed),
        )
        for one in rows
    ]  # fmt: skip
