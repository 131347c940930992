# SPDX-License-Identifier: Apache-2.0
"""Any order, any grouping: the same files give the same money, counts and verdicts."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sscard_chip.settlement.ledger import AccountKind, Ledger
from sscard_chip.settlement.output import VERDICTS
from sscard_chip.settlement.settle import settle
from tests.bench.issued import roots
from tests.settlement.oracle import NAMES, Law, read
from tests.settlement.test_against_oracle import empty_ledger, load_register, rules_of
from tests.settlement.worlds import (
    CARDS,
    DATES,
    TERMINALS,
    World,
    make_file,
    sign,
    text_of,
    worlds,
)

GOOD_ROW = (
    *("null", "null", "null", "10.00", "0.00", "10.00", "0.00", "0"),
    *("P510100000012026031510110000AA", "510100", "null", CARDS[0][0], CARDS[0][1], CARDS[0][2]),
    *("03", "1", "1", "32", "510100000001", "1", "20260315101100", "1000", "0", "0", "null", "0"),
)
LABELS = ("setl_id", "mdtrt_id", "psn_no", "msgid", "card_id_code", "card_number", "key_version")
"""What copies of a debit may differ in although no money hangs on it."""


def settled(
    world: World, folder: Path, runs: list[list[int]], batch_rows: int
) -> tuple[dict[tuple[str, str], int], Counter[Any], list[str]]:
    """Settle files in some runs, then look at all of them once more: the money, how many rows of
    each content have each code (103 is of a file, whichever copy of a debit is the posted one), and
    the verdicts of that last run."""
    folder.mkdir()
    path = folder / "ledger.db"
    path.write_bytes(empty_ledger())
    names = []
    for at, file in enumerate(world.files):
        names.append(str(folder / f"{at}.tsv"))
        Path(names[-1]).write_text(text_of(file), encoding="utf-8")
    with Ledger.open(str(path)) as ledger:
        if world.law.register is not None:
            load_register(ledger, world.law.register)
        for number, run in enumerate([*runs, list(range(len(names)))]):
            out = folder / f"out{number}"
            settle(
                [names[at] for at in run],
                keys=roots,
                ledger=ledger,
                out=out,
                rules=rules_of(world.law),
                batch_rows=batch_rows,
            )
        assert ledger.check().problems == ()
        with ledger.reading() as t:
            money = {
                (str(kind), key): fen
                for kind in AccountKind
                for key, fen in t.balances_of(kind).items()
                if fen
            }
    verdicts = (out / VERDICTS).read_text(encoding="utf-8").splitlines()[1:]
    once = {file.digest: file for file in world.files}.values()
    order = sorted(once, key=lambda one: (one.date, one.terminal, one.digest))
    lines = [(file, line) for file in order for line in file.lines]
    counts: Counter[Any] = Counter()
    for (_, line), verdict in zip(lines, verdicts, strict=True):
        row = read(line)
        content = line if row is None else tuple(row[n] for n in NAMES if n not in LABELS)
        counts.update((content, code) for code in verdict.split("\t")[3].split(","))
    return money, counts, verdicts


def in_pieces(draw: st.DrawFn, count: int) -> list[list[int]]:
    """All files in some order, cut into runs; some are handed in again."""
    order = draw(st.permutations(range(count)))
    runs: list[list[int]] = [[]]
    for at in order:
        cut: bool = draw(st.booleans())
        if runs[-1] and cut:
            runs.append([])
        runs[-1].append(at)
    again = draw(st.lists(st.integers(0, count - 1), max_size=2))
    return [*runs, again] if again else runs


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[World, list[list[list[int]]], list[int]]:
    """A world, two ways in which its files come, and the batches of each."""
    world = draw(worlds())
    ways = [in_pieces(draw, len(world.files)) for _ in range(2)]
    return world, ways, [draw(st.sampled_from([1 << 21, 1, 3])) for _ in ways]


def differences(world: World, ways: list[list[list[int]]], batches: list[int]) -> list[str]:
    """What is not the same whichever way the files came."""
    folder = Path(tempfile.mkdtemp())
    try:
        first, second = (
            settled(world, folder / f"{at}", way, batch)
            for at, (way, batch) in enumerate(zip(ways, batches, strict=True))
        )
    finally:
        shutil.rmtree(folder)
    found = []
    if first[0] != second[0]:
        found.append(f"money: {first[0]} {second[0]}")
    if first[1] != second[1]:
        found.append(f"verdicts: {first[2]} {second[2]}")
    return found


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(deliveries())
def test_no_order_and_no_grouping_matters(
    delivered: tuple[World, list[list[list[int]]], list[int]],
) -> None:
    assert differences(*delivered) == []


def test_a_row_that_nothing_proves_is_no_duplicate_whenever_it_came() -> None:
    """It has a number that a good debit takes: its code is 1 before that is settled, and after."""
    law = Law(roots())
    owner = TERMINALS[0]
    good = dict(zip(NAMES, GOOD_ROW, strict=True))
    sign(good, law)
    other = {**good, "tac": "00000000", "msgid": "P510100000012026031510110099AA"}
    files = tuple(
        make_file(owner, DATES[0], None, ("\t".join(["D", *(cells[n] for n in NAMES)]),))
        for cells in (good, other)
    )
    world = World(law, files, (), 1 << 21)
    ways = [[[0], [1]], [[1], [0]], [[0, 1]]]
    folder = Path(tempfile.mkdtemp())
    try:
        found = [settled(world, folder / f"{at}", way, 1 << 21)[2] for at, way in enumerate(ways)]
    finally:
        shutil.rmtree(folder)
    assert [sorted(row.split("\t")[3] for row in rows) for rows in found] == [["0", "1"]] * 3
