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
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from sscard_chip.dayfile.business_string import BusinessStrings
from sscard_chip.dayfile.envelope import FAILURE, HOLD, compact
from sscard_chip.dayfile.load_messages import LOAD_MESSAGES
from sscard_chip.settlement.ledger import (
    EntryExistsError,
    Ledger,
    LedgerError,
    LedgerRefusedError,
    LedgerTransaction,
)
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    Question,
    is_reversed,
)
from sscard_chip.settlement.loading import LoadHost
from sscard_chip.settlement.platform import answers
from sscard_chip.settlement.platform.body import read_body
from sscard_chip.settlement.platform.clock import MessageClock
from sscard_chip.settlement.platform.drugs import follows, parse_bill
from sscard_chip.settlement.platform.envelope import Request, make_answer, parse_request
from sscard_chip.settlement.platform.fields import MessageError
from sscard_chip.settlement.platform.groups import GroupCommit
from sscard_chip.settlement.platform.lenient import mend
from sscard_chip.settlement.platform.loads import answer_load
from sscard_chip.settlement.platform.payer import PayerFinder, ResolveToken
from sscard_chip.settlement.platform.persons import PersonRegister
from sscard_chip.settlement.platform.sales import MessageNumbers, PharmacySales
from sscard_chip.settlement.platform.services import Service, ServiceHandler, services
from sscard_chip.settlement.platform.sharing import Share, share_by_policy
from sscard_chip.settlement.platform.shift import is_signed_in
from sscard_chip.settlement.platform.straight import StraightWay
from sscard_chip.settlement.platform.tac import CheckTac, tac_checker
from sscard_chip.settlement.platform.transactions import TRANSACTIONS
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.settlement.schema import platform as tables
from sscard_chip.settlement.tac.keys import Enciphering
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.insurance import EMPLOYEE_BASIC

_USUAL: Final = (HOLD, "2102")
_NO_SHIFT: Final = "sign_no: is not signed in"


@dataclass(frozen=True, slots=True, repr=False)
class PendingMessage:
    """A message that changes something, and is not done yet."""

    request: Request
    received: datetime
    question: Question | None


class Platform:
    """A settlement centre that speaks the national interface.

    What it takes and answers is declared in :data:`~.transactions.TRANSACTIONS`. ``extra`` are
    handlers of further numbers, for those that other rooms serve (3201, 3202, 9101, 9102).

    A centre that is not ``strict`` takes messages as real programs send them (:mod:`.lenient`)
    and lists each deviation in ``warn_msg``; a ``strict`` one refuses them by name. ``persons``
    says who the holders are, ``business`` checks business strings, ``tokens`` knows electronic
    credentials.

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
        strict: bool = False,
        persons: PersonRegister | None = None,
        business: BusinessStrings | None = None,
        tokens: ResolveToken | None = None,
        extra: Mapping[str, ServiceHandler] | None = None,
    ) -> None:
        self._ledger = ledger
        self._strict = strict
        payers = PayerFinder(persons, business, tokens)
        policy = policy or CentrePolicy()
        check_tac = tac_checker(keys) if check_tac is None and keys else check_tac
        self._now = now
        self._clock = MessageClock(None if test_clock else policy.clock_minutes)
        self._sales = PharmacySales(
            policy,
            self._clock,
            share or share_by_policy(policy),
            check_tac,
            payers,
            permits_offline=permits_offline,
        )
        self._loads = None
        if keys is not None:
            minutes = policy.clock_minutes
            self._loads = LoadHost(
                ledger, keys, clock_minutes=minutes, now=now, test_clock=test_clock
            )
        # A rule of somebody's own is asked with the balance, in the middle of the long way.
        self._straight: StraightWay | None = None
        if share is None:
            self._straight = StraightWay(
                ledger, policy, check_tac, self._sales.offline_use, now, payers.persons
            )
        self.groups: GroupCommit[PendingMessage, str | None] = GroupCommit(
            self._do_together if ledger.database.is_sqlite else self._put_together
        )
        self._persons = payers.persons
        self._sale_asks = {"1101": self._sales.person, "2101": self._sales.trial}
        self._sale_does = {
            HOLD: self._sales.hold,
            "2102": self._sales.settle,
            "2103": self._sales.cancel,
            "2601": self._sales.reverse,
        }
        self._services: dict[str, Service] = services(payers, policy, extra or {})

    def handle(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        :raises LedgerError: the ledger cannot be used: there is no answer, and the sender does
            not know what was done until it asks again, reverses or reconciles.
        """
        answer: dict[str, Any] = json.loads(self._answer(message))
        return answer

    def handle_json(self, body: bytes) -> bytes:
        """The same for the bytes of a request, as a server behind HTTPS gets them."""
        try:
            message, said = read_body(body, strict=self._strict)
        except MessageError as error:
            return self._text(None, self._now(), error=str(error)).encode()
        return self._answer(message, said, len(body)).encode()

    @property
    def has_one_writer(self) -> bool:
        """Whether the database takes one transaction after the other."""
        return self._ledger.database.is_sqlite

    def handle_group(self, bodies: Sequence[bytes]) -> list[bytes | Exception | None]:
        """The same for what has come at once, where it is as usual: together, and in one go.

        None stands for a message that is unusual in any way, or may take long: nothing was done,
        and :meth:`handle_json` answers it. An error is raised by that for the same reason.
        """
        received = self._now()
        usual = [self._usual(body, received) for body in bodies]
        asked = [one for one in usual if one is not None]
        done = iter(self.groups.do_all(asked))
        return [None if one is None else self._as_answer(one, next(done)) for one in usual]

    def _usual(self, body: bytes, received: datetime) -> PendingMessage | None:
        """A hold, or the confirmation of one, that the straight way can do."""
        try:
            message, said = read_body(body, strict=self._strict)
            if said or type(message) is not dict or message.get("infno") not in _USUAL:
                return None
            request = parse_request(message, strict=self._strict, size=len(body))
            if request.sign_no or request.notes:
                return None
            question = self._question(request, received)
        except MessageError:
            return None
        return None if question is None else PendingMessage(request, received, question)

    def _as_answer(
        self, asked: PendingMessage, done: str | Exception | None
    ) -> bytes | Exception | None:
        if isinstance(done, (MessageError, AuthorisationRefusedError)):
            done = self._text(None, asked.received, error=str(done), notes=asked.request.notes)
        return done.encode() if isinstance(done, str) else done

    # --- once ----------------------------------------------------------------------------------

    def _answer(self, message: Any, said: Sequence[str] = (), size: int | None = None) -> str:
        received = self._now()
        notes = list(said)
        try:
            found = self._begin(message, received, notes, size)
            if isinstance(found, str):
                return found
            notes = found.request.notes
            return self._write(found)
        except (MessageError, AuthorisationRefusedError) as error:
            return self._text(None, received, error=str(error), notes=notes)

    def _begin(
        self, message: Any, received: datetime, notes: list[str], size: int | None = None
    ) -> str | PendingMessage:
        """The answer to a message that asks only, else what is to be done for it.

        Where the message is not in the form of the interface, it is looked at once more as it may
        have been meant; ``notes``, which has what its bytes are, then has the deviations too.

        :raises MessageError: it is refused.
        :raises AuthorisationRefusedError: it is refused.
        """
        if self._strict:
            return self._look(parse_request(message, size=size), received)
        try:
            request = parse_request(message, strict=False, size=size)
            request.notes[:0] = notes
            found = self._look(request, received)
            if isinstance(found, str) or found.question or not self._out_of_form(found.request):
                return found
        except MessageError:
            mended, deviations = mend(message)
            if not deviations:
                raise
        else:
            mended, deviations = mend(message)
            if not deviations:
                return found
        notes += deviations
        request = parse_request(mended, strict=False)
        request.notes[:0] = notes
        notes[:] = request.notes
        return self._look(request, received)

    def _look(self, request: Request, received: datetime) -> str | PendingMessage:
        signed_in = not request.sign_no or self._is_signed_in(request)
        if not signed_in:
            request.notes.append(_NO_SHIFT)
        service = self._services.get(request.infno)
        if request.infno in self._sale_asks or (service and not service.keeps):
            if self._strict and not signed_in:
                raise MessageError(_NO_SHIFT)
            return self._read(request, received)
        question = None
        if service is None and request.infno not in LOAD_MESSAGES:
            question = self._question(request, received)
            if request.notes:
                question = None  # the long way tells them, and finds whether it is known
        return PendingMessage(request, received, question)

    def _read(self, request: Request, received: datetime) -> str:
        service = self._services.get(request.infno)
        if service is not None:
            self._clock.check_not_ahead(request.time, received)
            with self._ledger.reading() as t:
                said = service.handler(t, request)
            return self._text(request, received, output=said)
        self._clock.check_sale(request.time, received)
        output = self._read_straight(request, received)
        if output is None:
            with self._ledger.reading() as t:
                output = self._sale_asks[request.infno](t, request, received)
        return self._text(request, received, output=output)

    # --- in groups -----------------------------------------------------------------------------

    def _write(self, pending: PendingMessage) -> str:
        """Do what a message asks, with others that ask something now: straight where it is as
        usual, else the long way.

        :raises AuthorisationRefusedError: nothing is kept of it.
        :raises MessageError: nothing is kept of it.
        :raises LedgerError: there is no answer.
        """
        is_sqlite = self._ledger.database.is_sqlite
        text = None
        if is_sqlite or pending.question is not None:
            text = self.groups.do(pending)
        if text is None and pending.request.infno in LOAD_MESSAGES:
            text = self._load(pending)
        return text or self._write_single(pending)

    def _write_single(self, pending: PendingMessage) -> str:
        for attempt in (1, 2):
            try:
                return self._ledger.run(lambda t: self._once(t, pending.request, pending.received))
            except LedgerRefusedError:
                if attempt == 2:  # not that another process has had the same id in the same moment
                    raise
        raise AssertionError

    def _do_together(self, group: Sequence[PendingMessage]) -> list[str | Exception | None]:
        """SQLite, which has one writer: one transaction for all.

        What is usual is done with a statement for all of them, the rest as a part each; and so
        are all of them where the database refuses that statement.
        """
        loads = [one.request.infno in LOAD_MESSAGES for one in group]
        done: list[str | Exception | None] = [None] * len(group)

        def work(t: LedgerTransaction, *, together: bool) -> None:
            done[:] = self._straight_parts(t, group) if together else [None] * len(group)
            for at, one in enumerate(group):
                if done[at] is None and not loads[at]:
                    done[at] = self._part(t, one)

        if not all(loads):
            try:
                self._ledger.run(partial(work, together=True))
            except (LedgerRefusedError, UnicodeError):
                self._ledger.run(partial(work, together=False))
        for at, one in enumerate(group):  # a load has transactions of its own
            if loads[at]:
                try:
                    done[at] = self._load(one)
                except Exception as error:
                    done[at] = error
        return done

    def _straight_parts(
        self, t: LedgerTransaction, group: Sequence[PendingMessage]
    ) -> list[str | Exception | None]:
        asked = [one.question for one in group if one.question is not None]
        given = iter(self._straight.put_in(t, asked) if self._straight and asked else ())
        return [None if one.question is None else next(given, None) for one in group]

    def _part(self, t: LedgerTransaction, pending: PendingMessage) -> str | Exception:
        try:
            with t.savepoint():
                text = None
                if pending.question is not None and self._straight is not None:
                    (text,) = self._straight.put_in(t, [pending.question])
                return text or self._once(t, pending.request, pending.received)
        except (AuthorisationRefusedError, LedgerRefusedError, EntryExistsError) as error:
            return error
        except (LedgerError, sa.exc.SQLAlchemyError):
            raise  # the database: nothing of the group is kept
        except Exception as error:
            return error

    def _put_together(self, group: Sequence[PendingMessage]) -> list[str | Exception | None]:
        """PostgreSQL: what is usual in one statement; None for the rest, whose threads go on."""
        asked = [one.question for one in group if one.question is not None]
        return [] if self._straight is None else self._straight.put(asked)

    def _load(self, pending: PendingMessage) -> str:
        request = pending.request
        return self._text(request, pending.received, output=answer_load(self._loads, request))

    def _question(self, request: Request, received: datetime) -> Question | None:
        """What a usual message asks of the ledger.

        :raises MessageError: no such messages are served.
        """
        if request.infno not in self._sale_does:
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
                card.psn_no,
                card.division,
                card.balance_fen,
                insutype=EMPLOYEE_BASIC,
                who=self._persons.holder(card.psn_no, card.card_sn),
                day=request.time,
            )
        bill = parse_bill(request.input)
        if bill.info["acct_used_flag"] == "2":
            return None
        card = self._straight.card_of_bill(request, bill, judged_at)
        if card is None:
            return None
        split = self._sales.shared(bill, card.balance_fen)
        person = self._persons.holder(card.psn_no, card.card_sn)
        left = card.balance_fen - split.account_fen
        return self._sales.output(request, bill, card.psn_no, split, left, person=person)

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
        if self._strict and _NO_SHIFT in request.notes:
            raise MessageError(_NO_SHIFT)
        number = int(t.take_ids(table, 1)[0])
        values = {"msgid": request.msgid, "infno": request.infno, "digest": request.digest}
        t.connection.execute(sa.insert(table).values(id=number, **values))
        numbers = MessageNumbers(
            f"{request.treatment_division}{request.time}{number:010d}",
            f"{request.treatment_division}{request.time[:8]}{number:016d}",
            self._clock.judged_at(request.time, received),
            self._clock.unix(request.time, received),
        )
        output, error = None, None
        notes = list(request.notes)
        try:
            with t.connection.begin_nested():
                output = self._do(t, request, numbers)
        except AuthorisationRefusedError as refused:
            error = str(refused)
        text = compact(
            make_answer(
                numbers.refmsgid,
                received,
                self._now(),
                output=output,
                error=error,
                notes=request.notes,
            )
        )
        request.notes[:] = notes  # it may be done again
        t.connection.execute(
            sa.insert(tables.answer).values(
                message=number, infcode=FAILURE if error else 0, content=text
            )
        )
        return text

    def _do(
        self, t: LedgerTransaction, request: Request, numbers: MessageNumbers
    ) -> Mapping[str, Any]:
        service = self._services.get(request.infno)
        if service is not None:
            return service.handler(t, request)
        return self._sale_does[request.infno](t, request, numbers)

    def _is_signed_in(self, request: Request) -> bool:
        with self._ledger.reading() as t:
            return is_signed_in(t, request.institution, request.sign_no)

    def _out_of_form(self, request: Request) -> bool:
        """Whether the nodes of a message break the rules of its number."""
        rule = TRANSACTIONS.get(request.infno)
        try:
            for node in rule.input if rule else ():
                node.check(request.input)
        except MessageError:
            return True
        return False

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
        notes: Sequence[str] = (),
    ) -> str:
        """An answer that is not kept; its number begins with 9 and is not counted."""
        notes = request.notes if request else notes
        division = request.treatment_division if request else "000000"
        number = f"{division}{received.strftime(TIME)}9{secrets.randbelow(10**9):09d}"
        return compact(
            make_answer(number, received, self._now(), output=output, error=error, notes=notes)
        )
