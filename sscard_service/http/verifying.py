# SPDX-License-Identifier: Apache-2.0
"""The public page of a paper: what its QR leads to, without login, with masked facts only."""

from __future__ import annotations

import secrets as random
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from sscard_chip.standard.dates import show_time
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceSubject
from sscard_service.store.papers import CODE_LENGTH, normal_code, shown_code

CHANNEL: Final = "site"
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
"""Nothing is loaded, nothing leads from here, no search engine keeps it."""


def verify_page(centre: ServiceCentre, text: str, source: str) -> tuple[int, str]:
    """The status and the page for a code as it was typed; ``source`` is who asks.

    :raises ServiceRefusedError: it cannot be looked up now.
    """
    code, paper = normal_code(text), None
    if len(code) == CODE_LENGTH and code.isascii() and code.isalnum():
        try:
            paper = centre.perform(
                "verify", ServiceSubject(receipt=code), ServiceActor(source=source[:64]), CHANNEL,
                None, f"verify-{random.token_hex(12)}",
            ).data  # fmt: skip
        except ServiceRefusedError as error:
            if error.code is not Code.NOT_FOUND:
                raise
    page = _template().render(paper=paper, code=shown_code(code), region=centre.region.name)
    return (404 if paper is None else 200), page


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__package__, ""), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    filters: dict[str, Any] = {"time": show_time}
    environment.filters.update(filters)
    return environment.get_template("verify.html.jinja")
