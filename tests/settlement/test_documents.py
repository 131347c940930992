# SPDX-License-Identifier: Apache-2.0
"""What a settlement writes as JSON has the fields that its schemas say, no more and no fewer."""

from __future__ import annotations

from typing import Any

import pytest

from sscard_chip.settlement.clearing.statement import Reasons, Statement, StatementLine, Sums
from sscard_chip.settlement.documents import StatementDocument, SummaryDocument
from sscard_chip.settlement.run.summary import RunSummary
from sscard_chip.standard.documents import find


def summary() -> dict[str, Any]:
    return RunSummary(files=2, rows=9, codes={"6": 1}, given_twice=["a.tsv"]).document()


def statement() -> dict[str, Any]:
    line = StatementLine({"insutype": "310", "clr_type": "41"}, Sums(2, 9, 4, 3, 2), Sums(1, -1))
    day = StatementLine({"settlement_date": "20260315"}, Sums(2, 9), Sums())
    place = StatementLine(
        {"mdtrtarea_admvs": "990100", "insuplc_admdvs": "990200", "locality": "own_region"},
        Sums(), Sums(),
    )  # fmt: skip
    suite = StatementLine({"algorithm": 1}, Sums(), Sums())
    near = StatementLine({"locality": "own_region"}, Sums(), Sums())
    reasons = Reasons(Sums(1, 5), ((6, 1),))
    return Statement(
        "P1", None, "20260301", "20260331", line, (line,), (near,), (place,), (day,), (suite,),
        reasons, reasons, ((5, 2),),
    ).to_dict()  # fmt: skip


@pytest.mark.parametrize(
    ("document", "model"), [(summary(), SummaryDocument), (statement(), StatementDocument)]
)
def test_what_is_written_is_what_the_schema_says(document: dict[str, Any], model: Any) -> None:
    assert find(model, document) == []
    assert set(document) == set(model.__struct_fields__)
    for name in document:
        short = {key: value for key, value in document.items() if key != name}
        assert [one.item for one in find(model, short)] == [name]
    assert [one.item for one in find(model, document | {"more": 1})] == ["more"]
