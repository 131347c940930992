# SPDX-License-Identifier: Apache-2.0
"""Rows of a card and of a msgid are found as if everything was looked through, and it is not."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.clearing.books import Books
from sscard_chip.settlement.judge.codes import codes_of
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.run import archive
from sscard_chip.settlement.run.lookup import rows_of_card, rows_of_msgid
from sscard_chip.settlement.schema.run import file as settled_file
from tests.settlement.run.trial import Trial


@pytest.fixture
def settled(ledger: Ledger, trial: Trial, tmp_path: Path) -> Ledger:
    trial.begin(ledger, tmp_path / "earlier")
    trial.settle(ledger, tmp_path / "out", trial.files(), batch_rows=300)
    return ledger


Found = dict[str, set[tuple[int, int, str, tuple[int, ...]]]]


def everything(ledger: Ledger) -> tuple[Found, Found]:
    """All rows by 卡号 and by msgid: segment, line, msgid, codes."""
    cards: Found = defaultdict(set)
    msgids: Found = defaultdict(set)
    with ledger.reading() as t:
        segments = t.connection.execute(sa.text("SELECT id FROM settled_segment")).scalars()
        for segment in segments.all():
            for _, columns, masks in archive.Archive(t).parts(segment):
                for at, mask in enumerate(masks.tolist()):
                    msgid = columns.msgid[at].decode()
                    row = (segment, int(columns.line[at]), msgid, codes_of(mask))
                    msgids[msgid].add(row)
                    if not columns.malformed[at]:
                        cards[columns.card_number[at].decode()].add(row)
    return cards, msgids


def test_nothing_is_missed(settled: Ledger) -> None:
    cards, msgids = everything(settled)
    with settled.reading() as t:
        for msgid, expected in sorted(msgids.items())[::40]:
            found = rows_of_msgid(t, msgid)
            assert {(r.segment, r.line, r.msgid, r.codes) for r in found} == expected
        for number, expected in sorted(cards.items())[::10]:
            found = rows_of_card(t, number)
            told = {(r.segment, r.line, r.msgid, r.codes) for r in found}
            assert told == expected, number
        assert rows_of_msgid(t, "nothing") == []
        assert rows_of_card(t, "nobody") == []


def test_of_other_parts_one_column_is_unpacked(
    settled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards, msgids = everything(settled)
    whole: list[bytes] = []
    unpack = archive.unpack

    def counted(content: bytes) -> object:
        whole.append(content)
        return unpack(content)

    monkeypatch.setattr(archive, "unpack", counted)
    number, expected = max(cards.items(), key=lambda item: len(item[1]))
    with settled.reading() as t:
        rows_of_card(t, number)
        assert len(whole) == len({segment for segment, *_ in expected})
        whole.clear()
        rows_of_card(t, "nobody")
        msgid = next(iter(msgids))
        rows_of_msgid(t, f"{msgid[:26]}zzzz")
        assert whole == []


def test_the_files_of_a_pharmacy_and_a_terminal_have_an_index(settled: Ledger) -> None:
    columns = {tuple(index.columns.keys()) for index in settled_file.indexes}
    assert columns >= {("pharmacy", "business_date"), ("terminal_id", "business_date")}
    with settled.reading() as t:
        if t.connection.dialect.name == "sqlite":
            plan = t.connection.execute(
                sa.text(
                    "EXPLAIN QUERY PLAN SELECT * FROM settled_file"
                    " WHERE pharmacy = 'P' AND business_date >= '20260301'"
                )
            ).all()
            assert "USING INDEX" in str(plan)
        assert list(Books(t).of_pharmacy("none")) == []
