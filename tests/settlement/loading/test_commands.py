# SPDX-License-Identifier: Apache-2.0
"""``sscard pos load`` and ``pos balance``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.settlement.ledger import write_allocations
from sscard_cli.main import main
from tests.bench.issued import roots
from tests.bench.shop import PIN, TIME, card_memory, psam_memory

Run = Callable[..., tuple[int, str, str]]
SLOTS = ("--card", "card.ssc", "--psam", "psam.ssc", "--pin", PIN, "--time", TIME)


@pytest.fixture
def run(
    tmp_path: Path, ledger_url: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:  # fmt: skip
    """Run ``sscard`` where a registered card is: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCARD_LEDGER", ledger_url)
    Card(card_memory(3, "sm4")).save("card.ssc")
    Card(psam_memory()).save("psam.ssc")
    roots().save("roots.json")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        output = capsys.readouterr()
        return code, output.out, output.err

    listed = ("--psn-no", "P1", "--opening-fen", "100000", "--date", "20260301")
    assert call("settle", "card-list", "card.ssc", *listed, "--out", "CARDS.tsv")[0] == 0
    assert call("settle", "cards", "CARDS.tsv")[0] == 0
    return call


def centre(ledger_url: str) -> tuple[str, ...]:
    return "--authorisations", ledger_url, "--keys", "roots.json", "--test-clock"


def test_load_and_balance(run: Run, ledger_url: str) -> None:
    write_allocations("MARCH.tsv", "202603", "20260305", "1", [("P1", 12345)])
    assert run("settle", "allocate", "MARCH.tsv")[0] == 0
    code, out, err = run("pos", "balance", *SLOTS, *centre(ledger_url))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[2] == "        医保账户余额凭证"
    assert "卡内账户余额             1000.00" in lines
    assert "待划入金额                123.45" in lines
    code, out, err = run("pos", "load", *SLOTS, *centre(ledger_url))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[2] == "        医保账户划入凭证"
    assert "划入金额                  123.45" in lines
    assert "卡内账户余额             1123.45" in lines
    assert all(len(line.encode("gbk")) <= 32 for line in lines)
    code, out, _ = run("pos", "load", *SLOTS, *centre(ledger_url), "--json")
    document = json.loads(out)
    assert (code, document["loaded_fen"], document["balance_fen"]) == (0, 0, 112345)
    assert "nothing to load" in run("pos", "load", *SLOTS, *centre(ledger_url))[1]
    code, out, _ = run("settle", "reconcile", "card", "card.ssc")
    assert (code, out.splitlines()[-1]) == (0, "even 对平")


def test_balance_wants_no_psam_and_no_centre(run: Run) -> None:
    code, out, err = run("pos", "balance", "--card", "card.ssc", "--pin", PIN, "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert (document["balance_fen"], document["due_fen"]) == (100_000, None)
    assert "姓名" not in document["slip"]  # generation 3 shows it to a PSAM alone


def test_what_is_refused(run: Run, ledger_url: str) -> None:
    code, _, err = run("pos", "load", *SLOTS)
    assert code == 2
    assert "--authorisations names the centre" in err
    code, _, err = run("pos", "load", *SLOTS, "--authorisations", ledger_url)
    assert code == 2
    assert "needs --keys" in err
    code, _, err = run("pos", "load", *SLOTS, "--authorisations", "here.jsonl")
    assert code == 2
    assert "posts no allocations" in err
    code, _, err = run("pos", "load", *SLOTS[:2], *SLOTS[4:], *centre(ledger_url))
    assert (code, err) == (1, "sscard: error: PSAM: the till has none\n")
    wrong = [*SLOTS[:5], "000000", *SLOTS[6:]]
    code, _, err = run("pos", "load", *wrong, *centre(ledger_url))
    assert (code, err) == (1, "sscard: error: PIN wrong: 5 tries left\n")
    run("settle", "card-status", "Z00000013", "formal-loss", "--time", TIME, "--reason", "lost")
    code, _, err = run("pos", "load", *SLOTS, *centre(ledger_url))
    assert code == 1
    assert "正式挂失" in err
    code, _, err = run(
        "pos", "load", *SLOTS[:6], *centre(ledger_url)[:4], "--time", "20200101000000"
    )
    assert code == 1
    assert "clock" in err


def test_not_while_a_sale_is_open(run: Run, ledger_url: str) -> None:
    bill = ("--account-fen", "1", "--self-fen", "0", "--pool-fen", "0", "--day-file", "DAY.tsv")
    assert run("pos", "sale", *SLOTS, *bill)[0] == 0
    row = Path("DAY.tsv").read_text().splitlines()[1]
    event: dict[str, object] = {"event": "debit", "row": row, "tasks": []}
    event |= dict.fromkeys(("category", "before", "after"))
    Path("DAY.tsv.pending").write_text(json.dumps(event) + "\n")
    for command in ("load", "balance"):
        code, _, err = run("pos", command, *SLOTS, *centre(ledger_url), "--day-file", "DAY.tsv")
        assert code == 1
        assert "a sale broke off" in err
