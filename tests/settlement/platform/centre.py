# SPDX-License-Identifier: Apache-2.0
"""A centre with two cards of one city, and the messages of a pharmacy."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.settlement.ledger import AccountKind, Ledger, register_cards
from sscard_chip.settlement.platform import make_request
from tests.settlement.ledger.people import cards

PHARMACY: Final = "P51010000001"
TIME: Final = "20260315101112"
BALANCE: Final = 100_00
CARD: Final = "51010000000000000000000000000001"
PERSON: Final = "P0001"


def open_centre(ledger: Ledger) -> None:
    """Two cards: one with a known person and 100 yuan, one of nobody known, empty."""
    with ledger.transaction() as t:
        register_cards(t, cards(1, opening_fen=BALANCE, valid_to=20301231), "20260301", "cards:1")
        register_cards(t, cards(1, first=2, psn_no=None), "20260301", "cards:2")


def msgid(sequence: int, institution: str = PHARMACY, time: str = TIME) -> str:
    return f"{institution}{time}{sequence:04d}"


def message(infno: str, number: int | str, node: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """A request; ``number`` is a sequence or a whole msgid."""
    whole = msgid(number) if isinstance(number, int) else number
    request = make_request(infno, whole, TIME, "510100", "510100", node, operator="510100000001")
    return request | envelope


def person(**changes: Any) -> dict[str, Any]:
    data = {"mdtrt_cert_type": "03", "mdtrt_cert_no": "Z00000001", "card_sn": CARD}
    return {"data": data | changes}


def bill(*amounts: str, extra: str = "", **changes: Any) -> dict[str, Any]:
    """A bill of lines with these amounts (yuan); their sum in fen is exact."""
    total = sum(int(one.replace(".", "")) for one in amounts)
    info = {
        "psn_no": PERSON,
        "mdtrt_cert_type": "03",
        "mdtrt_cert_no": "Z00000001",
        "begntime": "2026-03-15 10:11:12",
        "medfee_sumamt": f"{total // 100}.{total % 100:02d}",
        "insutype": "310",
        "acct_used_flag": "1",
        "med_type": "41",
        "exp_content": extra,
    }
    lines = [
        {
            "feedetl_sn": f"{at}",
            "fee_ocur_time": "2026-03-15 10:11:12",
            "med_list_codg": "X1",
            "medins_list_codg": "M1",
            "det_item_fee_sumamt": amount,
            "cnt": "1",
            "pric": amount,
        }
        for at, amount in enumerate(amounts, 1)
    ]
    return {"druginfo": info | changes, "drugdetail": lines}


def back(info: dict[str, str], **changes: Any) -> dict[str, Any]:
    """What cancels the settlement of a ``setlinfo``."""
    names = ("psn_no", "setl_id", "mdtrt_id")
    return {"data": {name: info[name] for name in names} | changes}


def undo(omsgid: str, oinfno: str, psn_no: str = "") -> dict[str, Any]:
    return {"data": {"psn_no": psn_no, "omsgid": omsgid, "oinfno": oinfno}}


def balances(ledger: Ledger) -> dict[str, int]:
    """All balances that are not zero, by kind: personal, held, pharmacy and so on, in fen."""
    with ledger.reading() as t:
        found = {str(kind): sum(t.balances_of(kind).values()) for kind in AccountKind}
    return {kind: fen for kind, fen in found.items() if fen and kind != "funding"}
