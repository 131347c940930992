# SPDX-License-Identifier: Apache-2.0
"""The service centre: one :meth:`ServiceCentre.perform` for everything, whatever the channel.

A request is checked, its proof begun and checked, and then everything happens in one
transaction of the ledger: the proof looked at again, the operation, its messages for the outbox,
its audit row and its first answer. "Done" is said after that is committed. What was refused
leaves nothing but its audit row and what must not come back: attempts, and codes that were used.
"""

from __future__ import annotations

import hashlib
import json
import os
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self

import msgspec
import sqlalchemy as sa

from sscard_chip.closing import Closing
from sscard_chip.settlement.ledger import (
    CardRefusedError,
    CardRegisterError,
    Ledger,
    LedgerError,
    LedgerTransaction,
)
from sscard_chip.settlement.schema.services import request as request_table
from sscard_chip.standard.models import ModelT, convert, find
from sscard_service.answers import ServiceAnswer
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.operations import OPERATIONS
from sscard_service.proving import (
    Asked,
    KnowledgeProof,
    begin_proof,
    find_asked,
    find_in_session,
    lock_asked,
    prove,
)
from sscard_service.region import ServiceRegion, load_region
from sscard_service.store.audit import AuditEntry, append_audit
from sscard_service.store.persons import Person
from sscard_service.store.proofs import correct_attempt
from sscard_service.store.secrets import ServiceKeys
from sscard_service.viewing import AskedView, SessionViews
from sscard_service.work import ServiceOperation, Work

_LONGEST_NUMBER: Final = 64
_NO_SUBJECT: Final = ServiceSubject()
_NOBODY: Final = bytes(16)
_WRONG_PROOFS: Final = frozenset({Code.WRONG_PROOF, Code.NO_PERSON, Code.NAME_MISMATCH})


class ServiceCentre(Closing):
    """Card services on a ledger.

    ::

        with ServiceCentre.open("city.db", "service.keys") as centre:
            me = ServiceSubject(identity="990000199001010017")
            proof = ServiceEvidence(card_number="000013")
            centre.perform("loss", me, ServiceActor(), "ivr", proof, "call-0001")
    """

    def __init__(
        self,
        ledger: Ledger,
        keys: ServiceKeys,
        region: ServiceRegion,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.ledger = ledger
        self.keys = keys
        self.region = region
        self.views = SessionViews(ledger, keys, region)
        """Answers views of sessions, many together."""
        self.now = now
        """The centre's clock, local time; a request's own time decides nothing."""

    @classmethod
    def open(
        cls,
        address: str | os.PathLike[str],
        key_file: str | os.PathLike[str],
        region: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Card services on a ledger that is there, with a key file and a region's document.

        :raises ServiceKeyDocumentError: no key file.
        :raises ServiceRegionError: no region's document.
        :raises LedgerError: the ledger cannot be opened.
        :raises OSError: a file cannot be read.
        """
        keys, rules = ServiceKeys.load(key_file), load_region(region)
        return cls(Ledger.open(address, create=False), keys, rules)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def perform(
        self,
        operation: str,
        subject: ServiceSubject | None,
        actor: ServiceActor,
        channel: str,
        evidence: ServiceEvidence | None,
        request_id: str,
        details: Mapping[str, Any] | None = None,
    ) -> ServiceAnswer:
        """Do one operation for one request, whole or not at all.

        ``request_id`` (1 to 64 printable characters) is the channel's own number of the request:
        when it comes again with the same content, the first answer is given again and nothing
        is done twice. ``details`` are those of the operation's model.

        :raises ServiceRefusedError: it was not done; with DOWN it may have been, and the same
            request asked again tells.
        """
        begun = clock.monotonic()
        subject, evidence = subject or ServiceSubject(), evidence or ServiceEvidence()
        try:
            asked, wanted = self._check(
                operation, subject, actor, channel, evidence, request_id, details
            )
            return self._perform(asked, wanted, request_id)
        except ServiceRefusedError as error:
            error.request = request_id[:_LONGEST_NUMBER]
            if error.code in _WRONG_PROOFS:
                self.wait_until(begun)
            raise
        except LedgerError:  # it is away, was asked by too many, or its rules refuse it
            raise self._down(request_id) from None

    def perform_in(
        self,
        t: LedgerTransaction,
        operation: str,
        person: Person,
        actor: ServiceActor,
        channel: str,
        level: int,
        request_id: str,
        details: Mapping[str, Any],
        now: datetime,
    ) -> dict[str, Any]:
        """Do an operation about a person in a transaction of another room, which keeps the
        request and its answer itself and has proven the ``level``. What it shows.

        :raises ServiceRefusedError: it was not done: the transaction is to be rolled back.
        """
        asked, wanted = self._check(
            operation, ServiceSubject(), actor, channel, ServiceEvidence(), request_id, details
        )
        asked = replace(asked, now=now)
        work = Work(
            t=t, keys=self.keys, region=self.region, rules=asked.rules, operation=asked.operation,
            channel=channel, actor=actor, subject=asked.subject, evidence=asked.evidence,
            level=level, now=now, request=request_id, owner=person,
        )  # fmt: skip
        work.require(asked.needs)
        work.refuse_the_dead()
        data = asked.operation.function(work, wanted)
        self._audit(t, asked, request_id, work)
        return data

    def asked_view(
        self,
        operation: ServiceOperation,
        channel: str,
        actor: ServiceActor,
        token: str,
        request_id: str,
    ) -> AskedView | None:
        """A view by nothing but a session's ``token``, for :attr:`views`; None where the channel
        does not have it, or something is not of its form: :meth:`perform` says what.
        """
        rules = self.region.channels.get(channel)
        if rules is None or rules.signed or operation.name not in rules.levels or not token:
            return None
        if operation.view is None or find(ServiceEvidence, {"session": token}):
            return None
        evidence = ServiceEvidence(session=token)
        asked = Asked(operation, channel, rules, _NO_SUBJECT, actor, evidence, self.now())
        return AskedView(asked, request_id)

    # --- the parts of it -----------------------------------------------------------------------

    def _check(
        self,
        name: str,
        subject: ServiceSubject,
        actor: ServiceActor,
        channel: str,
        evidence: ServiceEvidence,
        request_id: str,
        details: Mapping[str, Any] | None,
    ) -> tuple[Asked, Any]:
        """What can be said without the database."""
        found = OPERATIONS.get(name)
        rules = self.region.channels.get(channel)
        if not 0 < len(request_id) <= _LONGEST_NUMBER or not request_id.isprintable():
            raise ServiceRefusedError(
                Code.FORMAT, field="request", rule="must be 1 to 64 printable characters"
            )
        if found is None or rules is None or name not in rules.levels:
            raise ServiceRefusedError(Code.CHANNEL)
        wanted = checked_model(found.details, dict(details or {}))
        asked = Asked(
            found,
            channel,
            rules,
            checked_model(ServiceSubject, msgspec.to_builtins(subject)),
            checked_model(ServiceActor, msgspec.to_builtins(actor)),
            checked_model(ServiceEvidence, msgspec.to_builtins(evidence)),
            self.now(),
            self.region.time.guardian_under,
        )
        return asked, wanted

    def _perform(self, asked: Asked, wanted: Any, request_id: str) -> ServiceAnswer:
        if self.views.takes(asked):
            shown = self.views.answer([AskedView(asked, request_id)])[0]
            if shown is not None:
                return shown
        digest = _digest(self.keys, asked, wanted) if asked.operation.changes else b""
        knowledge = None
        try:
            if asked.operation.about == "person" and asked.bare:
                # Nobody is looked for, so that no answer tells whether there is such a person.
                raise ServiceRefusedError(Code.LEVEL_TOO_LOW, needs=asked.needs)
            if asked.claims:
                if asked.operation.changes:
                    with self.ledger.reading() as t:
                        first = self._first_answer(t, asked, request_id, digest)
                    if first is not None:
                        return first
                knowledge = self.ledger.run(
                    lambda t: begin_proof(t, self.keys, self.region.proof, asked)
                )
            if knowledge is not None:
                knowledge.check()
            prepared = asked.operation.prepare_with(self.region, asked.evidence, wanted)
            found = self.ledger.run(
                lambda t: self._work(t, asked, wanted, prepared, request_id, digest, knowledge)
            )
            if isinstance(found, ServiceAnswer):
                return found
            kept = found
        except (CardRefusedError, CardRegisterError):
            refused = ServiceRefusedError(Code.STATE)
        except ServiceRefusedError as error:
            refused = error
        else:
            raise kept
        self._audit_refusal(asked, request_id, refused, knowledge)
        raise refused

    def _work(
        self,
        t: LedgerTransaction,
        asked: Asked,
        wanted: Any,
        prepared: Any,
        request_id: str,
        digest: bytes,
        knowledge: KnowledgeProof | None,
    ) -> ServiceAnswer | ServiceRefusedError:
        """Everything that is kept of a request, in one transaction.

        A refusal that is returned is kept with what the operation has written before it.
        """
        operation = asked.operation
        if operation.changes:
            t.lock_name(f"service {asked.channel} {request_id}")
            first = self._first_answer(t, asked, request_id, digest)
            if first is not None:
                return first
            lock_asked(t, self.keys, asked)
        proven = prove(t, self.keys, asked, knowledge)
        _count_right(t, knowledge)
        work = Work(
            t=t, keys=self.keys, region=self.region, rules=asked.rules, operation=operation,
            channel=asked.channel, actor=asked.actor, subject=asked.subject,
            evidence=asked.evidence, level=proven.level, now=asked.now, request=request_id,
            owner=proven.person, prepared=prepared,
        )  # fmt: skip
        try:
            work.require(asked.needs)
            work.refuse_the_dead()
            data = operation.function(work, wanted)
        except ServiceRefusedError as error:
            error.level = work.level
            if not operation.spends:
                raise
            self._audit(t, asked, request_id, work, str(error.code))
            return error
        self._audit(t, asked, request_id, work)
        answer = ServiceAnswer(operation.name, request_id, work.level, data)
        if operation.changes:
            self._remember(t, asked, digest, answer)
        return answer

    def _audit(
        self,
        t: LedgerTransaction,
        asked: Asked,
        request_id: str,
        work: Work | None,
        result: str = "",
        level: int = 0,
    ) -> None:
        """The audit row of what was done, or of what was refused and why."""
        owner = self._person(t, asked) if work is None else work.owner
        entry = AuditEntry(
            time=int(asked.time),
            request=request_id,
            channel=asked.channel,
            device=asked.actor.device,
            actor=asked.actor.name or asked.actor.kind,
            level=level if work is None else work.level,
            subject=_NOBODY if owner is None else owner.digest,
            operation=asked.operation.name,
            before="" if work is None else work.before,
            after="" if work is None else work.after,
            result=result or "DONE",
        )
        append_audit(t, self.keys.audit, entry)

    def _person(self, t: LedgerTransaction, asked: Asked) -> Person | None:
        """Whom a refused request was about. Who is only named is not looked for: it would take
        longer for one who exists."""
        if asked.bare:
            return None
        return find_asked(t, self.keys, asked) or find_in_session(t, self.keys, asked)

    def _audit_refusal(
        self,
        asked: Asked,
        request_id: str,
        refused: ServiceRefusedError,
        knowledge: KnowledgeProof | None,
    ) -> None:
        """The audit row of a refusal; what was proven right is no wrong attempt by it."""
        code, level = str(refused.code), refused.level

        def work(t: LedgerTransaction) -> None:
            if knowledge is not None and knowledge.proven:
                _count_right(t, knowledge)
            self._audit(t, asked, request_id, None, code, level)

        self.ledger.run(work)

    # --- first answers ---------------------------------------------------------------------------

    def _first_answer(
        self, t: LedgerTransaction, asked: Asked, request_id: str, digest: bytes
    ) -> ServiceAnswer | None:
        """The answer that this request has got already.

        :raises ServiceRefusedError: KEY_REUSED: the number is another request's.
        """
        table = request_table
        row = t.connection.execute(
            sa.select(table.c.digest, table.c.answer).where(
                table.c.channel == asked.channel, table.c.number == request_id
            )
        ).one_or_none()
        if row is None:
            return None
        if bytes(row.digest) != digest:
            raise ServiceRefusedError(Code.KEY_REUSED)
        kept = json.loads(self.keys.open(_purpose(asked.channel, request_id), bytes(row.answer)))
        return ServiceAnswer(asked.operation.name, request_id, kept["level"], kept["data"], True)

    def _remember(
        self, t: LedgerTransaction, asked: Asked, digest: bytes, answer: ServiceAnswer
    ) -> None:
        kept = json.dumps({"level": answer.level, "data": answer.data}, ensure_ascii=False)
        t.connection.execute(
            sa.insert(request_table).values(
                channel=asked.channel, number=answer.request, digest=digest, time=int(asked.time),
                answer=self.keys.seal(_purpose(asked.channel, answer.request), kept.encode()),
            )
        )  # fmt: skip

    def _down(self, request_id: str) -> ServiceRefusedError:
        error = ServiceRefusedError(Code.DOWN)
        error.request = request_id[:_LONGEST_NUMBER]
        return error

    def wait_until(self, begun: float) -> None:
        """A wrong proof is answered after the same time, whatever was wrong."""
        rest = begun + self.region.proof.wrong_answer_ms / 1000 - clock.monotonic()
        if rest > 0:
            clock.sleep(rest)


def checked_model(model: type[ModelT], value: Any) -> ModelT:
    """A typed model out of JSON.

    :raises ServiceRefusedError: FORMAT with the first field that breaks a rule.
    """
    found = find(model, value, separator=".")
    if found:
        raise ServiceRefusedError(Code.FORMAT, field=found[0].item, rule=found[0].rule)
    return convert(model, value)


def _count_right(t: LedgerTransaction, knowledge: KnowledgeProof | None) -> None:
    """What a person knows was right: attempts before it count no more."""
    for attempt in () if knowledge is None else knowledge.attempts:
        correct_attempt(t, attempt)


def _purpose(channel: str, request_id: str) -> str:
    return f"request:{channel}:{request_id}"


def _digest(keys: ServiceKeys, asked: Asked, wanted: Any) -> bytes:
    """The keyed digest of a request's content; not of the address that it came from."""
    actor = msgspec.structs.replace(asked.actor, source="")
    parts = [asked.subject, actor, asked.evidence, wanted]
    written = json.dumps(
        [asked.operation.name, *map(msgspec.to_builtins, parts)], ensure_ascii=False, sort_keys=True
    )
    return hashlib.sha256(keys.digest("request", written)).digest()
