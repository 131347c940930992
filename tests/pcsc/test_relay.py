# SPDX-License-Identifier: Apache-2.0
"""The card of one PC/SC reader shown in another, by the command, to a program of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from tests.pcsc.stack import ROOT, run_program, serving, wait_for_card

pytestmark = pytest.mark.pcsc

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
HOOK = """
seen = 0
def passed(command, send):
    global seen
    seen += 1
    if command[1] == 0x84:  # GET CHALLENGE: always the same
        return bytes(8) + b"\\x90\\x00"
    if command[1] == 0xB2:
        return send(command)[:-2] + seen.to_bytes(2, "big")
    return send(command)
number = 5
def bad(command, send):
    return "text"
"""


def relay(daemon: PrivateDaemon, folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sscard_cli", "relay", "--reader", READER_NAMES[0]]
    return subprocess.Popen(
        [*command, "--vpcd", f"127.0.0.1:{daemon.port + 1}", *options],
        cwd=folder,
        env={**daemon.environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.usefixtures("programs")
def test_a_card_in_another_reader_through_a_hook(daemon: PrivateDaemon, tmp_path: Path) -> None:
    (tmp_path / "watch.py").write_text(HOOK)
    pcapng = tmp_path / "card.pcapng"
    with serving(daemon, "contact:toy"):
        process = relay(daemon, tmp_path, "--hook", "watch:passed", "--pcapng", str(pcapng))
        try:
            wait_for_card(1)
            apdus = [SELECT, "0084000008", "00B2020403"]
            sent = [word for apdu in apdus for word in ("-s", apdu)]
            shown = run_program(
                daemon, "opensc-tool", "-r", READER_NAMES[1], "-c", "default", *sent
            )
        finally:
            process.terminate()
            output = process.communicate(timeout=20)[0]
    assert "02 01 3A" in shown, output
    assert "00 00 00 00 00 00 00 00" in shown
    assert "SW1=0x00, SW2=0x0" in shown  # what the hook made of 9000
    assert "card fault" not in output
    assert process.returncode == 0
    assert bytes.fromhex(SELECT) in pcapng.read_bytes()


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("watch:missing", "--hook watch:missing: AttributeError"),
        ("nowhere:passed", "--hook nowhere:passed: ModuleNotFoundError"),
        ("watch:number", "--hook watch:number: is no function"),
        ("watch", "--hook: must be MODULE:FUNCTION"),
    ],
)
def test_a_hook_that_is_none(
    hook: str, message: str, daemon: PrivateDaemon, tmp_path: Path
) -> None:
    (tmp_path / "watch.py").write_text(HOOK)
    process = relay(daemon, tmp_path, "--hook", hook)
    assert process.communicate(timeout=20)[0] == f"sscard: error: {message}\n"
