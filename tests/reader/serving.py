# SPDX-License-Identifier: Apache-2.0
"""``sscard serve`` as a process, and how it is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reader.fake_vpcd import FakeVpcd


@contextmanager
def serving(path: Path, vpcd: FakeVpcd, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A card in the reader of ``vpcd``; killed at the end, if it still lives."""
    command = [sys.executable, "-m", "sscard_cli", "serve", str(path)]
    process = subprocess.Popen(
        [*command, "--vpcd", f"127.0.0.1:{vpcd.port}", *options],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        vpcd.eject()


def kill_when_due(
    process: subprocess.Popen[bytes], due: threading.Event, delay: float
) -> threading.Thread:
    """Kill ``process`` so many seconds after ``due`` is set; the thread that does it."""

    def kill() -> None:
        due.wait(20)
        time.sleep(delay)
        process.kill()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread
