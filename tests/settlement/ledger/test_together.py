# SPDX-License-Identifier: Apache-2.0
"""Transactions side by side: deadlocks are tried again, readers and openers wait for nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import (
    AccountKind,
    EntryKind,
    Ledger,
    LedgerConflictError,
    LedgerRefusedError,
    LedgerTransaction,
)

ROOT: Final = Path(__file__).resolve().parents[3]


def together(*works: Callable[[], object]) -> None:
    """Each in a thread of its own; what one raises is raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_entries_in_opposite_order_are_both_posted(ledger: Ledger) -> None:
    """On PostgreSQL a deadlock, of which one side is undone and done again."""
    with ledger.transaction() as t:
        people = t.accounts(AccountKind.PERSONAL, ["a", "b"]).tolist()
        source = t.accounts(AccountKind.FUNDING, ["a", "b"]).tolist()
    attempts = []
    meeting = threading.Barrier(2)

    def work(order: tuple[int, int], t: LedgerTransaction) -> None:
        attempts.append(order)
        for at in order:
            lines = [people[at], source[at]]
            name = f"{order}:{at}:{len(attempts)}"
            t.post(EntryKind.ALLOCATION, "20260301", name, lines, [1, -1])
            # SQLite lets one of them in alone, so they would not meet
            first = at == order[0] and len(attempts) <= 2
            if first and t.connection.dialect.name != "sqlite":
                meeting.wait(timeout=30)

    together(
        lambda: ledger.run(lambda t: work((0, 1), t)),
        lambda: ledger.run(lambda t: work((1, 0), t)),
    )
    with ledger.reading() as t:
        assert t.balances(people).tolist() == [2, 2]
        assert len(attempts) == (2 if t.connection.dialect.name == "sqlite" else 3)


def test_a_conflict_that_does_not_end_is_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[LedgerTransaction] = []
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def work(t: LedgerTransaction) -> None:
        calls.append(t)
        raise LedgerConflictError("in the way")

    with pytest.raises(LedgerConflictError):
        ledger.run(work)
    assert len(calls) == 10
    assert len(slept) == 9


def test_exclusive_transactions_take_turns(ledger: Ledger) -> None:
    inside = []

    def work(t: LedgerTransaction) -> None:
        inside.append(1)
        assert len(inside) == 1
        t.connection.execute(sa.select(sa.literal(1)))
        threading.Event().wait(0.05)
        inside.pop()

    together(*[lambda: ledger.run(work, exclusive=True)] * 3)


def test_a_reader_sees_one_state_while_others_write(ledger: Ledger) -> None:
    with ledger.transaction() as t:
        person, source = t.account(AccountKind.PERSONAL, "p"), t.account(AccountKind.FUNDING)
    with ledger.reading() as reader:
        assert reader.balance(person) == 0
        with ledger.transaction() as t:
            t.post(EntryKind.ALLOCATION, "20260301", "x", [person, source], [5, -5])
        assert reader.balance(person) == 0
    with ledger.reading() as reader:
        assert reader.balance(person) == 5


def test_a_ledger_is_opened_while_somebody_writes(ledger: Ledger, ledger_url: str) -> None:
    with ledger.transaction(exclusive=True) as t:
        t.account(AccountKind.FUNDING)
        with Ledger.open(ledger_url, create=False) as other, other.reading() as reader:
            assert reader.balances_of(AccountKind.FUNDING) == {}


def test_many_processes_create_one_ledger(ledger_url: str) -> None:
    code = (
        "import sys; from sscard_chip.settlement.ledger import Ledger;"
        " Ledger.open(sys.argv[1]).close()"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, ledger_url], cwd=ROOT) for _ in range(4)
    ]
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    with Ledger.open(ledger_url, create=False) as ledger:
        assert ledger.check().even


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fen", ["0.5", "'5'", "'x'", "x'00'"])
def test_sqlite_takes_whole_fen_alone(ledger: Ledger, fen: str) -> None:
    with ledger.transaction() as t:
        person = t.account(AccountKind.PERSONAL, "p")

    def attempt(t: LedgerTransaction) -> None:
        columns = "(id, kind, business_date, source)"
        t.connection.execute(
            sa.text(f"INSERT INTO entry {columns} VALUES (9, 'x', '20260301', 's')")
        )
        t.connection.execute(sa.text(f"INSERT INTO line VALUES (9, 1, {person}, {fen})"))
        t.connection.execute(sa.text(f"INSERT INTO line VALUES (9, 2, {person}, 0)"))
        t.connection.execute(sa.text("INSERT INTO seal VALUES (9)"))

    with pytest.raises(LedgerRefusedError):
        ledger.run(attempt)


def test_columns_of_every_kind_go_in(ledger: Ledger) -> None:
    """Integers, bytes, texts, nothing, and one value for all rows; the fast and the slow way."""
    table = sa.Table(
        "trial",
        sa.MetaData(),
        sa.Column("number", sa.BigInteger),
        sa.Column("code", sa.LargeBinary),
        sa.Column("name", sa.String),
        sa.Column("one", sa.BigInteger),
    )
    numbers = np.array([3, -1, 2**62])
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    fast: dict[str, Any] = {"number": numbers, "code": codes, "one": 7}
    slow: dict[str, Any] = {
        "number": [1, None],
        "code": [b"\0\\", None],
        "name": ["名\t\n\\N", None],
        "one": 8,
    }
    with ledger.transaction() as t:
        table.create(t.connection)
        assert t.insert(table, fast) == 3
        assert t.insert(table, slow) == 2
        assert t.insert(table, {"number": numbers[:0]}) == 0
        with pytest.raises(LedgerRefusedError, match="one length"):
            t.insert(table, {"number": numbers, "name": ["a"]})
        rows = [tuple(row) for row in t.connection.execute(sa.select(table))]
    assert rows == [
        (3, bytes(range(4)), None, 7),
        (-1, bytes(range(4, 8)), None, 7),
        (2**62, bytes(range(8, 12)), None, 7),
        (1, b"\0\\", "名\t\n\\N", 8),
        (None, None, None, 8),
    ]
