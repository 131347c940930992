# SPDX-License-Identifier: Apache-2.0
"""Making papers: asked for and counted in the centre, set and signed outside of its transactions.

A print is counted before its file is made, and its digest kept after: a crash between the two
costs a number, and the next print is a copy. There are never two first prints.
"""

from __future__ import annotations

import hashlib
import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sscard_chip.settlement.ledger import LedgerTransaction, LedgerUnavailableError
from sscard_chip.standard.dates import TIME
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.papers import PaperContent, PaperPrint, render_paper, sign_paper
from sscard_service.papers.checking import PaperSignature, check_signature
from sscard_service.papers.page import require_papers
from sscard_service.store.papers import MADE, add_print_event, find_paper, find_print
from sscard_service.store.persons import read_person


@dataclass(frozen=True, slots=True, repr=False)
class PrintedPaper:
    """A signed PDF file: its paper's code, the number of the print, whether it says 副本."""

    code: str
    kind: str
    number: int
    pdf: bytes

    @property
    def copy(self) -> bool:
        """All but the first are copies."""
        return self.number > 1


@dataclass(frozen=True, slots=True)
class CheckedPaper:
    """A file that was checked: its signature, and which print of which paper it is (0 for none)."""

    signature: PaperSignature
    code: str
    number: int

    @property
    def good(self) -> bool:
        """Whether it is a print of this service, every byte of it."""
        return self.signature.good and self.number > 0


def make_paper(
    centre: ServiceCentre,
    subject: ServiceSubject | None,
    actor: ServiceActor,
    channel: str,
    evidence: ServiceEvidence | None,
    request_id: str,
    details: Mapping[str, Any],
) -> PrintedPaper:
    """Ask for a paper and print it; the same request again gives a copy of the same paper.

    :raises ServiceRefusedError: as operation ``paper``.
    :raises ExtraMissingError: the extra ``papers`` is not installed.
    :raises PaperFontError: no font with Chinese characters.
    """
    asked = centre.perform("paper", subject, actor, channel, evidence, request_id, details)
    return print_paper(centre, subject, actor, channel, evidence, asked.data["code"])


def print_paper(
    centre: ServiceCentre,
    subject: ServiceSubject | None,
    actor: ServiceActor,
    channel: str,
    evidence: ServiceEvidence | None,
    code: str,
) -> PrintedPaper:
    """Print a paper of the person: the first time, and then as 副本.

    :raises ServiceRefusedError: NOT_FOUND: no such paper, or not this person's; as ``perform``.
    :raises ExtraMissingError: as :func:`make_paper`.
    :raises PaperFontError: as :func:`make_paper`.
    """
    require_papers()
    authority = centre.keys.papers
    if authority is None:
        raise ServiceRefusedError(Code.CHANNEL, field="papers", rule="the key file signs none")
    request = f"print-{random.token_hex(12)}"
    given = {"code": code}
    counted = centre.perform("paper_print", subject, actor, channel, evidence, request, given).data
    try:
        with centre.ledger.reading() as t:
            kind, content = _content(t, centre, counted["code"])
    except LedgerUnavailableError:
        raise ServiceRefusedError(Code.DOWN) from None
    one = PaperPrint(
        counted["code"], counted["number"], centre.region.papers.verify + counted["code"],
        authority.test,
    )  # fmt: skip
    pdf = sign_paper(
        render_paper(content, one), authority, content.title, centre.region.name.chinese
    )
    digest = hashlib.sha256(pdf).digest()
    time = centre.now().strftime(TIME)

    def keep(t: LedgerTransaction) -> None:
        found = find_paper(t, one.code)
        if found is not None:
            add_print_event(t, found.id, one.number, MADE, time, channel, digest)

    try:
        centre.ledger.run(keep)
    except LedgerUnavailableError:
        raise ServiceRefusedError(Code.DOWN) from None
    return PrintedPaper(one.code, kind, one.number, pdf)


def check_paper(centre: ServiceCentre, pdf: bytes) -> CheckedPaper:
    """Whether a file is a print that this service has made.

    :raises ServiceRefusedError: CHANNEL: the key file has no authority.
    :raises ExtraMissingError: the extra ``papers`` is not installed.
    :raises LedgerError: the ledger cannot be read.
    """
    authority = centre.keys.papers
    if authority is None:
        raise ServiceRefusedError(Code.CHANNEL, field="papers", rule="the key file signs none")
    signature = check_signature(pdf, authority.authority)
    with centre.ledger.reading() as t:
        found = find_print(t, hashlib.sha256(pdf).digest())
    if found is None:
        return CheckedPaper(signature, "", 0)
    return CheckedPaper(signature, found[0].code, found[1])


def _content(t: LedgerTransaction, centre: ServiceCentre, code: str) -> tuple[str, PaperContent]:
    found = find_paper(t, code)
    owner = None if found is None else read_person(t, centre.keys, found.person)
    if found is None or owner is None:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return found.kind, msgspec.convert(found.content(owner.key), PaperContent)
