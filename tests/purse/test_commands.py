# SPDX-License-Identifier: Apache-2.0
"""``sscard purse``: what it does, and the one line for what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from issuance.roots import RootKeys
from sscard_chip.card import Card
from sscard_cli.main import main
from tests.bank import bank
from tests.bench import account_cards as medical

PIN = ("--pin", "135790")
TIME = ("--time", "20260315101112")
Run = Callable[..., Any]


@pytest.fixture(params=["3des", "sm4"])
def card(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card with deposit and purse beside the bank's keys, in the current folder."""
    monkeypatch.chdir(tmp_path)
    store = bank.bank().store
    assert isinstance(store, RootKeys)
    store.save("bank.json")
    purse = {"balance_fen": 500, "deposit_fen": 20_000}
    bank.issue(suite=request.param, pin="135790", purse=purse).save("card.ssc")
    return tmp_path / "card.ssc"


@pytest.fixture
def run(card: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; its output, or with ``code`` its one line of error."""

    def call(name: str, *options: str, code: int = 0) -> Any:
        found = main(["purse", name, "card.ssc", "--bank-keys", "bank.json", *options])
        output, error = capsys.readouterr()
        assert found == code, error
        if code:
            assert error.startswith("sscard: error: ")
            assert error.count("\n") == 1
            return error.removeprefix("sscard: error: ").strip()
        return json.loads(output) if "--json" in options else output.strip()

    return call


def test_a_day_with_the_purse(run: Run) -> None:
    assert run("load", "--amount-fen", "1000", *PIN) == (
        "purse load 0: 10.00 yuan, purse 15.00 yuan"
    )
    paid = run("pay", "--amount-fen", "250", "--json", *TIME)
    tac = paid.pop("tac")
    assert len(bytes.fromhex(tac)) == 4
    assert paid == {
        "transaction": "purse purchase", "number": 0, "amount_fen": 250, "balance_fen": 1_250,
    }  # fmt: skip
    assert run("load", "--amount-fen", "1", "--deposit", *PIN) == (
        "deposit load 0: 0.01 yuan, deposit 200.01 yuan"
    )
    assert run("pay", "--amount-fen", "1", "--deposit", *PIN, "--json")["balance_fen"] == 20_000
    assert run("limit", "--limit-fen", "3000", *PIN) == (
        "overdraft update 1: 0.00 yuan, deposit 230.00 yuan"
    )
    drawn = run("pay", "--amount-fen", "22000", "--cash", *PIN, "--json")
    assert (drawn["transaction"], drawn["balance_fen"]) == ("cash withdrawal", 1_000)
    assert run("limit", "--limit-fen", "2500", *PIN, "--json")["balance_fen"] == 500
    assert "9401" in run("limit", "--limit-fen", "1999", *PIN, code=1)
    run("load", "--deposit", "--amount-fen", "2000", *PIN)
    unloaded = run("unload", "--amount-fen", "0", *PIN, "--json")
    assert (unloaded["transaction"], unloaded["balance_fen"]) == ("unload", 2_500)
    assert "9401" in run("unload", "--amount-fen", "1", *PIN, code=1)


def test_refusals(run: Run) -> None:
    assert run("load", "--amount-fen", "1", code=1) == "PIN: needed"
    assert run("load", "--amount-fen", "1", "--pin", "1111", code=1) == "PIN: wrong, 2 tries left"
    run("load", "--amount-fen", "1", *PIN)
    for left in (2, 1, 0):
        error = run("unload", "--amount-fen", "1", "--pin", "1111", code=1)
        assert error == f"PIN: wrong, {left} tries left"
    assert run("limit", "--limit-fen", "1", *PIN, code=1) == "PIN: locked"
    assert "9401, insufficient amount" in run("pay", "--amount-fen", "502", code=1)
    run("pay", "--amount-fen", "501")


def test_usage(run: Run) -> None:
    for options, rule in (
        (("--pin", "12x4"), "--pin: must be 4 to 12 digits"),
        (("--time", "2026"), "--time: must be a time as YYYYMMDDhhmmss"),
        (("--terminal-id", "12"), "--terminal-id: must be 12 digits"),
        (("--reader", "PCD"), "one of CARD.ssc and --reader"),
    ):
        assert rule in run("load", "--amount-fen", "1", *options, code=2)
    assert "is not in the range" in run("load", "--amount-fen", "-1", *PIN, code=2)
    assert "is not in the range" in run("limit", "--limit-fen", "16777216", *PIN, code=2)


def test_other_keys_and_other_cards(run: Run) -> None:
    slots = bank.bank().store
    assert isinstance(slots, RootKeys)
    RootKeys({slot: bytes(16) for slot in slots.slots()}).save("bank.json")
    assert run("load", "--amount-fen", "1", *PIN, code=1) == (
        "MAC1: is not the card's over these data"
    )
    assert "9302" in run("pay", "--amount-fen", "1", code=1)
    Path("card.ssc").unlink()
    Card(medical.new_memory()).save("card.ssc")
    assert run("pay", "--amount-fen", "1", code=1) == "the card has no deposit or purse"
