# SPDX-License-Identifier: Apache-2.0
"""What the model expects of electronic cards and family members (S5)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from tests.service.machine.cards import Cards, Verdict
from tests.service.machine.tables import (
    AUTH,
    FAMILY,
    FAMILY_TRIES,
    GUARDIAN_UNDER,
    KEPT,
    PROOFS,
    QR,
)
from tests.service.machine.town import Ask, ModelCard, ModelPerson, Shown


class Ecards(Cards):
    """Electronic cards in programs, their codes, family members."""

    def ecard(self, ask: Ask, level: int) -> Verdict:
        """签发."""
        who, card = ask.who, self._named(ask)
        if card is None:
            return "NOT_FOUND"
        if not card.pays(self.now):
            return "STATE"
        wanted = ask.details.get("level", 1)
        if wanted > 1 and not (who.bank and who.phone):
            return "DOCUMENTS"

        def done(data: dict[str, Any]) -> None:
            same = (ask.device, card, wanted) in who.bound
            assert (data["changed"], data["level"]) == (not same, wanted)
            if same:
                return
            for one in [one for one in who.bound if one[0] == ask.device]:
                self.unbind(ask, one)
            who.bound.append((ask.device, card, wanted))
            self.tell(who, "holder")

        return done

    def unbind(self, ask: Ask, bound: tuple[str, ModelCard, int]) -> None:
        """A program shows a card no more."""
        ask.who.bound.remove(bound)
        self.forget_codes(bound[1])

    def ecard_code(self, ask: Ask, level: int) -> Verdict:
        """亮码."""
        who, card = ask.who, ask.who.present(self.now)
        if card is None or all(one[:2] != (ask.device, card) for one in who.bound):
            return "NOT_FOUND"
        if not card.pays(self.now):
            return "STATE"
        number = ask.details.get("member", 0)
        if number:
            found = next((one for one in who.family if one[0] == number), None)
            card = None if found is None or found[1].died else found[1].present(self.now)
            if card is None:
                return "NOT_FOUND"
            if not card.pays(self.now):
                return "STATE"
        kind = ask.details.get("kind", "qr")

        def done(data: dict[str, Any]) -> None:
            seconds = QR if kind == "qr" else AUTH
            assert data["seconds"] == seconds
            for one in self.shown:  # kept for an hour after its end
                one.gone = one.gone or one.until < self.now - timedelta(seconds=KEPT)
            until = self.now + timedelta(seconds=seconds)
            self.shown.append(Shown(data["code"], kind, card, until))
            del self.shown[:-40]

        return done

    def ecard_decode(self, ask: Ask, level: int) -> Verdict:
        """解码, of a channel that signs."""
        found = self.read(ask.details["code"])
        if isinstance(found, str):
            return found

        def done(data: dict[str, Any]) -> None:
            assert (data["status"], data["pays"]) == (1, True)
            assert data["card"][-2:] == found.number[-2:]
            who = next(one for one in self.people if found in one.cards)
            assert data["level"] == max([one[2] for one in who.bound if one[1] is found], default=1)
            assert data["name"] != who.name

        return done

    def read(self, text: str) -> str | ModelCard:
        """Whose code it is; it is read by that, also where it is refused."""
        shown = next((one for one in self.shown if one.text == text), None)
        if shown is None or shown.gone:
            return "NOT_FOUND"
        if shown.until <= self.now:
            return "STALE"
        if shown.kind == "qr":
            if shown.read:
                return "ALREADY"
            shown.read = True
        return shown.card if shown.card.pays(self.now) else "STATE"

    def unlink(self, ask: Ask, level: int) -> Verdict:
        """解除关联."""

        def done(data: dict[str, Any]) -> None:
            everywhere = ask.details.get("everywhere") or ask.clerk
            ended = [one for one in ask.who.bound if everywhere or one[0] == ask.device]
            for one in ended:
                self.unbind(ask, one)
            assert data["ended"] == len(ended)

        return done

    def family_add(self, ask: Ask, level: int) -> Verdict:
        """亲情账户: who is 16 or older agrees by a code of his own card; a person has ten
        wrong tries an hour."""
        member = ask.shown["member"]
        details = ask.details
        wrong = self.family_wrong.setdefault(ask.who.id, [])
        if sum(one >= self.now - timedelta(hours=1) for one in wrong) >= FAMILY_TRIES:
            return "RATE"
        wrong.append(self.now)
        code = details.get("code")
        read: str | ModelCard | None = self.read(code) if code else None
        if isinstance(read, str):
            return read
        if not member.id or details["name"] != member.name or member.died:
            return "WRONG_PROOF"
        if member is ask.who:
            return "FORMAT"
        face = details.get("face") and "face" in PROOFS[ask.channel]
        if member.minor(self.now, GUARDIAN_UNDER):
            if not face:
                return "LEVEL_TOO_LOW"
        elif read not in member.cards:
            return "WRONG_PROOF"
        wrong.pop()
        if any(one[1] is member for one in ask.who.family):
            return "ALREADY"
        relation = details["relation"]
        if sum(one[2] == relation for one in ask.who.family) >= FAMILY[relation]:
            return "FORMAT"
        card = member.present(self.now)
        if card is None:
            return "NOT_FOUND"
        if not card.pays(self.now):
            return "STATE"
        return lambda data: ask.who.family.append((data["member"], member, relation))

    def family(self, ask: Ask, level: int) -> Verdict:
        """The members, and whose card pays."""

        def done(data: dict[str, Any]) -> None:
            pays = [
                (number, bool((card := one.present(self.now)) and card.pays(self.now)))
                for number, one, _ in ask.who.family
            ]
            assert [(one["member"], one["pays"]) for one in data["members"]] == pays

        return done

    def family_end(self, ask: Ask, level: int) -> Verdict:
        """By either of the two."""
        number = ask.details["member"]
        for who in self.people:
            for one in who.family:
                if one[0] == number and ask.who in (who, one[1]):
                    return partial(self._end_family, who, one)
        return "NOT_FOUND"

    def _end_family(
        self, who: ModelPerson, one: tuple[int, ModelPerson, str], data: dict[str, Any]
    ) -> None:
        assert data["ended"] is True
        who.family.remove(one)
        card = one[1].present(self.now)
        if card is not None:
            self.forget_codes(card)

    def card_state(self, ask: Ask, level: int) -> Verdict:
        """Whether a card pays, for a till that has it before it."""
        if ask.card is None:
            return "NOT_FOUND"

        def done(data: dict[str, Any]) -> None:
            assert ask.card is not None
            assert data["status"] == ask.card.at(self.now)
            assert data["pays"] == ask.card.pays(self.now)

        return done
