# SPDX-License-Identifier: Apache-2.0
"""Bank accounts of a table: cards with a bank application, as issue makes them one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from issuance.batch.export import export_card
from issuance.stores import create_file_store
from sscard_chip import Card
from sscard_chip.profile.bank.inspect import identities
from sscard_cli.main import main
from tests.bank.bank import bank as other_bank
from tests.batch.conftest import TODAY, Person, RunBatch, people, rows_of, write_table

Capture = pytest.CaptureFixture[str]
PANS = ["6239990000000012344", "6239990000000067892", "6228480000000000000"]


@pytest.fixture
def bank_keys(tmp_path: Path) -> Path:
    path = tmp_path / "bank.json"
    assert main(["keys", "create", "--bank", str(path)]) == 0
    return path


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    own = other_bank().authority
    assert own is not None
    own.save(tmp_path / "ca.json")
    return tmp_path / "ca.json"


def accounts(*changes: dict[str, str]) -> list[Person]:
    """A person with an account for each change of it."""
    return [
        {**person, "bank.pan": pan, **change}
        for person, pan, change in zip(people(len(changes)), PANS, changes, strict=False)
    ]


def test_pan_activation_cash_and_purse(
    run_batch: RunBatch, tmp_path: Path, bank_keys: Path, capsys: Capture
) -> None:
    persons = accounts(
        {"bank.pin": "135790", "bank.ecash.balance_fen": "500", "bank.pdol": "true"},
        {"bank.state": "dormant", "bank.cryptogram_version": "17"},
        {"bank.purse.balance_fen": "7700", "bank.purse.deposit_fen": "100", "bank.pin": "2468"},
    )
    plain = people(4)[3]  # without an account
    summary = run_batch([*persons, plain], bank_keys=str(bank_keys))
    assert (summary.cards, summary.rejected) == (4, 0)
    rows = rows_of(tmp_path / "out" / "return.csv")
    assert [row["bank_account"] for row in rows] == [*PANS, ""]
    found = {}
    for person in [*persons, plain]:
        card = Card(export_card(tmp_path / "out", person["card_number"]))
        card.power_on()
        found[person["card_number"]] = identities(card.files.directories)
        card.save(tmp_path / f"{person['card_number']}.ssc")
    assert [[one.pan for one in apps] for apps in found.values()] == [[pan] for pan in PANS] + [[]]
    assert [[one.active for one in apps] for apps in found.values()] == [
        [True], [False], [True], [],
    ]  # fmt: skip
    capsys.readouterr()
    assert main(["info", str(tmp_path / f"{persons[0]['card_number']}.ssc")]) == 0
    assert "5.00" in capsys.readouterr().out
    purse = str(tmp_path / f"{persons[2]['card_number']}.ssc")
    assert main(["info", purse]) == 0
    assert "77.00" in capsys.readouterr().out


def test_the_card_is_the_one_that_issue_makes(
    run_batch: RunBatch, tmp_path: Path, bank_keys: Path, keys: Path
) -> None:
    """The same holder, serial and account, by the command for one card: the same memory."""
    change = {"bank.purse.serial": "1234", "bank.purse.balance_fen": "5", "bank.pin": "1234"}
    (person,) = accounts(change)
    run_batch([person, people(2)[1]], bank_keys=str(bank_keys))
    cells = bytes(export_card(tmp_path / "out", person["card_number"]).cells)
    document: dict[str, Any] = {n: text for n, text in person.items() if "." not in n}
    document["issue_date"] = f"{TODAY:%Y%m%d}"
    document["bank"] = {
        "pan": PANS[0],
        "pin": "1234",
        "purse": {"serial": "1234", "balance_fen": 5},
    }
    (tmp_path / "h.json").write_text(json.dumps(document), encoding="utf-8")
    issue = ["issue", "--generation", "3", "--keys", str(keys), "--serial", "00000001"]
    issue += ["--holder", str(tmp_path / "h.json"), "--bank-keys", str(bank_keys)]
    assert main([*issue, "--out", str(tmp_path / "one.ssc")]) == 0
    with Card.open(tmp_path / "one.ssc") as card:
        assert bytes(card.files.memory.cells) == cells


@pytest.mark.parametrize("workers", ["1", "2"])
def test_offline_data_authentication_and_passphrases(
    tmp_path: Path,
    keys: Path,
    authority: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    workers: str,
) -> None:
    """One card gets a key pair; what the certificates cannot do is rejected, row by row."""
    from issuance.bank.roots import bank_slots

    monkeypatch.delenv("SSCARD_BANK_PASSPHRASE", raising=False)
    store = create_file_store(tmp_path / "bank.enc", "encrypted", "of the bank alone")
    store.generate(bank_slots())
    (tmp_path / "secret").write_text("of the bank alone\n")
    persons = accounts({"bank.oda": "dda"}, {"bank.oda": "none"}, {"bank.oda": "sda"})
    table = write_table(tmp_path / "h.csv", persons)
    shared = ["--generation", "3", "--holders", str(table), "--bank-authority", str(authority)]
    run = ["batch", "run", *shared, "--keys", str(keys), "--bank-keys", str(tmp_path / "bank.enc")]
    run += ["--bank-passphrase-file", str(tmp_path / "secret"), "--workers", workers]
    assert main(["batch", "check", *shared, "--json"]) == 1
    rule = "the bank's certificate is for numbers that begin otherwise"
    finding = {"row": 4, "column": "bank.pan", "rule": rule}
    assert json.loads(capsys.readouterr().out)["findings"] == [finding]
    assert main([*run, "--out", str(tmp_path / "out"), "--json"]) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["cards"] == 2
    assert rows_of(tmp_path / "out" / "rejects.csv") == [{**finding, "row": "4"}]


@pytest.mark.parametrize(
    ("change", "column", "rule"),
    [
        ({"bank.pan": "6239990000000012345"}, "bank.pan", "the check digit is wrong"),
        ({"bank.pan": "", "bank.pin": "1234"}, "bank.pan", "is required"),
        ({"bank.state": "asleep"}, "bank.state", "must be one of active, dormant"),
        ({"bank.pdol": "yes"}, "bank.pdol", "must be true or false"),
        ({"bank.ecash.balance_fen": "5.00"}, "bank.ecash.balance_fen", "must be a whole number"),
        ({"bank.ecash.balance_fen": "100001"}, "bank.ecash.balance_fen", "is above limit_fen"),
        ({"bank.offline_limits.lower_count": "3"}, "bank.offline_limits.lower_count", "is above"),
        ({"bank.enciphered_pin": "true"}, "bank.enciphered_pin", "needs a pin"),
        ({"bank.oda": "sm2"}, "bank.oda", "sm2 needs the bank's certificates"),
    ],
)
def test_rejected_accounts(
    run_batch: RunBatch,
    tmp_path: Path,
    bank_keys: Path,
    change: dict[str, str],
    column: str,
    rule: str,
) -> None:
    persons = [*accounts(change), people(2)[1]]
    assert run_batch(persons, bank_keys=str(bank_keys)).cards == 1
    rejects = rows_of(tmp_path / "out" / "rejects.csv")
    first = next(one for one in rejects if one["column"] == column)
    assert first["row"] == "2"
    assert first["rule"].startswith(rule)
    whole = b"".join(p.read_bytes() for p in (tmp_path / "out").glob("*.csv"))
    assert PANS[0].encode() not in whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "bank.pan: needs the bank's root keys, --bank-keys"),
        (["--bank-keys", "bank.json", "--output", "scripts"], "no command of a script puts a bank"),
        (
            ["--bank-keys", "bank.json", "--generation", "1"],
            "bank.pan: is not on the cards of this",
        ),
    ],
)
def test_what_is_wrong_with_the_whole_table(
    tmp_path: Path,
    keys: Path,
    bank_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "h.csv", accounts({}))
    run = ["batch", "run", "--generation", "3", "--keys", str(keys), "--holders", "h.csv"]
    capsys.readouterr()
    assert main([*run, "--out", "out", *options]) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()
