# SPDX-License-Identifier: Apache-2.0
"""A statement as a page to read and to print: one HTML file that needs nothing else.

``statement.html.jinja`` is the page; whatever it is given is escaped. It has no date of its own:
the same statement gives the same bytes.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

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


def render_page(statement: Statement) -> str:
    """The page as text, to be written as UTF-8."""
    return _template().render(statement=statement)


def _figures(line: StatementLine) -> Markup:
    """The cells of a line, under the headings ``money`` of the page; they are numbers."""
    net = line.net
    rows = (line.sales.rows, line.refunds.rows, line.net_count)
    sums = (net.total_fen, net.fund_fen, net.account_fen, net.cash_fen, net.payable_fen)
    texts = (*(f"{count:,}" for count in rows), *map(grouped_yuan, sums))
    cells = [f'<td class="n{" minus" if text[0] == "-" else ""}">{text}</td>' for text in texts]
    return Markup("".join(cells))


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
        "date": lambda day: f"{day[:4]}-{day[4:6]}-{day[6:]}",
        "figures": _figures,
        "insurance": insurance_name,
        "locality": lambda name: Locality[name.upper()].title,
        "yuan": grouped_yuan,
    }
    environment.globals |= {
        "clearing_type": ClearingType.PHARMACY,
        "clearing_types": CLEARING_TYPES,
        "head": _head,
        "findings": {int(finding.code): finding for finding in FINDINGS},
        "suites": SUITES,
    }
    return environment.get_template("statement.html.jinja")
