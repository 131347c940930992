# SPDX-License-Identifier: Apache-2.0
"""From the judged rows of day files to what clearing sums up and hands to other regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sscard_chip.dayfile.rows import DayHeader
from sscard_chip.settlement.arrow import cell_texts, division_texts, hex_texts, texts_of
from sscard_chip.settlement.clearing.exchange import ROWS as EXCHANGED
from sscard_chip.settlement.clearing.totals import ROWS
from sscard_chip.settlement.columns import NO_DIVISION, DebitColumns, number_of_bcd
from sscard_chip.settlement.judge.codes import Masks, codes_text, posted
from sscard_chip.settlement.judge.localities import Locality, localities
from sscard_chip.settlement.judge.times import dates_of
from sscard_chip.standard.identifiers import ALGORITHM_OF_CODE
from sscard_chip.standard.insurance import EMPLOYEE_BASIC

_SUITES: Final = pa.array([ALGORITHM_OF_CODE.get(code, "") for code in range(4)])
"""Names of the suites by the FCI's code; a malformed row has none."""
_NOWHERE: Final = np.uint32(0)


def clearing_rows(
    debits: DebitColumns,
    findings: Masks,
    headers: Sequence[DayHeader],
    insurances: NDArray[Any] | None = None,
) -> Any:
    """The Arrow table of :data:`ROWS` of judged rows, its texts as dictionaries.

    A row without a time of its own counts on the business date of its file, one without an
    insured place in the division of its card.

    :param findings: a mask for each row.
    :param headers: of the files, in the order that ``debits.file`` counts in.
    :param insurances: insutype of each row; 310 for all without it [L], since neither day file
        nor card shows.
    """
    count = len(debits)
    treatment, insured = _divisions(debits)
    first = int(debits.file.min(initial=len(headers)))
    own = headers[first : int(debits.file.max(initial=0)) + 1]
    file = debits.file - first
    dates = np.array([int(header.business_date) for header in own], np.int32)
    day = _days(debits)
    columns = [
        _pharmacies(own, file),
        pa.array(treatment.astype(np.int32)),
        pa.array(insured.astype(np.int32)),
        _insurances(insurances, count),
        pa.array(np.where(day > 0, day, dates.take(file))),
        pa.DictionaryArray.from_arrays(pa.array(debits.algorithm.astype(np.int8)), _SUITES),
        pa.array(debits.refund),
        pa.array(findings),
        *(
            pa.array(column)
            for column in (debits.total_fen, debits.fund_fen, debits.account_fen, debits.cash_fen)
        ),
    ]
    return pa.Table.from_arrays(columns, ROWS.names)


def exchange_rows(debits: DebitColumns, findings: Masks) -> Any:
    """The Arrow table of :data:`~sscard_chip.settlement.clearing.exchange.ROWS`.

    It has the rows of cards from outside the pooling area of the place of treatment, in their
    order.
    """
    treatment, insured = _divisions(debits)
    away = (treatment != insured) & ~debits.malformed
    away &= (treatment != _NOWHERE) & (insured != _NOWHERE)
    rows = np.flatnonzero(away)
    rows = rows[localities(treatment[rows], insured[rows]) != Locality.OWN]
    columns = [
        texts_of(findings[rows], codes_text),
        division_texts(treatment[rows]),
        division_texts(insured[rows]),
        pa.array(debits.total_fen[rows]),
        pa.array(debits.fund_fen[rows]),
        pa.array(debits.account_fen[rows]),
        pa.array(debits.cash_fen[rows]),
        hex_texts(debits.time[rows]),
        cell_texts(debits.mdtrt_id[rows]),
        cell_texts(debits.setl_id[rows]),
        cell_texts(debits.msgid[rows]),
        pa.array(debits.refund[rows]),
        pa.array(posted(findings[rows])),
    ]
    return pa.Table.from_arrays(columns, schema=EXCHANGED)


def _divisions(debits: DebitColumns) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Place of treatment and insured place; 000000 where it is not known."""
    treatment, insured = debits.treatment_division.copy(), debits.insured_division.copy()
    treatment[treatment == NO_DIVISION] = _NOWHERE
    nowhere = np.flatnonzero(insured == NO_DIVISION)
    issued = number_of_bcd(debits.card_id_code[nowhere, :3])
    insured[nowhere] = np.where(issued == NO_DIVISION, treatment[nowhere], issued)
    return treatment, insured


def _pharmacies(headers: Sequence[DayHeader], file: NDArray[np.int32]) -> Any:
    """The pharmacy of each row, in a dictionary that has each once."""
    codes: dict[str, int] = {}
    place = [codes.setdefault(header.pharmacy_code, len(codes)) for header in headers]
    at = np.array(place, np.int32).take(file)
    return pa.DictionaryArray.from_arrays(pa.array(at), pa.array(codes, pa.string()))


def _days(debits: DebitColumns) -> NDArray[np.int32]:
    """YYYYMMDD of each row's time, 0 where it has none."""
    days = dates_of(debits.time)
    return np.where(days == NO_DIVISION, 0, days).astype(np.int32)


def _insurances(insurances: NDArray[Any] | None, count: int) -> Any:
    if insurances is None:
        alike = pa.array(np.zeros(count, np.int8))
        return pa.DictionaryArray.from_arrays(alike, pa.array([EMPLOYEE_BASIC]))
    return pa.array(insurances, pa.string()).dictionary_encode()
