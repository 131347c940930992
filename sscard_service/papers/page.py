# SPDX-License-Identifier: Apache-2.0
"""A paper as an A4 page with seal, QR and barcode: PDF out of ``paper.html.jinja``.

Nothing is fetched; whatever the page is given is escaped. It runs half a second, so it is called
outside of transactions and of the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NoReturn

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from sscard_chip.settlement.clearing.pdf import require_pdf
from sscard_chip.standard.errors import importing
from sscard_service.papers.content import PaperContent
from sscard_service.papers.font import paper_font
from sscard_service.papers.seal import round_seal
from sscard_service.store.papers import shown_code

_BAR_HEIGHT: Final = 40


@dataclass(frozen=True, slots=True, repr=False)
class PaperPrint:
    """One print of a paper: its code, its number (all but the first are copies), its address.

    ``test`` puts the 测试 mark across every page.
    """

    code: str
    number: int
    address: str
    test: bool = True

    @property
    def copy(self) -> bool:
        """Whether it says 副本."""
        return self.number > 1


def render_paper(content: PaperContent, one: PaperPrint) -> bytes:
    """The PDF file, not signed yet.

    :raises ExtraMissingError: the extra ``papers`` is not installed.
    :raises PdfUnavailableError: a library that WeasyPrint needs is not.
    :raises PaperFontError: no font with Chinese characters.
    """
    require_papers()
    import weasyprint

    font = paper_font()
    page = _template().render(
        content=content, print=one, family=font.family,
        code=shown_code(one.code),
        seal=round_seal(content.agency, font.family),
        qr=_qr(one.address), bars=_bars(content.barcode),
    )  # fmt: skip
    pdf: bytes = weasyprint.HTML(string=page, url_fetcher=_fetch_nothing).write_pdf()
    return pdf


def require_papers() -> None:
    """See that papers can be made.

    :raises ExtraMissingError: as :func:`render_paper`.
    :raises PdfUnavailableError: as :func:`render_paper`.
    """
    require_pdf()
    with importing("papers", "papers"):
        import barcode  # noqa: F401
        import pyhanko  # noqa: F401
        import segno  # noqa: F401


def _qr(address: str) -> Markup:
    import segno

    svg: str = segno.make(address, error="m", micro=False).svg_inline(
        border=2, omitsize=True, light="white"
    )
    return Markup(svg)


def _bars(text: str) -> Markup:
    """Code 128 of a number, as SVG: bars are the ones of the library's modules."""
    from barcode import Code128

    (modules,) = Code128(text).build()
    bars, begin = [], None
    for at, module in enumerate(f"{modules}0"):
        if module == "1" and begin is None:
            begin = at
        elif module == "0" and begin is not None:
            bars.append(f"M{begin} 0h{at - begin}v{_BAR_HEIGHT}h{begin - at}z")
            begin = None
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 0 {} {}"'
        ' preserveAspectRatio="none"><path d="{}"/></svg>'
    ).format(len(modules) + 20, _BAR_HEIGHT, "".join(bars))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__package__, ""), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["day"] = lambda text: f"{text[:4]}年{int(text[4:6])}月{int(text[6:8])}日"
    return environment.get_template("paper.html.jinja")


def _fetch_nothing(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError("a paper names no other file")
