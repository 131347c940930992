# SPDX-License-Identifier: Apache-2.0
"""A card of another place: stopped anywhere, changed for good where it is issued (D1)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_service import Code, ServiceRefusedError, ServiceRegionError
from sscard_service.region import default_text, load_region
from tests.service.city import VALID, City, make_card, photo


def test_losses_are_taken_anywhere_and_cards_are_given_at_the_place_of_issue(
    tmp_path: Path,
) -> None:
    with Ledger.open(tmp_path / "city.db") as ledger:
        city = City(ledger)
        home = city.region

        def move(*divisions: str) -> None:
            city.centre.region = msgspec.structs.replace(home, issues_for=list(divisions))

        move("990200")
        for operation, state in (("loss", 4), ("lift", 1), ("formal", 2)):
            assert city.ask(operation).data["status"] == state
            city.later(minutes=1)
        with pytest.raises(ServiceRefusedError) as caught:
            city.ask("replace", details=VALID, photo=photo())
        assert (caught.value.code, caught.value.details) == (Code.NOT_HERE, {"region": "990100"})
        assert caught.value.http_status == 403
        assert city.refused("cancel") is Code.NOT_HERE
        move("990200", "990100")
        receipt = city.ask("replace", details=VALID, photo=photo()).data["receipt"]
        make_card(city, receipt, 9, "Z00000030")
        move("990200")
        assert city.refused("collect", details={"receipt": receipt}) is Code.NOT_HERE
        move()
        assert city.ask("collect", details={"receipt": receipt}).data["status"] == 1
        city.ask("cancel")
        move("990200")
        assert city.refused("apply", details=VALID, photo=photo()) is Code.NOT_HERE
        assert city.ask("person").data["bank"] == ""


def test_a_region_names_divisions(tmp_path: Path) -> None:
    path = tmp_path / "region.toml"
    path.write_text(default_text().replace("issues_for = []", 'issues_for = ["99"]'), "utf-8")
    with pytest.raises(ServiceRegionError, match="issues_for"):
        load_region(path)
