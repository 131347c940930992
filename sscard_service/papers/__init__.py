# SPDX-License-Identifier: Apache-2.0
"""Papers with a seal: what they say as a model, the A4 page, its signature, and checking it.

Needs the extra ``papers``: WeasyPrint sets the page, segno and python-barcode draw its codes,
pyHanko signs. Agency and seal are invented and say so; the diagonal 测试 mark goes only with the
operator's own certificate.
"""

from __future__ import annotations

from sscard_service.papers.checking import PaperSignature, check_signature
from sscard_service.papers.content import PaperContent, PaperTable
from sscard_service.papers.font import PaperFont, paper_font
from sscard_service.papers.page import PaperPrint, render_paper
from sscard_service.papers.seal import round_seal
from sscard_service.papers.signing import sign_paper

__all__ = [
    "PaperContent",
    "PaperFont",
    "PaperPrint",
    "PaperSignature",
    "PaperTable",
    "check_signature",
    "paper_font",
    "render_paper",
    "round_seal",
    "sign_paper",
]
