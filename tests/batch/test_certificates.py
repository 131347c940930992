# SPDX-License-Identifier: Apache-2.0
"""Certificate columns of a table: cards with the application, as issue makes them one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from issuance.batch.errors import BatchError
from issuance.batch.export import export_card
from issuance.holders.errors import HolderListError
from sscard_chip import Card
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.terminal.pki.client import PkiClient
from sscard_cli.main import main
from tests.batch.conftest import TODAY, RunBatch, people, rows_of

MASTER = "00112233445566778899AABBCCDDEEFF"


def client(card: Card) -> PkiClient:
    slot = ContactInterface(card)
    slot.power_on()
    return PkiClient(slot)


def test_the_card_is_the_one_that_issue_makes(
    run_batch: RunBatch, tmp_path: Path, keys: Path
) -> None:
    """A PIN with a leading 0 is a text; a person without any of the columns has none."""
    given = {"user_pin": "012345", "administrator_pin": "87654321", "master_key": MASTER}
    person, plain = people(2)
    row = {f"certificates.{name}": value for name, value in given.items()}
    summary = run_batch([{**person, **row}, plain])
    assert (summary.cards, summary.rejected) == (2, 0)
    made = export_card(tmp_path / "out", person["card_number"])
    document: dict[str, Any] = {**person, "issue_date": f"{TODAY:%Y%m%d}", "certificates": given}
    (tmp_path / "h.json").write_text(json.dumps(document), encoding="utf-8")
    issue = ["issue", "--generation", "3", "--keys", str(keys), "--serial", "00000001"]
    issue += ["--holder", str(tmp_path / "h.json"), "--out", str(tmp_path / "one.ssc")]
    assert main(issue) == 0
    with Card.open(tmp_path / "one.ssc") as card:
        assert bytes(card.files.memory.cells) == bytes(made.cells)
    one = client(Card(made))
    assert one.present()
    assert one.verify(bytes.fromhex("012345")) is None
    assert not client(Card(export_card(tmp_path / "out", plain["card_number"]))).present()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("user_pin", "12", "must be 4 to 16 digits"),
        ("master_key", "0011", "must be 16 bytes, 32 hex digits"),
    ],
)
def test_a_wrong_cell_rejects_its_row(
    run_batch: RunBatch, tmp_path: Path, column: str, value: str, rule: str
) -> None:
    bad, good = people(2)
    summary = run_batch([{**bad, f"certificates.{column}": value}, good])
    assert (summary.cards, summary.rejected) == (1, 1)
    (reject,) = rows_of(tmp_path / "out" / "rejects.csv")
    assert (reject["row"], reject["column"]) == ("2", f"certificates.{column}")
    assert rule in reject["rule"]


def test_a_card_without_the_application_refuses_the_column(run_batch: RunBatch) -> None:
    (one,) = people(1)
    with pytest.raises(HolderListError, match="is not on the cards of this batch"):
        run_batch([{**one, "certificates.user_pin": "123456"}], generation=2)


def test_scripts_name_the_command_that_adds_it(run_batch: RunBatch) -> None:
    (one,) = people(1)
    with pytest.raises(BatchError, match="sscard pki init adds it afterwards"):
        run_batch([{**one, "certificates.user_pin": "123456"}], outputs=("images", "scripts"))
