# SPDX-License-Identifier: Apache-2.0
"""Transport columns of a table: cards with the application, as issue makes them one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from issuance.batch.export import export_card
from issuance.stores import create_file_store
from issuance.transport import transport_slots
from sscard_chip import Card
from sscard_chip.filesystem.layout import ApplicationType
from sscard_cli.main import main
from tests.batch.conftest import TODAY, RunBatch, people, rows_of, write_table

Capture = pytest.CaptureFixture[str]
SERIAL = "3104510000000012345"
PAN = "6239990000000012344"


@pytest.fixture
def transport_keys(tmp_path: Path) -> Path:
    path = tmp_path / "transport.json"
    assert main(["keys", "create", "--transport", str(path)]) == 0
    return path


def test_the_card_is_the_one_that_issue_makes(
    run_batch: RunBatch, tmp_path: Path, transport_keys: Path, keys: Path
) -> None:
    """With a bank account beside it, and a person without either."""
    change = {
        "bank.pan": PAN,
        "transport.balance_fen": "5000",
        "transport.serial": SERIAL,
        "transport.city": "5510",
        "transport.interoperable": "false",
        "transport.start_date": "20260701",
    }
    person, plain = people(2)
    bank = tmp_path / "bank.json"
    assert main(["keys", "create", "--bank", str(bank)]) == 0
    summary = run_batch(
        [{**person, **change}, plain], bank_keys=str(bank), transport_keys=str(transport_keys)
    )
    assert (summary.cards, summary.rejected) == (2, 0)
    cells = bytes(export_card(tmp_path / "out", person["card_number"]).cells)
    document: dict[str, Any] = {**person, "issue_date": f"{TODAY:%Y%m%d}", "bank": {"pan": PAN}}
    document["transport"] = {
        "balance_fen": 5000,
        "serial": SERIAL,
        "city": "5510",
        "interoperable": False,
        "start_date": "20260701",
    }
    (tmp_path / "h.json").write_text(json.dumps(document), encoding="utf-8")
    issue = ["issue", "--generation", "3", "--keys", str(keys), "--serial", "00000001"]
    issue += ["--holder", str(tmp_path / "h.json"), "--transport-keys", str(transport_keys)]
    issue += ["--bank-keys", str(bank)]
    assert main([*issue, "--out", str(tmp_path / "one.ssc")]) == 0
    with Card.open(tmp_path / "one.ssc") as card:
        assert bytes(card.files.memory.cells) == cells
    other = Card(export_card(tmp_path / "out", plain["card_number"]))
    types = {one.application_type for one in other.files.directories}
    assert ApplicationType.TRANSIT not in types


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_passphrase_of_its_own(tmp_path: Path, keys: Path, capsys: Capture, workers: str) -> None:
    with create_file_store(tmp_path / "t.enc", "encrypted", "of the transport issuer") as store:
        store.generate(transport_slots())
    (tmp_path / "secret").write_text("of the transport issuer\n")
    persons = [{**one, "transport.balance_fen": "700"} for one in people(3)]
    persons[1]["transport.balance_fen"] = "7.00"
    table = write_table(tmp_path / "holders.csv", persons)
    run = ["batch", "run", "--generation", "3", "--keys", str(keys), "--holders", str(table)]
    run += ["--transport-keys", str(tmp_path / "t.enc"), "--workers", workers]
    run += ["--transport-passphrase-file", str(tmp_path / "secret")]
    assert main([*run, "--out", str(tmp_path / "out"), "--json"]) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["cards"] == 2
    (reject,) = rows_of(tmp_path / "out" / "rejects.csv")
    assert (reject["row"], reject["column"]) == ("3", "transport.balance_fen")
    card = Card(export_card(tmp_path / "out", persons[2]["card_number"]))
    card.save(tmp_path / "card.ssc")
    assert main(["transit", "show", str(tmp_path / "card.ssc"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["balance_fen"] == 700


@pytest.mark.parametrize(
    ("options", "columns", "message"),
    [
        ([], True, "transport: needs the transport issuer's root keys, --transport-keys"),
        (["--transport-keys", "transport.json"], False, "--transport-keys is for nothing"),
        (
            ["--transport-keys", "transport.json", "--output", "scripts"],
            True,
            "no command of a script puts a transport",
        ),
        (
            ["--transport-keys", "transport.json", "--generation", "1"],
            True,
            "transport.balance_fen: is not on the cards of this",
        ),
    ],
)
def test_what_is_wrong_with_the_whole_table(
    tmp_path: Path,
    keys: Path,
    transport_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    options: list[str],
    columns: bool,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    extra = {"transport.balance_fen": "5"} if columns else {}
    write_table(tmp_path / "h.csv", [{**people(1)[0], **extra}])
    line = ["batch", "run", "--generation", "3", "--keys", "roots.json", "--holders", "h.csv"]
    assert main([*line, *options, "--out", "out"]) != 0
    assert message in capsys.readouterr().err
