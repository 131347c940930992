# SPDX-License-Identifier: Apache-2.0
"""``sscard service`` as the counter of an office: every service by its command."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sscard_chip.settlement.ledger import Ledger
from sscard_cli.main import cli
from tests.service.city import LIN, LIN_CARD, WANG, City, code_of, photo
from tests.service.test_level import make_flexible

TEXT = {"LC_ALL": "C.UTF-8"}


class Counter:
    """Commands on a city."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        keys = {"format": "sscard-service-keys/1", "key": bytes(range(32)).hex()}
        (folder / "service.keys").write_text(json.dumps(keys))

    def run(self, *words: str, code: int = 0) -> dict[str, Any]:
        """A command with ``--json``; the data of its answer."""
        options = ["--ledger", str(self.folder / "city.db"),
                   "--service-keys", str(self.folder / "service.keys")]  # fmt: skip
        found = CliRunner().invoke(cli, ["service", *words, *options, "--json"], env=TEXT)
        assert found.exit_code == code, found.exception
        if code:
            return {"said": str(found.exception)}
        answer: dict[str, Any] = json.loads(found.stdout)
        data: dict[str, Any] = answer.get("data", answer)
        return data

    def perform(self, operation: str, channel: str = "office", **request: Any) -> dict[str, Any]:
        """Any operation, its request as a document."""
        path = self.folder / "request.json"
        path.write_text(json.dumps(request))
        return self.run("perform", operation, str(path), "--channel", channel)

    def seen(self, operation: str, **details: Any) -> dict[str, Any]:
        """An operation for 林知夏, whose document was seen."""
        return self.perform(
            operation, subject={"identity": LIN}, actor={"kind": "clerk", "name": "0017"},
            evidence={"document": {"identity": LIN}}, details=details,
        )  # fmt: skip


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    with Ledger.open(tmp_path / "city.db") as ledger:
        city = City(ledger)
        make_flexible(city)
    (tmp_path / "lin.jpg").write_bytes(base64.b64decode(photo()))
    return Counter(tmp_path)


def test_from_the_loss_to_the_new_card(counter: Counter) -> None:
    assert counter.run("loss", LIN)["status"] == 4
    assert counter.run("lift", LIN)["status"] == 1
    counter.run("loss", LIN)
    assert counter.run("formal", LIN)["status"] == 2
    refused = counter.run("lift", LIN, code=1)
    assert "STATE" in refused["said"]
    picture = str(counter.folder / "lin.jpg")
    filed = counter.run("apply", LIN, "--replaces", "lost", "--photo", picture)
    receipt = filed["receipt"]
    assert counter.run("progress", receipt)["phone_keys"] == filed["phone_keys"]
    counter.run("review", receipt)
    taken = counter.run("batch", "take", "june", "--out", str(counter.folder / "june.csv"))
    assert (taken["holders"], taken["new"]) == (1, 1)
    made = {"card_number": "Z00000030", "card_id_code": code_of(9), "factor": "00" * 8}
    counter.perform(
        "made", subject={"receipt": receipt}, actor={"kind": "clerk", "name": "0017"},
        details=made | {"valid_to": "20361231"},
    )  # fmt: skip
    counter.run("arrive", receipt, "--point", "hall")
    counter.run("collect", LIN, receipt)
    shown = counter.seen("status")["cards"]
    assert [(one["card"][-4:], one["pays"]) for one in shown] == [
        (LIN_CARD[-4:], False), ("0030", True),
    ]  # fmt: skip
    assert counter.run("audit", "verify")["problems"] == []


def test_level_bill_allocation_and_filing(counter: Counter) -> None:
    month = counter.seen("level", insurance="310", level="2")["month"]
    bill = counter.seen("bill", first=month, last=month, insurances=["310"], way="counter")
    assert bill["fen"] == 64_000
    paid = {"bill": bill["bill"], "reference": "B-7"}
    clerk = {"kind": "clerk", "name": "0017"}
    assert counter.perform("bill_paid", "bank", actor=clerk, details=paid)["state"] == "paid"
    out = str(counter.folder / "month.tsv")
    listed = counter.run("allocation-list", "--month", month, "--date", f"{month}28", "--out", out)
    assert (listed["accounts"], listed["fen"]) == (1, 16_000)
    filed = counter.seen(
        "filing", kind="resident", mdtrtarea_admdvs="990200", begndate=f"{month}01"
    )
    ended = counter.seen("unfile", trt_dcla_detl_sn=filed["trt_dcla_detl_sn"])
    assert ended["withdrawn"] is True


def test_an_electronic_card_and_a_family_member(counter: Counter) -> None:
    counter.run("ecard", "issue", LIN, "--program", "wechat")
    counter.run("ecard", "issue", WANG, "--program", "wechat")
    agreed = counter.run("ecard", "code", WANG, "--authorise", "--program", "wechat")["code"]
    member = ("ecard", "family", "add", LIN, WANG, "--name", "王明远", "--program", "wechat")
    wrong = counter.run(*member, "--relation", "spouse", "--code", "1" * 28, code=1)
    assert "NOT_FOUND" in wrong["said"]
    added = counter.run(*member, "--relation", "spouse", "--code", agreed)
    (shown,) = counter.run("ecard", "family", "list", LIN, "--program", "wechat")["members"]
    assert (shown["member"], shown["name"], shown["pays"]) == (added["member"], "**远", True)
    code = counter.run("ecard", "code", LIN, "--program", "wechat")["code"]
    assert counter.run("ecard", "decode", code)["card"][-4:] == LIN_CARD[-4:]
    counter.run("ecard", "family", "end", LIN, str(added["member"]), "--program", "wechat")
    assert counter.run("ecard", "family", "list", LIN, "--program", "wechat")["members"] == []
    assert counter.run("ecard", "unlink", LIN, "--program", "wechat")["ended"] == 1
