# SPDX-License-Identifier: Apache-2.0
"""Anchors: what was posted before one is proven later, on both databases."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import AccountKind, EntryKind, Ledger, upgrade_ledger
from sscard_chip.settlement.ledger.database import parse_url
from sscard_cli.main import main
from tests.fixtures.old import unpack

NOTHING = hashlib.sha256(b"sscard-anchor/1").hexdigest()


def post(ledger: Ledger, source: str, fen: int = 5) -> int:
    with ledger.transaction() as t:
        accounts = [t.account(AccountKind.PERSONAL, "a"), t.account(AccountKind.FUNDING, "510100")]
        return t.post(EntryKind.ALLOCATION, "20260301", source, accounts, [fen, -fen])


def test_the_digest_is_of_these_bytes(tmp_path: Path) -> None:
    """By hand: the digest before, the entry, its lines in order with their owners."""
    path = tmp_path / "city.db"
    with Ledger.open(path) as ledger:
        assert ledger.anchor() == NOTHING
        post(ledger, "march")
        with closing(sqlite3.connect(path)) as reader:
            (time,) = reader.execute("SELECT posted_at FROM entry").fetchone()
        text = (
            f"1:1 10:allocation 8:20260301 5:march 4:None 19:{time}\n"
            "1 1 5 personal 1:a\n"
            "2 2 -5 funding 6:510100\n"
        )
        digest = hashlib.sha256(bytes.fromhex(NOTHING) + text.encode()).hexdigest()
        assert ledger.anchor() == digest
        assert ledger.anchor() == digest  # nothing new
        assert (ledger.check().anchor, ledger.check().since_anchor) == (digest, 0)


def test_every_anchor_stays_in_the_past(ledger: Ledger) -> None:
    anchors = [ledger.anchor()]
    for number in range(4):
        post(ledger, f"batch {number}")
        post(ledger, f"and {number}")
        anchors.append(ledger.anchor())
    assert len(set(anchors)) == 5
    post(ledger, "after")
    for anchor in anchors:
        done = ledger.check(anchor)
        assert (done.even, done.since_anchor) == (True, 1)
    done = ledger.check("ab" * 32)
    assert done.past == ("anchor: is not in the past of this ledger",)
    assert (done.problems, done.even) == ((), False)


CHANGES = {
    "an amount, balances and all": (
        "UPDATE line SET fen = fen * 2 WHERE entry = 1",
        "UPDATE balance SET fen = fen + (SELECT sum(fen) FROM line WHERE entry = 1 AND"
        " line.account = balance.account) / 2 WHERE fen <> 0",
    ),
    "a day": ("UPDATE entry SET business_date = '20260302' WHERE id = 1",),
    "a source": ("UPDATE entry SET source = 'april' WHERE id = 1",),
    "the time of posting": ("UPDATE entry SET posted_at = '2026-01-01 00:00:00' WHERE id = 1",),
    "the owner of an account": ("UPDATE account SET key = 'b' WHERE key = 'a'",),
    "two lines": (
        "UPDATE line SET number = 9 WHERE entry = 1 AND number = 1",
        "UPDATE line SET number = 1 WHERE entry = 1 AND number = 2",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_past_shows_though_the_books_are_even(ledger_url: str, name: str) -> None:
    """An owner of the database takes the rules off, changes, and puts them back."""
    with Ledger.open(ledger_url) as ledger:
        post(ledger, "march")
        kept = ledger.anchor()
        post(ledger, "next")
        ledger.anchor()
    engine = sa.create_engine(parse_url(ledger_url))
    with engine.begin() as owner:
        if owner.dialect.name == "sqlite":
            rules = owner.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%update'"
            ).all()
            for trigger, _ in rules:
                owner.exec_driver_sql(f"DROP TRIGGER {trigger}")
        else:
            owner.exec_driver_sql("SET LOCAL session_replication_role = replica")
            rules = []
        for change in CHANGES[name]:
            owner.exec_driver_sql(change)
        for _, text in rules:
            owner.exec_driver_sql(text)
    engine.dispose()
    with Ledger.open(ledger_url) as ledger:
        done = ledger.check(kept)
        assert (done.problems, done.rules) == ((), ())
        assert done.past == (
            "anchor 1: entries 1 to 1 are not what they were when it was made",
            "anchor: is not in the past of this ledger",
        )
        assert ledger.check().even is False


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_what_is_committed_late_is_covered_by_the_next(ledger: Ledger) -> None:
    """A sale has taken a smaller number and is committed after the anchor."""
    post(ledger, "first")
    with ledger.transaction() as t:
        place, fund = t.account(AccountKind.FUNDING, "510100"), t.account(AccountKind.FUND, "x")
    with ledger.transaction() as late:
        person = late.account(AccountKind.PERSONAL, "a")
        number = late.post(EntryKind.HOLD, "20260302", "late", [person, fund], [1, -1])
        with ledger.transaction() as t:
            assert t.post(EntryKind.HOLD, "20260302", "early", [place, fund], [7, -7]) > number
        before = ledger.anchor()
        assert ledger.check().since_anchor == 0
    assert ledger.check().since_anchor == 1
    after = ledger.anchor()
    assert after != before
    assert ledger.anchor() == after
    done = ledger.check(before)
    assert (done.even, done.since_anchor, done.anchor) == (True, 0, after)


def test_an_upgraded_ledger_has_an_anchor(tmp_path: Path) -> None:
    old = unpack(tmp_path) / "city.db"
    upgraded = upgrade_ledger(old)
    with Ledger.open(old) as ledger:
        assert ledger.anchor() == upgraded.anchor
        assert ledger.check(upgraded.anchor).even


def test_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Ledger.open("city.db") as ledger:
        post(ledger, "march", 700)
    assert main(["settle", "anchor", "--ledger", "city.db"]) == 0
    anchor = capsys.readouterr().out.strip()
    assert main(["settle", "check", "--ledger", "city.db", "--anchor", anchor]) == 0
    assert capsys.readouterr().out == (
        "city.db: the books balance: 1 entries, 2 lines, 2 accounts\n"
        "city.db: the anchor is in their past\n"
    )
    assert main(["settle", "check", "--ledger", "city.db", "--anchor", "00" * 32]) == 1
    assert capsys.readouterr() == (
        "anchor: is not in the past of this ledger\n",
        "sscard: error: city.db: the books are not what they were\n",
    )
    assert main(["settle", "check", "--ledger", "city.db", "--anchor", "0"]) == 2
    assert capsys.readouterr().err == (
        "sscard: error: anchor: must be 64 hex digits, as a run prints them\n"
    )
    assert main(["settle", "balances", "--ledger", "city.db", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "balances": [
            {"kind": "personal", "key": "a", "balance_fen": 700},
            {"kind": "funding", "key": "510100", "balance_fen": -700},
        ]
    }
    assert main(["settle", "balances", "--ledger", "city.db", "--kind", "funding"]) == 0
    assert capsys.readouterr().out == "funding 510100 -7.00\n"
