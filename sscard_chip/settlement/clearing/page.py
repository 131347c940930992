# SPDX-License-Identifier: Apache-2.0
"""A statement as a page to read and to print: one HTML file that needs nothing else.

``statement.html.jinja`` is the page; whatever it is given is escaped. It has no date of its own:
the same statement gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from sscard_chip.settlement.clearing.codes import (
    CLEARING_TYPES,
    SUITES,
    ClearingType,
    insurance_name,
)
from sscard_chip.settlement.clearing.statement import Statement, StatementLine
from sscard_chip.settlement.judge.codes import FINDINGS
from sscard_chip.settlement.judge.localities import Locality
from sscard_chip.standard.amounts import grouped_yuan

_NUMBERS: Final = Markup(' class="n"')
_SUMS: Final = (
    ("结算", "sales"),
    ("退费", "refunds"),
    ("净人次", "net"),
    ("医疗费总额", "total"),
    ("统筹基金", "fund"),
    ("个人账户", "account"),
    ("现金自付", "cash"),
    ("应付金额", "payable"),
)
"""The headings of the figures of a line."""
_SHORT: Final = 12
"""Lines of a table that is not broken over two sheets."""
_LABELS: Final = 4096
"""Labels of lines that are kept: the same places and days are on thousands of pages."""
_TYPE: Final = f"{ClearingType.PHARMACY.value} {CLEARING_TYPES[ClearingType.PHARMACY].name}"

_Label = Callable[[Mapping[str, str | int]], str]
"""What a line is of, in HTML, from its keys."""


def render_page(statement: Statement) -> str:
    """The page as text, to be written as UTF-8."""
    return _template().render(statement=statement)


def _money(
    title: str,
    english: str,
    first: tuple[str, str],
    lines: Sequence[StatementLine],
    label: _Label,
    total: Markup,
) -> Markup:
    """A section with a table of money; ``total`` below more lines than one.

    It is most of a page: made here, it takes a third of the time that a macro takes.
    """
    begin, end = _table(title, english, first, len(lines))
    rows = [f"<tr><td>{label(line.keys)}</td>{_figures(line)}</tr>" for line in lines]
    if len(lines) > 1:
        rows.append(f'<tr class="sum"><td>合计</td>{total}</tr>')
    return Markup("".join((begin, *rows, end)))


@lru_cache(_LABELS)
def _table(title: str, english: str, first: tuple[str, str], lines: int) -> tuple[Markup, Markup]:
    """What stands around so many lines."""
    section = Markup('<section class="long">' if lines > _SHORT else "<section>")
    section += Markup("<h2>{}<small>{}</small></h2>").format(title, english)
    if not lines:
        return section, Markup('<p class="none">没有入账的交易</p></section>')
    begin = section + Markup('<table class="money">{}<tbody>').format(_head((first, *_SUMS)))
    return begin, Markup("</tbody></table></section>")


def _figures(line: StatementLine) -> Markup:
    """The cells of a line, under the headings :data:`_SUMS`; they are numbers."""
    sales, refunds, net = line.sales, line.refunds, line.net
    rows = (sales.rows, refunds.rows, sales.rows - refunds.rows)
    sums = (net.total_fen, net.fund_fen, net.account_fen, net.cash_fen, net.payable_fen)
    texts = (*(f"{count:,}" for count in rows), *map(grouped_yuan, sums))
    cells = [f'<td class="n{" minus" if text[0] == "-" else ""}">{text}</td>' for text in texts]
    return Markup("".join(cells))


@lru_cache(_LABELS)
def _with_note(text: str, note: str) -> str:
    return f'{escape(text)}<br><span class="quiet">{escape(note)}</span>'


def _insurance(keys: Mapping[str, str | int]) -> str:
    insurance = str(keys["insutype"])
    return _with_note(insurance_name(insurance), f"{insurance} · {_TYPE}")


def _region(keys: Mapping[str, str | int]) -> str:
    name = Locality[str(keys["locality"]).upper()].title
    return _with_note(f"{keys['insuplc_admdvs']} {name}", f"就医地 {keys['mdtrtarea_admvs']}")


def _day(keys: Mapping[str, str | int]) -> str:
    return escape(_date(str(keys["settlement_date"])))


def _suite(keys: Mapping[str, str | int]) -> str:
    name = str(keys["algorithm"])
    return escape(SUITES[name].name if name in SUITES else name)


def _date(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


@cache
def _head(headings: tuple[tuple[str, str], ...]) -> Markup:
    """The head of a table: names with their English."""
    cells = [
        Markup("<th{}>{}<small>{}</small></th>").format(_NUMBERS if at else "", *names)
        for at, names in enumerate(headings)
    ]
    return Markup("<thead><tr>{}</tr></thead>").format(Markup("").join(cells))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": lambda rows: f"{rows:,}",
        "date": _date,
        "figures": _figures,
        "yuan": grouped_yuan,
    }
    environment.globals |= {
        "type": _TYPE,
        "head": _head,
        "money": _money,
        "findings": {int(finding.code): finding for finding in FINDINGS},
        "of_insurance": _insurance,
        "of_region": _region,
        "of_day": _day,
        "of_suite": _suite,
        "style": Markup(files(__package__).joinpath("statement.css").read_text("utf-8")),
    }
    return environment.get_template("statement.html.jinja")
