# SPDX-License-Identifier: Apache-2.0
"""What the centre loads, and what a ledger has, in a process that has seen nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LOAD_EVERYTHING = """
import importlib, pkgutil, sys
import sscard_chip.settlement as centre
names = [one.name for one in pkgutil.walk_packages(centre.__path__, centre.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(len(names))
print(*sorted(name for name in sys.modules if name.startswith("sscard_chip.terminal.")))
"""

CLEAR_LATE = """
import sys
from sscard_chip.settlement.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.reading() as t:
    from sscard_chip.settlement.clearing.claims import claims_of
    print(claims_of(t))
"""


def fresh(program: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_centre_loads_no_till() -> None:
    count, loaded = fresh(LOAD_EVERYTHING)
    assert int(count) > 80
    assert "sscard_chip.terminal.session" in loaded  # it reads cards
    assert not [name for name in loaded.split() if name.startswith("sscard_chip.terminal.pos")]


def test_clearing_may_come_after_the_ledger_is_open(ledger_url: str) -> None:
    assert fresh(CLEAR_LATE, ledger_url) == ["[]"]
