# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse of a holder file: what may stand there, and the card that comes of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from issuance.bank.account import BankAccount
from issuance.bank.desk import BankDesk
from issuance.bank.personalise import Bank, put_bank
from issuance.bank.purse import PurseOptions
from issuance.bank.roots import bank_slots
from issuance.roots import RootKeys
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.purse import PURSE_DIRECTORY, add_purse
from sscard_chip.standard.documents import convert, find
from sscard_chip.standard.purse_transactions import PurseId, TransactionType
from sscard_chip.terminal.bank.errors import NotAcceptedError
from sscard_chip.terminal.bank.purse_host import PurseHost
from sscard_chip.terminal.bank.purse_sam import PurseSam
from sscard_chip.terminal.bank.purse_terminal import PurseTerminal
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import connect_card
from tests.bank import bank
from tests.bench import account_cards as medical
from tests.bench.purse_cards import contents

PAN = "6239990000000012344"
ROOTS = RootKeys({slot: random.Random(str(slot)).randbytes(16) for slot in bank_slots()})
NUMBER = bytes.fromhex("112233445566")
TIME = bytes.fromhex("20240315101112")

RIGHT: list[dict[str, Any]] = [
    {},
    {"balance_fen": 0xFFFFFFFF, "deposit_fen": 0xFFFFFFFF},
    {"deposit_fen": 0xFF000000, "overdraft_limit_fen": 0xFFFFFF},
    {"issuer": "aabbccddeeff0011", "serial": "1", "version": 255, "start_date": "20240229"},
    {"expiry_date": "20340101", "free_log": True, "grey_locked": False},
    {"compound": {"AA": 41, "01": 250}},
    {"province": "5800", "city": "5840", "interoperable": False, "card_type": 5},
]
WRONG: list[tuple[object, str, str]] = [
    ([], "", "must be an object"),
    ({"balance": 1}, "balance", "is not a field of it"),
    ({"123456": 1}, "a name", "is not a field of it"),
    ({"balance_fen": -1}, "balance_fen", "must be a whole number of fen from 0 to 4294967295"),
    ({"balance_fen": True}, "balance_fen", "must be a whole number of fen from 0 to 4294967295"),
    ({"deposit_fen": 1 << 32}, "deposit_fen", "must be a whole number of fen"),
    ({"overdraft_limit_fen": 1 << 24}, "overdraft_limit_fen", "from 0 to 16777215"),
    (
        {"deposit_fen": 0xFFFFFFFF, "overdraft_limit_fen": 1},
        "deposit_fen",
        "together with overdraft_limit_fen must be at most 4294967295",
    ),
    ({"issuer": "AA"}, "issuer", "must be 8 bytes, 16 hex digits"),
    ({"issuer": 1}, "issuer", "must be 8 bytes, 16 hex digits"),
    ({"serial": "1" * 21}, "serial", "must be 1 to 20 digits"),
    ({"serial": "１"}, "serial", "must be 1 to 20 digits"),
    ({"version": 256}, "version", "must be a whole number from 0 to 255"),
    ({"start_date": "20240230"}, "start_date", "YYYYMMDD"),
    ({"start_date": "20240102", "expiry_date": "20240101"}, "expiry_date", "is before start_date"),
    ({"province": "580"}, "province", "must be an area code of 4 digits"),
    ({"city": "584A"}, "city", "must be an area code of 4 digits"),
    ({"card_type": 6}, "card_type", "must be a whole number from 1 to 5"),
    ({"interoperable": 1}, "interoperable", "must be true or false"),
    ({"free_log": 1}, "free_log", "must be true or false"),
    ({"compound": {}}, "compound", "must be an object of 1 to 10 identifiers"),
    ({"compound": {f"{n:02X}": 1 for n in range(1, 12)}}, "compound", "1 to 10 identifiers"),
    ({"compound": {"aa": 1}}, "compound", "2 capital hex digits, not 00 or FF"),
    ({"compound": {"00": 1}}, "compound", "2 capital hex digits, not 00 or FF"),
    ({"compound": {"AA": 0}}, "compound", "from 1 to 250"),
]


def check_purse(value: object) -> list[tuple[str, str]]:
    return [(one.item, one.rule) for one in find(PurseOptions, value)]


@pytest.mark.parametrize("value", RIGHT)
def test_right_options(value: dict[str, Any]) -> None:
    assert check_purse(value) == []
    assert repr(convert(PurseOptions, value)) == "<PurseOptions>"


@pytest.mark.parametrize(("value", "item", "rule"), WRONG)
def test_wrong_options(value: object, item: str, rule: str) -> None:
    ((found, text),) = check_purse(value)
    assert found == item
    assert rule in text


def issue(algorithm: str, **purse: Any) -> Card:
    """A card of a holder with a bank account that has deposit and purse."""
    given = {"pan": PAN, "pin": "135790", "purse": purse, "suite": algorithm}
    account = BankAccount.from_object(given, card_expiry="20350102")
    memory = put_bank(
        medical.new_memory(algorithm), Bank(ROOTS), account, issued="20250102", algorithm=algorithm
    )
    return Card(memory)


def issue_serial(card: Card) -> bytes:
    connection = connect_card(card)
    connection.power_on()
    return PurseTerminal(connection, NUMBER).select().serial


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_issued_card_works_with_the_banks_keys(algorithm: str) -> None:
    card = issue(algorithm, balance_fen=500, deposit_fen=1_000, overdraft_limit_fen=200)
    connection = connect_card(card)
    connection.power_on()
    terminal = PurseTerminal(connection, NUMBER)
    host = PurseHost(ROOTS, algorithm)
    public = terminal.select()
    assert public.serial.hex().isdecimal()
    assert public.serial != issue_serial(issue(algorithm))
    assert public.issuer.hex().upper() == "623999FFFFFFFFFF"
    assert (public.start, public.expiry) == ("20250102", "20350102")
    terminal.verify(bytes.fromhex("135790"))
    assert terminal.balance(PurseId.DEPOSIT) == 1_200
    (root,) = ROOTS.diversify(algorithm, "PURSE_DPK", 1, [()])
    psam = PurseSam(algorithm, root, NUMBER)
    terminal.load(host, TransactionType.PURSE_LOAD, 300, TIME)
    for kind in (TransactionType.PURSE_PURCHASE, TransactionType.DEPOSIT_PURCHASE):
        host.settle(terminal.purchase(psam, kind, 100, TIME))
    terminal.unload(host, 900, TIME)
    with pytest.raises(CardStatusError, match="9401"):
        terminal.unload(host, 1, TIME)
    terminal.update_limit(host, 0x1234, TIME)
    pin = host.unblock_pin(public, terminal.challenge(), bytes.fromhex("123456"))
    terminal.transmit(pin)
    terminal.verify(bytes.fromhex("123456"))


def test_options_come_onto_the_card() -> None:
    card = issue(
        "3des", serial="42", issuer="0102030405060708", version=9, start_date="20260101",
        expiry_date="20270101", free_log=True, grey_locked=True, compound={"01": 3, "02": 4},
    )  # fmt: skip
    connection = connect_card(card)
    connection.power_on()
    terminal = PurseTerminal(connection, NUMBER)
    public = terminal.select()
    assert (public.serial[-1], public.issuer.hex()) == (0x42, "0102030405060708")
    assert (public.version, public.application_type) == (9, 3)
    assert (public.start, public.expiry) == ("20260101", "20270101")
    assert terminal.log() == []
    with pytest.raises(CardStatusError, match="9408"):
        terminal.initialize(TransactionType.PURSE_PURCHASE, 0)
    assert terminal.transmit(bytes.fromhex("00B201C800")) == bytes.fromhex("0103000000")
    assert terminal.transmit(bytes.fromhex("00B202C800")) == bytes.fromhex("020400000000")


@pytest.mark.parametrize(
    ("options", "first"),
    [
        # The test card is of division 5100, a province: its area code stands for the city too.
        ({}, "00000156 6500 6500 0001 01"),
        ({"province": "5800", "city": "5840"}, "00000156 5800 5840 0001 01"),
        ({"interoperable": False, "card_type": 3}, "00000156 6500 6500 0000 03"),
    ],
)
def test_file_0017_says_where_the_card_is_from(options: dict[str, Any], first: str) -> None:
    """As gates and telephones read it: 00B097000B, then the whole file."""
    connection = connect_card(issue("3des", **options))
    connection.power_on()
    PurseTerminal(connection, NUMBER).select()
    assert connection.transmit(bytes.fromhex("00B097000B")) == bytes.fromhex(first + "9000")
    assert connection.transmit(bytes.fromhex("00B097003C")) == bytes.fromhex(
        first + "00" * 49 + "9000"
    )


@pytest.mark.parametrize(
    ("city", "place"),
    [
        ("440300", "58005840"),
        ("370202", "45004520"),
        ("110105", "10001000"),
        ("439900", "55005500"),
        ("990100", "00000000"),  # no division, so the trade has no area for it
    ],
)
def test_the_city_of_the_card_gives_the_area(city: str, place: str) -> None:
    """The trade's own codes, as readers know them; a province's where a city has none."""
    memory = medical.new_memory("3des")
    historical = bytes.fromhex("00990100038699")
    assert memory.cells.count(historical + bytes.fromhex("5100")) == 1
    at = memory.cells.index(historical) + len(historical)
    memory.cells[at : at + 2] = bytes.fromhex(city[:4])
    account = BankAccount.from_object({"pan": PAN, "purse": {}}, card_expiry="20350102")
    card = Card(put_bank(memory, Bank(ROOTS), account, issued="20250102", algorithm="3des"))
    connection = connect_card(card)
    connection.power_on()
    PurseTerminal(connection, NUMBER).select()
    assert connection.transmit(bytes.fromhex("00B0970408")) == bytes.fromhex(place + "000101009000")


def test_account_without_a_purse() -> None:
    account = BankAccount.from_object({"pan": PAN}, card_expiry="20350102")
    memory = put_bank(
        medical.new_memory(), Bank(ROOTS), account, issued="20250102", algorithm="3des"
    )
    connection = connect_card(Card(memory))
    connection.power_on()
    with pytest.raises(NotAcceptedError):
        PurseTerminal(connection, NUMBER).select()


# --- the account's life ---------------------------------------------------------------------------


class Desk:
    """A bank's counter with a card on it whose account has deposit and purse."""

    def __init__(self, folder: Path, state: str) -> None:
        self.card = bank.issue(state=state, purse={"balance_fen": 700})
        self.counter = BankDesk(bank.bank(), folder / "ledger.jsonl", "0012")
        self.counter.record(self.card)

    def save(self, memory: Memory) -> None:
        self.card = Card(memory)

    def purse(self) -> int | None:
        """What is in the purse; None when the card has none, or it sleeps."""
        connection = connect_card(self.card)
        connection.power_on()
        try:
            terminal = PurseTerminal(connection, NUMBER)
            terminal.select()
        except NotAcceptedError:
            return None
        return terminal.balance(PurseId.PURSE)


def test_purse_wakes_and_sleeps_with_the_account(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "dormant")
    assert desk.purse() is None
    desk.counter.activate(connect_card(desk.card))
    assert desk.purse() == 700
    desk.counter.unlink(connect_card(desk.card))
    assert desk.purse() is None


@pytest.mark.parametrize("purse", [None, {"balance_fen": 5}], ids=["without", "with"])
def test_purse_goes_with_the_account(tmp_path: Path, purse: dict[str, int] | None) -> None:
    desk = Desk(tmp_path, "active")
    old = bytes(desk.card.files.memory.cells)
    serial = issue_serial(desk.card)
    given = {"pan": bank.NEW_PAN} | ({"purse": purse} if purse else {})
    account = BankAccount.from_object(given, card_expiry="20360701")
    desk.counter.change(desk.card, account, desk.save)
    assert desk.purse() == (5 if purse else None)
    assert serial in old
    assert serial not in bytes(desk.card.files.memory.cells)


# --- the profile ----------------------------------------------------------------------------------


def test_second_purse_is_refused() -> None:
    memory = medical.new_memory()
    add_purse(memory, contents())
    before = bytes(memory.cells)
    with pytest.raises(ValueError, match="the card has one already"):
        add_purse(memory, contents())
    assert memory.cells == before
    with pytest.raises(ValueError, match="no file system"):
        add_purse(Memory(bytearray(1000)), contents())


def test_content_of_another_length_is_refused() -> None:
    memory = medical.new_memory()
    before = bytes(memory.cells)
    made = contents()
    object.__setattr__(made, "public", bytes(29))
    with pytest.raises(ValueError, match="purse: 0015 must be 30 bytes"):
        add_purse(memory, made)
    assert memory.cells == before
    assert repr(made) == "<PurseContents, 3des>"


def test_files_and_keys_are_declared() -> None:
    sizes = {file.fid: file.content_size for file in PURSE_DIRECTORY.files}
    assert sizes == {0x15: 30, 0x16: 55, 0x17: 60, 0x18: 230, 0x19: 43}
    for file in PURSE_DIRECTORY.files:
        fields = sum(item.length for item in file.items)
        assert fields in (file.size, file.record_length if file.records else 0, 0x29, 0)
    roots = [key.root for key in PURSE_DIRECTORY.keys]
    assert len(set(roots)) == len(roots) == 10
