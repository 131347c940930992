# SPDX-License-Identifier: Apache-2.0
"""Operations as data, and what the function of one gets to work with.

An operation is a function of this room with :func:`operation` above it; it says whether it shows,
stops, opens or administers, and the model of its details. Which level it needs in which channel
is the region's. It gets a :class:`Work`: an open transaction, the person, the level that was
proven. It returns what is answered, or raises
:class:`~sscard_service.errors.ServiceRefusedError`, and then nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Final, TypeAlias, TypeVar

from sscard_chip.settlement.ledger import CardStatus, LedgerTransaction, StatusReport
from sscard_chip.standard.dates import DAY, TIME
from sscard_chip.standard.documents import Model
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.levels import LEAST, ProofLevel
from sscard_service.region.model import ChannelRules, ServiceRegion
from sscard_service.store.cards import (
    HeldCard,
    balance_fen,
    cards_of,
    find_card_number,
    present_card,
)
from sscard_service.store.outbox import queue_message
from sscard_service.store.persons import Person
from sscard_service.store.secrets import ServiceKeys

Prepare = Callable[[ServiceRegion, ServiceEvidence, Any], Any]
"""Computes something of a request before its transaction begins."""


@unique
class OperationEffect(StrEnum):
    """What an operation does."""

    SHOWS = "shows"
    STOPS = "stops"
    FINAL = "final"
    """Stops a card for good: what is done cannot be undone."""
    OPENS = "opens"
    KEEPS = "keeps"
    """Keeps or moves something, with no card becoming usable by it."""


class NoDetails(Model, frozen=True):
    """An operation that asks for nothing beside who and what for."""

    WHAT = "the details"


@dataclass(frozen=True, slots=True)
class ServiceOperation:
    """An operation: ``details`` is the model of what it asks, ``subject`` what it is about.

    ``about`` is ``person``, ``receipt`` or ``nothing``; one about a person needs a proof of the
    level that the channel says. One that ``spends`` keeps what it has written when it refuses: a
    code that was read stays read.
    """

    name: str
    effect: OperationEffect
    function: Callable[[Work, Any], dict[str, Any]]
    details: type[Model] = NoDetails
    about: str = "person"
    prepare: Prepare | None = None
    spends: bool = False
    view: Callable[[ServiceView], dict[str, Any]] | None = None
    """What shows the same without a transaction, out of what is read for many at once."""

    def prepare_with(self, region: ServiceRegion, evidence: ServiceEvidence, details: Any) -> Any:
        """What is computed before the transaction, because it takes long.

        :raises ServiceRefusedError:
        """
        return None if self.prepare is None else self.prepare(region, evidence, details)

    @property
    def least(self) -> int:
        """The least level, whatever a region says."""
        return LEAST[self.name]

    @property
    def changes(self) -> bool:
        """Whether a request for it is answered once and remembered."""
        return self.effect is not OperationEffect.SHOWS


OPERATIONS: Final[dict[str, ServiceOperation]] = {}
"""All operations by name; filled when :mod:`sscard_service.operations` is imported."""

OperationFunction = TypeVar("OperationFunction", bound=Callable[..., dict[str, Any]])


def operation(
    name: str,
    effect: OperationEffect,
    details: type[Model] = NoDetails,
    *,
    about: str = "person",
    prepare: Prepare | None = None,
    spends: bool = False,
) -> Callable[[OperationFunction], OperationFunction]:
    """Declare the function below it as an operation of :data:`~sscard_service.levels.LEAST`."""

    def declare(function: OperationFunction) -> OperationFunction:
        if name in OPERATIONS or name not in LEAST:
            raise ValueError(f"{name}: is declared already, or has no least level")
        OPERATIONS[name] = ServiceOperation(name, effect, function, details, about, prepare, spends)
        return function

    return declare


ViewFunction: TypeAlias = Callable[["ServiceView"], dict[str, Any]]


def view(name: str) -> Callable[[ViewFunction], ViewFunction]:
    """Declare the function below it as an operation that shows something of the person, of what
    a :class:`ServiceView` has, and asks for no details. Those that come together are answered so.
    """

    def declare(function: ViewFunction) -> ViewFunction:
        def show(work: Work, _: NoDetails) -> dict[str, Any]:
            return function(work)

        show.__doc__ = function.__doc__
        operation(name, OperationEffect.SHOWS)(show)
        OPERATIONS[name] = replace(OPERATIONS[name], view=function)
        return function

    return declare


@dataclass(slots=True, repr=False, kw_only=True)
class ServiceView:
    """What an operation works with that only shows what is read for every view: the person, the
    cards and the balances."""

    region: ServiceRegion
    rules: ChannelRules
    operation: ServiceOperation
    channel: str
    actor: ServiceActor
    subject: ServiceSubject
    evidence: ServiceEvidence
    level: int
    now: datetime
    request: str
    owner: Person | None = None
    """The person that the operation is about; see :attr:`person`."""
    held: list[HeldCard] | None = None
    """The person's cards, where they were read; see :meth:`cards`."""
    balances: Mapping[int, int] = field(default_factory=dict)
    """Balances that were read, in fen, by account."""

    @property
    def person(self) -> Person:
        """The person that the operation is about.

        :raises ServiceRefusedError: NO_PERSON.
        """
        if self.owner is None:
            raise ServiceRefusedError(Code.NO_PERSON)
        return self.owner

    @property
    def time(self) -> str:
        """Now, YYYYMMDDhhmmss."""
        return self.now.strftime(TIME)

    @property
    def day(self) -> str:
        """Today, YYYYMMDD."""
        return self.now.strftime(DAY)

    def cards(self) -> list[HeldCard]:
        """The person's cards, oldest first."""
        return self.held or []

    def card(self) -> HeldCard:
        """The person's present card.

        :raises ServiceRefusedError: NOT_FOUND: the person has none.
        """
        found = present_card(self.cards())
        if found is None:
            raise ServiceRefusedError(Code.NOT_FOUND)
        return found

    def card_to_show(self) -> HeldCard:
        """The card whose account is asked for; one that is cancelled or sealed is history, which
        level 4 sees [T3].

        :raises ServiceRefusedError: NOT_FOUND; STATE.
        """
        card = self.card()
        over = card.status in (CardStatus.CANCELLED, CardStatus.SEALED)
        if over and self.level < ProofLevel.IN_PERSON:
            raise ServiceRefusedError(Code.STATE, now=card.status.name.lower())
        return card

    def balance_fen(self, account: int) -> int:
        """The balance of a personal account."""
        return self.balances[account]

    def require(self, level: ProofLevel | int) -> None:
        """See that so much was proven.

        :raises ServiceRefusedError: LEVEL_TOO_LOW.
        """
        if self.level < level:
            raise ServiceRefusedError(Code.LEVEL_TOO_LOW, needs=int(level))

    def refuse_the_dead(self) -> None:
        """See that nothing is opened for a person who has died; what there was is shown at level
        4 [T3].

        :raises ServiceRefusedError: DEAD.
        """
        if self.owner is None or not self.owner.dead or self.operation.about != "person":
            return
        effect = self.operation.effect
        shown = effect is OperationEffect.SHOWS and self.level >= ProofLevel.IN_PERSON
        if not shown and effect not in (OperationEffect.STOPS, OperationEffect.FINAL):
            raise ServiceRefusedError(Code.DEAD)


@dataclass(slots=True, repr=False, kw_only=True)
class Work(ServiceView):
    """What the function of an operation works with, in a transaction."""

    t: LedgerTransaction
    keys: ServiceKeys
    prepared: Any = None
    """What was computed before the transaction began: a hash of a password, a checked photo."""
    before: str = ""
    after: str = ""
    """States for the audit."""

    @property
    def by_name(self) -> str:
        """Who did it, for registers: the clerk, else the kind of actor."""
        return self.actor.name or self.actor.kind

    def cards(self) -> list[HeldCard]:
        """The person's cards, oldest first, with their states; read once."""
        if self.held is None:
            self.held = cards_of(self.t, self.person.psn_no, self.time)
        return self.held

    def forget_cards(self) -> None:
        """States have changed: :meth:`cards` reads them again."""
        self.held = None

    def card(self) -> HeldCard:
        """The card that is meant: that of the subject, else the person's present one.

        :raises ServiceRefusedError: NOT_FOUND: the person has none, or it is not his.
        """
        if self.subject.card:
            named = find_card_number(self.t, self.subject.card, self.time)
            found = next((one for one in self.cards() if named and one.id == named.id), None)
        else:
            found = present_card(self.cards())
        if found is None:
            raise ServiceRefusedError(Code.NOT_FOUND)
        return found

    def balance_fen(self, account: int) -> int:
        """The balance of a personal account."""
        return balance_fen(self.t, account)

    def report(self, reason: str = "") -> StatusReport:
        """Who reports a change of a card's status, for the ledger."""
        agent = self.evidence.proxy or self.evidence.guardian
        return StatusReport(
            operator=self.by_name[:64],
            channel=self.channel[:20],
            reason=reason,
            agent="" if agent is None else f"relation {agent.relation}",
        )

    def notify(self, kind: str, content: Mapping[str, Any], card: HeldCard | None = None) -> None:
        """Put a message into the outbox, in this transaction."""
        queue_message(
            self.t, self.keys, kind, content, self.time,
            person=self.person.id, card=None if card is None else card.id,
        )  # fmt: skip

    def notify_holder(self, text: str, **values: Any) -> None:
        """Tell the holder by a text of the region, where a telephone is registered."""
        if self.person.data.phone:
            self.notify("holder", {"phone": self.person.data.phone, "text": text, **values})
