# SPDX-License-Identifier: Apache-2.0
"""What the messages of a pharmacy do in a transaction of the ledger: the long way of each.

They refuse by :class:`~sscard_chip.settlement.ledger.authorisation.AuthorisationRefusedError`,
with nothing done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.dayfile.envelope import HOLD, compact
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.msgid import is_msgid
from sscard_chip.dayfile.rows import parse_row
from sscard_chip.security.keystore import KeyMissingError
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    DebitNumbers,
    Settlement,
    SettlementOrder,
    cancel_settlement,
    check_row,
    confirm_settlement,
    find_by_setl_id,
    find_done_by,
    hold_settlement,
    reverse,
    settle_bill,
)
from sscard_chip.settlement.platform import answers
from sscard_chip.settlement.platform.clock import MessageClock
from sscard_chip.settlement.platform.drugs import DrugBill, parse_bill
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.fields import MessageError, check_fields
from sscard_chip.settlement.platform.payer import Payer, PayerFinder
from sscard_chip.settlement.platform.persons import InsuredPerson
from sscard_chip.settlement.platform.sharing import Share, check_caps
from sscard_chip.settlement.platform.tac import CheckTac
from sscard_chip.settlement.platform.transactions.sales import CANCELLATION, PERSON, REVERSAL
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.settlement.schema import platform as tables
from sscard_chip.standard.insurance import EMPLOYEE_BASIC
from sscard_chip.standard.settlement_mode import Split

REVERSIBLE: Final = frozenset({"2102", HOLD, "2103"})
"""What 2601 takes back, of the transactions of a pharmacy [H]."""


@dataclass(slots=True)
class MessageNumbers:
    """The receiver's numbers for one message, and its time."""

    refmsgid: str
    mdtrt_id: str
    judged_at: str
    """When the centre judges whether the card may pay, YYYYMMDDhhmmss."""
    at: int
    """The same moment by the centre's clock, Unix time."""


class PharmacySales:
    """InsuredPerson, trial, hold, settlement, cancellation and reversal by a region's policy."""

    def __init__(
        self,
        policy: CentrePolicy,
        clock: MessageClock,
        share: Share,
        check_tac: CheckTac | None,
        payers: PayerFinder,
        *,
        permits_offline: bool,
    ) -> None:
        """``share`` is how a bill is shared; without ``check_tac`` no confirmation is taken."""
        self._payers = payers
        self._policy = policy
        self._clock = clock
        self._share = share
        self._check_tac = check_tac
        self.offline_use: Final = compact({"offline_use": [int(permits_offline), 0, 0]})
        """EF06 of a card of mode 2, as it must become now that it has been on-line."""

    # --- 1101, 2101 ----------------------------------------------------------------------------

    def person(
        self, t: LedgerTransaction, request: Request, received: datetime
    ) -> Mapping[str, Any]:
        """1101: who pays, and what he has."""
        data = check_fields(request.input.get("data"), "data", PERSON)
        judged_at = self._clock.judged_at(request.time, received)
        at = self._clock.unix(request.time, received)
        payer = self._payers.of_question(t, request, data, judged_at, at)
        return answers.person(
            payer.psn_no,
            payer.division,
            t.balance(payer.account),
            insutype=EMPLOYEE_BASIC,
            who=payer.person,
            day=request.time,
        )

    def trial(
        self, t: LedgerTransaction, request: Request, received: datetime
    ) -> Mapping[str, Any]:
        """2101: how a bill would be shared; nothing is kept."""
        judged_at = self._clock.judged_at(request.time, received)
        at = self._clock.unix(request.time, received)
        bill, payer = self._bill(t, request, judged_at, at)
        balance = t.balance(payer.account)
        split = self.shared(bill, balance)
        return self.output(
            request, bill, payer.psn_no, split, balance - split.account_fen,
            person=payer.person, shared=payer.shared,
        )  # fmt: skip

    # --- 2102 ----------------------------------------------------------------------------------

    def hold(
        self, t: LedgerTransaction, request: Request, numbers: MessageNumbers
    ) -> Mapping[str, Any]:
        """2102A: hold the account's part of a bill."""
        return self._begin(t, request, numbers, hold_settlement)

    def settle(
        self, t: LedgerTransaction, request: Request, numbers: MessageNumbers
    ) -> Mapping[str, Any]:
        """2102: settle what is held; at once only where the policy allows it."""
        bill = parse_bill(request.input)
        if bill.setl_id is None:
            if not self._policy.settle_at_once:
                raise AuthorisationRefusedError(
                    "a settlement without hold and TAC is not taken here: policy, settle_at_once"
                )
            return self._begin(t, request, numbers, settle_bill)
        found = self._own(find_by_setl_id(t, bill.setl_id), request)
        if found.order.split.total_fen != bill.total_fen:
            raise AuthorisationRefusedError("medfee_sumamt is not that of the hold")
        debit = self._check_row(t, bill.row, found)
        done = confirm_settlement(t, found, request.msgid, request.time, bill.row, numbers=debit)
        order = done.order
        balance = t.balance(order.account)
        _, person = self._payers.person(t, order.psn_no)
        output = self.output(order, bill, order.psn_no, order.split, balance, order, person=person)
        info = output["setlinfo"] | {"exp_content": self.offline_use}
        return output | {"setlinfo": info}

    def _begin(
        self,
        t: LedgerTransaction,
        request: Request,
        numbers: MessageNumbers,
        step: Callable[[LedgerTransaction, SettlementOrder], Settlement],
    ) -> Mapping[str, Any]:
        bill, payer = self._bill(t, request, numbers.judged_at, numbers.at)
        split = self.shared(bill, int(t.balances([payer.account], for_update=True)[0]))
        order = SettlementOrder(
            request.msgid,
            numbers.refmsgid,
            numbers.mdtrt_id,
            payer.psn_no,
            payer.card,
            payer.account,
            request.institution,
            request.treatment_division,
            payer.division,
            request.time,
            split,
        )
        check_caps(t, self._policy.caps, order)
        step(t, order)
        balance = t.balance(payer.account)
        return self.output(
            request, bill, payer.psn_no, split, balance, order,
            person=payer.person, shared=payer.shared,
        )  # fmt: skip

    def _bill(
        self, t: LedgerTransaction, request: Request, judged_at: str, at: int
    ) -> tuple[DrugBill, Payer]:
        bill = parse_bill(request.input)
        return bill, self._payers.of_bill(t, request, bill, judged_at, at)

    def shared(self, bill: DrugBill, available_fen: int) -> Split:
        """The centre's share of a bill.

        :raises AuthorisationRefusedError: the bill is over the cap, or the account has too little.
        """
        most = self._policy.caps.sale_fen
        if most and bill.total_fen > most:
            raise AuthorisationRefusedError("the bill is over the cap of a sale")
        split = self._share(bill, available_fen)
        if min(split) < 0 or split.total_fen != bill.total_fen:
            raise AuthorisationRefusedError("the centre cannot share this bill")
        return split

    def output(
        self,
        asked: Request | SettlementOrder,
        bill: DrugBill,
        psn_no: str,
        split: Split,
        balance_fen: int,
        order: SettlementOrder | None = None,
        *,
        person: InsuredPerson | None = None,
        shared: bool = False,
    ) -> dict[str, Any]:
        """The output of an answer; ``order`` gives it the numbers of its settlement."""
        info = answers.setlinfo(
            split,
            balance_fen,
            psn_no=psn_no,
            time=asked.time,
            msgid=asked.msgid,
            division=asked.treatment_division,
            setl_id=order.setl_id if order else "",
            mdtrt_id=order.mdtrt_id if order else "",
            insutype=bill.info["insutype"],
            bill=bill,
            person=person,
            shared=shared,
        )
        detail = answers.setldetail(
            split, account=bill.asks_account, insutype=bill.info["insutype"]
        )
        return {
            "setlinfo": info,
            "setldetail": detail,
            "detlcutinfo": answers.detlcutinfo(bill),
        }

    def _check_row(self, t: LedgerTransaction, text: str | None, found: Settlement) -> DebitNumbers:
        """The till's row is of this settlement, and its TAC is right.

        :raises AuthorisationRefusedError: it is not.
        :raises MessageError: the centre cannot know, for want of a key: it may come again.
        """
        if text is None:
            raise AuthorisationRefusedError("a confirmation needs the row of the day file")
        if self._check_tac is None:
            raise MessageError("the centre has no keys to check the TAC with")
        try:
            row = parse_row(text)
        except DayFileError:
            raise AuthorisationRefusedError("the row of the day file is malformed") from None
        numbers = check_row(t, found, row)
        try:
            right = self._check_tac(row)
        except KeyMissingError:
            raise MessageError("the centre has no key for the TAC of this card") from None
        if not right:
            raise AuthorisationRefusedError("the TAC is wrong")
        return numbers

    # --- 2103, 2601 ----------------------------------------------------------------------------

    def cancel(
        self, t: LedgerTransaction, request: Request, numbers: MessageNumbers
    ) -> Mapping[str, Any]:
        """2103: take a settlement back."""
        data = check_fields(request.input.get("data"), "data", CANCELLATION)
        found = self._own(find_by_setl_id(t, data["setl_id"]), request)
        order = found.order
        if (data["psn_no"], data["mdtrt_id"]) != (order.psn_no, order.mdtrt_id):
            raise AuthorisationRefusedError("the centre knows no such settlement")
        cancel_settlement(t, found, request.msgid, numbers.refmsgid, request.time)
        _, person = self._payers.person(t, order.psn_no)
        info = answers.setlinfo(
            order.split,
            t.balance(order.account),
            psn_no=order.psn_no,
            time=request.time,
            msgid=request.msgid,
            division=order.treatment_division,
            setl_id=numbers.refmsgid,
            mdtrt_id=order.mdtrt_id,
            cancellation=True,
            person=person,
        )
        detail = answers.setldetail(order.split, insutype=info["insutype"], cancellation=True)
        return {"setlinfo": info, "setldetail": detail}

    def reverse(
        self, t: LedgerTransaction, request: Request, _: MessageNumbers
    ) -> Mapping[str, Any]:
        """2601: a message is as if it had never come."""
        data = check_fields(request.input.get("data"), "data", REVERSAL)
        if data["oinfno"] not in REVERSIBLE:
            raise AuthorisationRefusedError("oinfno: cannot be reversed")
        omsgid = data["omsgid"]
        if not self._is_own(t, omsgid, request):
            raise AuthorisationRefusedError("omsgid: is not of this institution")
        t.lock_name(omsgid)
        original = t.connection.execute(
            sa.select(tables.message.c.infno).where(tables.message.c.msgid == omsgid)
        ).scalar_one_or_none()
        if original is not None and original != data["oinfno"]:
            raise AuthorisationRefusedError("oinfno: the original has another number")
        caps = self._policy.caps
        done = reverse(
            t,
            omsgid,
            request.msgid,
            request.time,
            may_settle_again=lambda order: check_caps(t, caps, order),
        )
        if done is not None and data["psn_no"] not in ("", done.order.psn_no):
            raise AuthorisationRefusedError("psn_no: is not that of the original")
        return {}

    def _is_own(self, t: LedgerTransaction, omsgid: str, request: Request) -> bool:
        """Whether a msgid is the institution's: by its form, one without by what it has done."""
        if omsgid[:12] == request.institution:
            return True
        done = None if request.strict or is_msgid(omsgid) else find_done_by(t, omsgid)
        return done is not None and done.order.pharmacy == request.institution

    def _own(self, found: Settlement | None, request: Request) -> Settlement:
        if found is None or found.order.pharmacy != request.institution:
            raise AuthorisationRefusedError("the centre knows no such settlement")
        return found
