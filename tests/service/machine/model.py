# SPDX-License-Identifier: Apache-2.0
"""The model: level choices, bills and filings, and what it says of any request."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.service.machine.cards import Verdict
from tests.service.machine.own import Own
from tests.service.machine.tables import FEN, FILING_MONTHS, NORMAL
from tests.service.machine.town import Ask, ModelBill, ModelFiling, ModelPerson, Region

CHOOSERS = "灵活就业"
_LAST = "99991231"


def month_after(month: str, count: int = 1) -> str:
    """So many months after one, YYYYMM."""
    year, number = divmod(int(month[:4]) * 12 + int(month[4:]) - 1 + count, 12)
    return f"{year:04d}{number + 1:02d}"


class Model(Own):
    """What the card services are to answer, and what is so afterwards."""

    def __init__(self, now: datetime, region: Region, people: Sequence[ModelPerson]) -> None:
        super().__init__(now, region)
        self.people = list(people)
        self.everything = sorted(
            (card for who in people for card in who.cards), key=lambda one: one.id
        )
        self.papers_known = {}
        self.audited = 0
        """Rows of the audit."""

    def expect(self, ask: Ask) -> Verdict:
        """The code of a refusal, or what an answer is looked at by."""
        level = self.verdict(ask)
        if level != "CHANNEL":
            self.audited += 1
        if isinstance(level, str):
            return level
        judged: Verdict = getattr(self, ask.operation)(ask, level)
        if isinstance(judged, str):
            return judged

        def done(data: dict[str, Any]) -> None:
            if self.counts(ask) == "code":  # used once
                ask.who.old_codes.append(ask.shown["code"])
                ask.who.code = None
            judged(data)

        return done

    # --- level choices and bills ------------------------------------------------------------------

    def levels(self, ask: Ask, level: int) -> Verdict:
        """What was chosen."""

        def done(data: dict[str, Any]) -> None:
            chosen = [(one["insurance"], one["level"], one["month"]) for one in data["chosen"]]
            assert chosen == ask.who.choices
            assert data["may_choose"] == (ask.who.class_ == CHOOSERS)

        return done

    def chosen(self, who: ModelPerson, insurance: str, month: str) -> str:
        """The level that holds in a month: the last one of the latest month that is not later."""
        own = [one for one in who.choices if one[0] == insurance and one[2] <= month]
        latest = max((one[2] for one in own), default="")
        return [one[1] for one in own if one[2] == latest][-1] if own else ""

    def level(self, ask: Ask, level: int) -> Verdict:
        """From the next month on, but for months that are billed."""
        if ask.who.class_ != CHOOSERS:
            return "CLASS"
        insurance, code = ask.details["insurance"], ask.details["level"]
        return self._choose(ask, insurance, code) if (insurance, code) in FEN else "FORMAT"

    def level_stop(self, ask: Ask, level: int) -> Verdict:
        """停缴."""
        who, insurance = ask.who, ask.details["insurance"]
        if who.class_ != CHOOSERS:
            return "CLASS"
        if all(one[0] != insurance for one in who.choices):
            return "NOT_FOUND"
        if not self.chosen(who, insurance, month_after(f"{self.now:%Y%m}")):
            return "ALREADY"
        return self._choose(ask, insurance, "")

    def _choose(self, ask: Ask, insurance: str, code: str) -> Verdict:
        who, month = ask.who, month_after(f"{self.now:%Y%m}")
        for bill in who.bills:
            held = [when for name, when in bill.lines if name == insurance and when >= month]
            if held and bill.state != "withdrawn":
                return "RUNNING" if bill.state == "open" else "TOO_LATE"

        def done(data: dict[str, Any]) -> None:
            assert data["month"] == month
            who.choices.append((insurance, code, month))
            self.tell(who, "holder")

        return done

    def bill(self, ask: Ask, level: int) -> Verdict:
        """Months that have a level, none of them twice."""
        who, details = ask.who, ask.details
        if who.class_ != CHOOSERS:
            return "CLASS"
        way = details.get("way", "card")
        if way == "card" and not (who.bank and who.phone):
            return "DOCUMENTS"
        this = f"{self.now:%Y%m}"
        months = [month_after(this, one) for one in range(12)]
        first, last = details["first"], details["last"]
        if first not in months or last not in months or last < first:
            return "FORMAT"
        lines = {}
        for insurance in details["insurances"]:
            for month in months:
                if first <= month <= last:
                    code = self.chosen(who, insurance, month)
                    if not code:
                        return "FORMAT"
                    lines[insurance, month] = FEN[insurance, code][0]
        for other in who.bills:
            if other.state != "withdrawn" and lines.keys() & other.lines.keys():
                return "RUNNING" if other.state == "open" else "ALREADY"

        def done(data: dict[str, Any]) -> None:
            assert (data["fen"], data["state"]) == (sum(lines.values()), "open")
            who.bills.append(ModelBill(data["bill"], lines, "open", way))
            self.tell(who, *(["debit"] if way == "card" else []), "holder")

        return done

    def bills(self, ask: Ask, level: int) -> Verdict:
        """The bills with their states."""

        def done(data: dict[str, Any]) -> None:
            found = [(one["bill"], one["state"], one["fen"]) for one in data["bills"]]
            assert found == [
                (one.number, one.state, sum(one.lines.values())) for one in ask.who.bills
            ]

        return done

    def bill_withdraw(self, ask: Ask, level: int) -> Verdict:
        """Until it is paid."""
        one = next((one for one in ask.who.bills if one.number == ask.details["bill"]), None)
        return self._end(ask.who, one, "withdrawn")

    def bill_paid(self, ask: Ask, level: int) -> Verdict:
        """Contributions are posted by it."""
        for who in self.people:
            for one in who.bills:
                if one.number == ask.details["bill"]:
                    return self._end(who, one, "paid")
        return "NOT_FOUND"

    def _end(self, who: ModelPerson, one: ModelBill | None, state: str) -> Verdict:
        if one is None:
            return "NOT_FOUND"
        if one.state != "open":
            return "ALREADY" if one.state == state else "TOO_LATE"

        def done(data: dict[str, Any]) -> None:
            assert (data["bill"], data["state"]) == (one.number, state)
            one.state = state
            if state == "paid":
                who.paid |= one.lines.keys()
            elif one.way == "card":
                self.tell(who, "debit")

        return done

    # --- filings ----------------------------------------------------------------------------------

    def filing(self, ask: Ask, level: int) -> Verdict:
        """备案: two never hold on one day."""
        details, today = ask.details, f"{self.now:%Y%m%d}"
        begins, ends = details["begndate"], details.get("enddate", "")
        last = f"{self.now + timedelta(days=366):%Y%m%d}"
        if details["mdtrtarea_admdvs"][:4] == ask.who.division[:4]:
            return "FORMAT"
        if not today <= begins <= last or (ends and ends < begins):
            return "FORMAT"
        if details["kind"] == "referral" and details.get("refl_date", _LAST) > today:
            return "FORMAT"
        if not ends and details["kind"] in ("referral", "other"):
            month = month_after(begins[:6], FILING_MONTHS)
            most = calendar.monthrange(int(month[:4]), int(month[4:]))[1]
            day = datetime.strptime(f"{month}{min(int(begins[6:]), most):02d}", "%Y%m%d")
            ends = f"{day - timedelta(days=1):%Y%m%d}"
        for one in ask.who.filings:
            meets = one.begins <= (ends or _LAST) and begins <= (one.ends or _LAST)
            if meets and not one.withdrawn:
                return "RUNNING"

        def done(data: dict[str, Any]) -> None:
            assert data["enddate"] == ends
            ask.who.filings.append(ModelFiling(data["trt_dcla_detl_sn"], begins, ends))

        return done

    def unfile(self, ask: Ask, level: int) -> Verdict:
        """Ended early, or withdrawn before it begins."""
        today, details = f"{self.now:%Y%m%d}", ask.details
        one = next(
            (one for one in ask.who.filings if one.number == details["trt_dcla_detl_sn"]), None
        )
        if one is None:
            return "NOT_FOUND"
        if one.withdrawn or one.ended or (one.ends and one.ends < today):
            return "ALREADY"
        ends = details.get("enddate", "")
        if not ends and one.begins <= today:
            return "TOO_LATE"
        if ends and not max(one.begins, today) <= ends <= (one.ends or _LAST):
            return "FORMAT"

        def done(data: dict[str, Any]) -> None:
            assert data["withdrawn"] == (not ends)
            one.ended, one.withdrawn, one.ends = bool(ends), not ends, ends or one.ends

        return done

    def filings(self, ask: Ask, level: int) -> Verdict:
        """Which of them hold today."""

        def done(data: dict[str, Any]) -> None:
            assert [one["state"] for one in data["filings"]] == [
                self._filed(one) for one in ask.who.filings
            ]

        return done

    def _filed(self, one: ModelFiling) -> str:
        today = f"{self.now:%Y%m%d}"
        if one.withdrawn:
            return "withdrawn"
        if one.ends and one.ends < today:
            return "ended"
        return "holds" if one.begins <= today else "to come"

    # --- sales ------------------------------------------------------------------------------------

    def sold(self, who: ModelPerson, serial: int, fen: int) -> int | None:
        """What a sale takes from the account; None: it is refused."""
        card = next(one for one in who.cards if one.serial == serial)
        if card.at(self.now) != NORMAL or card.expired(self.now):
            return None
        return min(fen, who.fen)
