# SPDX-License-Identifier: Apache-2.0
"""Statements, disputes and reports of reconciliation as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sscard_chip.settlement.clearing import Statement, StatementLine
from sscard_chip.settlement.clearing.claims import Claim, Unpaid
from sscard_chip.settlement.clearing.codes import SUITES, insurance_name
from sscard_chip.settlement.clearing.disputes import Dispute
from sscard_chip.settlement.clearing.statement import Reasons
from sscard_chip.settlement.judge.codes import FINDINGS
from sscard_chip.settlement.judge.localities import Locality
from sscard_chip.settlement.reconciliation.differences import Report
from sscard_chip.standard.amounts import grouped_yuan as yuan
from sscard_cli.screen import listing, show

_NAMES: Final = {int(one.code): one.name for one in FINDINGS}
_HEADS: Final = ("结算", "退费", "净人次", "医疗费总额", "统筹基金", "个人账户", "现金", "应付")


def print_statement(statement: Statement, file: IO[str] | None = None) -> None:
    """A statement on the screen, or in ``file``."""
    show(*_statement(statement), file=file)


def _statement(statement: Statement) -> Iterator[RenderableType]:
    first, last = _day(statement.first_day), _day(statement.last_day)
    period = first if first == last else f"{first} 至 {last}"
    yield Text("定点零售药店医疗费用清算单", "bold")
    yield f"{statement.name or '定点零售药店'}  {statement.pharmacy}  {period}"
    table = listing("", *_HEADS, right=_HEADS)
    for line in statement.insurances:
        _add(table, insurance_name(str(line.keys["insutype"])), line)
    for line in statement.regions:
        place = Locality[str(line.keys["locality"]).upper()]
        _add(table, f"{place.title} {line.keys['insuplc_admdvs']}", line)
    for line in statement.days:
        _add(table, _day(str(line.keys["settlement_date"])), line)
    for line in statement.suites:
        name = str(line.keys["algorithm"])
        _add(table, SUITES[name].name if name in SUITES else name, line)
    _add(table, "合计", statement.posted, "bold")
    yield table
    yield from _reasons("拒付", statement.refused)
    yield from _reasons("暂挂待查", statement.held)
    yield Text(f"应付金额 {yuan(statement.payable_fen)} 元", "bold green")


def _add(table: Table, name: str, line: StatementLine, style: str = "") -> None:
    net = line.net
    counts = (line.sales.rows, line.refunds.rows, line.net_count)
    sums = (net.total_fen, net.fund_fen, net.account_fen, net.cash_fen, net.payable_fen)
    table.add_row(name, *(f"{count:,}" for count in counts), *map(yuan, sums), style=style)


def _reasons(title: str, reasons: Reasons) -> Iterator[RenderableType]:
    if not reasons.sums.rows:
        return
    yield Text(f"{title} {reasons.sums.rows:,} 笔，{yuan(reasons.sums.total_fen)} 元", "red")
    for code, rows in reasons.counts:
        yield f"  {code:>3}  {_NAMES[code]}  {rows:,} 笔"


def print_claims(claims: Sequence[Claim], owed: Unpaid) -> None:
    """A list of claims on the screen, and below it what is unpaid."""
    money = ("payable", "unpaid")
    table = listing("claim", "pharmacy", "month", "state", *money, right=money)
    for one in claims:
        state = f"{one.state.value} {one.state.chinese}"
        sums = (yuan(one.payable_fen), yuan(one.unpaid_fen))
        table.add_row(one.number, one.request.pharmacy, one.request.month, state, *sums)
    if claims:
        show(table)
    else:
        show("no claims")
    open_fen = sum(one.unpaid_fen for one in claims)
    show(
        f"unpaid of these claims {yuan(open_fen)} yuan; the books owe {yuan(owed.total_fen)},"
        f" claimed {yuan(owed.claimed_fen)}, not claimed yet {yuan(owed.unclaimed_fen)}"
    )


def print_disputes(disputes: Sequence[Dispute]) -> None:
    """A list of disputes on the screen."""
    if not disputes:
        show("no disputes")
        return
    table = listing("dispute", "state", "codes", "pharmacy", "msgid", "yuan", right=("yuan",))
    for one in disputes:
        state = f"{one.state.value} {one.state.chinese}"
        table.add_row(one.name, state, one.codes, one.pharmacy, one.msgid, yuan(one.payable_fen))
    show(table)


def print_report(report: Report) -> None:
    """What a reconciliation found, with the likely cause of each difference."""
    table = listing("", "here", "ledger", right=("here", "ledger"))
    for figure in report.figures:
        table.add_row(*figure)
    show(Text(report.subject, "bold"), table)
    if report.even:
        show(Text("even 对平", "bold green"))
        return
    count = len(report.differences)
    show(Text(f"{count} {'difference' if count == 1 else 'differences'}", "bold red"))
    for one in report.differences:
        money = f"  ({yuan(one.fen)} yuan)" if one.fen else ""
        what = Text.assemble((f"{one.kind.value}: ", "red"), one.what, (money, "bold"))
        show(what, Text(f"    {one.cause}", "dim"))


def _day(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"
