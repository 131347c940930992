# SPDX-License-Identifier: Apache-2.0
"""The model's half of a proof: what is counted, what locks, and which level is proven (T1, T7)."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.service.machine.tables import (
    CODE_TRIES,
    FINAL,
    FIRST_WAIT,
    INACTIVE,
    KNOWN,
    LEVEL,
    LEVELS,
    LONGEST_WAIT,
    NORMAL,
    OF_A_RECEIPT,
    OF_NOBODY,
    PROOFS,
    SHOWS,
    SOURCE_HOUR,
    STOPS,
    TRIES,
)
from tests.service.machine.town import Ask, ModelPerson

_LESS = {"code": "tail", "reader": "query"}
"""What is left of a proof where a channel takes half of it."""


class Proofs:
    """What wrong proofs leave behind, and what a request proves."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.wrong: dict[tuple[str, str], list[datetime]] = {}
        """Wrong proofs since the last right one, by identity number and channel."""
        self.sources: dict[str, list[datetime]] = {}

    def verdict(self, ask: Ask) -> str | int:
        """The level that is proven, or the code of the refusal that comes before any operation."""
        levels = LEVELS[ask.operation]
        if ask.channel not in levels:
            return "CHANNEL"
        about = ask.operation not in OF_A_RECEIPT and ask.operation not in OF_NOBODY
        if not about:
            return self._of_a_paper(ask)
        kind = self.counts(ask)
        if kind == "none" and not ask.clerk and ask.named:
            return "LEVEL_TOO_LOW"
        counted = self._counted(ask, kind)
        if counted:
            refused = self._too_many(ask, counted)
            if refused:
                return refused
            for key in counted:
                self.wrong.setdefault(key, []).append(self.now)
                self.sources.setdefault(ask.source, []).append(self.now)
        alive = kind == "code" and self._try_code(ask)
        found = self._level(ask, kind, alive)
        if isinstance(found, str):
            return found
        for key in counted:  # right: what was wrong before is forgotten
            self.wrong[key] = []
            self.sources[ask.source].pop()
        if found < levels[ask.channel]:
            return "LEVEL_TOO_LOW"
        shown = ask.operation in SHOWS and found >= LEVEL["clerk"]
        if ask.who.died and not shown and ask.operation not in STOPS | FINAL:
            return "DEAD"
        return found

    def counts(self, ask: Ask) -> str:
        """What is shown of it that the channel takes; "none" for nothing."""
        taken = PROOFS[ask.channel]
        if ask.kind == "session":
            return "session"
        if ask.kind == "reader0":  # an identity card without the password
            return "reader0" if "reader" in taken else "none"
        kind = "face" if ask.kind == "lie" else ask.kind
        return next((one for one in (kind, _LESS.get(kind)) if one in taken), "none")

    def forget(self, before: datetime) -> None:
        """Attempts are kept so long."""
        for key, times in self.wrong.items():
            self.wrong[key] = [one for one in times if one >= before]
        for source, times in self.sources.items():
            self.sources[source] = [one for one in times if one >= before]

    # --- the parts of it --------------------------------------------------------------------------

    def _of_a_paper(self, ask: Ask) -> str | int:
        """What is about a receipt or about nobody: a clerk's word, or none."""
        if ask.kind == "session" and not self._session_level(ask):
            return "STALE"
        level = LEVEL["clerk"] if ask.clerk else 0
        return level if level >= LEVELS[ask.operation][ask.channel] else "LEVEL_TOO_LOW"

    def _counted(self, ask: Ask, kind: str) -> list[tuple[str, str]]:
        found = []
        if kind in KNOWN:
            apart = ":stop" if ask.operation in STOPS else ""
            found.append((ask.who.identity, ask.channel + apart))
        if kind == "code":
            found.append((ask.who.identity, f"{ask.channel}:code"))
        return found

    def _too_many(self, ask: Ask, counted: list[tuple[str, str]]) -> str:
        stops = ask.operation in STOPS
        for key in counted:
            times = self.wrong.get(key, [])
            if stops or len(times) < TRIES:
                continue
            wait = min(FIRST_WAIT * 2 ** min(len(times) - TRIES, 20), LONGEST_WAIT)
            if max(times) + timedelta(seconds=wait) > self.now:
                return "LOCKED"
        since = self.now - timedelta(hours=1)
        recent = [one for one in self.sources.get(ask.source, []) if one >= since]
        return "RATE" if len(recent) >= SOURCE_HOUR * (10 if stops else 1) else ""

    def _try_code(self, ask: Ask) -> bool:
        """Count a try at the code that was sent."""
        code = ask.who.code
        if code is None:
            return False
        if code.ends <= self.now or code.tries >= CODE_TRIES:
            ask.who.code = None
            return False
        code.tries += 1
        return True

    def _level(self, ask: Ask, kind: str, alive: bool) -> str | int:
        who: ModelPerson = ask.who
        if kind == "session":
            return self._session_level(ask) or "STALE"
        if not who.id:
            if ask.clerk:
                return "NO_PERSON"
            return "LEVEL_TOO_LOW" if kind == "reader0" else "WRONG_PROOF"
        if ask.clerk:
            return self._of_clerk(ask)
        if kind == "none":
            return 0
        if kind == "face":
            return LEVEL["face"]
        if kind == "card":
            card = ask.shown["card"]
            if card not in who.cards:
                return "WRONG_PROOF"
            good = {NORMAL, INACTIVE} if ask.operation == "activate" else {NORMAL}
            right = ask.right and card.at(self.now) in good and not card.expired(self.now)
            return LEVEL["card"] if right else 0
        if kind == "reader0":
            return 0
        if not self._knows(ask, kind, alive):
            return "WRONG_PROOF"
        if kind in ("query", "reader") and who.initial:
            return LEVEL["initial"]
        return LEVEL[kind]

    def _knows(self, ask: Ask, kind: str, alive: bool) -> bool:
        """Whether all that is shown is right."""
        who, shown = ask.who, ask.shown
        if kind in ("tail", "code"):
            living = [one.tail for one in who.cards if one.at(self.now) != 9]
            if shown["tail"] not in living:
                return False
        if kind == "code":
            return alive and who.code is not None and who.code.text == shown["code"]
        if kind in ("query", "reader"):
            return bool(who.query) and who.query == shown["word"]
        if kind == "ecard":
            return bool(who.ecard) and who.ecard == shown["word"]
        return True

    def _session_level(self, ask: Ask) -> int:
        """The level of a session that holds here; 0 for none."""
        one = ask.who.sessions.get(ask.shown["token"])
        if one is None or one.ends <= self.now:
            return 0
        return one.level if (one.channel, one.device) == (ask.channel, ask.device) else 0

    def _of_clerk(self, ask: Ask) -> str | int:
        if ask.kind in ("other", "no copy"):
            return "DOCUMENTS"
        return LEVEL["clerk"] if ask.kind in ("clerk", "proxy", "guardian", "lie") else 0
