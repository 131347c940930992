# SPDX-License-Identifier: Apache-2.0
"""The bank's commands and the payment terminal through pyscard, pcscd and vpcd."""

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

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("interface", ["contact", "contactless"])
@pytest.mark.parametrize("suite", ["3des", "sm4"])
def test_loaded_and_paid_in_a_reader(
    daemon: PrivateDaemon, tmp_path: Path, capsys: Capture, interface: str, suite: str
) -> None:
    card, keys, certificates = (tmp_path / name for name in ("c.ssc", "bank.json", "ca.json"))
    issue(suite=suite, oda="sm2", ecash={"balance_fen": 5000}).save(card)
    own = bank()
    assert isinstance(own.store, RootKeys)
    assert own.authority is not None
    own.store.save(keys)
    own.authority.save(certificates)
    options = ["--reader", READER_NAMES[0], "--bank-keys", str(keys), "--json"]

    def run(*arguments: str) -> dict[str, object]:
        capsys.readouterr()
        assert main([*arguments, *options]) == 0, capsys.readouterr().err
        answer: dict[str, object] = json.loads(capsys.readouterr().out)
        return answer

    known = ["--bank-authority", str(certificates), "--interface", interface]
    with serving(daemon, f"{interface}:{card}"):
        paid = run("bank", "pay", "--amount-fen", "1234", *known)
        if interface == "contact":
            assert paid["decision"] == "approved online"
            loaded = run("bank", "load", "--amount-fen", "1000")
            assert loaded["balance_fen"] == 6000
        else:
            assert paid["decision"] == "approved offline"
            assert paid["tvr"] == "0000000000"
