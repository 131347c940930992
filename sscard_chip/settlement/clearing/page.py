# SPDX-License-Identifier: Apache-2.0
"""A statement as a page to read and to print: one HTML file that needs nothing else.

Everything that comes from outside is escaped. The page has no date of its own: the same
statement gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final, NamedTuple

from sscard_chip.settlement.clearing.codes import (
    CLEARING_TYPES,
    SUITES,
    ClearingType,
    insurance_name,
)
from sscard_chip.settlement.clearing.statement import Line, Reasons, Statement
from sscard_chip.settlement.judge.codes import FINDINGS
from sscard_chip.settlement.judge.localities import Locality

_TYPE: Final = f"{ClearingType.PHARMACY} {CLEARING_TYPES[ClearingType.PHARMACY].name}"
_LONG: Final = 12
_FINDINGS: Final = {int(finding.code): finding for finding in FINDINGS}


class _Column(NamedTuple):
    """A column of the money tables: its two headings, and the cell of a line."""

    name: str
    english: str
    cell: Callable[[Line], str]


_MONEY: Final = (
    _Column("结算", "sales", lambda line: f"{line.sales.rows:,}"),
    _Column("退费", "refunds", lambda line: f"{line.refunds.rows:,}"),
    _Column("净人次", "net", lambda line: f"{line.net_count:,}"),
    _Column("医疗费总额", "total", lambda line: yuan(line.net.total_fen)),
    _Column("统筹基金", "fund", lambda line: yuan(line.net.fund_fen)),
    _Column("个人账户", "account", lambda line: yuan(line.net.account_fen)),
    _Column("现金自付", "cash", lambda line: yuan(line.net.cash_fen)),
    _Column("应付金额", "payable", lambda line: yuan(line.net.payable_fen)),
)


def yuan(fen: int) -> str:
    """Fen as yuan for people: ``-12,345.60``."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}"


def render_page(statement: Statement) -> str:
    """The page as text, to be written as UTF-8."""
    title = f"清算单 {statement.pharmacy} {_period(statement)}"
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(_parts(statement))
        + "\n</main>\n</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return files(__package__).joinpath("statement.css").read_text(encoding="utf-8")


def _parts(statement: Statement) -> Iterable[str]:
    yield _head(statement)
    yield _payable(statement)
    yield _money(
        "按险种",
        "by insurance and clearing type",
        ("险种", "insurance"),
        statement.insurances,
        lambda line: (
            f"{escape(insurance_name(str(line.keys['insutype'])))}<br>"
            f'<span class="quiet">{escape(str(line.keys["insutype"]))} · {_TYPE}</span>'
        ),
        statement.posted,
    )
    yield _money(
        "本地与异地",
        "own region and elsewhere, cleared apart",
        ("参保地", "insured in"),
        statement.regions,
        _region,
        statement.posted,
    )
    yield _money(
        "按结算日期",
        "by day",
        ("日期", "day"),
        statement.days,
        lambda line: _date(str(line.keys["settlement_date"])),
        statement.posted,
    )
    yield _money(
        "按算法",
        "by algorithm suite",
        ("算法", "suite"),
        statement.suites,
        lambda line: _suite(str(line.keys["algorithm"])),
        statement.posted,
    )
    refused = _unpaid("拒付", "refused", statement.refused)
    held = _unpaid("暂挂待查", "held", statement.held)
    yield f'<div class="pair">{refused}{held}</div>'
    if statement.noticed:
        notices = [_reason(code, rows) for code, rows in statement.noticed]
        yield _section("已入账，另有提示", "posted, and noticed", _table(_REASONS, notices))
    yield (
        '<div class="signs"><p>经办人</p><p>复核人</p><p>机构（盖章）</p></div>\n'
        "<footer>金额单位：元。结算、退费为笔数，净人次 = 结算 − 退费；"
        "各列金额均为净额（已减退费）。应付金额 = 统筹基金 + 个人账户，"
        "现金由药店当场收取。一笔可有多项原因。</footer>"
    )


def _head(statement: Statement) -> str:
    facts = [
        ("机构名称", statement.name or "定点零售药店"),
        ("清算类别", _TYPE),
        ("机构编码", statement.pharmacy),
        ("清算期间", _period(statement)),
    ]
    rows = "".join(f"<div><dt>{n}</dt><dd>{escape(value)}</dd></div>" for n, value in facts)
    return (
        "<header><h1>定点零售药店医疗费用清算单</h1><p>Clearing statement of a pharmacy</p>"
        f'<dl class="who">{rows}</dl></header>'
    )


def _payable(statement: Statement) -> str:
    net = statement.posted.net
    return (
        '<div class="payable"><div><p>应付金额 <span class="quiet">payable</span></p>'
        f'<p class="quiet">统筹基金 {yuan(net.fund_fen)} ＋ 个人账户 {yuan(net.account_fen)}；'
        f"上传 {statement.submitted:,} 笔，入账 {net.rows:,} 笔，"
        f"拒付 {statement.refused.sums.rows:,} 笔，暂挂 {statement.held.sums.rows:,} 笔</p></div>"
        f"<strong>{yuan(statement.payable_fen)} <small>元</small></strong></div>"
    )


def _money(
    title: str,
    english: str,
    first: tuple[str, str],
    lines: Sequence[Line],
    label: Callable[[Line], str],
    total: Line,
) -> str:
    heads = [first, *((column.name, column.english) for column in _MONEY)]
    rows = [[label(line), *(column.cell(line) for column in _MONEY)] for line in lines]
    body = _table(heads, rows, "money")
    if len(lines) > 1:
        sums = _row(["合计", *(column.cell(total) for column in _MONEY)], "sum")
        body = body.replace("</tbody>", f"{sums}</tbody>")
    return _section(title, english, body if lines else _none("没有入账的交易"), len(lines))


_REASONS: Final = (("原因", "reason"), ("笔数", "rows"))


def _unpaid(title: str, english: str, reasons: Reasons) -> str:
    if not reasons.sums.rows:
        return _section(title, english, _none("无"))
    rows = [_reason(code, count) for code, count in reasons.counts]
    body = _table(_REASONS, rows)
    whole = f"{reasons.sums.rows:,} 笔，费用 {yuan(reasons.sums.total_fen)} 元"
    return _section(title, english, f'<p class="quiet whole">{whole}</p>{body}')


def _reason(code: int, rows: int) -> list[str]:
    finding = _FINDINGS[code]
    name = f'{finding.name} <span class="quiet">{finding.english}</span>'
    return [f'<span class="quiet">{code}</span> {name}', f"{rows:,}"]


def _region(line: Line) -> str:
    place = Locality[str(line.keys["locality"]).upper()]
    return (
        f"{escape(str(line.keys['insuplc_admdvs']))} {place.title}<br>"
        f'<span class="quiet">就医地 {escape(str(line.keys["mdtrtarea_admvs"]))}</span>'
    )


def _suite(algorithm: str) -> str:
    term = SUITES.get(algorithm)
    return escape(term.name if term else algorithm)


def _section(title: str, english: str, body: str, rows: int = 0) -> str:
    long = ' class="long"' if rows > _LONG else ""
    return f"<section{long}><h2>{title}<small>{english}</small></h2>{body}</section>"


def _table(heads: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """``heads`` are our own words; ``rows`` are HTML, the first cell text and the rest numbers."""
    cells = "".join(
        f"<th{_number(at)}>{name}<small>{english}</small></th>"
        for at, (name, english) in enumerate(heads)
    )
    body = "".join(_row(row) for row in rows)
    opening = f'<table class="{kind}">' if kind else "<table>"
    return f"{opening}<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _row(cells: Sequence[str], kind: str = "") -> str:
    inside = "".join(
        f"<td{_number(at, negative=cell.startswith('-'))}>{cell}</td>"
        for at, cell in enumerate(cells)
    )
    return f'<tr class="{kind}">{inside}</tr>' if kind else f"<tr>{inside}</tr>"


def _number(at: int, *, negative: bool = False) -> str:
    if not at:
        return ""
    return ' class="n minus"' if negative else ' class="n"'


def _none(text: str) -> str:
    return f'<p class="none">{text}</p>'


def _period(statement: Statement) -> str:
    first, last = _date(statement.first_day), _date(statement.last_day)
    return first if first == last else f"{first} 至 {last}"


def _date(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"
