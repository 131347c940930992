# SPDX-License-Identifier: Apache-2.0
"""Own region and elsewhere are cleared apart: files, sums and ledger agree to the fen."""

from __future__ import annotations

import json
from pathlib import Path

from sscard_chip.settlement.clearing.exchange import read_exchange
from sscard_chip.settlement.ledger import AccountKind, Ledger
from tests.bench.shop import BILL, LATER, PHARMACY, TIME
from tests.settlement.town import SECOND, Town, sell_day


def test_cards_of_elsewhere_pay_here(ledger: Ledger, tmp_path: Path) -> None:
    town = Town(ledger, tmp_path)
    shares_files = sell_day(town.shop())
    away = town.shop(2, terminal=SECOND, city="330100")
    with away.till() as till:
        sold = till.sell(BILL, TIME)
        till.sell(BILL, LATER)
        till.refund(sold.row.msgid, LATER)
        till.close_day()
    summary = town.settle(shares_files, away.day_file)
    assert summary.posted == 4
    (path,) = (town.out / "regions").iterdir()
    assert path.name == "510100-330100.tsv"
    found = read_exchange(path)
    assert [row.settled for row in found.rows] == [True] * 3
    assert found.rows[0].msgid == f"{PHARMACY}{TIME}0200"
    total, fund, account, _ = found.sums_fen
    with ledger.reading() as t:
        receivable = t.balances_of(AccountKind.RECEIVABLE)
        assert {key: fen for key, fen in receivable.items() if fen} == {"330100": -(fund + account)}
        assert t.balances_of(AccountKind.PHARMACY) == {PHARMACY: 6000}
    rows = [line.split("\t") for line in (town.out / "regions.tsv").read_text().splitlines()[1:]]
    assert [(row[1], row[2], row[6]) for row in rows] == [
        ("330100", "elsewhere", "35.00"),
        ("510100", "own", "35.00"),
    ]
    summed = json.loads((town.out / "summary.json").read_text("utf-8"))["posted_fen"]
    assert summed["total_fen"] == 3500 + total
