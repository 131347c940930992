# SPDX-License-Identifier: Apache-2.0
"""The end of ``sscard demo``: what a citizen sees of a lost card."""

from __future__ import annotations

from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip import Card
from sscard_cli.demo import HOLDERS
from sscard_cli.demo.services import serve_citizen
from tests.bench.issued import roots


def test_a_lost_card_is_refused_and_its_successor_pays() -> None:
    said: list[str] = []
    keys, person = roots(), HOLDERS[2]
    card = Card(issue_card(3, keys, Holder.from_object(person)))
    serve_citizen(card, person, keys, said.append)
    rows = [" ".join(one.split()) for one in said]
    assert rows[0].startswith("自助终端 balance 500.00 yuan")
    assert any("the card is stopped" in one for one in rows)
    assert not any(str(person["social_security_number"]) in one for one in rows)
    assert rows[-5:][0] == "药店 sale refused: the card's status is 4 临时挂失"
    assert rows[-4].startswith("领卡证明 voucher ")
    assert rows[-3].endswith("not activated; refused: the card's status is 5 未启用")
    assert rows[-2:] == [
        "领卡 collected paid 12.60 yuan from the account",
        "旧卡 old card refused: the card's status is 9 注销",
    ]
