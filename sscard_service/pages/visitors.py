# SPDX-License-Identifier: Apache-2.0
"""Who is at a page: what was shown, kept in memory only, and when it ends.

A visitor is known by a cookie of 256 random bits. Nothing of one is written anywhere; what was
printed for one is removed with the rest when it ends.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

from sscard_service.evidence import CardProof, ServiceEvidence, ServiceSubject
from sscard_service.pages.views import View

_MOST: Final = 10_000
"""Visitors of a site at once; the one that was longest silent makes room."""


@dataclass(slots=True, repr=False)
class Shown:
    """The last thing that was done, for the page that shows it."""

    title: str
    view: View = field(default_factory=View)
    refused: str = ""
    help: str = ""
    item: str = ""
    stronger: bool = False
    """Whether a stronger proof would help."""
    again: bool = False
    """Whether something else must be typed: the form comes back."""
    pdf: str = ""
    """A paper, Base64, until it is printed or fetched."""
    code: str = ""
    """The paper's code."""


class FormDraft(NamedTuple):
    """What was typed into the form of an item, without secrets, and what is wrong with it."""

    item: str
    typed: Mapping[str, str]
    error: str


@dataclass(slots=True, repr=False)
class Visitor:
    """One visit: ``card`` is the proof of the card in the slot, ``token`` the centre's session."""

    cookie: str
    csrf: str
    touched: float
    language: str = "zh"
    card: CardProof | None = None
    token: str = ""
    source: str = ""
    """Where the visitor's requests come from, by which wrong proofs are counted."""
    wanted: str = ""
    """The item that signing in leads to."""
    shown: Shown | None = None
    prints: list[Path] = field(default_factory=list)
    codes: dict[Path, str] = field(default_factory=dict)
    """The codes of the papers that were printed."""
    pictures: dict[str, str] = field(default_factory=dict)
    """What the camera and the scanner have taken for a form, Base64, until it is sent."""
    draft: FormDraft | None = None
    """A form that comes back, for the page that shows it next."""
    requests: dict[str, str] = field(default_factory=dict)
    """The number that the form of an item is sent with, until it is done."""

    @property
    def known(self) -> bool:
        """Whether the visitor has signed in."""
        return self.card is not None or bool(self.token)

    @property
    def evidence(self) -> ServiceEvidence:
        """What the visitor has shown, for the centre to judge."""
        return ServiceEvidence(card=self.card, session=self.token)

    @property
    def subject(self) -> ServiceSubject:
        """Whom it is about: the holder of the card, or of the session."""
        return ServiceSubject(card=self.card.card_id_code) if self.card else ServiceSubject()

    def request(self, item: str) -> str:
        """The number of the next request for an item: the same until :meth:`done`."""
        return self.requests.setdefault(item, f"page-{secrets.token_hex(16)}")

    def done(self, item: str) -> None:
        """The request was answered: the next form is a new one."""
        self.requests.pop(item, None)

    def forget(self) -> None:
        """Drop everything, and what was printed."""
        for path in self.prints:
            with suppress(OSError):
                path.unlink()
        self.prints, self.codes, self.pictures, self.requests = [], {}, {}, {}
        self.shown, self.card, self.token = None, None, ""
        self.draft, self.wanted = None, ""


class Visitors:
    """All visitors of a page, for every thread; ``single`` keeps one at a time, as a kiosk has."""

    def __init__(
        self,
        clock: Callable[[], float],
        seconds: float,
        *,
        single: bool = False,
        ended: Callable[[Visitor], Any] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._single = single
        self._ended = ended
        self._lock = Lock()
        self._all: OrderedDict[str, Visitor] = OrderedDict()
        """Whoever was longest silent is first."""

    def begin(self, language: str) -> Visitor:
        """A new visit; at a kiosk the one before has ended by that."""
        self.sweep()
        cookie, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        visitor = Visitor(cookie, csrf, self._clock(), language)
        with self._lock:
            most = 0 if self._single else _MOST - 1
            late = [self._all.popitem(last=False)[1] for _ in range(len(self._all) - most)]
            self._all[cookie] = visitor
        for one in late:
            self._over(one)
        return visitor

    def find(self, cookie: str) -> Visitor | None:
        """The visitor with this cookie; None when it has ended."""
        self.sweep()
        return self._all.get(cookie)

    def touch(self, visitor: Visitor) -> None:
        """The visitor is here."""
        with self._lock:
            visitor.touched = self._clock()
            if visitor.cookie in self._all:
                self._all.move_to_end(visitor.cookie)

    def left(self, visitor: Visitor) -> float:
        """Seconds until a visit ends by itself."""
        return max(0.0, visitor.touched + self._seconds - self._clock())

    def end(self, visitor: Visitor) -> None:
        """End a visit: nothing of it stays."""
        with self._lock:
            here = self._all.pop(visitor.cookie, None)
        if here is not None:
            self._over(here)

    def all(self) -> list[Visitor]:
        """Those who are here."""
        with self._lock:
            return list(self._all.values())

    def end_all(self) -> None:
        """End every visit."""
        for visitor in self.all():
            self.end(visitor)

    def sweep(self) -> None:
        """End those whose time is over."""
        late = []
        with self._lock:
            while self._all and self.left(next(iter(self._all.values()))) <= 0:
                late.append(self._all.popitem(last=False)[1])
        for one in late:
            self._over(one)

    def _over(self, visitor: Visitor) -> None:
        """What follows the end of a visit, with no lock held: the centre may take its time."""
        self._ended(visitor)
        visitor.forget()
