# SPDX-License-Identifier: Apache-2.0
"""Refunds: a second row with negative amounts; the card has no command to take a debit back.

The rules (settlement conventions, A5, A7, A8; letter no. 38): the sale refunded must be sure and
stand in the open day file or an earlier one. One settled on-line is taken back as a whole, by the
centre (2103). One settled off-line may be taken back in parts, never more of a part than was
paid [L]. The row repeats the columns of the card and the terminal, TAC included, so that the
centre finds the debit; cash is handed out, the account's part comes back by an allocation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sscard_chip.dayfile.authoriser import CentreError, CentreNoAnswerError
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.pos.errors import Refusal, SaleRefusedError, UnfinishedSaleError
from sscard_chip.terminal.pos.pending import OpenSale
from sscard_chip.terminal.pos.station import SaleOutcome, Station, next_msgid


def refund(
    station: Station,
    msgid: str,
    time: str,
    *,
    parts: Split | None = None,
    earlier: Iterable[DayRow] = (),
) -> SaleOutcome:
    """Refund the sale ``msgid``: all that is left of it, or ``parts``.

    ``earlier`` are the rows of earlier day files, sales and refunds.

    :raises SaleRefusedError: REFUND, by the rules above; CENTRE, it refuses or is not there.
    :raises UnfinishedSaleError: the outcome is not known; recover decides.
    """
    rows = [*earlier, *station.day.rows]
    sale = next((row for row in rows if row.msgid == msgid and not row.refund), None)
    if sale is None:
        raise SaleRefusedError(Refusal.REFUND, "the sale is not in this day file or those given")
    if sale.grey:
        raise SaleRefusedError(Refusal.REFUND, "it is in doubt whether the sale was paid")
    if sale.terminal_id != station.day.header.terminal_id:
        raise SaleRefusedError(Refusal.REFUND, "the sale was made at another terminal")
    remaining = _left(sale, rows)
    amounts = remaining if parts is None else parts
    _check(sale, remaining, amounts)
    if sale.setl_id is not None and station.authoriser is None:
        raise SaleRefusedError(Refusal.CENTRE, "it cannot be reached")
    row = replace(
        sale,
        total_fen=-amounts.total_fen,
        fund_fen=-amounts.pooled_fen,
        account_fen=-amounts.account_fen,
        cash_fen=-amounts.self_paid_fen,
        refund=True,
        msgid=next_msgid(station, time),
    )
    station.begin(OpenSale(row))
    return finish_refund(station, row)


def finish_refund(station: Station, row: DayRow, *, recovered: bool = False) -> SaleOutcome:
    """Have the centre cancel what it settled, and record the refund that the journal has open.

    Safe to repeat: the centre knows the msgid.

    :raises SaleRefusedError: CENTRE, it refuses; nothing is refunded.
    :raises UnfinishedSaleError: it was asked and gave no answer, or the file cannot be written.
    """
    if row.setl_id is not None and not station.day.holds(row):
        try:
            if station.authoriser is None:
                raise CentreNoAnswerError("it cannot be reached")
            row = replace(row, setl_id=station.authoriser.cancel(row, row.msgid))
        except CentreNoAnswerError as error:
            raise UnfinishedSaleError(f"the refund is not known to the centre: {error}") from None
        except CentreError as error:
            station.journal.drop()
            raise SaleRefusedError(Refusal.CENTRE, str(error)) from None
    station.record(OpenSale(row))
    return SaleOutcome(row, station.receipt(row), recovered=recovered)


def _left(sale: DayRow, rows: Iterable[DayRow]) -> Split:
    """What is not refunded yet of a sale."""
    back = [row for row in rows if row.refund and row.debit == sale.debit]
    return Split(
        sale.account_fen + sum(row.account_fen for row in back),
        sale.cash_fen + sum(row.cash_fen for row in back),
        sale.fund_fen + sum(row.fund_fen for row in back),
    )


def _check(sale: DayRow, remaining: Split, amounts: Split) -> None:
    if not remaining.total_fen:
        raise SaleRefusedError(Refusal.REFUND, "nothing is left to refund")
    if min(amounts) < 0 or not amounts.total_fen:
        raise SaleRefusedError(Refusal.REFUND, "the parts must not be negative, their sum above 0")
    if any(part > rest for part, rest in zip(amounts, remaining, strict=True)):
        raise SaleRefusedError(Refusal.REFUND, "a part is more than is left of it")
    whole = Split(sale.account_fen, sale.cash_fen, sale.fund_fen)
    if sale.setl_id is not None and amounts != whole:
        raise SaleRefusedError(Refusal.REFUND, "a sale settled on-line is taken back as a whole")
