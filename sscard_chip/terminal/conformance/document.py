# SPDX-License-Identifier: Apache-2.0
"""A run as a JSON document (sscard-conformance/1) and as JUnit.

Neither holds a PIN, a key or a citizen's data: of the card stand the first bytes of its ATR, which
name supplier and maker, and of what it said what :mod:`.evidence` makes of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Annotated, Final, Literal
from xml.etree import ElementTree

import msgspec

from sscard_chip.standard.documents import Document, DocumentError, Model, rule
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.engine import CaseResult, JudgedSubject, SuiteRun
from sscard_chip.terminal.conformance.evidence import ShownExchange
from sscard_chip.terminal.conformance.groups import GROUPS
from sscard_chip.terminal.conformance.levels import LevelName
from sscard_chip.terminal.conformance.verdict import CaseVerdict

FORMAT: Final = "sscard-conformance/1"
_SALT: Final = 8
_DIGEST: Final = 4
_OWN: Final = 8
"""Bytes at the end of the historical bytes that are this card's alone."""

VerdictName = Literal["pass", "fail", "warn", "inconclusive", "not applicable", "not run", "error"]


class ExchangeEntry(Model, frozen=True):
    """A command and its answer, values as length and digest."""

    command: str
    answer: str
    meaning: str


class CaseEntry(Model, frozen=True):
    """How one case ended."""

    id: str
    title: str
    clauses: list[str]
    group: Annotated[str, rule(title="Group of LD/T 6001")]
    level: LevelName
    confidence: Annotated[Literal["H", "M", "L"], rule(title="How sure the fact is")]
    verdict: VerdictName
    reason: str
    expected: str
    received: str
    seconds: Annotated[float, rule(ge=0)]
    exchanges: list[ExchangeEntry]


class SubjectEntry(Model, frozen=True):
    """What was judged, without what is a person's."""

    name: str
    generation: Annotated[int, rule(title="Generation of the card, 0 where it has none")]
    interface: Literal["contact", "contactless"]
    algorithm: str
    chip: Annotated[str, rule(title="The ATR without its last 8 bytes of the card's own, hex")]
    kind: Literal["card", "psam", "bank", "terminal"] = "card"
    mark: Annotated[
        str, rule(title="Salt and digest, hex: whether another run judged the same one")
    ] = ""


class SuiteDocument(Model, frozen=True):
    """What a run of sscard conformance found (sscard-conformance/1)."""

    format: Literal["sscard-conformance/1"]
    version: Annotated[str, rule(title="Version of sscard-chip")]
    started: Annotated[str, rule(title="Time, ISO 8601")]
    seconds: Annotated[float, rule(ge=0)]
    card: SubjectEntry
    level: LevelName
    stopped: Annotated[str, rule(title="Why the run ended before its last case, or nothing")]
    passed: bool
    counts: dict[VerdictName, int]
    cases: list[CaseEntry]
    commands: Annotated[int, rule(ge=0, title="How many commands were sent")] = 0

    WHAT = "a report of sscard conformance"


class ReportError(DocumentError):
    """A report that cannot be gone on with: file, item and rule."""


def document_of(run: SuiteRun, version: str) -> SuiteDocument:
    """The document of a run; ``version`` is that of the program."""
    subject = run.subject
    contact = subject.interface == "contact"
    chip = subject.atr[: max(len(subject.atr) - _OWN - (not contact), 0)]
    return SuiteDocument(
        format=FORMAT,
        version=version,
        started=datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds"),
        seconds=round(run.seconds, 3),
        card=SubjectEntry(
            name=run.target,
            generation=subject.generation,
            interface="contact" if contact else "contactless",
            algorithm=subject.algorithm,
            chip=chip.hex().upper(),
            kind=subject.kind,
            mark=mark_of(subject, os.urandom(_SALT)),
        ),
        level=run.level.word,
        stopped=run.stopped,
        passed=run.passed,
        counts={verdict.value: run.counts[verdict] for verdict in CaseVerdict},
        cases=[_entry(result) for result in run.results],
        commands=run.commands,
    )


def mark_of(subject: JudgedSubject, salt: bytes) -> str:
    """Salt and digest of what tells a card from others: equal for the same card and salt, and too
    short to find the card by it."""
    digest = blake2s(subject.mark, key=salt, digest_size=_DIGEST)
    return (salt + digest.digest()).hex().upper()


def resumed_from(
    path: str | os.PathLike[str], cases: Iterable[Case]
) -> tuple[SuiteDocument, dict[str, CaseResult]]:
    """A report in a file, and of its cases those that were judged, to be taken over by a run.

    :raises ReportError: it is no report.
    """
    document = Document.load(path, ReportError).to(SuiteDocument)
    known = {case.identifier: case for case in cases}
    results = {
        one.id: CaseResult(
            known[one.id],
            CaseVerdict(one.verdict),
            one.reason,
            one.expected,
            one.received,
            tuple(ShownExchange(x.command, x.answer, x.meaning) for x in one.exchanges),
            one.seconds,
        )
        for one in document.cases
        if one.id in known and one.verdict not in ("not run", "error")
    }
    return document, results


def same_subject(document: SuiteDocument, subject: JudgedSubject) -> bool:
    """Whether a report is of this card, over the same interface."""
    card = document.card
    if (card.kind, card.generation, card.interface, card.algorithm) != (
        subject.kind, subject.generation, subject.interface, subject.algorithm
    ):  # fmt: skip
        return False
    return card.mark == mark_of(subject, bytes.fromhex(card.mark[: 2 * _SALT]))


def _entry(result: CaseResult) -> CaseEntry:
    case = result.case
    return CaseEntry(
        id=case.identifier,
        title=case.title,
        clauses=list(case.clauses),
        group=GROUPS[case.group],
        level=case.level.word,
        confidence=case.confidence.value,
        verdict=result.verdict.value,
        reason=result.reason,
        expected=result.expected,
        received=result.received,
        seconds=round(result.seconds, 4),
        exchanges=[ExchangeEntry(one.command, one.answer, one.meaning) for one in result.exchanges],
    )


def to_json(document: SuiteDocument) -> bytes:
    """The document as JSON text."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def to_junit(document: SuiteDocument) -> bytes:
    """The document as JUnit: a suite a group; a warning passes, what was not judged is skipped."""
    root = ElementTree.Element("testsuites", name="sscard conformance")
    for group in GROUPS.values():
        own = [case for case in document.cases if case.group == group]
        if own:
            _suite(root, group, own)
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return text + b"\n"


_SKIPPED: Final = ("inconclusive", "not applicable", "not run")


def _suite(root: ElementTree.Element, group: str, cases: list[CaseEntry]) -> None:
    verdicts = [case.verdict for case in cases]
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=group,
        tests=str(len(cases)),
        failures=str(verdicts.count("fail")),
        errors=str(verdicts.count("error")),
        skipped=str(sum(verdict in _SKIPPED for verdict in verdicts)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        place = ElementTree.SubElement(
            suite, "testcase", classname=group, name=f"{case.id} {case.title}",
            time=f"{case.seconds:.4f}",
        )  # fmt: skip
        if case.verdict in ("fail", "error"):
            kind = "failure" if case.verdict == "fail" else "error"
            found = ElementTree.SubElement(place, kind, message=case.reason)
            found.text = "; ".join(case.clauses)
        elif case.verdict in _SKIPPED:
            ElementTree.SubElement(place, "skipped", message=f"{case.verdict}: {case.reason}")
        elif case.verdict == "warn":
            ElementTree.SubElement(place, "system-out").text = f"warning: {case.reason}"
