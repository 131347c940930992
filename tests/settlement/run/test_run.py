# SPDX-License-Identifier: Apache-2.0
"""A day with every fault: all are found and named, and the order of things does not matter."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sscard_chip.settlement import synthesize as s
from sscard_chip.settlement.judge.codes import FINDINGS
from sscard_chip.settlement.ledger import AccountKind, Ledger, LedgerConflictError
from sscard_chip.settlement.output import SUMMARY, VERDICTS, VERDICTS_PARQUET
from sscard_chip.settlement.run import RunProgress, Threads
from sscard_chip.settlement.run.booking import book
from sscard_chip.settlement.synthesize import faults
from tests.settlement.run.conftest import Undisturbed
from tests.settlement.run.trial import Trial, books, outputs, verdicts


def test_every_fault_is_found_and_no_good_row_refused(
    trial: Trial, ledger: Ledger, tmp_path: Path
) -> None:
    trial.begin(ledger, tmp_path / "earlier")
    summary = trial.settle(ledger, tmp_path / "out", trial.files())
    assert verdicts(tmp_path / "out") == trial.expected()
    assert (summary.refused_files, summary.given_twice, summary.settled_before) == ([], [], 0)
    assert set(summary.codes) == {str(int(one.code)) for one in FINDINGS}
    rows = verdicts(tmp_path / "out").decode().splitlines()[1:]
    posted = sum(row.split("\t")[3].split(",")[0] == "0" for row in rows)
    assert (summary.rows, summary.posted) == (len(rows), posted)
    table = pq.read_table(tmp_path / "out" / VERDICTS_PARQUET).to_pylist()
    assert [
        "\t".join("null" if v is None else str(v) for v in row.values()) for row in table
    ] == rows


def test_the_trial_has_every_kind_of_fault(tmp_path: Path) -> None:
    wanted = s.Wanted(cards=300, pharmacies=12, debits=1600, faults=0.05, seed=3)
    from tests.bench.issued import roots

    made = s.synthesize(tmp_path / "one", roots(), wanted)
    assert set(made.faults) == {kind.name for kind in faults.ALL}
    s.synthesize(tmp_path / "two", roots(), wanted)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    other = s.Wanted(cards=300, pharmacies=12, debits=1600, faults=0.05, seed=4)
    s.synthesize(tmp_path / "three", roots(), other)
    assert files_of(tmp_path / "one") != files_of(tmp_path / "three")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_money_is_that_of_the_verdicts(trial: Trial, undisturbed: Undisturbed) -> None:
    """Pharmacies are owed account and fund money of what is posted, to the fen, both days."""
    owed: Counter[str] = Counter()
    cash: Counter[str] = Counter()
    for day, name in ((s.EARLIER_DAYS, s.EARLIER_EXPECTED), (s.DAYS, s.EXPECTED)):
        lines = iter((trial.folder / name).read_text().splitlines()[1:])
        for path in sorted(trial.files(day), key=lambda path: _place(path)):
            header, *rows, _ = Path(path).read_text().splitlines()
            for row in rows:
                codes = next(lines).split("\t")[3].split(",")
                if codes[0] == "0":
                    cells = row.split("\t")
                    fund, account, paid = (round(float(cell) * 100) for cell in cells[5:8])
                    owed[header.split("\t")[2]] += account + fund
                    cash[header.split("\t")[2]] += paid
        assert next(lines, None) is None
    books = undisturbed.books
    assert books[AccountKind.PHARMACY] == {key: fen for key, fen in owed.items() if fen}
    assert books[AccountKind.COLLECTED] == {key: fen for key, fen in cash.items() if fen}
    assert sum(books[AccountKind.SELF_PAID].values()) == -cash.total()
    assert sum(books[AccountKind.SUSPENSE].values()) < 0  # some accounts had too little
    assert sum(books[AccountKind.RECEIVABLE].values()) < 0  # some cards are from elsewhere


def _place(path: str) -> tuple[str, str]:
    date, _, terminal = Path(path).stem.partition("-")
    return date, terminal


def test_again_nothing_changes(trial: Trial, ledger: Ledger, tmp_path: Path) -> None:
    trial.begin(ledger, tmp_path / "earlier")
    trial.settle(ledger, tmp_path / "one", trial.files())
    before = books(ledger)
    with ledger.reading() as t:
        entries = t.connection.exec_driver_sql("SELECT count(*) FROM entry").scalar_one()
    summary = trial.settle(ledger, tmp_path / "two", trial.files())
    assert summary.settled_before == summary.files == len(trial.files())
    assert books(ledger) == before
    with ledger.reading() as t:
        assert t.connection.exec_driver_sql("SELECT count(*) FROM entry").scalar_one() == entries
    one = outputs(tmp_path / "one", without=[SUMMARY])
    assert outputs(tmp_path / "two", without=[SUMMARY]) == one


@pytest.mark.parametrize("batch_rows", [1, 100, 700])
def test_neither_batches_nor_the_order_of_arguments_matter(
    trial: Trial, undisturbed: Undisturbed, tmp_path: Path, batch_rows: int
) -> None:
    paths = trial.files()
    random.Random(batch_rows).shuffle(paths)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trial.begin(ledger, tmp_path / "earlier")
        trial.settle(ledger, tmp_path / "out", paths, batch_rows=batch_rows)
        assert outputs(tmp_path / "out") == undisturbed.outputs
        assert books(ledger) == undisturbed.books


def test_two_workers_give_the_same_bytes(
    trial: Trial, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    with (
        Ledger.open(tmp_path / "ledger.db") as ledger,
        Threads(2) as pool,
    ):
        trial.begin(ledger, tmp_path / "earlier")
        trial.settle(ledger, tmp_path / "out", trial.files(), pool=pool, batch_rows=900)
        assert outputs(tmp_path / "out") == undisturbed.outputs
        assert books(ledger) == undisturbed.books


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_judged_again_after_a_conflict_is_written_once(
    trial: Trial,
    undisturbed: Undisturbed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    calls = 0

    def conflict(*given: Any, **named: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise LedgerConflictError("in between")
        book(*given, **named)

    with Ledger.open(tmp_path / "ledger.db") as ledger, Threads(workers) as pool:
        trial.begin(ledger, tmp_path / "earlier")
        monkeypatch.setattr("sscard_chip.settlement.run.posting.book", conflict)
        trial.settle(ledger, tmp_path / "out", trial.files(), pool=pool)
        assert calls == 2
        assert outputs(tmp_path / "out") == undisturbed.outputs
        assert books(ledger) == undisturbed.books


def test_a_run_that_fails_while_it_writes_leaves_nothing(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> None:
        raise OSError("no space")

    with Ledger.open(tmp_path / "ledger.db") as ledger, Threads(2) as pool:
        trial.begin(ledger, tmp_path / "earlier")
        monkeypatch.setattr("sscard_chip.settlement.output._dispute_lines", fail)
        with pytest.raises(OSError, match="no space"):
            trial.settle(ledger, tmp_path / "out", trial.files(), pool=pool)
        assert list((tmp_path / "out").iterdir()) == []


def test_without_register_the_cards_are_taken_as_they_come(trial: Trial, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trial.settle(ledger, tmp_path / "earlier", trial.files(s.EARLIER_DAYS))
        summary = trial.settle(ledger, tmp_path / "out", trial.files())
        assert not summary.register
        assert not {"8", "10", "12", "14"} & set(summary.codes)
        own = books(ledger)
    rows = zip(
        verdicts(tmp_path / "out").decode().splitlines(),
        trial.expected().decode().splitlines(),
        strict=True,
    )
    for got, wanted in rows:
        if wanted.split("\t")[3] in ("8", "10", "12", "14"):
            assert got.split("\t")[3] == "0"
        else:
            assert got == wanted
    assert own[AccountKind.PERSONAL] == {}
    assert sum(own[AccountKind.SUSPENSE].values()) < 0


def test_summary_and_disputes(undisturbed: Undisturbed) -> None:
    summary = json.loads(undisturbed.outputs[SUMMARY])
    assert summary["format"] == "sscard-settlement/1"
    assert summary["rows"] == summary["posted"] + summary["refused"] + summary["held"]
    head, *disputes = undisturbed.outputs["disputes.tsv"].decode().splitlines()
    assert len(disputes) == summary["refused"] + summary["held"]
    names = head.split("\t")
    verdict_rows = undisturbed.outputs[VERDICTS].decode().splitlines()[1:]
    bad = [row for row in verdict_rows if row.split("\t")[3].split(",")[0] != "0"]
    assert ["\t".join(row.split("\t")[:4]) for row in disputes] == bad
    assert all(len(row.split("\t")) == len(names) for row in disputes)
    reasons = dict(zip(names, disputes[0].split("\t"), strict=True))["reason"]
    assert reasons


def test_a_refused_file_is_told_and_the_others_are_settled(trial: Trial, tmp_path: Path) -> None:
    paths = trial.files()
    cut = tmp_path / "cut.tsv"
    whole = Path(paths[0]).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trial.begin(ledger, tmp_path / "earlier")
        summary = trial.settle(ledger, tmp_path / "out", [*paths, str(cut)])
    assert [file.path for file in summary.refused_files] == [str(cut)]
    assert verdicts(tmp_path / "out") == trial.expected()
    told = json.loads((tmp_path / "out" / SUMMARY).read_text())["files_refused"]
    assert [one["file"] for one in told] == ["cut.tsv"]


def test_a_file_that_claims_to_be_a_settled_one_is_refused(trial: Trial, tmp_path: Path) -> None:
    """The digest in its trailer is a settled file's, its rows are not."""
    path = Path(trial.files()[0])
    forged = tmp_path / "forged.tsv"
    forged.write_bytes(path.read_bytes().replace(b"\t32\t", b"\t31\t", 1))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trial.begin(ledger, tmp_path / "earlier")
        trial.settle(ledger, tmp_path / "one", [str(path)])
        summary = trial.settle(ledger, tmp_path / "two", [str(forged), str(path)])
    assert [file.path for file in summary.refused_files] == [str(forged)]
    assert (summary.files, summary.settled_before) == (1, 1)


def test_progress_goes_from_nothing_to_all(trial: Trial, tmp_path: Path) -> None:
    told: list[RunProgress] = []
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trial.settle(
            ledger, tmp_path / "out", trial.files(), report_progress=told.append, batch_rows=400
        )
    rows = [one.rows for one in told]
    assert rows == sorted(rows)
    assert rows[-1] == told[-1].total == len(trial.expected().splitlines()) - 1
    assert [one.step for one in told[:4]] == ["reading", "verifying", "posting", "writing"]


def test_nothing_is_written_when_the_run_fails(trial: Trial, tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    def die(_: object) -> None:
        raise KilledError

    with Ledger.open(tmp_path / "ledger.db") as ledger:
        with pytest.raises(KilledError):
            trial.settle(ledger, tmp_path / "out", trial.files(), report_progress=die)
        assert os.listdir(tmp_path / "out") == []


_FULL = os.environ.get("SSCARD_FULL_DAY") == "1"


def test_a_large_day(tmp_path: Path) -> None:
    """60,000 debits; with SSCARD_FULL_DAY=1 the 2,000,000 of the goal."""
    size = {"cards": 6000, "pharmacies": 90, "debits": 60_000, "faults": 0.005}
    if _FULL:
        size = {"cards": 200_000, "pharmacies": 3000, "debits": 2_000_000, "faults": 0.001}
    trial = Trial.make(tmp_path / "day", **size)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        trial.begin(ledger, tmp_path / "earlier")
        trial.settle(ledger, tmp_path / "out", trial.files())
        assert verdicts(tmp_path / "out") == trial.expected()
        before = books(ledger)
        trial.settle(ledger, tmp_path / "again", trial.files())
        assert books(ledger) == before
    assert outputs(tmp_path / "again", without=[SUMMARY]) == outputs(
        tmp_path / "out", without=[SUMMARY]
    )
