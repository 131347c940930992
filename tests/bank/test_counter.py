# SPDX-License-Identifier: Apache-2.0
"""The bank's counter: linking, activating, changing and unlinking, each with its record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from issuance.bank.account import VARIANTS, BankAccount
from issuance.bank.desk import BankDesk, BankDeskError, CardFacts
from issuance.bank.head import LedgerHeadError, LedgerSeal, head_path
from issuance.bank.ledger import BankLedgerError, Operation, read_ledger, seal_ledger
from issuance.bank.personalise import Bank, BankIssueError, card_keys
from issuance.bank.roots import bank_slots
from issuance.holder import HolderError
from issuance.personalise import issue_card
from issuance.roots import RootKeyError, RootKeys
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.bank.removal import bank_directories
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.terminal.bank.errors import NotAcceptedError
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.results import Decision
from sscard_chip.terminal.bank.terminal import BankPurchase
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.session import open_session
from tests.bank.bank import NEW_PAN, NOON, PAN, bank, holder, issue, profile, roots

SELECT_DEBIT = bytes.fromhex("00A4040008A000000333010101")
SELECT_PSE = bytes.fromhex("00A404000E315041592E5359532E4444463031")


class Desk:
    """A counter with the card that lies on it."""

    def __init__(self, folder: Path, card: Card) -> None:
        self.path = folder / "ledger.jsonl"
        self.card = card
        self.counter = BankDesk(bank(), self.path, "0012")

    def save(self, memory: Memory) -> None:
        self.card = Card(memory)

    @property
    def identification(self) -> str:
        return CardFacts.of(open_session(connect_card(self.card))).identification

    def select(self, command: bytes = SELECT_DEBIT) -> str:
        self.card.power_on()
        return self.card.transmit(command)[-2:].hex()

    def link(self, pan: str = PAN, **fields: Any) -> None:
        self.counter.link(self.card, account(pan, **fields), self.save, when=NOON)

    def rewrite(self, content: bytes) -> None:
        """The ledger as if its last lines could not have been written."""
        self.path.write_bytes(content)
        head_path(self.path).unlink()
        seal_ledger(self.path, LedgerSeal(bank().store))

    def operations(self) -> list[str]:
        return [entry.operation for entry in read_ledger(self.path)]

    def pay(self) -> tuple[str, Decision]:
        connection = connect_card(self.card)
        connection.power_on()
        terminal = PaymentTerminal(profile(), IssuerHost(bank().store))
        outcome = terminal.pay(connection, BankPurchase(100, NOON))
        return outcome.pan, outcome.decision


def account(pan: str = PAN, **fields: Any) -> BankAccount:
    return BankAccount.from_object({"pan": pan, **fields}, card_expiry="20360701")


@pytest.fixture
def blank(tmp_path: Path) -> Desk:
    """A card without bank part."""
    return Desk(tmp_path, issue(pan=None))


@pytest.fixture(params=["3des", "sm4"])
def sleeping(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    """A card that was issued with a dormant application."""
    desk = Desk(tmp_path, issue(state="dormant", suite=request.param))
    desk.counter.record(desk.card)
    return desk


def test_a_card_without_bank_part_is_linked(blank: Desk) -> None:
    assert blank.select() == "6a82"
    before = inspect_card(blank.card)
    blank.link()
    assert blank.select() == "9000"
    assert blank.pay() == (PAN, Decision.APPROVED_ONLINE)
    assert blank.operations() == [Operation.LINK, Operation.ACTIVATE]
    (first, second) = read_ledger(blank.path)
    assert first.card == second.card == blank.identification
    assert (first.main_account, first.sub_account, first.operator) == (PAN, "Z00000013", "0012")
    after = inspect_card(blank.card)
    assert after.directories[: len(before.directories)] == before.directories


def test_linked_dormant_then_activated(blank: Desk) -> None:
    blank.link(state="dormant", oda="sm2")
    assert (blank.select(), blank.select(SELECT_PSE)) == ("6a82", "6a82")
    blank.counter.activate(connect_card(blank.card))
    assert (blank.select(), blank.select(SELECT_PSE)) == ("9000", "9000")
    assert blank.operations() == [Operation.LINK, Operation.ACTIVATE]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_activated(blank: Desk, variant: str) -> None:
    blank.link(state="dormant", variant=variant)
    blank.counter.activate(connect_card(blank.card))
    assert blank.pay() == (PAN, Decision.APPROVED_ONLINE)


def test_issued_dormant_then_activated(sleeping: Desk) -> None:
    assert sleeping.select() == "6a82"
    assert sleeping.operations() == [Operation.LINK]
    entry = sleeping.counter.activate(connect_card(sleeping.card))
    assert entry.operation is Operation.ACTIVATE
    assert sleeping.pay() == (PAN, Decision.APPROVED_ONLINE)
    with pytest.raises(BankDeskError, match=r"^the account is active already$"):
        sleeping.counter.activate(connect_card(sleeping.card))


def test_unlinked_and_linked_again(sleeping: Desk) -> None:
    sleeping.counter.activate(connect_card(sleeping.card))
    for _ in range(3):
        sleeping.pay()
    entry = sleeping.counter.unlink(connect_card(sleeping.card))
    assert (entry.operation, entry.atc) == (Operation.UNLINK, 4)
    assert sleeping.select() == "6a82"
    with pytest.raises(NotAcceptedError):
        sleeping.pay()
    for operation in (sleeping.counter.activate, sleeping.counter.unlink):
        with pytest.raises(BankDeskError, match="knows of no account that the card is linked with"):
            operation(connect_card(sleeping.card))
    sleeping.link(NEW_PAN)
    assert sleeping.pay() == (NEW_PAN, Decision.APPROVED_ONLINE)


def test_a_dormant_account_is_unlinked_without_the_card_s_help(sleeping: Desk) -> None:
    sleeping.counter.unlink(connect_card(sleeping.card))
    assert sleeping.operations() == [Operation.LINK, Operation.UNLINK]
    assert sleeping.select() == "6a82"


def test_the_account_is_changed(blank: Desk) -> None:
    blank.link(ecash={"balance_fen": 700})
    old = blank.card.files.memory.cells
    entry = blank.counter.change(
        blank.card, account(NEW_PAN, state="dormant"), blank.save, when=NOON
    )
    assert (entry.operation, entry.main_account, entry.former_account) == (
        Operation.CHANGE, NEW_PAN, PAN,
    )  # fmt: skip
    assert blank.pay() == (NEW_PAN, Decision.APPROVED_ONLINE)  # active, as the old one was
    new = bytes(blank.card.files.memory.cells)
    track = bytes.fromhex(PAN + "D")
    assert track in bytes(old)
    assert track not in new


def test_the_keys_of_the_old_account_are_gone(blank: Desk) -> None:
    blank.link()
    before = bytes(blank.card.files.memory.cells)
    (offset, *_) = bank_directories(blank.card.files.memory)
    blank.counter.change(blank.card, account(NEW_PAN), blank.save, when=NOON)
    after = bytes(blank.card.files.memory.cells)
    assert before[64:offset] == after[64:offset]
    old = card_keys(bank().store, "sm4", PAN, "00")
    for secret in (old.cryptogram, old.script_mac, old.script_cipher):
        assert secret in before
        assert secret not in after


def test_a_dormant_account_is_changed_and_stays_dormant(sleeping: Desk) -> None:
    sleeping.counter.change(sleeping.card, account(NEW_PAN), sleeping.save, when=NOON)
    assert sleeping.select() == "6a82"
    sleeping.counter.activate(connect_card(sleeping.card))
    assert sleeping.pay() == (NEW_PAN, Decision.APPROVED_ONLINE)


def test_refusals(blank: Desk) -> None:
    def refuses(rule: str, function: Any, *arguments: Any) -> None:
        image = blank.card.image()
        entries = blank.operations() if blank.path.exists() else []
        with pytest.raises(BankDeskError) as caught:
            function(*arguments)
        assert str(caught.value) == rule
        assert blank.card.image() == image
        assert (blank.operations() if blank.path.exists() else []) == entries

    counter, none = blank.counter, "the ledger knows of no account that the card is linked with"
    refuses(none, counter.activate, connect_card(blank.card))
    refuses(none, counter.unlink, connect_card(blank.card))
    refuses(none, counter.change, blank.card, account(), blank.save)
    refuses("the card has no bank application, or more than one", counter.record, blank.card)
    blank.link()
    linked = "the card is linked with an account already"
    refuses(linked, counter.link, blank.card, account(NEW_PAN), blank.save)
    refuses(linked, counter.record, blank.card)
    same = "the account is the one that the card is linked with"
    refuses(same, counter.change, blank.card, account(), blank.save)


def test_a_card_of_another_bank_is_not_touched(tmp_path: Path) -> None:
    desk = Desk(tmp_path, issue())
    with pytest.raises(BankDeskError, match="that the ledger does not know"):
        desk.link()


def test_generation_1_has_no_bank_part(tmp_path: Path) -> None:
    desk = Desk(tmp_path, issue(1, pan=None))
    with pytest.raises(BankDeskError, match=r"^a card of generation 1 has no bank application$"):
        desk.link()
    assert (desk.select(), desk.select(SELECT_PSE)) == ("6a82", "6a82")
    with pytest.raises(HolderError) as caught:
        issue(1)
    assert str(caught.value) == (
        "HOLDER.json: bank: a card of generation 1 has no bank application"
    )


def test_an_account_needs_the_bank_s_keys() -> None:
    with pytest.raises(HolderError, match=r"^HOLDER.json: bank: needs the bank's root keys$"):
        issue_card(3, roots(), holder())
    with pytest.raises(RootKeyError, match="3des: MDK_AC: 1: the key is needed and missing"):
        issue_card(3, roots(), holder(), bank=Bank(roots()))
    with pytest.raises(BankIssueError, match=r"^bank oda: dda needs the bank's certificates$"):
        issue_card(3, roots(), holder(oda="dda"), bank=Bank(bank().store))
    other = {"pan": "6228480000000000018", "oda": "sda"}
    with pytest.raises(BankIssueError, match="for numbers that begin otherwise"):
        issue_card(3, roots(), holder(**other), bank=bank())


def test_a_wrong_key_wakes_nothing(sleeping: Desk) -> None:
    """The ledger's head is checked before; here with the right key."""
    keys = {slot: bytes(16) for slot in bank_slots()}
    wrong = BankDesk(Bank(RootKeys(keys)), sleeping.path, "0012")
    with pytest.raises(LedgerHeadError, match="another bank's keys"):
        wrong.activate(connect_card(sleeping.card))
    wrong._seal = sleeping.counter._seal
    with pytest.raises(CardStatusError, match="84440000: 6988"):
        wrong.activate(connect_card(sleeping.card))
    assert sleeping.select() == "6a82"
    assert sleeping.operations() == [Operation.LINK]


def test_a_ledger_that_could_not_be_written_is_caught_up(blank: Desk) -> None:
    """Link and activation are on the card and not in the book."""
    blank.link(state="dormant")
    blank.counter.activate(connect_card(blank.card))
    lines = blank.path.read_bytes().splitlines(keepends=True)
    blank.rewrite(lines[0])
    blank.pay()
    blank.counter.activate(connect_card(blank.card))
    assert blank.operations() == [Operation.LINK, Operation.ACTIVATE]
    blank.rewrite(b"")
    entry = blank.counter.record(blank.card)
    assert (entry.operation, entry.main_account) == (Operation.ACTIVATE, PAN)
    blank.counter.unlink(connect_card(blank.card))
    assert blank.select() == "6a82"


def test_a_sleeping_card_that_the_ledger_takes_for_awake(tmp_path: Path) -> None:
    desk = Desk(tmp_path, issue())
    desk.counter.record(desk.card)
    desk.card = issue(state="dormant")
    with pytest.raises(NotAcceptedError):
        desk.counter.unlink(connect_card(desk.card))
    assert desk.operations() == [Operation.LINK, Operation.ACTIVATE]


def test_a_full_disk_is_told(blank: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("issuance.bank.ledger.os.fsync", full)
    with pytest.raises(
        BankLedgerError, match=r"the card is changed and the ledger is not \(No space"
    ):
        blank.link()
    monkeypatch.undo()
    assert not blank.path.exists()
    blank.counter.record(blank.card)
    assert blank.operations() == [Operation.LINK, Operation.ACTIVATE]
