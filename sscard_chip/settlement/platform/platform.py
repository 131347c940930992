# SPDX-License-Identifier: Apache-2.0
"""The platform's side: one function that takes a request and gives a response.

Each msgid that changes something is kept with its first answer, in the same transaction as the
change: whatever breaks, either both are there or neither. The same id with the same content gets
that answer again, byte for byte; with other content it is refused. A message that is marked as
reversed is never done again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.dayfile.envelope import FAILURE, HOLD, compact
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.load_messages import LOAD_MESSAGES
from sscard_chip.dayfile.rows import parse_row
from sscard_chip.security.keystore import KeyMissingError
from sscard_chip.settlement.ledger import (
    EntryExistsError,
    Ledger,
    LedgerError,
    LedgerRefusedError,
    LedgerTransaction,
)
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    DebitNumbers,
    Settlement,
    SettlementOrder,
    cancel_settlement,
    check_row,
    confirm_settlement,
    find_by_setl_id,
    hold_settlement,
    is_reversed,
    reverse,
    settle_bill,
)
from sscard_chip.settlement.loading import LoadHost
from sscard_chip.settlement.platform import answers
from sscard_chip.settlement.platform.clock import MessageClock
from sscard_chip.settlement.platform.drugs import DrugBill, follows, parse_bill
from sscard_chip.settlement.platform.envelope import Request, make_answer, parse_request
from sscard_chip.settlement.platform.fields import (
    CANCELLATION,
    PERSON,
    REVERSAL,
    MessageError,
    check_fields,
)
from sscard_chip.settlement.platform.loads import answer_load
from sscard_chip.settlement.platform.payer import Payer, find_by_card, find_payer
from sscard_chip.settlement.platform.sharing import Share, check_caps, share_by_policy
from sscard_chip.settlement.platform.straight import Question, StraightWay
from sscard_chip.settlement.platform.tac import CheckTac, tac_checker
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.settlement.schema import platform as tables
from sscard_chip.settlement.tac.keys import Enciphering
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.insurance import EMPLOYEE_BASIC
from sscard_chip.standard.settlement_mode import Split

REVERSIBLE: Final = frozenset({"2102", HOLD, "2103"})
"""What 2601 takes back, of the transactions of a pharmacy [H]."""


@dataclass(slots=True)
class _Numbers:
    """The receiver's numbers for one message, and its time."""

    refmsgid: str
    mdtrt_id: str
    judged_at: str
    """When the centre judges whether the card may pay, YYYYMMDDhhmmss."""


@dataclass(frozen=True, slots=True, repr=False)
class PendingMessage:
    """A message that changes something, and is not done yet."""

    request: Request
    received: datetime
    question: Question | None


class Platform:
    """A settlement centre that speaks the national interface: 1101, 2101, 2102, 2103, 2601.

    ``policy`` is the region's. ``keys`` is the store of root keys:
    a confirmation is taken with the row of the day file alone, and with a right TAC; without keys
    none is. ``check_tac`` checks in their place. ``share`` is another rule of how a bill is
    shared. ``permits_offline`` is what a card of mode 2 may do until it is on-line again.

    ``now`` is the centre's clock, local time. A sale whose inf_time is minutes off it is refused;
    whether a card may pay is judged by the later of both. ``test_clock`` is for a test centre
    whose messages have fixed dates: its clock is the time of each message.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        policy: CentrePolicy | None = None,
        keys: Enciphering | None = None,
        check_tac: CheckTac | None = None,
        share: Share | None = None,
        permits_offline: bool = True,
        now: Callable[[], datetime] = datetime.now,
        test_clock: bool = False,
    ) -> None:
        self._ledger = ledger
        self._policy = policy or CentrePolicy()
        self._check_tac = tac_checker(keys) if check_tac is None and keys else check_tac
        self._share = share or share_by_policy(self._policy)
        self._permits_offline = permits_offline
        self._now = now
        self._clock = MessageClock(None if test_clock else self._policy.clock_minutes)
        self._loads = None
        if keys is not None:
            minutes = self._policy.clock_minutes
            self._loads = LoadHost(
                ledger, keys, clock_minutes=minutes, now=now, test_clock=test_clock
            )
        # A rule of somebody's own is asked with the balance, in the middle of the long way.
        self._straight: StraightWay | None = None
        if share is None:
            self._straight = StraightWay(
                ledger, self._policy, self._check_tac, self._offline_use(), now
            )
        self._reading = {"1101": self._person, "2101": self._trial}
        self._writing = {
            HOLD: self._hold,
            "2102": self._settle,
            "2103": self._cancel,
            "2601": self._reverse,
        }

    def handle(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        :raises LedgerError: the ledger cannot be used: there is no answer, and the sender does
            not know what was done until it asks again, reverses or reconciles.
        """
        answer: dict[str, Any] = json.loads(self._answer(message))
        return answer

    def handle_json(self, body: bytes) -> bytes:
        """The same for the bytes of a request, as a server behind HTTPS gets them."""
        return self._answer(_parsed(body)).encode()

    # --- many at once --------------------------------------------------------------------------

    @property
    def writes_in_groups(self) -> bool:
        """Whether one message is written at a time (SQLite), so that groups share a commit."""
        return self._ledger.database.is_sqlite

    def prepare(self, body: bytes) -> bytes | PendingMessage:
        """The answer to a request that changes nothing, else what is to be done for it.

        :raises LedgerError: as :meth:`handle`.
        """
        received = self._now()
        try:
            request = parse_request(_parsed(body))
            if request.infno in self._reading:
                return self._read(request, received).encode()
            question = None
            if request.infno not in LOAD_MESSAGES:
                question = self._question(request, received)
        except (MessageError, AuthorisationRefusedError) as error:
            return self._text(None, received, error=str(error)).encode()
        return PendingMessage(request, received, question)

    def finish_together(self, pending: Sequence[PendingMessage]) -> list[bytes | LedgerError]:
        """Do what messages ask, in one transaction; each is answered, or has failed by itself.

        Nobody is to be answered before this returns.

        :raises LedgerError: nothing is kept, or it is not known.
        """
        loads = [one.request.infno in LOAD_MESSAGES for one in pending]
        answers: list[bytes | LedgerError] = [b""] * len(pending)
        if not all(loads):
            with self._ledger.transaction() as t:
                for at, one in enumerate(pending):
                    if not loads[at]:
                        answers[at] = self._together(t, one)
        for at, one in enumerate(pending):  # a load has transactions of its own
            if loads[at]:
                answers[at] = self._load_after(one)
        return answers

    def _load_after(self, pending: PendingMessage) -> bytes | LedgerError:
        try:
            return self._load(pending.request, pending.received).encode()
        except (MessageError, AuthorisationRefusedError) as error:
            return self._text(None, pending.received, error=str(error)).encode()
        except LedgerError as error:
            return error

    def _load(self, request: Request, received: datetime) -> str:
        return self._text(request, received, output=answer_load(self._loads, request))

    def _together(self, t: LedgerTransaction, pending: PendingMessage) -> bytes | LedgerError:
        try:
            with t.savepoint():
                return self._in(t, pending).encode()
        except (MessageError, AuthorisationRefusedError) as error:
            return self._text(None, pending.received, error=str(error)).encode()
        except (LedgerRefusedError, EntryExistsError) as error:
            return error

    # --- once ----------------------------------------------------------------------------------

    def _answer(self, message: Any) -> str:
        received = self._now()
        try:
            request = parse_request(message)
            if request.infno in self._reading:
                return self._read(request, received)
            if request.infno in LOAD_MESSAGES:
                return self._load(request, received)
            question = self._question(request, received)
            return self._write(PendingMessage(request, received, question))
        except (MessageError, AuthorisationRefusedError) as error:
            return self._text(None, received, error=str(error))

    def _read(self, request: Request, received: datetime) -> str:
        self._clock.check_sale(request.time, received)
        output = self._read_straight(request, received)
        if output is None:
            with self._ledger.reading() as t:
                output = self._reading[request.infno](t, request, received)
        return self._text(request, received, output=output)

    def _write(self, pending: PendingMessage) -> str:
        """Do what a message asks: straight where it is as usual, else the long way."""
        if pending.question is not None and self._straight and not self.writes_in_groups:
            text = self._straight.put(pending.question)
            if text is not None:
                return text
        try:
            return self._ledger.run(lambda t: self._in(t, pending))
        except LedgerRefusedError:
            # Another process has had the same id in the same moment: its answer is there now.
            return self._ledger.run(lambda t: self._once(t, pending.request, pending.received))

    def _in(self, t: LedgerTransaction, pending: PendingMessage) -> str:
        text = None
        if pending.question is not None and self._straight and self.writes_in_groups:
            text = self._straight.put_in(t, pending.question)
        return text or self._once(t, pending.request, pending.received)

    def _question(self, request: Request, received: datetime) -> Question | None:
        """What a usual message asks of the ledger.

        :raises MessageError: no such messages are served.
        """
        if request.infno not in self._writing:
            raise MessageError("infno: is not served here")
        if self._straight is None:
            return None
        try:
            self._check_time(request, received)
        except MessageError:
            return None  # it may be known
        judged_at = self._clock.judged_at(request.time, received)
        return self._straight.ask(request, received, judged_at)

    def _read_straight(self, request: Request, received: datetime) -> Mapping[str, Any] | None:
        """The output of a 1101 or 2101 about a good card."""
        if self._straight is None:
            return None
        judged_at = self._clock.judged_at(request.time, received)
        if request.infno == "1101":
            card = self._straight.card(request, judged_at)
            if card is None:
                return None
            return answers.person(
                card.psn_no, card.division, card.balance_fen, insutype=EMPLOYEE_BASIC
            )
        bill = parse_bill(request.input)
        card = self._straight.card_of_bill(request, bill, judged_at)
        if card is None:
            return None
        split = self._shared(bill, card.balance_fen)
        return self._output(request, bill, card.psn_no, split, card.balance_fen - split.account_fen)

    def _once(self, t: LedgerTransaction, request: Request, received: datetime) -> str:
        """The first answer to a message, in the transaction of what it does.

        :raises AuthorisationRefusedError: nothing is kept of it.
        :raises MessageError: nothing is kept of it.
        """
        t.lock_name(request.msgid)
        table = tables.message
        known = t.connection.execute(
            sa.select(table).where(table.c.msgid == request.msgid)
        ).one_or_none()
        if known is not None:
            if bytes(known.digest) != request.digest:
                raise AuthorisationRefusedError("this msgid was used for something else")
            if is_reversed(t, request.msgid):
                raise AuthorisationRefusedError("this msgid is reversed")
            first = sa.select(tables.answer.c.content).where(tables.answer.c.message == known.id)
            return str(t.connection.execute(first).scalar_one())
        self._check_time(request, received)
        number = int(t.take_ids(table, 1)[0])
        values = {"msgid": request.msgid, "infno": request.infno, "digest": request.digest}
        t.connection.execute(sa.insert(table).values(id=number, **values))
        numbers = _Numbers(
            f"{request.treatment_division}{request.time}{number:010d}",
            f"{request.treatment_division}{request.time[:8]}{number:016d}",
            self._clock.judged_at(request.time, received),
        )
        output, error = None, None
        try:
            with t.connection.begin_nested():
                output = self._writing[request.infno](t, request, numbers)
        except AuthorisationRefusedError as refused:
            error = str(refused)
        text = compact(
            make_answer(numbers.refmsgid, received, self._now(), output=output, error=error)
        )
        t.connection.execute(
            sa.insert(tables.answer).values(
                message=number, infcode=FAILURE if error else 0, content=text
            )
        )
        return text

    def _check_time(self, request: Request, received: datetime) -> None:
        """The clock rule of a message that has not been answered yet.

        A sale is of now. What follows on one may come late, when the line is up again.

        :raises MessageError:
        """
        if request.infno == HOLD or (request.infno == "2102" and not follows(request.input)):
            self._clock.check_sale(request.time, received)
        else:
            self._clock.check_not_ahead(request.time, received)

    def _text(
        self,
        request: Request | None,
        received: datetime,
        *,
        output: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> str:
        """An answer that is not kept; its number begins with 9 and is not counted."""
        division = request.treatment_division if request else "000000"
        number = f"{division}{received.strftime(TIME)}9{secrets.randbelow(10**9):09d}"
        return compact(make_answer(number, received, self._now(), output=output, error=error))

    # --- 1101, 2101 ----------------------------------------------------------------------------

    def _person(
        self, t: LedgerTransaction, request: Request, received: datetime
    ) -> Mapping[str, Any]:
        data = check_fields(request.input.get("data"), "data", PERSON)
        payer = find_by_card(
            t,
            data["mdtrt_cert_type"],
            data["mdtrt_cert_no"],
            data["card_sn"],
            request.insured_division,
            self._clock.judged_at(request.time, received),
        )
        balance = t.balance(payer.account)
        return answers.person(payer.psn_no, payer.division, balance, insutype=EMPLOYEE_BASIC)

    def _trial(
        self, t: LedgerTransaction, request: Request, received: datetime
    ) -> Mapping[str, Any]:
        bill, payer = self._bill(t, request, self._clock.judged_at(request.time, received))
        balance = t.balance(payer.account)
        split = self._shared(bill, balance)
        return self._output(request, bill, payer.psn_no, split, balance - split.account_fen)

    # --- 2102 ----------------------------------------------------------------------------------

    def _hold(self, t: LedgerTransaction, request: Request, numbers: _Numbers) -> Mapping[str, Any]:
        return self._begin(t, request, numbers, hold_settlement)

    def _settle(
        self, t: LedgerTransaction, request: Request, numbers: _Numbers
    ) -> Mapping[str, Any]:
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
        output = self._output(order, bill, order.psn_no, order.split, balance, order)
        info = output["setlinfo"] | {"exp_content": self._offline_use()}
        return output | {"setlinfo": info}

    def _begin(
        self,
        t: LedgerTransaction,
        request: Request,
        numbers: _Numbers,
        step: Callable[[LedgerTransaction, SettlementOrder], Settlement],
    ) -> Mapping[str, Any]:
        bill, payer = self._bill(t, request, numbers.judged_at)
        split = self._shared(bill, int(t.balances([payer.account], for_update=True)[0]))
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
        return self._output(request, bill, payer.psn_no, split, balance, order)

    def _bill(
        self, t: LedgerTransaction, request: Request, judged_at: str
    ) -> tuple[DrugBill, Payer]:
        bill = parse_bill(request.input)
        payer = find_payer(t, bill, request.insured_division, judged_at)
        return bill, payer

    def _shared(self, bill: DrugBill, available_fen: int) -> Split:
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

    def _output(
        self,
        asked: Request | SettlementOrder,
        bill: DrugBill,
        psn_no: str,
        split: Split,
        balance_fen: int,
        order: SettlementOrder | None = None,
    ) -> dict[str, Any]:
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
        )
        return {
            "setlinfo": info,
            "setldetail": answers.setldetail(split),
            "detlcutinfo": answers.detlcutinfo(bill),
        }

    def _offline_use(self) -> str:
        """EF06 of a card of mode 2, as it must become now that it has been on-line."""
        return compact({"offline_use": [int(self._permits_offline), 0, 0]})

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

    def _cancel(
        self, t: LedgerTransaction, request: Request, numbers: _Numbers
    ) -> Mapping[str, Any]:
        data = check_fields(request.input.get("data"), "data", CANCELLATION)
        found = self._own(find_by_setl_id(t, data["setl_id"]), request)
        order = found.order
        if (data["psn_no"], data["mdtrt_id"]) != (order.psn_no, order.mdtrt_id):
            raise AuthorisationRefusedError("the centre knows no such settlement")
        cancel_settlement(t, found, request.msgid, numbers.refmsgid, request.time)
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
        )
        return {"setlinfo": info, "setldetail": answers.setldetail(order.split)}

    def _reverse(self, t: LedgerTransaction, request: Request, _: _Numbers) -> Mapping[str, Any]:
        data = check_fields(request.input.get("data"), "data", REVERSAL)
        if data["oinfno"] not in REVERSIBLE:
            raise AuthorisationRefusedError("oinfno: cannot be reversed")
        omsgid = data["omsgid"]
        if omsgid[:12] != request.institution:
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

    def _own(self, found: Settlement | None, request: Request) -> Settlement:
        if found is None or found.order.pharmacy != request.institution:
            raise AuthorisationRefusedError("the centre knows no such settlement")
        return found


def _parsed(body: bytes) -> Any:
    """The JSON of a request; None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
