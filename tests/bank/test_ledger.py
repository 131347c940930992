# SPDX-License-Identifier: Apache-2.0
"""The ledger of the link: what it says, and that nobody changes it unseen."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from issuance.bank.head import LedgerHeadError, LedgerSeal, head_path
from issuance.bank.ledger import (
    ApplicationReference,
    BankLedgerError,
    Link,
    Operation,
    link_of,
    open_bank_ledger,
    read_ledger,
    seal_ledger,
)
from issuance.bank.roots import bank_slots
from issuance.roots import RootKeys

CARD, OTHER = "510100D15600000500000000010A0B0C", "510100D15600000500000000020A0B0C"
SUB = "Z00000013"
PAN, NEW = "6239990000000012344", "6239990000000067892"
SEAL = LedgerSeal(RootKeys(dict.fromkeys(bank_slots(), bytes(range(16)))))
OTHERS = LedgerSeal(RootKeys(dict.fromkeys(bank_slots(), bytes(16))))
WHEN = datetime(2026, 11, 28, 10, 15, tzinfo=timezone(timedelta(hours=8)))


def write(path: Path, *operations: tuple[Operation, str, str]) -> None:
    for operation, card, account in operations:
        with open_bank_ledger(path, SEAL) as ledger:
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


def test_every_changed_character_is_found(path: Path) -> None:
    write(path, (Operation.LINK, CARD, PAN), (Operation.UNLINK, CARD, PAN))
    content = path.read_bytes()
    first = content.index(b"\n")
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes((content[at] ^ 0x01,)) + content[at + 1 :])
        with pytest.raises((BankLedgerError, LedgerHeadError), match=f"^{path}: ") as caught:
            read_ledger(path)
        if at <= first:
            assert re.match(f"{path}: line [12]: ", str(caught.value))


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
    with pytest.raises(BankLedgerError, match="line 1: is not whole"), open_bank_ledger(path, SEAL):
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
        open_bank_ledger(path.parent / "no" / "ledger.jsonl", SEAL),
    ):
        pass


def test_numbers_are_masked_where_people_look(path: Path) -> None:
    with open_bank_ledger(path, SEAL) as ledger:
        entry = ledger.append(
            Operation.CHANGE, CARD, own(NEW), operator="0012", sub_account=SUB, former=PAN
        )
        assert NEW not in str(ledger.link_of(CARD))
    assert entry.shown()["main_account"] == "623999*********7892"
    assert entry.shown()["former_account"] == "623999*********2344"
    assert NEW not in repr(entry)


def test_nothing_written_leaves_no_file(path: Path) -> None:
    with open_bank_ledger(path, SEAL) as ledger:
        assert ledger.link_of(CARD) is None
    assert not path.exists()
    with pytest.raises(ZeroDivisionError), open_bank_ledger(path, SEAL):
        raise ZeroDivisionError
    assert not path.exists()
    write(path, (Operation.LINK, CARD, PAN))
    with open_bank_ledger(path, SEAL):
        pass
    assert len(read_ledger(path)) == 1


def test_a_clerk_who_waits_for_a_file_that_goes(path: Path) -> None:
    """The line is written into a file that has a name."""
    waiting = threading.Thread(target=write, args=(path, (Operation.LINK, CARD, PAN)))
    with open_bank_ledger(path, SEAL):
        waiting.start()
        time.sleep(0.05)
    waiting.join()
    assert [entry.main_account for entry in read_ledger(path)] == [PAN]


# --- the head -------------------------------------------------------------------------------------


def four_lines(path: Path) -> list[bytes]:
    write(path, *((Operation.LINK, card, PAN) for card in (CARD, OTHER, CARD, OTHER)))
    return path.read_bytes().splitlines(keepends=True)


def refused(path: Path, words: str) -> None:
    """By whoever reads, and by the next operation before it begins."""
    for seal in (None, SEAL):
        with pytest.raises(LedgerHeadError, match=words):
            read_ledger(path, seal)
    with pytest.raises(LedgerHeadError, match=words), open_bank_ledger(path, SEAL):
        raise AssertionError("the operation began")


def test_the_head_is_what_its_format_says(path: Path) -> None:
    """Computed here: HMAC-SHA-256 over format, count, head and next, a line each."""
    lines = four_lines(path)
    head = json.loads(head_path(path).read_bytes())
    assert head_path(path).name == "ledger.jsonl.head"
    assert head_path(path).stat().st_mode & 0o777 == 0o600
    digest = hashlib.sha256(lines[-1]).hexdigest()
    message = f"sscard-bank-ledger-head/1\n4\n{digest}\n".encode()
    key = RootKeys(dict.fromkeys(bank_slots(), bytes(range(16)))).diversify(
        "3des", "MDK_MAC", 1, [[b"LINKHEAD"]]
    )[0]
    assert head == {
        "format": "sscard-bank-ledger-head/1",
        "count": 4,
        "head": digest,
        "next": None,
        "mac": hmac.digest(key, message, "sha256").hex(),
    }
    (*_, last) = read_ledger(path)
    assert (last.number, last.shown()["digest"]) == (4, digest)


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_an_end_that_is_cut_off_is_found(path: Path, left: int) -> None:
    lines = four_lines(path)
    path.write_bytes(b"".join(lines[:left]))
    refused(path, f"^{path}: the end is cut off: {left} lines, the head says 4$")
    path.unlink(missing_ok=True)
    with pytest.raises(LedgerHeadError, match="0 lines"), open_bank_ledger(path, SEAL):
        pass


def test_a_chain_that_was_written_anew_is_found(path: Path) -> None:
    four_lines(path)
    head = head_path(path).read_bytes()
    for lines, words in (
        (4, "lines were written anew: 4"),
        (5, "lines were put behind the end: 5"),
    ):
        path.unlink()
        head_path(path).unlink(missing_ok=True)
        write(path, *[(Operation.UNLINK, CARD, PAN)] * lines)
        head_path(path).write_bytes(head)
        refused(path, words)


def test_a_head_that_is_missing_is_found_until_it_is_sealed(path: Path) -> None:
    """So it is with ledgers of earlier releases."""
    four_lines(path)
    before = head_path(path).read_bytes()
    head_path(path).unlink()
    refused(path, f"^{head_path(path)}: is not there: if the ledger is whole, sscard bank seal")
    assert seal_ledger(path, SEAL).count == 4
    assert head_path(path).read_bytes() == before
    write(path, (Operation.LINK, CARD, PAN))
    assert len(read_ledger(path, SEAL)) == 5
    with pytest.raises(LedgerHeadError, match="is there already"):
        seal_ledger(path, SEAL)


def test_a_head_under_another_key_is_found(path: Path) -> None:
    four_lines(path)
    for change in ({}, {"count": 3}, {"head": "1" * 64}, {"next": "1" * 64}):
        head = json.loads(head_path(path).read_bytes())
        seal = SEAL if change else OTHERS
        head_path(path).write_text(json.dumps(head | change))
        with pytest.raises(LedgerHeadError, match="mac: is wrong: another bank's keys"):
            read_ledger(path, seal)
        head_path(path).write_text(json.dumps(head))
    for wrong, words in (("{", "is not JSON"), ('{"count": -1}', "count: must be"), ("[]", "must")):
        head_path(path).write_text(wrong)
        with pytest.raises(LedgerHeadError, match=words):
            read_ledger(path, SEAL)


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_crash_between_the_writes_recovers(
    path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the head announces the line, before the line, and before the head has it."""
    write(path, (Operation.LINK, CARD, PAN))
    writes = iter(range(10))
    real, fsync = LedgerSeal.write, os.fsync

    def cut(*arguments: Any) -> Any:
        if next(writes) == (0 if at == 0 else 1):
            raise PowerCutError
        return real(*arguments)

    def cut_line(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(path):
            raise PowerCutError
        fsync(descriptor)

    with monkeypatch.context() as broken:
        broken.setattr(LedgerSeal, "write", cut)
        if at == 1:
            broken.setattr(os, "fsync", cut_line)
        with pytest.raises(PowerCutError):
            write(path, (Operation.ACTIVATE, CARD, PAN))
    there = 1 if at == 0 else 2
    assert len(read_ledger(path, SEAL)) == there
    if at == 1:  # only half of the line had reached the disk
        content = path.read_bytes()
        path.write_bytes(content[:-40])
        there = 1
        assert len(read_ledger(path, SEAL)) == there
    write(path, (Operation.UNLINK, CARD, PAN))
    assert [entry.number for entry in read_ledger(path, SEAL)] == list(range(1, there + 2))
    head = json.loads(head_path(path).read_bytes())
    assert (head["count"], head["next"]) == (there + 1, None)


def test_half_a_line_that_nobody_announced_stays_an_error(path: Path) -> None:
    lines = four_lines(path)
    path.write_bytes(b"".join(lines) + lines[0][:30])
    with pytest.raises(BankLedgerError, match="line 5: is not whole"), open_bank_ledger(path, SEAL):
        pass


def test_two_clerks_at_once_leave_one_chain(path: Path) -> None:
    def clerk() -> None:
        write(path, *[(Operation.LINK, CARD, PAN)] * 5)

    clerks = [threading.Thread(target=clerk) for _ in range(4)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    assert [entry.number for entry in read_ledger(path)] == list(range(1, 21))


@pytest.mark.parametrize("content", [b"SSCARD", b"\n", b"\x00" * 10])
def test_a_file_that_is_no_ledger_is_not_waited_for(path: Path, content: bytes) -> None:
    """As that of a card which another program, or this one, has in use."""
    path.write_bytes(content)
    with path.open("rb") as used:
        fcntl.flock(used, fcntl.LOCK_EX)
        with pytest.raises(BankLedgerError, match="line 1: is no entry of a ledger"):
            read_ledger(path)
        with (
            pytest.raises(BankLedgerError, match="line 1: is no entry of a ledger"),
            open_bank_ledger(path, SEAL),
        ):
            pass
    assert path.read_bytes() == content
