# SPDX-License-Identifier: Apache-2.0
"""Card numbers that the issuer's ledger gives out, and batches that are taken back."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from issuance.batch.errors import BatchError, BatchStoppedError
from issuance.batch.export import export_card
from issuance.batch.ledger import IssuerLedger
from issuance.batch.pools import single_process
from issuance.batch.run import batch_status, start, void, work
from issuance.batch.work import ChunkResult, make_chunk
from sscard_cli.main import main
from tests.batch.conftest import TODAY, RunBatch, people, rows_of, write_table

Capture = pytest.CaptureFixture[str]

# By hand, annex A: 35*3 + 5*7 + 1*9 + n*2 is 149 + 2n; rests of 11 are 8, 10, 1, 3, 5.
FIRST = ["Z51000013", "Z51000021", "Z5100003X", "Z51000048", "Z51000056"]


def without_numbers(count: int, seed: int = 0) -> list[dict[str, str]]:
    return [
        {name: text for name, text in person.items() if name != "card_number"}
        for person in people(count, seed=seed)
    ]


def numbers_of(folder: Path) -> list[str]:
    return [row["card_number"] for row in rows_of(folder / "return.csv")]


def test_numbers_follow_each_other_over_batches(run_batch: RunBatch, tmp_path: Path) -> None:
    ledger = tmp_path / "issuer.sqlite"
    first = run_batch(without_numbers(3), name="a", ledger=ledger, number_prefix="Z51")
    second = run_batch(without_numbers(2, seed=1), name="b", ledger=ledger, number_prefix="Z51")
    assert (first.cards, second.cards) == (3, 2)
    assert numbers_of(tmp_path / "a") + numbers_of(tmp_path / "b") == FIRST
    export_card(tmp_path / "b", FIRST[4])


def test_numbers_of_the_table_stay_and_are_not_given_twice(
    run_batch: RunBatch, tmp_path: Path
) -> None:
    """Row 3 brings the number that would be the next; it is passed over."""
    ledger = tmp_path / "issuer.sqlite"
    run_batch([people(1, seed=9)[0] | {"card_number": FIRST[1]}], name="a", ledger=ledger)
    persons = without_numbers(3)
    persons[1]["card_number"] = FIRST[3]
    run_batch(persons, name="b", ledger=ledger, number_prefix="Z51")
    given = numbers_of(tmp_path / "b")
    assert given[1] == FIRST[3]
    assert len({*given, FIRST[1]}) == 4
    assert all(number.startswith("Z5100") for number in given)


def test_a_rejected_row_shows_no_number(run_batch: RunBatch, tmp_path: Path) -> None:
    persons = without_numbers(2)
    persons[0]["sex"] = "7"
    summary = run_batch(persons, number_prefix="Z51")
    assert (summary.cards, summary.rejected) == (1, 1)
    assert numbers_of(tmp_path / "out") == ["", FIRST[1]]


def test_a_chunk_that_is_made_again_has_the_same_numbers(tmp_path: Path, keys: Path) -> None:
    table, folder = write_table(tmp_path / "h.csv", without_numbers(20)), tmp_path / "out"
    start(
        folder,
        generation=1,
        keys=str(keys),
        holders=table,
        chunk=5,
        today=TODAY,
        number_prefix="A",
    )

    class StopError(Exception):
        pass

    def stopping(tasks):  # type: ignore[no-untyped-def]
        results: list[ChunkResult] = [make_chunk(task) for task in tasks]
        yield from results[:2]
        raise StopError

    with pytest.raises(StopError):
        work(folder, stopping)
    assert work(folder, single_process(None)).cards == 20
    assert [number[:8] for number in numbers_of(folder)] == [f"A{n:07d}" for n in range(1, 21)]


@pytest.mark.parametrize("prefix", ["z51", "5", "Z1234567", "Z-1", "中", "Z 1"])
def test_what_is_no_prefix(run_batch: RunBatch, tmp_path: Path, prefix: str) -> None:
    with pytest.raises(BatchError, match=r"^card numbers begin with a capital letter"):
        run_batch(without_numbers(1), number_prefix=prefix)
    assert not (tmp_path / "out").exists()


def test_a_prefix_comes_to_its_end(tmp_path: Path) -> None:
    """Six characters leave two digits, from 01: 99 numbers."""
    with IssuerLedger(tmp_path / "issuer.sqlite") as ledger:
        given = ledger.assign("B", 1, "ZZZZZZ", list(range(2, 101)))
        assert [number[:8] for number in given.values()] == [
            f"ZZZZZZ{n:02d}" for n in range(1, 100)
        ]
        with pytest.raises(BatchStoppedError, match="begin with ZZZZZZ are given out"):
            ledger.assign("B", 2, "ZZZZZZ", [101])
        assert ledger.assign("B", 1, "ZZZZZZ", list(range(2, 101))) == given


def test_a_void_batch_gives_its_numbers_back(tmp_path: Path, keys: Path, capsys: Capture) -> None:
    table, folder = write_table(tmp_path / "h.csv", people(4)), tmp_path / "june"
    run = ["batch", "run", "--generation", "1", "--keys", str(keys), "--holders", str(table)]
    assert main([*run, "--out", str(folder)]) == 0
    assert main([*run, "--out", str(tmp_path / "again")]) == 1  # all rejected
    assert "no card was made, 4 rows are rejected" in capsys.readouterr().err
    assert main(["batch", "void", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: void, 4 card numbers are free again\n"
    number = people(4)[0]["card_number"]
    for command in (
        ["batch", "resume", str(folder)],
        ["batch", "export", str(folder), "--card-number", number, "--out", str(tmp_path / "c")],
    ):
        assert main(command) == 2
        assert capsys.readouterr().err == f"sscard: error: {folder}: the batch is void\n"
    assert main(["batch", "status", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "void"
    assert main(["batch", "void", str(folder), "--json"]) == 0  # again: nothing more
    assert json.loads(capsys.readouterr().out)["card_numbers"] == 0
    assert main([*run, "--out", str(tmp_path / "third")]) == 0
    serials = [row["atr"][-8:] for row in rows_of(tmp_path / "third" / "return.csv")]
    assert min(serials) > max(row["atr"][-8:] for row in rows_of(folder / "return.csv"))


def test_a_batch_that_was_stopped_is_taken_back(tmp_path: Path, keys: Path) -> None:
    table, folder = write_table(tmp_path / "h.csv", people(6)), tmp_path / "out"
    start(folder, generation=1, keys=str(keys), holders=table, chunk=2, today=TODAY)

    def one(tasks):  # type: ignore[no-untyped-def]
        yield make_chunk(next(tasks))
        raise BatchStoppedError("stopped")

    with pytest.raises(BatchStoppedError):
        work(folder, one)
    ledger = tmp_path / "issuer.sqlite"
    ledger.rename(tmp_path / "elsewhere")  # without it the serials would begin anew
    for go in (lambda: void(folder), lambda: work(folder, single_process(None))):
        with pytest.raises(
            BatchError, match=r"issuer\.sqlite: is missing, the ledger that gave out"
        ):
            go()
    assert not ledger.exists()
    (tmp_path / "elsewhere").rename(ledger)
    void(folder)
    assert batch_status(folder).state == "void"
    with sqlite3.connect(tmp_path / "issuer.sqlite") as db:
        assert db.execute("SELECT count(*) FROM numbers").fetchone() == (0,)
    with pytest.raises(BatchError, match="the batch is void"):
        work(folder, single_process(None))


@pytest.mark.parametrize(
    ("bad", "options", "code", "error"),
    [
        (0, [], 0, ""),
        (2, [], 0, ""),
        (2, ["--max-rejects", "2"], 0, ""),
        (3, ["--max-rejects", "2"], 1, "3 rows are rejected, more than 2; see "),
        (1, ["--max-rejects", "0"], 1, "1 rows are rejected, more than 0; see "),
        (5, [], 1, "no card was made, 5 rows are rejected; see "),
        (5, ["--max-rejects", "9"], 1, "no card was made, 5 rows are rejected; see "),
    ],
)
def test_exit_codes(
    tmp_path: Path, keys: Path, capsys: Capture, bad: int, options: list[str], code: int, error: str
) -> None:
    persons = [
        person | ({"sex": "7"} if number < bad else {}) for number, person in enumerate(people(5))
    ]
    table, folder = write_table(tmp_path / "h.csv", persons), tmp_path / "out"
    run = ["batch", "run", "--generation", "1", "--keys", str(keys), "--holders", str(table)]
    assert main([*run, "--out", str(folder), "--json", *options]) == code
    output = capsys.readouterr()
    assert json.loads(output.out)["rejected"] == bad
    whole = f"sscard: error: {folder}: {error}{folder}/rejects.csv\n"
    assert output.err == (whole if error else "")
    assert main(["batch", "resume", str(folder)]) == code  # it remembers
    assert main(["batch", "status", str(folder)]) == 0


def test_a_table_without_rows_makes_nothing(tmp_path: Path, keys: Path, capsys: Capture) -> None:
    header = ",".join(people(1)[0])
    (tmp_path / "h.csv").write_text(f"{header}\n", encoding="utf-8")
    run = ["batch", "run", "--generation", "1", "--keys", str(keys)]
    run += ["--holders", str(tmp_path / "h.csv"), "--out", str(tmp_path / "out")]
    assert main(run) == 1
    assert "no card was made" in capsys.readouterr().err
