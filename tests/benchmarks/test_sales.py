# SPDX-License-Identifier: Apache-2.0
"""Rows 13 and 14 sell whole sales, each settled once."""

from __future__ import annotations

from pathlib import Path

from benchmarks import sales
from benchmarks.tills import Client
from issuance.stores import open_store
from sscard_chip.settlement.ledger import AccountKind, Ledger
from sscard_chip.settlement.platform import Platform


def test_a_client_sells_and_every_sale_is_settled(tmp_path: Path) -> None:
    url = str(tmp_path / "city.db")
    sales.make_city(url, 1)
    with sales.root_keys(tmp_path) as roots, Ledger.open(url) as ledger:
        client = Client(0, roots)
        client.prepare(2)
        done = client.sell(Platform(ledger, keys=open_store(roots)).handle, 0.05)
        sold, odd = divmod(len(done.waited_ms), 2)
        assert sold > 0 == odd
        with ledger.reading() as t:
            assert t.balances_of(AccountKind.PHARMACY) == {"P51010000000": 500 * sold}
            assert sum(t.balances_of(AccountKind.HELD).values()) == 0


def test_the_bare_loop_commits(tmp_path: Path) -> None:
    assert sales.bare_loop(tmp_path / "bare.db", 0.2) > 0
