# SPDX-License-Identifier: Apache-2.0
"""For all tests: in CI a skipped test is a failure, unless it stands in ALLOWED_SKIPS; no test
waits for the disk, and processes of tests hear Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

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


def hear_signals() -> None:
    """Programs that tests begin hear Ctrl-C and SIGTERM, whatever began the tests.

    A background job of a shell, and what some runners begin, ignores or blocks them, and so would
    each process of a test.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGALRM})
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Watch in CI only; a developer's machine may lack a PC/SC stack."""
    hear_signals()
    if os.environ.get("CI", "").lower() in ("1", "true"):
        config.pluginmanager.register(SkipWatch(), "skip-watch")


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """``fsync`` and ``fdatasync`` return at once in this process.

    What they do shows only when the power fails, and that is played on media of the tests' own
    (``tests/memory``). A killed process loses nothing by it.
    """

    def at_once(_descriptor: object) -> None:
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", at_once)
        patch.setattr(os, "fdatasync", at_once)
        yield
