# SPDX-License-Identifier: Apache-2.0
"""Whether a paper is as it was signed: signature, certificate, and that it covers every byte."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from sscard_chip.standard.errors import importing

MOST_FILE: Final = 16 * 1024 * 1024
"""Bytes of a paper, at most."""


@dataclass(frozen=True, slots=True)
class PaperSignature:
    """What was found: ``good`` is signed by the authority, and no byte is another.

    ``problem`` says what is not so.
    """

    good: bool
    signer: str
    time: str
    problem: str


def check_signature(pdf: bytes, authority: str) -> PaperSignature:
    """Check a paper's signature against the authority's certificate, PEM.

    :raises ExtraMissingError: the extra ``papers`` is not installed.
    """
    with importing("papers", "papers"):
        from pyhanko.keys import load_certs_from_pemder_data
        from pyhanko.pdf_utils.reader import PdfFileReader
        from pyhanko.sign.validation import validate_pdf_signature
        from pyhanko.sign.validation.status import SignatureCoverageLevel
        from pyhanko_certvalidator import ValidationContext

    roots = list(load_certs_from_pemder_data(authority.encode()))
    loggers = [logging.getLogger(one) for one in ("pyhanko", "pyhanko_certvalidator")]
    levels = [one.level for one in loggers]
    try:
        for one in loggers:
            one.setLevel(logging.CRITICAL)
        found = list(PdfFileReader(BytesIO(pdf), strict=True).embedded_signatures)
        if len(found) != 1:
            return PaperSignature(False, "", "", f"has {len(found)} signatures, must have one")
        status = validate_pdf_signature(found[0], ValidationContext(roots, allow_fetching=False))
    except Exception:
        # A file that was changed breaks the parser at any place; all of it says the same.
        return PaperSignature(False, "", "", "is no PDF file with a signature, or was changed")
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    problem = ""
    if not status.intact or not status.valid:
        problem = "was changed after it was signed"
    elif not whole:
        problem = "has something after what was signed"
    elif not status.trusted:
        problem = "is not signed under this authority"
    signer = status.signing_cert.subject.native.get("common_name", "")
    time = status.signer_reported_dt
    return PaperSignature(
        not problem, str(signer), "" if time is None else time.isoformat(), problem
    )
