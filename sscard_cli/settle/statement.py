# SPDX-License-Identifier: Apache-2.0
"""Statements, disputes and reports of reconciliation as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sscard_chip.settlement.clearing import Line, Statement
from sscard_chip.settlement.clearing.codes import SUITES, insurance_name
from sscard_chip.settlement.clearing.disputes import Dispute
from sscard_chip.settlement.clearing.statement import Reasons
from sscard_chip.settlement.judge.codes import FINDINGS
from sscard_chip.settlement.judge.localities import Locality
from sscard_chip.settlement.reconciliation.differences import Report
from sscard_chip.standard.amounts import grouped_yuan as yuan

_NAMES: Final = {int(one.code): one.name for one in FINDINGS}
_HEADS: Final = ("结算", "退费", "净人次", "医疗费总额", "统筹基金", "个人账户", "现金", "应付")


def print_statement(statement: Statement, console: Console | None = None) -> None:
    """A statement on the screen."""
    out = console or Console(highlight=False)
    first, last = _day(statement.first_day), _day(statement.last_day)
    period = first if first == last else f"{first} 至 {last}"
    out.print(Text("定点零售药店医疗费用清算单", "bold"))
    out.print(f"{statement.name or '定点零售药店'}  {statement.pharmacy}  {period}", markup=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), header_style="cyan", show_edge=False)
    table.add_column("")
    for head in _HEADS:
        table.add_column(head, justify="right", no_wrap=True)
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
    out.print(table)
    _reasons(out, "拒付", statement.refused)
    _reasons(out, "暂挂待查", statement.held)
    out.print(Text(f"应付金额 {yuan(statement.payable_fen)} 元", "bold green"))


def _add(table: Table, name: str, line: Line, style: str = "") -> None:
    net = line.net
    counts = (line.sales.rows, line.refunds.rows, line.net_count)
    sums = (net.total_fen, net.fund_fen, net.account_fen, net.cash_fen, net.payable_fen)
    cells = (*(f"{count:,}" for count in counts), *map(yuan, sums))
    table.add_row(Text(name), *cells, style=style)


def _reasons(out: Console, title: str, reasons: Reasons) -> None:
    if not reasons.sums.rows:
        return
    out.print(Text(f"{title} {reasons.sums.rows:,} 笔，{yuan(reasons.sums.total_fen)} 元", "red"))
    for code, rows in reasons.counts:
        out.print(f"  {code:>3}  {_NAMES[code]}  {rows:,} 笔", markup=False)


def print_disputes(disputes: Sequence[Dispute]) -> None:
    """A list of disputes on the screen."""
    out = Console(highlight=False)
    if not disputes:
        out.print("no disputes")
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), header_style="cyan", show_edge=False)
    for head in ("dispute", "state", "codes", "pharmacy", "msgid"):
        table.add_column(head, overflow="fold")
    table.add_column("yuan", justify="right")
    for one in disputes:
        state = f"{one.state.value} {one.state.chinese}"
        table.add_row(one.name, state, one.codes, one.pharmacy, one.msgid, yuan(one.payable_fen))
    out.print(table)


def print_report(report: Report) -> None:
    """What a reconciliation found, with the likely cause of each difference."""
    out = Console(highlight=False)
    out.print(Text(report.subject, "bold"))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), header_style="cyan", show_edge=False)
    table.add_column("")
    table.add_column("here", justify="right")
    table.add_column("ledger", justify="right")
    for name, here, there in report.figures:
        table.add_row(Text(name), here, there)
    out.print(table)
    if report.even:
        out.print(Text("even 对平", "bold green"))
        return
    count = len(report.differences)
    out.print(Text(f"{count} {'difference' if count == 1 else 'differences'}", "bold red"))
    for one in report.differences:
        money = f"  ({yuan(one.fen)} yuan)" if one.fen else ""
        what = Text.assemble((f"{one.kind.value}: ", "red"), one.what, (money, "bold"))
        out.print(what, soft_wrap=True)
        out.print(Text(f"    {one.cause}", "dim"), soft_wrap=True)


def _day(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"
