# SPDX-License-Identifier: Apache-2.0
"""Bills (缴费单) of contributions, and how they ended."""

from __future__ import annotations

import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.bills import bill, bill_end
from sscard_service.store.persons import Person
from sscard_service.store.secrets import PersonKey

OPEN: Final = "open"
PAID: Final = "paid"
WITHDRAWN: Final = "withdrawn"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True, repr=False)
class ContributionBill:
    """A bill of months; ``state`` is open, paid or withdrawn. Its lines are sealed."""

    id: int
    number: str
    person: int
    first: str
    last: str
    way: str
    fen: int
    time: str
    state: str
    sealed: bytes

    def lines(self, key: PersonKey) -> list[dict[str, Any]]:
        """Its lines: insurance, level, month, base and amount of each."""
        found: list[dict[str, Any]] = key.open(f"bill:{self.number}", self.sealed)
        return found

    def billed(self, key: PersonKey) -> set[tuple[str, str]]:
        """The insurances and months that it holds; none when it was withdrawn."""
        if self.state == WITHDRAWN:
            return set()
        return {(line["insurance"], line["month"]) for line in self.lines(key)}


def add_bill(
    t: LedgerTransaction,
    person: Person,
    first: str,
    last: str,
    way: str,
    lines: Sequence[dict[str, Any]],
    time: str,
) -> str:
    """Keep a bill; its number."""
    number = "".join(random.choice(_ALPHABET) for _ in range(16))
    t.connection.execute(
        sa.insert(bill).values(
            id=int(t.take_ids(bill, 1)[0]), number=number, person=person.id, first=first,
            last=last, way=way, fen=sum(one["fen"] for one in lines), time=int(time),
            sealed=person.key.seal(f"bill:{number}", list(lines)),
        )
    )  # fmt: skip
    return number


def end_bill(t: LedgerTransaction, number: int, event: str, time: str, reference: str = "") -> None:
    """A bill was paid or withdrawn."""
    t.connection.execute(
        sa.insert(bill_end).values(bill=number, event=event, time=int(time), reference=reference)
    )


def find_bill(t: LedgerTransaction, number: str) -> ContributionBill | None:
    """The bill with this number, which nobody ends before the transaction does."""
    t.lock_name(f"bill {number}")
    found = _read(t, bill.c.number == number)
    return found[0] if found else None


def bills_of(t: LedgerTransaction, person: int) -> list[ContributionBill]:
    """All bills of a person, oldest first."""
    return _read(t, bill.c.person == person)


def _read(t: LedgerTransaction, where: sa.ColumnElement[bool]) -> list[ContributionBill]:
    rows = t.connection.execute(
        sa.select(bill, bill_end.c.event)
        .join_from(bill, bill_end, bill_end.c.bill == bill.c.id, isouter=True)
        .where(where)
        .order_by(bill.c.id)
    )
    return [
        ContributionBill(
            int(one.id), one.number, int(one.person), one.first, one.last, one.way,
            int(one.fen), f"{one.time:014d}", one.event or OPEN, bytes(one.sealed),
        )
        for one in rows
    ]  # fmt: skip
