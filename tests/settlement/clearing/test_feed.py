# SPDX-License-Identifier: Apache-2.0
"""Day files of our own till become rows of clearing, to the fen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sscard_chip.settlement.clearing import ClearingTotals, statements
from sscard_chip.settlement.clearing.exchange import ExchangeRow
from sscard_chip.settlement.clearing.feed import clearing_rows, exchange_rows
from sscard_chip.settlement.clearing.output import ClearingOutput
from sscard_chip.settlement.columnar import Piece, read_piece, survey
from sscard_chip.settlement.columns import NO_DIVISION, DebitColumns
from sscard_chip.settlement.judge.codes import mask_of
from sscard_chip.standard.settlement_mode import Split
from tests.bench.shop import BILL, LATER, PHARMACY, TIME, Shop


def piece_of(*paths: Path) -> Piece:
    heads, refused = survey([str(path) for path in paths])
    assert refused == []
    return read_piece(heads)


def day_of(folder: Path, algorithm: str = "sm4") -> Path:
    """Two sales and the refund of part of one."""
    folder.mkdir()
    shop = Shop(folder, 3, algorithm)
    with shop.till() as till:
        sold = till.sell(BILL, TIME)
        till.sell(BILL, LATER)
        till.refund(sold.row.msgid, LATER, parts=Split(100, 200, 300))
        till.close_day()
    return shop.day_file


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Piece:
    folder = tmp_path_factory.mktemp("days")
    return piece_of(day_of(folder / "a"), day_of(folder / "b", "3des"))


def test_what_the_till_sold_is_what_the_pharmacy_is_owed(piece: Piece) -> None:
    headers = [head.header for head in piece.heads]
    masks = np.zeros(len(piece.columns), np.uint16)
    (statement,) = statements(ClearingTotals.of(clearing_rows(piece.columns, masks, headers)))
    assert statement.pharmacy == PHARMACY
    assert statement.posted.net_count == 2
    trailers = [head.trailer.sums_fen for head in piece.heads]
    assert statement.posted.net.total_fen == sum(sums[0] for sums in trailers)
    assert statement.payable_fen == sum(sums[1] + sums[2] for sums in trailers) == 2 * 5600
    assert statement.first_day == TIME[:8]
    assert [line.keys["algorithm"] for line in statement.suites] == ["3des", "sm4"]
    assert {line.payable_fen for line in (one.net for one in statement.suites)} == {5600}
    assert [line.keys["locality"] for line in statement.localities] == ["own"]
    assert len(exchange_rows(piece.columns, masks)) == 0


def test_rows_of_elsewhere_keep_both_regions_and_the_original_number(piece: Piece) -> None:
    columns = replace(
        piece.columns,
        insured_division=np.array([330106, NO_DIVISION, 330106] * 2, np.uint32),
        setl_id=np.array([b"S1", b"", b""] * 2, "S30"),
    )
    masks = np.array([0, 0, mask_of(1)] * 2, np.uint16)
    sale, refund = (ExchangeRow(**row) for row in exchange_rows(columns, masks).to_pylist()[:2])
    assert (sale.treatment, sale.insured, sale.settled, sale.state) == (
        "510100",
        "330106",
        True,
        "0",
    )
    assert (sale.setl_id, sale.msgid) == ("S1", f"{PHARMACY}{TIME}0100")
    assert (sale.time, sale.total_fen) == (TIME, 3500)
    assert (refund.refund, refund.settled, refund.state) == (True, False, "1")
    assert (refund.total_fen, refund.setl_id) == (-600, None)


def test_a_malformed_row_counts_on_the_day_of_its_file(piece: Piece) -> None:
    columns = DebitColumns.zeros(1)
    columns.malformed[0] = True
    headers = [head.header for head in piece.heads]
    masks = np.array([mask_of(6)], np.uint16)
    (statement,) = statements(ClearingTotals.of(clearing_rows(columns, masks, headers)))
    assert statement.first_day == TIME[:8]
    assert statement.refused.counts == ((6, 1),)
    assert len(exchange_rows(columns, masks)) == 0


def test_a_run_in_pieces_writes_what_it_writes_in_one(piece: Piece, tmp_path: Path) -> None:
    headers = [head.header for head in piece.heads]
    columns = replace(piece.columns, insured_division=np.array([330106, 510100, 1] * 2, np.uint32))
    masks = np.zeros(len(columns), np.uint16)

    def written(name: str, size: int) -> dict[str, bytes]:
        folder = tmp_path / name
        folder.mkdir()
        with ClearingOutput(folder, {PHARMACY: "长生堂"}) as output:
            for start in range(0, len(columns), size):
                part = slice(start, start + size)
                output.add(columns.rows(part), masks[part], headers)
        assert [one.name for one in output.statements] == ["长生堂"]
        assert output.totals.cells.num_rows == 6
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    whole = written("whole", 6)
    assert written("pieces", 1) == whole
    assert {
        "statements.tsv",
        "regions.tsv",
        "clearing.parquet",
        "regions/510100-330106.tsv",
    } <= set(whole)


def test_a_run_that_breaks_off_leaves_nothing(piece: Piece, tmp_path: Path) -> None:
    headers = [head.header for head in piece.heads]
    masks = np.zeros(len(piece.columns), np.uint16)
    with pytest.raises(IndexError), ClearingOutput(tmp_path) as output:
        output.add(piece.columns, masks, headers[:0])
    assert list(tmp_path.iterdir()) == []
