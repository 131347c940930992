# SPDX-License-Identifier: Apache-2.0
"""From evidence to a level of proof, in one place for all channels.

What a person knows is checked outside the transaction of the operation, for argon2 takes 80 ms:
first a short one counts the attempt and reads what is needed (:func:`begin_proof`), then nothing
is held (:meth:`KnowledgeProof.check`), then the operation's own transaction looks at everything
again (:func:`prove`). So an attempt is counted whatever becomes of the request. Proofs that stop a
card are counted apart and never make anybody wait; codes by telephone are counted apart as well,
so that a right password does not make wrong codes forgotten.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import CardStatus, LedgerTransaction
from sscard_chip.settlement.schema.persons import person as person_table
from sscard_chip.settlement.schema.services import application
from sscard_chip.standard.dates import TIME
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import OtherPerson, ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.levels import ProofLevel
from sscard_service.region.model import ChannelRules, ProofRules
from sscard_service.store.cards import cards_of, find_card_number
from sscard_service.store.persons import (
    Person,
    PersonData,
    find_person,
    find_psn_no,
    normal_identity,
    read_person,
)
from sscard_service.store.proofs import (
    ECARD,
    QUERY,
    OpenSession,
    check_password,
    find_session,
    locked_until,
    note_attempt,
    read_credential,
    take_code,
    try_code,
    wrong_of_source,
)
from sscard_service.store.secrets import ServiceKeys
from sscard_service.work import OperationEffect, ServiceOperation

TAIL: Final = 6
_STOPS_APART: Final = ":stop"
_CODES_APART: Final = ":code"
_STOPS_MORE: Final = 10
"""A source may be wrong so many times more often where a card is to be stopped."""


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """A request, as far as a proof goes by it."""

    operation: ServiceOperation
    channel: str
    rules: ChannelRules
    subject: ServiceSubject
    actor: ServiceActor
    evidence: ServiceEvidence
    now: datetime
    guardian_under: int = 0
    """Whoever is younger acts for nobody."""

    @property
    def time(self) -> str:
        """Now, YYYYMMDDhhmmss."""
        return self.now.strftime(TIME)

    @property
    def stops(self) -> bool:
        """Whether a card is to be stopped, which no lock is in the way of."""
        return self.operation.effect is OperationEffect.STOPS

    @property
    def knows(self) -> bool:
        """Whether something is shown that a person knows."""
        return any(self.shows(proof) for proof in _KNOWLEDGE)

    @property
    def claims(self) -> bool:
        """Whether something is shown that may be guessed: it is counted."""
        return self.knows or self.shows("phone_code")

    @property
    def by_clerk(self) -> bool:
        """Whether a clerk asks, where clerks do."""
        return self.actor.kind == "clerk" and "clerk" in self.rules.proofs

    @property
    def needs(self) -> int:
        """The level that the operation needs in this channel."""
        return max(self.rules.levels[self.operation.name], self.operation.least)

    @property
    def bare(self) -> bool:
        """Whether a person is named, and nothing shown that proves anything in this channel."""
        named = self.subject.identity or self.subject.card or self.subject.psn_no
        shown = self.evidence.session or any(
            self.shows(proof) for proof in self.rules.proofs if proof != "clerk"
        )
        return bool(named) and not shown and not self.by_clerk

    def shows(self, proof: str) -> bool:
        """Whether the evidence has something that is a proof in this channel."""
        return proof in self.rules.proofs and bool(getattr(self.evidence, proof))


class KnowledgeProof:
    """What a person claims to know or to have got by telephone, and what it is compared with."""

    def __init__(
        self,
        asked: Asked,
        attempts: list[int],
        person: int,
        tails: list[str],
        hashes: dict[str, str],
        sent: bytes | None,
        code: bytes,
    ) -> None:
        """``sent`` is the digest of the code that the person has, ``code`` of what is shown."""
        self.attempts = attempts
        self.person = person
        self.code = code
        self._asked = asked
        self._tails = tails
        self._hashes = hashes
        self._sent = sent
        self.right = False
        """Whether all that was shown is right, when :meth:`check` has been called."""
        self.proven = False
        """Whether it was believed, whatever became of the request."""

    def check(self) -> None:
        """Compare; takes the same time whether such a person exists or not."""
        evidence = self._asked.evidence
        right = [self.person > 0]
        if self._asked.shows("card_number"):
            shown = evidence.card_number.upper()
            matches = [hmac.compare_digest(shown, tail) for tail in self._tails]
            right.append(any(matches))
        for kind, proof in _PASSWORDS.items():
            if self._asked.shows(proof):
                hash_ = self._hashes.get(kind)
                right.append(check_password(hash_, getattr(evidence, proof)))
        if self._asked.shows("phone_code"):
            right.append(self._sent is not None and hmac.compare_digest(self._sent, self.code))
        self.right = all(right)

    def still(self, t: LedgerTransaction) -> bool:
        """Whether the passwords are the same as when it began."""
        return all(
            (found := read_credential(t, self.person, kind)) is not None and found.hash == hash_
            for kind, hash_ in self._hashes.items()
        )


_PASSWORDS: Final = {QUERY: "query_password", ECARD: "ecard_password"}
_KNOWLEDGE: Final = ("card_number", "query_password", "ecard_password")


@dataclass(frozen=True, slots=True, repr=False)
class Proven:
    """The person that a request is about, and the level that was proven; None for nobody."""

    person: Person | None
    level: int


def begin_proof(
    t: LedgerTransaction, keys: ServiceKeys, rules: ProofRules, asked: Asked
) -> KnowledgeProof | None:
    """Count an attempt at knowledge and codes; None where nothing of the kind is shown.

    :raises ServiceRefusedError: LOCKED or RATE: too many were wrong. The same for a person
        that does not exist.
    """
    if not asked.claims:
        return None
    person = find_asked(t, keys, asked) or find_in_session(t, keys, asked)
    subject = keys.digest("attempt", _named(asked, person))
    source = keys.digest("source", asked.actor.source or asked.actor.device or asked.channel)
    counted = []
    if asked.knows:
        counted.append(asked.channel + (_STOPS_APART if asked.stops else ""))
    if asked.shows("phone_code"):
        counted.append(asked.channel + _CODES_APART)
    for channel in counted:
        t.lock_name(f"attempt {subject.hex()} {channel}")  # many at once are counted as many
        until = None if asked.stops else locked_until(t, rules, subject, channel, asked.now)
        if until is not None:
            raise ServiceRefusedError(Code.LOCKED, until=until.strftime(TIME))
    most = rules.source_hour * (_STOPS_MORE if asked.stops else 1)
    if wrong_of_source(t, source, asked.now) >= most:
        raise ServiceRefusedError(Code.RATE, retry=3600)
    attempts = [note_attempt(t, subject, channel, source, asked.time) for channel in counted]
    tails: list[str] = []
    hashes: dict[str, str] = {}
    sent, code = None, b""
    if person is not None:
        if asked.shows("phone_code"):
            sent = try_code(t, person.id, asked.time)
            code = keys.digest("code", f"{person.id} {asked.evidence.phone_code}")
        tails = [
            one.card_number[-TAIL:].upper()
            for one in cards_of(t, person.psn_no, asked.time)
            if one.status is not CardStatus.CANCELLED
        ]
        for kind, proof in _PASSWORDS.items():
            found = read_credential(t, person.id, kind) if asked.shows(proof) else None
            if found is not None:
                hashes[kind] = found.hash
    number = 0 if person is None else person.id
    return KnowledgeProof(asked, attempts, number, tails, hashes, sent, code)


def prove(
    t: LedgerTransaction, keys: ServiceKeys, asked: Asked, knowledge: KnowledgeProof | None
) -> Proven:
    """The person and the level, by everything that is shown.

    Of a person who is only named, with nothing that would prove anything of one who exists, it
    is not said whether there is one.

    :raises ServiceRefusedError: WRONG_PROOF for an unknown person, another name or a wrong
        proof alike; NO_PERSON and NAME_MISMATCH where a clerk or a proof of level 2 stands behind
        the request; STALE for a session that has ended; DOCUMENTS.
    """
    session = None
    if asked.evidence.session:
        session = find_session(t, asked.evidence.session, asked.time)
        if session is None or not is_session_of(asked, session):
            raise ServiceRefusedError(Code.STALE)
    clerk = asked.by_clerk
    person = find_asked(t, keys, asked)
    if session is not None:
        if person is not None and person.id != session.person:
            raise ServiceRefusedError(Code.WRONG_PROOF)
        person = person or read_person(t, keys, session.person)
    if person is None:
        level = ProofLevel.IN_PERSON if clerk and asked.operation.about != "person" else 0
        if asked.operation.about == "person" and _proves_nothing(asked):
            raise ServiceRefusedError(Code.LEVEL_TOO_LOW, needs=asked.needs)
        if asked.operation.about == "person" or knowledge is not None:
            raise ServiceRefusedError(Code.NO_PERSON if clerk else Code.WRONG_PROOF)
        return Proven(None, int(level))
    level = 0 if session is None else session.level
    if knowledge is not None:
        known = knowledge.right and knowledge.person == person.id and knowledge.still(t)
        if not known:
            raise ServiceRefusedError(Code.WRONG_PROOF)
        if asked.knows:
            level = max(level, _level_of_knowledge(t, asked, person))
        level = max(level, _level_of_code(t, asked, knowledge, level))
    if asked.shows("face"):
        level = max(level, ProofLevel.SECOND)
    if asked.shows("card"):
        level = max(level, _level_of_card(t, asked, person))
    if asked.shows("identity_card"):
        level = max(level, _level_of_reader(t, asked, person, knowledge))
    if clerk:
        level = max(level, _level_of_clerk(t, keys, asked, person))
    if asked.evidence.name and asked.evidence.name != person.data.name:
        known = clerk or level >= ProofLevel.SECOND
        raise ServiceRefusedError(Code.NAME_MISMATCH if known else Code.WRONG_PROOF)
    if knowledge is not None:
        knowledge.proven = True
    return Proven(person, int(level))


def is_session_of(asked: Asked, session: OpenSession) -> bool:
    """Whether a session is one of the channel and the device that ask."""
    return (session.channel, session.device) == (asked.channel, asked.actor.device)


def find_asked(t: LedgerTransaction, keys: ServiceKeys, asked: Asked) -> Person | None:
    """The person that the subject names, or else the evidence; None for nobody."""
    subject, evidence = asked.subject, asked.evidence
    if subject.identity:
        return find_person(t, keys, normal_identity(subject.identity))
    if subject.psn_no and asked.actor.kind == "clerk":
        return find_psn_no(t, keys, subject.psn_no)
    if subject.card:
        return _holder_of(t, keys, subject.card, asked.time)
    if subject.receipt:
        found = t.connection.execute(
            sa.select(application.c.person).where(application.c.number == subject.receipt)
        ).scalar_one_or_none()
        return None if found is None else read_person(t, keys, int(found))
    if evidence.card is not None:
        return _holder_of(t, keys, evidence.card.card_id_code, asked.time)
    seen = evidence.identity_card or evidence.document
    if seen is not None:
        return find_person(t, keys, normal_identity(seen.identity))
    return None


def find_in_session(t: LedgerTransaction, keys: ServiceKeys, asked: Asked) -> Person | None:
    """Whose session is shown; None without one that has not ended."""
    token = asked.evidence.session
    session = find_session(t, token, asked.time) if token else None
    return None if session is None else read_person(t, keys, session.person)


_LOCK: Final = (
    sa.select(person_table.c.id).where(person_table.c.id == sa.bindparam("asked")).with_for_update()
)


def lock_asked(t: LedgerTransaction, keys: ServiceKeys, asked: Asked) -> None:
    """No other request changes the same person before the end of the transaction."""
    found = find_asked(t, keys, asked)
    number = None if found is None else found.id
    if number is None and asked.evidence.session:
        session = find_session(t, asked.evidence.session, asked.time)
        number = None if session is None else session.person
    if number is not None:
        t.connection.execute(_LOCK, {"asked": number})


def _named(asked: Asked, person: Person | None) -> str:
    """What attempts are counted by: the same however a person was named, and as well for one who
    does not exist."""
    if person is not None:
        return f"identity {person.data.identity}"
    if asked.subject.identity:
        return f"identity {normal_identity(asked.subject.identity)}"
    if asked.evidence.identity_card is not None:
        return f"identity {normal_identity(asked.evidence.identity_card.identity)}"
    if asked.evidence.session:
        return f"session {asked.evidence.session}"
    return f"card {asked.subject.card.upper()} {asked.subject.receipt}"


def _holder_of(t: LedgerTransaction, keys: ServiceKeys, name: str, time: str) -> Person | None:
    card = find_card_number(t, name, time)
    return find_psn_no(t, keys, card.psn_no) if card is not None and card.psn_no else None


def _level_of_knowledge(t: LedgerTransaction, asked: Asked, person: Person) -> int:
    """Of what was checked and is right; an initial password proves nothing."""
    if asked.shows("ecard_password"):
        return int(ProofLevel.SECOND)
    if asked.shows("card_number"):
        return int(ProofLevel.KNOWLEDGE)
    found = read_credential(t, person.id, QUERY)
    return int(ProofLevel.NONE if found is None or found.initial else ProofLevel.KNOWLEDGE)


def _level_of_code(
    t: LedgerTransaction, asked: Asked, knowledge: KnowledgeProof, level: int
) -> int:
    """A code by telephone is worth something beside what the person knows; it is used once."""
    if not asked.shows("phone_code"):
        return level
    if level < ProofLevel.KNOWLEDGE or not take_code(t, knowledge.person, knowledge.code):
        raise ServiceRefusedError(Code.WRONG_PROOF)
    return max(level, int(ProofLevel.SECOND))


def _proves_nothing(asked: Asked) -> bool:
    """Whether what is shown would prove nothing of a person who exists: half of what a card or an
    identity card needs."""
    if asked.evidence.session or asked.claims or asked.shows("face") or asked.by_clerk:
        return False
    card, read = asked.evidence.card, asked.evidence.identity_card
    if asked.shows("card") and card is not None:
        return not (card.authenticated and card.pin_verified) and not asked.subject.identity
    named = normal_identity(asked.subject.identity)
    same = read is not None and named in ("", normal_identity(read.identity))
    return asked.shows("identity_card") and same


def _level_of_card(t: LedgerTransaction, asked: Asked, person: Person) -> int:
    """The person's own card, authenticated and with its PIN. A lost one proves nothing, one that
    is not activated only that it may be."""
    shown = asked.evidence.card
    card = None if shown is None else find_card_number(t, shown.card_id_code, asked.time)
    if shown is None or card is None or card.psn_no != person.psn_no:
        raise ServiceRefusedError(Code.WRONG_PROOF)
    if not shown.authenticated or not shown.pin_verified:
        return int(ProofLevel.NONE)
    good = {CardStatus.NORMAL}
    if asked.operation.name == "activate":
        good.add(CardStatus.NOT_ACTIVATED)
    if card.status not in good or card.expired(asked.time[:8]):
        return int(ProofLevel.NONE)
    return int(ProofLevel.CARD)


def _level_of_reader(
    t: LedgerTransaction, asked: Asked, person: Person, knowledge: KnowledgeProof | None
) -> int:
    """An identity card that was read, together with the person's own query password."""
    seen = asked.evidence.identity_card
    if seen is None or normal_identity(seen.identity) != person.data.identity:
        raise ServiceRefusedError(Code.WRONG_PROOF)
    if seen.name and seen.name != person.data.name:
        raise ServiceRefusedError(Code.WRONG_PROOF)
    if knowledge is None or not asked.shows("query_password"):
        return int(ProofLevel.NONE)
    return int(ProofLevel.CARD) if _level_of_knowledge(t, asked, person) else int(ProofLevel.NONE)


def _level_of_clerk(t: LedgerTransaction, keys: ServiceKeys, asked: Asked, person: Person) -> int:
    """A clerk has the holder's document before him, and that of whoever came in his place."""
    if asked.operation.about != "person":
        return int(ProofLevel.IN_PERSON)
    evidence = asked.evidence
    seen = evidence.document
    if seen is None:
        return int(ProofLevel.NONE)
    if normal_identity(seen.identity) != person.data.identity:
        raise ServiceRefusedError(Code.DOCUMENTS, field="document")
    if seen.name and seen.name != person.data.name:
        raise ServiceRefusedError(Code.NAME_MISMATCH)
    for name, other in (("proxy", evidence.proxy), ("guardian", evidence.guardian)):
        if other is None:
            continue
        if not seen.copy or not _may_act(t, keys, asked, person, other):
            raise ServiceRefusedError(Code.DOCUMENTS, field=name)
    return int(ProofLevel.IN_PERSON)


def _may_act(
    t: LedgerTransaction, keys: ServiceKeys, asked: Asked, person: Person, other: OtherPerson
) -> bool:
    """Whether another acts for a person: by a document of his own, which is copied and may exist;
    who is a minor or is registered as dead acts for nobody."""
    shown, identity = other.document, normal_identity(other.identity)
    if shown is None or not shown.copy or normal_identity(shown.identity) != identity:
        return False
    if (shown.name and shown.name != other.name) or identity == person.data.identity:
        return False
    today = asked.now.date()
    theirs = PersonData(other.name, identity, identity_type=shown.kind)
    age = theirs.age(today)
    known = find_person(t, keys, identity)
    grown = age is None or age >= asked.guardian_under
    return not theirs.findings(today) and grown and not (known is not None and known.dead)
