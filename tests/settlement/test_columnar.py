# SPDX-License-Identifier: Apache-2.0
"""Day files as columns: what the terminal's own reader takes is taken, with the same values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sscard_chip.dayfile.parquet import write_parquet
from sscard_chip.dayfile.rows import sums
from sscard_chip.settlement.columnar import DayFileHead, Piece, RefusedFile, read_piece, survey
from sscard_chip.settlement.columnar.files import header_rule
from sscard_chip.settlement.columns import NO_DIVISION, DebitColumns
from sscard_chip.terminal.pos import (
    DayContents,
    DayFileError,
    DayHeader,
    DayRow,
    DayTrailer,
    read_day,
)
from tests.pos.test_dayfile import GREY, HEADER, REFUND, ROW

ROWS = (
    ROW,
    REFUND,
    GREY,
    replace(ROW, setl_id="A B", mdtrt_id="x", psn_no="9" * 30, insured_division=None),
    replace(ROW, total_fen=10**9 + 7, cash_fen=10**9 - 2993, msgid="m", card_number="1"),
    replace(ROW, key_version=0xFFFFFFFF, transaction_number=123456789, algorithm="3des"),
    replace(ROW, total_fen=-(10**15), fund_fen=-(10**15), account_fen=0, cash_fen=0),
)


def text_of(header: DayHeader, lines: list[str], *, trailer: str | None = None) -> bytes:
    """A day file with these D lines; the trailer is right unless one is given."""
    before = "".join(f"{line}\n" for line in (header.encode(), *lines))
    return before.encode() + (trailer or "").encode()


def day_of(header: DayHeader, rows: tuple[DayRow, ...]) -> bytes:
    """A closed day file."""
    before = text_of(header, [row.encode() for row in rows])
    trailer = DayTrailer(len(rows), sums(rows), sha256(before).digest())
    return before + f"{trailer.encode()}\n".encode()


def read(*paths: Path) -> tuple[Piece, list[RefusedFile]]:
    """All files as one piece, and all that are refused."""
    heads, refused = survey(map(str, paths))
    piece = read_piece(heads)
    return piece, [*refused, *piece.refused]


def as_rows(columns: DebitColumns) -> list[DayRow]:
    """The rows again, as the terminal's reader gives them."""

    def text(value: Any) -> str | None:
        return value.decode() or None

    return [
        DayRow(
            setl_id=text(columns.setl_id[at]),
            mdtrt_id=text(columns.mdtrt_id[at]),
            psn_no=text(columns.psn_no[at]),
            total_fen=int(columns.total_fen[at]),
            fund_fen=int(columns.fund_fen[at]),
            account_fen=int(columns.account_fen[at]),
            cash_fen=int(columns.cash_fen[at]),
            refund=bool(columns.refund[at]),
            msgid=columns.msgid[at].decode(),
            treatment_division=f"{columns.treatment_division[at]:06d}",
            insured_division=None
            if columns.insured_division[at] == NO_DIVISION
            else f"{columns.insured_division[at]:06d}",
            card_id_code=columns.card_id_code[at].tobytes(),
            card_number=columns.card_number[at].decode(),
            diversification_factor=columns.factor[at].tobytes(),
            algorithm={1: "3des", 3: "sm4"}[int(columns.algorithm[at])],
            key_version=int(columns.key_version[at]),
            transaction_number=int(columns.transaction_number[at]),
            transaction_type=int(columns.transaction_type[at]),
            terminal_id=columns.terminal[at].tobytes().hex(),
            terminal_transaction_number=int(columns.terminal_number[at]),
            time=columns.time[at].tobytes().hex(),
            card_account_fen=int(columns.card_account_fen[at]),
            card_self_paid_fen=int(columns.card_self_paid_fen[at]),
            card_pooled_fen=int(columns.card_pooled_fen[at]),
            tac=columns.tac[at].tobytes() if columns.has_tac[at] else None,
            grey=bool(columns.grey[at]),
        )
        for at in range(len(columns))
    ]


@pytest.mark.parametrize("parquet", [False, True])
def test_the_rows_are_those_of_the_terminals_reader(tmp_path: Path, parquet: bool) -> None:
    path = tmp_path / "DAY.tsv"
    path.write_bytes(day_of(HEADER, ROWS))
    if parquet:
        write_parquet(read_day(path), tmp_path / "DAY.parquet")
        path = tmp_path / "DAY.parquet"
    piece, refused = read(path)
    assert refused == []
    assert tuple(as_rows(piece.columns)) == ROWS
    assert piece.columns.line.tolist() == list(range(2, 2 + len(ROWS)))
    assert not piece.columns.malformed.any()


def test_a_day_without_sales_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "DAY.tsv"
    path.write_bytes(day_of(HEADER, ()))
    piece, refused = read(path)
    assert (len(piece.columns), len(piece.heads), refused) == (0, 1, [])


def test_the_order_is_that_of_date_and_terminal(tmp_path: Path) -> None:
    names = {}
    for date, terminal in (("20260316", "1"), ("20260315", "2"), ("20260315", "1")):
        path = tmp_path / f"{date}-{terminal}"
        header = replace(HEADER, business_date=date, terminal_id=terminal * 12)
        path.write_bytes(day_of(header, (ROW,)))
        names[date, terminal] = str(path)
    heads, _ = survey(names.values())
    assert [head.path for head in heads] == sorted(names.values())
    piece = read_piece(heads)
    assert piece.columns.file.tolist() == [0, 1, 2]


def test_a_refused_file_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = day_of(HEADER, ROWS), bytearray(day_of(HEADER, ROWS))
    bad[300] ^= 1
    contents = {"a": good, "b": bytes(bad), "c": good[:-1], "d": good[: len(good) // 2], "e": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in (*contents, "f")]
    piece, refused = read(*paths)
    assert [head.path for head in piece.heads] == [str(tmp_path / "a")]
    assert {file.path for file in refused} == {str(path) for path in paths[1:]}
    assert all(file.reason.startswith(f"{file.path}: ") for file in refused)
    assert all("\n" not in file.reason for file in refused)


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda lines: lines[:-1], "the day is not closed"),
        (lambda lines: [*lines, lines[1]], "row 10: follows the trailer"),
        (lambda lines: [b"H\tsscard-day/2", *lines[1:]], "row 1: header: must begin with"),
        (lambda lines: lines[1:], "row 1: header"),
        (lambda lines: [*lines[:2], *lines[3:]], "trailer: counts 7 rows of 6"),
        (lambda lines: [lines[0], *lines[2:0:-1], *lines[3:]], "digest"),
        (lambda lines: [*lines[:-1], lines[-1].replace(b"T\t7\t", b"T\t8\t")], "counts 8 rows"),
        (lambda lines: [*lines[:-1], lines[-1][:-1] + b"g"], "digest: must be 64"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], rule: str
) -> None:
    path = tmp_path / "DAY.tsv"
    path.write_bytes(b"".join(line + b"\n" for line in change(_lines(day_of(HEADER, ROWS)))))
    piece, refused = read(path)
    assert len(piece.columns) == 0
    assert [rule in file.reason for file in refused] == [True], refused


def test_wrong_sums_refuse_a_file_whose_digest_is_right(tmp_path: Path) -> None:
    before = text_of(HEADER, [ROW.encode()])
    trailer = DayTrailer(1, (1, 1, 0, 0), sha256(before).digest())
    path = tmp_path / "DAY.tsv"
    path.write_bytes(before + f"{trailer.encode()}\n".encode())
    _, refused = read(path)
    assert refused[0].reason == f"{path}: row 3: trailer: the sums are not those of the rows"


def signed(header: DayHeader, lines: list[bytes]) -> bytes:
    """Lines that a terminal wrote so: count and digest are right, sums where they can be."""
    before = header.encode().encode() + b"\n" + b"".join(line + b"\n" for line in lines)
    trailer = DayTrailer(len(lines), sums(ROWS), sha256(before).digest())
    return before + f"{trailer.encode()}\n".encode()


@pytest.mark.parametrize(
    ("cell", "value", "told"),
    [
        (4, b"1.0", True),
        (12, b"0", True),
        (9, b"\xe5\x8d\xa1", False),
        (9, b"null", False),
        (19, b"51010000000", False),
        (20, b"007", False),
        (1, b"\xe5\x8d\xa1", True),
    ],
)
def test_a_malformed_row_is_a_row_and_no_refused_file(
    tmp_path: Path, cell: int, value: bytes, told: bool
) -> None:
    lines = [row.encode().encode() for row in ROWS]
    cells = lines[2].split(b"\t")
    cells[cell] = value
    lines[2] = b"\t".join(cells)
    path = tmp_path / "DAY.tsv"
    path.write_bytes(signed(HEADER, lines))
    piece, refused = read(path)
    assert refused == []
    columns = piece.columns
    assert columns.malformed.tolist() == [False, False, True, False, False, False, False]
    known = columns.msgid[2] == GREY.msgid.encode() and columns.terminal_number[2] == 300
    assert known == told
    others = np.arange(len(columns)) != 2
    assert as_rows(columns.rows(others)) == [row for row in ROWS if row is not GREY]


# --- against the terminal's reader ---------------------------------------------------------------

_TOKENS = (b"\t", b"\n", b"null", b"0", b"9", b"-", b".", b"A", b"g", b" ", b"\x00", b"\x7f",
           b"\r", b"\xc2\xa0", b"\xe5\x8d\xa1", b"\xff", b"T\t", b"D\t", b"H\t")  # fmt: skip


def taken_by_the_terminal(content: bytes, path: Path) -> DayContents | None:
    """The day if the terminal's reader takes it and it is closed."""
    path.write_bytes(content)
    try:
        day = read_day(path)
    except DayFileError:
        return None
    return day if day.trailer is not None else None


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 3), st.sampled_from(_TOKENS)),
        max_size=3,
    ),
    sign=st.booleans(),
)
@example(cuts=[], sign=True)
def test_both_readers_say_the_same_of_a_damaged_file(
    tmp_path: Path, cuts: list[tuple[int, int, bytes]], sign: bool
) -> None:
    """With ``sign`` the digest is made right afterwards: the terminal wrote the damage itself."""
    content = bytearray(day_of(HEADER, ROWS))
    for at, length, token in cuts:
        at %= len(content)
        content[at : at + length] = token
    raw = bytes(content)
    if sign:
        head, _, trailer = raw.removesuffix(b"\n").rpartition(b"\n")
        cells = trailer.split(b"\t")
        cells[-1] = sha256(head + b"\n").hexdigest().upper().encode()
        raw = head + b"\n" + b"\t".join(cells) + b"\n"
    path = tmp_path / "DAY.tsv"
    day = taken_by_the_terminal(raw, path)
    piece, refused = read(path)
    if day is not None and header_rule(day.header):
        assert len(refused) == 1
    elif day is not None:
        assert refused == []
        columns = piece.columns
        ascii_rows = [not malformed for malformed in columns.malformed]
        kept = [row for row, plain in zip(day.rows, ascii_rows, strict=True) if plain]
        assert as_rows(columns.rows(~columns.malformed)) == kept
        for row, plain in zip(day.rows, ascii_rows, strict=True):
            texts = (row.setl_id, row.mdtrt_id, row.psn_no, row.msgid, row.card_number)
            assert plain == all((text or "").isascii() for text in texts)
    elif not refused:
        assert piece.columns.malformed.any()
    else:
        assert len(piece.columns) == 0


def test_heads_are_known_without_reading_rows(tmp_path: Path) -> None:
    path = tmp_path / "DAY.tsv"
    path.write_bytes(day_of(HEADER, ROWS))
    (head,), refused = survey([str(path)])
    assert isinstance(head, DayFileHead)
    assert (head.header, head.trailer.count, refused) == (HEADER, 7, [])


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"pharmacy_code": ""}, "fixmedins_code: must be 1 to 30"),
        ({"pharmacy_code": "P" * 31}, "fixmedins_code: must be 1 to 30"),
        ({"pharmacy_code": "药店"}, "fixmedins_code: must be 1 to 30"),
        ({"psam_number": "9" * 65}, "PSAM number: must be 1 to 64"),
        ({"hotlist_version": "v\x00"}, "hotlist version: must be 1 to 64"),
    ],
)
def test_a_header_that_no_ledger_could_keep(
    tmp_path: Path, changes: dict[str, Any], rule: str
) -> None:
    path = tmp_path / "DAY.tsv"
    path.write_bytes(day_of(replace(HEADER, **changes), (ROW,)))
    _, refused = read(path)
    assert [one.reason.startswith(f"{path}: row 1: header: {rule}") for one in refused] == [True]
