# SPDX-License-Identifier: Apache-2.0
"""What a view needs, of many sessions in one statement: person, cards with states, balances.

Views are most of what is asked. Read step by step, one costs four statements; here many that came
together cost one. Only what is usual is found: a session that has ended or whose person was erased
is not in the answer, and the long way (:mod:`sscard_service.proving`) says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, NamedTuple

from sscard_chip.settlement.ledger import Ledger, LedgerUnavailableError
from sscard_chip.settlement.ledger.card_status import StatusHistory
from sscard_service.store.cards import HeldCard
from sscard_service.store.persons import Person, opened_person
from sscard_service.store.proofs import OpenSession
from sscard_service.store.secrets import ServiceKeys, token_digest

_SEEN: Final = """
SELECT s.token, s.person, s.channel, s.device, s.level, s.ends, p.psn_no, p.division, k.wrapped,
    v.number, v.sealed, c.id, c.card_number, c.card_id_code, c.division, c.valid_to, c.account,
    t.status, t.since, t.until,
    (SELECT CAST(sum(b.fen) AS BIGINT) FROM balance b WHERE b.account = c.account)
FROM service_session s
    JOIN service_person p ON p.id = s.person
    JOIN service_person_key k ON k.person = p.id
    JOIN service_person_version v ON v.person = p.id AND v.number = (
        SELECT max(n.number) FROM service_person_version n WHERE n.person = p.id)
    LEFT JOIN card c ON c.psn_no = p.psn_no
    LEFT JOIN card_status t ON t.card = c.id
WHERE s.token {tokens}
ORDER BY s.token, c.id, t.number"""
_ON_POSTGRESQL: Final = _SEEN.format(tokens="= ANY(%s)")


class _Row(NamedTuple):
    token: bytes
    person: int
    channel: str
    device: str
    level: int
    ends: int
    psn_no: str
    person_division: str
    wrapped: bytes
    version: int
    sealed: bytes
    id: int | None
    card_number: str
    card_id_code: bytes
    division: int
    valid_to: int | None
    account: int
    status: int | None
    since: int
    until: int | None
    fen: int | None


@dataclass(frozen=True, slots=True, repr=False)
class Seen:
    """A session that has not ended, with its person, the cards and the accounts' balances (fen)."""

    session: OpenSession
    person: Person
    cards: list[HeldCard]
    balances: Mapping[int, int]


def see_sessions(
    ledger: Ledger, keys: ServiceKeys, tokens: Sequence[str], time: str
) -> dict[str, Seen]:
    """What there is of the sessions of some tokens at ``time`` (YYYYMMDDhhmmss), by token.

    :raises LedgerError: what the database says.
    """
    asked = {token_digest(one): one for one in tokens}
    found = {}
    rows = map(_Row._make, _rows(ledger, list(asked)))
    for token, own in groupby(rows, key=lambda row: bytes(row.token)):
        seen = _seen(keys, list(own), time)
        if seen is not None:
            found[asked[token]] = seen
    return found


def _rows(ledger: Ledger, tokens: list[bytes]) -> Sequence[Sequence[Any]]:
    if not ledger.database.is_sqlite:
        try:
            return _single(ledger, tokens)
        except LedgerUnavailableError:  # a connection of before the server was started anew
            return _single(ledger, tokens)
    statement = _SEEN.format(tokens=f"IN ({', '.join('?' * len(tokens))})")
    with ledger.reading() as t:
        return t.connection.exec_driver_sql(statement, tuple(tokens)).all()


def _single(ledger: Ledger, tokens: list[bytes]) -> Sequence[Sequence[Any]]:
    with ledger.database.single.connection() as single:
        return single.rows(_ON_POSTGRESQL, (tokens,))


def _seen(keys: ServiceKeys, rows: list[_Row], time: str) -> Seen | None:
    first, now = rows[0], int(time)
    if first.ends <= now:
        return None
    session = OpenSession(
        first.person, first.channel, first.device, first.level, f"{first.ends:014d}"
    )
    person = opened_person(
        keys, first.person, first.psn_no, first.person_division, bytes(first.wrapped),
        first.version, bytes(first.sealed),
    )  # fmt: skip
    cards, balances = [], {}
    for number, changes in groupby(rows, key=lambda row: row.id):
        if number is None:
            continue
        own = list(changes)
        history = StatusHistory(number, [one for one in own if one.status is not None])
        one = own[0]
        cards.append(HeldCard.of_row(one, history.status(time)))
        balances[one.account] = one.fen or 0
    return Seen(session, person, cards, balances)
