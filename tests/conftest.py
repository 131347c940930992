# SPDX-License-Identifier: Apache-2.0
"""For all tests: in CI a skipped test is a failure, unless it stands in ALLOWED_SKIPS."""

from __future__ import annotations

import os
from typing import Final

import pytest

# node id -> why this test may be skipped in CI
ALLOWED_SKIPS: Final[dict[str, str]] = {}


class SkipWatch:
    """Counts skips, of tests and of whole modules; several workers' reports meet here."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and report.nodeid not in ALLOWED_SKIPS:
            where = report.longrepr
            self._reasons[report.nodeid] = where[2] if isinstance(where, tuple) else "xfail"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A run that is green only by skipping has failed."""
        if self._reasons and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for test, reason in self._reasons.items():
            terminalreporter.write_line(f"skipped in CI, a failure: {test}: {reason}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Watch in CI only; a developer's machine may lack a PC/SC stack."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        config.pluginmanager.register(SkipWatch(), "skip-watch")
