# SPDX-License-Identifier: Apache-2.0
"""What a usual sale asks of the ledger, so that one statement answers many messages.

A message that is in any way out of the ordinary makes no such question (None), and the platform
goes the long way with it; so does one whose question the ledger does not answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from sscard_chip.dayfile.envelope import CARD, HOLD
from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.msgid import is_trial_of
from sscard_chip.dayfile.rows import parse_row
from sscard_chip.security.keystore import KeyMissingError
from sscard_chip.settlement.columns import NO_DIVISION
from sscard_chip.settlement.ledger import Ledger, LedgerError, LedgerUnavailableError
from sscard_chip.settlement.ledger.authorisation import (
    Question,
    StraightConfirmation,
    StraightHold,
    debit_numbers,
    sell_group,
    sell_together,
)
from sscard_chip.settlement.ledger.bulk import driver_connection, driver_errors
from sscard_chip.settlement.ledger.good_card import GoodCard, find_good_card
from sscard_chip.settlement.ledger.transaction import LedgerTransaction
from sscard_chip.settlement.platform.drugs import DrugBill, parse_bill
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.fields import MessageError, check_fields
from sscard_chip.settlement.platform.persons import PersonRegister
from sscard_chip.settlement.platform.tac import CheckTac
from sscard_chip.settlement.platform.templates import confirmation_text, hold_text
from sscard_chip.settlement.platform.transactions.sales import PERSON
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.standard.identifiers import PURCHASE
from sscard_chip.standard.settlement_mode import Split

_REMEMBERED: Final = 1000
_REMEMBERED_FOR: Final = timedelta(seconds=5)


class StraightWay:
    """Makes the questions of usual messages, and puts them."""

    def __init__(
        self,
        ledger: Ledger,
        policy: CentrePolicy,
        check_tac: CheckTac | None,
        offline_use: str,
        now: Callable[[], datetime],
        known: PersonRegister,
    ) -> None:
        """``offline_use`` is what confirmations answer as exp_content."""
        self._known = known
        self._ledger = ledger
        self._policy = policy
        self._check_tac = check_tac
        self._offline_use = offline_use
        self._now = now
        self._persons: OrderedDict[str, tuple[datetime, GoodCard]] = OrderedDict()
        self._turn = Lock()

    # --- who pays ------------------------------------------------------------------------------

    def card(self, request: Request, judged_at: str) -> GoodCard | None:
        """The card of a 1101 that may pay; it is remembered for the trial of the same sale."""
        data = check_fields(request.input.get("data"), "data", PERSON)
        found = self._find(data["mdtrt_cert_type"], data["mdtrt_cert_no"], data["card_sn"],
                           request, judged_at)  # fmt: skip
        if found is not None:
            with self._turn:
                self._persons[request.msgid] = self._now(), found
                if len(self._persons) > _REMEMBERED:
                    self._persons.popitem(last=False)
        return found

    def card_of_bill(self, request: Request, bill: DrugBill, judged_at: str) -> GoodCard | None:
        """The card of a trial: that of the 1101 just before it, which promises as little."""
        person = is_trial_of(request.msgid)
        with self._turn:
            known = self._persons.pop(person, None) if person else None
        number, code = bill.info["mdtrt_cert_no"], bill.card_sn or ""
        if known is not None and self._now() - known[0] <= _REMEMBERED_FOR:
            found: GoodCard | None = known[1]
            if found is not None and (found.card_number, found.card_sn) != (number, code):
                found = None
        else:
            found = self._find(bill.info["mdtrt_cert_type"], number, code, request, judged_at)
        return found if found is not None and found.psn_no == bill.info["psn_no"] else None

    def _find(
        self, cert_type: str, card_number: str, card_sn: str, request: Request, judged_at: str
    ) -> GoodCard | None:
        if cert_type != CARD or not is_card_sn(card_sn):
            return None
        database = self._ledger.database
        if database.is_sqlite:
            with database.begin(reading=True) as begun, driver_errors(begun):
                found = find_good_card(driver_connection(begun), card_sn, card_number, judged_at)
        else:
            with database.single.connection() as connection:
                driver = connection.driver
                found = find_good_card(driver, card_sn, card_number, judged_at)
        if found is None or request.insured_division not in ("", found.division):
            return None
        return found

    # --- a hold, a confirmation ----------------------------------------------------------------

    def ask(self, request: Request, received: datetime, judged_at: str) -> Question | None:
        """The question of a message whose time is right; None for an unusual one."""
        try:
            if request.infno == HOLD:
                return self._hold(request, received, judged_at)
            if request.infno == "2102":
                return self._confirmation(request, received)
        except (MessageError, DayFileError, KeyMissingError):
            return None  # the long way says why
        return None

    def put(self, questions: Sequence[Question]) -> list[str | Exception | None]:
        """The answers of PostgreSQL in one round trip, which are kept with what was done.

        A question that the database refuses is none of the others' business: then each is put by
        itself. An error says that there is no answer, and that what was done is not known.

        :raises LedgerError: the same for all.
        """
        database = self._ledger.database
        begun = False
        for attempt in (1, 2):
            try:
                with database.single.connection() as connection:
                    return list(sell_together(connection, questions))
            except LedgerUnavailableError as error:
                error.begun = begun = begun or error.begun
                if attempt == 2:  # a fresh connection: it is not that the old one was stale
                    raise
            except (LedgerError, UnicodeError):
                break
        if len(questions) == 1:
            return [None]  # another one was in the way, or the long way says what it is
        return [answer for one in questions for answer in self._put_single(one)]

    def _put_single(self, question: Question) -> list[str | Exception | None]:
        try:
            return self.put([question])
        except LedgerError as error:
            return [error]

    def put_in(self, t: LedgerTransaction, questions: Sequence[Question]) -> list[str | None]:
        """The same within a transaction of SQLite."""
        with driver_errors(t.connection):
            return sell_group(driver_connection(t.connection), questions)

    def _hold(self, request: Request, received: datetime, judged_at: str) -> StraightHold | None:
        bill = parse_bill(request.input)
        caps, total = self._policy.caps, bill.total_fen
        if (
            bill.card_sn is None
            or bill.info["mdtrt_cert_type"] != CARD
            or bill.info["acct_used_flag"] == "2"
            or 0 < caps.sale_fen < total
        ):
            return None
        pooled = self._policy.pooled_fen(bill.info["med_type"], total)
        asked = -1 if bill.uses_account else 0
        if bill.split is not None:
            asked = bill.split.account_fen
        person = self._known.holder(bill.info["psn_no"], bill.card_sn)
        answer = hold_text(request, bill, pooled, received, self._now(), person)
        return StraightHold(
            request.msgid,
            request.infno,
            request.digest,
            bytes.fromhex(bill.card_sn),
            bill.info["mdtrt_cert_no"],
            bill.info["psn_no"],
            request.institution,
            request.treatment_division,
            request.insured_division,
            request.time,
            judged_at,
            total,
            asked,
            pooled,
            caps.card_day_fen,
            caps.pharmacy_day_fen,
            answer,
        )

    def _confirmation(self, request: Request, received: datetime) -> StraightConfirmation | None:
        bill = parse_bill(request.input)
        if bill.setl_id is None or bill.row is None or self._check_tac is None:
            return None
        row = parse_row(bill.row)
        numbers = debit_numbers(row)
        split = Split(row.account_fen, row.cash_fen, row.fund_fen)
        given = Split(row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen)
        if (
            row.setl_id != bill.setl_id
            or not split.total_fen == row.total_fen == bill.total_fen
            or given != Split(0, split.total_fen, split.account_fen + split.pooled_fen)
            or row.refund
            or row.transaction_type != PURCHASE
            or row.treatment_division != request.treatment_division
            or row.time > request.time
            or numbers.division == NO_DIVISION
            or not self._check_tac(row)
        ):
            return None
        person = self._known.holder(row.psn_no or "", row.card_id_code.hex())
        answer = confirmation_text(row, bill, received, self._now(), person, self._offline_use)
        return StraightConfirmation(
            request.msgid,
            request.digest,
            request.treatment_division,
            request.institution,
            request.time,
            bill.row,
            row.msgid,
            row.setl_id,
            row.mdtrt_id or "",
            row.psn_no or "",
            row.time,
            *split,
            row.card_id_code,
            row.card_number,
            row.diversification_factor,
            *numbers,
            answer,
        )


def is_card_sn(text: str) -> bool:
    """Whether it is 32 hex digits."""
    return len(text) == 32 and all(one in "0123456789abcdefABCDEF" for one in text)
