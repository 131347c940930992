# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse through pyscard, pcscd and vpcd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from issuance.roots import RootKeys
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_cli.main import main
from tests.bank.bank import bank, issue
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc


@pytest.mark.parametrize("interface", ["contact", "contactless"])
@pytest.mark.parametrize("suite", ["3des", "sm4"])
def test_a_day_in_a_reader(
    daemon: PrivateDaemon,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    interface: str,
    suite: str,
) -> None:
    card, keys = tmp_path / "card.ssc", tmp_path / "bank.json"
    issue(suite=suite, pin="135790", purse={"balance_fen": 500}).save(card)
    store = bank().store
    assert isinstance(store, RootKeys)
    store.save(keys)

    def run(*arguments: str, code: int = 0) -> dict[str, object]:
        options = ["--reader", READER_NAMES[0], "--bank-keys", str(keys), "--pin", "135790"]
        assert main(["purse", *arguments, *options, "--json"]) == code
        answer: dict[str, object] = json.loads(capsys.readouterr().out or "{}")
        return answer

    with serving(daemon, f"{interface}:{card}"):
        assert run("load", "--amount-fen", "1000")["balance_fen"] == 1_500
        assert run("pay", "--amount-fen", "700")["balance_fen"] == 800
        assert run("limit", "--limit-fen", "3000")["balance_fen"] == 3_000
        assert run("pay", "--cash", "--amount-fen", "3000")["balance_fen"] == 0
        assert run("unload", "--amount-fen", "1", code=1) == {}
