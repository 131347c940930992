# SPDX-License-Identifier: Apache-2.0
"""A synthesized day with every fault: the run's statements, the books and the ledger agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sscard_chip.settlement.clearing import RowOutcome
from sscard_chip.settlement.clearing.disputes import disputes_of
from sscard_chip.settlement.clearing.period import period_statement
from sscard_chip.settlement.ledger import AccountKind, Ledger
from sscard_cli.main import main

ALWAYS = ("20000101", "20991231")


def sscard(*arguments: str) -> None:
    assert main(list(arguments)) == 0


def test_statements_are_what_the_ledger_owes(
    ledger: Ledger, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCARD_LEDGER", ledger_url)
    sscard("keys", "create", "roots.json")
    keys = ("--keys", "roots.json")
    sizes = ("--cards", "100", "--pharmacies", "5", "--debits", "500", "--faults", "0.1")
    sscard("settle", "synthesize", *keys, "--out", "trial", *sizes)
    sscard("settle", "cards", "trial/cards.tsv")
    rules = ("--hotlist", "trial/hotlist.tsv", "--pharmacies", "trial/pharmacies.tsv")
    sscard("settle", "run", "trial/earlier", *keys, *rules, "--out", "earlier")
    sscard("settle", "run", "trial/days", *keys, *rules, "--out", "settled")
    # once more, to see its rows as they are now: the later days close gaps and bring copies
    sscard("settle", "run", "trial/earlier", *keys, *rules, "--out", "earlier-now")
    runs = [
        json.loads(line)
        for folder in ("earlier-now", "settled")
        for line in Path(folder, "statements.jsonl").read_text("utf-8").splitlines()
    ]
    with ledger.reading() as t:
        owed = t.balances_of(AccountKind.PHARMACY)
        collected = t.balances_of(AccountKind.COLLECTED)
        disputes = list(disputes_of(t))
        codes = {one["fixmedins_code"] for one in runs}
        assert len(codes) >= 5
        for code in codes:
            mine = [one for one in runs if one["fixmedins_code"] == code]
            found = period_statement(t, code, *ALWAYS)
            assert found is not None
            readable = sum(one["payable_fen"] for one in mine)
            assert found.payable_fen == owed.get(code, 0) == readable
            assert found.posted.net.cash_fen == collected.get(code, 0)
    for outcome, name in ((RowOutcome.REFUSED, "refused"), (RowOutcome.HELD, "held")):
        rows = [one for one in disputes if one.outcome is outcome]
        assert len(rows) == sum(one[name]["rows"] for one in runs)
        assert rows
