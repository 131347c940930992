# SPDX-License-Identifier: Apache-2.0
"""The ledger of the link: what it says, and that nobody changes it unseen."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from issuance.bank.ledger import (
    ApplicationReference,
    BankLedgerError,
    Link,
    Operation,
    link_of,
    open_bank_ledger,
    read_ledger,
)

CARD, OTHER = "510100D15600000500000000010A0B0C", "510100D15600000500000000020A0B0C"
SUB = "Z00000013"
PAN, NEW = "6239990000000012344", "6239990000000067892"
WHEN = datetime(2026, 11, 28, 10, 15, tzinfo=timezone(timedelta(hours=8)))


def write(path: Path, *operations: tuple[Operation, str, str]) -> None:
    for operation, card, account in operations:
        with open_bank_ledger(path) as ledger:
            ledger.append(
                operation, card, own(account), operator="0012", sub_account=SUB, when=WHEN
            )


def own(pan: str) -> ApplicationReference:
    return ApplicationReference(pan, "01", "sm4", 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_entries_come_back_as_they_were_written(path: Path) -> None:
    write(path, (Operation.LINK, CARD, PAN), (Operation.ACTIVATE, CARD, PAN))
    first, second = read_ledger(path)
    assert (first.number, first.operation, first.main_account) == (1, Operation.LINK, PAN)
    assert (second.number, second.when) == (2, "2026-11-28T10:15:00+08:00")
    assert (second.operator, second.card, second.sub_account) == ("0012", CARD, SUB)
    assert second.application == own(PAN)
    assert path.stat().st_mode & 0o777 == 0o600


def test_how_a_card_stands(path: Path) -> None:
    steps = [
        (Operation.LINK, Link(own(PAN), SUB, False, True)),
        (Operation.ACTIVATE, Link(own(PAN), SUB, True, True)),
        (Operation.CHANGE, Link(own(NEW), SUB, True, True)),
        (Operation.UNLINK, Link(own(PAN), SUB, False, False)),
        (Operation.LINK, Link(own(PAN), SUB, False, True)),
    ]
    assert not path.exists()
    for operation, expected in steps:
        write(path, (operation, CARD, NEW if operation is Operation.CHANGE else PAN))
        assert link_of(read_ledger(path), CARD) == expected
    assert link_of(read_ledger(path), OTHER) is None


def test_changes_of_a_dormant_account_leave_it_dormant(path: Path) -> None:
    write(path, (Operation.LINK, CARD, PAN), (Operation.CHANGE, CARD, NEW))
    assert link_of(read_ledger(path), CARD) == Link(own(NEW), SUB, False, True)


def test_every_changed_character_but_of_the_last_line_is_found(path: Path) -> None:
    write(path, (Operation.LINK, CARD, PAN), (Operation.UNLINK, CARD, PAN))
    content = path.read_bytes()
    first = content.index(b"\n")
    for at in range(first + 1):
        path.write_bytes(content[:at] + bytes((content[at] ^ 0x01,)) + content[at + 1 :])
        with pytest.raises(BankLedgerError, match=f"^{path}: line [12]: "):
            read_ledger(path)


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_line_that_is_missing_is_found(path: Path, gone: int) -> None:
    write(path, *((Operation.LINK, card, PAN) for card in (CARD, OTHER, CARD, OTHER)))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    with pytest.raises(BankLedgerError, match=f"line {gone + 1}: does not follow"):
        read_ledger(path)


def test_a_line_that_was_cut_stops_the_next_operation(path: Path) -> None:
    write(path, (Operation.LINK, CARD, PAN))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BankLedgerError, match="line 1: is not whole"), open_bank_ledger(path):
        pass


def test_other_files_are_no_ledger(path: Path) -> None:
    for text in ("[]", "x", json.dumps({"number": 1})):
        path.write_text(text + "\n")
        with pytest.raises(BankLedgerError, match="line 1: is no entry of a ledger"):
            read_ledger(path)
    write(path := path.parent / "right.jsonl", (Operation.LINK, CARD, PAN))
    right = json.loads(path.read_text())
    for name in right:
        path.write_text(json.dumps({**right, name: []}) + "\n")
        with pytest.raises(BankLedgerError, match="line 1: is no entry of a ledger"):
            read_ledger(path)
    with pytest.raises(BankLedgerError, match="No such file"):
        read_ledger(path.parent / "none.jsonl")
    with (
        pytest.raises(BankLedgerError, match="No such file"),
        open_bank_ledger(path.parent / "no" / "ledger.jsonl"),
    ):
        pass


def test_numbers_are_masked_where_people_look(path: Path) -> None:
    with open_bank_ledger(path) as ledger:
        entry = ledger.append(
            Operation.CHANGE, CARD, own(NEW), operator="0012", sub_account=SUB, former=PAN
        )
        assert NEW not in str(ledger.link_of(CARD))
    assert entry.shown()["main_account"] == "623999*********7892"
    assert entry.shown()["former_account"] == "623999*********2344"
    assert NEW not in repr(entry)


def test_nothing_written_leaves_no_file(path: Path) -> None:
    with open_bank_ledger(path) as ledger:
        assert ledger.link_of(CARD) is None
    assert not path.exists()
    with pytest.raises(ZeroDivisionError), open_bank_ledger(path):
        raise ZeroDivisionError
    assert not path.exists()
    write(path, (Operation.LINK, CARD, PAN))
    with open_bank_ledger(path):
        pass
    assert len(read_ledger(path)) == 1


def test_a_clerk_who_waits_for_a_file_that_goes(path: Path) -> None:
    """The line is written into a file that has a name."""
    waiting = threading.Thread(target=write, args=(path, (Operation.LINK, CARD, PAN)))
    with open_bank_ledger(path):
        waiting.start()
        time.sleep(0.05)
    waiting.join()
    assert [entry.main_account for entry in read_ledger(path)] == [PAN]


def test_two_clerks_at_once_leave_one_chain(path: Path) -> None:
    def clerk() -> None:
        write(path, *[(Operation.LINK, CARD, PAN)] * 5)

    clerks = [threading.Thread(target=clerk) for _ in range(4)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    assert [entry.number for entry in read_ledger(path)] == list(range(1, 21))
