# SPDX-License-Identifier: Apache-2.0
"""A small city edits its region's document: each edit holds, or is refused in a clear line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_service import Code
from sscard_service.region import ServiceRegionError, load_region
from sscard_service.region.load import default_text
from tests.service.city import LIN, PHONE, VALID, City, photo

EDITS = (
    ("temporary_loss_days = 10", "temporary_loss_days = 3"),
    ("replacement_working_days = 15", "replacement_working_days = 2"),
    ("voucher_days = 30", "voucher_days = 5"),
    ('"0406",\n', '"0303", "0406",\n'),
    ("session_minutes = 15", "session_minutes = 2"),
    ("a_day = 20", "a_day = 1"),
    ("lift = 2\nreplace = 2", "formal = 2\nlift = 2\nreplace = 2"),  # 正式挂失 on the site
    ("policy = 0\nprogress = 0\nstatus = 1\nbalance = 1\nloss = 1\n\n[channels.site]",
     "policy = 0\nprogress = 0\nbalance = 1\nloss = 1\n\n[channels.site]"),
    ("社会保障卡遗失后请立即挂失。", "请先拨打热线。"),
)  # fmt: skip


def edited(path: Path, *edits: tuple[str, str]) -> Path:
    """The document that ships, with something else in some places."""
    text = default_text()
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def small_city(tmp_path: Path) -> Iterator[City]:
    region = load_region(edited(tmp_path / "my.toml", *EDITS))
    with Ledger.open(tmp_path / "city.db") as ledger:
        yield City(ledger, region=region)


def code(city: City) -> str:
    """A code by telephone, beside the last six of the card number."""
    from tests.service.test_abuse import sent_code

    city.ask("code", LIN, "site", card_number="000013")
    return sent_code(city)


def test_each_edit_takes_effect(small_city: City) -> None:
    city = small_city
    assert city.refused("status", LIN, "agent", card_number="000013") is Code.CHANNEL
    texts = city.ask("policy", "", "site").data["texts"]
    assert texts["loss"]["chinese"].startswith("请先拨打热线。")
    token = city.ask("login", LIN, "site", card_number="000013").data["token"]
    city.later(seconds=121)
    assert city.refused("balance", "", "site", session=token) is Code.STALE
    for _ in range(2):  # it lapses after three days
        city.ask("loss", LIN, "ivr", card_number="000013")
        city.later(days=2, hours=23)
        assert city.ask("status").data["cards"][0]["status"] == 4
        city.later(hours=2)
        assert city.ask("status").data["cards"][0]["status"] == 1
    city.ask("paper", details={"kind": "participation", "months": 12})
    assert city.refused("paper", details={"kind": "participation", "months": 24}) is Code.RATE
    assert city.ask("person").data["phone"] == PHONE
    assert city.refused("formal", LIN, "site", card_number="000013") is Code.LEVEL_TOO_LOW
    sent = code(city)
    done = city.ask("formal", LIN, "site", card_number="000013", phone_code=sent)
    assert done.data["status"] == 2
    assert city.refused("formal", LIN, "app", face=True) is Code.CHANNEL
    shown = city.ask("replace", photo=photo(), details=VALID).data
    assert (shown["due"], shown["voucher"]["valid_to"]) == ("20260310", "20260315")


def test_a_day_off_moves_the_due_day(small_city: City) -> None:
    small_city.ask("formal")  # Monday, 2 March; the 3rd is off in this city
    shown = small_city.ask("replace", photo=photo(), details=VALID).data
    assert (shown["due"], shown["due_provisional"]) == ("20260305", False)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("lift = 2", "lift = 1", "channels.site.levels: lift: needs level 2 at least"),
        ("loss = 1", "loss = 1\nlift = 2",
         "channels.ivr.levels: lift: needs level 2, its proofs reach 1"),
        ('"card", "identity_card"]', '"identity_card"]', ""),
        ('"query_password", "card", "identity_card"]', '"identity_card"]',
         "channels.kiosk.levels: person: needs level 3, its proofs reach 1"),
        ("loss = 1", "loss = 5", "channels.ivr.levels: loss: levels end with 4"),
        ("loss = 1", "lose = 1", "channels.ivr.levels: lose: is no operation (is loss meant?)"),
        ('"0104"', '"0105"', "working_days: 2026: on: 0105 is no Saturday or Sunday"),
        ('"0104"', '"0104", "0230"', "working_days: 2026: has a day that the year has not"),
        ('"0101"', '"0101", "0104"', "working_days: 2026: 0104 is off and on"),
        ('signed = true\nproofs = ["face"]', 'proofs = ["face"]', "takes face results"),
        ("[channels.ebank]", "[channels.ebank]\ncolour = 1", "colour: is not a field"),
        ("temporary_loss_days = 10", 'temporary_loss_days = "ten"', "time.temporary_loss_days"),
        ("[time]", "[time", "is no TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = edited(tmp_path / "my.toml", (old, new))
    if not said:  # a query password beside the identity card read is level 3
        assert load_region(path).channels["kiosk"].levels["lift"] == 3
        return
    with pytest.raises(ServiceRegionError) as caught:
        load_region(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert said in text
    assert "\n" not in text
