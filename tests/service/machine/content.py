# SPDX-License-Identifier: Apache-2.0
"""What the machine asks for: the details of each operation, good ones mostly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.service.machine.model import Model, month_after
from tests.service.machine.tables import FORMAL
from tests.service.machine.town import Ask, ModelPerson, identity_of


class Content:
    """Details of requests, out of a small number and what the model knows."""

    def __init__(self, model: Model, nobody: ModelPerson) -> None:
        self.model = model
        self.people = [*model.people, nobody]
        self.receipts: list[str] = ["0" * 16]
        """Numbers of applications that there were."""
        self.papers: list[str] = ["0" * 20]
        """Codes of papers that there were."""
        self.serial = 100

    def details(self, ask: Ask, variant: int) -> dict[str, Any]:
        """The details of an operation, good ones mostly."""
        maker = getattr(self, f"_{ask.operation}_details", None)
        found: dict[str, Any] = {} if maker is None else maker(ask, variant)
        return found

    def _loss_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        if variant % 6:
            return {}
        back = (30, 60, 61, 3 * 1440, 12 * 1440, -5)[variant // 6 % 6]
        when = self.model.now - timedelta(minutes=back)
        ask.shown["back"] = back
        reason = "x" if variant % 4 else ""
        return {"time": f"{when:%Y%m%d%H%M%S}", **({"reason": reason} if reason else {})}

    _lift_details = _formal_details = _cancel_details = _loss_details

    def _seal_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        day = self.model.now + timedelta(days=1 if variant % 16 == 0 else -3)
        return {"died": f"{day:%Y%m%d}"}

    def _apply_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        found = {"document_to": "20990101" if variant % 11 else "20260101"}
        if variant % 9 == 0:
            found = {"document_to": "20990101"} if variant % 4 else {}
            found |= {"delivery": "post", "address": "虚构路1号" if variant % 2 else ""}
        return found

    def _replace_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        card = ask.who.present(self.model.now)
        reason = ("lost", "lost", "damaged", "data")[variant % 4]
        if card is not None and variant % 8:
            reason = "lost" if card.at(self.model.now) == FORMAL else "damaged"
        return self._apply_details(ask, variant // 4) | {"reason": reason}

    def _withdraw_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"receipt": self.receipts[-1]} if variant % 3 == 0 else {}

    def _review_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        if variant % 6:
            return {"accepted": True}
        return {"accepted": False, **({"reason": "x"} if variant % 4 else {})}

    def _batch_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"batch": "june"}

    def _made_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        if variant % 8 == 7:
            return {"failed": "chip"}
        self.serial += 1
        code = f"990100D156000005{self.serial:016X}"
        ends = "20360301" if variant % 5 else f"{self.model.now + timedelta(days=40):%Y%m%d}"
        return {"card_number": f"Y{self.serial:08d}", "card_id_code": code, "factor": "00" * 8,
                "valid_to": ends}  # fmt: skip

    def _arrive_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"posted": True} if variant % 3 == 0 else {"point": "1"}

    def _collect_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        running = ask.who.running
        receipt = self.receipts[-1] if running is None or variant % 8 == 0 else running.receipt
        return {"receipt": receipt}

    def _password_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        words = ("own-word-7", "own-word-8", "own-word-9", "111111", ask.who.identity[-7:-1])
        return {"password": words[variant % 5]}

    def _ecard_password_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"password": ("483920", "592031", "123456")[variant % 3]}

    def _contact_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        found = {"phone": ("19900001234", "19900005678", "19900001234", "")[variant % 4]}
        if variant % 3 == 0:
            found = {"address": ("虚构路2号", "虚构路3号", "<b>")[variant // 3 % 3]}
        return found

    def _rename_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        who = ask.who
        other = self.people[variant % len(self.people)]
        found: dict[str, Any] = {"reason": "x"} if variant % 5 else {}
        if variant % 3 == 0:
            own = identity_of(who.identity[6:14], 700 + who.id)
            return found | {"identity": other.identity if other.id else own}
        return found | {"name": f"{who.name[:2]}{'一二三四'[variant % 4]}"}

    def _level_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        pairs = (("310", "1"), ("310", "2"), ("110", "60"), ("110", "100"), ("310", "60"))
        insurance, level = pairs[variant % 5]
        return {"insurance": insurance, "level": level}

    def _level_stop_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"insurance": ("310", "110")[variant % 2]}

    def _bill_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        this = f"{self.model.now:%Y%m}"
        first = month_after(this, (1, 1, 0, 2, 1, 1, 3, 13)[variant % 8])
        insurances = (["310"], ["110"], ["310", "110"])[variant // 8 % 3]
        free = self._free_months(ask.who) if variant % 4 else []
        if free:
            insurances, first = [free[0][0]], free[0][1]
        return {"first": first, "last": month_after(first, variant % 2), "insurances": insurances,
                "way": ("card", "counter", "counter")[variant % 3]}  # fmt: skip

    def _free_months(self, who: ModelPerson) -> list[tuple[str, str]]:
        """Insurances and months that may be billed."""
        held = {line for one in who.bills if one.state != "withdrawn" for line in one.lines}
        this = f"{self.model.now:%Y%m}"
        months = [month_after(this, one) for one in range(11)]
        return [
            (insurance, month)
            for insurance in sorted({one[0] for one in who.choices})
            for month in months
            if self.model.chosen(who, insurance, month) and (insurance, month) not in held
        ]

    def _bill_withdraw_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        known = [one.number for who in self.people for one in who.bills]
        own = [one.number for one in ask.who.bills if one.state == "open"]
        if ask.operation == "bill_paid":
            own = [one.number for who in self.people for one in who.bills if one.state == "open"]
        known = own if own and variant % 5 else known
        return {"bill": known[-1 - variant % min(2, len(known))] if known else "0" * 16}

    def _bill_paid_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return self._bill_withdraw_details(ask, variant) | {"reference": f"R{variant}"}

    def _filing_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        begins = self.model.now + timedelta(days=(0, 3, 10, 40, -1, 367)[variant % 6])
        kind = ("resident", "other", "retired", "referral")[variant // 6 % 4]
        found = {"kind": kind, "begndate": f"{begins:%Y%m%d}",
                 "mdtrtarea_admdvs": "990200" if variant % 7 else "990101"}  # fmt: skip
        if variant % 3 == 0:
            ends = begins + timedelta(days=(20, 5, -1)[variant // 3 % 3])
            found["enddate"] = f"{ends:%Y%m%d}"
        if kind == "referral":
            day = self.model.now + timedelta(days=-1 if variant % 2 else 1)
            found |= {"reflin_medins_no": "H99020000001", "refl_date": f"{day:%Y%m%d}",
                      "diag_name": "虚构病"}  # fmt: skip
        return found

    def _unfile_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        known = [one.number for who in self.people for one in who.filings]
        own = [one.number for one in ask.who.filings]
        known = own if own and variant % 5 else known
        found = {
            "trt_dcla_detl_sn": known[-1 - variant % min(3, len(known))] if known else "0" * 20
        }
        if variant % 2:
            ends = self.model.now + timedelta(days=(0, 5, 50, -1)[variant // 2 % 4])
            found["enddate"] = f"{ends:%Y%m%d}"
        return found

    def _paper_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"kind": ("rights", "participation", "voucher", "progress")[variant % 4]}

    def _paper_print_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        own = [one.code for _, one in ask.who.papers]
        known = own if own and variant % 5 else self.papers
        return {"code": known[-1 - variant % min(2, len(known))]}

    _undelivered_details = _paper_print_details

    def _ecard_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"level": 1 + variant % 2}

    def _ecard_code_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": ("qr", "auth")[variant % 2]}
        if variant % 3 == 0:
            numbers = [one[0] for who in self.people for one in who.family]
            own = [one[0] for one in ask.who.family]
            numbers = own if own and variant % 5 else numbers
            found["member"] = numbers[-1] if numbers else 77
        return found

    def _ecard_decode_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        shown = self.model.shown[-4:]
        now = self.model.now
        fresh = [one for one in shown if not one.read and one.until > now and variant % 4]
        shown = fresh or shown
        return {"code": shown[-1 - variant % len(shown)].text if shown else "1" * 28}

    def _unlink_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {"everywhere": variant % 3 == 0}

    def _family_add_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        member = self.people[variant % len(self.people)]
        if self.model.shown and variant % 4:  # whoever has shown a code just now
            card = self.model.shown[-1].card
            member = next(one for one in self.model.people if card in one.cards)
        theirs = [one for one in self.model.shown[-6:] if one.card in member.cards]
        if theirs and variant % 7:
            code = theirs[-1].text
        elif self.model.shown and variant % 3:
            code = self.model.shown[-1].text
        else:
            code = ""
        ask.shown["member"] = member
        found = {
            "relation": ("elder", "child", "spouse", "other")[variant // 7 % 4],
            "identity": member.identity, "name": member.name if variant % 11 else "林无人",
            "face": bool(variant % 2),
        }  # fmt: skip
        return found | {"code": code} if code else found

    def _family_end_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        numbers = [one[0] for who in self.people for one in who.family]
        return {"member": numbers[variant % len(numbers)] if numbers else 77}

    def _policy_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        return {}
