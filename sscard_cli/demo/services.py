# SPDX-License-Identifier: Apache-2.0
"""The end of the demonstration: the card is lost, stopped by telephone, and replaced by one that
pays.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.roots import RootKeys
from sscard_chip import Card
from sscard_chip.settlement.ledger import Ledger, register_cards
from sscard_chip.settlement.ledger.images import cards_of
from sscard_chip.settlement.platform import Platform, make_request
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import DAY, TIME
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.session import open_session
from sscard_cli.demo.terminal import line
from sscard_service import (
    CardProof,
    SeenDocument,
    ServiceActor,
    ServiceCentre,
    ServiceEvidence,
    ServiceSubject,
    load_region,
)
from sscard_service.ivr import IvrCall, TextLine, load_flow
from sscard_service.portrait import invented_photo
from sscard_service.region.model import PhotoRules
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.secrets import create_key_file

_PHARMACY: Final = "P51010000001"
_PSN_NO: Final = "1"
_OPENING_FEN: Final = 50_000
_NEW_NUMBER: Final = "C30000041"


def serve_citizen(
    card: Card, person: Mapping[str, Any], roots: RootKeys, say: Callable[[str], None]
) -> None:
    """Balance, loss, a refused sale, voucher, a new card that is collected and pays."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "city.db") as ledger:
        keys = create_key_file(Path(folder) / "service.keys")
        region = load_region()
        city = _City(ServiceCentre(ledger, keys, region), str(person["social_security_number"]))
        data = PersonData(str(person["name"]), city.identity)
        now = datetime.now()
        register = cards_of(
            [("card", connect_card(card))], psn_no=_PSN_NO, opening_fen=_OPENING_FEN
        )

        def settle_in(t: Any) -> None:
            add_persons(t, keys, [(_PSN_NO, str(person["city"]), data)], now.strftime(TIME))
            register_cards(t, register, now.strftime(DAY), "demo")

        ledger.run(settle_in, exclusive=True)
        till = _Till(ledger, str(person["city"]))
        code = _code(card)
        proof = CardProof(code, authenticated=True, pin_verified=True)
        shown = city.ask("balance", "kiosk", ServiceEvidence(card=proof))
        say(
            line(
                "自助终端 balance", f"{yuan(shown['balance_fen'])} yuan, card and PIN in the reader"
            )
        )
        _report_loss(city, str(person["card_number"]), say)
        say(line("药店 sale", till.sell(str(person["card_number"]), code)))
        _replace(city, card, person, roots, till, say)


def _report_loss(city: _City, number: str, say: Callable[[str], None]) -> None:
    """The loss by telephone, as text."""
    keys = ["2", "2", city.identity.replace("X", "*"), "1", number[-6:], "1", "9"]

    def read() -> str | None:
        typed = keys.pop(0) if keys else None
        if typed is not None:
            say(f"    > {typed if len(typed) < 6 else '*' * len(typed)}")
        return typed

    flow = load_flow(city.centre.region)
    call = IvrCall(flow, city.centre, TextLine(flow, read, lambda text: say(f"    {text}")))
    say(line("12333 loss", "a call, as text:"))
    asyncio.run(call.play())


def _replace(
    city: _City,
    card: Card,
    person: Mapping[str, Any],
    roots: RootKeys,
    till: _Till,
    say: Callable[[str], None],
) -> None:
    """From the formal report to the new card that pays."""
    city.counter("formal")
    details = {"reason": "lost", "document_to": "99991231"}
    filed = city.counter("replace", details, photo=_photo(city.centre.region.photo))
    receipt = str(filed["receipt"])
    say(line("领卡证明 voucher", f"{receipt}, due {filed['due']}"))
    new = Card(issue_card(3, roots, Holder.from_object({**person, "card_number": _NEW_NUMBER})))
    register = cards_of([("new card", connect_card(new))])
    made = {
        "card_number": _NEW_NUMBER,
        "card_id_code": _code(new),
        "factor": register.factor[0].tobytes().hex().upper(),
        "valid_to": str(register.valid_to[0]),
    }
    for operation, given in (
        ("review", {"accepted": True}),
        ("batch", {"batch": "demo"}),
        ("made", made),
        ("arrive", {"point": "hall"}),
    ):
        city.counter(operation, given, receipt=receipt)
    say(line("制卡 made", f"{_NEW_NUMBER}, not activated; {till.sell(_NEW_NUMBER, _code(new))}"))
    city.counter("collect", {"receipt": receipt})
    say(line("领卡 collected", till.sell(_NEW_NUMBER, _code(new))))
    say(line("旧卡 old card", till.sell(str(person["card_number"]), _code(card))))


class _City:
    """The service centre, and the citizen whom this is about."""

    def __init__(self, centre: ServiceCentre, identity: str) -> None:
        self.centre = centre
        self.identity = identity
        self._requests = 0

    def ask(
        self,
        operation: str,
        channel: str,
        evidence: ServiceEvidence,
        details: Mapping[str, Any] | None = None,
        *,
        receipt: str = "",
        clerk: str = "",
    ) -> dict[str, Any]:
        self._requests += 1
        subject = ServiceSubject(receipt=receipt) if receipt else ServiceSubject(self.identity)
        actor = ServiceActor("clerk" if clerk else "holder", clerk, device="demo")
        answer = self.centre.perform(
            operation, subject, actor, channel, evidence, f"demo-{self._requests}", details
        )
        return answer.data

    def counter(
        self,
        operation: str,
        details: Mapping[str, Any] | None = None,
        *,
        receipt: str = "",
        photo: str = "",
    ) -> dict[str, Any]:
        """At the counter of the office."""
        document = None if receipt else SeenDocument(self.identity, copy=True)
        evidence = ServiceEvidence(document=document, photo=photo)
        return self.ask(operation, "office", evidence, details, receipt=receipt, clerk="0017")


class _Till:
    """A pharmacy that asks the platform for an on-line sale of 12.60 yuan."""

    def __init__(self, ledger: Ledger, city: str) -> None:
        self._platform = Platform(ledger, policy=CentrePolicy(settle_at_once=True))
        self._city = city
        self._sales = 0

    def sell(self, number: str, code: str) -> str:
        """What came of a sale."""
        self._sales += 1
        now = datetime.now()
        time = f"{now:%Y-%m-%d %H:%M:%S}"
        info = {
            "psn_no": _PSN_NO, "mdtrt_cert_type": "03", "mdtrt_cert_no": number, "card_sn": code,
            "begntime": time, "medfee_sumamt": "12.60", "insutype": "310",
            "acct_used_flag": "1", "med_type": "41", "exp_content": "",
        }  # fmt: skip
        drug = {
            "feedetl_sn": "1", "fee_ocur_time": time, "med_list_codg": "X1",
            "medins_list_codg": "M1", "det_item_fee_sumamt": "12.60", "cnt": "1", "pric": "12.60",
        }  # fmt: skip
        msgid = f"{_PHARMACY}{now.strftime(TIME)}{self._sales:04d}"
        request = make_request(
            "2102", msgid, now.strftime(TIME), self._city, self._city,
            {"druginfo": info, "drugdetail": [drug]}, operator=_PHARMACY,
        )  # fmt: skip
        answer = self._platform.handle(request)
        if answer["infcode"] != "0" and answer["infcode"] != 0:
            return f"refused: {answer['err_msg']}"
        return f"paid {answer['output']['setlinfo']['acct_pay']} yuan from the account"


def _code(card: Card) -> str:
    """The 卡识别码 of a card."""
    return open_session(connect_card(card)).identification.hex().upper()


def _photo(rules: PhotoRules) -> str:
    return base64.b64encode(invented_photo(rules)).decode()
