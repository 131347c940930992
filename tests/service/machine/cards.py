# SPDX-License-Identifier: Apache-2.0
"""What the model expects of cards: losses, applications, making, collection (T3, S3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.service.machine.proofs import Proofs
from tests.service.machine.tables import (
    CANCELLED,
    ENDED,
    FORMAL,
    GUARDIAN_UNDER,
    HELD,
    INACTIVE,
    LAPSE_DAYS,
    MAKING,
    MOVES,
    NORMAL,
    PHOTO_FROM,
    REPORT_DAYS,
    REPORTS,
    SEALED,
    TEMPORARY,
    VOUCHER_DAYS,
)
from tests.service.machine.town import (
    Ask,
    ModelApplication,
    ModelCard,
    ModelPerson,
    Region,
    Shown,
)

Done = Callable[[dict[str, Any]], None]
"""What is to be seen in an answer, and remembered."""
Verdict = str | Done


class Cards(Proofs):
    """Cards of persons, and who is told of what becomes of them."""

    def __init__(self, now: datetime, region: Region) -> None:
        super().__init__(now)
        self.region = region
        self.people: list[ModelPerson] = []
        self.told: Counter[tuple[str, int]] = Counter()
        """Messages by kind and person."""
        self.shown: list[Shown] = []
        self.family_wrong: dict[int, list[datetime]] = {}
        self.everything: list[ModelCard] = []

    # --- what follows -----------------------------------------------------------------------------

    def tell(self, who: ModelPerson, *kinds: str) -> None:
        """Messages in the outbox; a holder is told where there is a telephone."""
        for kind in kinds:
            if kind != "holder" or who.phone:
                self.told[kind, who.id] += 1

    def follow(self, ask: Ask, who: ModelPerson, card: ModelCard, before: int, level: int) -> None:
        """A card's state has changed: tills, bank and holder hear of it, what stood on it ends."""
        state = card.at(self.now)
        self.tell(who, "hotlist", "holder")
        if state != NORMAL:
            stays = ask.shown.get("token", "") if level < 3 and ask.channel != "app" else ""
            who.sessions = {key: one for key, one in who.sessions.items() if key == stays}
            who.bound = [one for one in who.bound if one[1] is not card]
        temporary = state == TEMPORARY or (before == TEMPORARY and state == NORMAL)
        notify = self.region.notify
        if who.bank and (notify == "any" or (notify == "formal" and not temporary)):
            self.tell(who, "bank")
        if before == TEMPORARY and state == NORMAL:
            self.forget_codes(card, read=False)

    def forget_codes(self, card: ModelCard, *, read: bool = True) -> None:
        """Codes that a card has shown are worth nothing; whether also those that were read."""
        for one in self.shown:
            one.gone = one.gone or (one.card is card and (read or not one.read))

    # --- stopping, and letting pay again ----------------------------------------------------------

    def _named(self, ask: Ask) -> ModelCard | None:
        if ask.card is not None:
            return ask.card if ask.card in ask.who.cards else None
        return ask.who.present(self.now)

    def _guarded(self, ask: Ask, level: int) -> str:
        """Under 16 a guardian acts, over it there is none."""
        guardian = ask.kind == "guardian"
        if ask.who.minor(self.now, GUARDIAN_UNDER):
            return "" if guardian and level == 4 else "MINOR"
        return "DOCUMENTS" if guardian else ""

    def _move(self, ask: Ask, level: int) -> Verdict:
        """Loss, lift, formal loss, cancellation."""
        operation = ask.operation
        card = self._named(ask)
        if card is None:
            return "NOT_FOUND"
        state = card.at(self.now)
        since = self.now - timedelta(days=REPORT_DAYS)
        reports = [one for one in card.changes if one[0] == TEMPORARY and one[1] >= since]
        if operation == "loss" and level < 2 and state == NORMAL and len(reports) >= REPORTS:
            return "LEVEL_TOO_LOW"
        if operation == "loss" and state == FORMAL:
            return self._same(state)
        when = self.now - timedelta(minutes=ask.shown.get("back", 0))
        if when > self.now:
            return "FORMAT"
        if self.now - when > timedelta(hours=1):
            if ask.channel != "office":
                return "TOO_LATE"
            if not ask.details.get("reason"):
                return "FORMAT"
            if ask.evidence.get("second_clerk", "") in ("", ask.clerk):
                return "FOUR_EYES"
        target, sources = MOVES[operation]
        then = card.at(when)
        if then == target:
            return self._same(state) if state == target else "STATE"
        last = max((one[1] for one in card.changes if one[1] <= self.now), default=datetime.min)
        if then not in sources or last > when:
            return "STATE"

        def done(data: dict[str, Any]) -> None:
            assert (data["changed"], data["status"]) == (True, target)
            card.change(target, when, lapse=LAPSE_DAYS, term=self.region.term_days, made=self.now)
            if target == CANCELLED and state == INACTIVE:
                self._made_again(ask.who, card)
            self.follow(ask, ask.who, card, state, level)

        return done

    @staticmethod
    def _same(state: int) -> Done:
        def done(data: dict[str, Any]) -> None:
            assert (data["changed"], data["status"]) == (False, state)

        return done

    @staticmethod
    def _made_again(who: ModelPerson, card: ModelCard) -> None:
        """The application of a card that was void before it was used goes into a batch again."""
        for one in who.applications:
            if one.card is card and one.state in ("made", "at_point", "posted"):
                one.state = "failed"

    loss = lift = _move

    def formal(self, ask: Ask, level: int) -> Verdict:
        """正式挂失; where the bank is asked first, a clerk has its reference."""
        asked = level == 4 and ask.evidence.get("bank_reference")
        refused = self._guarded(ask, level)
        if not refused and self.region.bank_first and ask.who.bank and not asked:
            refused = "BANK_FIRST"
        return refused or self._move(ask, level)

    def cancel(self, ask: Ask, level: int) -> Verdict:
        """注销, at the place of issue."""
        refused = self._guarded(ask, level)
        if refused:
            return refused
        if self._named(ask) is None:
            return "NOT_FOUND"
        return self._elsewhere(ask) or self._move(ask, level)

    def _elsewhere(self, ask: Ask) -> str:
        """Cards of some are issued by another place."""
        return "NOT_HERE" if self.region.elsewhere == ask.who.division else ""

    def seal(self, ask: Ask, level: int) -> Verdict:
        """A death."""
        if ask.details["died"] > f"{self.now:%Y%m%d}":
            return "FORMAT"

        def done(data: dict[str, Any]) -> None:
            who, sealed = ask.who, 0
            who.died = True
            for card in who.cards:
                before = card.at(self.now)
                if before in MOVES["seal"][1]:
                    card.change(SEALED, self.now)
                    self.follow(ask, who, card, before, level)
                    sealed += 1
            who.sessions = {}
            assert data["sealed"] == sealed

        return done

    # --- applications -----------------------------------------------------------------------------

    def apply(self, ask: Ask, level: int) -> Verdict:
        """申领."""
        if any(one.at(self.now) in HELD for one in ask.who.cards):
            return "ALREADY"
        return self._file(ask, level, None)

    def replace(self, ask: Ask, level: int) -> Verdict:
        """补领, 换领."""
        card = self._named(ask)
        if card is None:
            return "NOT_FOUND"
        wanted = FORMAL if ask.details.get("reason", "lost") == "lost" else NORMAL
        return self._file(ask, level, card) if card.at(self.now) == wanted else "STATE"

    def _file(self, ask: Ask, level: int, predecessor: ModelCard | None) -> Verdict:
        who, day = ask.who, f"{self.now:%Y%m%d}"
        refused = self._guarded(ask, level) or self._elsewhere(ask)
        if refused:
            return refused
        if who.running is not None:
            return "RUNNING"
        details = ask.details
        if details.get("delivery") == "post" and not details.get("address"):
            return "FORMAT"
        if details.get("document_to", "99991231") < day:
            return "DOCUMENTS"
        photo = bool(ask.evidence.get("photo"))
        if who.age(self.now) >= PHOTO_FROM and not photo and not who.has_photo:
            return "DOCUMENTS"
        needs = level == 4 and not who.minor(self.now, GUARDIAN_UNDER)
        if needs and not details.get("document_to"):
            return "DOCUMENTS"

        def done(data: dict[str, Any]) -> None:
            assert (data["state"], data["card"]) == ("applied", "")
            who.applications.append(
                ModelApplication(data["receipt"], "applied", predecessor, data["due"])
            )
            who.has_photo = who.has_photo or photo
            self.tell(who, "holder")
            damaged = predecessor is not None and details.get("reason") == "damaged"
            if predecessor is not None and damaged and not self.region.damaged_usable:
                predecessor.change(FORMAL, self.now)
                self.follow(ask, who, predecessor, NORMAL, level)

        return done

    def withdraw(self, ask: Ask, level: int) -> Verdict:
        """撤回."""
        one = ask.who.running
        if one is None or ask.details.get("receipt", one.receipt) != one.receipt:
            return "NOT_FOUND"
        if one.state not in ("applied", "reviewed"):
            return "TOO_LATE"

        def done(data: dict[str, Any]) -> None:
            assert data["state"] == "withdrawn"
            one.state = "withdrawn"

        return done

    def application(self, receipt: str) -> tuple[ModelPerson, ModelApplication] | None:
        """Whose application has this number."""
        for who in self.people:
            for one in who.applications:
                if one.receipt == receipt:
                    return who, one
        return None

    def progress(self, ask: Ask, level: int) -> Verdict:
        """How far an application is."""
        found = self.application(ask.receipt)
        if found is None:
            return "NOT_FOUND"
        return lambda data: self._seen(data, found[1])

    def applications(self, ask: Ask, level: int) -> Verdict:
        """All of a person."""

        def done(data: dict[str, Any]) -> None:
            for seen, one in zip(data["applications"], ask.who.applications, strict=True):
                self._seen(seen, one)

        return done

    def _seen(self, data: dict[str, Any], one: ModelApplication) -> None:
        assert (data["receipt"], data["state"]) == (one.receipt, one.state)
        assert data["overdue"] == (one.state not in ENDED and f"{self.now:%Y%m%d}" > one.due)
        assert data["voucher"]["valid"] == self.valid(one)

    def valid(self, one: ModelApplication) -> bool:
        """Whether a card may be collected by this voucher."""
        last = datetime.strptime(one.due, "%Y%m%d") + timedelta(days=VOUCHER_DAYS)
        return one.state not in ENDED and f"{self.now:%Y%m%d}" <= f"{last:%Y%m%d}"

    # --- making -----------------------------------------------------------------------------------

    def _make(self, ask: Ask, level: int) -> Verdict:
        """The next step of an application."""
        operation = ask.operation
        if operation == "review" and not ask.details["accepted"] and not ask.details.get("reason"):
            return "FORMAT"
        found = self.application(ask.receipt)
        if found is None:
            return "NOT_FOUND"
        who, one = found
        sources, state = MAKING[operation]
        if one.state not in sources:
            return "STATE"
        if operation == "review" and not ask.details["accepted"]:
            state = "rejected"
        if operation == "made" and ask.details.get("failed"):
            state = "failed"
        if operation == "arrive" and ask.details.get("posted"):
            state = "posted"

        def done(data: dict[str, Any]) -> None:
            assert data["state"] == state
            one.state = state
            if state == "made":
                self._register(ask, who, one)
            if state in ("rejected", "at_point", "posted"):
                self.tell(who, "holder")

        return done

    review = batch = made = arrive = _make

    def _register(self, ask: Ask, who: ModelPerson, one: ModelApplication) -> None:
        """A card that was made: nothing is paid with it."""
        details = ask.details
        card = ModelCard(
            len(self.everything) + 1, int(details["card_id_code"][16:], 16),
            details["card_number"], details.get("valid_to", ""),
        )  # fmt: skip
        card.change(INACTIVE, self.now)
        self.everything.append(card)
        who.cards.append(card)
        one.card = card
        self.tell(who, "hotlist")

    def collect(self, ask: Ask, level: int) -> Verdict:
        """领卡."""
        found = self.application(ask.details["receipt"])
        if found is None or found[0] is not ask.who:
            return "NOT_FOUND"
        one = found[1]
        if one.state == "collected":
            return "ALREADY"
        if one.state not in ("at_point", "posted"):
            return "STATE"
        return self._activate(ask, level, one)

    def activate(self, ask: Ask, level: int) -> Verdict:
        """启用 of a card that the holder has."""
        fresh = [card for card in ask.who.cards if card.at(self.now) == INACTIVE]
        if ask.card is not None and fresh:
            if ask.card not in ask.who.cards:
                return "NOT_FOUND"
            fresh = [card for card in fresh if card is ask.card]
        if not fresh:
            return "ALREADY" if ask.who.cards else "NOT_FOUND"
        card = fresh[-1]
        (one,) = (one for one in ask.who.applications if one.card is card)
        at_hand = level == 4 or (ask.kind == "card" and ask.shown["card"] is card)
        if one.state == "posted" or (one.state == "at_point" and at_hand):
            return self._activate(ask, level, one)
        return "STATE"

    def _activate(self, ask: Ask, level: int, one: ModelApplication) -> Verdict:
        """In one: the new card pays, the one before is void."""
        who, card, old = ask.who, one.card, one.predecessor
        refused = self._guarded(ask, level) or self._elsewhere(ask)
        if refused:
            return refused
        if card is None or card.at(self.now) not in (INACTIVE, NORMAL):
            return "STATE"
        if any(
            other.at(self.now) in ({TEMPORARY, SEALED} if other is old else {NORMAL, TEMPORARY})
            for other in who.cards
            if other is not card
        ):
            return "STATE"

        def done(data: dict[str, Any]) -> None:
            assert data["status"] == NORMAL
            if old is not None and old.at(self.now) != CANCELLED:
                old.change(CANCELLED, self.now)
            card.change(NORMAL, self.now)
            one.state = "collected"
            self.follow(ask, who, card, INACTIVE, level)
            if old is not None:
                self.tell(who, "hotlist")

        return done
