# SPDX-License-Identifier: Apache-2.0
"""The straight way of a view in a session: many that came together are answered together.

An enquiry is read, shown and audited, and its audit row is kept before it is answered. Each by
itself would be a transaction of its own that waits for the disk. Here one statement reads what all
of them need, and one keeps all their audit rows. The straight way knows what is usual; whatever
is not (a session that has ended, too low a level, a person who has died) it leaves to
``ServiceCentre.perform``, which alone knows the refusals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.standard.dates import TIME
from sscard_service.answers import ServiceAnswer
from sscard_service.errors import ServiceRefusedError
from sscard_service.evidence import ServiceEvidence, ServiceSubject
from sscard_service.proving import Asked, is_session_of
from sscard_service.region import ServiceRegion
from sscard_service.store.audit import AuditEntry, AuditRun
from sscard_service.store.secrets import ServiceKeys
from sscard_service.store.seen import Seen, see_sessions
from sscard_service.work import ServiceView

_NO_SUBJECT: Final = ServiceSubject()


class AskedView(NamedTuple):
    """A view that is asked for, and the number of its request."""

    asked: Asked
    request: str


class SessionViews:
    """Answers views of sessions on a ledger; every thread may ask."""

    def __init__(self, ledger: Ledger, keys: ServiceKeys, region: ServiceRegion) -> None:
        self._ledger = ledger
        self._keys = keys
        self._region = region
        self._audit = AuditRun(ledger, keys.audit)

    @staticmethod
    def takes(asked: Asked) -> bool:
        """Whether a request is one for the straight way: a view of the holder of a session, by
        nothing but the session."""
        return (
            asked.operation.view is not None
            and bool(asked.evidence.session)
            and asked.actor.kind == "holder"
            and asked.subject == _NO_SUBJECT
            and asked.evidence == ServiceEvidence(session=asked.evidence.session)
        )

    def answer(self, views: Sequence[AskedView]) -> list[ServiceAnswer | None]:
        """The answers, whose audit rows are kept; None for one that has to go the long way, of
        which nothing is kept.

        :raises LedgerError: what the database says; none is answered.
        """
        tokens = [one.asked.evidence.session for one in views]
        now = max(one.asked.now for one in views).strftime(TIME)
        seen = see_sessions(self._ledger, self._keys, tokens, now)
        entries: list[AuditEntry] = []
        answers = [self._answer(one, seen.get(token), entries)
                   for one, token in zip(views, tokens, strict=True)]  # fmt: skip
        if entries:
            self._audit.add(entries)
        return answers

    def _answer(
        self, one: AskedView, seen: Seen | None, entries: list[AuditEntry]
    ) -> ServiceAnswer | None:
        """The answer, and its row behind the ``entries``."""
        asked, operation = one.asked, one.asked.operation
        if seen is None or operation.view is None or not is_session_of(asked, seen.session):
            return None
        view = ServiceView(
            region=self._region, rules=asked.rules, operation=operation, channel=asked.channel,
            actor=asked.actor, subject=asked.subject, evidence=asked.evidence,
            level=seen.session.level, now=asked.now, request=one.request, owner=seen.person,
            held=seen.cards, balances=seen.balances,
        )  # fmt: skip
        try:
            view.require(asked.needs)
            view.refuse_the_dead()
            data = operation.view(view)
        except ServiceRefusedError:
            return None
        entries.append(AuditEntry(
            int(asked.time), one.request, asked.channel, asked.actor.device,
            asked.actor.name or asked.actor.kind, view.level, seen.person.digest, operation.name,
        ))  # fmt: skip
        return ServiceAnswer(operation.name, one.request, view.level, data)
