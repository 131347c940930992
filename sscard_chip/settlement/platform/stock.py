# SPDX-License-Identifier: Apache-2.0
"""3501 to 3507: what an institution has of each batch, as its messages say.

Nothing is refused because the stock would fall below zero: the interface only records. A centre
that is lenient says so in ``warn_msg``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    SettlementState,
    find_by_setl_id,
    find_cancelled_as,
)
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.transactions import TRANSACTIONS
from sscard_chip.settlement.schema.national import stock_change

SCALE: Final = 10_000
"""Quantities have four decimals."""
_COUNTED, _CHANGED, _BOUGHT, _SOLD = 1, 2, 3, 4
"""inv_data_type."""
_QUANTITIES: Final = {
    "3501": ("inv_cnt", _COUNTED, 1),
    "3502": ("cnt", _CHANGED, 1),
    "3503": ("purc_retn_cnt", _BOUGHT, 1),
    "3504": ("purc_retn_cnt", _BOUGHT, -1),
    "3505": ("sel_retn_cnt", _SOLD, -1),
    "3506": ("sel_retn_cnt", _SOLD, 1),
}
"""The field of the quantity, the type of record, and whether it is more or less."""
_LESS: Final = frozenset({"102", "104", "105", "107", "110", "111"})
"""inv_chg_type of what leaves the stock [L]."""
_NOT_INSURED: Final = "0"
"""hi_feesetl_type."""


@dataclass(frozen=True, slots=True)
class StockLevel:
    """What an institution has of a batch of goods."""

    batch: str
    goods: str
    name: str
    quantity: Decimal


def change(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    """3501 to 3506: all lines of a message or none.

    :raises AuthorisationRefusedError: a setl_id is not the institution's, or more comes back than
        was sold.
    """
    node = TRANSACTIONS[request.infno].input[0]
    lines = node.check(request.input)
    name, kind, sign = _QUANTITIES[request.infno]
    numbers = t.take_ids(stock_change, len(lines)).tolist()
    for number, line in zip(numbers, lines, strict=True):
        setl_id = line.get("setl_id") or None
        if setl_id is not None and line.get("hi_feesetl_type") != _NOT_INSURED:
            _check_sale(t, request, line, node.name)
        quantity = sign * int(Decimal(line[name]) * SCALE)
        if line.get("inv_chg_type") in _LESS:
            quantity = -quantity
        goods, batch = line["fixmedins_hilist_id"], line["fixmedins_bchno"]
        if request.infno == "3506":
            out = -_sum(t, request.institution, batch, goods, _SOLD)
            if quantity > out:
                raise AuthorisationRefusedError(
                    f"{node.name}.sel_retn_cnt: is more than was sold of the batch"
                )
        t.connection.execute(
            sa.insert(stock_change).values(
                id=number,
                pharmacy=request.institution,
                batch=batch,
                goods=goods,
                name=line["fixmedins_hilist_name"],
                infno=request.infno,
                data_type=kind,
                counted=kind == _COUNTED,
                quantity=quantity,
                setl_id=setl_id,
                msgid=request.msgid,
                time=request.time,
            )
        )
        if quantity < 0 and _level(t, request.institution, batch, goods) < 0:
            request.notes.append(f"{node.name}.fixmedins_bchno: less is in stock")
    return {}


def delete(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    """3507: records of a kind about a batch do not count any more.

    :raises AuthorisationRefusedError: there are none.
    """
    (data,) = TRANSACTIONS["3507"].input[0].check(request.input)
    batch, kind = data["fixmedins_bchno"], int(data["inv_data_type"])
    if not _counting(t, request.institution, batch, kind):
        raise AuthorisationRefusedError("fixmedins_bchno: there are no such records")
    (number,) = t.take_ids(stock_change, 1).tolist()
    t.connection.execute(
        sa.insert(stock_change).values(
            id=number,
            pharmacy=request.institution,
            batch=batch,
            goods="",
            name="",
            infno=request.infno,
            data_type=kind,
            counted=False,
            quantity=0,
            msgid=request.msgid,
            time=request.time,
        )
    )
    return {}


def levels(t: LedgerTransaction, institution: str) -> list[StockLevel]:
    """What an institution has, by batch and goods."""
    table = stock_change
    keys = t.connection.execute(
        sa.select(table.c.batch, table.c.goods, sa.func.max(table.c.id))
        .where(table.c.pharmacy == institution, table.c.goods != "")
        .group_by(table.c.batch, table.c.goods)
        .order_by(table.c.batch, table.c.goods)
    ).all()
    found = []
    for batch, goods, last in keys:
        name = t.connection.execute(sa.select(table.c.name).where(table.c.id == last)).scalar_one()
        quantity = Decimal(_level(t, institution, batch, goods)) / SCALE
        found.append(StockLevel(batch, goods, name, quantity))
    return found


def _check_sale(t: LedgerTransaction, request: Request, line: Mapping[str, Any], node: str) -> None:
    setl_id = line["setl_id"]
    found = find_by_setl_id(t, setl_id) or find_cancelled_as(t, setl_id)
    if found is None or found.order.pharmacy != request.institution:
        raise AuthorisationRefusedError(f"{node}.setl_id: the centre knows no such settlement")
    if found.state not in (SettlementState.SETTLED, SettlementState.CANCELLED):
        raise AuthorisationRefusedError(f"{node}.setl_id: the settlement is {found.state}")
    if line.get("mdtrt_sn") not in (None, found.order.mdtrt_id):
        raise AuthorisationRefusedError(f"{node}.mdtrt_sn: must be the mdtrt_id of the settlement")


def _deleted_before(
    t: LedgerTransaction, institution: str, batch: str, kinds: Iterable[int]
) -> dict[int, int]:
    """The number of the last 3507 of each kind, 0 where there is none."""
    table = stock_change
    rows = t.connection.execute(
        sa.select(table.c.data_type, sa.func.max(table.c.id))
        .where(table.c.pharmacy == institution, table.c.batch == batch, table.c.infno == "3507")
        .group_by(table.c.data_type)
    )
    return dict.fromkeys(kinds, 0) | {row[0]: int(row[1]) for row in rows}


def _counting(t: LedgerTransaction, institution: str, batch: str, kind: int) -> bool:
    table = stock_change
    after = _deleted_before(t, institution, batch, [kind])[kind]
    found = sa.select(table.c.id).where(
        table.c.pharmacy == institution,
        table.c.batch == batch,
        table.c.data_type == kind,
        table.c.id > after,
    )
    return t.connection.execute(found.limit(1)).first() is not None


def _sum(
    t: LedgerTransaction, institution: str, batch: str, goods: str, kind: int, after: int = 0
) -> int:
    table = stock_change
    first = max(after, _deleted_before(t, institution, batch, [kind])[kind])
    total = sa.select(sa.func.coalesce(sa.func.sum(table.c.quantity), 0)).where(
        table.c.pharmacy == institution,
        table.c.batch == batch,
        table.c.goods == goods,
        table.c.data_type == kind,
        table.c.id > first,
    )
    return int(t.connection.execute(total).scalar_one())


def _level(t: LedgerTransaction, institution: str, batch: str, goods: str) -> int:
    """The last count that stands, and what came after it."""
    table = stock_change
    after = _deleted_before(t, institution, batch, [_COUNTED])[_COUNTED]
    counted = t.connection.execute(
        sa.select(table.c.id, table.c.quantity)
        .where(
            table.c.pharmacy == institution,
            table.c.batch == batch,
            table.c.goods == goods,
            table.c.counted,
            table.c.id > after,
        )
        .order_by(table.c.id.desc())
        .limit(1)
    ).one_or_none()
    since, level = (0, 0) if counted is None else (int(counted.id), int(counted.quantity))
    kinds = (_CHANGED, _BOUGHT, _SOLD)
    return level + sum(_sum(t, institution, batch, goods, kind, since) for kind in kinds)
