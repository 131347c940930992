# SPDX-License-Identifier: Apache-2.0
"""The detail files of 3202, and the comparison of two sides."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.settlement.reconciliation import (
    ReconciliationError,
    ResultRow,
    SideTotals,
    StatementResult,
    UploadRow,
    compare_details,
    compare_totals,
    unpack_result,
    unpack_upload,
    zip_details,
)

MSGID = "P51010000001202603151011120100"
SALE = UploadRow("S1", "M1", "N1", 3500, 2000, 1000, refund=False, msgid=MSGID)
REFUND = UploadRow("S2", "M1", "N1", -3500, -2000, -1000, refund=True, msgid="X" * 30)

texts = st.none() | st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=30
).filter(lambda text: text != "null")
fen = st.integers(-(10**16) + 1, 10**16 - 1)
uploads = st.builds(UploadRow, texts, texts, texts, fen, fen, fen, st.booleans(), texts)
results = st.builds(
    ResultRow,
    texts,
    texts,
    texts,
    texts,
    st.sampled_from(StatementResult),
    st.booleans(),
    texts,
    fen,
    fen,
    fen,
)


@given(st.lists(uploads), st.lists(results))
def test_files_read_back(mine: list[UploadRow], theirs: list[ResultRow]) -> None:
    assert unpack_upload(zip_details(mine, "a.txt"), "a.zip") == mine
    assert unpack_result(zip_details(theirs, "b.txt"), "b.zip") == theirs


def test_the_text_is_that_of_the_standard() -> None:
    content = zip_details([replace(SALE, psn_no=None), REFUND], "details.txt")
    assert content == zip_details([replace(SALE, psn_no=None), REFUND], "details.txt")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["details.txt"]
        assert archive.read("details.txt").decode() == (
            f"S1\tM1\tnull\t35.00\t20.00\t10.00\t0\t{MSGID}\n"
            f"S2\tM1\tN1\t-35.00\t-20.00\t-10.00\t1\t{'X' * 30}\n"
        )
    (even,) = compare_details([SALE], [SALE])
    assert even.encode() == f"N1\tM1\tS1\t{MSGID}\t0\t0\tnull\t35.00\t20.00\t10.00"


def zipped(text: bytes, *names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names or ("a.txt",):
            archive.writestr(name, text)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"no zip", "up.zip: is no whole ZIP"),
        (zipped(b"", "a", "b"), "up.zip: must hold one file, holds 2"),
        (zipped(b"\xff\n"), "up.zip: is not UTF-8"),
        (zipped(b"a\tb"), "up.zip: row 1: does not end in LF"),
        (zipped(b"S1\tM1\n"), "up.zip: row 1: must have 7 or 8 cells"),
        (zipped(b"S1\tM1\tN1\t1\t2.00\t0.00\t0\n"), "row 1: medfee_sumamt: must be yuan"),
        (zipped(b"S1\tM1\tN1\t1.00\t2.00\t0.00\t2\n"), "row 1: refd_setl_flag: must be 0 or 1"),
        (zipped(b"\tM1\tN1\t1.00\t2.00\t0.00\t0\n"), "row 1: setl_id: must be 1 to 30"),
        (zipped(b"S1\tM1\tN1\t1.00\t1.00\t0.00\t0\n")[:-30], "up.zip: is no whole ZIP"),
    ],
)
def test_a_wrong_file_is_named_with_its_row(content: bytes, part: str) -> None:
    with pytest.raises(ReconciliationError, match=part):
        unpack_upload(content, "up.zip")


def test_a_wrong_result() -> None:
    assert StatementResult.parse("000000") is StatementResult.EVEN
    assert StatementResult.parse("3") is StatementResult.DIFFERENT
    for cell in ("4", "", "-1", "x", "12"):
        with pytest.raises(ReconciliationError, match="stmt_rslt"):
            StatementResult.parse(cell)


def test_totals() -> None:
    mine = SideTotals.of([SALE, SALE, REFUND])
    assert mine == SideTotals(1, 3500, 2000, 1000)
    assert compare_totals(mine, mine) is StatementResult.EVEN
    assert compare_totals(mine, SideTotals(2, 7000, 4000, 2000)) is StatementResult.CENTRE_MORE
    assert compare_totals(mine, SideTotals()) is StatementResult.INSTITUTION_MORE
    assert compare_totals(mine, SideTotals(1, 3500, 2000, 999)) is StatementResult.DIFFERENT


def kinds(rows: list[ResultRow]) -> list[tuple[int, str | None]]:
    return [(int(row.result), row.memo) for row in rows]


def test_every_result_of_a_row() -> None:
    other = replace(SALE, msgid="O" * 30, setl_id="S9")
    assert kinds(compare_details([SALE, REFUND], [REFUND, SALE])) == [(0, None), (0, None)]
    (more,) = compare_details([], [SALE])
    assert (more.result, more.msgid, more.total_fen) == (1, MSGID, 3500)
    (missing,) = compare_details([SALE], [], {MSGID: "1"})
    assert (missing.result, missing.memo, missing.total_fen) == (2, "1", 0)
    (differing,) = compare_details([replace(SALE, fund_fen=1, account_fen=2999)], [SALE])
    assert (differing.result, differing.memo) == (3, "fund_pay_sumamt acct_pay")
    assert differing.fund_fen == 2000
    assert kinds(compare_details([SALE, SALE], [SALE, other])) == [
        (0, None),
        (2, "重复"),
        (1, None),
    ]


def test_a_row_without_msgid_is_found_by_its_settlement() -> None:
    bare = replace(SALE, msgid=None)
    centre = [SALE, replace(REFUND, setl_id="S1")]
    (even, refund) = compare_details([bare], centre)
    assert (even.result, even.msgid) == (0, MSGID)
    assert (refund.result, refund.refund) == (1, True)
    # An off-line sale does not know what the centre named it.
    offline = replace(SALE, setl_id=None, mdtrt_id=None, psn_no=None)
    assert kinds(compare_details([offline], [SALE])) == [(0, None)]


@given(st.lists(uploads, unique_by=lambda row: row.msgid))
def test_a_day_is_even_with_itself(rows: list[UploadRow]) -> None:
    rows = [row for row in rows if row.msgid]
    assert {row.result for row in compare_details(rows, rows)} <= {StatementResult.EVEN}
