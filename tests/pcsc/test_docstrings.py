# SPDX-License-Identifier: Apache-2.0
"""The example of ``terminal/pcsc.py``, on a card in a reader."""

from __future__ import annotations

import sys
from pathlib import Path

from sscard_chip.reader.pcscd import PrivateDaemon
from sscard_chip.terminal import pcsc
from tests.bench.issued import Bench
from tests.pcsc.stack import run_program, serving


def test_the_example_runs(daemon: PrivateDaemon, tmp_path: Path) -> None:
    Bench(2).card.save(tmp_path / "zhang.ssc")
    with serving(daemon, f"contact:{tmp_path / 'zhang.ssc'}"):
        printed = run_program(daemon, sys.executable, "-m", "doctest", "-v", str(pcsc.__file__))
    assert 'PcscConnection("Virtual PCD 00 00")' in printed  # it exits with 1 when one fails
