# SPDX-License-Identifier: Apache-2.0
"""A private pcscd for all tests over PC/SC.

Where pcscd is missing the tests are skipped, visibly; with CI=true they fail instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from sscard_chip.reader.pcscd import SOCKET_VARIABLE, PcscUnavailableError, PrivateDaemon

WATCHDOG_S = 60
PROGRAMS = ("opensc-tool", "scriptor", "pcsc_scan")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pcsc: needs pcscd, vpcd and pyscard")


def unavailable(reason: str) -> None:
    """Skip; or fail where a skip would mean that nobody ever runs the test."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"CI must have PC/SC: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def daemon() -> Iterator[PrivateDaemon]:
    """A pcscd with two virtual slots; clients in this process find it by the environment."""
    if find_spec("smartcard") is None:
        unavailable("pyscard is not installed (pip install '.[pcsc]' in a clone of sscard-chip)")
    try:
        started = PrivateDaemon().__enter__()
    except PcscUnavailableError as error:
        unavailable(str(error))
        raise
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SOCKET_VARIABLE, started.socket_path)
        yield started
    started.__exit__(None, None, None)


@pytest.fixture
def programs() -> None:
    """The PC/SC programs of other people."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        unavailable(f"not installed: {', '.join(missing)} (packages opensc, pcsc-tools)")


@pytest.fixture(autouse=True)
def watchdog(daemon: PrivateDaemon) -> Iterator[None]:
    """End the daemon when a test hangs: every waiting PC/SC call then returns an error.

    A process of its own, because a call into the PC/SC library may hold the interpreter.
    """
    if not daemon.running:
        daemon.stop()
        daemon.start()
    pid = daemon.pid
    killer = subprocess.Popen(["sh", "-c", f"sleep {WATCHDOG_S}; kill -9 {pid}"], process_group=0)
    yield
    os.killpg(killer.pid, 9)
    killer.wait()
