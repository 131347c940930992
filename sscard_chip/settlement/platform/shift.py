# SPDX-License-Identifier: Apache-2.0
"""9001 and 9002: an operator's shift and its sign_no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import AuthorisationRefusedError
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.transactions import TRANSACTIONS
from sscard_chip.settlement.schema.national import shift, shift_end
from sscard_chip.standard.dates import show_time


def sign_in(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    """9001: a new sign_no. The same message again is the same shift."""
    (data,) = TRANSACTIONS["9001"].input[0].check(request.input)
    count = t.connection.execute(
        sa.select(sa.func.count()).where(shift.c.pharmacy == request.institution)
    ).scalar_one()
    t.lock_name(f"shift {request.institution}")
    sign_no = f"{request.institution[:6]}{request.digest.hex()[:16].upper()}{count + 1:08d}"
    t.connection.execute(
        sa.insert(shift).values(
            sign_no=sign_no,
            pharmacy=request.institution,
            operator=data["opter_no"],
            msgid=request.msgid,
            time=request.time,
        )
    )
    return {"signinoutb": {"sign_time": show_time(request.time), "sign_no": sign_no}}


def sign_out(t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    """9002: the end of a shift of this operator.

    :raises AuthorisationRefusedError: no such shift, or it has ended.
    """
    (data,) = TRANSACTIONS["9002"].input[0].check(request.input)
    found = t.connection.execute(
        sa.select(shift.c.operator).where(
            shift.c.sign_no == data["sign_no"], shift.c.pharmacy == request.institution
        )
    ).scalar_one_or_none()
    if found is None or found != data["opter_no"]:
        raise AuthorisationRefusedError("sign_no: the operator has not signed in with it")
    t.lock_name(f"shift {data['sign_no']}")
    if not is_signed_in(t, request.institution, data["sign_no"]):
        raise AuthorisationRefusedError("sign_no: the operator has signed out already")
    t.connection.execute(
        sa.insert(shift_end).values(sign_no=data["sign_no"], msgid=request.msgid, time=request.time)
    )
    return {"signoutoutb": {"sign_time": show_time(request.time)}}


def is_signed_in(t: LedgerTransaction, institution: str, sign_no: str) -> bool:
    """Whether a sign_no is of an institution's shift that has not ended."""
    found = sa.select(shift.c.sign_no).where(
        shift.c.sign_no == sign_no,
        shift.c.pharmacy == institution,
        ~sa.exists().where(shift_end.c.sign_no == sign_no),
    )
    return t.connection.execute(found).first() is not None
