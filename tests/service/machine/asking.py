# SPDX-License-Identifier: Apache-2.0
"""What the machine asks: a request out of a few small numbers, with any proof and any content."""

from __future__ import annotations

from typing import Final

from sscard_service import CardProof, SeenDocument
from sscard_service.evidence import OtherPerson
from tests.service.city import photo
from tests.service.machine.content import Content
from tests.service.machine.model import Model
from tests.service.machine.tables import (
    CANCELLED,
    CHANNELS,
    COUNTERS,
    FORMAL,
    GUARDIAN_UNDER,
    INACTIVE,
    LEVEL,
    LEVELS,
    MAKING,
    NORMAL,
    OF_A_RECEIPT,
    OF_NOBODY,
    TEMPORARY,
)
from tests.service.machine.town import Ask, ModelPerson, identity_of

PHOTO: Final = photo()
GOOD: Final = {
    "ivr": ("tail", "query"),
    "agent": ("query", "tail"),
    "site": ("code", "query", "session", "code", "tail"),
    "app": ("face", "ecard", "session", "query", "face"),
    "kiosk": ("card", "reader", "session", "tail", "query", "card"),
    "bank": ("clerk", "clerk", "proxy"),
    "office": ("clerk", "clerk", "clerk", "proxy"),
    "ebank": ("face",),
    "till": ("card",),
    "hospital": ("none",),
}
BAD: Final = (
    "none", "tail", "query", "code", "ecard", "card", "reader", "reader0", "lie", "other",
    "no copy", "guardian", "session", "clerk", "face",
)  # fmt: skip
CLERKS: Final = ("0017", "0018")
GUARDIAN: Final = identity_of("19880312", 2)
"""Of the guardian and of whoever comes in another's place: nobody in the town."""
OF_CARDS: Final = (
    *(3 * ["loss"]), *(3 * ["lift"]), *(3 * ["formal"]), *(4 * ["replace"]), *(2 * ["apply"]),
    *(4 * ["review"]), *(4 * ["batch"]), *(4 * ["made"]), *(4 * ["arrive"]), *(4 * ["collect"]),
    *(3 * ["activate"]), *(20 * ["next card"]), "withdraw", "cancel",
    "progress", "applications", "status", "card_state", "seal",
)  # fmt: skip
OF_PERSONS: Final = (
    *(3 * ["login"]), "logout", *(3 * ["code"]), "password", "ecard_password", "contact", "rename",
    *(2 * ["balance"]), "status", "person", "insurances", "pension", "benefits", "settlements",
    "policy", "paper", "papers", *(3 * ["next paper"]), "paper_print", "undelivered", "verify",
    "loss", "lift",
)  # fmt: skip
OF_ECARDS: Final = (
    *(3 * ["ecard"]), *(4 * ["ecard_code"]), *(4 * ["ecard_decode"]), "unlink",
    *(3 * ["family_add"]), "family", "family_end", "card_state", "loss", "lift", "formal",
    *(6 * ["next ecard"]),
)  # fmt: skip
OF_MONEY: Final = (
    "levels", *(2 * ["level"]), "level_stop", "bill", "bills", "bill_withdraw", "bill_paid",
    *(5 * ["next bill"]), *(2 * ["filing"]), "filings", *(2 * ["unfile"]), "contributions",
)  # fmt: skip
"""Operations of a kind, by how often they are asked for; "next" is what comes next for somebody."""
_NEXT: Final = frozenset({"next card", "next bill", "next paper", "next ecard"})


_FIT: Final = {
    "lift": {TEMPORARY}, "replace": {FORMAL, NORMAL}, "apply": {CANCELLED}, "ecard": {NORMAL},
    "ecard_code": {NORMAL},
}  # fmt: skip
"""States of the present card in which an operation is mostly asked for."""


class Asking(Content):
    """Makes requests about the people of a model."""

    def __init__(self, model: Model, nobody: ModelPerson) -> None:
        super().__init__(model, nobody)
        self.tokens: list[tuple[ModelPerson, str, str, str]] = []
        """Sessions that there were: whose, token, channel, device."""

    def make(self, operation: str, way: int, proof: int, whom: int, variant: int) -> Ask:
        """A request; mostly one that is offered, by somebody whom it concerns, with a proof that
        is enough."""
        if operation in ("seal", "cancel") and variant % 3:
            operation = "loss" if operation == "seal" else "formal"
        good = proof < 13
        if operation in _NEXT:
            operation, who = self._next(operation, whom, variant)
        else:
            who = self.people[-1] if whom == 15 else self._whom(operation, whom, variant, good)
        offered = [one for one in LEVELS[operation] if one != "hospital"]
        channel = CHANNELS[variant % 8] if way == 15 else offered[way % len(offered)]
        if "site" in offered and who.code is not None and way % 2:
            channel = "site"
        elif channel == "site" and LEVELS[operation].get("site", 0) > 1 and variant % 4:
            channel = offered[-1]  # without a code that was sent not much is done there
        ask = Ask(operation, channel, who)
        kinds = self._good(ask) if good else BAD
        ask.kind = kinds[proof % len(kinds)] if good else kinds[variant % len(kinds)]
        ask.right = good or variant % 2 == 0
        ask.source = f"line-{who.id}"
        if channel in COUNTERS:
            ask.clerk = CLERKS[variant % 2]
            if good and ask.kind == "clerk" and who.minor(self.model.now, GUARDIAN_UNDER):
                ask.kind = "guardian"
        if channel == "app":
            shows = who.bound[-1][0] if who.bound and operation == "ecard_code" else ""
            ask.device = shows or ("wechat", "alipay")[variant // 4 % 2]
        elif channel == "kiosk":
            ask.device = "k1"
        if operation in OF_NOBODY or operation in OF_A_RECEIPT:
            self._of_a_paper(ask, variant)
        else:
            self._of_a_person(ask, variant)
        ask.details = self.details(ask, variant)
        if operation == "formal" and variant % 3:
            ask.evidence["bank_reference"] = "B1"
        if operation in ("replace", "apply") and variant % 8:
            ask.evidence["photo"] = PHOTO
        if operation in ("rename", "loss", "formal", "cancel", "lift") and variant % 4:
            ask.evidence["second_clerk"] = CLERKS[(variant + (variant % 16 > 1)) % 2]
        return ask

    def _next(self, kind: str, whom: int, variant: int) -> tuple[str, ModelPerson]:
        """What comes next for somebody, so that things come to their ends."""
        now = self.model.now
        living = [one for one in self.model.people if not one.died] or self.model.people
        if kind == "next bill":
            living = [one for one in living if one.class_] or living
        who = living[whom % len(living)]
        if kind == "next card":
            return self._next_of_card(who, variant), who
        if kind == "next bill":
            if any(one.state == "open" for one in who.bills):
                return ("bill_paid", "bill_paid", "bill_withdraw")[variant % 3], who
            return "bill" if self._free_months(who) else "level", who
        if kind == "next paper":
            if not who.papers:
                return "paper", who
            if not who.papers[-1][1].prints:
                return "paper_print", who
            return ("undelivered", "verify", "paper_print", "papers")[variant % 4], who
        fresh = [one for one in self.model.shown[-4:] if one.until > now and not one.read]
        if fresh:
            others = [one for one in living if fresh[-1].card not in one.cards]
            if others and variant % 2:
                return "family_add", others[whom % len(others)]
            return "ecard_decode", who
        bound = [one for one in living if one.bound]
        return ("ecard_code", bound[whom % len(bound)]) if bound else ("ecard", who)

    def _next_of_card(self, who: ModelPerson, variant: int) -> str:
        """From a card to the one that replaces it."""
        running, card = who.running, who.present(self.model.now)
        if running is not None:
            return {
                "applied": "review", "reviewed": "batch", "failed": "batch", "batched": "made",
                "made": "arrive",
            }.get(running.state, ("collect", "activate")[variant % 2])  # fmt: skip
        state = CANCELLED if card is None else card.at(self.model.now)
        return {
            CANCELLED: "apply", FORMAL: "replace", TEMPORARY: ("formal", "lift")[variant % 2],
            NORMAL: ("loss", "formal", "replace")[variant % 3],
        }.get(state, "status")  # fmt: skip

    def _good(self, ask: Ask) -> tuple[str, ...]:
        """Proofs that the person has and that are enough there; all of the channel where there is
        none."""
        who, now = ask.who, self.model.now
        has = {
            "query": bool(who.query), "reader": bool(who.query), "ecard": bool(who.ecard),
            "tail": bool(who.cards), "code": who.code is not None and bool(who.cards),
            "card": any(one.pays(now) for one in who.cards) or ask.operation == "activate",
            "session": any(one[0] is who and one[2] == ask.channel for one in self.tokens),
        }  # fmt: skip
        needs = LEVELS[ask.operation].get(ask.channel, 0)
        found = tuple(
            one for one in GOOD[ask.channel] if has.get(one, True) and LEVEL.get(one, 4) >= needs
        )
        return found or GOOD[ask.channel]

    def _whom(self, operation: str, whom: int, variant: int, good: bool) -> ModelPerson:
        """Whoever has something to do with it, mostly."""
        now = self.model.now
        living = [one for one in self.model.people if not one.died] or self.model.people
        wanted: list[ModelPerson] = []
        if operation in ("bill", "level", "level_stop", "bills", "bill_withdraw", "levels"):
            wanted = [one for one in living if one.class_]
        elif operation in ("collect", "withdraw", "activate"):
            states = ("applied", "reviewed") if operation == "withdraw" else ("at_point", "posted")
            wanted = [one for one in living if one.running and one.running.state in states]
        elif operation in ("lift", "replace", "apply", "ecard", "ecard_code"):
            present = [(one, one.present(now)) for one in living]
            wanted = [
                one
                for one, card in present
                if (CANCELLED if card is None else card.at(now)) in _FIT[operation]
            ]
            if operation == "replace":
                wanted = [one for one in wanted if one.running is None]
            if operation == "ecard_code":
                wanted = [one for one in wanted if one.bound] or wanted
        known = wanted if good and wanted and variant % 8 else self.model.people
        return known[whom % len(known)]

    # --- who is meant, and what is shown ----------------------------------------------------------

    def _of_a_paper(self, ask: Ask, variant: int) -> None:
        """About a receipt, a card or nobody: a clerk or nothing stands behind it."""
        ask.named = False
        ask.kind = "none"
        if ask.operation in ("verify",):
            ask.receipt = self.papers[-1 - variant % min(len(self.papers), 6)]
        elif ask.operation in OF_A_RECEIPT:
            running = [who.running for who in self.people if who.running is not None]
            states = MAKING.get(ask.operation, (set(), ""))[0]
            fit = [one.receipt for one in running if one.state in states or not states]
            own = ask.who.running
            if own is not None and own.receipt in fit and variant % 8:
                fit = [own.receipt]
            known = fit if fit and variant % 8 else self.receipts[-6:]
            ask.receipt = known[variant // 8 % len(known)]
        elif ask.operation == "card_state" and variant % 8:
            cards = self.model.everything
            ask.card = cards[variant % len(cards)]
        elif ask.operation == "logout" and self.tokens and ask.channel in ("site", "app", "kiosk"):
            self._session(ask, variant)

    def _of_a_person(self, ask: Ask, variant: int) -> None:
        who, shown, evidence = ask.who, ask.shown, ask.evidence
        kind = ask.kind
        ask.named = True
        if kind == "session":
            if not self.tokens:
                ask.kind = "none"
                return
            self._session(ask, variant)
            ask.named = variant % 3 == 0
            who = ask.who
        if kind in ("tail", "code"):
            living = [one.tail for one in who.cards if one.at(self.model.now) != CANCELLED]
            over = [one.tail for one in who.cards if one.at(self.model.now) == CANCELLED]
            wrong = over[-1] if over and variant % 3 == 0 else "999999"
            shown["tail"] = (living or ["000000"])[-1] if ask.right else wrong
            evidence["card_number"] = shown["tail"]
        if kind == "code":
            self._code(ask, variant)
        if kind in ("query", "reader", "ecard"):
            word = who.ecard if kind == "ecard" else who.query
            shown["word"] = (word or "no-word-1") if ask.right else "bad-word-1"
            evidence["ecard_password" if kind == "ecard" else "query_password"] = shown["word"]
        if kind in ("reader", "reader0"):
            evidence["identity_card"] = SeenDocument(who.identity)
        if kind in ("face", "lie"):
            evidence["face"] = True
        if kind == "lie" and ask.channel in ("app", "ebank", "site"):
            fresh = [one for one in who.cards if one.at(self.model.now) == INACTIVE]
            if fresh:  # a card that such a channel cannot read
                evidence["card"] = CardProof(fresh[-1].code)
        if kind == "card":
            self._card(ask, variant)
        if kind in ("clerk", "lie", "proxy", "no copy", "guardian"):
            evidence["document"] = SeenDocument(who.identity, copy=True)
            ask.named = kind == "lie" or variant % 5 > 0 or not ask.clerk
        if kind == "other":
            other = next(one for one in self.people if one is not who)
            evidence["document"] = SeenDocument(other.identity, copy=True)
        if kind in ("proxy", "no copy", "guardian"):
            seen = SeenDocument(GUARDIAN, copy=kind != "no copy")
            place = "guardian" if kind == "guardian" else "proxy"
            evidence[place] = OtherPerson("林安", GUARDIAN, "8", "", seen)
        if ask.named and variant % 7 == 0 and who.cards:
            ask.card = who.cards[variant // 7 % len(who.cards)]
        elif ask.named and variant % 19 == 0:
            cards = self.model.everything
            ask.card = cards[variant // 7 % len(cards)]

    def _session(self, ask: Ask, variant: int) -> None:
        """A session of those that there were; with another device where it is not to be right."""
        known = [one for one in self.tokens[-8:] if one[2] == ask.channel] or self.tokens[-1:]
        who, token, channel, device = known[-1 - variant % len(known)]
        ask.who, ask.kind = who, "session"
        ask.source = f"line-{who.id}"
        ask.shown["token"] = token
        ask.evidence["session"] = token
        if ask.right and channel in LEVELS[ask.operation]:
            ask.channel, ask.device, ask.clerk = channel, device, ""
        else:
            ask.device = "elsewhere"

    def _code(self, ask: Ask, variant: int) -> None:
        who = ask.who
        sent = who.code.text if who.code is not None else "000000"
        if not ask.right or (ask.kind == "code" and variant % 16 == 3):
            sent = who.old_codes[-1] if who.old_codes and variant % 2 else "999999"
        ask.shown["code"] = sent
        ask.evidence["phone_code"] = sent

    def _card(self, ask: Ask, variant: int) -> None:
        cards = ask.who.cards
        if not cards or variant % 16 == 5:
            cards = self.model.everything
        card = cards[-1 - variant % min(2, len(cards))] if variant % 4 == 0 else cards[-1]
        ask.shown["card"] = card
        ask.evidence["card"] = CardProof(card.code, True, ask.right)
        if ask.who.id and card in ask.who.cards:
            ask.named = variant % 3 > 0
