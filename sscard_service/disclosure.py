# SPDX-License-Identifier: Apache-2.0
"""What the service keeps of one person, for that person; and forgetting it.

Both are in the audit. An export has everything readable but photos and documents, of which it has
kinds and digests. Erasing deletes the person's own key: all that is enciphered under it is
readable to nobody from then on, in every copy of the database that comes later.
"""

from __future__ import annotations

import secrets as random
from typing import Any

import msgspec
import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardStatus, LedgerTransaction
from sscard_chip.settlement.schema.services import evidence
from sscard_chip.standard.dates import TIME
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.records import KINDS
from sscard_service.store.applications import applications_of
from sscard_service.store.audit import AuditEntry, append_audit
from sscard_service.store.bills import bills_of
from sscard_service.store.cards import cards_of
from sscard_service.store.filings import filings_of
from sscard_service.store.levels import choices_of
from sscard_service.store.papers import papers_of
from sscard_service.store.persons import Person, erase_person, find_person, normal_identity
from sscard_service.store.proofs import close_sessions
from sscard_service.store.records import read_records


def export_person(centre: ServiceCentre, identity: str) -> dict[str, Any]:
    """All of a person as a JSON document.

    :raises ServiceRefusedError: NO_PERSON.
    """

    def work(t: LedgerTransaction) -> dict[str, Any]:
        person = _require(t, centre, identity)
        time = centre.now().strftime(TIME)
        _audit(t, centre, person, "export")
        handed_in = sa.select(evidence).where(evidence.c.person == person.id)
        return {
            "format": "sscard-person-export/1",
            "time": time,
            "psn_no": person.psn_no,
            "division": person.division,
            "data": msgspec.to_builtins(person.data),
            "cards": [
                {"card_number": one.card_number, "status": int(one.status)}
                for one in cards_of(t, person.psn_no, time)
            ],
            "records": {kind: read_records(t, person.id, kind) for kind in KINDS},
            "applications": [
                {"receipt": one.number, "kind": one.kind, "reason": one.reason,
                 "state": str(one.state), "filed": one.filed, "details": one.details(person.key)}
                for one in applications_of(t, person.id)
            ],
            "filings": [
                one.details(person.key) | {"trt_dcla_detl_sn": one.number, "enddate": one.ends}
                for one in filings_of(t, person.id)
            ],
            "levels": [
                {"insurance": one.insurance, "level": one.level, "month": one.month}
                for one in choices_of(t, person.id)
            ],
            "bills": [
                {"bill": one.number, "first": one.first, "last": one.last, "way": one.way,
                 "fen": one.fen, "state": one.state, "lines": one.lines(person.key)}
                for one in bills_of(t, person.id)
            ],
            "papers": [
                {"code": one.code, "kind": one.kind, "time": one.time,
                 "says": one.content(person.key)}
                for one in papers_of(t, person.id)
            ],
            "documents": [
                {"kind": one.kind, "time": f"{one.time:014d}",
                 "sha256": bytes(one.digest).hex().upper()}
                for one in t.connection.execute(handed_in)
            ],
        }  # fmt: skip

    return centre.ledger.run(work)


def erase(centre: ServiceCentre, identity: str) -> None:
    """Forget a person who has no card in use and no application running.

    :raises ServiceRefusedError: NO_PERSON; STATE: a card is in use; RUNNING.
    """

    def work(t: LedgerTransaction) -> None:
        person = _require(t, centre, identity)
        time = centre.now().strftime(TIME)
        for one in cards_of(t, person.psn_no, time):
            if one.status not in (CardStatus.CANCELLED, CardStatus.SEALED):
                raise ServiceRefusedError(Code.STATE, now=one.status.name.lower())
        if any(one.state.running for one in applications_of(t, person.id)):
            raise ServiceRefusedError(Code.RUNNING)
        close_sessions(t, person.id)
        _audit(t, centre, person, "erase")
        erase_person(t, person.id)

    centre.ledger.run(work)


def _require(t: LedgerTransaction, centre: ServiceCentre, identity: str) -> Person:
    person = find_person(t, centre.keys, normal_identity(identity))
    if person is None:
        raise ServiceRefusedError(Code.NO_PERSON)
    return person


def _audit(t: LedgerTransaction, centre: ServiceCentre, person: Person, operation: str) -> None:
    entry = AuditEntry(
        int(centre.now().strftime(TIME)), f"{operation}-{random.token_hex(8)}", "command", "",
        "operator", 4, person.digest, operation,
    )  # fmt: skip
    append_audit(t, centre.keys.audit, entry)
