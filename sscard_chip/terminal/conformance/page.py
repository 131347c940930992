# SPDX-License-Identifier: Apache-2.0
"""A run as a page to read: one HTML file that needs nothing else, by groups of LD/T 6001.

``report.html.jinja`` is the page; whatever it is given is escaped. Needs the extra
``conformance``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sscard_chip.standard.errors import importing
from sscard_chip.terminal.conformance.document import SuiteDocument
from sscard_chip.terminal.conformance.groups import GROUPS

if TYPE_CHECKING:
    from jinja2 import Template

_CLASSES = {
    "pass": "pass",
    "fail": "fail",
    "warn": "warn",
    "inconclusive": "open",
    "not applicable": "none",
    "not run": "none",
    "error": "fail",
}


def render_report(document: SuiteDocument) -> str:
    """The page as text, to be written as UTF-8.

    :raises ExtraMissingError: jinja2 is not installed.
    """
    groups = [
        (group, [case for case in document.cases if case.group == group])
        for group in GROUPS.values()
    ]
    return _template().render(
        run=document, groups=[one for one in groups if one[1]], classes=_CLASSES
    )


@cache
def _template() -> Template:
    with importing("conformance", "the report as a page"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.jinja")
