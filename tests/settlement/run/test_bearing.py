# SPDX-License-Identifier: Apache-2.0
"""Who bears a debit off-line that comes after the report: by the list that the till had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import AccountKind, CardService, Ledger, change_status, find_card
from sscard_chip.settlement.ledger.hotlists import issue_hotlist
from sscard_chip.settlement.policy import Bearer, LateDebits, PolicyError, parse_policy
from sscard_chip.settlement.run import RunSummary
from sscard_chip.settlement.settle import settle
from sscard_chip.terminal.pos import Hotlist
from tests.bench.issued import roots
from tests.bench.shop import BALANCE, BILL, LATER, TIME, Shop
from tests.settlement.loading.office import Office
from tests.settlement.run.trial import verdicts

REPORTED = "20260315090000"  # the sale is at 10:11:12


def balances(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as t:
        found = {str(kind): sum(t.balances_of(kind).values()) for kind in AccountKind}
    return {kind: fen for kind, fen in found.items() if fen and kind != "funding"}


def report(ledger: Ledger, time: str = REPORTED) -> None:
    def work(t: object) -> bool:
        return change_status(t, find_card(t, "Z00000013"), CardService.FORMAL_LOSS, time)  # type: ignore[arg-type]

    ledger.run(work)


def issue(ledger: Ledger, time: str) -> Hotlist:
    return ledger.run(lambda t: issue_hotlist(t, time)).hotlist


def run(desk: Office, out: Path, late: LateDebits) -> RunSummary:
    with desk.shop.till() as till:
        till.close_day()
    days = [str(desk.shop.day_file)]
    return settle(days, keys=roots, ledger=desk.ledger, out=out, rules=Rules(late_debits=late))


def codes(out: Path) -> list[str]:
    return [line.split("\t")[3] for line in verdicts(out).decode().splitlines()[1:]]


def only(which: str, bearer: Bearer, other: Bearer = "pharmacy") -> LateDebits:
    """A rule that says something else of one state of the till's list."""
    values = dict.fromkeys(("listed", "stale", "current", "unknown"), other) | {which: bearer}
    return LateDebits(**values)  # type: ignore[arg-type]


LISTS: dict[str, tuple[str, Callable[[Ledger], Hotlist | None]]] = {
    "fresh, before the report": ("current", lambda ledger: issue(ledger, "20260315080000")),
    "a day and an hour old": ("stale", lambda ledger: issue(ledger, "20260314091111")),
    "none": ("unknown", lambda ledger: None),
    "of somebody else": ("unknown", lambda ledger: Hotlist("20260315080000")),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("bearer", ["pharmacy", "centre", "holder"])
@pytest.mark.parametrize("refunded", [False, True])
def test_by_the_list_of_the_till(
    ledger: Ledger, tmp_path: Path, name: str, bearer: Bearer, refunded: bool
) -> None:
    state, made = LISTS[name]
    shop = Shop(tmp_path, 2)
    desk = Office(ledger, shop)
    shop.hotlist = made(ledger)
    report(ledger)
    with shop.till() as till:
        sale = till.sell(BILL, TIME)
        if refunded:
            till.refund(sale.row.msgid, LATER)
    other: Bearer = "holder" if bearer == "pharmacy" else "pharmacy"
    summary = run(desk, tmp_path / "out", only(state, bearer, other))
    code = {"pharmacy": "3", "centre": "0,3", "holder": "0"}[bearer]
    assert codes(tmp_path / "out") == [code] * (1 + refunded)
    assert summary.codes.get("3", 0) == (0 if bearer == "holder" else 1 + refunded)
    paid = {"fund": -2000, "self_paid": -500, "collected": 500, "pharmacy": 3000}
    books = {"personal": BALANCE}
    if bearer == "centre" and not refunded:
        books |= paid | {"suspense": -1000}
    if bearer == "holder" and not refunded:
        books |= paid | {"personal": BALANCE - 1000}
    assert balances(ledger) == books


def test_a_till_that_sold_against_its_list(ledger: Ledger, tmp_path: Path) -> None:
    """Its day file says the version that has the card; the till itself would have refused."""
    shop = Shop(tmp_path, 2)
    desk = Office(ledger, shop)
    report(ledger)
    version = issue(ledger, "20260315093000").version
    shop.hotlist = Hotlist(version)
    with shop.till() as till:
        till.sell(BILL, TIME)
    run(desk, tmp_path / "out", only("listed", "pharmacy", "centre"))
    assert codes(tmp_path / "out") == ["3"]


def test_a_refund_of_the_next_day_follows_its_debit(ledger: Ledger, tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    desk = Office(ledger, shop)
    shop.hotlist = issue(ledger, "20260315080000")
    report(ledger)
    with shop.till() as till:
        sale = till.sell(BILL, TIME)
    late = only("current", "centre")
    run(desk, tmp_path / "one", late)
    shop.day_file = tmp_path / "NEXT.tsv"
    shop.hotlist = issue(ledger, "20260315093000")  # has the card
    with shop.till() as till:
        till.refund(sale.row.msgid, LATER, earlier=[sale.row])
    run(desk, tmp_path / "two", late)
    assert codes(tmp_path / "two") == ["0,3"]
    assert balances(ledger) == {"personal": BALANCE}


@pytest.mark.parametrize("bearer", ["pharmacy", "centre", "holder"])
@pytest.mark.parametrize("first", ["debit", "refund"])
def test_a_refund_and_its_debit_in_any_order(
    ledger: Ledger, tmp_path: Path, bearer: Bearer, first: str
) -> None:
    """The refund is in a file of its own; it waits, and is then what its debit is."""
    shop = Shop(tmp_path, 2)
    desk = Office(ledger, shop)
    shop.hotlist = issue(ledger, "20260315080000")
    report(ledger)
    with shop.till() as till:
        sale = till.sell(BILL, TIME)
        till.close_day()
    debit, refund = shop.day_file, tmp_path / "NEXT.tsv"
    shop.day_file = refund
    with shop.till() as till:
        till.refund(sale.row.msgid, LATER, earlier=[sale.row])
        till.close_day()
    rules = Rules(late_debits=only("current", bearer))
    order = [debit, refund] if first == "debit" else [refund, debit]
    found: dict[Path, list[list[str]]] = {}
    for path in (*order, *order):
        settle([str(path)], keys=roots, ledger=desk.ledger, out=tmp_path / "out", rules=rules)
        found.setdefault(path, []).append(codes(tmp_path / "out"))
    if first == "refund":
        assert found[refund][0] == (["3"] if bearer == "pharmacy" else ["105"])
    code = {"pharmacy": "3", "centre": "0,3", "holder": "0"}[bearer]
    assert found[debit][1] == [code]
    assert found[refund][1] == [code]
    assert balances(ledger) == {"personal": BALANCE}


def test_without_a_rule_the_pharmacy_bears_it(ledger: Ledger, tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    desk = Office(ledger, shop)
    shop.hotlist = issue(ledger, "20260315080000")
    report(ledger)
    with shop.till() as till:
        till.sell(BILL, TIME)
    run(desk, tmp_path / "out", LateDebits())
    assert codes(tmp_path / "out") == ["3"]
    assert balances(ledger) == {"personal": BALANCE}


def test_the_rule_in_the_policy() -> None:
    text = b'format = "sscard-policy/1"\n[late_debits]\ncurrent = "centre"\nmax_age_hours = 12\n'
    assert parse_policy(text, "p").late_debits == LateDebits(current="centre", max_age_hours=12)
    for bad in (b'current = "nobody"', b"max_age_hours = 0", b'other = "centre"'):
        with pytest.raises(PolicyError):
            parse_policy(b'format = "sscard-policy/1"\n[late_debits]\n' + bad, "p")
