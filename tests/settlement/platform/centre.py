# SPDX-License-Identifier: Apache-2.0
"""A centre with two cards of one city, and the messages of a pharmacy."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.dayfile.envelope import compact
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.settlement.ledger import AccountKind, Ledger, register_cards
from sscard_chip.settlement.platform import Platform, PlatformAuthoriser, make_request
from sscard_chip.settlement.platform import ledger_authoriser as on_ledger
from sscard_chip.settlement.policy import CentrePolicy, PoolShare
from sscard_chip.standard.settlement_mode import Split
from tests.bench.issued import roots
from tests.bench.shop import tac_of
from tests.settlement.ledger.people import cards

PHARMACY: Final = "P51010000001"
TIME: Final = "20260315101112"
BALANCE: Final = 100_00
CARD: Final = "51010000000000000000000000000001"
PERSON: Final = "P0001"
SHARING: Final = CentrePolicy(
    settle_at_once=True, pool={"41": PoolShare(percent=100, deductible_fen=1500)}
)
"""Of a bill above 15 yuan the pooled fund pays the rest: 20 yuan of 35. No TAC is needed to settle
at once."""


NO_POOL: Final = CentrePolicy(settle_at_once=True)
"""The same, and the pooled fund pays nothing."""
_OPTIONS: Final[dict[str, Any]] = {"policy": SHARING, "keys": roots(), "test_clock": True}
_STRICT: Final[dict[str, Any]] = {**_OPTIONS, "strict": True}


def open_platform(ledger: Ledger, **changes: Any) -> Platform:
    """A strict test centre with the root keys of all tests, and the policy :data:`SHARING`."""
    return Platform(ledger, **_STRICT | changes)


def ledger_authoriser(ledger: Ledger, **changes: Any) -> PlatformAuthoriser:
    """The same behind a till's authoriser."""
    return on_ledger(ledger, **_OPTIONS | changes)


def row_of(info: dict[str, str], number: int = 1, **changes: Any) -> DayRow:
    """What a till writes of a ``setlinfo``: card 1 has paid, number ``number`` of both sides."""
    parts = ("acct_pay", "psn_cash_pay", "fund_pay_sumamt")
    split = Split(*(int(info[name].replace(".", "")) for name in parts))
    values: dict[str, Any] = {
        "setl_id": info["setl_id"],
        "mdtrt_id": info["mdtrt_id"],
        "psn_no": info["psn_no"],
        "total_fen": split.total_fen,
        "fund_fen": split.pooled_fen,
        "account_fen": split.account_fen,
        "cash_fen": split.self_paid_fen,
        "refund": False,
        "msgid": info["medins_setl_id"],
        "treatment_division": "510100",
        "insured_division": "510100",
        "card_id_code": bytes.fromhex(CARD),
        "card_number": "Z00000001",
        "diversification_factor": (1).to_bytes(8),
        "algorithm": "3des",
        "key_version": 1,
        "transaction_number": number,
        "transaction_type": 0x32,
        "terminal_id": "510100000001",
        "terminal_transaction_number": number,
        "time": info["setl_time"].translate({ord(one): None for one in "-: "}),
        "card_account_fen": 0,
        "card_self_paid_fen": split.total_fen,
        "card_pooled_fen": split.account_fen + split.pooled_fen,
        "tac": None,
        "grey": False,
    }
    row = DayRow(**values | changes)
    return row if "tac" in changes else DayRow(**values | changes | {"tac": tac_of(row)})


def confirmation(info: dict[str, str], number: int = 1, **changes: Any) -> dict[str, Any]:
    """What confirms the hold of a ``setlinfo``, with its row."""
    extra = {"setl_id": info["setl_id"], "row": row_of(info, number, **changes).encode()}
    return bill(info["medfee_sumamt"], extra=compact(extra))


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
