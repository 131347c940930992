# SPDX-License-Identifier: Apache-2.0
"""What the model expects of a person's own things: sessions, passwords, data, enquiries, papers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.service.machine.cards import Verdict
from tests.service.machine.ecards import Ecards
from tests.service.machine.tables import (
    CANCELLED,
    CODE,
    CODES_HOUR,
    HELD,
    PAPERS_A_DAY,
    SEALED,
    SESSION,
)
from tests.service.machine.town import Ask, Code, ModelPaper, ModelSession

_ROWS = ("111111", "123456")


class Own(Ecards):
    """Sessions, codes, passwords; own data; enquiries; papers."""

    papers_known: dict[str, ModelPaper]

    # --- proofs for the next time -----------------------------------------------------------------

    def login(self, ask: Ask, level: int) -> Verdict:
        """A session of the level that was proven."""

        def done(data: dict[str, Any]) -> None:
            who = ask.who
            ends = self.now + timedelta(seconds=SESSION)
            password = "initial" if who.initial else "own" if who.query else "none"
            assert (data["level"], data["ends"]) == (level, f"{ends:%Y%m%d%H%M%S}")
            assert data["password"] == password
            who.sessions[data["token"]] = ModelSession(ask.channel, ask.device, level, ends)

        return done

    def logout(self, ask: Ask, level: int) -> Verdict:
        """The end of a session."""

        def done(data: dict[str, Any]) -> None:
            ended = ask.who.sessions.pop(ask.shown.get("token", ""), None)
            assert data["ended"] == (ended is not None)

        return done

    def code(self, ask: Ask, level: int) -> Verdict:
        """A code by telephone, so many an hour."""
        who = ask.who
        if not who.phone:
            return "NOT_FOUND"
        since = self.now - timedelta(hours=1)
        if sum(one >= since for one in who.codes_sent) >= CODES_HOUR:
            return "RATE"

        def done(data: dict[str, Any]) -> None:
            assert who.phone not in str(data)
            who.codes_sent.append(self.now)
            if who.code is not None:
                who.old_codes = [*who.old_codes[-3:], who.code.text]
            ends = self.now + timedelta(seconds=CODE)
            who.code = Code(ask.shown["sent"](), ends)
            self.tell(who, "holder")

        return done

    def password(self, ask: Ask, level: int) -> Verdict:
        """A new query password: nothing that follows from a number, no plain row."""
        who, word = ask.who, ask.details["password"]
        numbers = (who.identity, who.phone, *(card.number for card in who.cards))
        if any(word.upper() in number for number in numbers) or word in _ROWS:
            return "FORMAT"

        def done(data: dict[str, Any]) -> None:
            who.query, who.initial = word, False
            who.sessions = {}
            self.tell(who, "holder")

        return done

    def ecard_password(self, ask: Ask, level: int) -> Verdict:
        """One for all programs."""
        word = ask.details["password"]
        if word in _ROWS:
            return "FORMAT"

        def done(data: dict[str, Any]) -> None:
            who = ask.who
            who.ecard = word
            who.sessions = {key: one for key, one in who.sessions.items() if one.channel != "app"}
            self.tell(who, "holder")

        return done

    # --- own data ---------------------------------------------------------------------------------

    def contact(self, ask: Ask, level: int) -> Verdict:
        """Telephone and address; the old telephone hears of it."""
        who, new = ask.who, ask.details

        def done(data: dict[str, Any]) -> None:
            phone, address = new.get("phone", who.phone), new.get("address", who.address)
            changed = (phone, address) != (who.phone, who.address)
            assert data["changed"] == changed
            if changed:
                self.tell(who, "holder")
                who.phone, who.address = phone, address

        return "FORMAT" if "<" in new.get("address", "") else done

    def rename(self, ask: Ask, level: int) -> Verdict:
        """Name and identity number, by two clerks."""
        if ask.evidence.get("second_clerk", "") in ("", ask.clerk):
            return "FOUR_EYES"
        if not ask.details.get("reason"):
            return "FORMAT"
        who, new = ask.who, ask.details
        identity, name = new.get("identity") or who.identity, new.get("name") or who.name
        if any(one is not who and one.identity == identity for one in self.people):
            return "ALREADY"

        def done(data: dict[str, Any]) -> None:
            changed = (identity, name) != (who.identity, who.name)
            held = any(one.at(self.now) in HELD for one in who.cards)
            assert (data["changed"], data["new_card"]) == (changed, changed and held)
            if changed:
                who.identity, who.name, who.sessions = identity, name, {}

        return done

    # --- enquiries --------------------------------------------------------------------------------

    def balance(self, ask: Ask, level: int) -> Verdict:
        """The sub-account."""
        return self._history(ask, level) or (
            lambda data: self._same_fen(data["balance_fen"], ask.who.fen)
        )

    def settlements(self, ask: Ask, level: int) -> Verdict:
        """What was paid from the account."""
        return self._history(ask, level) or (
            lambda data: self._same_fen(data["balance_fen"], ask.who.fen)
        )

    @staticmethod
    def _same_fen(found: int, wanted: int) -> None:
        assert found == wanted

    def _history(self, ask: Ask, level: int) -> str:
        """A card that is over is history, which level 4 sees."""
        card = self._named(ask)
        if card is None:
            return "NOT_FOUND"
        return "STATE" if card.at(self.now) in (CANCELLED, SEALED) and level < 4 else ""

    def status(self, ask: Ask, level: int) -> Verdict:
        """The states of all cards."""

        def done(data: dict[str, Any]) -> None:
            wanted = [
                (one.at(self.now), one.pays(self.now))
                for one in ask.who.cards
                if level == 4 or one.at(self.now) != CANCELLED
            ]
            assert [(one["status"], one["pays"]) for one in data["cards"]] == wanted

        return done

    def person(self, ask: Ask, level: int) -> Verdict:
        """Whole at level 4, masked below."""

        def done(data: dict[str, Any]) -> None:
            who = ask.who
            whole = (who.name, who.identity, who.phone, who.address)
            found = tuple(data[name] for name in ("name", "identity", "phone", "address"))
            assert found == whole if level == 4 else who.identity not in str(data)
            assert level == 4 or (data["name"] != who.name and data["address"] == "")
            assert len(data["cards"]) == len(who.cards)

        return done

    def _show(self, ask: Ask, level: int) -> Verdict:
        return lambda data: None

    policy = insurances = pension = benefits = _show

    def contributions(self, ask: Ask, level: int) -> Verdict:
        """What was paid by bills."""

        def done(data: dict[str, Any]) -> None:
            rows = {(one["insurance"], one["period"]) for one in data["contributions"]}
            assert len(rows) == min(len(ask.who.paid), 100)
            assert rows <= ask.who.paid

        return done

    # --- papers -----------------------------------------------------------------------------------

    def paper(self, ask: Ask, level: int) -> Verdict:
        """So many a day; a voucher of an application that runs."""
        who, day = ask.who, self.now.replace(hour=0, minute=0, second=0)
        if sum(time >= day for time, _ in who.papers) >= PAPERS_A_DAY:
            return "RATE"
        kind = ask.details["kind"]
        if kind in ("voucher", "progress"):
            if not who.applications:
                return "NOT_FOUND"
            if kind == "voucher" and not self.valid(who.applications[-1]):
                return "STATE"

        def done(data: dict[str, Any]) -> None:
            made = ModelPaper(data["code"], who)
            who.papers.append((self.now, made))
            self.papers_known[made.code] = made

        return done

    def papers(self, ask: Ask, level: int) -> Verdict:
        """All of them, with their prints."""

        def done(data: dict[str, Any]) -> None:
            found = [(one["code"], len(one["prints"])) for one in data["papers"]]
            assert found == [(one.code, len(one.prints)) for _, one in ask.who.papers]

        return done

    def _paper(self, ask: Ask) -> ModelPaper | None:
        found = self.papers_known.get(ask.details["code"])
        return found if found is not None and found.person is ask.who else None

    def paper_print(self, ask: Ask, level: int) -> Verdict:
        """The first print is one, every other a copy."""
        found = self._paper(ask)

        def done(data: dict[str, Any]) -> None:
            assert found is not None
            found.prints.append("begun")
            assert (data["number"], data["copy"]) == (len(found.prints), len(found.prints) > 1)

        return "NOT_FOUND" if found is None else done

    def undelivered(self, ask: Ask, level: int) -> Verdict:
        """Of the last print, whose file was made: the next is a copy."""
        found = self._paper(ask)
        if found is None or not found.prints:
            return "NOT_FOUND"
        if found.prints[-1] != "made":
            return "ALREADY"

        def done(data: dict[str, Any]) -> None:
            found.prints[-1] = "undelivered"
            assert data["number"] == len(found.prints)

        return done

    def verify(self, ask: Ask, level: int) -> Verdict:
        """What anybody sees who has the code."""
        found = self.papers_known.get(ask.receipt)

        def done(data: dict[str, Any]) -> None:
            assert found is not None
            found.views += 1
            assert (data["views"], data["prints"]) == (found.views, len(found.prints))
            assert found.person.identity not in str(data)

        return "NOT_FOUND" if found is None else done
