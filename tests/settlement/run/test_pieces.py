# SPDX-License-Identifier: Apache-2.0
"""On SQLite a batch is judged while others write, and its money comes in pieces of accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from sscard_chip.settlement import synthesize as s
from sscard_chip.settlement.clearing.proof import recompute_lines
from sscard_chip.settlement.ledger import (
    CardColumns,
    CardService,
    Ledger,
    change_status,
    read_cards,
    register_cards,
)
from sscard_chip.settlement.output import Output
from sscard_chip.settlement.run import run as running
from sscard_chip.settlement.run.pieces import Pieces
from sscard_chip.settlement.schema import run as tables
from tests.settlement.run.conftest import Undisturbed
from tests.settlement.run.test_exactly_once import KilledError, data_of, expected_data
from tests.settlement.run.trial import Trial, books, verdicts


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece is of few accounts."""
    monkeypatch.setattr(running, "SQLITE_ACCOUNTS", 40)


def rows_of(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.reading() as t:
        return list(t.connection.execute(sa.select(table).order_by(*table.primary_key.columns)))


def begun(trial: Trial, tmp_path: Path) -> Path:
    """A ledger with the register and the earlier day."""
    place = tmp_path / "ledger.db"
    with Ledger.open(place) as ledger:
        trial.begin(ledger, tmp_path / "earlier")
    return place


@pytest.mark.usefixtures("in_pieces")
def test_pieces_come_to_the_same(trial: Trial, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """The whole and its pieces leave the same files, balances, numbers and counters."""
    place = begun(trial, tmp_path)
    with Ledger.open(tmp_path / "whole.db") as whole, pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "SQLITE_ACCOUNTS", 1 << 16)
        trial.begin(whole, tmp_path / "one")
        trial.settle(whole, tmp_path / "two", trial.files())
        assert rows_of(whole, tables.split) == []
        with Ledger.open(place) as ledger:
            patch.setattr(running, "SQLITE_ACCOUNTS", 40)
            trial.settle(ledger, tmp_path / "out", trial.files())
            assert {row.pieces for row in rows_of(ledger, tables.split)} >= {7}
            for table in (tables.terminal, tables.card, tables.beside, tables.file):
                assert rows_of(ledger, table) == rows_of(whole, table)
            assert books(ledger) == undisturbed.books
            with ledger.reading() as t:
                assert recompute_lines(t) == []
    assert data_of(tmp_path / "out") == expected_data(undisturbed)


@pytest.mark.usefixtures("in_pieces")
def test_death_at_every_statement(trial: Trial, tmp_path: Path) -> None:
    """Each statement in turn is the last one; then the run, or one of other files, goes on."""
    few, other = trial.files()[:1], trial.files()[1:2]
    register = tmp_path / "register.db"
    with Ledger.open(register) as ledger:
        trial.register(ledger)
    start = register.read_bytes()

    def fresh(name: str) -> Path:
        place = tmp_path / f"{name}.db"
        place.write_bytes(start)
        return place

    with Ledger.open(fresh("whole")) as ledger:
        trial.settle(ledger, tmp_path / "whole", few)
        trial.settle(ledger, tmp_path / "whole other", other)
        assert len(rows_of(ledger, tables.split)) == 2
        wanted, data = books(ledger), data_of(tmp_path / "whole")
    unfinished = 0
    for last in range(30, 4000, 9):
        with Ledger.open(fresh(str(last))) as ledger:
            count = 0

            def die(last: int, *_: Any) -> None:
                nonlocal count
                count += 1
                if count == last:
                    raise KilledError

            listener = partial(die, last)
            event.listen(ledger.database.engine, "before_cursor_execute", listener)
            try:
                trial.settle(ledger, tmp_path / f"{last}", few)
            except KilledError:
                event.remove(ledger.database.engine, "before_cursor_execute", listener)
                assert ledger.check().problems == ()
                with ledger.reading() as t:
                    assert recompute_lines(t) == []
                split, booked = rows_of(ledger, tables.split), rows_of(ledger, tables.booked)
                if split and len(booked) < split[0].pieces:
                    unfinished += 1
                trial.settle(ledger, tmp_path / "other", other)
                trial.settle(ledger, tmp_path / f"{last}", few)
                assert verdicts(tmp_path / f"{last}") == data["verdicts.tsv"]
                assert books(ledger) == wanted
            else:
                assert unfinished > 2
                return
    pytest.fail("the run has no end")


@pytest.mark.usefixtures("in_pieces")
def test_a_card_that_is_registered_before_the_pieces_are_posted(
    trial: Trial, tmp_path: Path
) -> None:
    """Whose money it is was decided when the rows were posted: nothing is booked twice."""
    file = read_cards(trial.folder / s.CARDS)
    some = file.cards.rows(slice(0, None, 2))

    def register(ledger: Ledger, cards: CardColumns) -> None:
        ledger.run(lambda t: register_cards(t, cards, file.date, f"{len(cards)}"), exclusive=True)

    with Ledger.open(tmp_path / "whole.db") as whole:
        register(whole, some)
        trial.settle(whole, tmp_path / "out", trial.files())
        register(whole, file.cards)
        wanted = books(whole)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        register(ledger, some)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Pieces, "post", _killed)
            with pytest.raises(KilledError):
                trial.settle(ledger, tmp_path / "out", trial.files())
        register(ledger, file.cards)
        assert rows_of(ledger, tables.booked) == []
        trial.settle(ledger, tmp_path / "out", [])
        assert len(rows_of(ledger, tables.booked)) == rows_of(ledger, tables.split)[0].pieces
        assert books(ledger) == wanted
        with ledger.reading() as t:
            assert recompute_lines(t) == []


def _killed(*_: Any, **__: Any) -> None:
    raise KilledError


Meanwhile = Callable[[int], None]


def judged_while(monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> Callable[[], int]:
    """Have somebody else write between judging and posting; how often it was judged."""
    times = 0
    start = Output.start

    def begin(self: Output, *rows: Any) -> None:
        nonlocal times
        times += 1
        start(self, *rows)
        meanwhile(times)

    monkeypatch.setattr(Output, "start", begin)
    return lambda: times


def _report(place: Path, number: int, since: str) -> None:
    with Ledger.open(place) as desk, desk.transaction() as t:
        change_status(t, number, CardService.FORMAL_LOSS, since)


def test_a_report_of_later_times_changes_nothing(
    trial: Trial, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = begun(trial, tmp_path)
    times = judged_while(monkeypatch, lambda time: _report(place, time, "20991231000000"))
    with Ledger.open(place) as ledger:
        trial.settle(ledger, tmp_path / "out", trial.files())
        assert times() == 1
        assert data_of(tmp_path / "out") == expected_data(undisturbed)
        assert books(ledger) == undisturbed.books


@pytest.mark.parametrize("often", [1, 5])
def test_a_report_of_the_time_of_a_debit_is_heard(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, often: int
) -> None:
    """The rows are judged anew; the fourth time nobody else may write."""
    place, other = begun(trial, tmp_path), tmp_path / "before.db"
    other.write_bytes(place.read_bytes())
    numbers = range(20, 20 + often)
    for number in numbers[:3]:
        _report(other, number, "20200101000000")
    with Ledger.open(other) as ledger:
        trial.settle(ledger, tmp_path / "expected", trial.files())
        wanted = books(ledger)

    def report(time: int) -> None:
        if time <= min(often, 3):
            _report(place, numbers[time - 1], "20200101000000")

    times = judged_while(monkeypatch, report)
    with Ledger.open(place) as ledger:
        trial.settle(ledger, tmp_path / "out", trial.files())
        assert times() == min(often, 3) + 1
        assert data_of(tmp_path / "out") == data_of(tmp_path / "expected")
        assert verdicts(tmp_path / "out") != trial.expected()
        assert books(ledger) == wanted


@pytest.mark.usefixtures("in_pieces")
def test_a_run_that_comes_between(
    trial: Trial, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run settles some of the files before these are posted: they are settled once."""
    place = begun(trial, tmp_path)
    ways: list[Sequence[str]] = [trial.files()[3:9]]

    def settle_some(time: int) -> None:
        if ways:
            files = ways.pop()
            with Ledger.open(place) as other:
                trial.settle(other, tmp_path / "other", files)

    judged_while(monkeypatch, settle_some)
    with Ledger.open(place) as ledger:
        summary = trial.settle(ledger, tmp_path / "out", trial.files())
        assert summary.settled_before == 6
        assert data_of(tmp_path / "out") == expected_data(undisturbed)
        assert books(ledger) == undisturbed.books
