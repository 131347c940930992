# SPDX-License-Identifier: Apache-2.0
"""Totals, statements, their pages and files: every sum is the sum of the rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.settlement.clearing import (
    ClearingTotals,
    Locality,
    RowOutcome,
    Statement,
    files,
    locality,
    statements,
)
from sscard_chip.settlement.clearing.codes import outcome_of
from sscard_chip.settlement.clearing.files import file_stem, regional_totals, write_clearing
from sscard_chip.settlement.clearing.page import render_page
from sscard_chip.settlement.judge.localities import localities
from tests.settlement.clearing.cells import DAY, ONE, TWO, row, table

RUN = (
    row(),
    row(fund=100, account=0, cash=1, insurance="390"),
    row(refund=True),
    row(algorithm="sm4", day=DAY + 1, codes=(101,)),
    row(insured=510700),
    row(insured=330106, algorithm="sm4"),
    row(codes=(1, 6)),
    row(codes=(1,)),
    row(codes=(104,)),
    row(TWO, refund=True, fund=5, account=6, cash=7),
)


def run_totals(rows: Any = RUN) -> ClearingTotals:
    return ClearingTotals.of(table(rows))


def one(rows: Any = RUN) -> Statement:
    return next(statements(run_totals(rows), {ONE: "长生堂大药房"}))


rows_of_runs = st.lists(
    st.builds(
        row,
        st.sampled_from([ONE, TWO, "H1"]),
        insured=st.sampled_from([510100, 510104, 510700, 330106]),
        insurance=st.sampled_from(["310", "390"]),
        day=st.sampled_from([DAY, DAY + 1]),
        algorithm=st.sampled_from(["3des", "sm4"]),
        fund=st.integers(0, 10**14),
        account=st.integers(0, 0xFFFFFFFF),
        cash=st.integers(0, 9),
        refund=st.booleans(),
        codes=st.sets(st.sampled_from([1, 6, 101, 102, 104]), max_size=3).map(sorted),
    ),
    max_size=30,
)


@given(rows_of_runs, st.data())
def test_totals_are_the_sums_of_the_rows_however_they_are_cut(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = run_totals(rows)
    cut = data.draw(st.integers(0, len(rows)))
    parts = ClearingTotals.sum([run_totals(rows[cut:]), run_totals(rows[:cut])])
    assert parts.cells.equals(whole.cells)
    assert parts.reasons.equals(whole.reasons)
    assert sum(cell.rows for cell in whole) == len(rows)
    assert sum(cell.total_fen for cell in whole) == sum(one["total_fen"] for one in rows)
    for statement in statements(whole):
        mine = [one for one in rows if one["pharmacy"] == statement.pharmacy]
        paid = [one for one in mine if outcome_of(one["findings"]) is RowOutcome.POSTED]
        assert statement.submitted == len(mine)
        assert statement.payable_fen == sum(o["fund_fen"] + o["account_fen"] for o in paid)
        for lines in (
            statement.insurances,
            statement.localities,
            statement.regions,
            statement.days,
            statement.suites,
        ):
            assert sum(line.net_count for line in lines) == statement.posted.net_count
            assert sum(line.net.cash_fen for line in lines) == sum(o["cash_fen"] for o in paid)
    regions = regional_totals(whole)
    posted = [one for one in rows if outcome_of(one["findings"]) is RowOutcome.POSTED]
    assert sum(line.net.total_fen for line in regions) == sum(o["total_fen"] for o in posted)


def test_a_statement() -> None:
    statement = one()
    assert (statement.pharmacy, statement.name) == (ONE, "长生堂大药房")
    assert (statement.first_day, statement.last_day) == ("20260315", "20260316")
    assert (statement.posted.sales.rows, statement.posted.refunds.rows) == (5, 1)
    assert statement.posted.net_count == 4
    assert statement.payable_fen == 3000 * 3 + 100
    assert [line.keys["insutype"] for line in statement.insurances] == ["310", "390"]
    assert [line.keys["locality"] for line in statement.localities] == [
        "own",
        "province",
        "elsewhere",
    ]
    assert [line.keys["insuplc_admdvs"] for line in statement.regions] == [
        "510100",
        "510700",
        "330106",
    ]
    assert [line.net_count for line in statement.suites] == [2, 2]
    assert statement.refused.counts == ((1, 2), (6, 1))
    assert statement.refused.sums.total_fen == 7000
    assert statement.held.counts == ((104, 1),)
    assert statement.noticed == ((101, 1),)


def test_a_pharmacy_with_nothing_posted_has_a_statement() -> None:
    statement = one([row(codes=(2,))])
    assert statement.payable_fen == 0
    assert statement.first_day == "20260315"
    assert "没有入账的交易" in render_page(statement)


def test_no_rows_make_no_statements(tmp_path: Path) -> None:
    assert write_clearing(run_totals([]), tmp_path) == []
    assert len((tmp_path / "statements.tsv").read_text().splitlines()) == 1
    assert list((tmp_path / "statements").iterdir()) == []
    assert len(write_clearing(run_totals(), tmp_path, pages=False)) == 2
    assert list((tmp_path / "statements").iterdir()) == []


class Reader(HTMLParser):
    """Text of a page, and its tags, which must close."""

    void = ("meta", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_page_is_whole_and_needs_nothing_else() -> None:
    page = render_page(one())
    reader = Reader(page)
    assert reader.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in reader.tags}
    assert not re.search(r"url\(|@import|https?:|src=|href=|\son", page)
    assert not any(name in ("src", "href", "style") for _, attrs in reader.tags for name in attrs)
    text = "".join(reader.words)
    for words in ("长生堂大药房", "91.00", "省内异地", "跨省异地", "2026-03-15 至 2026-03-16"):
        assert words in text
    assert text.count("合计") == 4


@pytest.mark.parametrize("nasty", ["<script>alert(1)</script>", '"><b onload="x', "a&b;</style>"])
def test_what_comes_from_outside_is_escaped(nasty: str) -> None:
    rows = [row(nasty, insurance=nasty, algorithm=nasty)]
    page = render_page(replace(one(rows), name=nasty))
    reader = Reader(page)
    assert nasty not in page
    assert nasty in reader.words
    assert not {"script", "b"} & {tag for tag, _ in reader.tags}
    assert page.count("<style>") == page.count("</style>") == 1


def test_the_files_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "statements").mkdir()
    (tmp_path / "statements" / "GONE.html").write_text("")
    made = write_clearing(run_totals(), tmp_path, {ONE: "长生堂\t大药房"})
    files = sorted(path.name for path in (tmp_path / "statements").iterdir())
    assert files == [f"{ONE}.html", f"{TWO}.html"]
    document, other = map(
        json.loads, (tmp_path / "statements.jsonl").read_text("utf-8").splitlines()
    )
    assert other["fixmedins_code"] == TWO
    assert document == made[0].to_dict()
    assert document["payable_fen"] == 9100
    assert document["refused"]["codes"] == {"1": 2, "6": 1}
    heads, first, second = (
        line.split("\t") for line in (tmp_path / "statements.tsv").read_text("utf-8").splitlines()
    )
    assert dict(zip(heads, first, strict=True)) == {
        "fixmedins_code": ONE,
        "fixmedins_name": "长生堂 大药房",
        "clr_type": "41",
        "begndate": "20260315",
        "enddate": "20260316",
        "settlements": "5",
        "refunds": "1",
        "net_count": "4",
        "medfee_sumamt": "106.01",
        "fund_pay_sumamt": "61.00",
        "acct_pay": "30.00",
        "psn_cash_pay": "15.01",
        "payable": "91.00",
        "refused_rows": "2",
        "refused_sumamt": "70.00",
        "held_rows": "1",
        "held_sumamt": "35.00",
    }
    assert second[12] == "-0.11"
    regions = (tmp_path / "regions.tsv").read_text().splitlines()
    assert [line.split("\t")[:3] for line in regions[1:]] == [
        ["510100", "330106", "elsewhere"],
        ["510100", "510100", "own"],
        ["510100", "510700", "province"],
    ]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    def written(rows: Any, name: str) -> dict[str, bytes]:
        folder = tmp_path / name
        folder.mkdir()
        write_clearing(run_totals(rows), folder)
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    assert written(RUN, "a") == written(RUN[::-1], "b")


def test_a_code_never_leaves_the_folder() -> None:
    assert file_stem(ONE) == ONE
    for code in ("../../etc/passwd", "..", ".", "a/b", "a\\b", "a b\n"):
        assert re.fullmatch("[A-Za-z0-9%_~-]+", file_stem(code))


def test_localities() -> None:
    cases = [
        (510100, 510104, Locality.OWN),
        (510100, 510700, Locality.PROVINCE),
        (510100, 330100, Locality.ELSEWHERE),
        (500101, 500235, Locality.OWN),  # a municipality is one pooling area
        (110105, 120101, Locality.ELSEWHERE),
    ]
    for treatment, insured, expected in cases:
        assert locality(treatment, insured) is expected
    columns = np.array([case[:2] for case in cases], np.uint32).T
    assert localities(*columns).tolist() == [case[2] for case in cases]


def test_processes_write_the_same_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(f"P{at:03d}", fund=at, codes=(1,) if at % 3 == 0 else ()) for at in range(9)]
    folders = tmp_path / "here", tmp_path / "there"
    for folder in folders:
        folder.mkdir()
    expected = write_clearing(run_totals(rows), folders[0], {"P004": "长生堂"})
    monkeypatch.setattr(files, "MANY_PHARMACIES", 4)
    monkeypatch.setattr(files, "_TOGETHER", 4)
    asked: list[int] = []

    def workers() -> files.StatementProcesses:
        asked.append(2)
        return files.StatementProcesses(2)

    found = write_clearing(run_totals(rows), folders[1], {"P004": "长生堂"}, workers=workers)
    assert (found, asked) == (expected, [2])
    assert [one.pharmacy for one in found] == [f"P{at:03d}" for at in range(9)]
    here, there = (
        {path.name: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
        for folder in folders
    )
    assert here == there
    assert len(here) == 9 + 5


def test_few_pharmacies_start_no_processes(tmp_path: Path) -> None:
    def workers() -> files.StatementProcesses:
        raise AssertionError

    assert len(write_clearing(run_totals(), tmp_path, workers=workers)) == 2
