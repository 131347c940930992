# SPDX-License-Identifier: Apache-2.0
"""What the machine asks: a request out of a few small numbers, with any proof and any content."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sscard_service import CardProof, SeenDocument
from sscard_service.evidence import OtherPerson
from tests.service.city import photo
from tests.service.machine.model import Model, month_after
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
GUARDIAN: Final = "990000198803120025"
"""Of the guardian and of whoever comes in another's place: nobody in the town."""
OF_CARDS: Final = (
    *(3 * ["loss"]), *(3 * ["lift"]), *(3 * ["formal"]), *(4 * ["replace"]), *(2 * ["apply"]),
    *(4 * ["review"]), *(4 * ["batch"]), *(4 * ["made"]), *(4 * ["arrive"]), *(4 * ["collect"]),
    *(3 * ["activate"]), "withdraw", "cancel", "progress", "applications", "status", "card_state",
    "seal",
)  # fmt: skip
OF_PERSONS: Final = (
    *(3 * ["login"]), "logout", *(3 * ["code"]), "password", "ecard_password", "contact", "rename",
    *(2 * ["balance"]), "status", "person", "insurances", "pension", "benefits", "settlements",
    "policy", "paper", "papers", *(2 * ["paper_print"]), "undelivered", "verify", "loss", "lift",
)  # fmt: skip
OF_ECARDS: Final = (
    *(3 * ["ecard"]), *(4 * ["ecard_code"]), *(4 * ["ecard_decode"]), "unlink",
    *(3 * ["family_add"]), "family", "family_end", "card_state", "loss", "lift", "formal",
)  # fmt: skip
OF_MONEY: Final = (
    "levels", *(2 * ["level"]), "level_stop", *(3 * ["bill"]), "bills", "bill_withdraw",
    *(2 * ["bill_paid"]), *(2 * ["filing"]), "filings", *(2 * ["unfile"]), "contributions",
)  # fmt: skip
"""Operations of a kind, by how often they are asked for."""


_FIT: Final = {
    "lift": {TEMPORARY}, "replace": {FORMAL, NORMAL}, "apply": {CANCELLED}, "ecard": {NORMAL},
    "ecard_code": {NORMAL},
}  # fmt: skip
"""States of the present card in which an operation is mostly asked for."""


class Asking:
    """Makes requests about the people of a model."""

    def __init__(self, model: Model, nobody: ModelPerson) -> None:
        self.model = model
        self.people = [*model.people, nobody]
        self.tokens: list[tuple[ModelPerson, str, str, str]] = []
        """Sessions that there were: whose, token, channel, device."""
        self.receipts: list[str] = ["0" * 16]
        self.papers: list[str] = ["0" * 20]
        self.serial = 100

    def make(self, operation: str, way: int, proof: int, whom: int, variant: int) -> Ask:
        """A request; mostly one that is offered, by somebody whom it concerns, with a proof that
        is enough."""
        if operation in ("seal", "cancel") and variant % 4:
            operation = "loss" if operation == "seal" else "formal"
        offered = [one for one in LEVELS[operation] if one != "hospital"]
        channel = CHANNELS[variant % 8] if way == 15 else offered[way % len(offered)]
        good = proof < 12
        who = self.people[-1] if whom == 15 else self._whom(operation, whom, variant, good)
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
        if operation in ("replace", "apply") and variant % 8:
            ask.evidence["photo"] = PHOTO
        if operation in ("rename", "loss", "formal", "cancel", "lift") and variant % 4:
            ask.evidence["second_clerk"] = CLERKS[(variant + (variant % 16 > 1)) % 2]
        return ask

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

    # --- what is wanted ---------------------------------------------------------------------------

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
        day = self.model.now + timedelta(days=1 if variant % 4 == 0 else -3)
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
        chosen = sorted({one[0] for one in ask.who.choices})
        if chosen and variant % 5:
            insurances = chosen[: 1 + variant % 2]
        return {"first": first, "last": month_after(first, variant % 2), "insurances": insurances,
                "way": ("card", "counter", "counter")[variant % 3]}  # fmt: skip

    def _bill_withdraw_details(self, ask: Ask, variant: int) -> dict[str, Any]:
        known = [one.number for who in self.people for one in who.bills]
        own = [one.number for one in ask.who.bills]
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
