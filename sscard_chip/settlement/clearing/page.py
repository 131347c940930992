# SPDX-License-Identifier: Apache-2.0
"""A statement as a page to read and to print: one HTML file that needs nothing else.

``statement.html.jinja`` is the page; whatever it is given is escaped. It has no date of its own:
the same statement gives the same bytes.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

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


def render_page(statement: Statement) -> str:
    """The page as text, to be written as UTF-8."""
    return _template().render(statement=statement)


def _figures(line: StatementLine) -> list[str]:
    """The cells of a line, under the headings ``money`` of the page."""
    net = line.net
    rows = (line.sales.rows, line.refunds.rows, line.net_count)
    sums = (net.total_fen, net.fund_fen, net.account_fen, net.cash_fen, net.payable_fen)
    return [*(f"{count:,}" for count in rows), *map(grouped_yuan, sums)]


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
        "findings": {int(finding.code): finding for finding in FINDINGS},
        "suites": SUITES,
    }
    return environment.get_template("statement.html.jinja")
