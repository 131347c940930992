# SPDX-License-Identifier: Apache-2.0
"""The fixtures that developers get, in a run of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import issuance.pytest_plugin

ROOT = Path(__file__).parents[2]

TESTS = """
from datetime import date

import pytest

SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_all_generations(issue_sscard, generation):
    card = issue_sscard(generation)
    assert card.transmit(SSSE)[-2:].hex() == "9000"
    assert card.transmit(bytes.fromhex("00B2072C00")) == b"\\x07\\x09Z00000013\\x90\\x00"


def test_changes(issue_sscard, sscard_holder):
    card = issue_sscard(2, serial=b"\\x11\\x22\\x33\\x44", pin="8888", today=date(2010, 5, 6))
    assert card.historical_bytes.endswith(b"\\x51\\x01\\x11\\x22\\x33\\x44")
    card.transmit(SSSE)
    assert card.transmit(bytes.fromhex("00B2052C00")).hex() == "0504201005069000"
    assert card.transmit(bytes.fromhex("00200000028888")).hex() == "9000"
    assert "pin" not in sscard_holder


def test_bank(issue_sscard, sscard_bank):
    card = issue_sscard(3, bank={"pan": "6239990000000012344", "oda": "sm2"})
    assert card.transmit(bytes.fromhex("00A4040008A000000333010101"))[-2:].hex() == "9000"
    assert len(sscard_bank.authority.for_terminals()) == 2


def test_roots(issue_sscard, sscard_roots):
    assert sscard_roots.slots()
    first, second = issue_sscard(), issue_sscard()
    assert first.historical_bytes != second.historical_bytes


def test_psam(sscard_psam):
    psam = sscard_psam(1, algorithm="3des")
    assert psam.transmit(bytes.fromhex("00A4000002DF01"))[-2:].hex() in ("9000", "6118")


def test_a_sale_at_a_till(issue_sscard, sscard_till):
    from sscard_chip.standard.settlement_mode import SettlementMode, Split
    from sscard_chip.profile import for_generation
    from sscard_chip.terminal.pos import Bill

    plan = for_generation(2, settlement_mode=SettlementMode.OFFLINE)
    card = issue_sscard(2, profile=plan, pin="135790", account={"balance_fen": 10_000})
    till = sscard_till(card)
    sold = till.sell(Bill(Split(account_fen=1_000, self_paid_fen=0, pooled_fen=0)))
    assert sold.row.account_fen == 1_000
    assert sold.row.tac


def test_a_till_refuses_a_locked_pin(issue_sscard, sscard_till):
    from sscard_chip.standard.settlement_mode import SettlementMode, Split
    from sscard_chip.profile import for_generation
    from sscard_chip.terminal.pos import Bill, SaleRefusedError

    plan = for_generation(2, settlement_mode=SettlementMode.OFFLINE)
    card = issue_sscard(2, profile=plan, broken="pin-locked", account={"balance_fen": 10_000})
    with pytest.raises(SaleRefusedError):
        sscard_till(card).sell(Bill(Split(1_000, 0, 0)))


def test_a_centre_that_a_till_asks(issue_sscard, sscard_till, sscard_centre):
    from sscard_chip.standard.settlement_mode import Split
    from sscard_chip.terminal.pos import Bill

    card = issue_sscard(3, pin="135790", account={"balance_fen": 10_000})
    sscard_centre.register(card, opening_fen=10_000)
    till = sscard_till(card, centre=sscard_centre)
    till.sell(Bill(Split(account_fen=1_000, self_paid_fen=0, pooled_fen=0)))
    assert sscard_centre.balance_fen() == 9_000
    assert sscard_centre.ledger.check().even


def test_a_day_is_settled(issue_sscard, sscard_till, sscard_centre, tmp_path):
    from sscard_chip.profile import for_generation
    from sscard_chip.standard.settlement_mode import SettlementMode, Split
    from sscard_chip.terminal.pos import Bill

    assert sscard_centre.balance_fen() == 0  # another test's centre is another
    plan = for_generation(2, settlement_mode=SettlementMode.OFFLINE)
    card = issue_sscard(2, profile=plan, pin="135790", account={"balance_fen": 10_000})
    sscard_centre.register(card, psn_no="7", opening_fen=10_000)
    till = sscard_till(card)
    till.sell(Bill(Split(account_fen=2_500, self_paid_fen=0, pooled_fen=0)))
    till.close_day()
    assert sscard_centre.settle(tmp_path / "DAY.tsv").posted == 1
    assert sscard_centre.balance_fen("7") == 7_500
    assert (sscard_centre.out / "verdicts.tsv").exists()


def test_a_centre_over_http(sscard_centre):
    from urllib.request import Request, urlopen
    from urllib.error import HTTPError

    try:
        with urlopen(Request(sscard_centre.url, b"{}"), timeout=20) as answer:
            body = answer.read()
    except HTTPError as error:
        body = error.read()
    assert b"infcode" in body


def test_bad_holder(issue_sscard):
    with pytest.raises(ValueError, match="holder: city: is not a known division code"):
        issue_sscard(city="999999")
"""


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_fixtures_in_a_run_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    done = run(["-m", "pytest", "-q", "-p", "issuance.pytest_plugin", "test_mine.py"], tmp_path)
    assert "13 passed" in done.stdout, done.stdout + done.stderr


def test_the_documented_example(tmp_path: Path) -> None:
    documentation = issuance.pytest_plugin.__doc__ or ""
    lines = documentation.partition("::\n\n")[2].partition("\n\n-")[0].splitlines()
    (tmp_path / "test_mine.py").write_text("\n".join(line[4:] for line in lines) + "\n")
    done = run(["-m", "pytest", "-q", "-p", "issuance.pytest_plugin", "test_mine.py"], tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_importing_the_plugin_is_cheap(tmp_path: Path) -> None:
    code = (
        "import sys, issuance.pytest_plugin\n"
        "print([m for m in ('cryptography', 'sscard_chip', 'issuance.holder') if m in sys.modules])"
    )
    done = run(["-c", code], tmp_path)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
