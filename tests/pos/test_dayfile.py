# SPDX-License-Identifier: Apache-2.0
"""The day file: its very bytes, what a crash leaves of it, and what is no day file."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from sscard_chip.dayfile.parquet import require_extra, write_parquet
from sscard_chip.dayfile.text import DayContents, parse_day
from sscard_chip.settlement.columnar.parquet import parquet_ends, parquet_text
from sscard_chip.standard.errors import ExtraMissingError
from sscard_chip.terminal.pos import (
    COLUMNS,
    DayFile,
    DayFileError,
    DayHeader,
    DayRow,
    Refusal,
    SaleRefusedError,
    read_day,
)

HEADER = DayHeader("P51010000001", "510100000001", "20260315", None, "51010000000100000001")
ROW = DayRow(
    setl_id=None,
    mdtrt_id=None,
    psn_no=None,
    total_fen=3505,
    fund_fen=2000,
    account_fen=1000,
    cash_fen=505,
    refund=False,
    msgid="P51010000001202603151011120100",
    treatment_division="510100",
    insured_division="510104",
    card_id_code=bytes.fromhex("510100D15600000507A1B2C3D4E5F607"),
    card_number="Z00000013",
    diversification_factor=bytes.fromhex("8699510107A1B2C3"),
    algorithm="sm4",
    key_version=1,
    transaction_number=7,
    transaction_type=0x32,
    terminal_id="510100000001",
    terminal_transaction_number=300,
    time="20260315101112",
    card_account_fen=1000,
    card_self_paid_fen=505,
    card_pooled_fen=2000,
    tac=bytes.fromhex("6E692DD3"),
    grey=False,
)
REFUND = replace(
    ROW,
    setl_id="510100202603151200000000000001",
    total_fen=-5,
    fund_fen=0,
    account_fen=0,
    cash_fen=-5,
    refund=True,
    msgid="P51010000001202603151200000101",
)
GREY = replace(ROW, algorithm="3des", msgid="P51010000001202603151300000100", tac=None, grey=True)

# Written down by hand from the description of the format.
GOLDEN = (
    "H\tsscard-day/1\tP51010000001\t510100000001\t20260315\tnull\t51010000000100000001\n"
    "D\tnull\tnull\tnull\t35.05\t20.00\t10.00\t5.05\t0\tP51010000001202603151011120100\t510100\t"
    "510104\t510100D15600000507A1B2C3D4E5F607\tZ00000013\t8699510107A1B2C3\t03\t1\t7\t32\t"
    "510100000001\t300\t20260315101112\t1000\t505\t2000\t6E692DD3\t0\n"
    "D\t510100202603151200000000000001\tnull\tnull\t-0.05\t0.00\t0.00\t-0.05\t1\t"
    "P51010000001202603151200000101\t510100\t510104\t510100D15600000507A1B2C3D4E5F607\t"
    "Z00000013\t8699510107A1B2C3\t03\t1\t7\t32\t510100000001\t300\t20260315101112\t1000\t505\t"
    "2000\t6E692DD3\t0\n"
    "D\tnull\tnull\tnull\t35.05\t20.00\t10.00\t5.05\t0\tP51010000001202603151300000100\t510100\t"
    "510104\t510100D15600000507A1B2C3D4E5F607\tZ00000013\t8699510107A1B2C3\t01\t1\t7\t32\t"
    "510100000001\t300\t20260315101112\t1000\t505\t2000\tnull\t1\n"
)
TRAILER = "T\t3\t70.05\t40.00\t20.00\t10.05\t" + sha256(GOLDEN.encode()).hexdigest().upper() + "\n"


def filled(path: Path) -> Path:
    with DayFile.open(path, HEADER) as day:
        for row in (ROW, REFUND, GREY):
            day.append(row)
    return path


def test_the_bytes_of_a_day(tmp_path: Path) -> None:
    path = filled(tmp_path / "DAY.tsv")
    assert path.read_bytes() == GOLDEN.encode()
    with DayFile.open(path) as day:
        day.finish()
    assert path.read_bytes() == (GOLDEN + TRAILER).encode()
    read = read_day(path)
    assert (read.header, read.rows) == (HEADER, (ROW, REFUND, GREY))
    assert read.trailer is not None
    assert read.trailer.sums_fen == (7005, 4000, 2000, 1005)


def test_the_columns_are_those_of_the_interface() -> None:
    names = (
        "setl_id mdtrt_id psn_no medfee_sumamt fund_pay_sumamt acct_pay psn_cash_pay "
        "refd_setl_flag msgid mdtrtarea_admvs insuplc_admdvs card_id_code card_number "
        "diversification_factor algorithm key_version transaction_number transaction_type "
        "terminal_id terminal_transaction_number time account_amount_fen self_paid_amount_fen "
        "pooled_amount_fen tac grey"
    )
    assert " ".join(column.name for column in COLUMNS) == names


def test_a_closed_day_takes_no_more_rows(tmp_path: Path) -> None:
    path = filled(tmp_path / "DAY.tsv")
    with DayFile.open(path, HEADER) as day:
        day.finish()
        for act in (day.finish, lambda: day.append(replace(ROW, msgid="X"))):
            with pytest.raises(SaleRefusedError, match="the day is closed") as caught:
                act()
            assert caught.value.refusal is Refusal.DAY
    assert path.read_bytes() == (GOLDEN + TRAILER).encode()
    with DayFile.open(path) as day, pytest.raises(SaleRefusedError):
        day.append(replace(ROW, msgid="X"))


def test_a_torn_end_is_cut_off_when_the_file_is_opened(tmp_path: Path) -> None:
    whole = (GOLDEN + TRAILER).encode()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 0x0A]
    path = tmp_path / "DAY.tsv"
    sizes = {size for end in [0, *ends] for size in (end - 1, end, end + 1, end + 40)}
    for size in sorted(size for size in sizes if 0 <= size <= len(whole)):
        for garbage in (b"", b"\0" * 9):
            path.write_bytes(whole[:size] + garbage)
            kept = max((end for end in ends if end <= size), default=0)
            with DayFile.open(path, HEADER) as day:
                assert len(day.rows) == min(sum(end <= kept for end in ends[1:]), 3)
                assert (day.trailer is not None) == (kept == len(whole))
            header = len(GOLDEN.split("\n")[0]) + 1
            assert path.read_bytes() == whole[: max(kept, header)]


def test_a_row_that_cannot_be_written_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "DAY.tsv"
    with DayFile.open(path, HEADER) as day:
        day.append(ROW)
        before = path.read_bytes()
        real = os.pwrite

        def full(descriptor: int, data: bytes, offset: int) -> int:
            if len(data) < 20:
                raise OSError(28, "No space left on device")
            return real(descriptor, data[:-10], offset)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(OSError, match="No space"):
                day.append(GREY)
        assert path.read_bytes() == before
        day.append(GREY)
        assert day.rows == (ROW, GREY)


def test_one_program_at_a_time(tmp_path: Path) -> None:
    path = filled(tmp_path / "DAY.tsv")
    with DayFile.open(path), pytest.raises(SaleRefusedError, match="another program has it open"):
        DayFile.open(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("pharmacy_code", "P51010000002"), ("terminal_id", "510100000002"), ("psam_number", "1")],
)
def test_the_file_of_another_terminal(tmp_path: Path, field: str, value: str) -> None:
    path = filled(tmp_path / "DAY.tsv")
    with pytest.raises(DayFileError, match="belongs to another one"):
        DayFile.open(path, replace(HEADER, **{field: value}))


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("total_fen", 1),
        ("card_number", "Z0000\t013"),
        ("card_number", "null"),
        ("card_number", ""),
        ("time", "2026"),
        ("tac", None),
        ("tac", b"1"),
        ("card_account_fen", -1),
        ("terminal_transaction_number", 1 << 32),
    ],
)
def test_rows_that_would_not_read_back_are_not_written(
    tmp_path: Path, change: str, value: object
) -> None:
    path = tmp_path / "DAY.tsv"
    with DayFile.open(path, HEADER) as day:
        with pytest.raises(DayFileError):
            day.append(replace(ROW, **{change: value}))  # type: ignore[arg-type]
        assert day.rows == ()
        day.append(ROW)
        with pytest.raises(DayFileError, match="stands in the file already"):
            day.append(ROW)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("sscard-day/1", "sscard-day/2", "row 1: header"),
        ("20260315\tnull", "2026031\tnull", "row 1: header: business date"),
        ("\t35.05\t", "\t35.5\t", "row 2: medfee_sumamt: must be yuan"),
        ("\t35.05\t", "\t035.05\t", "row 2: medfee_sumamt"),
        ("\t-0.05\t", "\t-0.00\t", "row 3: medfee_sumamt"),
        ("\t6E692DD3\t", "\t6e692dd3\t", "row 2: tac: must be 8 capital hex digits"),
        ("\t03\t1\t", "\t02\t1\t", "row 2: algorithm"),
        ("\t03\t1\t", "\t03\t-1\t", "row 2: key_version"),
        ("\t0\tP5", "\t2\tP5", "row 2: refd_setl_flag"),
        ("\tZ00000013\t", "\tnull\t", "row 2: card_number"),
        ("D\tnull", "E\tnull", "row 2: must begin with D"),
        ("\t6E692DD3\t0\n", "\t6E692DD3\n", "row 2: must have 27 cells"),
        ("T\t3\t", "T\t4\t", "row 5: trailer: counts 4 rows of 3"),
        ("T\t3\t70.05", "T\t3\t70.06", "row 5: trailer: the sums"),
        ("51010000000100000001", "51010000000100000002", "row 5: trailer: the digest"),
        ("\tZ00000013\t", "\tZ00000014\t", "row 5: trailer: the digest"),
    ],
)
def test_what_is_no_day_file(tmp_path: Path, old: str, new: str, place: str) -> None:
    path = tmp_path / "DAY.tsv"
    path.write_text((GOLDEN + TRAILER).replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DayFileError, match=f"DAY.tsv: {place}") as caught:
        read_day(path)
    assert "\n" not in str(caught.value)


def test_a_reader_takes_no_torn_file_and_nothing_behind_the_trailer(tmp_path: Path) -> None:
    path = tmp_path / "DAY.tsv"
    for content, rule in (
        (GOLDEN[:-1].encode(), "row 4: does not end in LF"),
        (b"", "is empty"),
        ((GOLDEN + TRAILER + TRAILER).encode(), "row 6: follows the trailer"),
        (b"\xff\n", "is not UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(DayFileError, match=rule):
            read_day(path)


# --- Parquet -------------------------------------------------------------------------------------


def read_parquet(path: Path) -> DayContents:
    """As the centre reads it: turned back into the text that the digest is over."""
    with path.open("rb") as file:
        header, trailer = parquet_ends(str(path), file.fileno(), 1 << 16)
        ends = header + b"\n", trailer + b"\n"
        return parse_day(parquet_text(str(path), file.fileno(), ends, 1 << 20), str(path))


def test_parquet_has_the_same_columns_and_reads_back(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path, table_path = filled(tmp_path / "DAY.tsv"), tmp_path / "DAY.parquet"
    with pytest.raises(DayFileError, match="not closed"):
        write_parquet(read_day(path), table_path)
    with DayFile.open(path) as day:
        day.finish()
    write_parquet(read_day(path), table_path)
    assert read_parquet(table_path) == read_day(path)
    table = pyarrow.parquet.read_table(table_path)
    assert table.column_names == [column.name for column in COLUMNS]
    assert [str(cell) for cell in table.column("psn_cash_pay").to_pylist()] == [
        "5.05",
        "-0.05",
        "5.05",
    ]
    assert table.column("terminal_transaction_number").to_pylist() == [300, 300, 300]
    assert table.column("tac").to_pylist() == ["6E692DD3", "6E692DD3", None]
    changed = table.set_column(
        table.schema.get_field_index("card_number"),
        table.schema.field("card_number"),
        pyarrow.array(["Z00000014", "Z00000013", "Z00000013"]),
    )
    pyarrow.parquet.write_table(changed, table_path)
    with pytest.raises(DayFileError, match="the digest"):
        read_parquet(table_path)
    table_path.write_bytes(b"PAR1")
    with pytest.raises(DayFileError, match="is no day file in Parquet"):
        read_parquet(table_path)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExtraMissingError, match=r"pip install '\.\[tables\]' in a clone"):
        require_extra()
    with pytest.raises(ExtraMissingError, match=r"pip install '\.\[tables\]' in a clone"):
        write_parquet(read_day(filled(tmp_path / "DAY.tsv")), tmp_path / "DAY.parquet")
