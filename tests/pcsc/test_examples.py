# SPDX-License-Identifier: Apache-2.0
"""The worked project in Python, as its own run of pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pcsc.stack import ROOT

pytestmark = pytest.mark.pcsc


def test_the_project_in_python(tmp_path: Path) -> None:
    project = shutil.copytree(ROOT / "examples" / "pytest", tmp_path / "project")
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    environment.pop("PCSCLITE_CSOCK_NAME", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "issuance.pytest_plugin"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "6 passed" in done.stdout, done.stdout + done.stderr
