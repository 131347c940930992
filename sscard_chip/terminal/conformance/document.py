# SPDX-License-Identifier: Apache-2.0
"""A run as a JSON document (sscard-conformance/1) and as JUnit.

Neither holds a PIN, a key or a citizen's data: of the card stand the first bytes of its ATR, which
name supplier and maker, and of what it said what :mod:`.evidence` makes of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from xml.etree import ElementTree

import msgspec

from sscard_chip.standard.documents import Model, rule
from sscard_chip.terminal.conformance.groups import GROUPS
from sscard_chip.terminal.conformance.levels import LevelName
from sscard_chip.terminal.conformance.runner import CaseResult, SuiteRun
from sscard_chip.terminal.conformance.verdict import CaseVerdict

FORMAT: Final = "sscard-conformance/1"
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
    """The card that was judged, without what is a person's."""

    name: str
    generation: int
    interface: Literal["contact", "contactless"]
    algorithm: str
    chip: Annotated[str, rule(title="The ATR without its last 8 bytes of the card's own, hex")]


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


def document_of(run: SuiteRun, version: str) -> SuiteDocument:
    """The document of a run; ``version`` is that of the program."""
    subject = run.subject
    chip = subject.atr[: max(len(subject.atr) - _OWN - (not subject.contact), 0)]
    return SuiteDocument(
        format=FORMAT,
        version=version,
        started=datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds"),
        seconds=round(run.seconds, 3),
        card=SubjectEntry(
            name=run.target,
            generation=subject.generation,
            interface="contact" if subject.contact else "contactless",
            algorithm=subject.algorithm,
            chip=chip.hex().upper(),
        ),
        level=run.level.word,
        stopped=run.stopped,
        passed=run.passed,
        counts={verdict.value: run.counts[verdict] for verdict in CaseVerdict},
        cases=[_entry(result) for result in run.results],
    )


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
