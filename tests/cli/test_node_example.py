# SPDX-License-Identifier: Apache-2.0
"""The worked project in node, by node's own test runner."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "examples" / "node"


def test_the_project_in_node(issue: Callable[..., Path]) -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("CI must have node (package nodejs)", pytrace=False)
        pytest.skip("node is not installed (package nodejs)")
    done = subprocess.run(
        [node, "--test"],
        cwd=PROJECT,
        env={
            **os.environ,
            "SSCARD": f"{sys.executable} -m sscard_cli",
            "PYTHONPATH": str(PROJECT.parents[1]),
            "CARD": str(issue(2)),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 2" in done.stdout
