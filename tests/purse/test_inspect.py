# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse as ``sscard info`` shows them."""

from __future__ import annotations

import io
import json
from dataclasses import asdict

from rich.console import Console

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.profile.contents import DirectoryContents, PurseAmounts, PurseTransaction
from sscard_chip.profile.inspect import inspect_card
from sscard_cli.card.contents import render
from tests.bench.purse import EP_BUY, OVERDRAFT, TIME, Terminal
from tests.bench.purse_cards import new_card, secret

DEPOSIT = Purse(balance_fen=1_500, limit_fen=500, online_number=3, offline_number=4)
PURSE = Purse(balance_fen=2_000, grey_locked=False)


def used_card() -> Card:
    card = new_card(deposit=DEPOSIT, purse=PURSE)
    terminal = Terminal(card.transmit, "3des")
    terminal.open()
    terminal.do(EP_BUY, 123)
    terminal.do(OVERDRAFT, limit=700)
    return card


def shown(card: Card) -> DirectoryContents:
    (directory,) = (d for d in inspect_card(card).directories if d.purse)
    return directory


def test_state_of_deposit_and_purse() -> None:
    directory = shown(used_card())
    assert (directory.fid, directory.df_name) == ("1001", "A00000000386980701")
    assert directory.pin is not None
    assert (directory.pin.tries, directory.pin.limit) == (3, 3)
    purse = directory.purse
    assert purse is not None
    assert (purse.state, purse.issuer, purse.version) == ("working", "1122334455667788", 1)
    assert (purse.serial, purse.start, purse.expiry) == (
        "00000000000000001234", "2024-01-01", "2034-01-01",
    )  # fmt: skip
    assert (purse.province, purse.city, purse.interoperable, purse.card_type) == (
        "5800", "5840", True, "02",
    )  # fmt: skip
    assert (purse.province_name, purse.city_name) == ("广东省", "深圳市")
    assert purse.deposit == PurseAmounts(1_700, 700, 4, 4, False)
    assert purse.purse == PurseAmounts(1_877, 0, 0, 1, False)
    time = f"{TIME[:4]}-{TIME[4:6]}-{TIME[6:8]} {TIME[8:10]}:{TIME[10:12]}:{TIME[12:]}"
    assert purse.log == (
        PurseTransaction(3, "overdraft update", "112233445566", time, 0, 700),
        PurseTransaction(0, "purse purchase", "112233445566", time, 123, 0),
    )


def test_keys_and_files_have_their_names() -> None:
    directory = shown(used_card())
    names = {key.name: key.kid for key in directory.keys}
    assert names["PURSE_DPK"] == names["PURSE_DULK"] == "index"
    assert names["PURSE_DAMK"] == names["PURSE_DEAK"] == "01"
    files = {file.fid: file for file in directory.files}
    assert list(files) == ["0015", "0016", "0017", "0018", "0019"]
    assert files["0015"].records[0][3].text == "00000000000000001234"
    place = {item.english.split(",")[0]: item for item in files["0017"].records[0]}
    assert (place["country"].text, place["city"].text) == ("00000156", "5840")
    assert place["interoperation"].meaning == "是 yes"
    assert place["card type"].meaning == "学生卡 student"
    assert (files["0015"].write, files["0016"].write) == ("MAC", "key 01 and MAC")
    assert (files["0018"].read, files["0018"].write) == ("PIN", "never")
    assert files["0018"].records[0][3].meaning == "overdraft update"


def test_a_record_without_a_time_says_so() -> None:
    """A host without a clock gives zeros; the card takes any BCD."""
    card = new_card(deposit=DEPOSIT, purse=PURSE)
    terminal = Terminal(card.transmit, "3des")
    terminal.open()
    for time in ("00000000000000", "20260102000000"):
        opened = terminal.init(EP_BUY, 1)
        terminal.ok(terminal.completion(opened, time=time)[0])
    purse = shown(card).purse
    assert purse is not None
    assert [entry.time for entry in purse.log] == ["2026-01-02 00:00:00", "not given"]


def test_a_card_that_does_not_say_where_it_is_from() -> None:
    """As those that were issued before had 0017: all 00."""
    card = new_card()
    terminal = Terminal(card.transmit, "3des")
    terminal.select()
    assert terminal.sw(terminal.secured("04D69700", bytes(60))) == 0x9000
    text = io.StringIO()
    for part in render(inspect_card(card), with_keys=False):
        Console(file=text, width=120).print(part)
    assert "not given; not interoperable" in text.getvalue()


def test_states_in_words() -> None:
    for header, state in (("841E0000", "suspended"), ("841E0001", "blocked")):
        card = new_card()
        terminal = Terminal(card.transmit, "3des")
        terminal.select()
        assert terminal.sw(terminal.secured(header)) == 0x9000
        purse = shown(card).purse
        assert purse is not None
        assert purse.state == state


def test_tables_and_json_show_no_secret() -> None:
    card = used_card()
    text = io.StringIO()
    for part in render(inspect_card(card), with_keys=True):
        Console(file=text, width=120).print(part)
    for expected in (
        "5800 广东省, 5840 深圳市",
        "电子存折",
        "17.00, overdraft limit 7.00 of it",
        "18.77",
        "purse purchase",
    ):
        assert expected in text.getvalue()
    values = json.dumps(asdict(inspect_card(card)))
    for root in ("PURSE_DPK", "PURSE_DAMK"):
        assert secret(root).hex().upper() not in values.upper()
    assert "123456" not in values.replace("112233445566", "")
