# SPDX-License-Identifier: Apache-2.0
"""Row 12: how long ``sscard --help`` takes, against a Python that does nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.rows import Row, paired

GOAL: Final = 5.0
PAIRS: Final = 30

_ROOT: Final = Path(__file__).resolve().parent.parent


def sscard_help() -> list[str]:
    """The installed console script, or the package run as a module."""
    script = Path(sys.executable).with_name("sscard")
    own = [str(script)] if script.exists() else [sys.executable, "-m", "sscard_cli"]
    return [*own, "--help"]


def _runner(command: list[str]) -> Callable[[], None]:
    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=_ROOT)

    return run


def rows(*, pairs: int = PAIRS) -> list[Row]:
    """Measure and return row 12."""
    bare = [sys.executable, "-c", "pass"]
    result = paired(_runner(sscard_help()), _runner(bare), time.perf_counter, pairs=pairs)
    detail = f"{result.first * 1000:.0f} ms, python -c pass {result.second * 1000:.0f} ms"
    return [Row(12, "sscard --help / python -c pass", result.ratio, GOAL, "<=", detail)]
