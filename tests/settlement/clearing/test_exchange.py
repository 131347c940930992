# SPDX-License-Identifier: Apache-2.0
"""Files between regions: written in pieces, read back with every check."""

from __future__ import annotations

import os
from hashlib import sha256
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
from sscard_chip.standard.amounts import yuan

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


def forge(folder: Path, *rows: ExchangeRow, days: str = "", regions: str = "510100-330106") -> Path:
    """A file whose counts, sums and digest are right, whatever its rows are."""
    head = "\t".join(("H", "sscard-exchange/1", *regions.split("-")))
    lines = [head]
    for row in rows:
        amounts = (row.total_fen, row.fund_fen, row.account_fen, row.cash_fen)
        lines.append("\t".join((
            *("D", row.state, row.treatment, row.insured, *map(yuan, amounts), row.time),
            *("2103" if row.refund else "2102", row.mdtrt_id or "null", row.setl_id or "null"),
            *(row.msgid, str(int(row.refund)), str(int(row.settled))),
        )))  # fmt: skip
    settled = [row for row in rows if row.settled]
    sums = [sum(row[at] for row in settled) for at in range(3, 7)]  # type: ignore[misc]
    content = "".join(f"{line}\n" for line in lines)
    counts = (str(len(rows)), str(len(settled)))
    spanned = (days or "20260315-20260315").split("-")
    digest = sha256(content.encode()).hexdigest().upper()
    path = folder / "forged.tsv"
    path.write_text(content + "\t".join(("T", *counts, *map(yuan, sums), *spanned, digest)) + "\n")
    return path


@pytest.mark.parametrize(
    ("forged", "rule"),
    [
        ([SALE, SALE], "row 3: msgid: is settled in an earlier row too"),
        ([REFUND, REFUND], "row 3: setl_id: is settled in an earlier row too"),
        ([SALE._replace(account_fen=1001)], "row 2: the parts must be the total"),
        ([SALE._replace(fund_fen=3500, account_fen=-500)], "row 2: the parts must be"),
        ([REFUND._replace(total_fen=200, cash_fen=200)], "row 2: the parts must be"),
        ([SALE._replace(msgid="=HYPERLINK(1)")], "row 2: msgid: must be"),
        ([SALE._replace(msgid="P" * 31)], "row 2: msgid: must be"),
        ([SALE._replace(setl_id="+1")], "row 2: setl_id: must be"),
        ([SALE._replace(mdtrt_id="@A\x1b[2J")], "row 2: mdtrt_id: must be"),
        ([SALE._replace(state="=1")], "row 2: state: must be codes"),
        ([SALE._replace(state="")], "row 2: state: must be codes"),
        ([SALE._replace(time="20260230101112")], "row 2: setl_time: must be"),
        ([SALE._replace(total_fen=10**20, fund_fen=10**20, account_fen=0, cash_fen=0)],
         "row 2: medfee_sumamt: must be yuan"),
    ],
)  # fmt: skip
def test_a_file_that_is_right_in_itself_is_still_looked_at(
    tmp_path: Path, forged: list[ExchangeRow], rule: str
) -> None:
    """Whoever writes the rows writes the digest too."""
    assert read_exchange(forge(tmp_path, SALE)).rows == (SALE,)
    with pytest.raises(ExchangeError, match=f"forged.tsv: {rule}"):
        read_exchange(forge(tmp_path, *forged))


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"days": "20260101-20261231"}, "row 3: trailer: the days"),
        ({"regions": "510100-510100"}, "row 1: must be two divisions"),
        ({"regions": "../etc-330106"}, "row 1: must be two divisions"),
        ({"regions": "51010-330106"}, "row 1: must be two divisions"),
    ],
)
def test_header_and_trailer_of_a_forged_file(
    tmp_path: Path, more: dict[str, str], rule: str
) -> None:
    with pytest.raises(ExchangeError, match=f"forged.tsv: {rule}"):
        read_exchange(forge(tmp_path, SALE, **more))


def test_refunds_of_one_sale_and_refused_rows_may_repeat(tmp_path: Path) -> None:
    rows = (SALE, REFUND, REFUND._replace(setl_id="S3"), REFUSED, REFUSED)
    path = forge(tmp_path, *rows, days="20260315-20260316")
    assert read_exchange(path).rows == rows


def test_what_is_no_file_or_too_large_is_named(tmp_path: Path) -> None:
    path = tmp_path / "forged.tsv"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(ExchangeError, match="has more than 268,435,456 bytes"):
        read_exchange(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="is a named pipe"):
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
