# SPDX-License-Identifier: Apache-2.0
"""PSAM, bank application and terminal under their suites: ours pass, faulty ones are caught, and a
run keeps its level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from issuance.bank.authority import BankAuthority
from issuance.mutants import MUTANTS, run_mutant
from issuance.mutants.workshop import IssuedWorkshop, OurTill, own_secrets
from issuance.psam import make_psam
from sscard_chip.card import Card
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.standard.settlement_mode import SettlementMode
from sscard_chip.terminal.conformance import (
    CaseVerdict,
    ConnectionTarget,
    ImageTarget,
    Level,
    SubjectError,
)
from sscard_chip.terminal.conformance.banking import bank_catalogue, run_bank_suite
from sscard_chip.terminal.conformance.psam import psam_catalogue, run_psam_suite
from sscard_chip.terminal.conformance.tills import (
    SaleAnswer,
    SaleOrder,
    Workplace,
    run_terminal_suite,
    terminal_catalogue,
)
from sscard_cli.main import main
from tests.bank.bank import PIN, bank, issue
from tests.bench.issued import roots
from tests.bench.shop import psam_memory
from tests.terminal.conformance.judged import BAD, Heard

CASH = {"balance_fen": 5_000, "limit_fen": 100_000, "single_limit_fen": 2_000}
SERIAL = bytes(9) + b"\x01"


def bad(run: Any) -> list[tuple[str, str]]:
    return [(one.case.identifier, one.reason) for one in run.results if one.verdict in BAD]


# --- PSAM ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("algorithm", [None, "3des"])
def test_a_psam_passes(level: int, algorithm: str | None) -> None:
    memory = make_psam(
        roots(), level=level, terminal_id="510100000001", serial="1", algorithm=algorithm,
        wrong_mac2_is_63cf=level == 2, stk_reloads_pin=level != 1,
    )  # fmt: skip
    run = run_psam_suite(
        ImageTarget(memory), store=roots(), own=own_secrets(roots(), SERIAL),
        level=Level.DESTRUCTIVE,
    )  # fmt: skip
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] >= (400 if algorithm is None else 200)


def test_a_psam_keeps_its_numbers_and_tries_at_the_lower_levels() -> None:
    card = Card(psam_memory().copy())
    before = bytes(card.files.memory.cells)
    heard = Heard(ContactInterface(card))
    run = run_psam_suite(ConnectionTarget(heard, "mine"), store=roots(), level=Level.SESSION)
    assert bad(run) == []
    assert bytes(card.files.memory.cells) == before
    assert {one[1] for one in heard.commands if len(one) > 3} <= {
        0xA4, 0xB0, 0xB2, 0x84, 0xC0, 0xDE, 0xFA, 0xEC, 0x02, 0x20,
    }  # fmt: skip
    read = Heard(ContactInterface(Card(psam_memory().copy())))
    run_psam_suite(ConnectionTarget(read, "mine"), store=roots())
    started = [one for one in read.commands if one[1] in (0xDE, 0xFA, 0x70, 0x82, 0xD6, 0xD4)]
    assert len(started) <= 6  # what tells the level of its keys, before the first case


def test_the_same_verdicts_twice() -> None:
    runs = [
        run_psam_suite(ImageTarget(psam_memory()), store=roots(), level=Level.WRITE)
        for _ in range(2)
    ]
    first, second = ([(one.case.identifier, one.verdict) for one in run.results] for run in runs)
    assert first == second


def test_what_is_no_psam_is_told() -> None:
    with pytest.raises(SubjectError):
        run_psam_suite(ImageTarget(issue(3).image()))


# --- bank application ----------------------------------------------------------------------------

ACCOUNTS: tuple[dict[str, Any], ...] = (
    {},
    {"pin": PIN, "ecash": CASH, "pdol": True},
    {"suite": "sm4", "pin": PIN, "ecash": CASH},
    {"variant": "credit", "oda": "dda", "pin": PIN},
    {"cryptogram_version": "17", "ecash": CASH},
)


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("interface", ["contact", "contactless"])
def test_a_bank_application_passes(interface: str, account: dict[str, Any]) -> None:
    image = issue(3, **account).image()
    run = run_bank_suite(
        ImageTarget(image, contactless=interface == "contactless"), interface=interface,
        pin=account.get("pin") or "", store=bank().store, level=Level.DESTRUCTIVE,
    )  # fmt: skip
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] >= (45 if interface == "contact" else 12)


@pytest.mark.parametrize("oda", ["sda", "dda", "sm2"])
@pytest.mark.parametrize("interface", ["contact", "contactless"])
def test_offline_authentication_passes_under_its_authority(interface: str, oda: str) -> None:
    """With keys and certificates every case that fits is put; fDDA where the card signs."""
    known = bank().authority
    assert known is not None
    image = issue(3, oda=oda, ecash=CASH).image()
    run = run_bank_suite(
        ImageTarget(image, contactless=interface == "contactless"), interface=interface,
        store=bank().store, authorities=known.for_terminals(), level=Level.DESTRUCTIVE,
        only=["SSC-0025-ODA", "SSC-0025-FDDA"],
    )  # fmt: skip
    assert bad(run) == []
    wanted = {"contact": {"sda": 6, "dda": 11, "sm2": 11}, "contactless": {"dda": 3, "sm2": 3}}
    assert run.counts[CaseVerdict.PASS] >= wanted[interface].get(oda, 0)
    assert run.counts[CaseVerdict.NOT_RUN] == 0


def test_certificates_of_another_authority_are_told() -> None:
    """The keys that a terminal has are what counts: under others nothing holds."""
    other = BankAuthority.create("623999", "1236", ("rsa",)).for_terminals()
    target = ImageTarget(issue(3, oda="dda").image())
    run = run_bank_suite(target, authorities=other, level=Level.SESSION, only=["SSC-0025-ODA-11"])
    assert [one.verdict for one in run.results] == [CaseVerdict.FAIL]


def test_reading_the_bank_application_takes_no_counter() -> None:
    card = issue(3, ecash=CASH)
    before = bytes(card.files.memory.cells)
    heard = Heard(ContactInterface(card))
    run = run_bank_suite(ConnectionTarget(heard, "mine"), store=bank().store, pin=PIN)
    assert bad(run) == []
    assert bytes(card.files.memory.cells) == before
    assert not {one[1] for one in heard.commands} & {0xA8, 0xAE, 0x82, 0x20, 0xDA}


def test_no_bank_pin_is_sent_that_was_not_given() -> None:
    heard = Heard(ContactInterface(issue(3, pin=PIN)))
    run = run_bank_suite(ConnectionTarget(heard, "mine"), store=bank().store, level=Level.WRITE)
    assert bad(run) == []
    assert not [one for one in heard.commands if one[1] == 0x20]


def test_a_card_without_bank_is_told() -> None:
    with pytest.raises(SubjectError):
        run_bank_suite(ImageTarget(issue(3, pan=None).image()))


# --- terminal ------------------------------------------------------------------------------------


def test_our_till_passes() -> None:
    run = run_terminal_suite(OurTill, IssuedWorkshop(roots()), name="our till")
    assert bad(run) == []
    assert len(run.results) >= 80


def test_a_terminal_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "myshop.py").write_text(
        "from sscard_chip.terminal.conformance.tills import SaleAnswer\n"
        "class Shop:\n"
        "    def __init__(self, place):\n"
        "        self.place = place\n"
        "    def sell(self, order):\n"
        "        return SaleAnswer('paid', bytes(4))\n"
    )
    monkeypatch.chdir(tmp_path)
    line = ["conformance", "terminal", "--python", "myshop:Shop", "--only", "SSC-32.8-SALE-01"]
    assert main([*line, "--json-out", "r.json", "--junit", "r.xml"]) == 1
    case = json.loads((tmp_path / "r.json").read_bytes())["cases"][0]
    assert (case["verdict"], case["received"]) == ("fail", "0")
    assert main(["conformance", "terminal", "--python", "myshop"]) == 2
    capsys.readouterr()


def test_a_terminal_that_answers_something_else_fails() -> None:
    class Odd:
        def __init__(self, place: Workplace) -> None:
            """Nothing is needed."""

        def sell(self, order: SaleOrder) -> SaleAnswer:
            return None  # type: ignore[return-value]

    run = run_terminal_suite(Odd, IssuedWorkshop(roots()), only=["SSC-32.8-SALE-01"])
    assert run.results[0].verdict is CaseVerdict.FAIL


def test_a_terminal_that_never_ends_fails() -> None:
    class Endless:
        def __init__(self, place: Workplace) -> None:
            self._place = place

        def sell(self, order: SaleOrder) -> SaleAnswer:
            while True:
                self._place.ask_pin(3)

    run = run_terminal_suite(Endless, IssuedWorkshop(roots()), only=["SSC-32.8-SALE-01"])
    assert run.results[0].verdict is CaseVerdict.FAIL
    assert "4000 commands and questions" in run.results[0].received


def test_the_amounts_that_a_card_is_told_by_mode() -> None:
    """Letter no. 38 of 2012, by figures."""
    sent = {
        (3, True): "000000010000001400" + "00012C",
        (1, True): "00000000000001410000012D",
        (2, True): "00000000000001410000012D",
        (2, False): "000000000000014100000141",
    }
    for (mode, online), amounts in sent.items():
        order = SaleOrder(1, 20, 300, mode=SettlementMode(mode), online=online)
        assert order.amounts == bytes.fromhex(amounts)


# --- all of them ---------------------------------------------------------------------------------


def test_enough_cases_and_faulty_ones() -> None:
    assert (len(psam_catalogue()), len(bank_catalogue()), len(terminal_catalogue())) >= (
        400,
        60,
        80,
    )
    kinds = [one.judged for one in MUTANTS.values()]
    for kind in ("psam", "bank", "terminal"):
        assert kinds.count(kind) >= 20


@pytest.mark.parametrize("name", ["psam-number-stays", "bank-atc-stands"])
def test_a_whole_run_of_a_faulty_one_ends_in_no_error(name: str) -> None:
    found = run_mutant(MUTANTS[name], roots(), whole=True)
    assert found.caught
    assert found.run.counts[CaseVerdict.ERROR] == 0


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "psam.ssc"
    image.write_bytes(Card(psam_memory().copy()).image())
    report = tmp_path / "r.html"
    line = ["conformance", "psam", "--card", str(image)]
    assert main([*line, "--out", str(report), "--only", "SSC-32.9-DES-FILES"]) == 0
    assert "PSAM, DES environment" in report.read_text(encoding="utf-8")
    assert main([*line, "--own-keys"]) == 2
    assert main([*line, "--city", "51"]) == 2
    card = tmp_path / "card.ssc"
    card.write_bytes(issue(3, ecash=CASH).image())
    assert main(["conformance", "bank", "--card", str(card), "--level", "session"]) == 0
    assert main(["conformance", "list", "--of", "bank"]) == 0
    assert "SSC-0025-PAY-01" in capsys.readouterr().out
    assert main(["conformance", "mutants", "--of", "terminal", "--only", "till-writes"]) == 0
