# SPDX-License-Identifier: Apache-2.0
"""The ledger against a model of a dozen lines: any order of steps, on both databases.

The model has balances and settlements as plain numbers. After each step the ledger tells the
same, and after each run the books balance by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sscard_chip.settlement.ledger import (
    AccountKind,
    EntryKind,
    Ledger,
    LedgerRefusedError,
    LedgerTransaction,
    find_card,
    register_cards,
)
from sscard_chip.settlement.ledger.authorisation import (
    AuthorisationRefusedError,
    DebitNumbers,
    Settlement,
    SettlementOrder,
    SettlementState,
    cancel_settlement,
    confirm_settlement,
    find_by_msgid,
    hold_settlement,
    reverse,
    settle_bill,
)
from sscard_chip.standard.settlement_mode import Split
from tests.settlement.ledger.people import cards

PEOPLE: Final = 2
MONEY: Final = 100
TIME: Final = "20260315101112"
amounts = st.sampled_from([0, 1, 60, 100])
person = st.integers(0, PEOPLE - 1)


@dataclass
class Sale:
    """What the model knows of a settlement."""

    person: int
    split: Split
    state: SettlementState
    done_by: str
    cancelled_by: str = ""


class Books(RuleBasedStateMachine):
    """``ledger`` is set by the test that runs the machine."""

    ledger: Ledger
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        self.sales: dict[str, Sale] = {}
        self.messages = 0
        self.personal = [MONEY] * PEOPLE
        self.pharmacy = 0
        self.owed = [0] * PEOPLE
        Books.runs += 1
        # each run has people of its own in the same database
        self.first = 1 + PEOPLE * Books.runs
        with self.ledger.transaction() as t:
            columns = cards(PEOPLE, first=self.first, opening_fen=MONEY)
            register_cards(t, columns, "20260301", f"cards:{self.first}")
            keys = [f"P{self.first + at:04d}" for at in range(PEOPLE)]
            self.accounts = t.accounts(AccountKind.PERSONAL, keys).tolist()
            names = [f"Z{self.first + at:08d}" for at in range(PEOPLE)]
            self.cards = [find_card(t, name) for name in names]
        self.shop = f"P{self.first:011d}"
        self.division = f"{510000 + Books.runs}"

    # --- steps ---------------------------------------------------------------------------------

    def msgid(self) -> str:
        self.messages += 1
        return f"{self.shop}{TIME}{self.messages:04d}"

    def expect(self, works: bool, work: Callable[[LedgerTransaction], Any]) -> Any:
        """Do ``work``; it is refused unless the model says that it works."""
        if works:
            return self.ledger.run(work)
        with pytest.raises((AuthorisationRefusedError, LedgerRefusedError)):
            self.ledger.run(work)
        return None

    def pick(self, data: st.DataObject) -> str:
        """One of the last few sales, so that things happen to the same one."""
        return data.draw(st.sampled_from(sorted(self.sales)[-3:]))

    def find(self, t: LedgerTransaction, msgid: str) -> Settlement:
        found = find_by_msgid(t, msgid)
        assert found is not None
        return found

    @rule(who=person, fen=amounts)
    def allocate(self, who: int, fen: int) -> None:
        def work(t: LedgerTransaction) -> None:
            lines = [self.accounts[who], t.account(AccountKind.FUNDING, "510100")]
            t.post(EntryKind.ALLOCATION, "20260301", self.msgid(), lines, [fen, -fen])

        self.ledger.run(work)
        self.personal[who] += fen

    @rule(who=person, fen=amounts)
    def debit(self, who: int, fen: int) -> None:
        """A plain debit, which the database refuses when the money is not there."""

        def work(t: LedgerTransaction) -> None:
            lines = [self.accounts[who], t.account(AccountKind.PHARMACY, self.shop)]
            t.post(EntryKind.DEBITS, "20260301", self.msgid(), lines, [-fen, fen])

        works = fen <= self.personal[who]
        self.expect(works, work)
        if works:
            self.personal[who] -= fen
            self.pharmacy += fen

    @rule(who=person, account=amounts, cash=amounts, pool=amounts, at_once=st.booleans())
    def begin(self, who: int, account: int, cash: int, pool: int, at_once: bool) -> None:
        msgid, split = self.msgid(), Split(account, cash, pool)
        order = SettlementOrder(
            msgid,
            f"S{msgid[1:]}",
            f"M{msgid[1:]}",
            f"P{self.first + who:04d}",
            self.cards[who],
            self.accounts[who],
            self.shop,
            "510100",
            self.division,
            TIME,
            split,
        )
        works = account <= self.personal[who] and split.total_fen > 0
        self.expect(works, lambda t: (settle_bill if at_once else hold_settlement)(t, order))
        if works:
            self.personal[who] -= account
            state = SettlementState.SETTLED if at_once else SettlementState.HELD
            self.sales[msgid] = Sale(who, split, state, msgid)
            if at_once:
                self.pharmacy += account + pool

    @precondition(lambda self: self.sales)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        name = self.pick(data)
        sale, msgid = self.sales[name], self.msgid()
        works = sale.state in (SettlementState.HELD, SettlementState.SETTLED)
        at = list(self.sales).index(name)
        numbers = DebitNumbers(self.first, 3, at, self.first, 510100, at)
        self.expect(
            works,
            lambda t: confirm_settlement(t, self.find(t, name), msgid, TIME, numbers=numbers),
        )
        if sale.state is SettlementState.HELD:
            sale.state, sale.done_by = SettlementState.SETTLED, msgid
            self.pharmacy += sale.split.account_fen + sale.split.pooled_fen

    @precondition(lambda self: self.sales)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = self.pick(data)
        sale, msgid = self.sales[name], self.msgid()
        works = sale.state is SettlementState.SETTLED
        setl_id = f"C{msgid[1:]}"
        self.expect(works, lambda t: cancel_settlement(t, self.find(t, name), msgid, setl_id, TIME))
        if works:
            sale.state, sale.cancelled_by = SettlementState.CANCELLED, msgid
            self.undone(sale)

    def given_back(self, sale: Sale) -> None:
        """The personal share first repays what the person has in suspense, of whatever sale."""
        repaid = min(self.owed[sale.person], sale.split.account_fen)
        self.owed[sale.person] -= repaid
        self.personal[sale.person] += sale.split.account_fen - repaid

    def undone(self, sale: Sale) -> None:
        """The money of a settlement goes back."""
        self.given_back(sale)
        self.pharmacy -= sale.split.account_fen + sale.split.pooled_fen

    @precondition(lambda self: self.sales)
    @rule(data=st.data(), what=st.sampled_from(["current", "current", "begin", "settle"]))
    def reverse(self, data: st.DataObject, what: str) -> None:
        name = self.pick(data)
        sale = self.sales[name]
        current = sale.cancelled_by if sale.state is SettlementState.CANCELLED else sale.done_by
        omsgid = {"begin": name, "settle": sale.done_by, "current": current}[what]
        works = omsgid == current and sale.state not in (
            SettlementState.RELEASED,
            SettlementState.REVERSED,
        )
        self.expect(works, lambda t: reverse(t, omsgid, self.msgid(), TIME))
        if not works:
            return
        if sale.state is SettlementState.HELD:
            sale.state = SettlementState.RELEASED
            self.given_back(sale)
        elif sale.state is SettlementState.SETTLED:
            sale.state = SettlementState.REVERSED
            self.undone(sale)
        else:
            sale.state, sale.cancelled_by = SettlementState.SETTLED, ""
            there = min(sale.split.account_fen, self.personal[sale.person])
            self.personal[sale.person] -= there
            self.owed[sale.person] += sale.split.account_fen - there
            self.pharmacy += sale.split.account_fen + sale.split.pooled_fen

    @rule()
    def reverse_what_never_came(self) -> None:
        omsgid = self.msgid()
        assert self.ledger.run(lambda t: reverse(t, omsgid, self.msgid(), TIME)) is None
        self.expect(False, lambda t: reverse(t, omsgid, self.msgid(), TIME))

    # --- the same as the model -----------------------------------------------------------------

    @invariant()
    def balances_are_those_of_the_model(self) -> None:
        with self.ledger.reading() as t:
            assert t.balances(self.accounts).tolist() == self.personal
            shop, borne = AccountKind.PHARMACY, AccountKind.SUSPENSE
            assert t.balances_of(shop).get(self.shop, 0) == self.pharmacy
            assert t.balances_of(borne).get(self.division, 0) == -sum(self.owed)

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        with self.ledger.reading() as t:
            for name, sale in self.sales.items():
                assert self.find(t, name).state is sale.state

    def teardown(self) -> None:
        assert self.ledger.check().problems == ()
        with self.ledger.reading() as t:
            held = t.balances_of(AccountKind.HELD)
        own = {f"P{self.first + at:04d}" for at in range(PEOPLE)}
        waiting = [
            s.split.account_fen for s in self.sales.values() if s.state is SettlementState.HELD
        ]
        assert sum(fen for key, fen in held.items() if key in own) == sum(waiting)


def test_the_ledger_does_what_the_model_does(ledger: Ledger) -> None:
    Books.ledger, Books.runs = ledger, 0
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            phases=[Phase.generate],  # shrinking would take minutes on a database
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
