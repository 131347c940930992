# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks compare is the same work, and what they say is written down."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import commands, debit, startup, transit
from benchmarks.rows import Row, UnavailableError

FLOORS = [("3des", debit.kept_des), ("sm4", debit.kept_sm4), ("3des", debit.fresh),
          ("sm4", debit.fresh)]  # fmt: skip


@pytest.mark.parametrize(("algorithm", "floor"), FLOORS)
def test_the_floor_computes_what_the_card_computes(
    algorithm: str, floor: Callable[[debit.Counter], debit.Window]
) -> None:
    counter = debit.Counter(3, algorithm, debit.WINDOW + 1)
    alone = floor(counter)
    expected = counter.window(debit.WINDOW)()
    assert alone() == expected
    assert alone() == expected  # kept objects give the same once more
    assert len(set(expected)) == 3
    counter.check(debit.WINDOW)
    with pytest.raises(RuntimeError):
        counter.check(debit.WINDOW + 1)


def test_a_purchase_that_is_refused_is_noticed() -> None:
    counter = debit.Counter(2, "3des", 5)
    counter.debits[3] = counter.debits[3][:-1] + bytes((counter.debits[3][-1] ^ 1,))
    counter.window(5)()
    with pytest.raises(RuntimeError, match="not every purchase"):
        counter.check(5)


def test_commands_without_vsmartcard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_FOLDERS", ())
    monkeypatch.setitem(sys.modules, "virtualsmartcard", None)
    with pytest.raises(UnavailableError, match="vsmartcard is not installed"):
        commands.rows(pairs=1)


def good() -> list[Row]:
    return [Row(12, "a thing", 2.0, 5.0, "<=", "2 ms")]


def bad() -> list[Row]:
    return [Row(3, "another", 2.0, 5.0, ">=", "")]


def absent() -> list[Row]:
    raise UnavailableError("no such thing here")


@pytest.mark.parametrize(
    ("first", "second", "code"), [(good, good, 0), (good, bad, 1), (good, absent, 1)]
)
def test_program(
    first: Callable[[], list[Row]],
    second: Callable[[], list[Row]],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(startup, "rows", first)
    monkeypatch.setattr(debit, "rows", second)
    output = tmp_path / "figures" / "rows.json"
    assert program.main(["startup", "debit", "--json", str(output)]) == 0
    assert program.main(["startup", "debit", "--json", str(output), "--check"]) == code
    text = capsys.readouterr().out
    written = json.loads(output.read_text(encoding="utf-8"))
    assert "a thing" in text
    assert [row["number"] for row in written["rows"]] == sorted(
        row["number"] for row in written["rows"]
    )
    assert {row["passed"] for row in written["rows"]} == (
        {True, False} if second is bad else {True}
    )
    if second is absent:
        assert written["not_measured"] == {"debit": "no such thing here"}
        assert "no such thing here" in text


def test_unknown_module(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["nothing"])
    assert "no such module: nothing" in capsys.readouterr().err


def test_a_journey_that_is_not_paid_is_noticed() -> None:
    line = transit.Line("3des")
    line.window()
    line.check(transit.WINDOW)
    with pytest.raises(RuntimeError, match="not every journey"):
        line.check(transit.WINDOW)
