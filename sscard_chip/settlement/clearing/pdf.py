# SPDX-License-Identifier: Apache-2.0
"""A statement as a PDF file to send and to print (extra ``pdf``): its page, set on A4.

Chinese text needs a font that has it on the machine, Noto Sans CJK or WenQuanYi as well as any.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sscard_chip.settlement.clearing.page import render_page
from sscard_chip.settlement.clearing.statement import Statement
from sscard_chip.standard.errors import SettlementError, importing


class PdfUnavailableError(SettlementError):
    """PDF cannot be made on this machine; one line that says what is missing."""


def render_pdf(statement: Statement) -> bytes:
    """The PDF file; the same statement gives the same pages.

    :raises ExtraMissingError: WeasyPrint is not installed.
    :raises PdfUnavailableError: a library that it needs is not.
    """
    content: bytes = (
        _weasyprint().HTML(string=render_page(statement), url_fetcher=_fetch_nothing).write_pdf()
    )
    return content


def require_pdf() -> None:
    """See that PDF files can be made.

    :raises ExtraMissingError: as :func:`render_pdf`.
    :raises PdfUnavailableError: as :func:`render_pdf`.
    """
    _weasyprint()


def _weasyprint() -> Any:
    with importing("pdf", "PDF"):
        try:
            import weasyprint
        except OSError:  # it loads them when it is imported
            raise PdfUnavailableError(
                "PDF needs Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0"
            ) from None
    return weasyprint


def _fetch_nothing(url: str, *_: Any, **__: Any) -> NoReturn:
    """A page needs nothing else; whatever it might name stays where it is."""
    raise ValueError("a statement names no other file")
