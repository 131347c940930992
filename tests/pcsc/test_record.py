# SPDX-License-Identifier: Apache-2.0
"""A card recorded through a PC/SC reader, and replayed in one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from issuance.disguise import disguise_card
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.recorded import load_recorded
from sscard_chip.terminal.recorder import record_card
from tests.bench.desk import Desk
from tests.pcsc.stack import ROOT, run_program, serving, wait_for_card

pytestmark = pytest.mark.pcsc

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


@pytest.mark.usefixtures("programs")
def test_recorded_through_a_reader_and_put_into_one(daemon: PrivateDaemon, tmp_path: Path) -> None:
    image, out = tmp_path / "card.ssc", tmp_path / "card.json"
    desk = Desk(2)
    desk.card.save(image)
    sscard = [sys.executable, "-m", "sscard_cli"]
    with serving(daemon, f"contact:{image}"):
        subprocess.run(
            [*sscard, "record", "--reader", READER_NAMES[0], "--out", str(out), "--unmasked"],
            cwd=ROOT, env=daemon.environment, check=True, timeout=60,
        )  # fmt: skip
    through = load_recorded(out)
    direct = record_card(connect_card(desk.card))
    assert [(one.select, one.answer, one.files) for one in through.directories] == [
        (one.select, one.answer, one.files) for one in direct.directories
    ]
    assert disguise_card(through).masked
    served = subprocess.Popen(
        [*sscard, "serve", "--recording", str(out), "--vpcd", f"127.0.0.1:{daemon.port}"], cwd=ROOT
    )
    try:
        wait_for_card(0)
        tool = ("opensc-tool", "-r", "0", "-c", "default", "-s", SELECT, "-s", "00B2072C0B")
        assert "07 09 5A 30 30 30 30 30 30 31 33" in run_program(daemon, *tool)
    finally:
        served.terminate()
        served.wait(20)
    wait_for_card(0, present=False)
