# SPDX-License-Identifier: Apache-2.0
"""A private pcscd has as many slots as it is asked for, and ends with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sscard_chip.reader import ContactInterface
from sscard_chip.reader.pcscd import PrivateDaemon
from tests.pcsc.stack import ROOT, run_program
from tests.reader.toy_card import ToyCard

pytestmark = pytest.mark.pcsc

_OWNER = """
import signal, sys, time
from sscard_chip.reader.pcscd import PrivateDaemon
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
with PrivateDaemon() as daemon:
    print(daemon.pid, daemon.socket_path, flush=True)
    time.sleep(60)
"""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_pcscd_is_left_behind(ending: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert owner.stdout is not None
    pid, path = owner.stdout.readline().split()
    assert _lives(int(pid))
    owner.send_signal(ending)
    owner.wait(10)
    deadline = time.monotonic() + 10
    while _lives(int(pid)) or Path(path).parent.exists():
        assert time.monotonic() < deadline, "pcscd or its folder is still there"
        time.sleep(0.05)


@pytest.mark.usefixtures("programs")
def test_five_cards_in_one_pcscd() -> None:
    from sscard_chip.reader import VirtualReader

    with PrivateDaemon(slots=5) as own:
        assert len(own.reader_names) == 6
        cards = [ContactInterface(ToyCard()) for _ in range(5)]
        with VirtualReader(cards, port=own.port):
            deadline = time.monotonic() + 15
            while True:
                listing = run_program(own, "opensc-tool", "-l")
                seen = [line for line in listing.splitlines() if "Yes" in line]
                if len(seen) == 5:
                    break
                assert time.monotonic() < deadline, listing
                time.sleep(0.2)
    for name in own.reader_names:
        assert name in listing
