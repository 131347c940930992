# SPDX-License-Identifier: Apache-2.0
"""Files between two regions against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sscard_chip.settlement.clearing.exchange import (
    Exchange,
    ExchangeRow,
    ExchangeWriter,
    read_exchange,
    table_of,
)
from sscard_chip.settlement.reconciliation import ReconciliationError
from sscard_chip.settlement.reconciliation.regions import compare_exchange

ROW = ExchangeRow(
    "0", "510100", "330106", 3500, 2000, 1000, 500, "20260315101112", None, None,
    "P51010000001202603151011120100", refund=False, settled=True,
)  # fmt: skip
OTHER = ROW._replace(msgid="P51010000001202603151011120101")


def exchange(folder: Path, *rows: ExchangeRow) -> Exchange:
    folder.mkdir()
    with ExchangeWriter(folder) as writer:
        writer.add(table_of(rows))
    return read_exchange(folder / "regions" / "510100-330106.tsv")


def test_each_result(tmp_path: Path) -> None:
    ours = exchange(tmp_path / "a", ROW, OTHER)
    even = compare_exchange(ours, exchange(tmp_path / "b", OTHER, ROW))
    assert [int(row.result) for row in even] == [0, 0]
    refused = OTHER._replace(state="3", settled=False)
    changed = ROW._replace(fund_fen=1900, account_fen=1100)
    new = ROW._replace(msgid="X" * 30)
    theirs = exchange(tmp_path / "c", changed, refused, new)
    found = compare_exchange(ours, theirs)
    assert [(int(row.result), row.memo) for row in found] == [
        (3, "fund_pay_sumamt acct_pay"),
        (2, "state 3"),
        (1, None),
    ]


def test_files_of_other_pairs_are_not_compared(tmp_path: Path) -> None:
    ours = exchange(tmp_path / "a", ROW)
    with pytest.raises(ReconciliationError, match="different pairs"):
        compare_exchange(ours, replace(ours, insured="330100"))
