# SPDX-License-Identifier: Apache-2.0
"""Files between regions: written in pieces, read back with every check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sscard_chip.settlement.clearing import exchange
from sscard_chip.settlement.clearing.exchange import (
    ExchangeError,
    ExchangeRow,
    ExchangeWriter,
    read_exchange,
    table_of,
)

SALE = ExchangeRow(
    "0", "510100", "330106", 3500, 2000, 1000, 500, "20260315101112", None, None,
    "P51010000001202603151011120100", refund=False, settled=True,
)  # fmt: skip
REFUND = SALE._replace(
    total_fen=-200,
    fund_fen=0,
    account_fen=0,
    cash_fen=-200,
    refund=True,
    setl_id="S2",
    mdtrt_id="M2",
)
REFUSED = SALE._replace(state="1,6", settled=False, time="20260316000000")
NEAR = SALE._replace(insured="510700", state="0,101")


def write(folder: Path, *rows: ExchangeRow) -> Path:
    with ExchangeWriter(folder) as writer:
        writer.add(table_of(rows[:1]))
        writer.add(table_of(rows[1:]))
    return folder / "regions" / "510100-330106.tsv"


@pytest.mark.parametrize("piece", [1, 2, 65536])
def test_a_file_for_each_pair(tmp_path: Path, monkeypatch: Any, piece: int) -> None:
    monkeypatch.setattr(exchange, "_PIECE_ROWS", piece)
    path = write(tmp_path, SALE, NEAR, REFUND, REFUSED)
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "510100-330106.tsv",
        "510100-510700.tsv",
    ]
    read = read_exchange(path)
    assert (read.treatment, read.insured) == ("510100", "330106")
    assert read.rows == (SALE, REFUND, REFUSED)
    assert read.sums_fen == (3300, 2000, 1000, 300)
    lines = path.read_text().splitlines()
    assert lines[1] == (
        "D\t0\t510100\t330106\t35.00\t20.00\t10.00\t5.00\t20260315101112\t2102\tnull\tnull\t"
        "P51010000001202603151011120100\t0\t1"
    )
    assert lines[-1].startswith("T\t3\t2\t33.00\t20.00\t10.00\t3.00\t20260315\t20260316\t")


def test_files_of_an_earlier_run_go_and_a_failed_run_leaves_them(tmp_path: Path) -> None:
    path = write(tmp_path, SALE)
    before = path.read_bytes()

    with pytest.raises(KeyError), ExchangeWriter(tmp_path) as writer:
        writer.add(table_of([NEAR]).drop_columns(["refund"]))
    assert path.read_bytes() == before
    write(tmp_path, NEAR)
    assert not path.exists()
    write(tmp_path)
    assert list(path.parent.iterdir()) == []
    assert [one.name for one in tmp_path.iterdir()] == ["regions"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("sscard-exchange/1", "sscard-exchange/2", "row 1: must be H"),
        ("35.00", "35.0", "row 2: medfee_sumamt: must be yuan"),
        ("35.00", "36.00", "row 4: trailer: the sums"),
        ("\t2102\t", "\t2103\t", "row 2: infno"),
        ("T\t2\t2", "T\t3\t2", "row 4: trailer: the counts"),
        ("T\t2\t2", "T\tx\t2", "row 4: trailer: row count: must be a number"),
        ("D\t0\t510100", "D\t0\t510101", "row 2: is of other regions"),
        ("\t0\t1\n", "\t0\t2\n", "row 2: refd_setl_flag, succ_flag"),
        ("20260315101112", "20260315101113", "row 4: trailer: the digest"),
        ("D\t0", "D", "row 2: must be D and 14 more cells"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, old: str, new: str, rule: str) -> None:
    path = write(tmp_path, SALE, REFUND)
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(ExchangeError, match=rule):
        read_exchange(path)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, SALE, REFUND)
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(ExchangeError):
            read_exchange(path)
    path.write_bytes(b"\xff" + content)
    with pytest.raises(ExchangeError, match="UTF-8"):
        read_exchange(path)
