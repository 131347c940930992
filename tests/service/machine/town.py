# SPDX-License-Identifier: Apache-2.0
"""Whom the model knows, and what it remembers of them: plain records, nothing of the product."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from tests.service.machine.tables import (
    CANCELLED,
    FORMAL,
    HELD,
    NORMAL,
    TEMPORARY,
)

Change = tuple[int, datetime, datetime | None]


def identity_of(birth: str, sequence: int) -> str:
    """An invented identity number; its check character by MOD 11-2."""
    digits = f"990000{birth}{sequence:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    rest = sum(int(one) * weight for one, weight in zip(digits, weights, strict=True)) % 11
    return digits + "10X98765432"[rest]


@dataclass(frozen=True)
class Region:
    """What a region decides: a formal loss ends in cancellation by itself, a damaged card pays
    until its successor is collected, what the bank hears and whether it is asked first, and a
    division whose cards are issued ``elsewhere``."""

    term_days: int = 0
    damaged_usable: bool = True
    notify: Literal["never", "formal", "any"] = "formal"
    bank_first: bool = False
    elsewhere: str = ""


@dataclass
class ModelCard:
    """A card: what was done to it (state, from, to)."""

    id: int
    serial: int
    number: str
    valid_to: str
    changes: list[Change] = field(default_factory=list)

    def at(self, now: datetime) -> int:
        """Its state at a moment."""
        begun = [one for one in self.changes if one[1] <= now]
        if not begun or (begun[-1][2] is not None and begun[-1][2] <= now):
            return NORMAL
        return begun[-1][0]

    def change(
        self,
        state: int,
        now: datetime,
        *,
        lapse: int = 0,
        term: int = 0,
        made: datetime | None = None,
    ) -> None:
        """It is in a state from now on; a temporary one ``lapse`` days, a formal one ``term``."""
        made = made or now
        until = made + timedelta(days=lapse) if lapse and state == TEMPORARY else None
        self.changes.append((state, now, until))
        if term and state == FORMAL:
            self.changes.append((CANCELLED, made + timedelta(days=term), None))

    def expired(self, now: datetime) -> bool:
        """Whether its last day is over."""
        return bool(self.valid_to) and self.valid_to < f"{now:%Y%m%d}"

    def pays(self, now: datetime) -> bool:
        """Whether anything is paid with it."""
        return self.at(now) == NORMAL and not self.expired(now)

    @property
    def tail(self) -> str:
        """What a person knows of it."""
        return self.number[-6:]

    @property
    def code(self) -> str:
        """卡识别码."""
        return f"990100D156000005{self.serial:016X}"


@dataclass
class ModelApplication:
    """An application with its state; ``card`` is the one that was made for it."""

    receipt: str
    state: str
    predecessor: ModelCard | None
    due: str
    card: ModelCard | None = None


@dataclass
class ModelSession:
    """A session of a channel and a device."""

    channel: str
    device: str
    level: int
    ends: datetime


@dataclass
class Counted:
    """Wrong proofs since the last right one."""

    wrong: int = 0
    last: datetime = datetime.min


@dataclass
class Code:
    """A code by telephone."""

    text: str
    ends: datetime
    tries: int = 0


@dataclass
class Shown:
    """A code of an electronic card, or an authorisation."""

    text: str
    kind: str
    card: ModelCard
    until: datetime
    read: bool = False
    gone: bool = False


@dataclass
class ModelBill:
    """A bill with the months of insurances that it holds."""

    number: str
    lines: dict[tuple[str, str], int]
    state: str = "open"
    way: str = "counter"


@dataclass
class ModelFiling:
    """A filing; the last day is empty for none."""

    number: str
    begins: str
    ends: str
    ended: bool = False
    withdrawn: bool = False


@dataclass
class ModelPaper:
    """A paper, its prints and looks."""

    code: str
    person: ModelPerson
    prints: list[str] = field(default_factory=list)
    views: int = 0


@dataclass
class ModelPerson:
    """A person; ``id`` 0 is one that nobody knows."""

    id: int
    psn_no: str
    name: str
    identity: str
    phone: str = ""
    bank: str = ""
    class_: str = ""
    address: str = ""
    division: str = "990100"
    fen: int = 0
    """On the medical account, which all cards of a person charge."""
    died: bool = False
    cards: list[ModelCard] = field(default_factory=list)
    query: str = ""
    initial: bool = False
    ecard: str = ""
    applications: list[ModelApplication] = field(default_factory=list)
    sessions: dict[str, ModelSession] = field(default_factory=dict)
    code: Code | None = None
    old_codes: list[str] = field(default_factory=list)
    codes_sent: list[datetime] = field(default_factory=list)
    bound: list[tuple[str, ModelCard, int]] = field(default_factory=list)
    family: list[tuple[int, ModelPerson, str]] = field(default_factory=list)
    choices: list[tuple[str, str, str]] = field(default_factory=list)
    bills: list[ModelBill] = field(default_factory=list)
    paid: set[tuple[str, str]] = field(default_factory=set)
    filings: list[ModelFiling] = field(default_factory=list)
    papers: list[tuple[datetime, ModelPaper]] = field(default_factory=list)
    has_photo: bool = False

    def age(self, now: datetime) -> int:
        """Whole years."""
        born = self.identity[6:14]
        return now.year - int(born[:4]) - (f"{now:%m%d}" < born[4:])

    def minor(self, now: datetime, under: int) -> bool:
        """Whether the person is younger."""
        return self.age(now) < under

    def present(self, now: datetime) -> ModelCard | None:
        """The card that is meant without a number."""
        held = [one for one in self.cards if one.at(now) in HELD]
        known = held or self.cards
        return known[-1] if known else None

    @property
    def running(self) -> ModelApplication | None:
        """The application that is not at its end."""
        found = [one for one in self.applications
                 if one.state not in ("rejected", "withdrawn", "collected")]  # fmt: skip
        return found[-1] if found else None


@dataclass
class Ask:
    """A request as the machine makes it, and what the model has to know of its proof."""

    operation: str
    channel: str
    who: ModelPerson
    kind: str = "none"
    right: bool = True
    device: str = ""
    source: str = ""
    clerk: str = ""
    named: bool = True
    card: ModelCard | None = None
    receipt: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    """For the model alone: the card in the reader, the session, whom a guardian stands for."""
