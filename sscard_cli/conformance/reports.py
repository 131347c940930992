# SPDX-License-Identifier: Apache-2.0
"""What every run of the suite ends with: lines on the screen, reports in files, the exit code."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sscard_chip.standard.escape import escape
from sscard_chip.terminal.conformance import Case, CaseResult, CaseVerdict, SuiteRun
from sscard_chip.terminal.conformance.document import (
    SuiteDocument,
    document_of,
    resumed_from,
    same_subject,
    to_json,
    to_junit,
)
from sscard_chip.terminal.conformance.engine import JudgedSubject, Resume, Resumed
from sscard_cli.errors import RefusedError
from sscard_cli.options import FILE, force_option, json_option
from sscard_cli.output import refuse_to_overwrite, say, write_file
from sscard_cli.screen import listing, show

_Function = TypeVar("_Function", bound=Callable[..., Any])
_SHOWN: Final = (CaseVerdict.FAIL, CaseVerdict.ERROR, CaseVerdict.WARN, CaseVerdict.INCONCLUSIVE)
_OPTIONS: Final = (
    click.option(
        "--only",
        metavar="ID",
        multiple=True,
        help="Only this case, or those whose identifiers begin so; may be repeated."
        "  Example: --only SSC-32.5-7.14",
    ),
    click.option(
        "--out",
        metavar="REPORT.html",
        type=FILE,
        help="Write the report as a page.  Example: --out report.html",
    ),
    click.option(
        "--junit",
        metavar="FILE.xml",
        type=FILE,
        help="Write the report as JUnit.  Example: --junit report.xml",
    ),
    click.option(
        "--json-out",
        metavar="FILE.json",
        type=FILE,
        help="Write the report as sscard-conformance/1.  Example: --json-out report.json",
    ),
    click.option(
        "--resume",
        metavar="FILE.json",
        type=FILE,
        help="Go on with the report of a run that stopped: its verdicts are taken over."
        "  Example: --resume report.json",
    ),
    force_option,
    json_option,
)


@dataclass(frozen=True)
class Reports:
    """Where the reports of a run go, and what it goes on with."""

    only: tuple[str, ...]
    out: Path | None
    junit: Path | None
    json_out: Path | None
    resume: Path | None
    force: bool
    as_json: bool

    def check(self) -> None:
        """See that no file is in the way; the report that is gone on with may be replaced.

        :raises RefusedError: there is one.
        """
        for path in (self.out, self.junit, self.json_out):
            if path is not None and path != self.resume:
                refuse_to_overwrite(path, force=self.force)

    def resumed(self, cases: tuple[Case, ...]) -> Resume | None:
        """Results of the run that is gone on with.

        :raises ReportError: the file is no report.
        """
        if self.resume is None:
            return None
        path = self.resume
        document, results = resumed_from(path, cases)

        def resume(subject: JudgedSubject) -> Resumed:
            if not same_subject(document, subject):
                raise RefusedError(f"{path}: is the report of another card or interface")
            return results

        return resume

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """Shows each case that is not as it should be at once."""

        def observe(result: CaseResult) -> None:
            if result.verdict in _SHOWN:
                line = f"{result.verdict.value}: {result.case.identifier}: {result.case.title}"
                click.echo(escape(f"{line}: {result.reason} ({result.case.clause})"), err=True)

        yield None if self.as_json else observe

    def finish(self, found: SuiteRun) -> None:
        """Write and show what was found; the exit code is 1 where it is not as it should be."""
        if not found.results:
            raise click.UsageError("--only: there is no such case, see sscard conformance list")
        document = document_of(found, importlib.metadata.version("sscard-chip"))
        self._write(document)
        if self.as_json:
            click.echo(to_json(document).decode(), nl=False)
        else:
            _show(found)
        if not found.passed:
            click.get_current_context().exit(1)

    def _write(self, document: SuiteDocument) -> None:
        if self.out is not None:
            from sscard_chip.terminal.conformance.page import render_report

            page = render_report(document).encode()
            self._put(self.out, page)
        if self.junit is not None:
            self._put(self.junit, to_junit(document))
        if self.json_out is not None:
            self._put(self.json_out, to_json(document))

    def _put(self, path: Path, content: bytes) -> None:
        force = self.force or path == self.resume
        write_file(path, lambda temporary: _write_bytes(temporary, content), force=force)


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def report_options(function: _Function) -> _Function:
    """The options of :class:`Reports`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _show(found: SuiteRun) -> None:
    table = listing("verdict", "cases")
    for verdict in CaseVerdict:
        if found.counts[verdict]:
            table.add_row(verdict.value, str(found.counts[verdict]))
    subject = found.subject
    what = f"generation {subject.generation}" if subject.generation else subject.kind
    head = f"{what}, {subject.interface}, level {found.level.word}"
    show(f"{head}: {'passed' if found.passed else 'not passed'}", table)
    if found.stopped:
        say(f"sscard: stopped: {found.stopped}", err=True)
