# SPDX-License-Identifier: Apache-2.0
"""Bytes of many messages answered as a group: what one by one would leave, and who is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pytest

from sscard_chip.settlement.ledger import Ledger, LedgerRefusedError, register_cards
from sscard_chip.settlement.platform import HOLD, Platform
from sscard_chip.settlement.policy import CentrePolicy, PoolShare, SaleCaps
from tests.settlement.ledger.people import cards
from tests.settlement.platform.centre import (
    balances,
    bill,
    message,
    msgid,
    open_platform,
    person,
    row_of,
)
from tests.settlement.platform.test_straight import tables_of

CARDS: Final = 40
MONEY: Final = 50_00
POLICY: Final = CentrePolicy(
    pool={"41": PoolShare(percent=50, deductible_fen=200)},
    caps=SaleCaps(sale_fen=40_00, card_day_fen=45_00, pharmacy_day_fen=700_00),
)


def code(card: int) -> str:
    return "510100" + card.to_bytes(13).hex().upper()


def hold(number: int, card: int, yuan: str, split: Sequence[int] | None = None) -> dict[str, Any]:
    extra: dict[str, Any] = {"card_sn": code(card)} | ({"split": list(split)} if split else {})
    node = bill(yuan, extra=json.dumps(extra), psn_no=f"P{card:04d}", mdtrt_cert_no=f"Z{card:08d}")
    return message(HOLD, number, node)


def confirm(info: dict[str, str], number: int, card: int, **changes: Any) -> dict[str, Any]:
    labels: dict[str, Any] = {
        "card_id_code": bytes.fromhex(code(card)),
        "card_number": f"Z{card:08d}",
        "diversification_factor": card.to_bytes(8),
        "transaction_number": 1,
    }
    row = row_of(info, number, **labels | changes)
    extra = json.dumps({"setl_id": info["setl_id"], "row": row.encode()})
    return message("2102", 1000 + number, bill(info["medfee_sumamt"], extra=extra))


def together(platform: Platform, asked: Iterable[dict[str, Any]]) -> list[Any]:
    """The answers to a group, as the serving process gives them: what is unusual by itself."""
    bodies = [json.dumps(one).encode() for one in asked]
    told = platform.handle_group(bodies)
    return [
        one if isinstance(one, Exception) else json.loads(one or platform.handle_json(body))
        for one, body in zip(told, bodies, strict=True)
    ]


def opened(ledger: Ledger) -> Platform:
    with ledger.transaction() as t:
        register_cards(t, cards(CARDS, opening_fen=MONEY, valid_to=20301231), "20260301", "cards")
    return open_platform(ledger, policy=POLICY)


HOLDS: Final = [hold(at, at, f"{at}.50") for at in range(1, 34)]
"""More than a statement takes; the account pays all, some with the pool."""


def test_a_group_leaves_what_one_by_one_leaves(ledger_url: str, tmp_path: Any) -> None:
    told, tables = [], []
    for url, size in ((ledger_url, 64), (str(tmp_path / "other.db"), 1)):
        with Ledger.open(url) as ledger:
            platform = opened(ledger)

            def group(
                asked: list[dict[str, Any]], size: int = size, platform: Platform = platform
            ) -> list[Any]:
                parts = (asked[at : at + size] for at in range(0, len(asked), size))
                return [one for part in parts for one in together(platform, part)]

            first = platform.handle(hold(900, 40, "1.00"))  # the terminal is the pharmacy's
            platform.handle(confirm(first["output"]["setlinfo"], 900, 40))
            held = group(HOLDS)
            assert {one["infcode"] for one in held} == {0}
            done = group(
                [confirm(one["output"]["setlinfo"], at, at) for at, one in enumerate(held, 1)]
            )
            assert {one["infcode"] for one in done} == {0}
            assert ledger.check().problems == ()
            told.append([_plain(one) for one in (*held, *done)])
            tables.append((balances(ledger), tables_of(ledger)))
    assert told[0] == told[1]
    assert tables[0][0] == tables[1][0]
    if "://" not in ledger_url:
        assert tables[0][1] == tables[1][1]


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in answer.items() if not name.endswith("_time")}


def test_what_one_group_may_not_do_twice(ledger: Ledger) -> None:
    """A second sale of an account, a msgid with other content, caps: as if they came in turn."""
    platform = opened(ledger)
    asked = [
        hold(1, 1, "30.00", (3000, 0, 0)),
        hold(2, 1, "25.00", (2500, 0, 0)),  # of the same account, which has 50.00
        hold(1, 2, "1.00"),  # the msgid of the first
        hold(3, 3, "40.01"),  # over the cap of a sale
        hold(4, 4, "40.00", (4000, 0, 0)),
        hold(5, 99, "1.00"),  # nobody's card
        message("1101", 6, person()),
        hold(7, 7, "1.00"),
    ]
    told = together(platform, asked)
    assert [one["infcode"] for one in told] == [0, -1, -1, -1, 0, -1, 0, 0]
    assert [told[at]["err_msg"] for at in (1, 2, 3)] == [
        "the card is over its cap of a day",
        "this msgid was used for something else",
        "the bill is over the cap of a sale",
    ]
    info = told[0]["output"]["setlinfo"]
    other = told[7]["output"]["setlinfo"]
    good = confirm(info, 1, 1)
    first = platform.handle(good)
    assert first["infcode"] == 0
    same = confirm(other, 7, 7, terminal_transaction_number=1)  # the terminal's number of another
    right = confirm(other, 7, 7)
    right["msgid"] = msgid(1500)
    told = together(platform, [good, same, right, good])
    assert told[0] == told[3] == first
    assert [one["infcode"] for one in told[1:3]] == [-1, 0]
    assert ledger.check().problems == ()


def test_one_debit_twice_in_a_group(ledger: Ledger) -> None:
    """Two settlements with one number of the terminal, two confirmations of one settlement."""
    platform = opened(ledger)
    first = platform.handle(hold(900, 40, "1.00"))
    platform.handle(confirm(first["output"]["setlinfo"], 900, 40))
    infos = [one["output"]["setlinfo"] for one in together(platform, HOLDS[:4])]
    again = confirm(infos[2], 3, 3) | {"msgid": msgid(1600)}
    asked = [
        confirm(infos[0], 1, 1),
        confirm(infos[1], 1, 2) | {"msgid": msgid(1002)},
        confirm(infos[2], 3, 3),
        again,
        confirm(infos[3], 4, 4, tac=bytes(4)),
    ]
    told = together(platform, asked)
    assert [one["infcode"] for one in told] == [0, -1, 0, 0, -1]
    assert told[4]["err_msg"] == "the TAC is wrong"
    assert balances(ledger)["held"] == 225 + 325  # the pool pays half of what is above 2 yuan
    assert ledger.check().problems == ()


def test_a_group_that_the_database_refuses_is_done_by_parts(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = opened(ledger)
    straight: Any = platform._straight
    right, sizes = straight.put_in, []

    def refused(t: Any, questions: Any) -> Any:
        sizes.append(len(questions))
        if len(questions) > 1:
            right(t, questions)  # what it has written is undone
            raise LedgerRefusedError("a rule")
        return right(t, questions)

    if ledger.database.is_sqlite:
        monkeypatch.setattr(straight, "put_in", refused)
    told = together(platform, HOLDS[:3])
    assert [one["infcode"] for one in told] == [0, 0, 0]
    assert sizes == ([3, 1, 1, 1] if ledger.database.is_sqlite else [])
    assert ledger.check().problems == ()
